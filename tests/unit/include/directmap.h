/* SPDX-License-Identifier: MIT */
/* The core's directmap.h with an array as machine memory: physical address 0 is its first byte. */
#ifndef CLV_DIRECTMAP_H
#define CLV_DIRECTMAP_H

#include "../../../hypervisor/include/types.h"

extern uint8_t *harness_memory;
extern uint64_t harness_memory_size;
void harness_bad_address(paddr_t p);

static inline void *paddr_to_virt(paddr_t p)
{
    if (p >= harness_memory_size)
        harness_bad_address(p);
    return harness_memory + p;
}

static inline paddr_t virt_to_paddr(const void *v)
{
    uint64_t p = (const uint8_t *)v - harness_memory;

    if (p >= harness_memory_size)
        harness_bad_address(p);
    return p;
}

volatile void *pagetable_window(paddr_t page);
volatile void *pagetable_map_device(paddr_t base, uint64_t size);
uint64_t mmio_read(const volatile void *p, unsigned int size);
void mmio_write(volatile void *p, unsigned int size, uint64_t val);

static inline void *mfn_to_virt(mfn_t m) { return paddr_to_virt(mfn_to_paddr(m)); }
static inline mfn_t virt_to_mfn(const void *v) { return paddr_to_mfn(virt_to_paddr(v)); }

#endif
