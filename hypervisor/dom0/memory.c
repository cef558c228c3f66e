/* SPDX-License-Identifier: MIT */
/*
 * dom0's memory: the machine's lowest RAM, each guest frame the machine frame of that number, so that devices
 * can do DMA without an IOMMU (../README.md, "dom0's frames"). What is not its own RAM stays visible in the
 * map as unusable, never left out: Linux would place device registers there. What is not RAM at all is mapped
 * through on its first touch, except the registers that the core emulates or hides.
 */
#include "alloc.h"
#include "boot.h"
#include "cpu.h"
#include "dom0.h"
#include "errors.h"
#include "lib.h"
#include "platform.h"

#define MIB (1ul << 20)
#define DOM0_MIN (128 * MIB)
#define DOM0_DEFAULT (512 * MIB)
#define CORE_MIN (16 * MIB)
#define LAPIC_FRAME 0xfee00ull
#define HPET_FRAME 0xfed00ull

static uint64_t all_ram(void)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < boot_info.ranges; i++)
        if (boot_info.range[i].type == BOOT_RAM)
            sum += boot_info.range[i].end - boot_info.range[i].start;
    return sum;
}

/* How much the command line asks for, or what suits this machine. */
static uint64_t wanted_bytes(uint64_t ram)
{
    char value[32];
    uint64_t bytes = MIN(DOM0_DEFAULT, ram / 2);

    if (cmdline_get("dom0_mem", value, sizeof(value)) && !parse_size(value, &bytes))
        panic("dom0_mem=%s is not a size: write dom0_mem=512M or 1G\n", value);
    if (bytes < DOM0_MIN)
        panic("dom0_mem=%luM is less than a Debian kernel needs to boot (%luM)\n", bytes / MIB,
              DOM0_MIN / MIB);
    if (bytes + CORE_MIN > ram)
        panic("dom0_mem=%luM leaves too little of the machine's %luM of RAM for the core: lower it, or give "
              "the machine more\n", bytes / MIB, ram / MIB);
    return bytes;
}

void dom0_memory_choose(struct dom0_memory *m)
{
    uint64_t wanted = ROUND_DOWN(wanted_bytes(all_ram()), PAGE_SIZE), sum = 0;

    *m = (struct dom0_memory){ 0 };
    for (unsigned int i = 0; i < boot_info.ranges && sum < wanted; i++) {
        const struct boot_range *r = &boot_info.range[i];

        if (r->type != BOOT_RAM)
            continue;
        m->end = MIN(r->end, r->start + (wanted - sum));
        sum += m->end - r->start;
        if (m->end <= MIB)
            m->low_end = m->end;
    }
    m->pages = sum / PAGE_SIZE;
}

static void map_identity(struct domain *d, uint64_t start, uint64_t end)
{
    while (start < end) {
        unsigned int order = ORDER_4K;

        if (!(start % (1ull << ORDER_2M)) && end - start >= 1ull << ORDER_2M)
            order = ORDER_2M;
        if (p2m_set(d, GFN(start), MFN(start), order, P2M_RAM))
            panic("no memory for dom0's nested page tables: lower dom0_mem or give the machine more RAM\n");
        start += 1ull << order;
    }
}

/* One more entry of dom0's memory map; neighbours of one type are joined. */
static void map_entry(struct domain *d, paddr_t start, paddr_t end, uint32_t type)
{
    struct xen_memory_map_entry *e = &d->memory_map[d->memory_map_entries];

    if (start >= end)
        return;
    if (d->memory_map_entries && e[-1].type == type && e[-1].addr + e[-1].size == start)
        e[-1].size += end - start;
    else
        d->memory_map[d->memory_map_entries++] = (struct xen_memory_map_entry){ start, end - start, type };
}

static void build_map(struct domain *d, const struct dom0_memory *m)
{
    paddr_t tables = m->low_end - PAGE_SIZE;

    d->memory_map = heap_alloc((2 * boot_info.ranges + 4) * sizeof(*d->memory_map));
    if (!d->memory_map)
        panic("no memory for dom0's memory map\n");
    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        const struct boot_range *r = &boot_info.range[i];

        if (r->type == BOOT_RAM) {
            paddr_t end = MIN(r->end, m->end);

            if (r->start <= tables && tables < end) {
                map_entry(d, r->start, tables, BOOT_RAM);
                map_entry(d, tables, m->low_end, BOOT_ACPI);
                map_entry(d, m->low_end, end, BOOT_RAM);
            } else {
                map_entry(d, r->start, end, BOOT_RAM);
            }
            map_entry(d, MAX(r->start, m->end), r->end, BOOT_UNUSABLE);
        } else {
            map_entry(d, r->start, r->end, r->type == BOOT_CORE ? BOOT_UNUSABLE : r->type);
        }
    }
}

/* What the core emulates (I/O APICs), keeps to itself (HPET, MCFG) or owns (local APIC). */
static void hide_devices(void)
{
    p2m_hide_mmio(LAPIC_FRAME, LAPIC_FRAME + 1);
    p2m_hide_mmio(HPET_FRAME, HPET_FRAME + 1);
    for (unsigned int i = 0; i < acpi.ioapics; i++)
        p2m_hide_mmio(acpi.ioapic[i].address >> PAGE_SHIFT, (acpi.ioapic[i].address >> PAGE_SHIFT) + 1);
    for (unsigned int i = 0; i < acpi.pci_windows; i++)
        p2m_hide_mmio(acpi.pci_window[i].start >> PAGE_SHIFT, acpi.pci_window[i].end >> PAGE_SHIFT);
    p2m_hide_mmio(1ull << (cpu_features.physical_bits - PAGE_SHIFT), ~0ull);
}

void dom0_memory_give(struct domain *d, const struct dom0_memory *m)
{
    d->max_pages = m->pages;
    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        const struct boot_range *r = &boot_info.range[i];
        uint64_t start = r->start >> PAGE_SHIFT, end = MIN(r->end, m->end) >> PAGE_SHIFT;

        if (r->type != BOOT_RAM || start >= end)
            continue;
        alloc_assign(d, start, end);
        map_identity(d, start, end);
    }
    hide_devices();
    build_map(d, m);
}
