/* SPDX-License-Identifier: MIT */
/*
 * The exception to inject at the next entry, including the combination of two (APM vol. 2, 8.2.9).
 * Read next: deliver.c.
 */
#include "core/domain_shutdown.h"
#include "core/vcpu.h"
#include "hw.h"
#include "svm/vmcb.h"

/* exceptions with an error code, as bits: 8, 10-14, 17 */
#define WITH_ERROR_CODE 0x27d00u

/* Classifies exceptions for the double-fault rule (APM vol. 2, table 8-3). */
static bool is_contributory(unsigned int vector)
{
    return vector == EXC_DE || (vector >= 10 && vector <= EXC_GP);
}

void hw_inject_exception(struct vcpu *v, unsigned int vector, uint32_t error)
{
    uint64_t old = v->hw.pending;

    if (old & EVENT_VALID && EVENT_TYPE(old) == EVENT_TYPE_EXCEPTION) {
        unsigned int first = EVENT_VECTOR(old);

        if (first == EXC_DF) {
            domain_crash(v, "triple fault: exception %u while delivering a double fault", vector);
            return;
        }
        if ((is_contributory(first) && is_contributory(vector)) ||
            (first == EXC_PF && (vector == EXC_PF || is_contributory(vector)))) {
            vector = EXC_DF;
            error = 0;
        }
    }
    v->hw.pending = vector | EVENT_TYPE_EXCEPTION << 8 | EVENT_VALID |
                    (WITH_ERROR_CODE >> vector & 1 ? EVENT_HAS_ERROR | (uint64_t)error << 32 : 0);
    if (vector == EXC_DB) /* clear in its handler (APM vol. 2, 13.1.1.4); EVENTINJ does not do it */
        v->hw.vmcb->dr7 &= ~DR7_GD;
}

void hw_inject_page_fault(struct vcpu *v, uint64_t address, uint32_t error)
{
    v->hw.vmcb->cr2 = address;
    hw_inject_exception(v, EXC_PF, error);
}
