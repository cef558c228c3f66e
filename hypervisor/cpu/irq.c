/* SPDX-License-Identifier: MIT */
/*
 * Host interrupt vectors: who handles which. A handler is set before its interrupt can come, and the last
 * thing that frees a vector is that nothing can raise it any more; so the table needs no lock against
 * dispatch, only the search for a free MSI vector has one.
 */
#include "cpu.h"
#include "errors.h"
#include "lib.h"
#include "spinlock.h"
#include "traps.h"

static struct { irq_handler *fn; void *data; } handlers[256];
static struct spinlock lock = SPINLOCK(LOCK_HW); /* which of the MSI vectors are taken; any context */

void irq_set_handler(unsigned int vector, irq_handler *fn, void *data)
{
    handlers[vector].data = data;
    __atomic_store_n(&handlers[vector].fn, fn, __ATOMIC_RELEASE);
}

int irq_alloc_vector(irq_handler *fn, void *data)
{
    spin_lock_scope(&lock);
    for (unsigned int i = VECTOR_MSI_FIRST; i < VECTOR_TIMER; i++)
        if (!handlers[i].fn) {
            irq_set_handler(i, fn, data);
            return (int)i;
        }
    return -ENOSPC;
}

/* The data stays: another CPU may be between its looks at fn and at data, for an interrupt that came late. */
void irq_free_vector(unsigned int vector) { __atomic_store_n(&handlers[vector].fn, NULL, __ATOMIC_RELEASE); }

void irq_dispatch(unsigned int vector)
{
    static struct log_rate rate;
    irq_handler *fn = __atomic_load_n(&handlers[vector].fn, __ATOMIC_ACQUIRE);

    if (vector == VECTOR_SPURIOUS)
        return;                    /* no EOI: it is not in service */
    if (fn)
        fn(vector, handlers[vector].data);
    else if (log_allowed(&rate))
        log_warn("CPU %u: interrupt on vector %#x, which nobody handles%s\n", this_cpu()->id, vector,
                 log_is_last(&rate) ? "; the next ones are not said" : "");
    apic_eoi();
}
