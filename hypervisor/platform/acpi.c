/* SPDX-License-Identifier: MIT */
/*
 * The firmware's ACPI tables: CPUs, I/O APICs, the PM timer, PM1 control, the reset register and
 * PCI configuration windows. There is no AML interpreter: the DSDT is only searched, byte by byte,
 * for the constant package \_S5.
 *
 * Tables usually lie in reserved memory, so each is mapped into the direct map when found. dom0/
 * reads them there again. (ACPI 6.4, 5.2 and 7.4.2)
 */
#include "platform/acpi.h"
#include "cpu.h"
#include "cpu/features.h"
#include "directmap.h"
#include "lib.h"
#include "mm/heap.h"
#include "mm/pagetable.h"
#include "percpu.h"

#define PM1_SLP_TYP (7u << 10)
#define PM1_SLP_EN (1u << 13)

#define MAX_TABLE (16u << 20)

/* clang-format off */
/* Offsets of fields in the tables. */
enum {
    FADT_DSDT = 40, FADT_PM1_CONTROL = 64 /* two */, FADT_PM_TIMER = 76,
    FADT_FLAGS = 112, FADT_RESET_SPACE = 116, FADT_RESET_ADDRESS = 120, FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140, FADT_X_PM1_CONTROL = 172 /* two */, FADT_X_PM_TIMER = 208,
    ADDRESS_SIZE = 12, ADDRESS_VALUE = 4, /* in an extended address, which begins with its space */
    MCFG_FIRST_ENTRY = 44, MCFG_ENTRY = 16,
};
/* clang-format on */
#define FADT_RESET (1u << 10)
#define SPACE_IO 1
#define MADT_ENABLED 1u

struct acpi_info acpi;

uint8_t acpi_checksum(const void *p, uint32_t length)
{
    const uint8_t *bytes = p;
    uint8_t sum = 0;

    while (length--)
        sum = (uint8_t)(sum + *bytes++);
    return sum;
}

/* Maps the table at p and verifies its checksum. Returns NULL if it is invalid. */
static const struct acpi_header *table_at(paddr_t p)
{
    if (p == 0 || p >> cpu_features.physical_bits)
        return NULL;

    const struct acpi_header *h = paddr_to_virt(p);

    pagetable_direct(p, sizeof(*h));
    if (h->length < sizeof(*h) || h->length > MAX_TABLE)
        return NULL;
    pagetable_direct(p, h->length);
    if (acpi_checksum(h, h->length)) {
        log_warn("ACPI: ignoring table %.*s: wrong checksum\n", 4, h->signature);
        return NULL;
    }
    return h;
}

uint64_t acpi_field(const struct acpi_header *h, uint32_t offset, uint32_t width)
{
    uint64_t value = 0;

    if (h && offset + width <= h->length)
        memcpy(&value, (const uint8_t *)h + offset, width);
    return value;
}

static paddr_t search_rsdp(paddr_t start, paddr_t end)
{
    for (paddr_t p = start; p + 20 <= end; p += 16)
        if (memcmp(paddr_to_virt(p), "RSD PTR ", 8) == 0 &&
            acpi_checksum(paddr_to_virt(p), 20) == 0)
            return p;
    return 0;
}

/* Searches the first KiB of the EBDA, then the BIOS area. Returns 0 if not found. */
static paddr_t find_rsdp(void)
{
    paddr_t ebda = (paddr_t) * (uint16_t *)paddr_to_virt(0x40e) << 4;
    paddr_t p = ebda >= 0x80000 && ebda < 0xa0000 ? search_rsdp(ebda, ebda + 1024) : 0;

    return p ? p : search_rsdp(0xe0000, 0x100000);
}

/* Collects the tables of an RSDT (entries of 4 bytes) or XSDT (8 bytes). */
static void read_root(paddr_t root, unsigned int width)
{
    const struct acpi_header *h = table_at(root);

    heap_free(acpi.table);
    acpi.table = h ? heap_alloc(h->length / width * sizeof(*acpi.table)) : NULL;
    for (uint32_t at = sizeof(*h); acpi.table && at < h->length; at += width) {
        const struct acpi_header *table = table_at(acpi_field(h, at, width));

        if (table)
            acpi.table[acpi.tables++] = table;
    }
}

const struct acpi_header *acpi_find(const char *signature)
{
    for (unsigned int i = 0; i < acpi.tables; i++)
        if (memcmp(acpi.table[i]->signature, signature, 4) == 0)
            return acpi.table[i];
    return NULL;
}

/* Some firmware lists a CPU twice, as local APIC and as x2APIC. */
static void add_cpu(uint64_t id, uint64_t flags)
{
    for (unsigned int i = 0; i < acpi.cpus; i++)
        if (acpi.cpu_apic_id[i] == id)
            return;
    if (!(flags & MADT_ENABLED))
        return;
    if (acpi.cpus < ARRAY_SIZE(acpi.cpu_apic_id))
        acpi.cpu_apic_id[acpi.cpus++] = (uint32_t)id;
    else
        acpi.cpus_ignored++;
}

/* Adds an I/O APIC. The one with GSI 0 becomes the first, whatever its position in the table. */
static void add_ioapic(paddr_t address, uint64_t first_gsi)
{
    if (acpi.ioapics == ARRAY_SIZE(acpi.ioapic))
        return;
    acpi.ioapic[acpi.ioapics] = first_gsi ? address : acpi.ioapic[0];
    if (!first_gsi)
        acpi.ioapic[0] = address;
    acpi.ioapics++;
}

static void read_madt(void)
{
    const struct acpi_header *h = acpi.madt = acpi_find("APIC");
    uint32_t length;

    for (uint32_t at = MADT_FIRST_ENTRY; (length = acpi_field(h, at + 1, 1)) >= 2; at += length) {
        switch (acpi_field(h, at, 1)) {
        case MADT_LAPIC: add_cpu(acpi_field(h, at + 3, 1), acpi_field(h, at + 4, 4)); break;
        case MADT_X2APIC: add_cpu(acpi_field(h, at + 4, 4), acpi_field(h, at + 8, 4)); break;
        case MADT_IOAPIC: add_ioapic(acpi_field(h, at + 4, 4), acpi_field(h, at + 8, 4)); break;
        }
    }
}

/* Parses an AML integer. Returns the byte after it, or NULL if it is another object. */
static const uint8_t *aml_integer(const uint8_t *p, uint8_t *value)
{
    switch (*p) {
    case 0x00:
    case 0x01: *value = *p; return p + 1;
    case 0x0a:
    case 0x0b:
    case 0x0c: *value = p[1]; return p + 1 + (1u << (*p - 0x0a));
    default: return NULL;
    }
}

/*
 * Finds Name (\_S5, Package { SLP_TYPa, SLP_TYPb, ... }): 08 [5c] "_S5_" 12 length count a b.
 * Parses it in a zero-padded copy, so that nothing past the end of the table is read.
 */
static void search_s5(const struct acpi_header *dsdt)
{
    const uint8_t *p = (const uint8_t *)(dsdt + 1) + 2, *end = (const uint8_t *)dsdt + dsdt->length;

    for (; p + 9 <= end && !acpi.has_s5; p++) {
        uint8_t code[20] = { 0 };
        size_t size = MIN((size_t)(end - p), sizeof(code));

        if (memcmp(p, "_S5_\x12", 5) || (p[-1] != 0x08 && (p[-1] != '\\' || p[-2] != 0x08)))
            continue;
        memcpy(code, p, size);

        const uint8_t *q = aml_integer(code + 5 + (code[5] >> 6) + 2, &acpi.s5[0]);

        q = q ? aml_integer(q, &acpi.s5[1]) : NULL;
        acpi.has_s5 = q && q <= code + size;
    }
}

/* Reads an I/O port from the 32-bit field or, if that is 0, from the extended address. */
static uint16_t read_port_number(const struct acpi_header *h, uint32_t offset, uint32_t extended)
{
    uint64_t port = acpi_field(h, offset, 4);

    if (!port && acpi_field(h, extended, 1) == SPACE_IO)
        port = acpi_field(h, extended + ADDRESS_VALUE, 8);
    return (uint16_t)port;
}

static void read_fadt(void)
{
    const struct acpi_header *h = acpi_find("FACP");
    uint64_t flags = acpi_field(h, FADT_FLAGS, 4), x_dsdt = acpi_field(h, FADT_X_DSDT, 8);
    const struct acpi_header *dsdt = table_at(x_dsdt ? x_dsdt : acpi_field(h, FADT_DSDT, 4));

    acpi.pm_timer_port = read_port_number(h, FADT_PM_TIMER, FADT_X_PM_TIMER);
    for (unsigned int i = 0; i < ARRAY_SIZE(acpi.pm1_control); i++)
        acpi.pm1_control[i] =
            read_port_number(h, FADT_PM1_CONTROL + 4 * i, FADT_X_PM1_CONTROL + ADDRESS_SIZE * i);
    if ((flags & FADT_RESET) && acpi_field(h, FADT_RESET_SPACE, 1) == SPACE_IO) {
        acpi.reset_port = (uint16_t)acpi_field(h, FADT_RESET_ADDRESS, 8);
        acpi.reset_value = (uint8_t)acpi_field(h, FADT_RESET_VALUE, 1);
    }
    if (dsdt)
        search_s5(dsdt);
}

/* Each entry: base (of bus 0), segment, first and last bus; 1 MiB per bus. */
static void read_mcfg(void)
{
    const struct acpi_header *h = acpi_find("MCFG");

    for (uint32_t at = MCFG_FIRST_ENTRY; h && at + MCFG_ENTRY <= h->length; at += MCFG_ENTRY) {
        paddr_t base = acpi_field(h, at, 8), start = base + (acpi_field(h, at + 10, 1) << 20);
        paddr_t end = base + ((acpi_field(h, at + 11, 1) + 1) << 20);

        if (end <= start) {
            log_warn("ACPI: ignoring an empty PCI segment\n");
            continue;
        }
        if (acpi.pci_windows == ARRAY_SIZE(acpi.pci_window))
            panic("ACPI: more than %lu PCI segments\n", ARRAY_SIZE(acpi.pci_window));
        acpi.pci_window[acpi.pci_windows++] =
            (struct acpi_pci_window){ start, end, (uint16_t)acpi_field(h, at + 8, 2),
                                      (uint8_t)acpi_field(h, at + 10, 1) };
    }
}

void acpi_init(paddr_t rsdp_hint)
{
    paddr_t at = rsdp_hint ? rsdp_hint : find_rsdp();
    const struct acpi_rsdp *rsdp = paddr_to_virt(at);

    if (!at)
        panic("the firmware has no ACPI tables; Cleave needs them to find CPUs and I/O APICs\n");
    pagetable_direct(at, sizeof(*rsdp));
    if (rsdp->revision >= 2 && rsdp->xsdt)
        read_root(rsdp->xsdt, 8);
    if (!acpi.tables)
        read_root(rsdp->rsdt, 4);
    read_madt();
    read_fadt();
    read_mcfg();
    log_debug("ACPI: %u tables, %u CPUs, %u I/O APICs, PM timer at %#x%s\n", acpi.tables, acpi.cpus,
              acpi.ioapics, acpi.pm_timer_port, acpi.has_s5 ? "" : ", no S5");
}

void acpi_power_off(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(acpi.pm1_control) && acpi.has_s5; i++) {
        uint16_t port = acpi.pm1_control[i];

        if (port)
            outw(port, (uint16_t)((inw(port) & ~PM1_SLP_TYP) | acpi.s5[i] << 10 | PM1_SLP_EN));
    }
    for (unsigned int i = 0; i < 1000000; i++)
        cpu_pause();
}
