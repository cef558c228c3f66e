/* SPDX-License-Identifier: MIT */
/*
 * Addresses that chapters may map freely. One live page table of 512 entries is reached at three
 * addresses: in an unused area, at the end of the lower half and at the end of the address space.
 * In addition, 512 GiB of addresses all map the same page, for endless arrays.
 */
#ifndef GUESTS_EVIL_WINDOW_H
#define GUESTS_EVIL_WINDOW_H

#include "lib.h"

#define PTE_PRESENT 0x1UL
#define PTE_WRITE 0x2UL
#define PTE_USER 0x4UL
#define PTE_RW (PTE_PRESENT | PTE_WRITE)

/* Address of page i of the window. The last pages of both halves use the last entry. */
#define WINDOW_AT(i) ((1UL << 39) + (i)*PAGE_SIZE)
#define LOWER_END (1UL << 47)
#define LAST_ENTRY 511
#define ALIASES (2UL << 39)

/* Returns the window's page table. The first call creates it empty. */
uint64_t *window_table(void);
/* Sets the entry above the page table; 0 restores it. */
void window_set_directory(uint64_t entry);
/* Maps page i by a page-table entry, 0 to unmap it. Returns its address. */
uint64_t window_map(unsigned i, uint64_t entry);
void window_flush(void);

/* Unmaps the 2 MiB around this address from the runtime's identity map. */
void window_hide(uint64_t address);

/* Maps all of ALIASES to this page; 0 unmaps it. May be called by an interrupt handler. */
void window_alias(uint64_t page);

#endif
