/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables that dom0 finds: the machine's own, but for a new MADT (one processor entry a vcpu, its
 * acpi_id the vcpu id, its APIC id the emulated one) and without those of hardware that the core keeps: IVRS
 * and DMAR (IOMMUs), HPET, MCFG (configuration space goes through the ports, where MSI is emulated). ACPI 6,
 * 5.2.5 to 5.2.12.
 */
#include "directmap.h"
#include "lib.h"
#include "platform.h"

struct madt_lapic { uint8_t type, length, acpi_id, apic_id; uint32_t flags; } __packed_;

/* A page has room for them. */
struct tables {
    struct acpi_rsdp rsdp;
    struct { struct acpi_header header; uint64_t table[ARRAY_SIZE(acpi.table) + 1]; } __packed_ xsdt;
    struct { struct acpi_header header; uint32_t lapic, flags; uint8_t entry[]; } __packed_ madt;
} __packed_;

#define HEADER(name, number) \
    { .signature = name, .revision = number, .oem_id = "CLEAVE", .oem_table = "DOM0    ", .oem_revision = 1 }

static bool hidden(const struct acpi_header *h)
{
    static const char names[][5] = { "APIC", "IVRS", "DMAR", "HPET", "MCFG" };

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        if (!memcmp(h->signature, names[i], 4))
            return true;
    return false;
}

static void finish(struct acpi_header *h, const void *end)
{
    h->length = (uint32_t)((const uint8_t *)end - (uint8_t *)h);
    h->checksum = (uint8_t)-acpi_checksum(h, h->length);
}

/* The machine's first I/O APIC and the overrides of its lines, as they are. */
static uint8_t *copy_interrupts(uint8_t *at, const uint8_t *end)
{
    uint32_t length;

    for (uint32_t i = MADT_FIRST_ENTRY; (length = acpi_field(acpi.madt, i + 1, 1)) >= 2; i += length) {
        uint32_t type = acpi_field(acpi.madt, i, 1);

        if (type != MADT_OVERRIDE &&
            (type != MADT_IOAPIC || acpi_field(acpi.madt, i + 4, 4) != acpi.ioapic[0]))
            continue;
        BUG_ON(at + length > end);
        memcpy(at, (const uint8_t *)acpi.madt + i, length);
        at += length;
    }
    return at;
}

void dom0_acpi_tables(unsigned int vcpus, paddr_t page)
{
    struct tables *t = paddr_to_virt(page);
    uint8_t *at = t->madt.entry;
    unsigned int n = 0;

    *t = (struct tables){
        .rsdp = { .signature = "RSD PTR ", .oem_id = "CLEAVE", .revision = 2, .length = sizeof(t->rsdp),
                  .xsdt = virt_to_paddr(&t->xsdt) },
        .xsdt.header = HEADER("XSDT", 1),
        .madt = { .header = HEADER("APIC", 3), .lapic = 0xfee00000 }, /* flags: no 8259 to be set up */
    };
    for (unsigned int i = 0; i < vcpus; i++, at += sizeof(struct madt_lapic))
        *(struct madt_lapic *)at = (struct madt_lapic){
            MADT_LAPIC, sizeof(struct madt_lapic), (uint8_t)i, (uint8_t)(2 * i), 1 };
    finish(&t->madt.header, copy_interrupts(at, (uint8_t *)t + PAGE_SIZE));
    for (unsigned int i = 0; i < acpi.tables; i++)
        if (!hidden(acpi.table[i]))
            t->xsdt.table[n++] = virt_to_paddr(acpi.table[i]);
    t->xsdt.table[n++] = virt_to_paddr(&t->madt);
    finish(&t->xsdt.header, &t->xsdt.table[n]);
    t->rsdp.checksum = (uint8_t)-acpi_checksum(&t->rsdp, 20);
    t->rsdp.extended_checksum = (uint8_t)-acpi_checksum(&t->rsdp, sizeof(t->rsdp));
}
