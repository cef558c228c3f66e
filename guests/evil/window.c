/* SPDX-License-Identifier: MIT */
/* The page tables of window.h, below the runtime's top level (guests/lib/boot.S). */
#include "window.h"

#include "mem.h"

#define ALL_RIGHTS (PTE_RW | PTE_USER)
#define SLOT(address) ((address) >> 39 & 511)

extern uint64_t boot_pml4[512];
static uint64_t *directory, *table;

static void make(void)
{
    uint64_t *pointers = mem_page();

    directory = mem_page();
    table = mem_page();
    directory[0] = directory[LAST_ENTRY] = (uint64_t)table | ALL_RIGHTS;
    pointers[0] = pointers[LAST_ENTRY] = (uint64_t)directory | ALL_RIGHTS;
    boot_pml4[SLOT(WINDOW_AT(0))] = boot_pml4[SLOT(LOWER_END - 1)] = boot_pml4[SLOT(-1UL)] =
        (uint64_t)pointers | ALL_RIGHTS;
}

uint64_t *window_table(void)
{
    if (!table)
        make();
    return table;
}

void window_flush(void)
{
    uint64_t cr3;

    asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3)::"memory");
}

void window_set_directory(uint64_t entry)
{
    window_table();
    directory[0] = directory[LAST_ENTRY] = entry ? entry : (uint64_t)table | ALL_RIGHTS;
    window_flush();
}

uint64_t window_map(unsigned i, uint64_t entry)
{
    window_table()[i] = entry;
    window_flush();
    return WINDOW_AT(i);
}

void window_hide(uint64_t address)
{
    uint64_t *entry = &boot_pml4[SLOT(address)];

    for (int shift = 30; shift >= 21; shift -= 9)
        entry = (uint64_t *)(*entry & -PAGE_SIZE) + (address >> shift & 511);
    *entry = 0;
    window_flush();
}

void window_alias(uint64_t page)
{
    static uint64_t *levels[3]; /* each is used by all 512 entries of the level above */

    for (unsigned l = 0; page && l < ARRAY_SIZE(levels); l++) {
        if (!levels[l])
            levels[l] = mem_page();
        for (unsigned i = 0; i < 512; i++)
            levels[l][i] = (l ? (uint64_t)levels[l - 1] : page) | PTE_RW;
    }
    __atomic_store_n(&boot_pml4[SLOT(ALIASES)], page ? (uint64_t)levels[2] | PTE_RW : 0,
                     __ATOMIC_SEQ_CST);
    window_flush();
}
