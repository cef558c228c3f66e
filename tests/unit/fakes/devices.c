/* SPDX-License-Identifier: MIT */
/* What vdev/msi.c needs of the machine: vectors, of which there are few, and a page of device registers. */
#include "cpu.h"
#include "directmap.h"
#include "errors.h"
#include "harness.h"

struct harness_vector harness_vectors[HARNESS_VECTORS];
uint64_t harness_device_base;
uint32_t harness_device[2 * PAGE_SIZE / 4];

int irq_alloc_vector(irq_handler *fn, void *data)
{
    for (unsigned int i = 0; i < HARNESS_VECTORS; i++)
        if (!harness_vectors[i].fn) {
            harness_vectors[i].fn = fn;
            harness_vectors[i].data = data;
            return VECTOR_MSI_FIRST + (int)i;
        }
    return -ENOSPC;
}

void irq_free_vector(unsigned int vector)
{
    struct harness_vector *v = &harness_vectors[vector - VECTOR_MSI_FIRST];

    BUG_ON(!v->fn);
    v->fn = NULL;
}

volatile void *pagetable_window(paddr_t page)
{
    uint64_t offset = ROUND_DOWN(page, PAGE_SIZE) - harness_device_base;

    if (offset >= sizeof(harness_device))
        harness_bad_address(page);
    return (uint8_t *)harness_device + offset;
}
