/* SPDX-License-Identifier: MIT */
/*
 * Complete register contexts of a vcpu: after INIT and SIPI, at a PVH start, the record of domctl
 * get/sethvmcontext (<xen/arch-x86/hvm/save.h>), and the start state of VCPUOP_initialise
 * (<xen/hvm/hvm_vcpu.h>). Segment attributes there have the format of the VMCB (type, S, DPL, P,
 * AVL, L, D, G).
 */
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "errors.h"
#include "hw.h"
#include "lib.h"
#include "svm/switch.h"
#include "svm/vmcb.h"
#include "vdev/cpuid.h"

#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/save.h>

#define DR6_DEFAULT 0xffff0ff0
#define DR7_DEFAULT 0x400

/* Sets the state after INIT (APM vol. 2, 14.1.3). */
static void reset_state(struct vcpu *v)
{
    struct vmcb *b = v->hw.vmcb;
    uint64_t pat = b->g_pat;

    switch_unload(v);
    v->regs = (struct guest_regs){ .rdx = 0x600 };
    v->hw.pending = 0;
    v->hw.nmi_blocked = v->hw.stepping = false;
    v->hw.flush_seen = ~0ull;
    b->interrupt_shadow = 0;
    b->eventinj = 0;
    b->lbr_control = 0;
    memset((char *)b + offsetof(struct vmcb, segment), 0,
           sizeof(*b) - offsetof(struct vmcb, segment));
    b->cr0 = CR0_ET;
    b->efer = EFER_SVME;
    b->rflags = RFLAGS_RESERVED;
    b->dr6 = DR6_DEFAULT;
    b->dr7 = DR7_DEFAULT;
    b->g_pat = pat;
    for (unsigned int n = SEG_ES; n < SEG_COUNT; n++)
        b->segment[n] = (struct hw_segment){ .attributes = 0x093, .limit = 0xffff };
    b->segment[SEG_LDTR].attributes = 0x082;
    b->segment[SEG_TR].attributes = 0x08b;
    v->initialised = true;
}

void hw_reset_to_sipi(struct vcpu *v, uint8_t vector)
{
    reset_state(v);
    v->hw.vmcb->segment[SEG_CS] =
        (struct hw_segment){ (uint16_t)(vector << 8), 0x09b, 0xffff, vector << 12 };
}

void hw_reset_to_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
    struct vmcb *b = v->hw.vmcb;

    reset_state(v);
    b->cr0 = CR0_ET | CR0_PE;
    for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
        b->segment[n] = (struct hw_segment){ .attributes = 0xc93, .limit = 0xffffffff };
    b->segment[SEG_CS].attributes = 0xc9b;
    b->segment[SEG_TR].limit = 0x67;
    b->rip = entry;
    v->regs.rbx = start_info;
}

/*
 * The fields of the record: the offset in struct hvm_hw_cpu, and in the VMCB or struct vcpu, where
 * the field may be narrower. Fields with special rules are handled in the functions below.
 */
#define AT(structure, is_vmcb, field, place) \
    { \
        offsetof(struct hvm_hw_cpu, field), offsetof(struct structure, place), \
            sizeof(((struct structure *)0)->place), is_vmcb \
    }
#define VMCB(field, place) AT(vmcb, true, field, place)
#define VCPU(field, place) AT(vcpu, false, field, place)
#define TABLE(name, n) VMCB(name##_base, segment[n].base), VMCB(name##_limit, segment[n].limit)
#define SEGMENT(name, n) \
    TABLE(name, n), VMCB(name##_sel, segment[n].selector), \
        VMCB(name##_arbytes, segment[n].attributes)

/* clang-format off */
static const struct { uint16_t in_record, place, size; bool in_vmcb; } fields[] = {
    VCPU(rax, regs.rax), VCPU(rbx, regs.rbx), VCPU(rcx, regs.rcx), VCPU(rdx, regs.rdx),
    VCPU(rbp, regs.rbp), VCPU(rsi, regs.rsi), VCPU(rdi, regs.rdi), VCPU(rsp, regs.rsp),
    VCPU(r8, regs.r8), VCPU(r9, regs.r9), VCPU(r10, regs.r10), VCPU(r11, regs.r11),
    VCPU(r12, regs.r12), VCPU(r13, regs.r13), VCPU(r14, regs.r14), VCPU(r15, regs.r15),
    VMCB(rip, rip), VMCB(rflags, rflags),
    VMCB(cr0, cr0), VMCB(cr2, cr2), VMCB(cr3, cr3), VMCB(cr4, cr4),
    VCPU(dr0, hw.dr[0]), VCPU(dr1, hw.dr[1]), VCPU(dr2, hw.dr[2]), VCPU(dr3, hw.dr[3]),
    VMCB(dr6, dr6), VMCB(dr7, dr7),
    SEGMENT(cs, SEG_CS), SEGMENT(ds, SEG_DS), SEGMENT(es, SEG_ES), SEGMENT(fs, SEG_FS),
    SEGMENT(gs, SEG_GS), SEGMENT(ss, SEG_SS), SEGMENT(tr, SEG_TR), SEGMENT(ldtr, SEG_LDTR),
    TABLE(idtr, SEG_IDTR), TABLE(gdtr, SEG_GDTR),
    VMCB(sysenter_cs, sysenter_cs), VMCB(sysenter_esp, sysenter_esp),
    VMCB(sysenter_eip, sysenter_eip), VMCB(shadow_gs, kernel_gs_base), VMCB(msr_lstar, lstar),
    VMCB(msr_star, star), VMCB(msr_cstar, cstar), VMCB(msr_syscall_mask, sfmask),
    VMCB(msr_efer, efer), VCPU(msr_tsc_aux, vdev.tsc_aux),
};
/* clang-format on */

static void *place_of(struct vcpu *v, unsigned int i)
{
    return (fields[i].in_vmcb ? (char *)v->hw.vmcb : (char *)v) + fields[i].place;
}

void hw_save_context(struct vcpu *v, struct hvm_hw_cpu *c)
{
    switch_unload(v);
    *c = (struct hvm_hw_cpu){ .flags = XEN_X86_FPU_INITIALISED, .tsc = rdtsc() };
    memcpy(c->fpu_regs, v->xsave, sizeof(c->fpu_regs));
    for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
        memcpy((char *)c + fields[i].in_record, place_of(v, i), fields[i].size);
    c->msr_efer &= ~EFER_SVME;
    c->rflags &= ~(v->hw.stepping && !v->hw.step_guests ? RFLAGS_TF : 0);
    if (v->hw.pending & EVENT_VALID) {
        c->pending_event = (uint32_t)v->hw.pending;
        c->error_code = (uint32_t)(v->hw.pending >> 32);
    }
}

/*
 * Rejects values that VMRUN (APM vol. 2, 15.5.1) or WRMSR would refuse, or that no guest may have.
 */
static int check_context(struct domain *d, const struct hvm_hw_cpu *c)
{
    bool lme = c->msr_efer & EFER_LME, pg = c->cr0 & CR0_PG, pae = c->cr4 & CR4_PAE;
    bool code_64 = c->cs_arbytes & (1u << 9), code_32 = c->cs_arbytes & (1u << 10);
    bool nw = c->cr0 & (1u << 29), cd = c->cr0 & (1u << 30);

    if ((c->cr0 | c->dr6 | c->dr7 | c->msr_tsc_aux) >> 32 || (c->cr4 & ~cpuid_guest_cr4_mask(d)) ||
        (c->msr_efer & ~EFER_LEGAL) || (pg && !(c->cr0 & CR0_PE)) || (nw && !cd) ||
        (lme && pg && (!pae || (code_64 && code_32))) || c->cr3 >> cpu_features.physical_bits ||
        ((c->pending_event & EVENT_VALID) && EVENT_TYPE(c->pending_event) > EVENT_TYPE_SOFT))
        return -EINVAL;
    return 0;
}

int hw_load_context(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    struct vmcb *b = v->hw.vmcb;
    int rc = check_context(v->d, c);

    if (rc)
        return rc;
    reset_state(v);
    if (c->flags & XEN_X86_FPU_INITIALISED)
        fpu_load(v, c->fpu_regs, sizeof(c->fpu_regs), XCR0_LEGACY);
    for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
        memcpy(place_of(v, i), (const char *)c + fields[i].in_record, fields[i].size);
    b->rflags = (b->rflags & 0x3f7fd7) | RFLAGS_RESERVED;
    b->cr0 |= CR0_ET;
    b->efer |= EFER_SVME;
    b->cpl = (uint8_t)(c->ss_arbytes >> 5 & 3);
    for (unsigned int n = SEG_ES; n < SEG_COUNT; n++)
        b->segment[n].attributes &= 0xfff;
    if (c->pending_event & EVENT_VALID)
        v->hw.pending = c->pending_event | (uint64_t)c->error_code << 32;
    v->exit_again = false;
    return 0;
}

/* --- VCPUOP_initialise --- */

#define ATTR_WRITE_READ (1u << 1) /* data: writable, code: readable */
#define ATTR_CODE (1u << 3)
#define ATTR_S (1u << 4)
#define ATTR_DPL(attributes) ((attributes) >> 5 & 3)
#define ATTR_P (1u << 7)
#define ATTR_G (1u << 11)
#define ATTR_RESERVED 0xf000u
#define TSS_BUSY 0xbu

/* Checks attributes like a descriptor load, which also sets the accessed or busy bit. */
static bool segment_valid(enum hw_segment_name n, uint32_t *attributes)
{
    uint32_t a = *attributes;
    if (a & ATTR_P)
        a |= n == SEG_TR ? 2 : 1;
    bool code = a & ATTR_CODE, write_read = a & ATTR_WRITE_READ;

    *attributes = a;
    if (!a)
        return n == SEG_DS || n == SEG_ES;
    if ((a & ATTR_RESERVED) || !(a & ATTR_P))
        return false;
    if (n == SEG_TR)
        return (a & (ATTR_S | 0xf)) == TSS_BUSY;
    if (!(a & ATTR_S))
        return false;
    if (n == SEG_CS)
        return code;
    return n == SEG_SS ? !code && write_read : !code || write_read;
}

#define COPY_SEGMENT(c, r, name) \
    ((c)->name##_base = (r)->name##_base, (c)->name##_limit = (r)->name##_limit, \
     (c)->name##_arbytes = (r)->name##_ar)

static int start_32(struct hvm_hw_cpu *c, const struct vcpu_hvm_x86_32 *r)
{
    *c = (struct hvm_hw_cpu){
        .rax = r->eax,
        .rcx = r->ecx,
        .rdx = r->edx,
        .rbx = r->ebx,
        .rsp = r->esp,
        .rbp = r->ebp,
        .rsi = r->esi,
        .rdi = r->edi,
        .rip = r->eip,
        .rflags = r->eflags,
        .cr0 = r->cr0,
        .cr3 = r->cr3,
        .cr4 = r->cr4,
        .msr_efer = r->efer,
    };
    COPY_SEGMENT(c, r, cs);
    COPY_SEGMENT(c, r, ds);
    COPY_SEGMENT(c, r, ss);
    COPY_SEGMENT(c, r, es);
    COPY_SEGMENT(c, r, tr);
    if (r->pad1 || r->pad2[0] || r->pad2[1] || r->pad2[2] ||
        !segment_valid(SEG_CS, &c->cs_arbytes) || !segment_valid(SEG_DS, &c->ds_arbytes) ||
        !segment_valid(SEG_SS, &c->ss_arbytes) || !segment_valid(SEG_ES, &c->es_arbytes) ||
        !segment_valid(SEG_TR, &c->tr_arbytes))
        return -EINVAL;
    uint32_t limit = c->cs_arbytes & ATTR_G ? c->cs_limit << 12 | 0xfff : c->cs_limit;
    uint32_t dpl = ATTR_DPL(c->cs_arbytes);

    return c->rip > limit || ATTR_DPL(c->ss_arbytes) != dpl || ATTR_DPL(c->ds_arbytes) > dpl ||
                   ATTR_DPL(c->es_arbytes) > dpl || ((r->efer & EFER_LMA) && !(r->efer & EFER_LME))
               ? -EINVAL
               : 0;
}

static int start_64(struct hvm_hw_cpu *c, const struct vcpu_hvm_x86_64 *r)
{
    *c = (struct hvm_hw_cpu){
        .rax = r->rax,
        .rcx = r->rcx,
        .rdx = r->rdx,
        .rbx = r->rbx,
        .rsp = r->rsp,
        .rbp = r->rbp,
        .rsi = r->rsi,
        .rdi = r->rdi,
        .rip = r->rip,
        .rflags = r->rflags,
        .cr0 = r->cr0,
        .cr3 = r->cr3,
        .cr4 = r->cr4,
        .msr_efer = r->efer,
        .cs_limit = ~0u,
        .cs_arbytes = 0xa9b,
        .ds_limit = ~0u,
        .ds_arbytes = 0xc93,
        .es_limit = ~0u,
        .es_arbytes = 0xc93,
        .ss_limit = ~0u,
        .ss_arbytes = 0xc93,
        .tr_limit = 0x67,
        .tr_arbytes = 0x8b,
    };
    return (uint64_t)((int64_t)(r->rip << 16) >> 16) != r->rip || !(r->cr0 & CR0_PG) ||
                   !(r->cr4 & CR4_PAE) || !(r->efer & EFER_LME)
               ? -EINVAL
               : 0;
}

int hw_load_start(struct vcpu *v, const struct vcpu_hvm_context *start)
{
    struct hvm_hw_cpu c;
    int rc = -EINVAL;

    if (!start->pad && start->mode == VCPU_HVM_MODE_32B)
        rc = start_32(&c, &start->cpu_regs.x86_32);
    else if (!start->pad && start->mode == VCPU_HVM_MODE_64B)
        rc = start_64(&c, &start->cpu_regs.x86_64);
    if (rc)
        return rc;
    c.ldtr_arbytes = 0x082;
    c.dr6 = DR6_DEFAULT;
    c.dr7 = DR7_DEFAULT;
    if ((c.msr_efer & EFER_LME) && (c.cr0 & CR0_PG))
        c.msr_efer |= EFER_LMA;
    else
        c.msr_efer &= ~(uint64_t)EFER_LMA;
    return hw_load_context(v, &c);
}

void hw_save_xsave(struct vcpu *v, struct hvm_hw_cpu_xsave *x)
{
    x->xfeature_mask = cpu_features.xcr0_mask;
    x->xcr0 = x->xcr0_accum = v->hw.xcr0;
    memcpy(&x->save_area, v->xsave, MIN(XSAVE_AREA_MAX, cpu_features.xsave_size));
}

int hw_load_xsave(struct vcpu *v, const struct hvm_hw_cpu_xsave *x)
{
    /* Without XSAVE, the record has the initial value of XCR0. */
    if (x->xcr0 != v->hw.xcr0 && !hw_xcr0_allowed(v->d, x->xcr0))
        return -EINVAL;
    v->hw.xcr0 = x->xcr0;
    fpu_load(v, &x->save_area, XSAVE_AREA_MAX, x->save_area.xsave_hdr.xstate_bv);
    return 0;
}
