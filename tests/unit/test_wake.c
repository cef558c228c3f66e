/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, with the unchanged sched.c, on simulated CPUs (sched_sim.c): on which CPU a woken
 * vcpu is placed, which vcpu it preempts, and when.
 */
#include "sched_sim.h"
#include "cpu/softirq.h"
#include "percpu.h"

/* If no CPU idles, it preempts the vcpu that is furthest ahead, on whichever CPU. */
static void test_preempts_who_is_furthest_ahead(void **state)
{
    (void)state;
    for (unsigned int cpu = 0; cpu < 3; cpu++) {
        struct body *b[3];

        machine(3);
        for (unsigned int i = 0; i < 3; i++) {
            b[i] = hog(i == cpu ? 64 : 128, 0);
            pin(b[i], 1u << i);
        }
        run(MSEC(20)); /* each alone on its CPU */
        hog(256, 0);
        run(1);
        for (unsigned int i = 0; i < 3; i++)
            assert_int_equal(cpu_of(b[i]), i == cpu ? CPUS : i);
    }
}

/* A vcpu at the end of its slice preempts too, if it is far behind: time not yet charged counts. */
static void test_goes_where_somebody_is_far_ahead(void **state)
{
    struct body *ahead, *a, *b;

    (void)state;
    machine(2);
    ahead = hog(128, 0);
    pin(ahead, 2);
    a = hog(256, 0);
    b = hog(256, 0);
    pin(b, 1);
    domain_pause(b->v.d);
    run(MSEC(100));
    assert_int_equal(cpu_of(a), 0);
    domain_unpause(b->v.d);
    run(1);
    assert_int_equal(cpu_of(b), 0);
    assert_int_equal(cpu_of(a), 1);
    assert_int_equal(cpu_of(ahead), CPUS);
}

/* If a CPU idles, running vcpus are not preempted, however far ahead. */
static void test_an_idle_cpu_disturbs_nobody(void **state)
{
    (void)state;
    for (unsigned int idle = 0; idle < 3; idle++) {
        struct body *b[3];

        machine(3);
        for (unsigned int i = 0; i < 3; i++) {
            b[i] = hog(64, 0);
            pin(b[i], 1u << i);
        }
        run(SEC(1));
        domain_pause(b[idle]->v.d);
        for (unsigned int i = 0; i < 3; i++)
            pin(b[i], 7);
        run(MSEC(1));
        unsigned int before = switches;

        hog(256, 0);
        run(1);
        assert_int_equal(switches, before + 1);
        for (unsigned int i = 0; i < 3; i++)
            assert_int_equal(cpu_of(b[i]), i == idle ? CPUS : i);
    }
}

/* A lead of less than a millisecond does not justify a switch: it waits until it is more. */
static void test_a_small_lead_grows(void **state)
{
    for (unsigned int lead = 0; lead < 2; lead++) {
        struct body *a, *b;

        (void)state;
        machine(1);
        a = hog(256, 0);
        b = hog(256, 0);
        run(SEC(1));
        while (on_cpu[0] == a)
            run(MSEC(1));
        assert_ptr_equal(on_cpu[0], b);
        block(b);
        run(MSEC(5));
        b->v.sched.vtime = a->v.sched.vtime + (vtime_t)(now - a->v.sched.started) -
                           USEC(lead ? 1100 : 300);
        wake(b);
        assert_near(share(b, MSEC(1)), lead ? MSEC(1) : USEC(300), USEC(10));
    }
}

/* Of two CPUs, the slice ends on the one where the lead is there first: by vtime and weight. */
static void test_the_lead_that_comes_first(void **state)
{
    static const uint32_t weights[2][2] = { { 256, 512 }, { 512, 256 } };

    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        struct body *b[2], *s;

        machine(2);
        for (unsigned int cpu = 0; cpu < 2; cpu++) {
            b[cpu] = hog(weights[i][cpu], 0);
            pin(b[cpu], 1u << cpu);
        }
        s = sleeper(MSEC(5), SEC(100));
        run(SEC(1));
        assert_int_equal(cpu_of(s), CPUS);
        s->v.sched.vtime = SEC(100);
        for (unsigned int cpu = 0; cpu < 2; cpu++) {
            b[cpu]->v.sched.started = now;
            b[cpu]->v.sched.vtime = SEC(100);
        }
        wake(s);
        run(USEC(1010));
        assert_int_equal(cpu_of(s), i);
        assert_near(s->latency, MSEC(1), USEC(10));
    }
}

/* Who ran last when it woke is not who runs when it is its turn: it looks at that one, too. */
static void test_the_next_slice_ends_for_it_too(void **state)
{
    struct body *a, *b, *s;
    vtime_t vtime;

    (void)state;
    machine(1);
    a = hog(256, 0);
    b = hog(256, 0);
    s = sleeper(USEC(10), SEC(100));
    run(SEC(1) + MSEC(1));
    if (on_cpu[0] != a)
        run(MSEC(5));
    assert_ptr_equal(on_cpu[0], a);
    vtime = a->v.sched.vtime + (vtime_t)(now - a->v.sched.started);
    b->v.sched.vtime = vtime - USEC(300);
    s->v.sched.vtime = vtime - USEC(200);
    wake(s);
    run(MSEC(10));
    assert_near(s->latency, USEC(800) + USEC(1100), USEC(10));
}

/* A timer beside who always works and who works much: it waits for a millisecond at most. */
static void test_timers_beside_workers(void **state)
{
    (void)state;
    for (unsigned int n = 1; n <= CPUS; n *= 2) {
        struct body *s;

        machine(n);
        s = sleeper(USEC(20), USEC(1310));
        for (unsigned int i = 0; i < n; i++) {
            hog(256, 0);
            sleeper(MSEC(8), MSEC(20));
        }
        run(SEC(1));
        s->latency = 0;
        run(SEC(2));
        assert_in_range(s->latency, 0, MSEC(1));
    }
}

/* Functions of timers run on a's CPU for 1.7 us, and wake v. */
static void timers_wake(struct body *a, struct vcpu *v, bool free)
{
    cpus[0].timers_since = now;
    pass(1700);
    if (free)
        a->ran -= 1700;
    harness_cpu = 0;
    vcpu_unblock(v);
    sched_wake(v);
    cpus[0].softirq |= 1u << SOFTIRQ_TIMER; /* the run loop calls the scheduler */
    run(MSEC(1));
}

/* Others' timers cost the vcpu that they interrupt no time of its own: it sees them as steal. */
static void test_timers_of_others(void **state)
{
    struct body *a, *b;
    uint64_t stolen;

    (void)state;
    machine(1);
    a = hog(256, 0);
    b = hog(256, 30);
    domain_pause(b->v.d);
    run(SEC(1));
    for (unsigned int i = 0; i < 100; i++)
        timers_wake(a, &b->v, true); /* it stays paused */
    stolen = sched_runstate(&a->v).time[RUNSTATE_runnable];
    assert_int_equal(stolen, 100 * 1700);
    for (unsigned int i = 0; i < 100; i++)
        timers_wake(a, &a->v, false);
    assert_int_equal(sched_runstate(&a->v).time[RUNSTATE_runnable], stolen);
    assert_int_equal(sched_set_params(a->v.d, 256, 50), 0);
    run(SEC(1));
    nsec_t before = a->ran;
    for (unsigned int i = 0; i < 1000; i++)
        timers_wake(a, &b->v, cpu_of(a) == 0); /* its cap does not pay for them either */
    assert_near(a->ran - before, (1000 * (MSEC(1) + 1700)) / 2, MSEC(6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preempts_who_is_furthest_ahead),
        cmocka_unit_test(test_goes_where_somebody_is_far_ahead),
        cmocka_unit_test(test_an_idle_cpu_disturbs_nobody),
        cmocka_unit_test(test_a_small_lead_grows),
        cmocka_unit_test(test_the_lead_that_comes_first),
        cmocka_unit_test(test_the_next_slice_ends_for_it_too),
        cmocka_unit_test(test_timers_beside_workers),
        cmocka_unit_test(test_timers_of_others),
    };

    return cmocka_run_group_tests_name("wake", tests, NULL, NULL);
}
