/* SPDX-License-Identifier: MIT */
/*
 * The 2-level event ABI (<xen/xen.h>, struct shared_info): a pending and a mask bit for each of 4096 ports in
 * shared_info, and in each vcpu's vcpu_info a selector with a bit for each word of pending bits. The guest
 * looks at the selector, then at the words. All of it is the guest's to scribble on: only its own events get
 * lost.
 *
 * Read next: core/evtchn_fifo.c, the other ABI.
 */
#include "evtchn_internal.h"
#include "lib.h"

static void select_word(struct domain *d, uint32_t port, struct evtchn *e)
{
    struct vcpu *v = d->vcpu[e->vcpu];

    if (v && !bit_test_and_set(&v->info->evtchn_pending_sel, port / BITS_PER_LONG))
        evtchn_upcall(v);
}

void evtchn_2l_set_pending(struct domain *d, uint32_t port, struct evtchn *e)
{
    if (bit_test_and_set(d->shared_info->evtchn_pending, port))
        return;
    if (!bit_test(d->shared_info->evtchn_mask, port))
        select_word(d, port, e);
    evtchn_wake_pollers(d);
}

void evtchn_2l_clear_pending(struct domain *d, uint32_t port)
{
    bit_clear(d->shared_info->evtchn_pending, port);
}

bool evtchn_2l_is_pending(struct domain *d, uint32_t port)
{
    return bit_test(d->shared_info->evtchn_pending, port);
}

bool evtchn_2l_is_masked(struct domain *d, uint32_t port)
{
    return bit_test(d->shared_info->evtchn_mask, port);
}

void evtchn_2l_unmask(struct domain *d, uint32_t port, struct evtchn *e)
{
    if (bit_test_and_clear(d->shared_info->evtchn_mask, port) && evtchn_2l_is_pending(d, port))
        select_word(d, port, e);
}

/* An event may have been marked in the vcpu_info that v had before: let the guest look at every word. */
void evtchn_2l_resend_all(struct vcpu *v)
{
    __atomic_store_n(&v->info->evtchn_pending_sel, ~0ul, __ATOMIC_SEQ_CST);
}
