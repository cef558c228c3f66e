/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, with the unchanged sched.c, on simulated machines of several groups of CPUs
 * (sched_sim.c): shares by weight across groups, idle CPUs anywhere, and caps.
 */
#include "sched_sim.h"
#include "core/sched_internal.h"

static const unsigned int sizes[] = { 16, 17, 64, 128 };

/*
 * Weights count across all CPUs: on each machine, two vcpus for each CPU, half of them with twice
 * the weight, have the shares that one queue would give.
 */
static void test_weights_across_groups(void **state)
{
    for (unsigned int k = 0; k < ARRAY_SIZE(sizes); k++) {
        unsigned int n = sizes[k];

        machine(n);
        for (unsigned int i = 0; i < 2 * n; i++)
            hog(i < n ? 256 : 128, 0); /* they begin in one group */
        run(SEC(1));
        watch(1000);
        assert_true(worst_jain(100) >= 0.995);
        assert_true(worst_jain(1000) >= 0.9999);
        assert_in_range(worst_gap(), 0, MSEC(20));
    }
}

/* Some vcpus too many for the CPUs: the others share what is taken from them. */
static void test_some_too_many(void **state)
{
    for (unsigned int k = 0; k < ARRAY_SIZE(sizes); k++)
        for (unsigned int more = 1; more < 4; more++) {
            machine(sizes[k]);
            for (unsigned int i = 0; i < sizes[k] + more; i++)
                hog(256, 0);
            run(SEC(1));
            switches = 0;
            watch(500);
            assert_true(worst_jain(100) >= 0.99);
            assert_true(worst_jain(500) >= 0.999);
            assert_in_range(worst_gap(), 0, MSEC(12)); /* a slice and FAIR_BALANCE */
            assert_in_range(switches, 0, 2500);
        }
}

/* Who wakes runs at once while a CPU idles on which it may run, in whichever group. */
static void test_idle_cpus_anywhere(void **state)
{
    for (unsigned int k = 0; k < ARRAY_SIZE(sizes); k++) {
        unsigned int n = sizes[k];
        struct body *s[8];

        machine(n);
        for (unsigned int i = 0; i < n - 8; i++)
            hog(256, 0);
        for (unsigned int i = 0; i < 8; i++)
            s[i] = sleeper(USEC(500), USEC(700 + 10 * i));
        run(SEC(1));
        for (unsigned int i = 0; i < 8; i++) {
            s[i]->latency = 0;
            pin(bodies[i], cpumask_of(n - 1 - i)); /* the hogs go elsewhere, too */
        }
        run(MSEC(100));
        for (unsigned int i = 0; i < 8; i++)
            assert_in_range(s[i]->latency, 0, USEC(1));
        for (unsigned int i = 0; i < n - 8; i++)
            assert_true(bodies[i]->ran >= SEC(1) + MSEC(90)); /* one waits for the end of a slice */
    }
}

/* A cap counts for the vcpus of a domain together, on the CPUs of all groups. */
static void test_cap_across_groups(void **state)
{
    struct domain *d;

    machine(64);
    d = domain(48, 256, 1200);
    for (unsigned int i = 0; i < 48; i++)
        vcpu(d, i, TIME_NEVER, 0);
    for (unsigned int i = 0; i < 60; i++)
        hog(256, 0);
    run(SEC(1));
    nsec_t before = 0, after = 0;
    for (unsigned int i = 0; i < 48; i++)
        before += bodies[i]->ran;
    run(SEC(2));
    for (unsigned int i = 0; i < 48; i++)
        after += bodies[i]->ran;
    assert_near(after - before, SEC(24), MSEC(120));
}

/* A vcpu that was long alone in one group owes nothing when it comes to another. */
static void test_newcomer_to_a_group(void **state)
{
    struct body *a, *b;

    machine(16);
    for (unsigned int i = 0; i < 16; i++)
        pin(hog(256, 0), 0xff);
    a = hog(256, 0);
    pin(a, 0x100);
    run(SEC(20));
    pin(a, 1);
    for (unsigned int i = 0; i < 16; i++)
        pin(bodies[i], 1);
    b = bodies[3];
    run(SEC(3));
    nsec_t of_a = a->ran, of_b = b->ran;
    run(SEC(17));
    assert_near(a->ran - of_a, SEC(1), 3 * SLICE);
    assert_near(b->ran - of_b, SEC(1), 3 * SLICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_across_groups), cmocka_unit_test(test_some_too_many),
        cmocka_unit_test(test_idle_cpus_anywhere),    cmocka_unit_test(test_cap_across_groups),
        cmocka_unit_test(test_newcomer_to_a_group),
    };

    return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
