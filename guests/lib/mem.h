/* SPDX-License-Identifier: MIT */
/*
 * Memory of a guest: pages of its RAM, pages returned to the hypervisor and populated again, and
 * address space above RAM for shared frames. Everything is identity-mapped, so an address is a
 * guest frame number << 12.
 */
#ifndef GUESTS_LIB_MEM_H
#define GUESTS_LIB_MEM_H

#include "lib.h"

#include <xen/arch-x86/hvm/start_info.h>

/* Initialises the allocator with the RAM after everything that the loader placed. */
void mem_init(const struct hvm_start_info *info);

/* Total RAM of the map, and free pages of the allocator, in pages. */
uint64_t mem_total(void);
uint64_t mem_free(void);

/* Allocates n contiguous zeroed pages, which are never freed. Panics if none are left. */
uint64_t mem_pages(unsigned n);
/* The same with what is in them, which the hypervisor has filled with zeroes. */
uint64_t mem_untouched(unsigned n);
static inline void *mem_page(void) { return (void *)mem_pages(1); }

/* Reserves n pages of address space without RAM. */
uint64_t mem_hole(unsigned n);

/* XENMEM_add_to_physmap of one frame of a XENMAPSPACE_* to gfn. Returns 0 or a negative errno. */
int mem_add_to_physmap(unsigned space, uint64_t index, uint64_t gfn);

/* The same at a new place in the hole; panics on failure. */
void *mem_map_shared(unsigned space, uint64_t index);

/*
 * XENMEM_decrease_reservation and XENMEM_populate_physmap of n 4 KiB frames. Return the number
 * done, or a negative errno.
 */
long mem_give(uint64_t *gfns, unsigned n);
long mem_take(uint64_t *gfns, unsigned n);

/* HVMOP_get_param, HVMOP_set_param of this domain. */
int mem_get_param(unsigned index, uint64_t *value);
int mem_set_param(unsigned index, uint64_t value);

#endif
