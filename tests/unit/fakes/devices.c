/* SPDX-License-Identifier: MIT */
/* The hardware for dom0/msi.c: device registers, and vectors, of which each CPU has few. */
#include "harness.h"
#include "cpu/irq.h"
#include "directmap.h"
#include "mm/pagetable.h"

struct harness_vector harness_vectors[HARNESS_VECTOR_CPUS][HARNESS_VECTORS];
uint64_t harness_device_base;
uint32_t harness_device[2 * PAGE_SIZE / 4];
void (*harness_on_mmio_write)(const volatile void *p);
uint8_t *(*harness_window)(paddr_t page);

struct irq_vector irq_alloc_vector(unsigned int cpu, irq_handler *fn, void *data)
{
    BUG_ON(cpu >= HARNESS_VECTOR_CPUS);
    for (unsigned int i = 0; i < HARNESS_VECTORS; i++)
        if (!harness_vectors[cpu][i].fn) {
            harness_vectors[cpu][i] = (struct harness_vector){ fn, data };
            return (struct irq_vector){ (uint16_t)cpu, (uint8_t)(VECTOR_MSI_FIRST + i) };
        }
    return (struct irq_vector){ 0 };
}

void irq_free_vector(struct irq_vector v)
{
    BUG_ON(!harness_vectors[v.cpu][v.vector - VECTOR_MSI_FIRST].fn);
    harness_vectors[v.cpu][v.vector - VECTOR_MSI_FIRST].fn = NULL;
}

volatile void *pagetable_window(paddr_t page)
{
    uint64_t offset = ROUND_DOWN(page, PAGE_SIZE) - harness_device_base;

    if (harness_window && harness_window(page))
        return harness_window(page);
    if (offset >= sizeof(harness_device))
        harness_bad_address(page);
    return (uint8_t *)harness_device + offset;
}

uint64_t mmio_read(const volatile void *p, unsigned int size)
{
    uint64_t val = 0;

    BUG_ON(size != 1 && size != 2 && size != 4 && size != 8);
    memcpy(&val, (const void *)p, size);
    return val;
}

void mmio_write(volatile void *p, unsigned int size, uint64_t val)
{
    BUG_ON(size != 1 && size != 2 && size != 4 && size != 8);
    memcpy((void *)p, &val, size);
    if (harness_on_mmio_write)
        harness_on_mmio_write(p);
}
