/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU data. this_cpu() is stored at the top of the current stack, because GS keeps the guest's
 * base while the core handles exits (svm/switch.c). Host unit tests replace this header.
 */
#ifndef CLV_PERCPU_H
#define CLV_PERCPU_H

#include "cpumask.h"
#include "public/cleave.h"
#include "spinlock.h"
#include "types.h"

/* Every stack ends at a multiple of this, and its last 8 bytes hold the address of struct cpu. */
#define STACK_SIZE 16384ull
#define STACK_RESERVED 16

struct vcpu;
struct domain;

struct cpu {
    unsigned int id; /* 0 .. nr_cpus-1 */
    unsigned int apic_id;
    bool online;
    uint64_t softirq; /* bit mask of enum softirq, set atomically */
    /* in HLT or about to be: needs an interrupt to see softirq */
    bool idle;
    uint64_t passes; /* of the run loop: the watchdog's sign of progress */

    /* svm/: the vcpu here. Written only by this CPU. */
    struct vcpu *vcpu; /* vcpu whose state is loaded; NULL: idle */
    /* set from before the last check for work and flushes until after the exit */
    struct domain *guest_domain;
    uint64_t guest_entries; /* counts entries; watched to wait for an exit */
    uint64_t asid_generation;
    uint32_t asid_next; /* 0: none assigned yet */
    paddr_t host_vmcb;  /* host's TR, FS, GS, saved by VMSAVE */

    nsec_t timers_since;  /* timer functions have run since then, before sched_pick; 0: none */
    bool woke_other;      /* and one of them woke a vcpu that is not on this CPU */
    struct vcpu *current; /* vcpu whose exit or hypercall is being handled, or NULL */

    uint8_t held[LOCK_CLASSES]; /* debug build: number of held locks of each class */
    nsec_t hypercall_start;     /* for softirq_preempt_pending() */
    gfn_t paged;                /* by mm/guest.c: the last page that it found paged */
    /* debug build: time in the core, and its cause (cpu/watchdog.c) */
    struct cleave_stretch stretch;
    uint8_t *stack_top;
};

extern struct cpu cpus[MAX_CPUS];
extern unsigned int nr_cpus; /* online CPUs; numbers are dense */

static inline struct cpu *this_cpu(void)
{
    uint64_t sp;

    __asm__("movq %%rsp, %0" : "=r"(sp));
    return *(struct cpu **)((sp | (STACK_SIZE - 1)) - 7);
}

/* Returns the vcpu whose hypercall or exit this CPU handles, or NULL. */
static inline struct vcpu *current_vcpu(void) { return this_cpu()->current; }

#endif
