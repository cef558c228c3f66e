/* SPDX-License-Identifier: MIT */
/*
 * Work that an interrupt handler or another CPU requests of a CPU. softirq_run() does it before the
 * next entry, in this order. SOFTIRQ_SCHED has no handler: it makes the run loop call the
 * scheduler.
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
    SOFTIRQ_TRACE,
    SOFTIRQ_MEMORY,
    SOFTIRQ_SCHED,
    SOFTIRQ_COUNT
};

/*
 * cpu/softirq.c. softirq_raise() sets the bit, and sends an IPI if that CPU may be halted or in a
 * guest.
 */
typedef void softirq_fn(void);
void softirq_set_handler(enum softirq s, softirq_fn *fn);
void softirq_raise(unsigned int cpu, enum softirq s);
void softirq_run(void);
void softirq_kick(unsigned int cpu); /* IPI only: forces it out of the guest or HLT */
/*
 * True if the current hypercall should stop and continue by re-execution: it has run long enough,
 * or softirqs are pending on this CPU.
 */
bool softirq_preempt_pending(void);

#endif
