/* SPDX-License-Identifier: MIT */
/*
 * cpu/clock.c at boot: the TSC (this machine's own) and the local APIC's timer measured against a
 * PM timer of known rate. Also the date from the RTC, in BCD and binary, and while it changes.
 */
#include "cpuid_fake.h"
#include "harness.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "platform/acpi.h"

#define PM_TIMER 0x608
#define PM_HZ 3579545ull
#define TSC_KHZ 1000000ull /* the TSC rate according to the PM timer */
#define APIC_KHZ 62500ull

struct acpi_info acpi;
uint32_t apic_timer_khz;

static bool absent; /* the RTC */
/* at first, this CPU loses time after most readings */
static bool disturbed;
static unsigned int pm_readings;
static uint32_t apic_start;
static uint64_t apic_started;
static unsigned int pm_bits;
static uint8_t chip[16], reg;
static unsigned int seconds_until_next, updating;

void apic_timer_start(uint32_t count)
{
    apic_start = count;
    apic_started = rdtsc();
}

uint32_t apic_timer_current(void)
{
    return apic_start - (uint32_t)((rdtsc() - apic_started) * APIC_KHZ / TSC_KHZ);
}

/* There is no Xen below. */
void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4]) { memset(out, 0, 16); }

/* Advances the RTC by one second, as far as these tests need. */
static void tick(void)
{
    chip[0] = 0x00;
    chip[2] = 0x00;
    chip[4] = 0x00;
    chip[7] = 0x01;
    chip[8] = 0x03;
}

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    if (port == PM_TIMER) {
        uint64_t ticks = (unsigned __int128)rdtsc() * PM_HZ / (TSC_KHZ * 1000);

        assert_int_equal(size, 4);
        pm_readings++;
        if (disturbed && pm_readings < 60 && (pm_readings < 5 || pm_readings > 12))
            for (uint64_t begin = rdtsc(); rdtsc() - begin < 3 * TSC_KHZ;)
                ;
        return (uint32_t)ticks & (pm_bits == 24 ? 0xffffff : ~0u);
    }
    assert_int_equal(port, 0x71);
    if (absent)
        return 0xff;
    if (reg == 10 && updating > 0) {
        updating--;
        return 0xa6;
    }
    assert_true(reg == 10 || reg == 11 || updating == 0); /* not read during an update */
    if (reg == 7 && seconds_until_next > 0 && --seconds_until_next == 0)
        tick(); /* in the middle of a read */
    return reg == 10 ? 0x26 : chip[reg];
}

void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    assert_int_equal(port, 0x70);
    reg = (uint8_t)val;
}

static int setup(void **state)
{
    harness_memory_new(1);
    harness_quiet = true;
    acpi.pm_timer_port = PM_TIMER;
    absent = disturbed = false;
    pm_readings = 0;
    pm_bits = 24;
    updating = seconds_until_next = 0;
    memset(chip, 0, sizeof(chip));
    chip[0] = 0x59;
    chip[2] = 0x58;
    chip[4] = 0x23;
    chip[7] = 0x28;
    chip[8] = 0x02;
    chip[9] = 0x26;
    chip[11] = 0x02;
    return 0;
}

/* The wall-clock time of clock_init, within the duration of the test. */
static void assert_date(uint64_t seconds)
{
    assert_in_range(clock_wall_at_boot() / 1000000000, seconds - 2, seconds);
}

static void rates(void **state)
{
    for (pm_bits = 24; pm_bits <= 32; pm_bits += 8) {
        pm_readings = 0;
        clock_init(acpi.pm_timer_port);
        assert_in_range(clock_tsc_khz, TSC_KHZ * 9995 / 10000, TSC_KHZ * 10005 / 10000);
        assert_in_range(apic_timer_khz, APIC_KHZ * 9995 / 10000, APIC_KHZ * 10005 / 10000);
        assert_int_equal(apic_start, 0); /* stopped again */
        assert_in_range(clock_scaled(&clock_scale, clock_scale.tsc0 + clock_tsc_khz * 1000),
                        SEC(1) - 2, SEC(1));
    }
}

/* The best reading is as good as on an idle machine. */
static void rates_on_a_busy_machine(void **state)
{
    disturbed = true;
    rates(state);
}

static void no_pm_timer(void **state)
{
    acpi.pm_timer_port = 0;
    assert_panics(clock_init(acpi.pm_timer_port));
}

static void no_clock_chip(void **state)
{
    absent = true;
    clock_init(acpi.pm_timer_port);
    assert_in_range((int64_t)clock_wall_at_boot() + SEC(1), 0, SEC(1)); /* 1970 */
}

static void dates(void **state)
{
    clock_init(acpi.pm_timer_port);
    assert_date(1772323139); /* 2026-02-28 23:58:59 */
    chip[0] = 59, chip[2] = 58, chip[4] = 23, chip[7] = 28, chip[8] = 2, chip[9] = 26;
    chip[11] = 0x06; /* binary */
    updating = 3;
    clock_init(acpi.pm_timer_port);
    assert_date(1772323139);
    assert_int_equal(updating, 0);
}

/* The day ends between two register reads: the result is never a mix of both days. */
static void a_second_that_ends(void **state)
{
    seconds_until_next = 1;
    clock_init(acpi.pm_timer_port);
    assert_date(1772323200); /* 2026-03-01 00:00:00 */
}

static void the_clock_is_set(void **state)
{
    clock_set_wall(1000, 500, 300);
    assert_int_equal(clock_wall_at_boot(), 1000000000200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rates, setup),
        cmocka_unit_test_setup(no_pm_timer, setup),
        cmocka_unit_test_setup(rates_on_a_busy_machine, setup),
        cmocka_unit_test_setup(dates, setup),
        cmocka_unit_test_setup(a_second_that_ends, setup),
        cmocka_unit_test_setup(the_clock_is_set, setup),
        cmocka_unit_test_setup(no_clock_chip, setup),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
