/* SPDX-License-Identifier: MIT */
/*
 * Between the files of boot/, and what the early phases of others need from it. Everybody else: platform.h.
 */
#ifndef CLV_BOOT_H
#define CLV_BOOT_H

#include "alloc.h"
#include "platform.h"
#include "types.h"

noreturn void boot_main(uint32_t magic, uint32_t information);
void wiring_init(void);              /* boot/wiring.c: what lower floors call upwards */
void multiboot_parse(uint32_t magic, paddr_t information);
/* Into boot_info's map, kept sorted and merged; where it overlaps RAM it wins unless it is RAM itself. */
void boot_add_range(paddr_t start, paddr_t end, uint32_t type);

/* boot/secondary.c */
void secondary_start_all(void);      /* starts the CPUs that the MADT lists; prints how many are up */
noreturn void secondary_main(void);  /* C entry of each, from entry.S */

/* mm/memory.c */
void memory_init(void);              /* the image's and low frames are out of RAM, modules are at its top */
void memory_give(void);              /* takes dom0's share, starts the frame allocator on what is left */
paddr_t memory_page(void);           /* a zeroed frame, also after memory_give; panics when there is none */
/* Fills dom0's map, where RAM that is not its own is unusable; returns how many entries it has. */
struct hvm_memmap_table_entry;
unsigned int memory_map_for_dom0(struct hvm_memmap_table_entry *map, unsigned int room);

/* mm/pagetable.c */
extern paddr_t pagetable_root;       /* CR3 of every CPU in the core */
/*
 * Builds the final tables, of pages that page_source gives, and switches to them. The page at stack_guard
 * stays unmapped.
 */
void pagetable_init(const char *stack_guard, paddr_t (*page_source)(void));
/* Brings firmware's tables, in reserved memory, into the direct map. */
void pagetable_direct(paddr_t start, uint64_t size);
/* A stack of `pages` in the window of stacks, with an unmapped page below it; returns its top. */
uint8_t *pagetable_stack(unsigned int pages);

extern char boot_stack_guard[], boot_stack_top[];

#endif
