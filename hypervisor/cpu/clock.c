/* SPDX-License-Identifier: MIT */
/*
 * Time: nanoseconds since boot from the TSC, and the wall clock. The rates of the TSC and of the
 * local APIC timer are measured together against the ACPI PM timer. A guest of Xen has no PM timer;
 * there Xen reports the TSC rate. The scale has the form of a guest's pvclock, so that core and
 * guests compute the same numbers.
 *
 * Read next: timer.c, vdev/pvclock.c.
 */
#include "cpu/clock.h"
#include "cpu.h"
#include "cpu/apic.h"
#include "lib.h"
#include "lib/log.h"

#include <xen/arch-x86/cpuid.h>

#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu         /* the counter has 24 or 32 bits */
#define CALIBRATION_MS 50u              /* minimum; the counters wrap after seconds */
#define REFERENCE_PATIENCE (1ull << 34) /* TSC ticks, seconds */
#define READINGS 16                     /* the least disturbed one counts */
#define RTC_PATIENCE 100000u            /* reads; a real chip needs milliseconds */

struct clock_scale clock_scale;
uint64_t clock_tsc_khz;
static uint64_t wall_at_boot; /* ns since 1970; atomic */

/*
 * ns = ((ticks << shift) * mul) >> 32 for a TSC of khz: mul has the 32 highest bits of the fraction
 * 10^6/khz.
 */
void clock_compute_scale(uint64_t khz, uint32_t *mul, int8_t *shift)
{
    uint64_t numerator = 1000000, denominator = khz;

    *shift = 0;
    for (; numerator >= denominator; denominator <<= 1)
        ++*shift;
    for (; numerator * 2 < denominator; numerator <<= 1)
        --*shift;
    *mul = (uint32_t)((numerator << 32) / denominator);
}

nsec_t clock_scaled(const struct clock_scale *s, uint64_t tsc)
{
    uint64_t ticks = tsc - s->tsc0;

    if ((int64_t)ticks < 0)
        return 0;
    ticks = s->shift >= 0 ? ticks << s->shift : ticks >> -s->shift;
    return (nsec_t)(((unsigned __int128)ticks * s->mul) >> 32);
}

nsec_t clock_now(void) { return clock_scaled(&clock_scale, rdtsc()); }

/* --- calibration --- */

struct reading {
    uint64_t tsc;
    uint32_t reference, apic;
};

static uint16_t pm_timer; /* I/O port; 0: none */

static uint32_t read_pm_timer(void) { return inl(pm_timer); }

/*
 * Reads all clocks at the moment when the reference counter changes, between two reads of the TSC.
 * Of several attempts the one with the closest TSC values counts, because an emulator may be
 * interrupted at any point.
 */
static struct reading read_clocks(void)
{
    struct reading best = { 0, 0, 0 };
    uint64_t least = ~0ull;

    for (unsigned int i = 0; i < READINGS; i++) {
        uint32_t first = read_pm_timer(), now;
        uint64_t before, after = rdtsc(), begin = after;

        do {
            before = after;
            now = read_pm_timer();
            after = rdtsc();
            if (now == first && after - begin > REFERENCE_PATIENCE)
                panic("the PM timer at port %#x does not count\n", pm_timer);
        } while (now == first);
        if (after - before < least) {
            least = after - before;
            best = (struct reading){ before + (after - before) / 2, now, apic_timer_current() };
        }
    }
    return best;
}

/* Returns the TSC rate that an underlying Xen reports (leaf 3), or 0 without Xen. */
static uint32_t xen_tsc_khz(void)
{
    uint32_t r[4];

    cpu_cpuid(XEN_CPUID_FIRST_LEAF, 0, r);
    if (r[1] != XEN_CPUID_SIGNATURE_EBX || r[2] != XEN_CPUID_SIGNATURE_ECX ||
        r[3] != XEN_CPUID_SIGNATURE_EDX)
        return 0;
    cpu_cpuid(XEN_CPUID_FIRST_LEAF + 3, 0, r);
    return r[2];
}

/* Reads TSC and APIC timer at one moment, like read_clocks(). */
static struct reading read_apic(void)
{
    struct reading best = { 0, 0, 0 };
    uint64_t least = ~0ull;

    for (unsigned int i = 0; i < READINGS; i++) {
        uint64_t before = rdtsc();
        uint32_t apic = apic_timer_current();
        uint64_t after = rdtsc();

        if (after - before < least) {
            least = after - before;
            best = (struct reading){ before + least / 2, 0, apic };
        }
    }
    return best;
}

static void calibrate_by_xen(void)
{
    struct reading start, end;

    clock_tsc_khz = xen_tsc_khz();
    if (clock_tsc_khz == 0)
        panic("no ACPI PM timer to calibrate the clocks against\n");
    apic_timer_start(0xffffffff);
    start = read_apic();
    do
        end = read_apic();
    while (end.tsc - start.tsc < clock_tsc_khz * CALIBRATION_MS);
    apic_timer_khz =
        (uint32_t)((uint64_t)(start.apic - end.apic) * clock_tsc_khz / (end.tsc - start.tsc));
    apic_timer_start(0);
}

static void calibrate_tsc(void)
{
    struct reading end;
    uint64_t ticks;

    apic_timer_start(0xffffffff);
    struct reading start = read_clocks();
    do {
        end = read_clocks();
        ticks = (end.reference - start.reference) & PM_TIMER_MASK;
    } while (ticks < (uint64_t)PM_TIMER_HZ * CALIBRATION_MS / 1000);
    clock_tsc_khz = ((end.tsc - start.tsc) * PM_TIMER_HZ / ticks + 500) / 1000;
    apic_timer_khz =
        (uint32_t)(((uint64_t)(start.apic - end.apic) * PM_TIMER_HZ / ticks + 500) / 1000);
    apic_timer_start(0);
}

/* --- wall clock --- */

static uint8_t read_cmos(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

/* For a date in the Gregorian calendar. */
uint64_t clock_seconds_since_1970(unsigned int year, unsigned int month, unsigned int day,
                                  unsigned int hour, unsigned int minute, unsigned int second)
{
    uint64_t y = month <= 2 ? year - 1 : year; /* counted from March */
    uint64_t m = month <= 2 ? month + 9 : month - 3;
    uint64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;

    return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

/* Reads the RTC at boot, before dom0 uses it. Assumes 24-hour mode and the 21st century. */
static uint64_t rtc_seconds(void)
{
    static const uint8_t registers[] = { 0, 2, 4, 7, 8, 9 }; /* second minute hour day month year */
    uint8_t raw[2][ARRAY_SIZE(registers)];
    unsigned int v[ARRAY_SIZE(registers)];

    if (read_cmos(10) == 0xff)
        return 0;                                   /* no RTC */
    for (unsigned int try = 0; try < 1000; try++) { /* until two readings agree */
        /* update in progress */
        for (unsigned int i = 0; i < RTC_PATIENCE && (read_cmos(10) & 0x80); i++)
            cpu_pause();
        for (unsigned int i = 0; i < ARRAY_SIZE(registers); i++)
            raw[try % 2][i] = read_cmos(registers[i]);
        if (try > 0 && memcmp(raw[0], raw[1], sizeof(raw[0])) == 0)
            break;
    }
    bool binary = read_cmos(11) & 4; /* else BCD */
    for (unsigned int i = 0; i < ARRAY_SIZE(v); i++)
        v[i] = binary ? raw[0][i] : (raw[0][i] >> 4) * 10u + (raw[0][i] & 15);
    return clock_seconds_since_1970(2000 + v[5], v[4], v[3], v[2], v[1], v[0]);
}

uint64_t clock_wall_at_boot(void) { return __atomic_load_n(&wall_at_boot, __ATOMIC_RELAXED); }

void clock_set_wall(uint64_t sec, uint32_t nsec, nsec_t system_time)
{
    __atomic_store_n(&wall_at_boot, sec * 1000000000 + nsec - (uint64_t)system_time,
                     __ATOMIC_RELAXED);
}

void clock_init(uint16_t pm_timer_port)
{
    pm_timer = pm_timer_port;
    if (pm_timer)
        calibrate_tsc();
    else
        calibrate_by_xen();
    if (clock_tsc_khz == 0 || apic_timer_khz == 0)
        panic("clock calibration failed: TSC %lu kHz, APIC timer %u kHz\n", clock_tsc_khz,
              apic_timer_khz);
    clock_compute_scale(clock_tsc_khz, &clock_scale.mul, &clock_scale.shift);
    clock_scale.tsc0 = rdtsc();
    clock_set_wall(rtc_seconds(), 0, clock_now());
    log_info("clock: TSC %lu.%03lu MHz, APIC timer %u.%03u MHz\n", clock_tsc_khz / 1000,
             clock_tsc_khz % 1000, apic_timer_khz / 1000, apic_timer_khz % 1000);
}
