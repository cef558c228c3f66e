/* SPDX-License-Identifier: MIT */
/*
 * What svm/ offers to the rest of the core: guest register state, exceptions to inject, the run loop.
 * Everything here acts on a vcpu that is not running elsewhere: the current one, or one that is paused
 * (vcpu_pause_sync).
 */
#ifndef CLV_SVM_H
#define CLV_SVM_H

#include "guest_fwd.h"
#include "types.h"

void svm_init(void);                     /* boot CPU: refuses (panics readably) without SVM or NPT */
void svm_init_cpu(void);                 /* each CPU */
int svm_init_vcpu(struct vcpu *v);
void svm_destroy_vcpu(struct vcpu *v);
noreturn void svm_run_cpu(void);         /* the loop of every CPU: softirqs, pick, enter, exit, for ever */

/* State that VMRUN does not switch (svm/switch.c), when the vcpu of a CPU changes. Called by the scheduler.
 */
struct cpu;
void switch_in(struct cpu *c, struct vcpu *v);
void switch_out(struct cpu *c, struct vcpu *v);

/* General register by x86 number (0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8-15). */
uint64_t svm_get_gpr(struct vcpu *v, unsigned int n);
void svm_set_gpr(struct vcpu *v, unsigned int n, uint64_t val);
uint64_t svm_get_rip(struct vcpu *v);
void svm_set_rip(struct vcpu *v, uint64_t rip);
void svm_skip(struct vcpu *v,
              unsigned int length); /* RIP += length (16/32-bit wrap), interrupt shadow ends */

struct svm_segment { uint16_t selector, attributes; uint32_t limit; uint64_t base; };
enum svm_segment_name {
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
void svm_get_segment(struct vcpu *v, enum svm_segment_name n, struct svm_segment *s);

struct svm_paging { uint64_t cr0, cr3, cr4, efer, cr2; uint64_t rflags; unsigned int cpl; };
void svm_get_paging(struct vcpu *v, struct svm_paging *p);
void svm_set_rflags(struct vcpu *v, uint64_t rflags);
unsigned int svm_get_cpl(struct vcpu *v);
bool svm_mode_64(struct vcpu *v);        /* long mode and CS.L */

#define EXC_DE 0
#define EXC_UD 6
#define EXC_DF 8
#define EXC_GP 13
#define EXC_PF 14
void svm_inject_exception(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error);
void svm_inject_page_fault(struct vcpu *v, uint64_t address, uint32_t error);
bool svm_interrupts_enabled(struct vcpu *v); /* IF=1 and no shadow */

/* Whole contexts for domctl get/sethvmcontext (<xen/hvm/save.h>). set: checked, -EINVAL leaves the vcpu as it
 * was. */
struct hvm_hw_cpu;
void svm_save_context(struct vcpu *v, struct hvm_hw_cpu *c);
int must_check svm_load_context(struct vcpu *v, const struct hvm_hw_cpu *c);
/* Behind it is room for an area of XSAVE_AREA_MAX bytes. */
#define XSAVE_AREA_MAX 832u /* x87, SSE, header, AVX */
struct hvm_hw_cpu_xsave;
void svm_save_xsave(struct vcpu *v, struct hvm_hw_cpu_xsave *x);
int must_check svm_load_xsave(struct vcpu *v, const struct hvm_hw_cpu_xsave *x);
/* x87 always, AVX only with SSE (APM vol. 2, 11.5.2), and only what the guest was shown. */
bool svm_xcr0_allowed(struct domain *d, uint64_t val);
/* Real-mode state at vector << 12, as after INIT and SIPI; marks v initialised. */
void svm_reset_to_sipi(struct vcpu *v, uint8_t vector);
/* PVH start (docs: x86/hvm start info ABI): flat 32-bit, RIP entry, RBX start_info. For the dom0 builder. */
void svm_reset_to_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info);

/* Untrapped guest MSRs that live in the VMCB (STAR.. FS_BASE .. SYSENTER, PAT, EFER, DEBUGCTL): 0 or -EINVAL
 * when not one of them. */
int svm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val);
int svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t val);

/* Deny-by-default permission maps (svm/permissions.c). Ports: dom0's own map, denied again one by one. */
void svm_allow_ports(struct domain *d, uint16_t first, uint16_t last);
void svm_deny_ports(struct domain *d, uint16_t first, uint16_t last);
bool svm_port_allowed(struct domain *d, uint16_t port);

void svm_dump(struct vcpu *v);           /* registers, on the console */

#endif
