/* SPDX-License-Identifier: MIT */
/* The core's own page tables (mm/pagetable.c). */
#ifndef CLV_MM_PAGETABLE_H
#define CLV_MM_PAGETABLE_H

#include "types.h"

extern paddr_t pagetable_root; /* CR3 of every CPU in the core */
/*
 * Builds the final tables from pages of page_source, and loads them. The page at stack_guard stays
 * unmapped.
 */
void pagetable_init(const char *stack_guard, paddr_t (*page_source)(void));
/* Maps firmware tables in reserved memory into the direct map. */
void pagetable_direct(paddr_t start, uint64_t size);
/* Maps a new stack with an unmapped page below it; returns its top. */
uint8_t *pagetable_stack(unsigned int pages);
/* Maps device memory uncached, permanently. Panics if out of memory. */
volatile void *pagetable_map_device(paddr_t base, uint64_t size);
/*
 * Maps a page of device registers until the next call. For dom0/pci.c and msi.c under LOCK_PCI, and
 * for platform/iommu.c at boot.
 */
volatile void *pagetable_window(paddr_t page);

#endif
