/* SPDX-License-Identifier: MIT */
/*
 * The core's own page tables (APM vol. 2, 5.3). Upper half only, no user pages:
 *
 *   DIRECTMAP_BASE  all RAM, writable, not executable; the image's text and constants read-only
 *   MMIO_BASE       device registers, uncached
 *   STACK_BASE      the stacks, each above an unmapped page
 *   TEXT_BASE       the image: text executable, read-only data, data; never W and X
 *
 * The boot CPU creates all mappings during boot, and none is ever removed. So there is no lock, and
 * other CPUs' TLBs need no flush. The exception is the page at MMIO_BASE, a window that moves.
 */
#include "mm/pagetable.h"
#include "cpu/features.h"
#include "directmap.h"
#include "lib.h"
#include "mm/memory.h"
#include "percpu.h"
#include "platform/boot_info.h"

#define MMIO_BASE 0xffffc00000000000ull
#define STACK_BASE 0xffffd00000000000ull

#define PTE_PRESENT (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_PWT (1ull << 3)
#define PTE_PCD (1ull << 4)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY (1ull << 6)
#define PTE_LARGE (1ull << 7)
#define PTE_GLOBAL (1ull << 8)
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

#define MAP_RX (PTE_PRESENT | PTE_ACCESSED | PTE_GLOBAL)
#define MAP_RO (MAP_RX | PTE_NX)
#define MAP_RW (MAP_RO | PTE_WRITABLE | PTE_DIRTY)
#define MAP_DEVICE (MAP_RW | PTE_PCD | PTE_PWT)

static paddr_t (*new_page)(void); /* returns a zeroed frame */
paddr_t pagetable_root;
static uint64_t *window;
static uint64_t next_mmio = MMIO_BASE + 2 * PAGE_SIZE, next_stack = STACK_BASE;

/*
 * Returns the entry to map va with: an existing mapping, or an empty entry for the largest page
 * that can map va to pa. Creates tables on the way. *page: size of the page.
 */
static uint64_t *entry_for(uint64_t va, paddr_t pa, uint64_t size, uint64_t *page)
{
    uint64_t *table = paddr_to_virt(pagetable_root);

    for (unsigned int level = 4;; level--) {
        uint64_t *e = &table[(va >> (12 + 9 * (level - 1))) & 511];
        bool allowed = level <= (cpu_features.pages_1g ? 3 : 2);

        *page = 1ull << (12 + 9 * (level - 1));
        if (level == 1 || (*e & PTE_LARGE) ||
            (!*e && allowed && !((va | pa) & (*page - 1)) && size >= *page))
            return e;
        if (!*e)
            *e = new_page() | PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED;
        table = paddr_to_virt(*e & PTE_ADDRESS);
    }
}

/* Maps with the largest pages that fit. Existing mappings are kept. */
static void map_range(uint64_t va, paddr_t pa, uint64_t size, uint64_t flags)
{
    for (uint64_t done = 0, page; done < size; done += page - ((va + done) & (page - 1))) {
        uint64_t *e = entry_for(va + done, pa + done, size - done, &page);

        if (!*e)
            *e = (pa + done) | flags | (page > PAGE_SIZE ? PTE_LARGE : 0);
    }
}

static void map_direct(paddr_t start, paddr_t end, uint64_t flags)
{
    if (start < end)
        map_range(DIRECTMAP_BASE + start, start, end - start, flags);
}

static void map_image(const char *start, const char *end, uint64_t flags)
{
    map_range((uint64_t)start, virt_to_paddr(start), (uint64_t)(end - start), flags);
}

/* Maps a range in three parts: below the image, its read-only part, and above that. */
static void map_ram(const struct boot_range *r)
{
    paddr_t text = virt_to_paddr(image_start), data = virt_to_paddr(rodata_end);

    map_direct(r->start, MIN(r->end, text), MAP_RW);
    map_direct(MAX(r->start, text), MIN(r->end, data), MAP_RO);
    map_direct(MAX(r->start, data), r->end, MAP_RW);
}

void pagetable_init(const char *stack_guard, paddr_t (*page_source)(void))
{
    static struct boot_info before; /* creating tables takes pages from the map */
    uint64_t page;

    new_page = page_source;
    memcpy(&before, &boot_info, sizeof(before));
    pagetable_root = new_page();
    map_direct(0, 0x100000, MAP_RW);
    for (unsigned int i = 0; i < before.ranges; i++) {
        const struct boot_range *r = &before.range[i];

        if (r->type == BOOT_RAM || r->type == BOOT_CORE || r->type == BOOT_ACPI ||
            r->type == BOOT_ACPI_NVS)
            map_ram(r);
    }
    window = entry_for(MMIO_BASE, 0, PAGE_SIZE, &page);
    map_image(image_start, text_end, MAP_RX);
    map_image(text_end, rodata_end, MAP_RO);
    map_image(rodata_end, stack_guard, MAP_RW);
    map_image(stack_guard + PAGE_SIZE, image_end, MAP_RW);
    __asm__ volatile("mov %0, %%cr3" : : "r"(pagetable_root) : "memory");
}

void pagetable_direct(paddr_t start, uint64_t size)
{
    map_direct(ROUND_DOWN(start, PAGE_SIZE), ROUND_UP(start + size, PAGE_SIZE), MAP_RW);
}

uint8_t *pagetable_stack(unsigned int pages)
{
    next_stack += 2 * STACK_SIZE;
    for (unsigned int i = 1; i <= pages; i++)
        map_range(next_stack - i * PAGE_SIZE, new_page(), PAGE_SIZE, MAP_RW);
    return (uint8_t *)next_stack;
}

volatile void *pagetable_map_device(paddr_t base, uint64_t size)
{
    paddr_t start = ROUND_DOWN(base, PAGE_SIZE), end = ROUND_UP(base + size, PAGE_SIZE);
    uint64_t va = next_mmio;

    map_range(va, start, end - start, MAP_DEVICE);
    next_mmio += end - start + PAGE_SIZE;
    return (volatile void *)(va + (base - start));
}

/* Only this CPU's TLB is flushed: any other CPU calls this before it uses the window. */
volatile void *pagetable_window(paddr_t page)
{
    *window = ROUND_DOWN(page, PAGE_SIZE) | (MAP_DEVICE & ~PTE_GLOBAL);
    __asm__ volatile("invlpg (%0)" : : "r"(MMIO_BASE) : "memory");
    return (volatile void *)MMIO_BASE;
}
