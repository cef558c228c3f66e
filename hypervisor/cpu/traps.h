/* SPDX-License-Identifier: MIT */
/*
 * Exceptions in the core (cpu/traps.c) and the frame that cpu/entry.S builds. NMI, #DF and #MC have
 * IST stacks.
 */
#ifndef CLV_CPU_TRAPS_H
#define CLV_CPU_TRAPS_H

#include "types.h"

struct cpu;

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

#define VECTOR_DB 1
#define VECTOR_NMI 2
#define VECTOR_DF 8
#define VECTOR_MC 18
#define VECTOR_FIRST_IRQ 32

void traps_init_early(void);           /* enables dumps, without IST stacks yet */
void traps_prepare_cpu(struct cpu *c); /* sets up stacks and tables; on the boot CPU */
void traps_init_cpu(struct cpu *c);    /* loads the tables; on c itself */
/* Switches the IST stacks of NMI, #DF and #MC; off while a guest's task register is loaded. */
void traps_own_stacks(bool on);
extern uint64_t traps_step_rip;        /* where a guest's single-step trap may hit the core */
void traps_dump(void);                 /* logs control registers and a call trace, for a panic */
unsigned int traps_check_stacks(void); /* counts stacks that were ever more than half used */

/* entry.S */
extern char entry_traps[];
void traps_enter(struct trap_frame *f); /* called by the stubs */

#endif
