/* SPDX-License-Identifier: MIT */
/*
 * The scheduler with two groups of CPUs, whose first CPUs are threads: vcpus block, wake, yield and
 * change groups at the same time. No vcpu is ever on both CPUs, and none is lost.
 */
#include "harness.h"
#include "core/sched_internal.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "cpu/trace.h"
#include "platform/power.h"
#include "vdev/lapic.h"

#include <stdlib.h>
#include <time.h>

#define VCPUS 12
#define STEPS 40000
#define ROUNDS 50
#define OTHER 8 /* the first CPU of the second group */
#define BOTH (cpumask_of(0) | cpumask_of(OTHER))

static struct domain *d;
static struct vcpu *vcpus[VCPUS];
static unsigned int owner[VCPUS]; /* CPU + 1; atomic */
static unsigned int runs[VCPUS], moves[VCPUS];

uint32_t trace_events;

nsec_t clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return SEC(t.tv_sec) + t.tv_nsec;
}

void softirq_kick(unsigned int cpu) {}
void softirq_raise(unsigned int cpu, enum softirq s) { bit_set(&cpus[cpu].softirq, s); }
void timer_set(struct timer *t, nsec_t expires) {}
void trace_write(const struct cleave_trace_record *record) {}
void power_stop(uint8_t reason) { abort(); }
void evtchn_raise_global_virq(uint32_t virq) { abort(); }
int lapic_highest_pending(struct vcpu *v) { return -1; }
void lapic_set_irq(struct vcpu *v, uint8_t vector, bool level) { abort(); }
void lapic_reset(struct vcpu *v, bool init) { abort(); }
void guest_unpin(struct guest_pin *pin) { abort(); }

/* One pass through the run loop: `on` was on this CPU; returns who is now. */
static struct vcpu *pass(struct vcpu *on)
{
    unsigned int cpu = this_cpu()->id;

    __atomic_store_n(&cpus[cpu].softirq, 0, __ATOMIC_SEQ_CST);
    struct vcpu *v = sched_pick();
    if (v == on)
        return v;
    if (on) {
        assert_int_equal(__atomic_exchange_n(&owner[on->id], 0, __ATOMIC_SEQ_CST), cpu + 1);
        sched_leave(on);
    }
    if (v) {
        assert_int_equal(__atomic_exchange_n(&owner[v->id], cpu + 1, __ATOMIC_SEQ_CST), 0);
        runs[v->id]++;
        moves[v->id] += v->id % 2 != cpu / OTHER;
    }
    return v;
}

static void run_one_cpu(void)
{
    unsigned int random = harness_cpu + 1;
    struct vcpu *on = NULL;

    nr_cpus = 2 * SCHED_GROUP; /* of which these two are used */
    harness_cpu *= OTHER;
    for (unsigned int i = 0; i < STEPS; i++) {
        random = random * 1103515245 + 12345;
        unsigned int what = random >> 16;
        struct vcpu *v = vcpus[what / 16 % VCPUS];

        on = pass(on);
        switch (what % 16) {
        case 0:
        case 1:
            if (on)
                sched_yield(on);
            break;
        case 2: domain_pause(d); break;
        case 3:
            if (harness_cpu == 0) /* one at a time */
                assert_int_equal(sched_set_affinity(v, i % 3 ? BOTH : cpumask_of(i % 2 * OTHER), 1),
                                 0);
            break;
        case 4:
            if (harness_cpu == 0)
                assert_int_equal(sched_set_params(d, 256, i % 2 * 150), 0);
            break;
        case 5:
        case 6:
        case 7:
            if (on)
                vcpu_block(on);
            break;
        default: vcpu_unblock(v); break;
        }
        if (what % 16 == 2)
            domain_unpause(d);
    }
    while (on) {
        vcpu_block(on);
        on = pass(on);
    }
}

/* Returns how many vcpus ran in both groups. */
static unsigned int have_moved(void)
{
    unsigned int moved = 0;

    for (unsigned int i = 0; i < VCPUS; i++)
        moved += moves[i] > 0 && moves[i] < runs[i];
    return moved;
}

static void test_two_groups_at_once(void **state)
{
    void (*const both[])(void) = { run_one_cpu, run_one_cpu };

    harness_memory_new(1);
    nr_cpus = 16;
    for (unsigned int i = 0; i < nr_cpus; i++) {
        cpus[i].id = i;
        cpus[i].online = true;
        sched_init_cpu(i);
    }
    d = calloc(1, sizeof(*d));
    d->weight = 256;
    d->max_vcpus = VCPUS;
    spin_init(&d->cap_budget.lock, LOCK_CAP);
    for (unsigned int i = 0; i < VCPUS; i++) {
        struct vcpu *v = aligned_alloc(64, ROUND_UP(sizeof(*v), 64ull));

        memset(v, 0, sizeof(*v));
        d->vcpu[i] = vcpus[i] = v;
        v->d = d;
        v->id = i;
        v->initialised = true;
        v->info = &v->no_info;
        sched_add_vcpu(v);
        assert_int_equal(sched_set_affinity(v, BOTH, BOTH), 0);
    }
    /* more than once on a busy host, where the threads take turns */
    for (unsigned int round = 0; round < ROUNDS && have_moved() <= VCPUS / 2; round++)
        harness_run_cpus(both, 2);
    assert_true(have_moved() > VCPUS / 2);
    assert_int_equal(sched_set_params(d, 256, 0), 0);
    for (unsigned int i = 0; i < VCPUS; i++) {
        assert_true(runs[i] > 10);
        assert_int_equal(sched_check(vcpus[i]), 0);
        assert_false(vcpus[i]->sched.running);
        vcpu_unblock(vcpus[i]);
        assert_true(vcpus[i]->sched.queued);
        sched_remove_vcpu(vcpus[i]);
        free(vcpus[i]);
    }
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_two_groups_at_once) };

    return cmocka_run_group_tests_name("groups_race", tests, NULL, NULL);
}
