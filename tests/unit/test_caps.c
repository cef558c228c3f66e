/* SPDX-License-Identifier: MIT */
/* Caps of the scheduler, with the unchanged sched.c on simulated CPUs (sched_sim.c). */
#include "sched_sim.h"
#include "lib/log.h"

static void test_caps(void **state)
{
    static const uint32_t caps[] = { 1, 10, 33, 50, 99, 100 };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++) {
        nsec_t wanted = SEC(1) / 100 * caps[i];
        struct body *a;

        machine(2);
        a = hog(256, caps[i]);
        for (int n = 0; n < 20; n++) {
            nsec_t got = share(a, SEC(1));

            assert_near(got, wanted, SLICE);
        }
        assert_near(a->ran, 20 * wanted, SLICE); /* no credit accumulates */
        hog(256, 0);
        hog(256, 0);
        assert_true(share(a, SEC(10)) <= 10 * wanted + SLICE);
    }
}

/* The cap applies to the domain: its vcpus share it. */
static void test_cap_of_many_vcpus(void **state)
{
    struct domain *d;
    nsec_t total = 0;

    (void)state;
    machine(16);
    d = domain(16, 256, 50);
    for (unsigned int i = 0; i < 16; i++)
        vcpu(d, i, TIME_NEVER, 0);
    run(SEC(10));
    for (unsigned int i = 0; i < 16; i++)
        total += bodies[i]->ran;
    assert_near(total, SEC(5), 2 * SLICE);
    assert_int_equal(sched_set_params(d, 256, 3200), 0); /* above the number of CPUs: no cap */
    assert_near(share(bodies[3], SEC(1)), SEC(1), SLICE);
    assert_int_equal(sched_set_params(d, 256, 1), 0);
    run(SEC(1));
    total = 0;
    for (unsigned int i = 0; i < 16; i++)
        total -= bodies[i]->ran;
    run(SEC(100));
    for (unsigned int i = 0; i < 16; i++)
        total += bodies[i]->ran;
    assert_near(total, SEC(1), 2 * SLICE);
    assert_int_equal(sched_set_params(d, 256, 0), 0);
    run(2 * SLICE);
    assert_int_equal(share(bodies[3], SEC(1)), SEC(1));
    assert_int_equal(sched_set_params(d, 256, 100 * MAX_CPUS + 1), -EINVAL);
}

static nsec_t ran_together(const struct domain *d)
{
    nsec_t total = 0;

    for (unsigned int i = 0; i < body_count; i++)
        if (bodies[i]->v.d == d)
            total += bodies[i]->ran;
    return total;
}

/* The cap limits the sum over all vcpus, and one vcpu can use all of it. */
static void test_cap_of_some_busy_vcpus(void **state)
{
    static const uint32_t caps[] = { 1, 30, 100, 150, 400 };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++)
        for (unsigned int busy = 1; busy <= 4; busy++) {
            struct domain *d;

            machine(8);
            d = domain(4, 256, caps[i]);
            for (unsigned int n = 0; n < 4; n++)
                vcpu(d, n, n < busy ? TIME_NEVER : USEC(1), n < busy ? 0 : SEC(1000));
            run(SEC(10));
            assert_near(ran_together(d), SEC(10) / 100 * MIN(caps[i], 100 * busy), 2 * SLICE);
            run(SEC(20));
            assert_near(ran_together(d), SEC(30) / 100 * MIN(caps[i], 100 * busy), 2 * SLICE);
        }
}

/* Unused budget does not carry over; debt does. */
static void test_cap_saves_nothing_up(void **state)
{
    struct domain *d;

    (void)state;
    machine(4);
    d = domain(4, 256, 50);
    for (unsigned int n = 0; n < 4; n++)
        vcpu(d, n, TIME_NEVER, 0);
    run(SEC(1));
    domain_pause(d);
    run(SEC(20000));
    domain_unpause(d);

    nsec_t before = ran_together(d);

    run(SEC(1));
    assert_in_range(ran_together(d) - before, MSEC(500), MSEC(506));
    assert_int_equal(sched_set_params(d, 256, 1), 0);
    run(MSEC(3)); /* in debt for hundreds of periods at this cap, or waiting for one */
    assert_int_equal(sched_set_params(d, 256, 0), 0);
    before = ran_together(d);
    run(MSEC(10));
    assert_near(ran_together(d) - before, MSEC(40), USEC(100)); /* all at once */
}

/* A vcpu without budget stays runnable across wake-ups and pauses. */
static void test_parked(void **state)
{
    struct body *a;

    (void)state;
    machine(1);
    a = hog(256, 50);
    run(MSEC(7));
    assert_true(a->v.sched.budget_timer.armed);
    sched_wake(&a->v);
    run(MSEC(1));
    domain_pause(a->v.d);
    run(USEC(100));
    domain_unpause(a->v.d);
    run(MSEC(1));
    assert_int_equal(a->ran, MSEC(5));
    assert_int_equal(a->v.sched.runstate.state, RUNSTATE_runnable);
    run(MSEC(6));
    assert_near(a->ran, MSEC(10), 1);
}

/* Interrupts are late, as they are: what a slice is too long by is not lost or won. */
static void test_caps_to_the_microsecond(void **state)
{
    static const uint32_t caps[] = { 1, 2, 5, 25, 50, 90 };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++)
        for (unsigned int beside = 0; beside < 2; beside++) {
            nsec_t wanted = MSEC(1) * caps[i];
            struct body *a;

            machine(1);
            timer_delay = 1700;
            a = hog(256, caps[i]);
            if (beside) /* it may not have half of the CPU */
                hog(16, 0);
            run(SEC(1));
            watch(3000);
            assert_in_range(worst_error(a, 1000, 10 * wanted), 0, 10 * wanted / 2000);
            assert_in_range(worst_error(a, 100, wanted), 0, wanted / 1000);
            assert_in_range(a->gap, 0, MSEC(10));
        }
}

/* What a vcpu with credit takes from it in a burst, it gets later. */
static void test_cap_beside_bursts(void **state)
{
    static const unsigned int bursts[][2] = { { 20, 20 }, { 50, 50 }, { 30, 70 }, { 13, 13 } };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(bursts); i++) {
        struct body *a;

        machine(1);
        timer_delay = 1700;
        a = hog(256, 50);
        sleeper(MSEC(bursts[i][0]), MSEC(bursts[i][1]));
        run(SEC(1));
        assert_near(share(a, SEC(10)), SEC(5), MSEC(6));
        watch(2000);
        assert_in_range(worst_error(a, 1000, MSEC(500)), 0, MSEC(10));
    }
}

/* Capped domains that want a CPU in full, together: their turns are the same in each period. */
static void test_caps_take_turns(void **state)
{
    (void)state;
    for (nsec_t delay = 0; delay <= 1700; delay += 1700)
        for (unsigned int later = 0; later < 10; later += 3) {
            struct body *b[3];

            machine(1);
            timer_delay = delay;
            b[0] = hog(256, 50);
            run(MSEC(later));
            b[1] = hog(256, 50);
            run(SEC(1));
            watch(2000);
            for (unsigned int i = 0; i < 2; i++)
                assert_in_range(worst_error(b[i], 100, MSEC(50)), 0, USEC(20));
            machine(1);
            timer_delay = delay;
            for (unsigned int i = 0; i < 3; i++)
                b[i] = hog(256, 33 + i / 2);
            run(SEC(1));
            watch(2000);
            for (unsigned int i = 0; i < 3; i++)
                assert_in_range(worst_error(b[i], 100, MSEC(33 + i / 2)), 0, USEC(33));
        }
}

/* The error of a cap that the first `vcpus` of a domain share, in windows of 100 ms and 1 s. */
static void check_windows(unsigned int vcpus, uint32_t cap)
{
    watch(1200);
    for (unsigned int n = 1; n < vcpus; n++)
        for (unsigned int t = 0; t <= 1200; t++)
            bodies[0]->ran_at[t] += bodies[n]->ran_at[t];
    assert_in_range(worst_error(bodies[0], 100, MSEC(cap)), 0, MSEC(cap) / 1000);
    assert_in_range(worst_error(bodies[0], 1000, MSEC(10 * cap)), 0, MSEC(10 * cap) / 2000);
}

/* Vcpus that begin one after the other, on all CPUs, spend no more than the cap. */
static void test_cap_of_many_spinners(void **state)
{
    static const uint32_t caps[] = { 5, 25, 50, 90 };

    (void)state;
    for (unsigned int cpu_count = 1; cpu_count <= 4; cpu_count++)
        for (unsigned int vcpus = 1; vcpus <= 8; vcpus++)
            for (unsigned int i = 0; i < 2 * ARRAY_SIZE(caps); i++) {
                uint32_t cap = caps[i / 2] * (i % 2 ? MIN(vcpus, cpu_count) : 1);
                struct domain *d;

                machine(cpu_count);
                timer_delay = 1700;
                d = domain(vcpus, 256, cap);
                for (unsigned int n = 0; n < vcpus; n++)
                    vcpu(d, n, TIME_NEVER, 0);
                if (cpu_count > 1)
                    hog(16, 0);
                run(MSEC(100));
                check_windows(vcpus, cap);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_cap_of_many_vcpus),
        cmocka_unit_test(test_cap_of_some_busy_vcpus),
        cmocka_unit_test(test_cap_saves_nothing_up),
        cmocka_unit_test(test_parked),
        cmocka_unit_test(test_caps_to_the_microsecond),
        cmocka_unit_test(test_cap_beside_bursts),
        cmocka_unit_test(test_caps_take_turns),
        cmocka_unit_test(test_cap_of_many_spinners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
