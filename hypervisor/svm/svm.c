/* SPDX-License-Identifier: MIT */
/*
 * Enables SVM on a CPU, and initialises a vcpu's VMCB (APM vol. 2, 15.2 to 15.5 and appendix B).
 * Intercepts: exits.c.
 */
#include "core/domain.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/traps.h"
#include "directmap.h"
#include "errors.h"
#include "hw.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/heap.h"
#include "percpu.h"
#include "svm/exits.h"
#include "svm/permissions.h"
#include "svm/state.h"
#include "svm/vmcb.h"
#include "svm/world.h"

#define VM_CR_SVMDIS (1u << 4)

void hw_init(void)
{
    if (cpu_rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
        panic("SVM is disabled by firmware (VM_CR.SVMDIS): enable it in the firmware setup\n");
    permissions_init();
    traps_step_rip = (uint64_t)world_switch_back;
}

void hw_init_cpu(void)
{
    struct cpu *c = this_cpu();
    mfn_t save = alloc_core(0), host = alloc_core(0);

    if (!mfn_valid_number(save) || !mfn_valid_number(host))
        panic("no memory for CPU %u's host save areas\n", c->id);
    cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | EFER_SVME);
    cpu_wrmsr(MSR_VM_HSAVE_PA, mfn_to_paddr(save));
    c->host_vmcb = mfn_to_paddr(host);
    __asm__ volatile("vmsave %0" : : "a"(c->host_vmcb) : "memory");
}

static void release_vcpu(struct vcpu *v)
{
    if (mfn_valid_number(v->hw.vmcb_mfn))
        alloc_free(v->hw.vmcb_mfn, 0);
    heap_free(v->xsave);
    v->hw.vmcb_mfn = MFN_NONE;
    v->hw.vmcb = NULL;
    v->xsave = NULL;
}

static int init_control_block(struct vcpu *v)
{
    v->hw.vmcb_mfn = alloc_core(0);
    v->xsave = fpu_alloc();
    if (!mfn_valid_number(v->hw.vmcb_mfn) || !v->xsave) {
        release_vcpu(v);
        return -ENOMEM;
    }
    v->hw.vmcb = mfn_to_virt(v->hw.vmcb_mfn);
    v->hw.xcr0 = cpu_features.xcr0_mask & 1;
    exits_set_intercepts(v->hw.vmcb);
    v->hw.vmcb->iopm = permissions_iopm(v->d);
    v->hw.vmcb->msrpm = permissions_msrpm();
    v->hw.vmcb->vintr = VINTR_MASKING;
    v->hw.vmcb->np_enable = 1;
    v->hw.vmcb->ncr3 = mfn_to_paddr(v->d->p2m.root);
    v->hw.vmcb->g_pat = PAT_DEFAULT;
    hw_reset_to_sipi(v, 0xf0);
    v->initialised = false;
    return 0;
}

const struct domain_part hw_part = {
    .init_vcpu = init_control_block,
    .release_vcpu = release_vcpu,
    .dump_vcpu = state_dump,
};
