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
#define LAPIC_FRAME 0xfee00ull
#define HPET_FRAME 0xfed00ull

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

static void build_map(struct domain *d)
{
    d->memory_map = heap_alloc(boot_info.ranges * sizeof(*d->memory_map));
    if (!d->memory_map)
        panic("no memory for dom0's memory map\n");
    d->memory_map_entries = boot_info.ranges;
    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        const struct boot_range *r = &boot_info.range[i];
        uint32_t others = r->type == BOOT_RAM || r->type == BOOT_CORE ? BOOT_UNUSABLE : r->type;

        d->memory_map[i] = (struct xen_memory_map_entry){
            r->start, r->end - r->start, r->type == BOOT_DOM0 ? BOOT_RAM : others };
    }
}

/* What the core emulates (I/O APICs), keeps to itself (HPET, MCFG) or owns (local APIC). */
static void hide_devices(void)
{
    p2m_hide_mmio(LAPIC_FRAME, LAPIC_FRAME + 1);
    p2m_hide_mmio(HPET_FRAME, HPET_FRAME + 1);
    for (unsigned int i = 0; i < acpi.ioapics; i++)
        p2m_hide_mmio(acpi.ioapic[i] >> PAGE_SHIFT, (acpi.ioapic[i] >> PAGE_SHIFT) + 1);
    for (unsigned int i = 0; i < acpi.pci_windows; i++)
        p2m_hide_mmio(acpi.pci_window[i].start >> PAGE_SHIFT, acpi.pci_window[i].end >> PAGE_SHIFT);
    p2m_hide_mmio(1ull << (cpu_features.physical_bits - PAGE_SHIFT), ~0ull);
}

paddr_t dom0_memory_give(struct domain *d)
{
    paddr_t low_end = 0;

    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        const struct boot_range *r = &boot_info.range[i];

        if (r->type != BOOT_DOM0)
            continue;
        alloc_assign(d, r->start >> PAGE_SHIFT, r->end >> PAGE_SHIFT);
        map_identity(d, r->start >> PAGE_SHIFT, r->end >> PAGE_SHIFT);
        if (r->end <= MIB)
            low_end = r->end;
    }
    d->max_pages = d->tot_pages;
    boot_add_range(low_end - PAGE_SIZE, low_end, BOOT_ACPI);
    build_map(d);
    hide_devices();
    return low_end - DOM0_LOW_PAGES * PAGE_SIZE;
}
