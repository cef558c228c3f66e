/* SPDX-License-Identifier: MIT */
/*
 * Host interrupt vectors (cpu/irq.c). A handler runs with IF=0 on the CPU that got the interrupt.
 * Dispatch sends the EOI after the handler returns.
 */
#ifndef CLV_CPU_IRQ_H
#define CLV_CPU_IRQ_H

#include "types.h"

#define VECTOR_TIMER 0xf0
#define VECTOR_KICK 0xf1
#define VECTOR_SPURIOUS 0xff
#define VECTOR_GSI_FIRST 0x40 /* host line n uses VECTOR_GSI_FIRST + n */
#define VECTOR_MSI_FIRST 0x80 /* .. 0xef */
typedef void irq_handler(unsigned int vector, void *data);
void irq_set_handler(unsigned int vector, irq_handler *fn, void *data);
/* For message interrupts: a vector of one CPU. Vector 0: that CPU has none left. */
struct irq_vector {
    uint16_t cpu;
    uint8_t vector;
};
struct irq_vector irq_alloc_vector(unsigned int cpu, irq_handler *fn, void *data);
/* The device must not send v any more; messages sent earlier may still arrive. */
void irq_free_vector(struct irq_vector v);
void irq_release_vectors(void);         /* this CPU's; on SOFTIRQ_VECTORS */
void irq_dispatch(unsigned int vector); /* called by traps_enter */

#endif
