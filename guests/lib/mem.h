/* SPDX-License-Identifier: MIT */
/*
 * Memory of a guest: whole pages from its RAM, pages given back to the hypervisor and taken again, and
 * address space above RAM for what the hypervisor shares. Everything is mapped identity, so an address is a
 * guest frame number << 12.
 */
#ifndef GUESTS_LIB_MEM_H
#define GUESTS_LIB_MEM_H

#include "lib.h"

#include <xen/arch-x86/hvm/start_info.h>

/* Takes the RAM behind everything that the loader placed. */
void mem_init(const struct hvm_start_info *info);

/* All RAM of the map, and what is still free in the allocator, in pages. */
uint64_t mem_total(void);
uint64_t mem_free(void);

/* n zeroed pages in a row; they are never given back. Panics when there are none left. */
uint64_t mem_pages(unsigned n);
static inline void *mem_page(void) { return (void *)mem_pages(1); }

/* n pages of address space that no RAM has. */
uint64_t mem_hole(unsigned n);

/* XENMEM_add_to_physmap of one frame of a XENMAPSPACE_ to gfn: 0 or negative errno. */
int mem_add_to_physmap(unsigned space, uint64_t index, uint64_t gfn);

/* The same at a fresh place in the hole; panics on failure. */
void *mem_map_shared(unsigned space, uint64_t index);

/*
 * XENMEM_decrease_reservation, XENMEM_populate_physmap of n 4 KiB frames: how many were done, or negative
 * errno.
 */
long mem_give(uint64_t *gfns, unsigned n);
long mem_take(uint64_t *gfns, unsigned n);

/* HVMOP_get_param, HVMOP_set_param of this domain. */
int mem_get_param(unsigned index, uint64_t *value);
int mem_set_param(unsigned index, uint64_t value);

#endif
