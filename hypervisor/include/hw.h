/* SPDX-License-Identifier: MIT */
/*
 * What the code for one vendor's CPUs (svm/) offers to the rest of the core: entering a guest and
 * why it stopped, guest register state, exceptions to inject. Nothing outside of svm/ knows more of
 * AMD's. Everything here acts on a vcpu that is not running elsewhere: the current one, or one that
 * is paused (domain_pause_sync).
 */
#ifndef CLV_HW_H
#define CLV_HW_H

#include "types.h"

struct domain;
struct domain_part;
struct guest_paging;
struct vcpu;

void hw_init(void);     /* boot CPU: refuses (panics readably) without SVM or NPT */
void hw_init_cpu(void); /* each CPU */
extern const struct domain_part hw_part;

/* A guest's general registers, by their numbers in x86's encodings. */
struct guest_regs {
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
};

static inline uint64_t *guest_gpr(struct guest_regs *r, unsigned int number)
{
    return &((uint64_t *)r)[number % 16];
}

/*
 * State that VMRUN does not switch (svm/switch.c), when the vcpu of a CPU changes. Called by the
 * run loop. idle: no other vcpu follows.
 */
struct cpu;
void hw_switch_in(struct cpu *c, struct vcpu *v);
void hw_switch_out(struct cpu *c, struct vcpu *v, bool idle);

gva_t hw_code_address(struct vcpu *v); /* of RIP */
/*
 * Sets RIP after an instruction that the core executed: the interrupt shadow ends, a single step is
 * a #DB.
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
/* error: if it has one */
void hw_inject_exception(struct vcpu *v, unsigned int vector, uint32_t error);
void hw_inject_page_fault(struct vcpu *v, uint64_t address, uint32_t error);
bool hw_interrupts_enabled(struct vcpu *v); /* IF=1 and no shadow */

/*
 * Whole contexts for domctl get/sethvmcontext (<xen/hvm/save.h>). set: checked, -EINVAL leaves the
 * vcpu as it was.
 */
struct hvm_hw_cpu;
void hw_save_context(struct vcpu *v, struct hvm_hw_cpu *c);
int must_check hw_load_context(struct vcpu *v, const struct hvm_hw_cpu *c);
/* What VCPUOP_initialise carries; v stays down. */
struct vcpu_hvm_context;
int must_check hw_load_start(struct vcpu *v, const struct vcpu_hvm_context *start);
/* Behind it is room for an area of XSAVE_AREA_MAX bytes. */
#define XSAVE_AREA_MAX 832u /* x87, SSE, header, AVX */
struct hvm_hw_cpu_xsave;
void hw_save_xsave(struct vcpu *v, struct hvm_hw_cpu_xsave *x);
int must_check hw_load_xsave(struct vcpu *v, const struct hvm_hw_cpu_xsave *x);
/* x87 always, AVX only with SSE (APM vol. 2, 11.5.2), and only what the guest was shown. */
bool hw_xcr0_allowed(struct domain *d, uint64_t val);
/* Real-mode state at vector << 12, as after INIT and SIPI; marks v initialised. */
void hw_reset_to_sipi(struct vcpu *v, uint8_t vector);
/*
 * PVH start (docs: x86/hvm start info ABI): flat 32-bit, RIP entry, RBX start_info. For the dom0
 * builder.
 */
void hw_reset_to_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info);

int must_check hw_set_cr4(struct vcpu *v, uint64_t val); /* -EINVAL: #GP */
/*
 * The guest's MSRs that exit and live in the VMCB: EFER, PAT, DEBUGCTL, and to be read the last
 * branches. -EINVAL: not one of these, or a value that cannot be.
 */
int must_check hw_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val);
int must_check hw_set_msr(struct vcpu *v, uint32_t msr, uint64_t val);

/* Deny-by-default permission maps (svm/permissions.c): only dom0 may be allowed a port. */
void hw_set_dom0_ports(unsigned int first, unsigned int last, bool allowed);
bool hw_port_allowed(struct domain *d, uint16_t port);

void hw_dump(struct vcpu *v); /* registers, on the console */

/*
 * Why a guest stopped, in words that do not depend on the CPU's vendor. The kinds from
 * EXIT_DETAILED on come with more than their name.
 */
enum exit_kind {
    EXIT_NOT_ASKED_FOR, /* nothing that the core intercepts: as EXIT_UNKNOWN */
    EXIT_NOTHING,       /* dealt with already */
    EXIT_INTERRUPT,     /* one of the host's is pending */
    /* #AC and #DB, which can make their delivery loop for ever inside the CPU */
    EXIT_ALIGNMENT,
    EXIT_MACHINE_CHECK,
    EXIT_UNDEFINED,  /* an instruction that no guest has */
    EXIT_PROTECTION, /* one that is #GP for every guest */
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
    EXIT_KINDS
};
struct exit {
    uint8_t kind;
    union {
        struct {
            uint64_t next_rip;
            uint16_t port;
            uint8_t size, address_size; /* bytes */
            uint8_t segment;            /* of OUTS: enum hw_segment_name */
            bool in, string, rep;
        } io;
        bool msr_write;
        int cr4_register; /* MOV to CR4 of it; -1: the CPU does not say */
        /* operand: not its page tables */
        struct {
            gpa_t gpa;
            bool write, fetch, present, operand;
        } fault;
        struct {
            uint64_t code, info[2];
        } unknown;
    };
};

/* Enters v once, on its CPU c. True: *e says why it stopped. False: something came up first. */
bool hw_enter(struct cpu *c, struct vcpu *v, struct exit *e);
/* An event waits to be injected at the next entry. */
bool hw_event_pending(struct vcpu *v);

/* svm/'s own of a vcpu. */
struct hw_vcpu {
    struct vmcb *vmcb; /* svm/vmcb.h */
    mfn_t vmcb_mfn;
    uint64_t asid_generation; /* of asid_cpu's counter when vmcb->asid was given; 0: never */
    unsigned int asid_cpu;
    /* the domain's flush generation that vmcb->asid has no older entries than */
    uint64_t flush_seen;
    uint64_t pending; /* event to inject at the next entry, EVENTINJ format; 0: none */
    /* vector of the local APIC that the entry offered as V_IRQ; -1: none */
    int offered;
    bool nmi_blocked;           /* between an injected NMI and the end of its IRET */
    bool stepping, step_guests; /* over that IRET by RFLAGS.TF; which the guest had set itself */
    uint64_t step_dr6;          /* the guest's, before */
    bool loaded;                /* its CPU has what VMLOAD loads; the VMCB's is old */
    uint64_t dr[4], xcr0;
};

#endif
