/* SPDX-License-Identifier: MIT */
/*
 * Host interrupt vectors and their handlers. The vectors of the core and of interrupt lines are the
 * same on all CPUs, and are set before their interrupt can arrive. Vectors for message interrupts
 * are per CPU: 112 for the whole machine would not suffice for a few devices with a queue per CPU.
 *
 * A message sent before its vector was freed may arrive later. So the vector keeps its handler
 * until its own CPU finds no pending request for it. Only then can it be reused, so a new owner
 * never gets the old owner's interrupts.
 *
 * Lock: `lock`, class LOCK_HW, protects the ownership of message vectors. Dispatch takes none.
 */
#include "cpu/irq.h"
#include "cpu/apic.h"
#include "cpu/softirq.h"
#include "lib.h"
#include "mm/heap.h"
#include "percpu.h"
#include "spinlock.h"

#define MESSAGES (VECTOR_TIMER - VECTOR_MSI_FIRST)

struct handler {
    irq_handler *fn; /* NULL: the vector is free */
    void *data;
    bool returned; /* freed, waits for irq_release_vectors */
};

static struct handler common[256];
static struct handler *messages[MAX_CPUS]; /* MESSAGES of each CPU; NULL: none was ever needed */
static struct spinlock lock = SPINLOCK(LOCK_HW);

void irq_set_handler(unsigned int vector, irq_handler *fn, void *data)
{
    common[vector].data = data;
    __atomic_store_n(&common[vector].fn, fn, __ATOMIC_RELEASE);
}

struct irq_vector irq_alloc_vector(unsigned int cpu, irq_handler *fn, void *data)
{
    struct handler *fresh = READ_ONCE(messages[cpu]) ? NULL : heap_alloc(MESSAGES * sizeof(*fresh));

    if (fresh && !__sync_bool_compare_and_swap(&messages[cpu], NULL, fresh))
        heap_free(fresh);
    spin_lock_scope(&lock);
    for (unsigned int i = 0; messages[cpu] && i < MESSAGES; i++) {
        struct handler *h = &messages[cpu][i];

        if (h->fn)
            continue;
        h->data = data;
        __atomic_store_n(&h->fn, fn, __ATOMIC_RELEASE);
        return (struct irq_vector){ (uint16_t)cpu, (uint8_t)(VECTOR_MSI_FIRST + i) };
    }
    return (struct irq_vector){ 0 };
}

void irq_free_vector(struct irq_vector v)
{
    spin_lock(&lock);
    messages[v.cpu][v.vector - VECTOR_MSI_FIRST].returned = true;
    spin_unlock(&lock);
    softirq_raise(v.cpu, SOFTIRQ_VECTORS);
}

void irq_release_vectors(void)
{
    unsigned int self = this_cpu()->id;

    spin_lock_scope(&lock);
    for (unsigned int i = 0; messages[self] && i < MESSAGES; i++) {
        struct handler *h = &messages[self][i];

        if (h->returned && apic_is_requested(VECTOR_MSI_FIRST + i))
            softirq_raise(self, SOFTIRQ_VECTORS);
        else if (h->returned)
            *h = (struct handler){ 0 };
    }
}

void irq_dispatch(unsigned int vector)
{
    static struct log_rate rate;
    unsigned int i = vector - VECTOR_MSI_FIRST;
    const struct handler *own = READ_ONCE(messages[this_cpu()->id]);
    const struct handler *h = i < MESSAGES && own ? &own[i] : &common[vector];
    irq_handler *fn = __atomic_load_n(&h->fn, __ATOMIC_ACQUIRE);

    if (vector == VECTOR_SPURIOUS)
        return; /* no EOI: it is not in service */
    if (fn)
        fn(vector, h->data);
    else if (log_allowed(&rate))
        log_warn("CPU %u: no handler for interrupt vector %#x%s\n", this_cpu()->id, vector,
                 log_is_last(&rate) ? "; further ones are not logged" : "");
    apic_eoi();
}
