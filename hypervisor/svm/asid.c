/* SPDX-License-Identifier: MIT */
/*
 * ASID allocation (APM vol. 2, 15.16). Each CPU assigns ASIDs from a counter. When they run out it
 * flushes its whole TLB and starts a new generation. A vcpu gets a new ASID if it comes from
 * another CPU or an old generation, or if its domain was flushed since its last entry
 * (../mm/flush.c). So no stale TLB entry has its ASID.
 *
 * Read next: enter.c.
 */
#include "svm/asid.h"
#include "core/vcpu.h"
#include "cpu/features.h"
#include "percpu.h"
#include "svm/vmcb.h"

static void new_asid(struct cpu *c, struct vcpu *v)
{
    if (!c->asid_next || c->asid_next >= cpu_features.asid_count) {
        c->asid_generation++;
        c->asid_next = 1; /* 0 is the host */
        v->hw.vmcb->tlb_control = TLB_FLUSH_ALL;
    }
    v->hw.vmcb->asid = c->asid_next++;
    v->hw.asid_cpu = c->id;
    v->hw.asid_generation = c->asid_generation;
}

void asid_prepare(struct cpu *c, struct vcpu *v)
{
    struct hw_vcpu *s = &v->hw;
    uint64_t generation = __atomic_load_n(&v->d->p2m.flush_generation, __ATOMIC_SEQ_CST);

    v->hw.vmcb->tlb_control = TLB_FLUSH_NOTHING;
    if (s->flush_seen != generation || s->asid_cpu != c->id ||
        s->asid_generation != c->asid_generation) {
        s->flush_seen = generation;
        new_asid(c, v);
    }
}
