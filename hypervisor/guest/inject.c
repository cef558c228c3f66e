/* SPDX-License-Identifier: MIT */
/*
 * Chooses what the next entry delivers (pitfall 2): first the event that an exit interrupted or the
 * core raised, then an NMI, then an interrupt. The CPU takes an offered interrupt as soon as the
 * guest can take it (RFLAGS.IF, interrupt shadow, TPR), without an exit. An offered vector leaves
 * the local APIC's IRR at once, so it can be requested again while its handler runs. If the guest
 * did not take it, inject_finish returns it.
 *
 * Read next: ../svm/deliver.c.
 */
#include "guest/inject.h"
#include "core/domain.h"
#include "core/vcpu.h"
#include "hw.h"
#include "vdev/lapic.h"
#include "vdev/pc.h"

#define OFFERED_EXTINT 0x100 /* in vcpu.offered, beside the vector */

static void start_by_sipi(struct vcpu *v)
{
    uint8_t page = (uint8_t)v->vdev.sipi_vector;

    v->vdev.sipi_vector = -1;
    lapic_reset(v, true); /* again: an interrupt may have arrived since INIT */
    hw_reset_to_sipi(v, page);
}

/*
 * Of an HVM guest: an interrupt of the PIC pair, unless the local APIC has one that can be taken.
 * The mark is cleared before the pair is asked, since another CPU may set it at any time.
 */
static int choose_extint(struct vcpu *v)
{
    if (lapic_highest_pending(v) >= 0)
        return -1;
    lapic_clear_extint(v);
    int vector = pc_highest(v);

    if (vector >= 0)
        lapic_raise_extint(v);
    return vector;
}

/*
 * Offers an interrupt of the PIC pair, or the highest request of the local APIC. Apart, as most
 * entries have neither.
 */
static noinline void offer_request(struct vcpu *v)
{
    int extint = lapic_has_extint(&v->vdev.lapic) ? choose_extint(v) : -1;
    int vector = extint >= 0 ? extint : lapic_highest_request(v);

    if (!hw_offer_interrupt(v, vector, extint < 0))
        return;
    if (extint < 0)
        lapic_accept(v, (uint8_t)vector);
    v->offered = extint < 0 ? vector : extint | OFFERED_EXTINT;
}

/*
 * Offers the event callback, which bypasses the local APIC, or a request. If both can be taken, the
 * local APIC goes first, whatever the vectors: its EOI causes an exit, after which the callback is
 * offered. The end of the callback's handler causes no exit, so the local APIC's request would wait
 * for an unrelated exit.
 */
static void offer_interrupt(struct vcpu *v)
{
    bool callback = READ_ONCE(v->info->evtchn_upcall_pending) && v->d->vdev.callback_vector &&
                    !v->vdev.upcall_vector && lapic_highest_pending(v) < 0;

    if (unlikely(callback))
        (void)hw_offer_interrupt(v, (int)v->d->vdev.callback_vector, false);
    else if (unlikely(lapic_has_request(&v->vdev.lapic)))
        offer_request(v);
    else
        hw_offer_nothing(v);
}

void inject_prepare(struct vcpu *v)
{
    if (unlikely(v->vdev.sipi_vector >= 0))
        start_by_sipi(v);
    hw_inject_pending(v);
    if (unlikely(v->vdev.nmi_pending) && hw_inject_nmi(v))
        v->vdev.nmi_pending = false;
    offer_interrupt(v);
}

static noinline void finish_offer(struct vcpu *v)
{
    bool taken = hw_offer_taken(v), extint = v->offered & OFFERED_EXTINT;

    if (taken && extint)
        pc_accept(v, (uint8_t)v->offered);
    else if (!taken && !extint)
        lapic_return(v, (uint8_t)v->offered);
    v->offered = -1;
}

void inject_finish(struct vcpu *v)
{
    uint32_t tpr = hw_get_tpr(v);

    if (unlikely(v->offered >= 0))
        finish_offer(v);
    if (tpr != (v->vdev.lapic.tpr & 0xf0))
        v->vdev.lapic.tpr = tpr;
}
