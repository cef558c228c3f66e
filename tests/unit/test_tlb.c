/* SPDX-License-Identifier: MIT */
/*
 * mm/flush.c and svm/asid.c on CPUs that are threads. Each repeatedly enters a guest as svm/enter.c
 * does, and keeps, like a TLB, the first translation that it saw under its ASID. It leaves the
 * guest when kicked. After a flush, no CPU uses the old translation.
 */
#include "harness.h"
#include "cpu/features.h"
#include "cpu/softirq.h"
#include "mm/flush.h"
#include "percpu.h"
#include "svm/asid.h"
#include "svm/vmcb.h"

#include <unistd.h>

#define GUEST_CPUS 3
#define FLUSHES 300
#define ASIDS 7         /* few, so that they run out often */
#define PATIENCE 100000 /* sleeps of a microsecond or more */

struct cpu_features cpu_features = { .asid_count = ASIDS };

static struct domain d, other;
static struct vcpu vcpus[GUEST_CPUS + 1];
static struct vmcb vmcbs[GUEST_CPUS + 1];
static uint64_t translation;      /* the translation in the guest's tables; atomic */
static uint64_t in_use[MAX_CPUS]; /* the one that this CPU's guest uses now, or 0; atomic */
static bool kicked[MAX_CPUS], stop, all_at_once;
static unsigned int kicks, waiting, lonely;

void softirq_kick(unsigned int cpu)
{
    __atomic_add_fetch(&kicks, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&kicked[cpu], true, __ATOMIC_SEQ_CST);
}

static bool stopped(void) { return __atomic_load_n(&stop, __ATOMIC_SEQ_CST); }

static int setup(void **state)
{
    (void)state;
    harness_memory_new(1);
    memset(&d, 0, sizeof(d));
    memset(&other, 0, sizeof(other));
    memset(vcpus, 0, sizeof(vcpus));
    memset(vmcbs, 0, sizeof(vmcbs));
    memset(in_use, 0, sizeof(in_use));
    memset(kicked, 0, sizeof(kicked));
    translation = 1;
    kicks = waiting = lonely = 0;
    stop = all_at_once = false;
    for (unsigned int i = 0; i <= GUEST_CPUS; i++) {
        vcpus[i].d = &d;
        vcpus[i].hw.vmcb = &vmcbs[i];
        bit_set(&d.p2m.dirty_cpus, i);
    }
    return 0;
}

/*
 * Stays in guest mode until kicked; with all_at_once until all CPUs are kicked, or PATIENCE ends.
 */
static void be_in_the_guest(unsigned int id)
{
    unsigned int sleeps = 0;

    while (!__atomic_load_n(&kicked[id], __ATOMIC_SEQ_CST) && !stopped())
        usleep(1); /* the host may have fewer CPUs than this machine */
    while (all_at_once && __atomic_load_n(&kicks, __ATOMIC_SEQ_CST) < GUEST_CPUS &&
           sleeps++ < PATIENCE)
        usleep(1);
    if (sleeps > PATIENCE)
        __atomic_add_fetch(&lonely, 1, __ATOMIC_SEQ_CST);
}

/* hw_enter() (svm/enter.c), with a TLB of one entry for each ASID. */
static void enter(struct cpu *c, struct vcpu *v, uint64_t tlb[ASIDS])
{
    __atomic_store_n(&kicked[c->id], false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&c->guest_domain, v->d, __ATOMIC_SEQ_CST);
    asid_prepare(c, v);
    if (v->hw.vmcb->tlb_control)
        memset(tlb, 0, ASIDS * sizeof(*tlb));
    assert_in_range(v->hw.vmcb->asid, 1, ASIDS - 1);
    if (!tlb[v->hw.vmcb->asid])
        tlb[v->hw.vmcb->asid] = __atomic_load_n(&translation, __ATOMIC_SEQ_CST);
    __atomic_store_n(&in_use[c->id], tlb[v->hw.vmcb->asid], __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
    be_in_the_guest(c->id);
    __atomic_store_n(&in_use[c->id], 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&c->guest_entries, c->guest_entries + 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&c->guest_domain, NULL, __ATOMIC_SEQ_CST);
}

static void run_guest(void)
{
    uint64_t tlb[ASIDS] = { 0 };

    while (!stopped())
        enter(this_cpu(), &vcpus[harness_cpu], tlb);
}

static void nobody_uses_it(uint64_t old)
{
    for (unsigned int i = 1; i <= GUEST_CPUS; i++) {
        uint64_t now = __atomic_load_n(&in_use[i], __ATOMIC_SEQ_CST);

        if (now && now <= old)
            fail_msg("CPU %u uses translation %lu after the flush of %lu", i, now, old);
    }
}

static void wait_for_a_guest(void)
{
    for (unsigned int i = 0; !__atomic_load_n(&in_use[1 + i % GUEST_CPUS], __ATOMIC_SEQ_CST); i++)
        usleep(1);
}

static void flush_often(void)
{
    for (unsigned int i = 0; i < FLUSHES; i++) {
        wait_for_a_guest();

        uint64_t old = __atomic_fetch_add(&translation, 1, __ATOMIC_SEQ_CST);

        flush_domain(&d);
        nobody_uses_it(old);
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
}

static void after_a_flush_nothing_stale_is_used(void **state)
{
    void (*const fn[])(void) = { flush_often, run_guest, run_guest, run_guest };

    (void)state;
    harness_run_cpus(fn, GUEST_CPUS + 1);
    assert_true(kicks > 0);
}

static void flush_when_all_are_in(void)
{
    while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < GUEST_CPUS)
        usleep(1);
    flush_domain(&d);
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
}

/* Each CPU waits, in its guest, for the kicks of the others. */
static void all_are_kicked_before_one_is_waited_for(void **state)
{
    void (*const fn[])(void) = { flush_when_all_are_in, run_guest, run_guest, run_guest };

    (void)state;
    all_at_once = true;
    harness_run_cpus(fn, GUEST_CPUS + 1);
    assert_int_equal(lonely, 0);
    assert_int_equal(kicks, GUEST_CPUS);
}

/* A CPU that is not in the guest, or never ran it, is not kicked; no CPU waits for itself. */
static void only_who_may_have_it_is_kicked(void **state)
{
    (void)state;
    nr_cpus = 4;
    d.p2m.dirty_cpus = 0x7;
    cpus[0].guest_domain = &d;
    cpus[1].guest_domain = &other;
    cpus[3].guest_domain = &d;
    flush_domain(&d);
    assert_int_equal(kicks, 0);
    assert_int_equal(d.p2m.flush_generation, 1);
    harness_cpu = 3;
    d.p2m.dirty_cpus = 0xa;
    flush_domain(&d);
    assert_int_equal(kicks, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(after_a_flush_nothing_stale_is_used, setup),
        cmocka_unit_test_setup(all_are_kicked_before_one_is_waited_for, setup),
        cmocka_unit_test_setup(only_who_may_have_it_is_kicked, setup),
    };

    return cmocka_run_group_tests_name("tlb", tests, NULL, NULL);
}
