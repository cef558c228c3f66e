/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, with the unchanged sched.c, on simulated CPUs (sched_sim.c): on which CPU a woken
 * vcpu is placed, which vcpu it preempts, and when.
 */
#include "sched_sim.h"

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

/*
 * A lead of less than a millisecond does not justify a switch: it waits until the slice that begins
 * now ends.
 */
static void test_a_small_lead_waits_for_a_slice(void **state)
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
                           USEC(lead ? 1100 : 900);
        wake(b);
        assert_int_equal(share(b, MSEC(4)), lead ? MSEC(4) : 0);
        assert_near(share(b, MSEC(5)), lead ? MSEC(1) : MSEC(4), USEC(10));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preempts_who_is_furthest_ahead),
        cmocka_unit_test(test_goes_where_somebody_is_far_ahead),
        cmocka_unit_test(test_an_idle_cpu_disturbs_nobody),
        cmocka_unit_test(test_a_small_lead_waits_for_a_slice),
    };

    return cmocka_run_group_tests_name("wake", tests, NULL, NULL);
}
