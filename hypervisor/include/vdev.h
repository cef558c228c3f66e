/* SPDX-License-Identifier: MIT */
/*
 * What a guest sees of a machine: its CPUID, MSRs, local APIC, ports and emulated memory. Each device has
 * its code in one file of vdev/; its state is here.
 */
#ifndef CLV_VDEV_H
#define CLV_VDEV_H

#include "spinlock.h"
#include "time.h"
#include "types.h"

struct domain;
struct domain_part;
struct vcpu;

struct bus_range;
struct cpuid_policy;   /* vdev/cpuid.c */

struct vdev_domain {
    struct spinlock lock;            /* LOCK_VDEV: debug_line; dom0's I/O APIC */
    struct cpuid_policy *cpuid;
    char debug_line[128];            /* port 0xe9 */
    uint32_t debug_length;
    uint32_t callback_vector;        /* HVM_PARAM_CALLBACK_IRQ type 2; 0: none */
    const struct bus_range *ports, *memory; /* who answers them (vdev/bus.h) */
    void (*level_eoi)(struct domain *d, uint8_t vector); /* an interrupt of a level line ended; or NULL */
};

#define LAPIC_PAGE 0xfee00000ull
enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };
#define LVT_MASKED (1u << 16)
#define LVT_PERIODIC (1u << 17)

/*
 * The local APIC, xAPIC and x2APIC (APM vol. 2 ch. 16). Its registers are in the order of their page, where
 * each begins 16 bytes behind the other. irr, tmr: atomic, any CPU; the rest: the vcpu's own CPU, or paused.
 */
struct lapic {
    uint64_t base_msr;
    union {
        uint32_t reg[0x40];
        struct {
            uint32_t none_00[2];
            uint32_t id;             /* x2APIC id = 2 * vcpu id, as Xen has it and the tools' MADT says */
            uint32_t version, none_04[4], tpr, none_09[4], ldr, dfr, svr;
            uint64_t isr[4], tmr[4], irr[4];
            uint32_t esr, none_29[7];
            uint64_t icr;
            uint32_t lvt[LVT_COUNT], initial_count, none_39[5], divide, none_3f;
        };
    };
    uint32_t esr_pending;            /* errors since esr was last latched by a write */
    nsec_t timer_start;              /* when initial_count was last loaded */
    struct timer timer;
};

struct vdev_vcpu {
    struct lapic lapic;
    uint8_t upcall_vector;           /* HVMOP_set_evtchn_upcall_vector; 0: none */
    bool nmi_pending;
    int sipi_vector;                 /* -1: none */
    bool cpuid_faulting;             /* CPUID is for CPL 0 only */
    uint64_t tsc_aux;
};

/* --- vdev/vdev.c: all of the above at once --- */
extern const struct domain_part vdev_part;

/* --- vdev/text.c: what a guest prints on the core's console --- */
void text_print(struct domain *d, const char *text, size_t n);

/* --- vdev/lapic.c --- */
void lapic_reset(struct vcpu *v, bool init);               /* init: keeps the id and base */
void lapic_set_irq(struct vcpu *v, uint8_t vector, bool level); /* sets IRR, kicks; any CPU */
int lapic_highest_pending(struct vcpu *v);                 /* deliverable vector (above PPR), or -1 */
int lapic_highest_request(struct vcpu *v);                 /* whatever the TPR: the CPU compares it itself */
void lapic_accept(struct vcpu *v, uint8_t vector);         /* IRR -> ISR: it is being injected */
void lapic_return(struct vcpu *v, uint8_t vector);         /* ISR -> IRR: the guest did not take it */
/* 0 or -EFAULT (#GP). msr: 0x1b, 0x800-0x8ff. */
int lapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val);
int lapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t val);
uint32_t lapic_mmio_read(struct vcpu *v, uint32_t offset);
void lapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t val);
bool lapic_has_page(const struct vcpu *v, gpa_t gpa);      /* in xAPIC mode, at LAPIC_PAGE */
struct vcpu *lapic_by_id(struct domain *d, uint32_t apic_id);
/*
 * Delivers to whom a message of an I/O APIC or MSI names. Like an I/O APIC's entry it has the vector, from
 * bit 8 on the mode, LAPIC_LOGICAL for the kind of dest, LAPIC_LEVEL for the trigger; nothing else counts.
 */
#define LAPIC_MODE(message) ((message) >> 8 & 7)
#define LAPIC_LOGICAL (1u << 11)
#define LAPIC_LEVEL (1u << 15)
void lapic_deliver(struct domain *d, uint32_t dest, uint32_t message);
struct hvm_hw_lapic;
struct hvm_hw_lapic_regs;
/* In both either structure may be NULL. */
void lapic_save(struct vcpu *v, struct hvm_hw_lapic *hw, struct hvm_hw_lapic_regs *regs);
int lapic_load(struct vcpu *v, const struct hvm_hw_lapic *hw, const struct hvm_hw_lapic_regs *regs);

/* --- vdev/lapic_timer.c: counts at 100 MHz / divide --- */
void lapic_timer_setup(struct vcpu *v);
void lapic_timer_load(struct vcpu *v, uint32_t initial_count); /* 0 stops it */
/* Waits for the end of this period, if v would see its interrupt: on v's CPU, when that may have changed. */
void lapic_timer_resume(struct vcpu *v);
uint32_t lapic_timer_current(const struct vcpu *v);
unsigned int lapic_timer_shift(uint32_t divide);           /* the divide register as a power of two */

/* --- vdev/cpuid.c --- */
struct cpuid_regs { uint32_t a, b, c, d; };
void cpuid_init(void);                                     /* makes the policies, from what the CPU has */
/* cr4: the vcpu's. */
void cpuid_guest(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint64_t cr4, struct cpuid_regs *out);
int cpuid_domain_init(struct domain *d);
uint64_t cpuid_guest_xcr0_mask(struct domain *d);          /* XCR0 bits that this domain may set */
uint64_t cpuid_guest_cr4_mask(struct domain *d);           /* CR4 bits that this domain may set */
bool cpuid_guest_has(struct domain *d, unsigned int feature); /* XEN_X86_FEATURE_* */
/*
 * The tools' view (hypercall/cpu_policy.c). leaves: those of a policy, as <xen/arch-x86/xen.h> serialises
 * them, at most CPUID_POLICY_LEAVES; how many there are. words: its feature set. set: all or nothing; -EINVAL
 * names the leaf that is not acceptable in *err_leaf, *err_subleaf. d's vcpus are paused.
 */
struct xen_cpuid_leaf;
#define CPUID_POLICY_LEAVES 64
#define CPUID_FEATURE_WORDS 19
extern struct cpuid_policy cpuid_host, cpuid_max;          /* what the CPU has; the most a guest may have */
unsigned int cpuid_policy_leaves(struct cpuid_policy *p, struct xen_cpuid_leaf *out);
void cpuid_policy_words(struct cpuid_policy *p, uint32_t words[CPUID_FEATURE_WORDS]);
int must_check cpuid_policy_set(struct domain *d, const struct xen_cpuid_leaf *leaves, unsigned int n,
                                uint32_t *err_leaf, uint32_t *err_subleaf);

#define MTRR_CAP_WC (1u << 10)   /* no variable and no fixed ranges */
#define MTRR_DEFAULT 0x806u      /* enabled, write-back */

/* --- vdev/msr.c: 0, -EFAULT (#GP), or -ENOENT: not one of these; v is the current vcpu --- */
int msr_guest_read(struct vcpu *v, uint32_t msr, uint64_t *val);
int msr_guest_write(struct vcpu *v, uint32_t msr, uint64_t val);

/* --- vdev/pvclock.c --- */
void pvclock_update(struct vcpu *v);                       /* vcpu_info.time */
void pvclock_update_wallclock(struct domain *d);           /* shared_info.wc_* */

#endif
