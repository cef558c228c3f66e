/* SPDX-License-Identifier: MIT */
/*
 * The 2-level event ABI (<xen/xen.h>, struct shared_info): a pending and a mask bit for each of 4096 ports in
 * shared_info, and in each vcpu's vcpu_info a selector with a bit for each word of pending bits. The guest
 * looks at the selector, then at the words. All of it is the guest's to scribble on: only its own events get
 * lost.
 *
 * A 32-bit guest's words have 32 bits, and there are 32 of them: the masks follow after fewer bits of
 * pending, and the selector is at another place. A bitmap of its words is one of ours, too.
 *
 * Read next: core/evtchn_fifo.c, the other ABI.
 */
#include "evtchn_internal.h"
#include "lib.h"

#define COMPAT_WORD_BITS 32u
#define COMPAT_SELECTOR_BIT 32u /* of vcpu_info: the selector is its second word */
#define COMPAT_PENDING_BYTES (COMPAT_WORD_BITS * COMPAT_WORD_BITS / 8)

static void *pending(const struct domain *d)
{
    return d->shared_info->evtchn_pending;
}

static void *masks(const struct domain *d)
{
    return (uint8_t *)pending(d) + (d->compat ? COMPAT_PENDING_BYTES : EVTCHN_2L_NR_CHANNELS / 8);
}

static void select_word(struct domain *d, uint32_t port, struct evtchn *e)
{
    struct vcpu *v = d->vcpu[e->vcpu];
    bool set;

    if (!v)
        return;
    if (d->compat)
        set = bit_test_and_set(v->info, COMPAT_SELECTOR_BIT + port / COMPAT_WORD_BITS);
    else
        set = bit_test_and_set(&v->info->evtchn_pending_sel, port / BITS_PER_LONG);
    if (!set)
        evtchn_upcall(v);
}

void evtchn_2l_set_pending(struct domain *d, uint32_t port, struct evtchn *e)
{
    if (bit_test_and_set(pending(d), port))
        return;
    if (!bit_test(masks(d), port))
        select_word(d, port, e);
    evtchn_wake_pollers(d);
}

void evtchn_2l_clear_pending(struct domain *d, uint32_t port)
{
    bit_clear(pending(d), port);
}

bool evtchn_2l_is_pending(struct domain *d, uint32_t port)
{
    return bit_test(pending(d), port);
}

bool evtchn_2l_is_masked(struct domain *d, uint32_t port)
{
    return bit_test(masks(d), port);
}

void evtchn_2l_unmask(struct domain *d, uint32_t port, struct evtchn *e)
{
    if (bit_test_and_clear(masks(d), port) && evtchn_2l_is_pending(d, port))
        select_word(d, port, e);
}

/* An event may have been marked in the vcpu_info that v had before: let the guest look at every word. */
void evtchn_2l_resend_all(struct vcpu *v)
{
    if (v->d->compat)
        __atomic_fetch_or((uint64_t *)v->info, (uint64_t)~0u << COMPAT_SELECTOR_BIT, __ATOMIC_SEQ_CST);
    else
        __atomic_store_n(&v->info->evtchn_pending_sel, ~0ul, __ATOMIC_SEQ_CST);
}
