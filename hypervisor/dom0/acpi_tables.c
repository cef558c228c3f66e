/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables that dom0 finds: the machine's own, but for a new MADT (one processor entry a vcpu, its
 * acpi_id the vcpu id, its APIC id the emulated one) and without those of hardware that the core keeps: IVRS
 * and DMAR (IOMMUs), HPET, MCFG (configuration space goes through the ports, where MSI is emulated). ACPI 6,
 * 5.2.5 to 5.2.12.
 */
#include "directmap.h"
#include "dom0.h"
#include "lib.h"
#include "platform.h"

struct madt { struct acpi_header h; uint32_t lapic; uint32_t flags; } __packed_;
struct madt_lapic { uint8_t type, length, acpi_id, apic_id; uint32_t flags; } __packed_;

static bool hidden(const struct acpi_header *h)
{
    static const char names[][5] = { "APIC", "IVRS", "DMAR", "HPET", "MCFG" };

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        if (!memcmp(h->signature, names[i], 4))
            return true;
    return false;
}

static void finish(struct acpi_header *h, const char *signature, uint8_t *end, uint8_t revision)
{
    memcpy(h->signature, signature, 4);
    h->length = (uint32_t)(end - (uint8_t *)h);
    h->revision = revision;
    memcpy(h->oem_id, "CLEAVE", 6);
    memcpy(h->oem_table, "DOM0    ", 8);
    h->oem_revision = 1;
    h->checksum = 0;
    h->checksum = (uint8_t)-acpi_checksum(h, h->length);
}

/* The machine's first I/O APIC and the overrides of its lines, as they are. */
static uint8_t *copy_interrupts(uint8_t *at)
{
    uint32_t length;
    bool has_ioapic = false;

    for (uint32_t i = MADT_FIRST_ENTRY; (length = acpi_field(acpi.madt, i + 1, 1)) >= 2; i += length) {
        uint32_t type = acpi_field(acpi.madt, i, 1);

        if (type != MADT_OVERRIDE && (type != MADT_IOAPIC || has_ioapic))
            continue;
        has_ioapic |= type == MADT_IOAPIC;
        memcpy(at, (const uint8_t *)acpi.madt + i, length);
        at += length;
    }
    return at;
}

static uint8_t *build_madt(struct domain *d, uint8_t *at)
{
    struct madt *m = (struct madt *)at;

    m->lapic = 0xfee00000;
    m->flags = 0; /* no 8259 to be set up */
    at += sizeof(*m);
    for (unsigned int i = 0; i < d->max_vcpus; i++, at += sizeof(struct madt_lapic))
        *(struct madt_lapic *)at = (struct madt_lapic){
            MADT_LAPIC, sizeof(struct madt_lapic), (uint8_t)i, (uint8_t)(2 * i), 1 };
    at = copy_interrupts(at);
    finish(&m->h, "APIC", at, 3);
    return at;
}

paddr_t dom0_acpi_tables(struct domain *d, paddr_t page)
{
    uint8_t *base = paddr_to_virt(page), *madt = base + ROUND_UP(sizeof(struct acpi_rsdp), 16), *at;
    struct acpi_rsdp *r = (struct acpi_rsdp *)base;
    struct acpi_header *xsdt;

    memset(base, 0, PAGE_SIZE);
    at = (uint8_t *)ROUND_UP((uint64_t)build_madt(d, madt), 16);
    xsdt = (struct acpi_header *)at;
    at += sizeof(*xsdt);
    for (unsigned int i = 0; i < acpi.tables; i++) {
        const struct acpi_header *h = acpi.table[i];
        paddr_t address = virt_to_paddr(h == acpi.madt ? (const void *)madt : h);

        if (h != acpi.madt && hidden(h))
            continue;
        BUG_ON(at + 8 > base + PAGE_SIZE);
        memcpy(at, &address, 8);
        at += 8;
    }
    finish(xsdt, "XSDT", at, 1);

    memcpy(r->signature, "RSD PTR ", 8);
    memcpy(r->oem_id, "CLEAVE", 6);
    r->revision = 2;
    r->length = sizeof(*r);
    r->xsdt = virt_to_paddr(xsdt);
    r->checksum = (uint8_t)-acpi_checksum(r, 20);
    r->extended_checksum = (uint8_t)-acpi_checksum(r, sizeof(*r));
    return page;
}
