/* SPDX-License-Identifier: MIT */
/*
 * The loader's information, filled in by boot/multiboot.c, and the machine's memory map: sorted,
 * without overlaps. Any other type takes precedence over RAM.
 *
 * Read next: mm/memory.c.
 */
#include "platform/boot_info.h"
#include "lib.h"
#include "mm/pagetable.h"

struct boot_info boot_info = { .cmdline = "" };

/* Appends a range, or extends the last one if it is adjacent and of the same type. */
static void append_range(paddr_t start, paddr_t end, uint32_t type)
{
    struct boot_range *last = &boot_info.range[boot_info.ranges];

    if (start >= end)
        return;
    if (boot_info.ranges && last[-1].type == type && last[-1].end == start) {
        last[-1].end = end;
        return;
    }
    if (boot_info.ranges == ARRAY_SIZE(boot_info.range))
        panic("the memory map has more than %zu ranges\n", ARRAY_SIZE(boot_info.range));
    *last = (struct boot_range){ start, end, type };
    boot_info.ranges++;
}

/*
 * Splits each old range into its parts before, inside and after the new one, which also fills gaps.
 */
void boot_info_add_range(paddr_t start, paddr_t end, uint32_t type)
{
    static struct boot_info before; /* too large for the stack */
    paddr_t gap = start;

    if (start >= end)
        return;
    /* not an assignment: LTO would drop the memcpy() that it calls */
    memcpy(&before, &boot_info, sizeof(before));
    boot_info.ranges = 0;
    for (unsigned int i = 0; i < before.ranges; i++) {
        const struct boot_range *r = &before.range[i];
        bool loses = r->type == BOOT_RAM || r->type == BOOT_DOM0;

        append_range(r->start, MIN(r->end, start), r->type);
        append_range(gap, MIN(r->start, end), type);
        append_range(MAX(r->start, start), MIN(r->end, end), loses ? type : r->type);
        append_range(MAX(r->start, end), r->end, r->type);
        gap = MAX(gap, MIN(r->end, end));
    }
    append_range(gap, end, type);
}
