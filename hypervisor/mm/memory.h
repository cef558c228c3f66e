/* SPDX-License-Identifier: MIT */
/* Machine memory at boot (mm/memory.c): who gets which of the loader's ranges. */
#ifndef CLV_MM_MEMORY_H
#define CLV_MM_MEMORY_H

#include "types.h"

/* the image's and low frames are out of RAM, modules are at its top */
void memory_init(void);
/* takes dom0's share, starts the frame allocator on what is left */
void memory_give(void);
/* a zeroed frame, also after memory_give; panics when there is none */
paddr_t memory_page(void);
/* Fills dom0's map, where RAM that is not its own is unusable; returns how many entries it has. */
struct hvm_memmap_table_entry;
unsigned int memory_map_for_dom0(struct hvm_memmap_table_entry *map, unsigned int room);

/* mm/memory.c: after alloc_add_range, where the core's image, modules and low pages are */
extern char image_start[], image_end[], text_end[], rodata_end[];
/* the page below 1 MiB that starts second CPUs; hidden from dom0 */
#define AP_TRAMPOLINE 0x8000ull

#endif
