/* SPDX-License-Identifier: MIT */
/*
 * SVM on and off: what a CPU needs before its first VMRUN, and a vcpu's VMCB (APM vol. 2, 15.2 to 15.5 and
 * appendix B). Intercepted is what the core must see; everything else runs at the CPU's speed.
 */
#include "alloc.h"
#include "cpu.h"
#include "directmap.h"
#include "errors.h"
#include "vmcb.h"

#define VM_CR_SVMDIS (1u << 4)
#define CPUID_SVM_NPT (1u << 0)

/* Refuses to go on, in words, where the CPU cannot do what everything here stands on. */
static void check_features(void)
{
    uint32_t r[4];

    cpu_cpuid(0x80000000, 0, r);
    if (r[0] < 0x8000000a)
        panic("this CPU (%s) has no SVM leaf; Cleave needs AMD SVM with nested paging. Under QEMU: -cpu "
              "EPYC,+svm,+npt\n",
              cpu_features.vendor);
    cpu_cpuid(0x80000001, 0, r);
    if (!(r[2] & (1u << 2)))
        panic("this CPU has no SVM. Under QEMU: -cpu EPYC,+svm,+npt\n");
    cpu_cpuid(0x8000000a, 0, r);
    if (!(r[3] & CPUID_SVM_NPT))
        panic("this CPU has SVM but no nested paging (NPT). Under QEMU add +npt to -cpu\n");
    if (cpu_rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
        panic("SVM is switched off by the firmware (VM_CR.SVMDIS): enable it in its setup\n");
}

void svm_init(void)
{
    check_features();
    permissions_init();
}

void svm_init_cpu(void)
{
    struct cpu *c = this_cpu();
    mfn_t save = alloc_core(0), host = alloc_core(0);

    if (!mfn_valid_number(save) || !mfn_valid_number(host))
        panic("no memory for CPU %u's host save areas\n", c->id);
    cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | EFER_SVME);
    cpu_wrmsr(MSR_VM_HSAVE_PA, mfn_to_paddr(save));
    c->host_vmcb = mfn_to_paddr(host);
    __asm__ volatile("vmsave %0" : : "a"(c->host_vmcb) : "memory");
    tlb_init_cpu(c);
}

static void set_intercepts(struct vmcb *vmcb)
{
    vmcb->intercept_exceptions = 1u << 1 | 1u << 17 | 1u << 18;
    vmcb->intercept_1 = INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_SMI | INTERCEPT_INIT | INTERCEPT_RDPMC |
                        INTERCEPT_CPUID | INTERCEPT_INVD | INTERCEPT_HLT | INTERCEPT_INVLPGA |
                        INTERCEPT_IOIO | INTERCEPT_MSR | INTERCEPT_TASK | INTERCEPT_SHUTDOWN;
    vmcb->intercept_2 = INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD | INTERCEPT2_VMSAVE |
                        INTERCEPT2_STGI | INTERCEPT2_CLGI | INTERCEPT2_SKINIT | INTERCEPT2_WBINVD |
                        INTERCEPT2_MONITOR | INTERCEPT2_MWAIT | INTERCEPT2_MWAIT_ARMED | INTERCEPT2_XSETBV;
}

int svm_init_vcpu(struct vcpu *v)
{
    mfn_t m = alloc_core(0);

    v->svm = heap_alloc(sizeof(*v->svm));
    v->xsave = fpu_alloc();
    if (!mfn_valid_number(m) || !v->svm || !v->xsave) {
        if (mfn_valid_number(m))
            free_core(m, 0);
        heap_free(v->svm);
        heap_free(v->xsave);
        v->svm = NULL;
        v->xsave = NULL;
        return -ENOMEM;
    }
    v->vmcb_mfn = m;
    v->vmcb = mfn_to_virt(m);
    v->svm->asid_cpu = ~0u;
    v->svm->xcr0 = 1;
    set_intercepts(v->vmcb);
    v->vmcb->iopm = v->d->vdev.io_bitmap ? v->d->vdev.io_bitmap_paddr : permissions_iopm_deny_all();
    v->vmcb->msrpm = permissions_msrpm();
    v->vmcb->vintr = VINTR_MASKING;
    v->vmcb->np_enable = 1;
    v->vmcb->ncr3 = mfn_to_paddr(v->d->p2m.root);
    v->vmcb->g_pat = 0x0007040600070406ull;
    svm_reset_to_sipi(v, 0xf0);
    v->initialised = false;
    return 0;
}

void svm_destroy_vcpu(struct vcpu *v)
{
    if (v->vmcb)
        free_core(v->vmcb_mfn, 0);
    heap_free(v->svm);
    heap_free(v->xsave);
    v->vmcb = NULL;
    v->svm = NULL;
    v->xsave = NULL;
}
