/* SPDX-License-Identifier: MIT */
/*
 * Work that an interrupt handler or another CPU asks of a CPU: softirq_run() does it before the
 * next entry, in this order. SOFTIRQ_SCHED has no handler: it makes the run loop ask the scheduler
 * again.
 */
#ifndef CLV_CPU_SOFTIRQ_H
#define CLV_CPU_SOFTIRQ_H

#include "types.h"

enum softirq {
    SOFTIRQ_REAP,
    SOFTIRQ_TIMER,
    SOFTIRQ_CONSOLE,
    SOFTIRQ_NMI,
    SOFTIRQ_VECTORS,
    SOFTIRQ_WBINVD,
    SOFTIRQ_SCHED,
    SOFTIRQ_COUNT
};

/*
 * cpu/softirq.c. raise: sets the bit, and sends an IPI when that CPU may be asleep or in a guest.
 */
typedef void softirq_fn(void);
void softirq_set_handler(enum softirq s, softirq_fn *fn);
void softirq_raise(unsigned int cpu, enum softirq s);
void softirq_run(void);
void softirq_kick(unsigned int cpu); /* IPI only: makes it leave the guest or its HLT */
/*
 * True if the current hypercall has run long enough to stop and continue by re-execution, or work
 * waits on this CPU.
 */
bool softirq_preempt_pending(void);

#endif
