/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of the core (cpu/traps.c) and the frame that cpu/entry.S builds. NMI, #DF and #MC have
 * own stacks.
 */
#ifndef CLV_CPU_TRAPS_H
#define CLV_CPU_TRAPS_H

#include "types.h"

struct cpu;

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

#define VECTOR_NMI 2
#define VECTOR_DF 8
#define VECTOR_MC 18
#define VECTOR_FIRST_IRQ 32

void traps_init_early(void);           /* dumps from here on, without stacks of their own */
void traps_prepare_cpu(struct cpu *c); /* stacks and tables; on the boot CPU, which then starts c */
void traps_init_cpu(struct cpu *c);    /* loads them; on c itself */
/* of NMI, #DF, #MC; off while the task register is a guest's */
void traps_own_stacks(bool on);
void traps_dump(void);                 /* this CPU's calls and control registers, for a panic */
unsigned int traps_check_stacks(void); /* complains when one was ever used by more than half */

/* entry.S */
extern char entry_traps[];
void traps_enter(struct trap_frame *f); /* called by the stubs */

#endif
