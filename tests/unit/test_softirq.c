/* SPDX-License-Identifier: MIT */
/*
 * cpu/softirq.c: which CPU is kicked, in which order handlers run, and when a hypercall is
 * preempted.
 */
#include "harness.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/irq.h"
#include "cpu/softirq.h"
#include "lib/log.h"
#include "percpu.h"

static nsec_t now;
static unsigned int kicks, sent_to, ran;
static enum softirq order[SOFTIRQ_COUNT];

nsec_t clock_now(void) { return now; }

void apic_send(uint32_t apic_id, uint32_t command)
{
    assert_int_equal(command, VECTOR_KICK);
    sent_to = apic_id;
    kicks++;
}

static void run_timer(void) { order[ran++] = SOFTIRQ_TIMER; }
static void run_nmi(void) { order[ran++] = SOFTIRQ_NMI; }

static void run_reap(void)
{
    order[ran++] = SOFTIRQ_REAP;
    softirq_raise(0, SOFTIRQ_REAP);
}

static int setup(void **state)
{
    harness_memory_new(1);
    nr_cpus = 3;
    for (unsigned int i = 0; i < nr_cpus; i++)
        cpus[i].online = true;
    now = SEC(1);
    kicks = ran = 0;
    softirq_set_handler(SOFTIRQ_NMI, run_nmi);
    softirq_set_handler(SOFTIRQ_TIMER, run_timer);
    softirq_set_handler(SOFTIRQ_REAP, run_reap);
    return 0;
}

/* A CPU that is busy in the core checks by itself; one in HLT or in a guest does not. */
static void a_cpu_that_would_not_look_is_kicked(void **state)
{
    static struct domain d;

    softirq_raise(1, SOFTIRQ_TIMER);
    assert_int_equal(kicks, 0);
    cpus[2].idle = true;
    softirq_raise(2, SOFTIRQ_TIMER);
    assert_int_equal(kicks, 1);
    assert_int_equal(sent_to, 2);
    softirq_raise(2, SOFTIRQ_TIMER); /* the first kick is still pending */
    assert_int_equal(kicks, 1);
    cpus[1].guest_domain = &d;
    softirq_raise(1, SOFTIRQ_SCHED);
    assert_int_equal(kicks, 2);
    assert_int_equal(sent_to, 1);
}

static void a_cpu_kicks_neither_itself_nor_one_that_is_off(void **state)
{
    cpus[0].idle = true;
    softirq_raise(0, SOFTIRQ_TIMER);
    cpus[1].online = false;
    softirq_kick(1);
    assert_int_equal(kicks, 0);
    softirq_kick(2);
    assert_int_equal(kicks, 1);
}

static void all_that_was_raised_runs_once_in_order(void **state)
{
    softirq_raise(0, SOFTIRQ_NMI);
    softirq_raise(0, SOFTIRQ_SCHED); /* has no handler */
    softirq_raise(0, SOFTIRQ_TIMER);
    softirq_raise(1, SOFTIRQ_REAP);
    softirq_run();
    assert_int_equal(ran, 2);
    assert_int_equal(order[0], SOFTIRQ_TIMER);
    assert_int_equal(order[1], SOFTIRQ_NMI);
    assert_int_equal(cpus[0].passes, 1);
    softirq_run();
    assert_int_equal(ran, 2);
    assert_int_equal(cpus[0].passes, 2);
}

/* Interrupts get in between, and the watchdog sees that the CPU is alive. */
static void one_that_raises_itself_runs_at_the_next_pass(void **state)
{
    softirq_raise(0, SOFTIRQ_REAP);
    for (unsigned int i = 1; i <= 3; i++) {
        softirq_run();
        assert_int_equal(ran, i);
    }
}

/* The time of a hypercall starts at its first check; a softirq preempts it at once. */
static void a_hypercall_makes_way_after_a_while_or_for_work(void **state)
{
    harness_cpu = 1;
    assert_false(softirq_preempt_pending());
    assert_int_equal(cpus[1].hypercall_start, now);
    now += USEC(70);
    assert_false(softirq_preempt_pending());
    now += 1;
    assert_true(softirq_preempt_pending());
    cpus[1].hypercall_start = 0;
    assert_false(softirq_preempt_pending());
    softirq_raise(0, SOFTIRQ_SCHED);
    assert_false(softirq_preempt_pending()); /* another CPU's */
    softirq_raise(1, SOFTIRQ_TIMER);
    assert_true(softirq_preempt_pending());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_cpu_that_would_not_look_is_kicked, setup),
        cmocka_unit_test_setup(a_cpu_kicks_neither_itself_nor_one_that_is_off, setup),
        cmocka_unit_test_setup(all_that_was_raised_runs_once_in_order, setup),
        cmocka_unit_test_setup(one_that_raises_itself_runs_at_the_next_pass, setup),
        cmocka_unit_test_setup(a_hypercall_makes_way_after_a_while_or_for_work, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
