/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts of a guest. An unexpected exception prints its registers and shuts down
 * the domain with SHUTDOWN_crash. trap_try runs code that may raise one.
 */
#ifndef GUESTS_LIB_TRAP_H
#define GUESTS_LIB_TRAP_H

#include "lib.h"

/* As pushed by trap.S. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

typedef void trap_irq(struct trap_frame *frame);

/* Loads this vCPU's descriptor tables. The first caller also fills in the shared IDT. */
void trap_init(void);

#define TRAP_NMI 2

extern uint8_t trap_return[]; /* the IRET of all handlers */

/*
 * Sets the handler of a vector 32..255, or TRAP_NMI. It runs with interrupts off, and must send the
 * EOI itself for an APIC interrupt.
 */
void trap_set_irq(unsigned vector, trap_irq *handler);

/* Runs run(arg). Returns -1, or the vector of the exception that ended it. Does not nest. */
int trap_try(void (*run)(void *), void *arg);

/* Prints a message and shuts down the domain with SHUTDOWN_crash. */
void trap_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
