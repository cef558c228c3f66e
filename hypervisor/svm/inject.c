/* SPDX-License-Identifier: MIT */
/*
 * What the next entry delivers to the guest; the only place that writes EVENTINJ (APM vol. 2, 15.20 and 15.21).
 *
 * Order: what a fault interrupted last time (EXITINTINFO) or an exception that the core raises; then an NMI, unless one is
 * being handled (until IRET); then an interrupt, when the guest takes any. If it does not take one now, a virtual interrupt
 * opens a window: the CPU exits at the first moment when it would be taken (its priority against V_TPR included).
 */
#include "cpu.h"
#include "vmcb.h"

/* Classes of exceptions for the double-fault rule (APM vol. 2, table 8-3). */
static bool contributory(unsigned int vector)
{
    return vector == EXC_DE || (vector >= 10 && vector <= EXC_GP);
}

void svm_inject_exception(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error)
{
    uint64_t old = v->svm->pending;

    if (old & EVENT_VALID && EVENT_TYPE(old) == EVENT_TYPE_EXCEPTION) {
        unsigned int first = EVENT_VECTOR(old);

        if (first == EXC_DF) {
            domain_crash(v, "triple fault: exception %u while delivering a double fault", vector);
            return;
        }
        if ((contributory(first) && contributory(vector)) ||
            (first == EXC_PF && (vector == EXC_PF || contributory(vector)))) {
            vector = EXC_DF;
            has_error = true;
            error = 0;
        }
    }
    v->svm->pending = vector | EVENT_TYPE_EXCEPTION << 8 | EVENT_VALID |
                      (has_error ? EVENT_HAS_ERROR | (uint64_t)error << 32 : 0);
}

void svm_inject_page_fault(struct vcpu *v, uint64_t address, uint32_t error)
{
    v->vmcb->cr2 = address;
    svm_inject_exception(v, EXC_PF, true, error);
}

bool svm_interrupts_enabled(struct vcpu *v)
{
    return (v->vmcb->rflags & RFLAGS_IF) && !(v->vmcb->interrupt_shadow & 1);
}

static void open_window(struct vmcb *vmcb, unsigned int vector)
{
    vmcb->vintr = (vmcb->vintr & (VINTR_TPR_MASK | VINTR_MASKING)) | VINTR_IRQ |
                  (uint64_t)(vector >> 4) << VINTR_PRIORITY_SHIFT;
    vmcb->intercept_1 |= INTERCEPT_VINTR;
    vmcb->clean = 0;
}

static void close_window(struct vmcb *vmcb)
{
    if (vmcb->vintr & VINTR_IRQ) {
        vmcb->vintr &= VINTR_TPR_MASK | VINTR_MASKING;
        vmcb->intercept_1 &= ~INTERCEPT_VINTR;
        vmcb->clean = 0;
    }
}

/* The vector to deliver: the event callback that bypasses the local APIC, or the local APIC's best; -1: none. */
static int wanted_vector(struct vcpu *v, bool *from_apic)
{
    if (v->d->vdev.callback_vector && !v->vdev.upcall_vector && READ_ONCE(v->info->evtchn_upcall_pending)) {
        *from_apic = false;
        return (int)v->d->vdev.callback_vector;
    }
    *from_apic = true;
    return lapic_highest_pending(v);
}

void inject_prepare(struct vcpu *v)
{
    struct vmcb *vmcb = v->vmcb;
    struct svm_vcpu *s = v->svm;
    bool from_apic;
    int vector;

    if (unlikely(v->vdev.sipi_vector >= 0)) {
        uint8_t page = (uint8_t)v->vdev.sipi_vector;
        v->vdev.sipi_vector = -1;
        svm_reset_to_sipi(v, page);
    }
    vmcb->vintr = (vmcb->vintr & ~VINTR_TPR_MASK) | (lapic_get_tpr(v) >> 4 & VINTR_TPR_MASK);
    vmcb->eventinj = s->pending;
    s->pending = 0;

    if (unlikely(v->vdev.nmi_pending) && !s->nmi_blocked && !(vmcb->eventinj & EVENT_VALID)) {
        v->vdev.nmi_pending = false;
        s->nmi_blocked = true;
        vmcb->intercept_1 |= INTERCEPT_IRET;
        vmcb->eventinj = 2 | EVENT_TYPE_NMI << 8 | EVENT_VALID;
    }

    vector = wanted_vector(v, &from_apic);
    if (likely(vector < 0)) {
        close_window(vmcb);
        return;
    }
    if ((vmcb->eventinj & EVENT_VALID) || !svm_interrupts_enabled(v)) {
        open_window(vmcb, from_apic ? (unsigned int)vector : 0xff);
        return;
    }
    close_window(vmcb);
    if (from_apic)
        lapic_accept(v, (uint8_t)vector);
    vmcb->eventinj = (uint64_t)vector | EVENT_TYPE_INTR << 8 | EVENT_VALID;
    if (from_apic && lapic_highest_pending(v) >= 0)
        open_window(vmcb, (unsigned int)lapic_highest_pending(v));
}

void inject_recover(struct vcpu *v)
{
    struct vmcb *vmcb = v->vmcb;
    uint64_t interrupted = vmcb->exitintinfo;
    uint32_t tpr = (uint32_t)(vmcb->vintr & VINTR_TPR_MASK) << 4;

    if (tpr != (lapic_get_tpr(v) & 0xf0))
        lapic_set_tpr(v, tpr);
    vmcb->eventinj = 0;
    /* A software interrupt is not repeated here: RIP still names its instruction, which runs again. */
    if (unlikely(interrupted & EVENT_VALID) && EVENT_TYPE(interrupted) != EVENT_TYPE_SOFT)
        v->svm->pending = interrupted;
    vmcb->exitintinfo = 0;
}

void inject_nmi_window(struct vcpu *v)
{
    v->svm->nmi_blocked = false;
    v->vmcb->intercept_1 &= ~INTERCEPT_IRET;
    v->vmcb->clean = 0;
}
