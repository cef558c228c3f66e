/* SPDX-License-Identifier: MIT */
/* Distribution of RAM at boot (mm/memory.c). */
#ifndef CLV_MM_MEMORY_H
#define CLV_MM_MEMORY_H

#include "types.h"

/* Reserves the image and the trampoline page, and moves the modules to the top of RAM. */
void memory_init(void);
/* Sets dom0's share aside, and starts the frame allocator with the rest. */
void memory_give(void);
/* Returns a zeroed frame, before or after memory_give(). Panics if there is none. */
paddr_t memory_page(void);
/*
 * Fills dom0's memory map, in which RAM that is not its own is unusable. Returns the number of
 * entries.
 */
struct hvm_memmap_table_entry;
unsigned int memory_map_for_dom0(struct hvm_memmap_table_entry *map, unsigned int room);

/* defined by core.lds */
extern char image_start[], image_end[], text_end[], rodata_end[];
/* The page below 1 MiB where secondary CPUs start; hidden from dom0. */
#define AP_TRAMPOLINE 0x8000ull

#endif
