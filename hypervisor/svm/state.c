/* SPDX-License-Identifier: MIT */
/*
 * Access to a vcpu's register state: single registers, segments, MSRs kept in the VMCB, the dump.
 * Complete contexts: context.c.
 */
#include "svm/state.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/features.h"
#include "errors.h"
#include "hw.h"
#include "lib.h"
#include "mm/guest.h"
#include "svm/switch.h"
#include "svm/vmcb.h"
#include "vdev/cpuid.h"

bool hw_event_pending(struct vcpu *v) { return v->hw.pending; }
unsigned int hw_get_cpl(struct vcpu *v) { return v->hw.vmcb->cpl; }

bool hw_mode_64(struct vcpu *v)
{
    return (v->hw.vmcb->efer & EFER_LMA) && (v->hw.vmcb->segment[SEG_CS].attributes & (1u << 9));
}

gva_t hw_code_address(struct vcpu *v)
{
    return (hw_mode_64(v) ? 0 : v->hw.vmcb->segment[SEG_CS].base) + v->hw.vmcb->rip;
}

void hw_set_rip(struct vcpu *v, uint64_t rip)
{
    struct vmcb *b = v->hw.vmcb;

    b->rip = hw_mode_64(v) ? rip : (uint32_t)rip;
    b->interrupt_shadow = 0;
    if (unlikely(b->rflags & RFLAGS_TF)) {
        b->dr6 |= DR6_SINGLE_STEP;
        hw_inject_exception(v, EXC_DB, 0);
    }
}

void hw_skip(struct vcpu *v, unsigned int length)
{
    hw_set_rip(v, v->hw.vmcb->nrip ? v->hw.vmcb->nrip : v->hw.vmcb->rip + length);
}

struct hw_segment hw_get_segment(struct vcpu *v, enum hw_segment_name n)
{
    if (n >= SEG_FS)
        switch_unload(v);
    return v->hw.vmcb->segment[n];
}

struct guest_paging hw_get_paging(struct vcpu *v)
{
    const struct vmcb *vmcb = v->hw.vmcb;

    return (struct guest_paging){
        .cr0 = vmcb->cr0,
        .cr3 = vmcb->cr3,
        .cr4 = vmcb->cr4,
        .efer = vmcb->efer & ~EFER_SVME,
    };
}

uint64_t hw_get_cr4(struct vcpu *v) { return v->hw.vmcb->cr4; }
uint64_t hw_get_rip(struct vcpu *v) { return v->hw.vmcb->rip; }
uint64_t hw_get_rflags(struct vcpu *v) { return v->hw.vmcb->rflags; }
void hw_set_rflags(struct vcpu *v, uint64_t rflags) { v->hw.vmcb->rflags = rflags; }

#define CR4_FLUSHING (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP)

/*
 * Sets CR4 with the checks of MOV to CR4 (APM vol. 2, 3.1.3 and 5.5.1). The walk of a guest's page
 * tables (mm/guest.c) relies on them: it never meets long mode without PAE, or five levels.
 */
int hw_set_cr4(struct vcpu *v, uint64_t val)
{
    struct vmcb *b = v->hw.vmcb;
    bool long_mode = b->efer & EFER_LMA, pcid = val & ~b->cr4 & CR4_PCIDE;

    if ((val & ~cpuid_guest_cr4_mask(v->d)) || (long_mode && !(val & CR4_PAE)) ||
        (pcid && (!long_mode || (b->cr3 & ~PAGE_MASK))))
        return -EINVAL;
    if ((val ^ b->cr4) & CR4_FLUSHING)
        v->hw.flush_seen = ~0ull; /* flush by a new ASID (APM vol. 2, 5.5.3) */
    b->cr4 = val;
    return 0;
}

/* Returns the VMCB field of an MSR, or NULL. */
static uint64_t *vmcb_msr(struct vcpu *v, uint32_t msr)
{
    switch (msr) {
    case MSR_EFER: return &v->hw.vmcb->efer;
    case MSR_PAT: return &v->hw.vmcb->g_pat;
    case MSR_DEBUGCTL: return &v->hw.vmcb->debugctl;
    case MSR_LAST_BRANCH ... MSR_LAST_BRANCH + 3:
        return &v->hw.vmcb->last_branch[msr - MSR_LAST_BRANCH];
    default: return NULL;
    }
}

int hw_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const uint64_t *p = vmcb_msr(v, msr);

    if (!p)
        return -EINVAL;
    *val = *p & ~(msr == MSR_EFER ? EFER_SVME : 0);
    return 0;
}

/* EFER: the guest cannot change SVME or LMA, nor LME while paging is on. */
static bool efer_valid(const struct vmcb *vmcb, uint64_t val)
{
    return !(val & ~EFER_LEGAL) && !((vmcb->cr0 & CR0_PG) && ((val ^ vmcb->efer) & EFER_LME));
}

static bool pat_valid(uint64_t val)
{
    for (; val; val >>= 8)
        if ((val & 0xff) > 7 || (val & 0xfe) == 2)
            return false;
    return true;
}

/*
 * DEBUGCTL and the last-branch registers belong to the host unless VMRUN and #VMEXIT switch them
 * (APM vol. 2, 15.23). That costs time, so it is enabled only for guests that set DEBUGCTL. If the
 * CPU does not support it, the register has no effect.
 */
int hw_set_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint64_t *p = vmcb_msr(v, msr);

    if (!p || msr - MSR_LAST_BRANCH < 4)
        return -EINVAL;
    if ((msr == MSR_EFER && !efer_valid(v->hw.vmcb, val)) || (msr == MSR_PAT && !pat_valid(val)) ||
        (msr == MSR_DEBUGCTL && (val & ~DEBUGCTL_LEGAL)))
        return -EINVAL;
    if (msr == MSR_DEBUGCTL)
        v->hw.vmcb->lbr_control = val && cpu_features.lbr_virtualization ? LBR_VIRTUALIZATION : 0;
    *p = msr == MSR_EFER ? (val & ~EFER_LMA) | (*p & EFER_LMA) | EFER_SVME : val;
    return 0;
}

bool hw_xcr0_allowed(struct domain *d, uint64_t val)
{
    return (val & 1) && !(val & ~cpuid_guest_xcr0_mask(d)) && (!(val & 4) || (val & 2));
}

void state_dump(struct vcpu *v)
{
    const struct vmcb *b = v->hw.vmcb;
    const struct guest_regs *r = &v->regs;
    const struct domain *d = v->d;

    log_guest(d, "vcpu %u: exit %#lx info %#lx %#lx intinfo %#lx\n", v->id, b->exitcode,
              b->exitinfo1, b->exitinfo2, b->exitintinfo);
    log_guest(d, "  cs:rip %04x:%016lx rflags %lx  ss:rsp %04x:%016lx cpl %u\n",
              b->segment[SEG_CS].selector, b->rip, b->rflags, b->segment[SEG_SS].selector, r->rsp,
              b->cpl);
    log_guest(d, "  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
    log_guest(d, "  rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
    log_guest(d, "  r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
    log_guest(d, "  r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
    log_guest(d, "  cr0 %lx cr2 %lx cr3 %lx cr4 %lx efer %lx\n", b->cr0, b->cr2, b->cr3, b->cr4,
              (uint64_t)(b->efer & ~EFER_SVME));
}
