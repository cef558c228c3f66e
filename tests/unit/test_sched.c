/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, with the unchanged sched.c, on 1 to 128 simulated CPUs (sched_sim.c): shares by
 * weight, affinity, latency, blocking and waking, and storms of all operations.
 */
#include "sched_sim.h"
#include "cpu/softirq.h"
#include "lib/log.h"
#include "percpu.h"

#include <signal.h>
#include <stdlib.h>

/* --- time and fairness --- */

static void test_alone_without_ticks(void **state)
{
    struct body *a;

    machine(2);
    a = hog(256, 0);
    run(1);
    assert_null(harness_first_timer());
    assert_int_equal(share(a, SEC(100)), SEC(100));
    assert_int_equal(switches, 1);
    assert_int_equal(sched_idle_time(0) + sched_idle_time(1), SEC(100) + 1);
}

static void test_weights(void **state)
{
    static const uint32_t weight[] = { 64, 128, 256, 512, 1024 };
    struct body *b[5];

    machine(1);
    b[0] = hog(256, 0);
    b[1] = hog(512, 0);
    run(SEC(3));
    assert_near(b[0]->ran, SEC(1), SLICE);
    machine(1);
    for (int i = 0; i < 5; i++)
        b[i] = hog(weight[i], 0);
    run(SEC(31));
    for (int i = 0; i < 5; i++) /* the lightest may be ahead by its last slice */
        assert_near(b[i]->ran, SEC(1) * (int64_t)weight[i] / 64,
                    SLICE * 2 * (int64_t)weight[i] / 64 + SLICE);
}

static void test_weights_on_many_cpus(void **state)
{
    for (unsigned int n = 2; n <= CPUS; n *= 2) {
        struct body *heavy[CPUS], *light[CPUS];

        machine(n);
        for (unsigned int i = 0; i < n; i++) {
            heavy[i] = hog(512, 0);
            light[i] = hog(256, 0);
        }
        run(SEC(3));
        for (unsigned int i = 0; i < n; i++) {
            assert_near(heavy[i]->ran, SEC(2), 3 * SLICE);
            assert_near(light[i]->ran, SEC(1), 3 * SLICE);
        }
    }
}

/* 3 vcpus on 2 CPUs: the place in the queue ties no vcpu to a CPU. */
static void test_odd_numbers_balance(void **state)
{
    struct body *b[7];

    machine(3);
    for (int i = 0; i < 7; i++)
        b[i] = hog(256, 0);
    run(SEC(7));
    for (int i = 0; i < 7; i++)
        assert_near(b[i]->ran, SEC(3), 2 * SLICE);
}

/* A vcpu that long had a CPU alone owes nothing to a newcomer, and vice versa. */
static void test_newcomers_start_now(void **state)
{
    struct body *a, *b, *c;

    machine(1);
    a = hog(256, 0);
    run(SEC(100));
    b = hog(256, 0);
    assert_near(share(b, SEC(1)), MSEC(500), SLICE);
    domain_pause(b->v.d);
    run(SEC(50));
    domain_unpause(b->v.d);
    assert_near(share(b, SEC(1)), MSEC(500), SLICE);
    c = sleeper(1, SEC(60));
    run(SEC(60));
    c->work = c->left = SEC(10);
    run(SEC(1));
    assert_near(share(c, SEC(3)), SEC(1), 2 * SLICE);
    assert_near(share(a, SEC(3)), SEC(1), 2 * SLICE);
}

/*
 * A vcpu with a CPU of its own runs ahead of all others, whose shares must still follow their
 * weights.
 */
static void test_pinned_alone_bends_no_weights(void **state)
{
    struct body *b, *c;

    machine(2);
    pin(hog(256, 0), 1);
    b = hog(512, 0);
    c = hog(256, 0);
    pin(b, 2);
    pin(c, 2);
    run(SEC(10));
    assert_near(share(b, SEC(3)), SEC(2), 2 * SLICE);
    assert_near(c->ran, SEC(13) / 3, 3 * SLICE);
}

/* A weight above one CPU's capacity accumulates no credit at the cost of others. */
static void test_no_claims_without_end(void **state)
{
    struct body *a, *b;

    machine(2);
    a = hog(4096, 0);
    for (int i = 0; i < 4; i++)
        hog(256, 0);
    assert_near(share(a, SEC(100)), SEC(100), SLICE);
    b = hog(4096, 0);
    assert_near(share(a, SEC(10)) + b->ran, SEC(18), MSEC(1500));
    pin(a, 1);
    pin(b, 1);
    run(SEC(2)); /* at most FAIR_LAG of virtual time remains of the old credit */
    assert_near(share(b, SEC(10)), SEC(5), SEC(1));
}

/* A vcpu that was far ahead and is unpinned does not starve while the others catch up. */
static void test_unpinned_is_not_starved(void **state)
{
    struct body *a, *b;

    machine(2);
    a = hog(256, 0);
    pin(a, 1);
    for (int i = 0; i < 4; i++) {
        b = hog(256, 0);
        pin(b, 2);
    }
    run(SEC(60));
    pin(a, 2);
    run(SEC(1));
    assert_near(share(a, SEC(5)), SEC(1), 3 * SLICE);
    pin(b, 3);
    assert_near(share(b, SEC(5)), SEC(5), MSEC(100));
}

/*
 * A burst is charged by its length, even at less than a nanosecond of virtual time per nanosecond.
 */
static void test_short_bursts_are_charged(void **state)
{
    struct body *s, *a;

    machine(1);
    s = sleeper(USEC(50), 1);
    a = hog(256, 0);
    assert_int_equal(sched_set_params(s->v.d, 60000, 0), 0);
    assert_int_equal(sched_set_params(a->v.d, 60000, 0), 0);
    run(SEC(10));
    assert_true(share(a, SEC(100)) > SEC(40));
}

static void test_weight_changes_in_flight(void **state)
{
    struct body *a, *b;

    machine(1);
    a = hog(256, 0);
    b = hog(256, 0);
    run(SEC(1) + MSEC(3));
    assert_int_equal(sched_set_params(a->v.d, 0, 0), -EINVAL);
    assert_int_equal(sched_set_params(a->v.d, 65536, 0), -EINVAL);
    assert_int_equal(sched_set_params(a->v.d, 768, 0), 0);
    assert_near(share(a, SEC(4)), SEC(3), 2 * SLICE);
    assert_int_equal(sched_set_params(b->v.d, 768, 0), 0);
    assert_near(share(a, SEC(4)), SEC(2), 2 * SLICE);
}

/* Virtual times pass quarters of 64 bits. At weight 1 they wrap after two years. */
static void ages_pass(unsigned int quarters)
{
    struct body *a, *b, *c, *late, *s;

    machine(2);
    s = sleeper(MSEC(1), SEC(100));
    a = hog(256, 0);
    b = hog(512, 0);
    c = hog(256, 0);
    run(SEC(1));
    for (unsigned int n = 0; n < quarters; n++) {
        for (unsigned int i = 0; i < body_count; i++)
            bodies[i]->v.sched.vtime += (1ull << 62) - SEC(1);
        run(SEC(1));
    }
    run(SEC(8));
    late = hog(256, 0);
    run(SEC(1));

    nsec_t of_a = a->ran, of_b = b->ran, of_c = c->ran, of_late = late->ran;

    run(SEC(10)); /* of 20: 4 each, 8 for b */
    assert_near(a->ran - of_a, SEC(4), 3 * SLICE);
    assert_near(b->ran - of_b, SEC(8), 3 * SLICE);
    assert_near(c->ran - of_c, SEC(4), 3 * SLICE);
    assert_near(late->ran - of_late, SEC(4), 3 * SLICE);
    run(SEC(90));
    assert_int_equal(s->ran, MSEC(2));
    assert_in_range(s->latency, 0, MSEC(1));
}

/* Virtual times wrap; and a vcpu sleeps for years. */
static void test_virtual_time_for_ages(void **state)
{
    struct body *a, *b, *s;

    for (unsigned int quarters = 0; quarters <= 4; quarters++)
        ages_pass(quarters);
    machine(2);
    a = hog(1, 0);
    pin(a, 1);
    s = sleeper(USEC(100), MSEC(1));
    pin(s, 1);
    domain_pause(s->v.d);
    run(SEC(365ll * 24 * 3600 * 5)); /* alone, and not charged meanwhile */
    b = hog(1, 0);
    pin(b, 1);
    domain_unpause(s->v.d);
    nsec_t of_a = a->ran;
    run(SEC(10));
    assert_near(a->ran - of_a, b->ran, 2 * SLICE);
    assert_near(s->ran, SEC(10) / 11, MSEC(10));
}

/*
 * Interrupts make the CPU call the scheduler again; the running vcpu keeps its CPU until its slice
 * ends.
 */
static void test_interrupts_switch_nobody(void **state)
{
    for (unsigned int n = 1; n <= 3; n++) {
        machine(n);
        for (unsigned int i = 0; i < 3 * n; i++)
            pin(hog(256, 0), 1u << i % n);
        run(1);
        switches = 0;
        for (int i = 0; i < 10000; i++) {
            softirq_raise((unsigned int)i % n, SOFTIRQ_TIMER);
            run(USEC(100));
        }
        assert_in_range(switches, 294 * n, 306 * n); /* slices of 10 / 3 ms */
    }
}

/* --- CPUs and affinity --- */

/* A vcpu moved off its CPU continues at once where it may. */
static void test_repinned_to_an_idle_cpu(void **state)
{
    struct body *a;

    machine(4);
    a = hog(256, 0);
    run(SEC(1));
    for (unsigned int i = 0; i < 16; i++) {
        pin(a, 1u << i % 4);
        run(MSEC(1));
        assert_int_equal(cpu_of(a), i % 4);
    }
    assert_int_equal(sched_set_affinity(&a->v, 0xf0, ~0ull), -EINVAL);
    assert_int_equal(a->ran, SEC(1) + MSEC(16));
}

/*
 * A vcpu pushed from its CPU by one that may run only there gets the idle CPU, or its share of the
 * busy one.
 */
static void test_pushed_aside(void **state)
{
    struct body *a, *b, *c;

    machine(2);
    a = hog(256, 0);
    run(SEC(1));
    b = hog(256, 0);
    pin(b, 1u << cpu_of(a));
    run(SEC(1));
    assert_true(a->ran > SEC(2) - SLICE && b->ran > SEC(1) - SLICE);
    c = hog(256, 0);
    run(SEC(1));
    assert_near(share(c, SEC(30)), SEC(20), 5 * SLICE);
    assert_near(share(a, SEC(30)), SEC(20), 5 * SLICE);
}

/* Of several idle CPUs, a vcpu gets its last one, whose caches hold its data. */
static void test_goes_on_where_it_was(void **state)
{
    struct body *a;

    machine(4);
    a = hog(256, 0);
    for (unsigned int cpu = 0; cpu < 4; cpu++) {
        pin(a, 1u << cpu);
        run(MSEC(1));
        block(a);
        run(MSEC(1));
        pin(a, 0xf);
        wake(a);
        run(MSEC(1));
        assert_int_equal(cpu_of(a), cpu);
        /* soft affinity: no reason to move */
        assert_int_equal(sched_set_affinity(&a->v, 0xf, ~(1u << cpu)), 0);
    }
}

static void test_pause_sync(void **state)
{
    struct body *a;

    machine(1);
    a = hog(256, 0);
    run(MSEC(1));
    domain_pause(a->v.d);
    run(1);
    domain_pause_sync(a->v.d); /* it has left its CPU already */
    assert_int_equal(a->v.d->pause_count, 2);
    domain_unpause(a->v.d);
    domain_unpause(a->v.d);
    run(MSEC(1));
    assert_int_equal(a->ran, MSEC(2));
}

static void test_locks(void **state)
{
    struct body *a;

    assert_takes(LOCK_SCHED, 2, machine(2));
    a = hog(256, 0);
    run(MSEC(1));
    harness_cpu = cpu_of(a);
    harness_quiet = true;
    assert_takes(LOCK_SCHED, 1, sched_wake(&a->v));
    assert_takes(LOCK_SCHED, 1, sched_pick());
    assert_takes(LOCK_SCHED, 1, assert_int_equal(sched_set_affinity(&a->v, 3, 3), 0));
    assert_takes(LOCK_SCHED, 1, assert_int_equal(sched_set_params(a->v.d, 256, 50), 0));
    assert_takes(LOCK_SCHED, 1, sched_runstate(&a->v));
    assert_takes(LOCK_SCHED, 1, sched_idle_time(0));
    assert_takes(LOCK_SCHED, 1, assert_int_equal(sched_check(&a->v), 0));
    assert_takes(LOCK_SCHED, 1, sched_dump());
    domain_pause(a->v.d);
    run(1);
    assert_takes(LOCK_SCHED, 1, sched_remove_vcpu(&a->v));
}

static void test_soft_affinity_is_a_wish(void **state)
{
    struct body *a, *b;

    machine(4);
    a = sleeper(MSEC(1), MSEC(1));
    run(MSEC(5));
    assert_int_equal(sched_set_affinity(&a->v, 0xf, 0x8), 0);
    run(MSEC(5));
    run(MSEC(1) - (now - started) % MSEC(2) + MSEC(1));
    run(USEC(10));
    if (cpu_of(a) < CPUS)
        assert_int_equal(cpu_of(a), 3);
    b = hog(256, 0);
    pin(b, 8);
    assert_near(share(a, SEC(1)), MSEC(500), MSEC(20)); /* runs elsewhere then */
}

/* --- waking, sleeping, pausing --- */

static void test_sleepers_beside_hogs(void **state)
{
    struct body *s;

    for (unsigned int n = 1; n <= 4; n++) {
        machine(n);
        noise = true;
        for (unsigned int i = 0; i < 3 * n; i++)
            hog(256, 0);
        run(SEC(1));
        s = sleeper(USEC(100), USEC(7300));
        run(SEC(20));
        assert_in_range(s->latency, 0, MSEC(1));    /* preempts the vcpu that runs ahead of it */
        assert_near(s->ran, SEC(20) / 74, MSEC(5)); /* all that it needs: 100 us of 7.4 ms */
    }
}

static unsigned int touched;

/* A body that was out of reach is used: counts it. */
static void touch(int signal, siginfo_t *info, void *context)
{
    for (unsigned int i = 0; i < body_count; i++)
        if ((char *)info->si_addr >= (char *)bodies[i] &&
            (char *)info->si_addr < (char *)(bodies[i] + 1)) {
            keep_hands_off(bodies[i], false);
            touched++;
            return;
        }
    abort();
}

/* Returns how many vcpus the scheduler looks at. */
static unsigned int count_touches(void (*act)(struct body *), struct body *b)
{
    struct sigaction counting = { .sa_sigaction = touch, .sa_flags = SA_SIGINFO }, usual;

    assert_int_equal(sigaction(SIGSEGV, &counting, &usual), 0);
    for (unsigned int i = 0; i < body_count; i++)
        keep_hands_off(bodies[i], true);
    touched = 0;
    act(b);
    for (unsigned int i = 0; i < body_count; i++)
        keep_hands_off(bodies[i], false);
    assert_int_equal(sigaction(SIGSEGV, &usual, NULL), 0);
    return touched;
}

static void look_at_once(struct body *b) { look(0); }

/* However many wait, a vcpu that wakes or whose slice ends is compared with few of them. */
static void test_queueing_is_quick(void **state)
{
    for (unsigned int waiting = 50; waiting < BODIES; waiting *= 3) {
        unsigned int wakes = 0, slices = 0;
        struct body *s;

        machine(1);
        s = sleeper(USEC(1), SEC(100));
        for (unsigned int i = 0; i < waiting; i++)
            hog(256, 0);
        run(SEC(1) + MSEC(5));
        for (unsigned int n = 0; n < 10; n++) {
            wakes += count_touches(wake, s);
            run(MSEC(8));
            pass(next_event() - now);
            fire();
            slices += count_touches(look_at_once, NULL);
            run(MSEC(20));
        }
        assert_int_equal(s->ran, 11 * USEC(1));
        assert_in_range(wakes, 10, 250);
        assert_in_range(slices, 10, 350);
    }
}

static void test_block_with_something_pending(void **state)
{
    struct body *a;

    machine(1);
    a = hog(256, 0);
    run(MSEC(1));
    a->v.vdev.nmi_pending = true;
    block(a);
    assert_int_equal(a->v.wait, WAIT_NONE);
    run(MSEC(1));
    a->v.vdev.nmi_pending = false;
    block(a);
    run(MSEC(1));
    vcpu_kick(&a->v); /* nothing to deliver */
    run(MSEC(1));
    a->v.vdev.nmi_pending = true;
    vcpu_kick(&a->v);
    run(MSEC(1));
    assert_int_equal(a->ran, MSEC(3));
    assert_int_equal(a->v.sched.runstate.time[RUNSTATE_blocked], MSEC(2));
}

static void test_pauses_nest(void **state)
{
    struct body *a;

    machine(2);
    a = hog(256, 0);
    run(MSEC(1));
    domain_pause(a->v.d);
    domain_pause(a->v.d);
    run(MSEC(1));
    domain_unpause(a->v.d);
    run(MSEC(1));
    domain_pause(a->v.d);
    domain_unpause(a->v.d);
    vcpu_unblock(&a->v);
    run(MSEC(1));
    domain_unpause(a->v.d);
    run(MSEC(1));
    assert_int_equal(a->ran, MSEC(2));
    assert_int_equal(a->v.sched.runstate.time[RUNSTATE_offline], MSEC(3));
    block(a);
    run(MSEC(1));
    domain_pause(a->v.d);
    run(MSEC(1)); /* paused and blocked counts as offline */
    domain_unpause(a->v.d);
    run(MSEC(1));
    assert_int_equal(a->v.sched.runstate.time[RUNSTATE_offline], MSEC(4));
    domain_pause(a->v.d); /* and back before the CPU checked */
    domain_unpause(a->v.d);
    wake(a);
    run(MSEC(1));
    domain_pause(a->v.d);
    domain_unpause(a->v.d);
    run(MSEC(1));
    assert_int_equal(a->ran, MSEC(4));
}

static void test_yield(void **state)
{
    struct body *a, *b;

    machine(2);
    a = hog(256, 0);
    b = hog(256, 0);
    pin(a, 1);
    pin(b, 1);
    run(MSEC(2));
    harness_cpu = cpu_of(a) < CPUS ? cpu_of(a) : cpu_of(b);
    a = on_cpu[0];
    sched_yield(&a->v);
    run(1);
    assert_ptr_not_equal(on_cpu[0], a);
    /* No other vcpu may run on its CPU: it continues, and its yield costs it nothing. */
    pin(a, 2);
    hog(16, 0)->v.sched.vtime = 0;
    run(SEC(1));
    harness_cpu = 1;
    assert_ptr_equal(on_cpu[1], a);
    uint64_t before = a->v.sched.vtime;
    pin(bodies[2], 1);
    run(1);
    before = a->v.sched.vtime;
    harness_cpu = 1;
    sched_yield(&a->v);
    assert_int_equal(a->v.sched.vtime, before);
    run(1);
    assert_ptr_equal(on_cpu[1], a);
}

static void test_yield_of_who_has_had_less(void **state)
{
    struct body *a;

    machine(1);
    hog(256, 0);
    hog(256, 0);
    run(SEC(1) + MSEC(2));
    a = on_cpu[0];
    a->v.sched.vtime -= MSEC(5);
    harness_cpu = 0;
    sched_yield(&a->v);
    run(1);
    assert_ptr_not_equal(on_cpu[0], a);
}

static void test_removed(void **state)
{
    struct body *a, *b;

    machine(1);
    a = hog(256, 0);
    b = hog(256, 50);
    run(SEC(1) + 1);
    domain_pause(a->v.d);
    domain_pause(b->v.d);
    run(1);
    sched_remove_vcpu(&a->v);
    sched_remove_vcpu(&b->v);
    assert_null(on_cpu[0]);
    run(MSEC(10)); /* the timer of the last slice */
    assert_null(harness_first_timer());
}

/* --- anything at any time --- */

static cpumask_t some_cpus(void)
{
    return (cpumask_t)pick_random(1u << 16) << (nr_cpus > 16 ? pick_random(nr_cpus - 8) : 0);
}

static void storm_event(struct body *b)
{
    static const uint32_t weights[] = { 64, 256, 512, 1024 };
    unsigned int cpu = b->v.sched.runstate.state == RUNSTATE_running ? cpu_of(b) : CPUS;

    harness_cpu = pick_random(nr_cpus);
    switch (pick_random(12)) {
    case 0:
    case 1: domain_pause(b->v.d); break;
    case 2:
    case 3:
        if (b->v.d->pause_count)
            domain_unpause(b->v.d);
        break;
    case 4: sched_set_affinity(&b->v, some_cpus(), some_cpus()); break;
    case 5:
        sched_set_params(b->v.d, weights[pick_random(4)], pick_random(3) ? 0 : pick_random(150));
        break;
    case 6:
        b->v.vdev.nmi_pending = pick_random(2);
        vcpu_kick(&b->v);
        break;
    case 7:
        if (cpu < CPUS)
            block(b);
        break;
    case 8:
        if (cpu < CPUS) {
            harness_cpu = cpu;
            sched_yield(&b->v);
        }
        break;
    case 9: softirq_raise(pick_random(nr_cpus), SOFTIRQ_TIMER); break;
    default: wake(b); break;
    }
}

/* Some CPUs are busy and do not check their softirqs yet. */
static void some_look(void)
{
    for (unsigned int i = 0; i < nr_cpus; i++)
        if (cpus[i].softirq && !is_picking(i) && pick_random(2))
            look(i);
}

/*
 * Random operations on a vcpu while its state is saved; sched_sim.c detects a load by another CPU.
 */
static void storm_while_saving(void)
{
    static unsigned int depth;

    if (depth++ < 3) {
        for (unsigned int n = pick_random(3); n > 0; n--)
            storm_event(bodies[pick_random(body_count)]);
        some_look();
    }
    depth--;
}

static void test_storm(void **state)
{
    for (unsigned int n = 1; n <= CPUS; n += n < 18 ? 1 : 55) { /* 18, 73, 128 */
        seed = n;
        machine(n);
        while_saving = storm_while_saving;
        for (unsigned int i = 0; i < 8 + n / 2; i++) {
            struct domain *d = domain(1 + i % 4, 256, i == 3 ? 70 : 0);

            for (unsigned int k = 0; k <= i % 4; k++)
                vcpu(d, k, i % 2 ? TIME_NEVER : USEC(300 + 100 * i), i % 2 ? 0 : USEC(500 * i + 1));
        }
        for (unsigned int i = 0; i < (n > 18 ? 1000 : 4000); i++) {
            for (unsigned int k = 0; k <= n / 16; k++)
                storm_event(bodies[pick_random(body_count)]);
            some_look();
            pass(pick_random(3) ? 0 : MIN(next_event() - now, pick_random(200000)));
            fire();
            if (pick_random(4) == 0)
                run(pick_random(2) ? 0 : pick_random(3000000));
        }
    }
}

/* After a storm, with everything as at the start, the shares are fair again. */
static void test_calm_after_storm(void **state)
{
    for (unsigned int n = 1; n <= 4; n++) {
        seed = 100 + n;
        machine(n);
        for (unsigned int i = 0; i < 3 * n; i++)
            hog(256, 0);
        for (unsigned int i = 0; i < 2000; i++) {
            storm_event(bodies[pick_random(body_count)]);
            run(pick_random(1000000));
        }
        for (unsigned int i = 0; i < body_count; i++) {
            struct vcpu *v = &bodies[i]->v;

            while (v->d->pause_count)
                domain_unpause(v->d);
            assert_int_equal(sched_set_params(v->d, 256, 0), 0);
            pin(bodies[i], CPUMASK_ALL);
            vcpu_unblock(v);
        }
        run(SEC(2)); /* earlier debts are paid */
        nsec_t before[BODIES];

        for (unsigned int i = 0; i < body_count; i++)
            before[i] = bodies[i]->ran;
        run(SEC(3));
        for (unsigned int i = 0; i < body_count; i++)
            assert_near(bodies[i]->ran - before[i], SEC(1), 3 * SLICE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone_without_ticks),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_weights_on_many_cpus),
        cmocka_unit_test(test_odd_numbers_balance),
        cmocka_unit_test(test_newcomers_start_now),
        cmocka_unit_test(test_pinned_alone_bends_no_weights),
        cmocka_unit_test(test_no_claims_without_end),
        cmocka_unit_test(test_unpinned_is_not_starved),
        cmocka_unit_test(test_short_bursts_are_charged),
        cmocka_unit_test(test_weight_changes_in_flight),
        cmocka_unit_test(test_virtual_time_for_ages),
        cmocka_unit_test(test_interrupts_switch_nobody),
        cmocka_unit_test(test_repinned_to_an_idle_cpu),
        cmocka_unit_test(test_pushed_aside),
        cmocka_unit_test(test_goes_on_where_it_was),
        cmocka_unit_test(test_pause_sync),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_soft_affinity_is_a_wish),
        cmocka_unit_test(test_sleepers_beside_hogs),
        cmocka_unit_test(test_queueing_is_quick),
        cmocka_unit_test(test_block_with_something_pending),
        cmocka_unit_test(test_pauses_nest),
        cmocka_unit_test(test_yield),
        cmocka_unit_test(test_yield_of_who_has_had_less),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_calm_after_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
