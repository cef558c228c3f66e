/* SPDX-License-Identifier: MIT */
/*
 * Vectors of the host (cpu/irq.c). A handler runs with IF=0 on the CPU that got the interrupt; the
 * local APIC's EOI is done before it returns.
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
/* For messages: a vector of one CPU's, never 0; 0: that CPU has none left. */
struct irq_vector {
    uint16_t cpu;
    uint8_t vector;
};
struct irq_vector irq_alloc_vector(unsigned int cpu, irq_handler *fn, void *data);
/* no message with it is sent any more; what was, still arrives */
void irq_free_vector(struct irq_vector v);
void irq_release_vectors(void);         /* the CPU's own: SOFTIRQ_VECTORS */
void irq_dispatch(unsigned int vector); /* called by traps_enter */

#endif
