/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts of one guest. An exception that nobody expects prints its registers and ends the
 * domain with SHUTDOWN_crash; trap_try is how a guest expects one.
 */
#ifndef GUESTS_LIB_TRAP_H
#define GUESTS_LIB_TRAP_H

#include "lib.h"

/* As trap.S pushes it. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

typedef void trap_irq(struct trap_frame *frame);

/* Descriptor tables of this vCPU; the first caller also fills the IDT that all share. */
void trap_init(void);

#define TRAP_NMI 2

extern uint8_t trap_return[];       /* the IRET of all handlers */

/*
 * What vector 32..255, or TRAP_NMI, does. The handler runs with interrupts off, and ends an APIC's interrupt
 * itself.
 */
void trap_set_irq(unsigned vector, trap_irq *handler);

/* Runs run(arg); -1, or the exception's vector that cut it short. Does not nest. */
int trap_try(void (*run)(void *), void *arg);

/* Says why, with registers where there are some, and ends the domain with SHUTDOWN_crash. */
void trap_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
