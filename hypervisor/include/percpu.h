/* SPDX-License-Identifier: MIT */
/*
 * What each CPU has. this_cpu() is found at the top of the stack in use, because GS stays the guest's while
 * the core handles its exits (svm/switch.c). Host unit tests replace this header by their own.
 */
#ifndef CLV_PERCPU_H
#define CLV_PERCPU_H

#include "public/cleave.h"
#include "spinlock.h"
#include "types.h"

#define MAX_CPUS 32

/* Every stack ends at a multiple of this, and has the CPU's address in its last 8 bytes. */
#define STACK_SIZE 16384ull
#define STACK_RESERVED 16

struct vcpu;
struct domain;

/*
 * Work that an interrupt handler or another CPU asks of a CPU: softirq_run() does it before the next entry,
 * in this order. SOFTIRQ_SCHED has no handler: it makes the run loop ask the scheduler again.
 */
enum softirq {
    SOFTIRQ_REAP, SOFTIRQ_TIMER, SOFTIRQ_CONSOLE, SOFTIRQ_NMI, SOFTIRQ_VECTORS, SOFTIRQ_WBINVD, SOFTIRQ_SCHED,
    SOFTIRQ_COUNT
};

struct cpu {
    unsigned int id;               /* 0 .. nr_cpus-1 */
    unsigned int apic_id;
    bool online;
    uint64_t softirq;              /* bit mask of enum softirq, set atomically */
    bool idle;                     /* in, or about to be in HLT: needs an interrupt to look at softirq */
    uint64_t passes;               /* of the run loop: how the watchdog sees that this CPU lives */

    /* svm/: who is in guest mode here. Written only by this CPU. */
    struct vcpu *vcpu;             /* whose state is loaded here; NULL: idle */
    struct domain *guest_domain;   /* from before the last look for work and flushes until after the exit */
    uint64_t guest_entries;        /* counts entries; a waiter for an exit watches it */
    uint64_t asid_generation;
    uint32_t asid_next;            /* 0: none was given yet */
    paddr_t host_vmcb;             /* where VMSAVE keeps the host's TR, FS, GS ... */

    struct vcpu *current;          /* the vcpu whose exit or hypercall is being handled, or NULL */

    uint8_t held[LOCK_CLASSES];    /* debug build: how many locks of each class are held */
    nsec_t hypercall_start;        /* for preempt_pending() */
    struct cleave_stretch stretch; /* debug build: since when it is in the core, and why (cpu/watchdog.c) */
    uint8_t *stack_top;
};

extern struct cpu cpus[MAX_CPUS];
extern unsigned int nr_cpus;       /* online CPUs; numbers are dense */

static inline struct cpu *this_cpu(void)
{
    uint64_t sp;

    __asm__("movq %%rsp, %0" : "=r"(sp));
    return *(struct cpu **)((sp | (STACK_SIZE - 1)) - 7);
}

/* The vcpu on whose behalf the core runs now (its hypercall, its exit), or NULL outside. */
static inline struct vcpu *current_vcpu(void) { return this_cpu()->current; }

/* cpu/softirq.c. raise: sets the bit, and sends an IPI when that CPU may be asleep or in a guest. */
typedef void softirq_fn(void);
void softirq_set_handler(enum softirq s, softirq_fn *fn);
void softirq_raise(unsigned int cpu, enum softirq s);
void softirq_run(void);
void smp_kick(unsigned int cpu);   /* IPI only: makes it leave the guest or its HLT */
/*
 * True if the current hypercall has run long enough to stop and continue by re-execution, or work waits on
 * this CPU.
 */
bool preempt_pending(void);

#endif
