/* SPDX-License-Identifier: MIT */
/*
 * What the loader told us (../boot/multiboot.c fills it in) and the map of the machine's memory:
 * sorted, without overlaps, RAM losing against anything else.
 *
 * Read next: ../mm/memory.c.
 */
#include "platform/boot_info.h"
#include "lib.h"
#include "mm/pagetable.h"

struct boot_info boot_info = { .cmdline = "" };

/* Behind the ranges that are there; joined with the last if that is of the same type. */
static void append(paddr_t start, paddr_t end, uint32_t type)
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
 * Each old range in its parts before, inside of and behind the new one, which also gets the gaps.
 */
void boot_info_add_range(paddr_t start, paddr_t end, uint32_t type)
{
    static struct boot_info before; /* too large for the stack */
    paddr_t gap = start;

    if (start >= end)
        return;
    /* link-time optimisation loses what an assignment calls */
    memcpy(&before, &boot_info, sizeof(before));
    boot_info.ranges = 0;
    for (unsigned int i = 0; i < before.ranges; i++) {
        const struct boot_range *r = &before.range[i];
        bool loses = r->type == BOOT_RAM || r->type == BOOT_DOM0;

        append(r->start, MIN(r->end, start), r->type);
        append(gap, MIN(r->start, end), type);
        append(MAX(r->start, start), MIN(r->end, end), loses ? type : r->type);
        append(MAX(r->start, end), r->end, r->type);
        gap = MAX(gap, MIN(r->end, end));
    }
    append(gap, end, type);
}
