/* SPDX-License-Identifier: MIT */
/*
 * Delivery of events into the guest (APM vol. 2, 15.20 and 15.21).
 *
 * EVENTINJ carries the event whose delivery the last exit interrupted (EXITINTINFO), an exception
 * raised by the core, or an NMI. An interrupt is offered as a virtual interrupt (V_IRQ). The CPU
 * clears V_IRQ when the guest takes the interrupt.
 *
 * Interrupts never use EVENTINJ. QEMU (7.2 to 10) records such a vector as a pending exception. If
 * its vCPU thread is then stopped before anything else happens, it delivers the vector again, at
 * the first instruction of the handler, with interrupts off.
 *
 * Read next: asid.c.
 */
#include "svm/deliver.h"
#include "core/vcpu.h"
#include "hw.h"
#include "lib.h"
#include "mm/guest.h"
#include "svm/vmcb.h"

#define OPCODE_HLT 0xf4

bool hw_interrupts_enabled(struct vcpu *v)
{
    return (v->hw.vmcb->rflags & RFLAGS_IF) && !(v->hw.vmcb->interrupt_shadow & 1);
}

/*
 * With STI; HLT and a pending interrupt, HLT executes in the shadow of STI and ends at once. Skips
 * the HLT, so that the interrupt is taken after it. False: the code is not there, perhaps as it is
 * paged, and the guest is to meet that first.
 */
static bool retire_halt(struct vcpu *v)
{
    struct guest_paging p = hw_get_paging(v);
    uint8_t opcode;

    if (guest_copy(v->d, &p, false, hw_code_address(v), &opcode, 1))
        return false;
    if (opcode == OPCODE_HLT) {
        v->hw.vmcb->rip++;
        v->hw.vmcb->interrupt_shadow = 0;
    }
    return true;
}

void hw_inject_pending(struct vcpu *v)
{
    v->hw.vmcb->eventinj = v->hw.pending;
    v->hw.pending = 0;
}

bool hw_inject_nmi(struct vcpu *v)
{
    struct vmcb *vmcb = v->hw.vmcb;

    if (v->hw.nmi_blocked || (vmcb->eventinj & EVENT_VALID))
        return false;
    v->hw.nmi_blocked = true;
    bit_set(vmcb->intercepts, VMEXIT_IRET);
    vmcb->eventinj = 2 | EVENT_TYPE_NMI << 8 | EVENT_VALID;
    return true;
}

void hw_offer_nothing(struct vcpu *v)
{
    v->hw.vmcb->vintr = VINTR_MASKING | (v->vdev.lapic.tpr >> 4 & VINTR_TPR_MASK);
}

bool hw_offer_interrupt(struct vcpu *v, int vector, bool heeds_tpr)
{
    struct vmcb *vmcb = v->hw.vmcb;

    hw_offer_nothing(v);
    if (vector < 0 || v->hw.stepping) /* the frame would contain the TF of deliver_iret */
        return false;
    if (unlikely(vmcb->interrupt_shadow & 1) && (vmcb->rflags & RFLAGS_IF) && !retire_halt(v))
        return false;
    vmcb->vintr |= VINTR_IRQ | (uint64_t)vector << VINTR_VECTOR_SHIFT |
                   (heeds_tpr ? (uint64_t)(vector >> 4) << VINTR_PRIORITY_SHIFT : VINTR_IGNORE_TPR);
    return true;
}

bool hw_offer_taken(struct vcpu *v) { return !(v->hw.vmcb->vintr & VINTR_IRQ); }
uint32_t hw_get_tpr(struct vcpu *v) { return (uint32_t)(v->hw.vmcb->vintr & VINTR_TPR_MASK) << 4; }

/*
 * True if EXITINTINFO has the offered vector as an exception, with a vector that no exception has,
 * while V_IRQ is still set. QEMU reports an undelivered offer this way, and the offer will be
 * repeated. Another vector, or type interrupt, comes from EVENTINJ. It must be injected again, else
 * it is lost while its ISR bit stays set.
 *
 * An offer that ignores the TPR may be of a PIC, whose vectors in real mode are those of
 * exceptions. If it was such an exception after all, a fault, its instruction executes again.
 */
static bool still_offered(const struct vmcb *vmcb, uint64_t event)
{
    return (vmcb->vintr & VINTR_IRQ) && EVENT_TYPE(event) == EVENT_TYPE_EXCEPTION &&
           (EVENT_VECTOR(event) >= 32 || (vmcb->vintr & VINTR_IGNORE_TPR)) &&
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

void deliver_cancel(struct vcpu *v) { v->hw.pending = v->hw.vmcb->eventinj; }

/*
 * An exit before the guest has executed an instruction leaves the shadow as it was, but QEMU 7.2
 * drops it at VMRUN. Without it an interrupt would come before the HLT that is to end by it, and
 * the guest would sleep.
 */
static void keep_shadow(struct hw_vcpu *hw)
{
    if (hw->vmcb->rip == hw->shadowed)
        hw->vmcb->interrupt_shadow |= 1;
    hw->shadowed = hw->vmcb->interrupt_shadow & 1 ? hw->vmcb->rip : ~0ull;
}

void deliver_recover(struct vcpu *v)
{
    struct vmcb *vmcb = v->hw.vmcb;
    uint64_t interrupted = vmcb->exitintinfo;

    keep_shadow(&v->hw);
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
void deliver_iret(struct vcpu *v)
{
    bit_clear(v->hw.vmcb->intercepts, VMEXIT_IRET);
    v->hw.stepping = true;
    v->hw.step_guests = v->hw.vmcb->rflags & RFLAGS_TF;
    v->hw.step_dr6 = v->hw.vmcb->dr6;
    v->hw.vmcb->rflags |= RFLAGS_TF;
}

bool deliver_stepped(struct vcpu *v)
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
