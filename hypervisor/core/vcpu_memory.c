/* SPDX-License-Identifier: MIT */
/*
 * Waiting for memory. A vcpu that touches an absent page beyond its domain's budget, or when no
 * frame is free, waits in that exit. A write by the core for the vcpu does not wait, so that no
 * hypercall stops half-way: it may exceed the budget a little, and before the vcpu runs again it
 * handles an exit that waits. Frames that are freed, and budgets that are raised, raise
 * SOFTIRQ_MEMORY if anybody waits (mm/alloc.c).
 *
 * A vcpu also waits for a page that dom0 keeps (mm/p2m_page.c), until it is filled, or removed.
 *
 * dom0 hears of it by VIRQ_MEM_EVENT: once, until it has asked who waits. So a guest cannot keep it
 * busy. (VIRQ_ENOMEM would say that the hypervisor itself is short of memory.)
 */
#include "core/vcpu_memory.h"
#include "core/domain_registry.h"
#include "core/evtchn.h"
#include "core/vcpu.h"
#include "cpu/softirq.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/p2m.h"
#include "percpu.h"

static void tell_dom0(struct domain *d)
{
    if (!__atomic_exchange_n(&d->memory_told, true, __ATOMIC_SEQ_CST))
        evtchn_raise_global_virq(VIRQ_MEM_EVENT);
}

static bool is_paged(struct domain *d, gfn_t gfn)
{
    enum p2m_type type;

    (void)p2m_lookup(d, gfn, &type, NULL);
    return type == P2M_PAGED;
}

void vcpu_memory_wait(struct vcpu *v)
{
    vcpu_wait_in_exit(v, WAIT_MEMORY);
    if (alloc_has_room(v->d))
        vcpu_end_wait(v, WAIT_MEMORY);
    else
        tell_dom0(v->d);
}

void vcpu_memory_wait_page(struct vcpu *v, gfn_t gfn)
{
    if (!is_paged(v->d, gfn))
        return;
    v->awaited = gfn;
    vcpu_wait_in_exit(v, WAIT_PAGE);
    if (is_paged(v->d, gfn))
        tell_dom0(v->d);
    else
        vcpu_end_wait(v, WAIT_PAGE);
}

static bool waits(const struct vcpu *v, enum vcpu_wait wait)
{
    return __atomic_load_n(&v->wait, __ATOMIC_SEQ_CST) == wait;
}

unsigned int vcpu_memory_waiting(struct domain *d, enum vcpu_wait wait)
{
    unsigned int waiting = 0;

    __atomic_store_n(&d->memory_told, false, __ATOMIC_SEQ_CST);
    for_each_vcpu(d, v)
        waiting += waits(v, wait);
    return waiting;
}

unsigned int vcpu_memory_wanted(struct domain *d, uint64_t *gfns, unsigned int n)
{
    ASSERT(n >= P2M_ASKED);
    __atomic_store_n(&d->memory_told, false, __ATOMIC_SEQ_CST);
    unsigned int wanted = p2m_page_asked(d, gfns);
    for_each_vcpu(d, v)
        if (wanted < n && waits(v, WAIT_PAGE))
            gfns[wanted++] = v->awaited.n;
    return wanted;
}

void vcpu_memory_softirq(void)
{
    for_each_domain(d) {
        for_each_vcpu(d, v)
            if (waits(v, WAIT_MEMORY) && alloc_has_room(d))
                vcpu_end_wait(v, WAIT_MEMORY);
            else if (waits(v, WAIT_PAGE) && !is_paged(d, v->awaited))
                vcpu_end_wait(v, WAIT_PAGE);
        if (READ_ONCE(d->p2m.asked_count))
            tell_dom0(d);
    }
    struct vcpu *here = this_cpu()->vcpu;
    if (here && !here->exit_again && alloc_is_overdrawn(here->d)) {
        here->exit.kind = EXIT_OVERDRAWN;
        here->exit_again = true;
    }
}
