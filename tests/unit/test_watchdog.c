/* SPDX-License-Identifier: MIT */
/*
 * cpu/watchdog.c: which CPUs count as stuck, on a clock that the test moves; and the longest stay
 * in the core.
 */
#include "harness.h"
#include "cpu/clock.h"
#include "cpu/watchdog.h"
#include "lib/log.h"
#include "percpu.h"

#define PATIENCE 20

static nsec_t now;
nsec_t clock_now(void) { return now; }

static unsigned int windows;

/* STI; NOP; CLI */
static unsigned int window(const uint8_t *code, long long *registers)
{
    if (*code != 0xfb && *code != 0xfa)
        return 0;
    windows += *code == 0xfb;
    return 1;
}

static int setup(void **state)
{
    (void)state;
    harness_memory_new(1);
    nr_cpus = 3;
    now = SEC(1);
    return 0;
}

/* Runs n checks; between them, CPUs 1 and 2 call `each`. */
static void checks(unsigned int n, void (*each)(struct cpu *c))
{
    for (unsigned int i = 0; i < n; i++) {
        for (unsigned int cpu = 1; each && cpu < nr_cpus; cpu++)
            each(&cpus[cpu]);
        watchdog_check();
        watchdog_check(); /* too soon */
        now += SEC(1);
    }
}

static unsigned int missed(unsigned int *count)
{
    struct cleave_stretch report;

    watchdog_stretch_report(&report);
    if (count)
        *count = report.checks;
    return report.missed;
}

static void pass(struct cpu *c) { c->passes++; }
static void enter(struct cpu *c) { c->guest_entries++; }
static void enter_one(struct cpu *c) { c->guest_entries += c->id == 1; }
static void idle(struct cpu *c) { c->idle = true; }
static void be_in_a_guest(struct cpu *c) { c->guest_domain = (void *)c; }

/* A vcpu without competitors is entered repeatedly without a pass through the run loop. */
static void who_moves_is_not_stuck(void **state)
{
    void (*const ways[])(struct cpu *) = { pass, enter, idle, be_in_a_guest };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
        unsigned int count;

        setup(NULL);
        checks(5 * PATIENCE, ways[i]);
        assert_int_equal(missed(&count), 0);
        assert_int_equal(count, 5 * PATIENCE);
        assert_int_equal(missed(&count), 0);
        assert_int_equal(count, 0);
    }
}

static void who_does_not_move_is(void **state)
{
    (void)state;
    checks(PATIENCE - 1, NULL); /* the checking CPU does not check itself */
    assert_int_equal(missed(NULL), PATIENCE - 1);
    checks(1, pass);
    checks(PATIENCE - 1, NULL);
    assert_panics(checks(1, NULL));
    assert_string_equal(harness_log, "CPU 1 has been stuck in the core for 20 seconds\n");
}

static void one_that_moves_hides_no_other(void **state)
{
    (void)state;
    checks(PATIENCE - 1, enter_one);
    assert_panics(checks(1, enter_one));
    assert_string_equal(harness_log, "CPU 2 has been stuck in the core for 20 seconds\n");
}

/* --- the longest stay in the core --- */

static void stay(struct cpu *c, uint64_t ticks)
{
    while (rdtsc() - c->stretch.ticks < ticks)
        ;
}

static struct cleave_stretch reported(void)
{
    struct cleave_stretch report;

    watchdog_stretch_report(&report);
    return report;
}

/* The longest stay of all CPUs since the last report, with the exit that began it. */
static void the_longest_stay_is_reported(void **state)
{
    struct domain d = { .id = 7 };
    struct vcpu v = { .d = &d, .regs.rdi = 0x33 };
    struct cleave_stretch report;

    (void)state;
    watchdog_stretch_end(&cpus[0]); /* none has begun: the time since boot is not a stay */
    assert_int_equal(reported().ticks, 0);
    watchdog_stretch_begin(&cpus[0], &v, 0x81, 0x12);
    watchdog_stretch_begin(&cpus[1], NULL, 0x60, 0x13);
    stay(&cpus[0], 1000000);
    watchdog_stretch_end(&cpus[0]);
    watchdog_stretch_begin(&cpus[0], &v, 0x72, 0x14);
    watchdog_stretch_end(&cpus[0]);
    report = reported();
    assert_true(report.ticks >= 1000000);
    assert_int_equal(report.exit_code, 0x81);
    assert_int_equal(report.rax, 0x12);
    assert_int_equal(report.rdi, 0x33);
    assert_int_equal(report.domain, 7);
    watchdog_stretch_end(&cpus[1]);
    report = reported();
    assert_true(report.ticks >= 1000000);
    assert_int_equal(report.exit_code, 0x60);
    assert_int_equal(report.rdi, 0);
    assert_int_equal(report.domain, DOMID_IDLE);
    assert_int_equal(reported().ticks, 0);
}

/* Letting interrupts in ends one stay and begins another; the CPU is not stuck. */
static void a_pause_ends_a_stay(void **state)
{
    uint64_t passes = cpus[0].passes;

    (void)state;
    windows = 0;
    harness_on_refused(window);
    watchdog_stretch_begin(&cpus[0], NULL, 0x81, 0);
    stay(&cpus[0], 50000000);
    watchdog_pause();
    assert_int_equal(windows, 1);
    assert_int_equal(cpus[0].passes, passes + 1);
    assert_true(reported().ticks >= 50000000);
    watchdog_stretch_end(&cpus[0]);
    assert_int_equal(reported().exit_code, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_moves_is_not_stuck, setup),
        cmocka_unit_test_setup(who_does_not_move_is, setup),
        cmocka_unit_test_setup(one_that_moves_hides_no_other, setup),
        cmocka_unit_test_setup(the_longest_stay_is_reported, setup),
        cmocka_unit_test_setup(a_pause_ends_a_stay, setup),
    };

    return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
