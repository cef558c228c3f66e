/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine control block (APM vol. 2, appendix B), private to svm/. The rest of the core
 * uses hw.h.
 */
#ifndef CLV_SVM_VMCB_H
#define CLV_SVM_VMCB_H

#include "hw.h"
#include "types.h"

struct vmcb {
    /* Control area */
    uint64_t intercepts[3]; /* 000: bit n intercepts exit code n */
    uint8_t reserved_018[0x40 - 0x18];
    uint64_t iopm, msrpm, tsc_offset; /* 040 */
    uint32_t asid;                    /* 058 */
    uint8_t tlb_control, reserved_05d[3];
    uint64_t vintr, interrupt_shadow, exitcode, exitinfo1, exitinfo2, exitintinfo; /* 060 */
    uint64_t np_enable, avic, ghcb, eventinj, ncr3, lbr_control;                   /* 090 */
    uint32_t clean, reserved_0c4;                                                  /* 0c0 */
    uint64_t nrip;                                                                 /* 0c8 */
    uint8_t insn_length, insn[15];                                                 /* 0d0 */
    uint8_t reserved_0e0[0x400 - 0xe0];
    /* State save area */
    struct hw_segment segment[SEG_COUNT]; /* 400 */
    uint8_t reserved_4a0[0x4cb - 0x4a0], cpl, reserved_4cc[4];
    uint64_t efer; /* 4d0 */
    uint8_t reserved_4d8[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip; /* 548 */
    uint8_t reserved_580[0x5d8 - 0x580];
    uint64_t rsp; /* 5d8 */
    uint8_t reserved_5e0[0x5f8 - 0x5e0];
    uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base; /* 5f8 */
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;    /* 628 */
    uint8_t reserved_648[0x668 - 0x648];
    uint64_t g_pat, debugctl, last_branch[4]; /* 668 */
    uint8_t reserved_698[0x1000 - 0x698];
};
_Static_assert(sizeof(struct vmcb) == 4096 && offsetof(struct vmcb, eventinj) == 0xa8,
               "VMCB control");
_Static_assert(offsetof(struct vmcb, rip) == 0x578 && offsetof(struct vmcb, g_pat) == 0x668,
               "VMCB state");

/* clang-format off */
/* Exit codes with an intercept bit, and VMEXIT_NPF (appendix C). */
enum {
    VMEXIT_WRITE_CR4 = 0x14,
    VMEXIT_EXCEPTION = 0x40, VMEXIT_INTR = 0x60, VMEXIT_NMI, VMEXIT_SMI, VMEXIT_INIT,
    VMEXIT_RDPMC = 0x6f, VMEXIT_CPUID = 0x72, VMEXIT_IRET = 0x74, VMEXIT_INVD = 0x76,
    VMEXIT_HLT = 0x78,
    VMEXIT_INVLPGA = 0x7a, VMEXIT_IOIO, VMEXIT_MSR, VMEXIT_TASK_SWITCH,
    VMEXIT_SHUTDOWN = 0x7f, VMEXIT_VMRUN, VMEXIT_VMMCALL, VMEXIT_SKINIT = 0x86,
    VMEXIT_WBINVD = 0x89, VMEXIT_MONITOR, VMEXIT_MWAIT_ARMED = 0x8c, VMEXIT_XSETBV, VMEXIT_RDPRU,
    VMEXIT_TABLE, VMEXIT_NPF = 0x400
};
/* clang-format on */

/* vintr */
#define VINTR_TPR_MASK 0xfull
#define VINTR_IRQ (1ull << 8)
#define VINTR_PRIORITY_SHIFT 16
#define VINTR_IGNORE_TPR (1ull << 20)
#define VINTR_MASKING (1ull << 24)
#define VINTR_VECTOR_SHIFT 32

/* eventinj, exitintinfo */
#define EVENT_VALID (1ull << 31)
#define EVENT_HAS_ERROR (1ull << 11)
#define EVENT_TYPE(e) (((e) >> 8) & 7)
#define EVENT_TYPE_NMI 2ull
#define EVENT_TYPE_EXCEPTION 3ull
#define EVENT_TYPE_SOFT 4ull
#define EVENT_VECTOR(e) ((e) % 0x100)

#define TLB_FLUSH_NOTHING 0
#define TLB_FLUSH_ALL 1

#define EFER_LEGAL (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) /* for a guest */
#define RFLAGS_TF (1ull << 8)
#define RFLAGS_IF (1ull << 9)
#define RFLAGS_RESERVED 2ull
#define DR6_SINGLE_STEP (1ull << 14)
#define DR7_GD (1ull << 13)
#define DR6_RAISED 0xe00full /* set by #DB: B0-B3, BD, BS, BT */

#define LBR_VIRTUALIZATION 1ull /* lbr_control */
#define DEBUGCTL_LEGAL 0x3full
#define DEBUGCTL_BTF 2ull

#define MSR_VM_CR 0xc0010114
#define MSR_VM_HSAVE_PA 0xc0010117

#endif
