/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables for dom0: the machine's own, except for a new MADT. That one has a processor
 * entry per vcpu, with the vcpu id as acpi_id and the emulated APIC id. As for Xen's PVH dom0, a
 * table is shown only if it is known to describe no CPUs, memory, interrupts or errors, which are
 * the core's. Tables that the FADT refers to (DSDT, FACS) come with it. ACPI 6, 5.2.5 to 5.2.12.
 */
#include "dom0/acpi_tables.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/pagetable.h"
#include "platform/acpi.h"

struct madt_lapic {
    uint8_t type, length, acpi_id, apic_id;
    uint32_t flags;
} __packed_;

struct madt {
    struct acpi_header header;
    uint32_t lapic, flags;
    uint8_t entry[];
} __packed_;
struct xsdt {
    struct acpi_header header;
    uint64_t table[];
} __packed_;

#define HEADER(name, number) \
    { \
        .signature = name, .revision = number, .oem_id = "CLEAVE", .oem_table = "DOM0    ", \
        .oem_revision = 1 \
    }

static bool is_shown(const struct acpi_header *h)
{
    /*
     * AML, batteries, PCI windows; boot logo and times, licences, video BIOS; embedded controller,
     * TPMs, watchdog.
     */
    static const char names[][5] = {
        "FACP", "SSDT", "PSDT", "SBST", "MCFG", "BGRT", "FPDT",
        "MSDM", "SLIC", "VFCT", "ECDT", "TCPA", "TPM2", "WDAT",
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        if (!memcmp(h->signature, names[i], 4))
            return true;
    return !memcmp(h->signature, "OEM", 3);
}

static void finish_table(struct acpi_header *h, const void *end)
{
    h->length = (uint32_t)((const uint8_t *)end - (uint8_t *)h);
    h->checksum = (uint8_t)-acpi_checksum(h, h->length);
}

/* Copies the machine's first I/O APIC and the interrupt overrides, unchanged. */
static uint8_t *copy_interrupts(uint8_t *at, const uint8_t *end)
{
    uint32_t length;

    for (uint32_t i = MADT_FIRST_ENTRY; (length = acpi_field(acpi.madt, i + 1, 1)) >= 2;
         i += length) {
        uint32_t type = acpi_field(acpi.madt, i, 1);

        if (type != MADT_OVERRIDE &&
            (type != MADT_IOAPIC || acpi_field(acpi.madt, i + 4, 4) != acpi.ioapic[0]))
            continue;
        BUG_ON(at + length + sizeof(struct xsdt) + sizeof(uint64_t) > end);
        memcpy(at, (const uint8_t *)acpi.madt + i, length);
        at += length;
    }
    return at;
}

/* Puts dom0's own MADT first, so that it fits into the page however many tables there are. */
static void fill_xsdt(struct xsdt *x, const struct madt *madt, const uint8_t *end)
{
    unsigned int n = 0;

    *x = (struct xsdt){ .header = HEADER("XSDT", 1) };
    x->table[n++] = virt_to_paddr(madt);
    for (unsigned int i = 0; i < acpi.tables; i++) {
        const struct acpi_header *h = acpi.table[i];

        if (is_shown(h) && (uint8_t *)&x->table[n + 1] <= end)
            x->table[n++] = virt_to_paddr(h);
        else
            log_info("hiding ACPI table %.*s from dom0\n", 4, h->signature);
    }
    finish_table(&x->header, &x->table[n]);
}

void dom0_acpi_tables(unsigned int vcpus, paddr_t page)
{
    struct acpi_rsdp *rsdp = paddr_to_virt(page);
    struct madt *madt = (struct madt *)(rsdp + 1);
    uint8_t *at = madt->entry, *end = (uint8_t *)rsdp + PAGE_SIZE;

    /* flags 0: no 8259 */
    *madt = (struct madt){ .header = HEADER("APIC", 3), .lapic = 0xfee00000 };
    for (unsigned int i = 0; i < vcpus; i++, at += sizeof(struct madt_lapic))
        *(struct madt_lapic *)at = (struct madt_lapic){ MADT_LAPIC, sizeof(struct madt_lapic),
                                                        (uint8_t)i, (uint8_t)(2 * i), 1 };
    at = copy_interrupts(at, end);
    finish_table(&madt->header, at);
    fill_xsdt((struct xsdt *)at, madt, end);
    *rsdp = (struct acpi_rsdp){ .signature = "RSD PTR ",
                                .oem_id = "CLEAVE",
                                .revision = 2,
                                .length = sizeof(*rsdp),
                                .xsdt = virt_to_paddr(at) };
    rsdp->checksum = (uint8_t)-acpi_checksum(rsdp, 20);
    rsdp->extended_checksum = (uint8_t)-acpi_checksum(rsdp, sizeof(*rsdp));
}
