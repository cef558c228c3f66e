/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, sched.c as it is, on simulated CPUs (sched_sim.c): shares over short windows, and
 * how long a vcpu that competes by weight waits for its next turn.
 */
#include "sched_sim.h"

/* In any 100 ms, also the lightest of four has its share, and no longer wait than 20 ms. */
static void test_weights_in_100_ms(void **state)
{
    (void)state;
    machine(1);
    for (unsigned int i = 0; i < 4; i++)
        hog(128u << i, 0);
    run(SEC(1));
    switches = 0;
    watch(5000);
    assert_true(worst_jain(100) >= 0.995);
    assert_true(worst_jain(1000) >= 0.9999);
    assert_in_range(worst_gap(), 0, MSEC(20));
    assert_in_range(switches, 0, 5 * 500);
}

/* A round of equal vcpus lasts 10 ms, or a slice of a millisecond for each. */
static void test_rounds_of_equals(void **state)
{
    (void)state;
    for (unsigned int n = 1; n <= 8; n *= 2)
        for (unsigned int each = 2; each <= 4; each++) {
            machine(n);
            for (unsigned int i = 0; i < each * n; i++) {
                hog(256, 0);
                run(USEC(300)); /* the CPUs' slices do not end together */
            }
            run(SEC(1));
            switches = 0;
            watch(1000);
            assert_in_range(worst_gap(), 0, MSEC(10) + USEC(500));
            for (unsigned int i = 0; i < body_count; i++)
                assert_in_range(worst_error(bodies[i], 100, MSEC(100) / each), 0, MSEC(5));
            assert_in_range(switches, 0, 101 * each * n);
        }
    machine(1);
    for (unsigned int i = 0; i < 20; i++)
        hog(256, 0);
    run(SEC(1));
    switches = 0;
    watch(1000);
    assert_in_range(worst_gap(), MSEC(18), MSEC(20));
    assert_in_range(switches, 999, 1001);
}

/* Slices follow who waits: one more or less, queued or paused or given another weight. */
static void test_slices_follow_the_queue(void **state)
{
    struct body *b[4];

    (void)state;
    machine(1);
    for (unsigned int i = 0; i < 4; i++)
        b[i] = hog(256, 0);
    run(SEC(1));
    for (unsigned int paused = 0; paused <= 3; paused++) {
        switches = 0;
        run(SEC(1));
        assert_near(switches, paused < 3 ? 100 * (4 - paused) : 0, 3);
        domain_pause(b[paused]->v.d);
        run(MSEC(20));
    }
    for (unsigned int i = 0; i < 4; i++) {
        domain_unpause(b[i]->v.d);
        assert_int_equal(sched_set_params(b[i]->v.d, 512u << i, 0), 0);
        assert_int_equal(sched_set_params(b[i]->v.d, 64, 0), 0);
    }
    run(SEC(1));
    switches = 0;
    run(SEC(1));
    assert_near(switches, 400, 3);
}

/* b yields each time that it has run for `turn`. */
static void run_with_yields(struct body *b, nsec_t turn, nsec_t time)
{
    nsec_t end = now + time, yielded = b->ran;

    while (now < end) {
        run(turn / 5);
        if (cpu_of(b) == CPUS || b->ran - yielded < turn)
            continue;
        yielded = b->ran;
        harness_cpu = cpu_of(b);
        sched_yield(&b->v);
    }
}

/* Each yield gives way, and costs nothing of the share by weight: not with one, not with others. */
static void test_yields_are_not_punished(void **state)
{
    (void)state;
    for (nsec_t turn = USEC(500); turn <= MSEC(2); turn *= 2)
        for (unsigned int others = 1; others <= 3; others++) {
            struct body *b;

            machine(1);
            b = hog(others * 256, 0);
            for (unsigned int i = 0; i < others; i++)
                hog(256, 0);
            run(SEC(1));
            nsec_t before = b->ran;

            run_with_yields(b, turn, SEC(2));
            assert_near(b->ran - before, SEC(1), MSEC(10));
        }
}

/* Who does nothing but yield leaves the CPU to the other, and not in little pieces. */
static void test_only_yields(void **state)
{
    struct body *a, *b;

    (void)state;
    machine(1);
    a = hog(256, 0);
    b = hog(256, 0);
    run(SEC(1));
    switches = 0;
    nsec_t before = b->ran;
    run_with_yields(a, USEC(10), SEC(1));
    assert_in_range(b->ran - before, MSEC(980), SEC(1));
    assert_in_range(switches, 1500, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_in_100_ms),
        cmocka_unit_test(test_rounds_of_equals),
        cmocka_unit_test(test_slices_follow_the_queue),
        cmocka_unit_test(test_yields_are_not_punished),
        cmocka_unit_test(test_only_yields),
    };

    return cmocka_run_group_tests_name("shares", tests, NULL, NULL);
}
