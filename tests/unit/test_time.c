/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of cpu/clock.c, and cpu/timer.c on two CPUs with clock and timer hardware faked by
 * the test.
 */
#include "cpuid_fake.h"
#include "harness.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/irq.h"
#include "cpu/softirq.h"
#include "cpu/watchdog.h"
#include "lib/log.h"
#include "percpu.h"
#include "platform/acpi.h"

#include <unistd.h>

/* The APIC's timer: its next interrupt, and the interval from then on; TIME_NEVER: stopped. */
static nsec_t armed[MAX_CPUS], interval[MAX_CPUS];
static nsec_t now;
static unsigned int arms;

/* The clock of the tests: clock.c is linked with its own clock_now under another name. */
nsec_t clock_now(void) { return now; }
void apic_timer_arm(nsec_t delta)
{
    arms++;
    interval[harness_cpu] = delta;
    armed[harness_cpu] = now + delta;
}
static uint32_t apic_left, apic_step, apic_started;
void apic_timer_start(uint32_t count)
{
    armed[harness_cpu] = count ? armed[harness_cpu] : TIME_NEVER;
    apic_started = count;
}
uint32_t apic_timer_current(void)
{
    assert_int_equal(apic_started, 0xffffffff); /* long enough to be measured */
    return apic_left -= apic_step;
}
void watchdog_check(void) {}
void softirq_raise(unsigned int cpu, enum softirq s) { bit_set(&cpus[cpu].softirq, s); }
uint32_t apic_timer_khz;
struct acpi_info acpi;

static irq_handler *interrupt;
void irq_set_handler(unsigned int vector, irq_handler *fn, void *data)
{
    (void)data;
    assert_int_equal(vector, VECTOR_TIMER);
    interrupt = fn;
}

static void scale_is_exact(void **state)
{
    static const uint64_t khz[] = {
        1000, 99999, 500000, 999999, 1000000, 1000001, 2596142, 5000000
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(khz); i++) {
        struct clock_scale s = { .tsc0 = 1000 };
        uint64_t hour = khz[i] * 1000 * 3600;
        nsec_t ns;

        clock_compute_scale(khz[i], &s.mul, &s.shift);
        assert_true(s.mul >= 1u << 31);
        ns = clock_scaled(&s, hour + 1000);
        assert_in_range(ns, SEC(3600) - 1700, SEC(3600)); /* 2^-31 of an hour is 1676 ns */
        assert_int_equal(clock_scaled(&s, 999), 0);
        assert_true(clock_scaled(&s, hour * 24 * 365 * 5) >
                    clock_scaled(&s, hour * 24 * 365 * 5 - khz[i]));
    }
}

static void one_gigahertz_is_the_identity(void **state)
{
    struct clock_scale s = { .tsc0 = 0 };

    (void)state;
    clock_compute_scale(1000000, &s.mul, &s.shift);
    for (uint64_t t = 1; t < 1ull << 60; t = t * 3 + 1)
        assert_int_equal(clock_scaled(&s, t), t);
}

static void dates_are_seconds(void **state)
{
    (void)state;
    assert_int_equal(clock_seconds_since_1970(1970, 1, 1, 0, 0, 0), 0);
    assert_int_equal(clock_seconds_since_1970(2000, 2, 29, 12, 0, 0), 951825600);
    assert_int_equal(clock_seconds_since_1970(2000, 3, 1, 0, 0, 0), 951868800);
    assert_int_equal(clock_seconds_since_1970(2004, 6, 1, 0, 0, 0), 1086048000);
    assert_int_equal(clock_seconds_since_1970(2024, 12, 31, 23, 59, 59), 1735689599);
    assert_int_equal(clock_seconds_since_1970(2100, 3, 1, 0, 0, 0), 4107542400);
}

/* --- timers --- */

static unsigned int fired[8], fired_count;
static struct timer timers[8];

static void fire(void *data)
{
    assert_false(timers[(uintptr_t)data].armed);
    assert_int_equal(timers[(uintptr_t)data].cpu, harness_cpu);
    fired[fired_count++] = (unsigned int)(uintptr_t)data;
}

static int timers_setup(void **state)
{
    harness_memory_new(1);
    now = 1000;
    fired_count = 0;
    for (unsigned int cpu = 0; cpu < 2; cpu++) {
        timer_init_cpu(cpu);
        armed[cpu] = TIME_NEVER;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(timers); i++)
        timer_setup(&timers[i], fire, (void *)(uintptr_t)i, TIMER_ANY_CPU);
    (void)state;
    return 0;
}

/* Lets time pass on a CPU until `until`, with its interrupts and softirqs. */
static void run(unsigned int cpu, nsec_t until)
{
    harness_cpu = cpu;
    for (;;) {
        if (cpus[cpu].softirq) {
            cpus[cpu].softirq = 0;
            timer_softirq();
        } else if (armed[cpu] <= until) {
            now = MAX(now, armed[cpu]);
            armed[cpu] = now + interval[cpu];
            interrupt(VECTOR_TIMER, NULL);
        } else {
            break;
        }
    }
    now = MAX(now, until);
    harness_cpu = 0;
}

static void timers_fire_in_order_and_in_time(void **state)
{
    (void)state;
    timer_set(&timers[0], 5000);
    timer_set(&timers[1], 3000);
    timer_set(&timers[2], 4000);
    timer_set(&timers[3], 5000);
    run(0, 2999);
    assert_int_equal(fired_count, 0);
    run(0, 3000);
    assert_int_equal(fired_count, 1);
    run(0, 6000);
    assert_int_equal(fired_count, 4);
    /* equals in any order */
    assert_true(fired[0] == 1 && fired[1] == 2 && fired[2] + fired[3] == 3);
    assert_int_equal(armed[0], TIME_NEVER); /* no tick while no timer is set */
}

/*
 * Programming the hardware is the most expensive part: it is done only for the first timer, and
 * once.
 */
static void the_hardware_is_set_for_the_first(void **state)
{
    (void)state;
    arms = 0;
    timer_set(&timers[0], 3000);
    assert_int_equal(arms, 1);
    timer_set(&timers[1], 3000);
    timer_set(&timers[2], 5000);
    timer_set(&timers[0], 4000);
    timer_stop(&timers[1]);
    assert_int_equal(arms, 1);
    timer_set(&timers[3], 2000);
    assert_int_equal(arms, 2);
    run(0, 6000);
    assert_int_equal(fired_count, 3);
}

static void timers_stop_and_move_in_time(void **state)
{
    (void)state;
    timer_set(&timers[0], 3000);
    timer_set(&timers[1], 4000);
    timer_stop(&timers[0]);
    timer_set(&timers[1], 8000);
    run(0, 7999);
    assert_int_equal(fired_count, 0);
    timer_set(&timers[1], 7000); /* in the past: at once */
    run(0, 7999);
    assert_int_equal(fired_count, 1);
    timer_stop(&timers[1]);
    assert_int_equal(fired_count, 1);
}

/* After an interrupt for a timer that has been stopped, the hardware stays stopped. */
static void the_last_timer_stops_the_hardware(void **state)
{
    (void)state;
    timer_set(&timers[0], 3000);
    timer_stop(&timers[0]);
    run(0, 3000);
    assert_int_equal(fired_count, 0);
    assert_int_equal(armed[0], TIME_NEVER);
    timer_set(&timers[0], 5000);
    assert_int_equal(armed[0], 5000);
}

static void timers_fire_where_they_were_set(void **state)
{
    (void)state;
    timer_set(&timers[0], 4000);
    timer_set(&timers[1], 3000);
    harness_cpu = 1;
    timer_set(&timers[0], 3000);
    assert_int_equal(armed[1], 3000);
    assert_false(cpus[0].softirq || cpus[1].softirq);
    run(0, 3500);
    assert_int_equal(fired_count, 1); /* only the one that stayed */
    run(1, 3500);
    assert_int_equal(fired_count, 2);
    harness_cpu = 1;
    timer_set(&timers[0], 5000);
    harness_cpu = 0;
    timer_stop(&timers[0]);
    run(1, 6000);
    assert_int_equal(fired_count, 2);
}

static void a_pinned_timer_fires_on_its_cpu(void **state)
{
    (void)state;
    timer_setup(&timers[0], fire, NULL, 1);
    timer_set(&timers[0], 3000);
    assert_true(cpus[1].softirq); /* told to check its timers */
    run(0, 3500);
    assert_int_equal(fired_count, 0);
    run(1, 3500);
    assert_int_equal(fired_count, 1);
}

static void endless_timer(void *data)
{
    fired_count++;
    timer_set(data, 0);
}

static void finish(void *data)
{
    fired_count++;
    timer_finish(data);
}

/* A finished timer cannot be set, not even by its own function. */
static void a_finished_timer_cannot_be_set(void **state)
{
    (void)state;
    timer_setup(&timers[0], endless_timer, &timers[0], TIMER_ANY_CPU);
    timer_setup(&timers[1], finish, &timers[0], TIMER_ANY_CPU);
    timer_set(&timers[0], 2000);
    timer_set(&timers[1], 1999);
    run(0, 3000);
    assert_int_equal(fired_count, 1);
    timer_stop(&timers[0]);
    timer_set(&timers[0], 4000);
    run(0, 5000);
    assert_int_equal(fired_count, 1);
    assert_false(timers[0].armed);
}

/* --- many timers, compared with a linear list --- */

#define MANY 1500
#define ROUNDS 60000

static struct timer many[MANY];
static nsec_t due[MANY]; /* TIME_NEVER: not armed */
static uint64_t seed = 1;

static uint32_t pick_random(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

static void fire_one_of_many(void *data)
{
    struct timer *t = data;

    assert_true(due[t - many] <= now);
    for (unsigned int i = 0; i < MANY; i++)
        assert_true(many[i].cpu != harness_cpu || due[i] >= due[t - many]);
    due[t - many] = TIME_NEVER;
    fired_count++;
}

/* Checks a leftist heap, and returns its rank. Adds the number of its timers. */
static uint32_t check_heap(const struct timer *t, const struct timer *parent, unsigned int *count)
{
    if (!t)
        return 0;
    assert_true(t->armed);
    assert_ptr_equal(t->parent, parent);
    assert_true(!parent || t->expires >= parent->expires);
    ++*count;
    uint32_t left = check_heap(t->left, t, count), right = check_heap(t->right, t, count);

    assert_true(left >= right);
    assert_int_equal(t->rank, right + 1);
    return t->rank;
}

static void check_many(void)
{
    unsigned int expected = 0, count = 0;

    for (unsigned int i = 0; i < MANY; i++) {
        assert_int_equal(many[i].armed, due[i] != TIME_NEVER);
        expected += many[i].armed;
        if (many[i].armed && !many[i].parent)
            check_heap(&many[i], NULL, &count);
    }
    assert_int_equal(count, expected);
}

static void setup_many(void)
{
    for (unsigned int i = 0; i < MANY; i++) {
        timer_setup(&many[i], fire_one_of_many, &many[i], i % 16 ? TIMER_ANY_CPU : i / 16 % 2);
        due[i] = TIME_NEVER;
    }
}

static void many_timers_fire_as_a_search_says(void **state)
{
    (void)state;
    setup_many();
    for (unsigned int i = 0; i < ROUNDS; i++) {
        unsigned int n = pick_random(MANY), what = pick_random(8);
        nsec_t in = pick_random(2) ? pick_random(1000) : 1000000 + pick_random(5) * 1000;

        harness_cpu = pick_random(2);
        if (what < 5) {
            due[n] = now + in;
            timer_set(&many[n], due[n]);
        } else if (what < 7) {
            timer_stop(&many[n]);
            due[n] = TIME_NEVER;
        } else {
            nsec_t until = now + pick_random(300);

            run(0, until);
            run(1, until);
        }
        if (i % 1000 == 0)
            check_many();
    }
    check_many();
    assert_true(fired_count > 500);
    run(0, now + 2000000);
    run(1, now);
    check_many();
    for (unsigned int i = 0; i < MANY; i++)
        assert_false(many[i].armed);
}

static nsec_t up(unsigned int i) { return 1000 + i; }
static nsec_t down(unsigned int i) { return 1000 + MANY - i; }
static nsec_t same(unsigned int i)
{
    (void)i;
    return 1000;
}
static nsec_t zigzag(unsigned int i) { return i % 2 ? 100000 - i : 1000 + i; }

/*
 * The right spine, the only path that is walked, stays short in any order of insertions and
 * removals.
 */
static void no_order_makes_a_heap_slow(void **state)
{
    static nsec_t (*const orders[])(unsigned int) = { up, down, same, zigzag };

    (void)state;
    for (unsigned int order = 0; order < ARRAY_SIZE(orders); order++) {
        setup_many();
        for (unsigned int i = 0; i < MANY; i++)
            timer_set(&many[i], due[i] = now + orders[order](i));
        check_many();
        for (unsigned int i = 0; i < MANY; i += 3, check_many()) {
            timer_stop(&many[i]);
            due[i] = TIME_NEVER;
        }
        for (unsigned int i = 0; i < MANY; i++) {
            unsigned int length = 0;

            for (const struct timer *t = &many[i]; t && many[i].armed; t = t->right)
                length++;
            assert_true(length <= 11); /* 2^11 > MANY */
            timer_stop(&many[i]);
        }
    }
}

static unsigned int slow_stage; /* 1: its function runs; 2: it is about to return; atomic */

static void slow_timer(void *data)
{
    __atomic_store_n(&slow_stage, 1, __ATOMIC_SEQ_CST);
    usleep(20000);
    __atomic_store_n(&slow_stage, 2, __ATOMIC_SEQ_CST);
}

static void run_slow_timer(void)
{
    timer_set(&timers[0], 0);
    timer_softirq();
}

static void finish_slow_timer(void)
{
    while (!__atomic_load_n(&slow_stage, __ATOMIC_SEQ_CST))
        usleep(1);
    timer_finish(&timers[0]);
    assert_int_equal(__atomic_load_n(&slow_stage, __ATOMIC_SEQ_CST), 2);
}

/* The data of its function is freed next: finishing a timer waits for its function on any CPU. */
static void a_finished_timer_does_not_run_any_more(void **state)
{
    void (*const either[][2])(void) = { { finish_slow_timer, run_slow_timer },
                                        { run_slow_timer, finish_slow_timer } };

    for (unsigned int i = 0; i < ARRAY_SIZE(either); i++) {
        timers_setup(state);
        slow_stage = 0;
        timer_setup(&timers[0], slow_timer, NULL, TIMER_ANY_CPU);
        harness_run_cpus(either[i], 2);
    }
}

static void past_timers_leave_room_for_others(void **state)
{
    (void)state;
    timer_setup(&timers[0], endless_timer, &timers[0], TIMER_ANY_CPU);
    timer_set(&timers[0], 0);
    cpus[0].softirq = 0;
    timer_softirq();
    assert_in_range(fired_count, 1, 1000);
    assert_true(cpus[0].softirq);
}

static uint32_t xen_below;      /* the kHz that an underlying Xen reports; 0: no Xen */
static unsigned int other_word; /* wrong word of its signature; 0: none */
static unsigned int port_reads;

void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    memset(out, 0, 16);
    if (leaf == 0x40000000)
        memcpy(&out[1], xen_below ? "XenVMMXenVMM" : "KVMKVMKVM\0\0\0", 12);
    if (leaf == 0x40000000 && other_word)
        out[other_word]++;
    else if (leaf == 0x40000003 && sub == 0)
        out[2] = xen_below;
}

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    (void)port;
    (void)size;
    port_reads++;
    return ~0u; /* no device */
}

void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    (void)port;
    (void)size;
    (void)val;
}

/* A PVH guest of Xen has no PM timer and no clock chip. */
static void xen_below_says_the_rate(void **state)
{
    (void)state;
    xen_below = 1000; /* few kHz: waits for 50 ms by this rate */
    apic_left = 0x80000000;
    apic_step = 100;
    clock_init(acpi.pm_timer_port);
    assert_int_equal(clock_tsc_khz, 1000);
    assert_int_not_equal(apic_timer_khz, 0);
    assert_int_equal(apic_started, 0);
    assert_in_range(port_reads, 1, 2);
    apic_step = 0;
    assert_panics(clock_init(acpi.pm_timer_port)); /* the APIC's timer does not count */
    apic_step = 100;
    for (other_word = 3; other_word > 0; other_word--) /* another hypervisor's leaves */
        assert_panics(clock_init(acpi.pm_timer_port));
    xen_below = 0;
    assert_panics(clock_init(acpi.pm_timer_port));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(scale_is_exact),
        cmocka_unit_test(one_gigahertz_is_the_identity),
        cmocka_unit_test(dates_are_seconds),
        cmocka_unit_test(xen_below_says_the_rate),
        cmocka_unit_test_setup(timers_fire_in_order_and_in_time, timers_setup),
        cmocka_unit_test_setup(the_hardware_is_set_for_the_first, timers_setup),
        cmocka_unit_test_setup(timers_stop_and_move_in_time, timers_setup),
        cmocka_unit_test_setup(the_last_timer_stops_the_hardware, timers_setup),
        cmocka_unit_test_setup(timers_fire_where_they_were_set, timers_setup),
        cmocka_unit_test_setup(a_pinned_timer_fires_on_its_cpu, timers_setup),
        cmocka_unit_test_setup(a_finished_timer_cannot_be_set, timers_setup),
        cmocka_unit_test_setup(a_finished_timer_does_not_run_any_more, timers_setup),
        cmocka_unit_test_setup(many_timers_fire_as_a_search_says, timers_setup),
        cmocka_unit_test_setup(no_order_makes_a_heap_slow, timers_setup),
        cmocka_unit_test_setup(past_timers_leave_room_for_others, timers_setup),
    };

    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
