/* SPDX-License-Identifier: MIT */
/*
 * Whole register contexts of a vcpu: after INIT and SIPI, for a PVH start, and the record that domctl
 * get/sethvmcontext carries (<xen/arch-x86/hvm/save.h>). Segment attributes there are in the VMCB's own
 * packing (type, S, DPL, P, AVL, L, D, G).
 */
#include "cpu.h"
#include "errors.h"
#include "vmcb.h"
#include "xenpub.h"

#include <xen/hvm/save.h>

#define CR4_LEGAL 0x00770fffull  /* no CET, no LA57, no UMIP-unknowns beyond what CPUID offers */
#define EFER_LEGAL (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

static void set_segment(struct vcpu *v, enum svm_segment_name n, uint32_t selector, uint32_t attributes,
                        uint32_t limit, uint64_t base)
{
    v->vmcb->segment[n] = (struct svm_segment){.selector = (uint16_t)selector,
                                               .attributes = (uint16_t)(attributes & 0xfff),
                                               .limit = limit,
                                               .base = base};
}

/* What INIT leaves (APM vol. 2, 14.1.3), common to both starts below. */
static void reset(struct vcpu *v)
{
    struct vmcb *b = v->vmcb;

    switch_unload(v);
    v->regs = (struct guest_regs){ .rdx = 0x600 };
    b->rax = b->rsp = b->cr2 = b->cr3 = b->cr4 = 0;
    b->star = b->lstar = b->cstar = b->sfmask = b->kernel_gs_base = 0;
    b->sysenter_cs = b->sysenter_esp = b->sysenter_eip = 0;
    b->debugctl = 0;
    b->cr0 = CR0_ET;
    b->efer = EFER_SVME;
    b->rflags = RFLAGS_RESERVED;
    b->dr6 = 0xffff0ff0;
    b->dr7 = 0x400;
    b->cpl = 0;
    b->interrupt_shadow = 0;
    b->eventinj = 0;
    b->clean = 0;
    v->svm->pending = 0;
    v->svm->nmi_blocked = false;
    v->svm->flush_seen = ~0ull;
    for (int n = SEG_ES; n <= SEG_GS; n++)
        set_segment(v, (enum svm_segment_name)n, 0, 0x093, 0xffff, 0);
    set_segment(v, SEG_GDTR, 0, 0, 0xffff, 0);
    set_segment(v, SEG_IDTR, 0, 0, 0xffff, 0);
    set_segment(v, SEG_LDTR, 0, 0x082, 0xffff, 0);
    set_segment(v, SEG_TR, 0, 0x08b, 0xffff, 0);
    v->initialised = true;
}

void svm_reset_to_sipi(struct vcpu *v, uint8_t vector)
{
    reset(v);
    set_segment(v, SEG_CS, (uint32_t)vector << 8, 0x09b, 0xffff, (uint64_t)vector << 12);
    v->vmcb->rip = 0;
}

void svm_reset_to_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
    reset(v);
    v->vmcb->cr0 = CR0_ET | CR0_PE;
    for (int n = SEG_ES; n <= SEG_GS; n++)
        set_segment(v, (enum svm_segment_name)n, 0, 0xc93, 0xffffffff, 0);
    set_segment(v, SEG_CS, 0, 0xc9b, 0xffffffff, 0);
    set_segment(v, SEG_TR, 0, 0x08b, 0x67, 0);
    v->vmcb->rip = entry;
    v->regs.rbx = start_info;
}

#define FOR_EACH_SEGMENT(X)                                                                                  \
    X(cs, CS) X(ds, DS) X(es, ES) X(fs, FS) X(gs, GS) X(ss, SS) X(tr, TR) X(ldtr, LDTR)

void svm_save_context(struct vcpu *v, struct hvm_hw_cpu *c)
{
    const struct vmcb *b = v->vmcb;
    const struct guest_regs *r = &v->regs;

    switch_unload(v);
    memset(c, 0, sizeof(*c));
    memcpy(c->fpu_regs, v->xsave, sizeof(c->fpu_regs));
    c->flags = XEN_X86_FPU_INITIALISED;
    c->rax = b->rax; c->rbx = r->rbx; c->rcx = r->rcx; c->rdx = r->rdx;
    c->rbp = r->rbp; c->rsi = r->rsi; c->rdi = r->rdi; c->rsp = b->rsp;
    c->r8 = r->r8; c->r9 = r->r9; c->r10 = r->r10; c->r11 = r->r11;
    c->r12 = r->r12; c->r13 = r->r13; c->r14 = r->r14; c->r15 = r->r15;
    c->rip = b->rip; c->rflags = b->rflags;
    c->cr0 = b->cr0; c->cr2 = b->cr2; c->cr3 = b->cr3; c->cr4 = b->cr4;
    c->dr0 = v->svm->dr[0]; c->dr1 = v->svm->dr[1]; c->dr2 = v->svm->dr[2]; c->dr3 = v->svm->dr[3];
    c->dr6 = b->dr6; c->dr7 = b->dr7;
#define SAVE(low, NAME) \
    c->low##_sel = b->segment[SEG_##NAME].selector; c->low##_limit = b->segment[SEG_##NAME].limit; \
    c->low##_base = b->segment[SEG_##NAME].base; c->low##_arbytes = b->segment[SEG_##NAME].attributes;
    FOR_EACH_SEGMENT(SAVE)
#undef SAVE
    c->idtr_base = b->segment[SEG_IDTR].base; c->idtr_limit = b->segment[SEG_IDTR].limit;
    c->gdtr_base = b->segment[SEG_GDTR].base; c->gdtr_limit = b->segment[SEG_GDTR].limit;
    c->sysenter_cs = b->sysenter_cs; c->sysenter_esp = b->sysenter_esp; c->sysenter_eip = b->sysenter_eip;
    c->shadow_gs = b->kernel_gs_base;
    c->msr_lstar = b->lstar; c->msr_star = b->star; c->msr_cstar = b->cstar; c->msr_syscall_mask = b->sfmask;
    c->msr_efer = b->efer & ~EFER_SVME;
    c->msr_tsc_aux = v->vdev.tsc_aux;
    c->tsc = rdtsc();
    if (v->svm->pending & EVENT_VALID) {
        c->pending_event = (uint32_t)v->svm->pending;
        c->error_code = (uint32_t)(v->svm->pending >> 32);
    }
}

/* What VMRUN would refuse (APM vol. 2, 15.5.1), and what no guest may have. */
static int check_context(const struct hvm_hw_cpu *c)
{
    bool lme = c->msr_efer & EFER_LME, pg = c->cr0 & CR0_PG, pae = c->cr4 & (1u << 5);

    if ((c->cr0 >> 32) || (c->cr4 & ~CR4_LEGAL) || (c->msr_efer & ~EFER_LEGAL) || (c->dr6 >> 32) ||
        (c->dr7 >> 32))
        return -EINVAL;
    if (pg && !(c->cr0 & CR0_PE))
        return -EINVAL;
    if (!(c->cr0 & (1u << 30)) && (c->cr0 & (1u << 29)))
        return -EINVAL;
    if (lme && pg && (!pae || ((c->cs_arbytes & (1u << 9)) && (c->cs_arbytes & (1u << 10)))))
        return -EINVAL;
    if (c->cr3 >> cpu_features.physical_bits)
        return -EINVAL;
    if ((c->pending_event & (1u << 31)) && EVENT_TYPE((uint64_t)c->pending_event) > EVENT_TYPE_SOFT)
        return -EINVAL;
    return 0;
}

int svm_load_context(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    struct vmcb *b = v->vmcb;
    int rc = check_context(c);

    if (rc)
        return rc;
    reset(v);
    if (c->flags & XEN_X86_FPU_INITIALISED)
        fpu_load(v, c->fpu_regs, sizeof(c->fpu_regs), XCR0_LEGACY);
    v->regs = (struct guest_regs){
        .rbx = c->rbx, .rcx = c->rcx, .rdx = c->rdx, .rsi = c->rsi, .rdi = c->rdi, .rbp = c->rbp,
        .r8 = c->r8, .r9 = c->r9, .r10 = c->r10, .r11 = c->r11,
        .r12 = c->r12, .r13 = c->r13, .r14 = c->r14, .r15 = c->r15,
    };
    b->rax = c->rax; b->rsp = c->rsp; b->rip = c->rip; b->rflags = (c->rflags & 0x3f7fd7) | RFLAGS_RESERVED;
    b->cr0 = c->cr0 | CR0_ET; b->cr2 = c->cr2; b->cr3 = c->cr3; b->cr4 = c->cr4;
    v->svm->dr[0] = c->dr0; v->svm->dr[1] = c->dr1; v->svm->dr[2] = c->dr2; v->svm->dr[3] = c->dr3;
    b->dr6 = c->dr6; b->dr7 = c->dr7;
#define LOAD(low, NAME)                                                                                      \
    set_segment(v, SEG_##NAME, c->low##_sel, c->low##_arbytes, c->low##_limit, c->low##_base);
    FOR_EACH_SEGMENT(LOAD)
#undef LOAD
    set_segment(v, SEG_IDTR, 0, 0, c->idtr_limit, c->idtr_base);
    set_segment(v, SEG_GDTR, 0, 0, c->gdtr_limit, c->gdtr_base);
    b->cpl = (uint8_t)(c->ss_arbytes >> 5 & 3);
    b->sysenter_cs = c->sysenter_cs; b->sysenter_esp = c->sysenter_esp; b->sysenter_eip = c->sysenter_eip;
    b->kernel_gs_base = c->shadow_gs;
    b->lstar = c->msr_lstar; b->star = c->msr_star; b->cstar = c->msr_cstar; b->sfmask = c->msr_syscall_mask;
    b->efer = c->msr_efer | EFER_SVME;
    v->vdev.tsc_aux = c->msr_tsc_aux;
    if (c->pending_event & (1u << 31))
        v->svm->pending = c->pending_event | (uint64_t)c->error_code << 32;
    v->down = false;
    return 0;
}

void svm_save_xsave(struct vcpu *v, struct hvm_hw_cpu_xsave *x)
{
    x->xfeature_mask = cpu_features.xcr0_mask;
    x->xcr0 = x->xcr0_accum = v->svm->xcr0;
    memcpy(&x->save_area, v->xsave, MIN(XSAVE_AREA_MAX, cpu_features.xsave_size));
}

int svm_load_xsave(struct vcpu *v, const struct hvm_hw_cpu_xsave *x)
{
    if (!svm_xcr0_allowed(v->d, x->xcr0))
        return -EINVAL;
    v->svm->xcr0 = x->xcr0;
    fpu_load(v, &x->save_area, XSAVE_AREA_MAX, x->save_area.xsave_hdr.xstate_bv);
    return 0;
}
