/* SPDX-License-Identifier: MIT */
/*
 * Addresses that chapters map as they like. One page table of 512 entries, live, is reached at three places:
 * in the middle of nowhere, at the end of the lower half and at the end of the whole address space. Beside it
 * 512 GiB of addresses that are all the same page, for arrays without an end.
 */
#ifndef GUESTS_EVIL_WINDOW_H
#define GUESTS_EVIL_WINDOW_H

#include "lib.h"

#define PTE_PRESENT 0x1UL
#define PTE_WRITE 0x2UL
#define PTE_USER 0x4UL
#define PTE_RW (PTE_PRESENT | PTE_WRITE)

/* Of page i of the window, and of the last pages of both halves (their entry is the last). */
#define WINDOW_AT(i) ((1UL << 39) + (i) * PAGE_SIZE)
#define LOWER_END (1UL << 47)
#define LAST_ENTRY 511
#define ALIASES (2UL << 39)

/* The window's page table; made by the first call, with nothing mapped. */
uint64_t *window_table(void);
/* The entry above: what is here instead of the page table's address | 7. */
void window_set_directory(uint64_t entry);
/* Maps page i: entry as the CPU has it, 0: nothing. Returns its address. */
uint64_t window_map(unsigned i, uint64_t entry);
void window_flush(void);

/* Takes the 2 MiB around this address out of the runtime's own identity map. */
void window_hide(uint64_t address);

/* All of ALIASES is this page from now on; 0: nothing is. May be called by an interrupt's handler. */
void window_alias(uint64_t page);

#endif
