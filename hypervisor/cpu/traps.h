/* SPDX-License-Identifier: MIT */
/* Between the files of cpu/: the frame that entry.S builds, and who gets which vector. */
#ifndef CLV_TRAPS_H
#define CLV_TRAPS_H

#include "types.h"

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

#define VECTOR_NMI 2
#define VECTOR_DF 8
#define VECTOR_MC 18
#define VECTOR_FIRST_IRQ 32

extern char traps_stubs[];
void traps_enter(struct trap_frame *f);
void irq_dispatch(unsigned int vector);      /* irq.c */
void smp_nmi(const struct trap_frame *f);    /* smp.c: somebody stops this CPU, or it is none of ours */
void nmi_handle(const struct trap_frame *f); /* nmi.c: one that is none of ours */

#endif
