/* SPDX-License-Identifier: MIT */
/*
 * What each CPU has. this_cpu() is found at the top of the stack in use, because GS stays the
 * guest's while the core handles its exits (svm/switch.c). Host unit tests replace this header by
 * their own.
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

struct cpu {
    unsigned int id; /* 0 .. nr_cpus-1 */
    unsigned int apic_id;
    bool online;
    uint64_t softirq; /* bit mask of enum softirq, set atomically */
    /* in, or about to be in HLT: needs an interrupt to look at softirq */
    bool idle;
    uint64_t passes; /* of the run loop: how the watchdog sees that this CPU lives */

    /* svm/: who is in guest mode here. Written only by this CPU. */
    struct vcpu *vcpu; /* whose state is loaded here; NULL: idle */
    /* from before the last look for work and flushes until after the exit */
    struct domain *guest_domain;
    uint64_t guest_entries; /* counts entries; a waiter for an exit watches it */
    uint64_t asid_generation;
    uint32_t asid_next; /* 0: none was given yet */
    paddr_t host_vmcb;  /* where VMSAVE keeps the host's TR, FS, GS ... */

    struct vcpu *current; /* the vcpu whose exit or hypercall is being handled, or NULL */

    uint8_t held[LOCK_CLASSES]; /* debug build: how many locks of each class are held */
    nsec_t hypercall_start;     /* for softirq_preempt_pending() */
    struct cleave_stretch
        stretch; /* debug build: since when it is in the core, and why (cpu/watchdog.c) */
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

/* The vcpu on whose behalf the core runs now (its hypercall, its exit), or NULL outside. */
static inline struct vcpu *current_vcpu(void) { return this_cpu()->current; }

#endif
