/* SPDX-License-Identifier: MIT */
/*
 * What the next entry delivers to the guest (APM vol. 2, 15.20 and 15.21).
 *
 * EVENTINJ carries what a fault interrupted last time (EXITINTINFO), an exception that the core
 * raises, or an NMI, unless one is being handled (until its IRET has been executed). Interrupts are
 * offered beside it, as the CPU's virtual interrupt: it takes the offer at the first moment when
 * the guest takes interrupts (flag, shadow, V_TPR), without an exit before. What is offered leaves
 * the local APIC's requests at once, so that the same vector can be requested again while its
 * handler already runs; if V_IRQ says afterwards that it was not taken, it goes back.
 *
 * Interrupts never go through EVENTINJ: QEMU (7.2 to 10) remembers such a vector as an exception of
 * its own, and when its thread is asked to stop for a moment before anything else happens, delivers
 * it a second time, into the first instruction of the handler, with interrupts off.
 */
#include "svm/inject.h"
#include "core/vcpu.h"
#include "hw.h"
#include "lib.h"
#include "mm/guest.h"
#include "svm/vmcb.h"
#include "vdev/lapic.h"

#define OPCODE_HLT 0xf4

bool hw_interrupts_enabled(struct vcpu *v)
{
    return (v->hw.vmcb->rflags & RFLAGS_IF) && !(v->hw.vmcb->interrupt_shadow & 1);
}

/*
 * STI; HLT: when an interrupt comes in STI's shadow, HLT has been executed before its handler runs.
 */
static void retire_halt(struct vcpu *v)
{
    struct guest_paging p = hw_get_paging(v);
    uint8_t opcode;

    if (!guest_copy(v->d, &p, false, hw_code_address(v), &opcode, 1) && opcode == OPCODE_HLT) {
        v->hw.vmcb->rip++;
        v->hw.vmcb->interrupt_shadow = 0;
    }
}

/*
 * The event callback that bypasses the local APIC, or the local APIC's best. If both can be taken,
 * the local APIC's goes first, whichever has the higher vector: its EOI is an exit, behind which
 * the callback is offered. Behind the callback's handler comes no exit, and the local APIC's would
 * wait for somebody else's.
 */
static void offer_interrupt(struct vcpu *v)
{
    struct vmcb *vmcb = v->hw.vmcb;
    bool callback = v->d->vdev.callback_vector && !v->vdev.upcall_vector &&
                    READ_ONCE(v->info->evtchn_upcall_pending) && lapic_highest_pending(v) < 0;
    int vector = callback ? (int)v->d->vdev.callback_vector : lapic_highest_request(v);

    vmcb->vintr = VINTR_MASKING | (v->vdev.lapic.tpr >> 4 & VINTR_TPR_MASK);
    v->hw.offered = callback ? -1 : vector;
    if (likely(vector < 0))
        return;
    if (unlikely(v->hw.stepping)) { /* its frame would show our TF */
        v->hw.offered = -1;
        return;
    }
    if (!callback)
        lapic_accept(v, (uint8_t)vector);
    vmcb->vintr |= VINTR_IRQ | (uint64_t)vector << VINTR_VECTOR_SHIFT |
                   (callback ? VINTR_IGNORE_TPR : (uint64_t)(vector >> 4) << VINTR_PRIORITY_SHIFT);
    if (unlikely(vmcb->interrupt_shadow & 1) && (vmcb->rflags & RFLAGS_IF))
        retire_halt(v);
}

void inject_prepare(struct vcpu *v)
{
    struct vmcb *vmcb = v->hw.vmcb;
    struct hw_vcpu *s = &v->hw;

    if (unlikely(v->vdev.sipi_vector >= 0)) {
        uint8_t page = (uint8_t)v->vdev.sipi_vector;
        v->vdev.sipi_vector = -1;
        lapic_reset(v, true); /* again: it may have taken an interrupt while INIT came */
        hw_reset_to_sipi(v, page);
    }
    vmcb->eventinj = s->pending;
    s->pending = 0;
    if (unlikely(v->vdev.nmi_pending) && !s->nmi_blocked && !(vmcb->eventinj & EVENT_VALID)) {
        v->vdev.nmi_pending = false;
        s->nmi_blocked = true;
        bit_set(vmcb->intercepts, VMEXIT_IRET);
        vmcb->eventinj = 2 | EVENT_TYPE_NMI << 8 | EVENT_VALID;
    }
    offer_interrupt(v);
}

/*
 * EXITINTINFO with the offer's vector, as an exception that no CPU has, while the offer still
 * stands: that is how QEMU tells that it could not deliver it. The offer will be made again.
 * Another vector, or an interrupt by its type, comes from EVENTINJ, and is lost for ever with its
 * place in the ISR if it is not repeated.
 */
static bool still_offered(const struct vmcb *vmcb, uint64_t event)
{
    return (vmcb->vintr & VINTR_IRQ) && EVENT_VECTOR(event) >= 32 &&
           EVENT_TYPE(event) == EVENT_TYPE_EXCEPTION &&
           EVENT_VECTOR(event) == EVENT_VECTOR(vmcb->vintr >> VINTR_VECTOR_SHIFT);
}

/*
 * Software interrupts, INT3 and INTO are not repeated: RIP still names the instruction, which runs
 * again.
 */
static bool runs_again(uint64_t event)
{
    bool soft_vector = EVENT_VECTOR(event) == 3 || EVENT_VECTOR(event) == 4;

    return EVENT_TYPE(event) == EVENT_TYPE_SOFT ||
           (EVENT_TYPE(event) == EVENT_TYPE_EXCEPTION && soft_vector);
}

static void end_offer(struct vcpu *v, bool taken)
{
    if (v->hw.offered >= 0 && !taken)
        lapic_return(v, (uint8_t)v->hw.offered);
    v->hw.offered = -1;
}

void inject_cancel(struct vcpu *v)
{
    v->hw.pending = v->hw.vmcb->eventinj;
    end_offer(v, false);
}

void inject_recover(struct vcpu *v)
{
    struct vmcb *vmcb = v->hw.vmcb;
    uint64_t interrupted = vmcb->exitintinfo;
    uint32_t tpr = (uint32_t)(vmcb->vintr & VINTR_TPR_MASK) << 4;

    end_offer(v, !(vmcb->vintr & VINTR_IRQ));
    if (tpr != (v->vdev.lapic.tpr & 0xf0))
        v->vdev.lapic.tpr = tpr;
    vmcb->eventinj = 0;
    if (unlikely(interrupted & EVENT_VALID) && !runs_again(interrupted) &&
        !still_offered(vmcb, interrupted))
        v->hw.pending = interrupted;
    vmcb->exitintinfo = 0;
}

/*
 * The IRET of an NMI handler exits before it executes (APM vol. 2, 15.9), and an NMI that was
 * injected there would use the stack that IRET is about to leave. So IRET is stepped over: whether
 * a trap follows an instruction depends on TF at its beginning (APM vol. 2, 13.1.4), so it comes
 * behind IRET, which has loaded the guest's own flags. An interrupt shadow would do without TF, but
 * does not keep an injected event back, and QEMU 7.2 forgets it at VMRUN. Should IRET fault, its
 * handler finds TF in the frame.
 */
void inject_iret(struct vcpu *v)
{
    bit_clear(v->hw.vmcb->intercepts, VMEXIT_IRET);
    v->hw.stepping = true;
    v->hw.step_guests = v->hw.vmcb->rflags & RFLAGS_TF;
    v->hw.step_dr6 = v->hw.vmcb->dr6;
    v->hw.vmcb->rflags |= RFLAGS_TF;
}

bool inject_stepped(struct vcpu *v)
{
    uint64_t raised = v->hw.vmcb->dr6 & ~v->hw.step_dr6 & DR6_RAISED;

    if (!v->hw.stepping)
        return false;
    v->hw.stepping = v->hw.nmi_blocked = false;
    if (v->hw.step_guests)
        return false;
    v->hw.vmcb->dr6 = (v->hw.vmcb->dr6 & ~DR6_SINGLE_STEP) | (v->hw.step_dr6 & DR6_SINGLE_STEP);
    return !(raised & ~DR6_SINGLE_STEP); /* IRET may have met a breakpoint, too */
}
