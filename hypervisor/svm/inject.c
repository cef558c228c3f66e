/* SPDX-License-Identifier: MIT */
/*
 * Injection: chooses what the next entry delivers to the guest (APM vol. 2, 15.20 and 15.21).
 *
 * EVENTINJ carries the event whose delivery the last exit interrupted (EXITINTINFO), an exception
 * raised by the core, or an NMI unless one is being handled (until its IRET has executed). An
 * interrupt is offered in addition, as a virtual interrupt (V_IRQ). The CPU takes it as soon as the
 * guest can take interrupts (IF, interrupt shadow, V_TPR), without an exit. An offered vector
 * leaves the local APIC's IRR at once, so it can be requested again while its handler runs. If
 * V_IRQ is still set after the exit, the vector returns to the IRR.
 *
 * Interrupts never use EVENTINJ. QEMU (7.2 to 10) records such a vector as a pending exception. If
 * its vCPU thread is then stopped before anything else happens, it delivers the vector again, at
 * the first instruction of the handler, with interrupts off.
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
 * With STI; HLT and a pending interrupt, HLT executes in the shadow of STI and ends at once. Skips
 * the HLT, so that the interrupt is taken after it.
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
 * Offers the event callback, which bypasses the local APIC, or the highest request of the local
 * APIC. If both can be taken, the local APIC goes first, whatever the vectors: its EOI causes an
 * exit, after which the callback is offered. The end of the callback's handler causes no exit, so
 * the local APIC's request would wait for an unrelated exit.
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
    if (unlikely(v->hw.stepping)) { /* its frame would contain the TF of inject_iret */
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
        lapic_reset(v, true); /* again: an interrupt may have arrived since INIT */
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
 * True if EXITINTINFO has the offered vector as an exception, with a vector that no exception has,
 * while V_IRQ is still set. QEMU reports an undelivered offer this way, and the offer will be
 * repeated. Another vector, or type interrupt, comes from EVENTINJ. It must be injected again, else
 * it is lost while its ISR bit stays set.
 */
static bool still_offered(const struct vmcb *vmcb, uint64_t event)
{
    return (vmcb->vintr & VINTR_IRQ) && EVENT_VECTOR(event) >= 32 &&
           EVENT_TYPE(event) == EVENT_TYPE_EXCEPTION &&
           EVENT_VECTOR(event) == EVENT_VECTOR(vmcb->vintr >> VINTR_VECTOR_SHIFT);
}

/*
 * Software interrupts, INT3 and INTO are not injected again: RIP still points to the instruction,
 * which executes again.
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
 * Steps over the IRET of an NMI handler. IRET exits before it executes (APM vol. 2, 15.9), and an
 * NMI injected there would use the stack that IRET is about to leave. Whether an instruction is
 * followed by a single-step trap depends on TF at its start (APM vol. 2, 13.1.4). So the trap comes
 * after IRET, which has loaded the guest's RFLAGS. An interrupt shadow would not need TF, but does
 * not delay an injected event, and QEMU 7.2 drops it at VMRUN. If IRET faults, the frame of that
 * fault contains TF.
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
    return !(raised & ~DR6_SINGLE_STEP); /* IRET may also have hit a breakpoint */
}
