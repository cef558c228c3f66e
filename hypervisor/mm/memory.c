/* SPDX-License-Identifier: MIT */
/*
 * Distributes RAM at boot. The core's image stays at 2 MiB, which dom0's kernel does not use. The
 * loader has put the modules right after it, where dom0's identity-mapped RAM will be, so they are
 * moved to the top. Memory that the core needs before the frame allocator runs is also cut from the
 * top. dom0 gets the lowest RAM, which never goes to the allocator, except the page where secondary
 * CPUs start.
 *
 * Read next: mm/pagetable.c, mm/alloc.c, dom0/.
 */
#include "mm/memory.h"
#include "directmap.h"
#include "lib.h"
#include "lib/cmdline.h"
#include "mm/alloc.h"
#include "mm/pagetable.h"
#include "platform/boot_info.h"

#include <xen/arch-x86/hvm/start_info.h>

#define MIB (1ul << 20)
#define FOUR_GIB (4096 * MIB)
#define DOM0_MIN (128 * MIB)
#define DOM0_DEFAULT (512 * MIB)
#define CORE_MIN (16 * MIB)

static bool allocator_ready;

/* Returns the highest place for `size` bytes in RAM that the first page tables map, or 0. */
static paddr_t find_top(uint64_t size)
{
    for (unsigned int i = boot_info.ranges; i-- > 0;) {
        const struct boot_range *r = &boot_info.range[i];
        paddr_t end = MIN(r->end, FOUR_GIB), start = MAX(r->start, MIB);

        if (r->type == BOOT_RAM && end > start && end - start >= size)
            return end - size;
    }
    return 0;
}

paddr_t memory_page(void)
{
    mfn_t m = allocator_ready ? alloc_core(0) : paddr_to_mfn(find_top(PAGE_SIZE));
    paddr_t page = mfn_to_paddr(m);

    if (page == 0 || !mfn_valid_number(m))
        panic("out of memory while booting: give the machine more\n");
    if (!allocator_ready) {
        boot_info_add_range(page, page + PAGE_SIZE, BOOT_CORE);
        memset(paddr_to_virt(page), 0, PAGE_SIZE);
    }
    return page;
}

/* Returns the highest module that was not moved yet (`moved` is a bit mask). */
static struct boot_module *highest_module(uint32_t moved)
{
    struct boot_module *found = NULL;

    for (unsigned int i = 0; i < boot_info.modules; i++)
        if (!(moved & (1u << i)) && (!found || boot_info.module[i].start > found->start))
            found = &boot_info.module[i];
    return found;
}

/*
 * Moves modules from the highest to the lowest, and only upwards, so that none is overwritten
 * before it has moved. A module that cannot move up stays.
 */
static void move_modules(void)
{
    uint32_t moved = 0;
    struct boot_module *m;

    while ((m = highest_module(moved)) != NULL) {
        uint64_t size = m->end - m->start, frames = ROUND_UP(size, PAGE_SIZE);
        paddr_t to = find_top(frames);

        if (to > m->start) {
            memmove(paddr_to_virt(to), paddr_to_virt(m->start), size);
            m->start = to;
            m->end = to + size;
        }
        boot_info_add_range(ROUND_DOWN(m->start, PAGE_SIZE), ROUND_UP(m->end, PAGE_SIZE),
                            BOOT_CORE);
        moved |= 1u << (m - boot_info.module);
    }
}

void memory_init(void)
{
    boot_info_add_range(virt_to_paddr(image_start), virt_to_paddr(image_end), BOOT_CORE);
    boot_info_add_range(AP_TRAMPOLINE, AP_TRAMPOLINE + PAGE_SIZE, BOOT_CORE);
    move_modules();
}

/* Returns the size of dom0's RAM: from the command line, else a default for this machine. */
static uint64_t dom0_bytes(void)
{
    uint64_t ram = 0;

    for (unsigned int i = 0; i < boot_info.ranges; i++)
        if (boot_info.range[i].type == BOOT_RAM)
            ram += boot_info.range[i].end - boot_info.range[i].start;

    uint64_t bytes = MIN(DOM0_DEFAULT, ram / 2);
    const char *value = cmdline_get("dom0_mem");

    if (value && !cmdline_parse_size(value, &bytes))
        panic("dom0_mem=%s is not a size: write dom0_mem=512M or 1G\n", value);
    if (bytes < DOM0_MIN)
        panic("dom0_mem=%luM is less than a Debian kernel needs to boot (%luM)\n", bytes / MIB,
              DOM0_MIN / MIB);
    if (bytes > ram || bytes + CORE_MIN > ram)
        panic("dom0_mem=%luM leaves too little of the machine's %luM of RAM for the core: lower "
              "it, or give the machine more\n",
              bytes / MIB, ram / MIB);
    return ROUND_DOWN(bytes, PAGE_SIZE);
}

void memory_give(void)
{
    static struct boot_info before;
    uint64_t wanted = dom0_bytes();

    memcpy(&before, &boot_info, sizeof(before));
    for (unsigned int i = 0; i < before.ranges; i++) {
        const struct boot_range *r = &before.range[i];
        uint64_t size = r->type == BOOT_RAM ? MIN(r->end - r->start, wanted) : 0;

        boot_info_add_range(r->start, r->start + size, BOOT_DOM0);
        wanted -= size;
    }
    mm_init(boot_info.range, boot_info.ranges);
    allocator_ready = true;
}

unsigned int memory_map_for_dom0(struct hvm_memmap_table_entry *map, unsigned int room)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        const struct boot_range *r = &boot_info.range[i];
        uint32_t others = r->type == BOOT_RAM || r->type == BOOT_CORE ? BOOT_UNUSABLE : r->type;
        uint32_t type = r->type == BOOT_DOM0 ? BOOT_RAM : others;
        uint64_t size = r->end - r->start;

        if (n && map[n - 1].type == type && map[n - 1].addr + map[n - 1].size == r->start) {
            map[n - 1].size += size;
            continue;
        }
        if (n == room) {
            log_warn("dom0: memory map truncated at %#lx: a kernel accepts no more entries\n",
                     r->start);
            break;
        }
        map[n++] = (struct hvm_memmap_table_entry){ .addr = r->start, .size = size, .type = type };
    }
    return n;
}
