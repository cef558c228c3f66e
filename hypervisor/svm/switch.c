/* SPDX-License-Identifier: MIT */
/*
 * Switches the state that VMRUN does not, when the vcpu on a CPU changes.
 *
 * By VMLOAD and VMSAVE (APM vol. 2, 15.5.2): FS, GS, TR, LDTR, KERNEL_GS, STAR etc., SYSENTER. The
 * core needs none of these, so they stay loaded until the next vcpu's replace them or the CPU
 * idles. Code that needs them in the VMCB calls switch_unload first. Most exits therefore cost
 * nothing here. Meanwhile only the stacks of NMI, #DF and #MC, which need the host's TR, are
 * unavailable (cpu/traps.c explains why that is safe).
 *
 * By software: FPU and vector registers (eagerly, since some emulators and CPUs do not trap every
 * use under CR0.TS), XCR0, the debug address registers, TSC_AUX, and the branch predictors between
 * domains. PKRU, which is not offered to guests but which any guest can enable, is only cleared.
 *
 * XCR0 (0 without XSAVE) holds the host's full mask between vcpus, and the guest's value while a
 * vcpu is loaded. It is read back when the vcpu leaves, because QEMU before 8 does not deliver the
 * XSETBV intercept. The run loop calls hw_switch_out before it returns the vcpu to the scheduler:
 * its state is complete in memory before another CPU can take it.
 */
#include "svm/switch.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/traps.h"
#include "hw.h"
#include "lib.h"
#include "percpu.h"

void switch_load(struct vcpu *v)
{
    if (likely(v->hw.loaded))
        return;
    traps_own_stacks(false);
    __asm__ volatile("vmload %0" : : "a"(mfn_to_paddr(v->hw.vmcb_mfn)) : "memory");
    v->hw.loaded = true;
}

void switch_unload(struct vcpu *v)
{
    if (v->hw.loaded)
        __asm__ volatile("vmsave %0" : : "a"(mfn_to_paddr(v->hw.vmcb_mfn)) : "memory");
    v->hw.loaded = false;
}

void hw_switch_out(struct cpu *c, struct vcpu *v, bool idle)
{
    struct hw_vcpu *s = &v->hw;

    switch_unload(v);
    if (idle) { /* else the next vcpu's state replaces this one's */
        __asm__ volatile("vmload %0" : : "a"(c->host_vmcb) : "memory");
        traps_own_stacks(true);
    }
    s->xcr0 = cpu_features.xcr0_mask ? cpu_xgetbv() : 0;
    if (s->xcr0 != cpu_features.xcr0_mask)
        cpu_xsetbv(cpu_features.xcr0_mask);
    fpu_save(v);
    __asm__ volatile("mov %%db0, %0; mov %%db1, %1; mov %%db2, %2; mov %%db3, %3"
                     : "=r"(s->dr[0]), "=r"(s->dr[1]), "=r"(s->dr[2]), "=r"(s->dr[3]));
    c->vcpu = NULL;
}

void hw_switch_in(struct cpu *c, struct vcpu *v)
{
    static domid_t last[MAX_CPUS]; /* by id: a new domain may have the address of a freed one */
    struct hw_vcpu *s = &v->hw;

    if (cpu_features.ibpb && last[c->id] != v->d->id)
        cpu_wrmsr(MSR_PRED_CMD, 1);
    last[c->id] = v->d->id;
    fpu_restore(v);
    if (s->xcr0 != cpu_features.xcr0_mask)
        cpu_xsetbv(s->xcr0);
    __asm__ volatile("mov %0, %%db0; mov %1, %%db1; mov %2, %%db2; mov %3, %%db3"
                     :
                     : "r"(s->dr[0]), "r"(s->dr[1]), "r"(s->dr[2]), "r"(s->dr[3]));
    if (cpu_features.rdtscp)
        cpu_wrmsr(MSR_TSC_AUX, v->vdev.tsc_aux);
    if (cpu_features.pku)
        __asm__ volatile("wrpkru" : : "a"(0), "c"(0), "d"(0));
    if (!bit_test(&v->d->p2m.dirty_cpus, c->id))
        bit_set(&v->d->p2m.dirty_cpus, c->id);
    c->vcpu = v;
}
