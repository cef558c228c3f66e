/* SPDX-License-Identifier: MIT */
/*
 * The interface of the vendor-specific code (svm/): guest entry and exit reasons, register state,
 * injection of exceptions. No code outside svm/ depends on AMD's formats. All functions act on a
 * vcpu that is not running elsewhere: the current one, or a paused one (domain_pause_sync).
 */
#ifndef CLV_HW_H
#define CLV_HW_H

#include "types.h"

struct domain;
struct domain_part;
struct guest_paging;
struct vcpu;

void hw_init(void);     /* boot CPU; panics without SVM or NPT */
void hw_init_cpu(void); /* every CPU */
extern const struct domain_part hw_part;

/* A guest's general-purpose registers, in the order of their encoding. */
struct guest_regs {
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
};

static inline uint64_t *guest_gpr(struct guest_regs *r, unsigned int number)
{
    return &((uint64_t *)r)[number % 16];
}

/*
 * Switch state that VMRUN does not (svm/switch.c). Called by the run loop when the vcpu on a CPU
 * changes. idle: no other vcpu follows.
 */
struct cpu;
void hw_switch_in(struct cpu *c, struct vcpu *v);
void hw_switch_out(struct cpu *c, struct vcpu *v, bool idle);

gva_t hw_code_address(struct vcpu *v); /* linear address of RIP */
/*
 * Sets RIP after an emulated instruction: ends the interrupt shadow, and raises #DB if
 * single-stepping.
 */
void hw_set_rip(struct vcpu *v, uint64_t rip);
/* Advances RIP past the instruction: to nRIP if the CPU reported it, else by length. */
void hw_skip(struct vcpu *v, unsigned int length);

struct hw_segment {
    uint16_t selector, attributes;
    uint32_t limit;
    uint64_t base;
};
enum hw_segment_name {
    SEG_ES,
    SEG_CS,
    SEG_SS,
    SEG_DS,
    SEG_FS,
    SEG_GS,
    SEG_GDTR,
    SEG_LDTR,
    SEG_IDTR,
    SEG_TR,
    SEG_COUNT
};
struct hw_segment hw_get_segment(struct vcpu *v, enum hw_segment_name n);

struct guest_paging hw_get_paging(struct vcpu *v);
uint64_t hw_get_cr4(struct vcpu *v);
uint64_t hw_get_rip(struct vcpu *v);
uint64_t hw_get_rflags(struct vcpu *v);
void hw_set_rflags(struct vcpu *v, uint64_t rflags);
unsigned int hw_get_cpl(struct vcpu *v);
bool hw_mode_64(struct vcpu *v); /* long mode and CS.L */

enum { EXC_DE = 0, EXC_DB, EXC_UD = 6, EXC_DF = 8, EXC_GP = 13, EXC_PF, EXC_AC = 17 };
/* error: ignored for vectors without an error code */
void hw_inject_exception(struct vcpu *v, unsigned int vector, uint32_t error);
void hw_inject_page_fault(struct vcpu *v, uint64_t address, uint32_t error);
bool hw_interrupts_enabled(struct vcpu *v); /* IF=1 and no shadow */

/* Delivery at the next entry, for guest/inject.c. */
/* Injects the pending exception or interrupted event, if any. */
void hw_inject_pending(struct vcpu *v);
/* Injects an NMI. False: another event is injected, or NMIs are blocked until an IRET. */
bool hw_inject_nmi(struct vcpu *v);
/*
 * Offers an interrupt, which the guest takes as soon as it can; vector -1: none. heeds_tpr: only if
 * its priority is above the TPR. False: nothing offered.
 */
bool hw_offer_interrupt(struct vcpu *v, int vector, bool heeds_tpr);
void hw_offer_nothing(struct vcpu *v);
bool hw_offer_taken(struct vcpu *v); /* after an entry with an offer */
uint32_t hw_get_tpr(struct vcpu *v); /* the guest may have changed it by CR8 */

/*
 * Save and load contexts for domctl get/sethvmcontext (<xen/hvm/save.h>). load checks everything:
 * on -EINVAL the vcpu is unchanged.
 */
struct hvm_hw_cpu;
void hw_save_context(struct vcpu *v, struct hvm_hw_cpu *c);
int must_check hw_load_context(struct vcpu *v, const struct hvm_hw_cpu *c);
/* Loads the start state of VCPUOP_initialise; v stays down. */
struct vcpu_hvm_context;
int must_check hw_load_start(struct vcpu *v, const struct vcpu_hvm_context *start);
/* An area of XSAVE_AREA_MAX bytes follows the structure. */
#define XSAVE_AREA_MAX 832u /* x87, SSE, header, AVX */
struct hvm_hw_cpu_xsave;
void hw_save_xsave(struct vcpu *v, struct hvm_hw_cpu_xsave *x);
int must_check hw_load_xsave(struct vcpu *v, const struct hvm_hw_cpu_xsave *x);
/* Valid if x87 is set, AVX only with SSE (APM vol. 2, 11.5.2), and CPUID offers all states. */
bool hw_xcr0_allowed(struct domain *d, uint64_t val);
/* Sets the real-mode state after INIT and SIPI, at vector << 12; marks v initialised. */
void hw_reset_to_sipi(struct vcpu *v, uint8_t vector);
/*
 * Sets the PVH start state (Xen's x86/HVM direct boot ABI): flat 32-bit, RIP = entry, RBX =
 * start_info. For the dom0 builder.
 */
void hw_reset_to_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info);

int must_check hw_set_cr4(struct vcpu *v, uint64_t val); /* -EINVAL: #GP */
/*
 * Guest MSRs that exit and are kept in the VMCB: EFER, PAT, DEBUGCTL, and read-only the last-branch
 * registers. -EINVAL: another MSR, or an invalid value.
 */
int must_check hw_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val);
int must_check hw_set_msr(struct vcpu *v, uint32_t msr, uint64_t val);

/* Permission maps deny by default (svm/permissions.c). Only dom0 may be allowed ports. */
void hw_set_dom0_ports(unsigned int first, unsigned int last, bool allowed);
bool hw_port_allowed(struct domain *d, uint16_t port);

/*
 * Exit reasons, independent of the CPU's vendor. Kinds from EXIT_DETAILED on carry details in
 * struct exit.
 */
enum exit_kind {
    EXIT_NOT_ASKED_FOR, /* not intercepted by the core: becomes EXIT_UNKNOWN */
    EXIT_NOTHING,       /* already handled */
    EXIT_INTERRUPT,     /* physical interrupt */
    /* #AC; like #DB intercepted, because its delivery can loop endlessly in the CPU */
    EXIT_ALIGNMENT,
    EXIT_MACHINE_CHECK,
    EXIT_UNDEFINED,  /* instruction that is #UD for every guest */
    EXIT_PROTECTION, /* instruction that is #GP for every guest */
    EXIT_CPUID,
    EXIT_CACHE,
    EXIT_HLT,
    EXIT_XSETBV,
    EXIT_HYPERCALL,
    EXIT_SHUTDOWN, /* triple fault */
    EXIT_DETAILED,
    EXIT_DEBUG = EXIT_DETAILED,
    EXIT_IRET,
    EXIT_IO,
    EXIT_MSR,
    EXIT_CR4,
    EXIT_FAULT,
    EXIT_UNKNOWN,
    EXIT_OVERDRAWN, /* none of the CPU's: the core has exceeded the guest's budget for it */
    EXIT_KINDS
};
struct exit {
    uint8_t kind;
    bool again; /* handled again: the vcpu waited in the handler */
    union {
        struct {
            uint64_t next_rip;
            uint16_t port;
            uint8_t size, address_size; /* bytes */
            uint8_t segment;            /* for OUTS: enum hw_segment_name */
            bool in, string, rep;
        } io;
        bool msr_write;
        int cr4_register; /* source of MOV to CR4; -1: not reported by the CPU */
        /* operand: not an access to the guest's page tables */
        struct {
            gpa_t gpa;
            bool write, fetch, present, operand;
        } fault;
        struct {
            uint64_t code, info[2];
        } unknown;
    };
};

/*
 * Enters v once, on its CPU c. True: *e has the exit reason. False: not entered, other work is
 * pending.
 */
bool hw_enter(struct cpu *c, struct vcpu *v, struct exit *e);
/* True if an event is to be injected at the next entry. */
bool hw_event_pending(struct vcpu *v);

/* State of a vcpu private to svm/. */
struct hw_vcpu {
    struct vmcb *vmcb; /* svm/vmcb.h */
    mfn_t vmcb_mfn;
    uint64_t asid_generation; /* asid_cpu's generation when vmcb->asid was assigned; 0: never */
    unsigned int asid_cpu;
    /* the domain's flush generation: vmcb->asid has no older TLB entries */
    uint64_t flush_seen;
    uint64_t pending;           /* to inject at the next entry, in EVENTINJ format; 0: none */
    uint64_t shadowed;          /* RIP at the last exit if in an interrupt shadow; else ~0 */
    bool nmi_blocked;           /* from an injected NMI to the end of its IRET */
    bool stepping, step_guests; /* over that IRET by RFLAGS.TF; TF was already set by the guest */
    uint64_t step_dr6;          /* guest's DR6 before stepping */
    bool loaded;                /* VMLOAD state is in the CPU, stale in the VMCB */
    uint64_t dr[4], xcr0;
};

#endif
