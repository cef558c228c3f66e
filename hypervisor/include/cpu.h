/* SPDX-License-Identifier: MIT */
/*
 * The host CPU: instructions that C lacks, features, and what cpu/ exports.
 *
 * Interrupts: the core runs with IF=0. They are taken in three places only: the idle loop's HLT, a
 * guest's exit for an interrupt (guest/exit.c), and irq_window(). Handlers therefore never
 * interrupt a lock holder; they may take locks, must be short, and leave longer work to a softirq.
 */
#ifndef CLV_CPU_H
#define CLV_CPU_H

#include "percpu.h"
#include "types.h"

static inline void cpu_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(sub));
}

static inline uint64_t cpu_rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return ((uint64_t)hi << 32) | lo;
}

static inline void cpu_wrmsr(uint32_t msr, uint64_t val)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)) : "memory");
}

static inline uint64_t cpu_xgetbv(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static inline void cpu_xsetbv(uint64_t val)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)) : "memory");
}

static inline void cpu_wbinvd(void) { __asm__ volatile("wbinvd" ::: "memory"); }
static inline void cpu_pause(void) { __asm__ volatile("pause" ::: "memory"); }
static inline noreturn void cpu_halt(void) { for (;;) __asm__ volatile("cli; hlt"); }
static inline void irq_window(void) { __asm__ volatile("sti; nop; cli" ::: "memory"); }

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void outb(uint16_t p, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p)); }
static inline void outw(uint16_t p, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p)); }
static inline void outl(uint16_t p, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(p)); }

/* Bits of control registers, and MSRs (APM vol. 2, 3.1 and appendix A). */
enum { CR0_PE = 1 << 0, CR0_MP = 1 << 1, CR0_ET = 1 << 4, CR0_NE = 1 << 5, CR0_WP = 1 << 16 };
#define CR0_PG (1ull << 31)
enum { CR4_VME = 1 << 0, CR4_PVI = 1 << 1, CR4_TSD = 1 << 2, CR4_DE = 1 << 3, CR4_PSE = 1 << 4,
       CR4_PAE = 1 << 5, CR4_MCE = 1 << 6, CR4_PGE = 1 << 7, CR4_PCE = 1 << 8, CR4_OSFXSR = 1 << 9,
       CR4_OSXMMEXCPT = 1 << 10, CR4_UMIP = 1 << 11, CR4_FSGSBASE = 1 << 16, CR4_PCIDE = 1 << 17,
       CR4_OSXSAVE = 1 << 18, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21, CR4_PKE = 1 << 22 };
enum { EFER_SCE = 1 << 0, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11, EFER_SVME = 1 << 12 };
#define MSR_EFER 0xc0000080u
#define MSR_TSC_AUX 0xc0000103u
#define MSR_PRED_CMD 0x49u
#define MSR_PLATFORM_INFO 0xceu
#define PLATFORM_INFO_CPUID_FAULTING (1u << 31)
#define MSR_PAT 0x277u
#define MSR_DEBUGCTL 0x1d9u
#define MSR_LAST_BRANCH 0x1dbu       /* from, to, and the same of the last exception */
#define MSR_DE_CFG 0xc0011029u
#define MSR_CSTATE_BASE 0xc0010073u
#define DE_CFG_LFENCE 2ull
#define PAT_DEFAULT 0x0007040600070406ull /* WB WT UC- UC, as after reset */

/* cpu/features.c */
#define CSTATE_PORTS 8u
struct cpu_features {
    bool x2apic, pages_1g, rdtscp, ibpb, pku, invariant_tsc, lbr_virtualization;
    bool tcg;                 /* QEMU's software emulation */
    uint32_t asid_count;
    uint16_t cstate_ports;    /* the first of CSTATE_PORTS, whose reads stop the CPU; 0: there are none */
    unsigned int physical_bits;
    uint64_t xcr0_mask;       /* what the host's CPUID 0xd offers and we support: x87 SSE AVX */
    uint32_t xsave_size;      /* bytes for xcr0_mask */
};
extern struct cpu_features cpu_features;
void features_init(void);            /* boot CPU; refuses (panics readably) what cannot run Cleave */
void features_init_cpu(void);        /* each: CR4 bits, EFER, PAT, XCR0 */

/* cpu/traps.c, cpu/entry.S: descriptors, exceptions with dumps, NMI/#DF/#MC on own stacks */
void traps_init_early(void);           /* dumps from here on, without stacks of their own */
void traps_prepare_cpu(struct cpu *c); /* stacks and tables; on the boot CPU, which then starts c */
void traps_init_cpu(struct cpu *c);    /* loads them; on c itself */
void traps_own_stacks(bool on);        /* of NMI, #DF, #MC; off while the task register is a guest's */
void traps_dump(void);                 /* this CPU's calls and control registers, for a panic */
unsigned int traps_check_stacks(void); /* complains when one was ever used by more than half */

/*
 * cpu/irq.c: host vectors. Handler runs with IF=0 on the CPU that got it; the local APIC's EOI is
 * done before it returns.
 */
#define VECTOR_TIMER 0xf0
#define VECTOR_KICK 0xf1
#define VECTOR_SPURIOUS 0xff
#define VECTOR_GSI_FIRST 0x40        /* host line n uses VECTOR_GSI_FIRST + n */
#define VECTOR_MSI_FIRST 0x80        /* .. 0xef */
typedef void irq_handler(unsigned int vector, void *data);
void irq_set_handler(unsigned int vector, irq_handler *fn, void *data);
/* For messages: a vector of one CPU's, never 0; 0: that CPU has none left. */
struct irq_vector { uint16_t cpu; uint8_t vector; };
struct irq_vector irq_alloc_vector(unsigned int cpu, irq_handler *fn, void *data);
void irq_free_vector(struct irq_vector v); /* no message with it is sent any more; what was, still arrives */
void irq_release_vectors(void);            /* the CPU's own: SOFTIRQ_VECTORS */

/* cpu/apic.c: the host's local APIC (x2APIC where there, else xAPIC) */
void apic_init_cpu(void);            /* this_cpu()->apic_id is known from here on */
void apic_eoi(void);
bool apic_is_requested(unsigned int vector); /* it is on its way to this CPU */
void apic_recheck(void);             /* before a halt: see the top of apic.c */
enum { APIC_NMI = 0x400, APIC_INIT = 0x500, APIC_SIPI = 0x600 };
void apic_send(uint32_t apic_id, uint32_t command); /* a vector, APIC_NMI, APIC_INIT, APIC_SIPI | page */
/*
 * Interrupts after delta, under TCG again and again until armed or stopped; <= 0: as soon as
 * possible.
 */
void apic_timer_arm(nsec_t delta);
void apic_timer_start(uint32_t count); /* raw ticks, for calibration; 0: stop */
uint32_t apic_timer_current(void);
extern uint32_t apic_timer_khz;

/* cpu/clock.c, cpu/timer.c */
/* Calibrates the TSC and the APIC timer against the ACPI PM timer; port 0: against a Xen below us. */
void clock_init(uint16_t pm_timer_port);
void timer_init_cpu(unsigned int cpu);
void timer_softirq(void);

/* cpu/watchdog.c */
struct cleave_stretch;
void watchdog_check(void);           /* panics when another CPU is stuck in the core */
void watchdog_pause(void);           /* irq_window for who is long and holds no lock: it is not stuck */
/* These do nothing in the release build. */
void watchdog_stretch_begin(struct cpu *c, const struct vcpu *v, uint64_t exit_code, uint64_t rax);
void watchdog_stretch_end(const struct cpu *c);
void watchdog_stretch_report(struct cleave_stretch *out);      /* the longest since the last report */

/* cpu/mcheck.c */
void mcheck_init_cpu(void);          /* before CR4.MCE is set */
void mcheck_report(void);            /* what this CPU's banks hold; nothing when there is nothing */

/* cpu/nmi.c */
void nmi_init(void);                 /* by the command line; before the local APIC */
bool nmi_is_fatal(void);
void nmi_softirq(void);

/* cpu/smp.c */
void smp_stop_others(void);          /* for panic, reboot, power-off; the console takes no lock any more */
void smp_report_stopped(void);       /* where they were */

/* cpu/fpu.c */
void *fpu_alloc(void);               /* XSAVE area in initial state, of the heap; NULL: no memory */
void fpu_save(struct vcpu *v);
void fpu_restore(struct vcpu *v);
/*
 * What XSAVE (or, in 512 bytes, FXSAVE) left becomes v's state, of the components (bits of XCR0).
 */
void fpu_load(struct vcpu *v, const void *saved, uint32_t size, uint64_t components);
#define XCR0_LEGACY 3ull         /* x87 and SSE */

#endif
