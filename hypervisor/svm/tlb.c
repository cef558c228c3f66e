/* SPDX-License-Identifier: MIT */
/*
 * Guest TLBs: ASIDs and remote flushes.
 *
 * Each CPU hands out ASIDs from a counter; when they run out it flushes its whole TLB and starts a new
 * generation. A vcpu that comes from another CPU, from an old generation, or whose domain was flushed since
 * its last entry gets a fresh ASID: nothing stale can be tagged with it. (APM vol. 2, 15.16)
 *
 * A flush of a domain must be over when tlb_flush_domain() returns, whatever its vcpus do. A CPU in the core
 * uses no guest translation, and it compares the domain's flush generation after it has said, in
 * guest_domain, whom it is about to run. So the flusher raises the generation, looks at guest_domain of each
 * CPU that has ever run the domain, and has to wait only for those that are in that guest: a kick makes them
 * exit, all at the same time. Nobody in guest mode can wait for the flusher, so any lock may be held.
 *
 * Read next: run.c.
 */
#include "cpu.h"
#include "vmcb.h"

static void new_asid(struct cpu *c, struct vcpu *v)
{
    if (!c->asid_next || c->asid_next >= cpu_features.asid_count) {
        c->asid_generation++;
        c->asid_next = 1;           /* 0 is the host's */
        v->vmcb->tlb_control = TLB_FLUSH_ALL;
    }
    v->vmcb->asid = c->asid_next++;
    v->svm.asid_cpu = c->id;
    v->svm.asid_generation = c->asid_generation;
}

void tlb_prepare(struct cpu *c, struct vcpu *v)
{
    struct svm_vcpu *s = &v->svm;
    uint64_t generation = __atomic_load_n(&v->d->p2m.flush_generation, __ATOMIC_SEQ_CST);

    v->vmcb->tlb_control = TLB_FLUSH_NOTHING;
    if (s->flush_seen != generation || s->asid_cpu != c->id || s->asid_generation != c->asid_generation) {
        s->flush_seen = generation;
        new_asid(c, v);
    }
}

static bool in_guest(const struct cpu *c, const struct domain *d)
{
    return __atomic_load_n(&c->guest_domain, __ATOMIC_SEQ_CST) == d;
}

void tlb_flush_domain(struct domain *d)
{
    uint64_t entry[MAX_CPUS], waits_for = 0;

    /* In this order: who has its first look at d's tables after this sees what was changed there. */
    __atomic_add_fetch(&d->p2m.flush_generation, 1, __ATOMIC_SEQ_CST);
    uint64_t dirty = __atomic_load_n(&d->p2m.dirty_cpus, __ATOMIC_SEQ_CST) & ~(1ull << this_cpu()->id);
    for (; dirty; dirty &= dirty - 1) {
        unsigned int i = (unsigned int)__builtin_ctzll(dirty);

        entry[i] = __atomic_load_n(&cpus[i].guest_entries, __ATOMIC_SEQ_CST);
        if (in_guest(&cpus[i], d)) {
            smp_kick(i);
            waits_for |= 1ull << i;
        }
    }
    for (; waits_for; waits_for &= waits_for - 1) {
        unsigned int i = (unsigned int)__builtin_ctzll(waits_for);

        while (in_guest(&cpus[i], d) && __atomic_load_n(&cpus[i].guest_entries, __ATOMIC_SEQ_CST) == entry[i])
            cpu_pause();
    }
}
