/* SPDX-License-Identifier: MIT */
/*
 * The firmware's tables: which CPUs and I/O APICs there are, where the PM timer, the power switch and the
 * reset register are. There is no AML interpreter: of the DSDT only the constant package \_S5 is looked for,
 * byte by byte.
 *
 * Tables usually lie in reserved memory, so each is brought into the direct map as it is found; dom0/ reads
 * them there again. (ACPI 6.4, 5.2 and 7.4.2)
 */
#include "boot.h"
#include "cpu.h"
#include "directmap.h"
#include "lib.h"

#define MADT_LAPIC 0
#define MADT_IOAPIC 1
#define MADT_OVERRIDE 2
#define MADT_X2APIC 9
#define MADT_ENABLED 1u
#define MADT_FIRST_ENTRY 44

#define MCFG_FIRST_ENTRY 44
#define MCFG_ENTRY 16

#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP_MASK (7u << 10)
#define PM1_SLP_EN (1u << 13)

#define MAX_TABLE (16u << 20)

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
} __packed_;

struct address { uint8_t space, width, offset, access; uint64_t address; } __packed_;

/* Up to the reset register and the 64-bit pointers; shorter ones (revision 1) read as zero. */
struct fadt {
    struct acpi_header header;
    uint32_t facs, dsdt;
    uint8_t model, profile;
    uint16_t sci;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4bios, pstate;
    uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
    uint8_t lengths[8];
    uint16_t latencies[4];
    uint8_t duty[2], alarms[2], century;
    uint16_t boot_flags;
    uint8_t reserved;
    uint32_t flags;
    struct address reset;
    uint8_t reset_value;
    uint16_t arm_flags;
    uint8_t minor;
    uint64_t x_facs, x_dsdt;
} __packed_;
#define FADT_TIMER_32BIT (1u << 8)
#define FADT_RESET (1u << 10)

struct acpi_info acpi;

uint8_t acpi_checksum(const void *p, uint32_t length)
{
    const uint8_t *bytes = p;
    uint8_t sum = 0;

    while (length--)
        sum = (uint8_t)(sum + *bytes++);
    return sum;
}

/* The table at p, mapped and its checksum verified; NULL if it is not one. */
static const struct acpi_header *table_at(paddr_t p)
{
    const struct acpi_header *h = paddr_to_virt(p);

    if (p == 0)
        return NULL;
    pagetable_direct(p, sizeof(*h));
    if (h->length < sizeof(*h) || h->length > MAX_TABLE)
        return NULL;
    pagetable_direct(p, h->length);
    if (acpi_checksum(h, h->length)) {
        log_warn("ACPI: table %.4s has a wrong checksum and is ignored\n", h->signature);
        return NULL;
    }
    return h;
}

static paddr_t search_rsdp(paddr_t start, paddr_t end)
{
    for (paddr_t p = start; p + 20 <= end; p += 16)
        if (memcmp(paddr_to_virt(p), "RSD PTR ", 8) == 0 && acpi_checksum(paddr_to_virt(p), 20) == 0)
            return p;
    return 0;
}

static paddr_t find_rsdp(void)
{
    paddr_t ebda = (paddr_t)*(uint16_t *)paddr_to_virt(0x40e) << 4, p = 0;

    if (ebda >= 0x80000 && ebda < 0xa0000)
        p = search_rsdp(ebda, ebda + 1024);
    return p ? p : search_rsdp(0xe0000, 0x100000);
}

/* One table of 64 from each line of the RSDT (4 bytes) or XSDT (8 bytes). */
static void read_root(paddr_t root, unsigned int width)
{
    const struct acpi_header *h = table_at(root);
    const uint8_t *entry = (const uint8_t *)h + sizeof(*h);
    uint32_t n = h ? (h->length - (uint32_t)sizeof(*h)) / width : 0;

    for (uint32_t i = 0; i < n && acpi.tables < ARRAY_SIZE(acpi.table); i++, entry += width) {
        paddr_t p = 0;

        memcpy(&p, entry, width);
        if (table_at(p))
            acpi.table[acpi.tables++] = p;
    }
}

static paddr_t find_table(const char *signature)
{
    for (unsigned int i = 0; i < acpi.tables; i++)
        if (memcmp(paddr_to_virt(acpi.table[i]), signature, 4) == 0)
            return acpi.table[i];
    return 0;
}

static void add_cpu(uint32_t id, uint32_t flags)
{
    if ((flags & MADT_ENABLED) && acpi.cpus < ARRAY_SIZE(acpi.cpu_apic_id))
        acpi.cpu_apic_id[acpi.cpus++] = id;
}

static uint32_t word_at(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static void read_madt_entry(const uint8_t *e)
{
    if (e[0] == MADT_LAPIC && e[1] >= 8) {
        add_cpu(e[3], word_at(e + 4));
    } else if (e[0] == MADT_X2APIC && e[1] >= 16) {
        add_cpu(word_at(e + 4), word_at(e + 8));
    } else if (e[0] == MADT_IOAPIC && e[1] >= 12 && acpi.ioapics < ARRAY_SIZE(acpi.ioapic)) {
        acpi.ioapic[acpi.ioapics].id = e[2];
        acpi.ioapic[acpi.ioapics].address = word_at(e + 4);
        acpi.ioapic[acpi.ioapics].gsi_base = word_at(e + 8);
        acpi.ioapics++;
    } else if (e[0] == MADT_OVERRIDE && e[1] >= 10 && acpi.overrides < ARRAY_SIZE(acpi.override)) {
        acpi.override[acpi.overrides].irq = e[3];
        acpi.override[acpi.overrides].gsi = word_at(e + 4);
        acpi.override[acpi.overrides].flags = (uint16_t)(e[8] | e[9] << 8);
        acpi.overrides++;
    }
}

static void read_madt(void)
{
    const uint8_t *p, *end;

    acpi.madt = find_table("APIC");
    if (!acpi.madt)
        return;
    p = paddr_to_virt(acpi.madt);
    end = p + ((const struct acpi_header *)p)->length;
    for (p += MADT_FIRST_ENTRY; p + 2 <= end && p[1] >= 2 && p + p[1] <= end; p += p[1])
        read_madt_entry(p);
}

/* Base (of bus 0), segment, first and last bus; 1 MiB a bus. */
static void read_mcfg(void)
{
    paddr_t table = find_table("MCFG");
    const uint8_t *p = table ? paddr_to_virt(table) : NULL;
    const uint8_t *end = table ? p + ((const struct acpi_header *)p)->length : NULL;

    for (p += MCFG_FIRST_ENTRY; table && p + MCFG_ENTRY <= end; p += MCFG_ENTRY) {
        paddr_t base = word_at(p) | (paddr_t)word_at(p + 4) << 32;

        if (acpi.pci_windows == ARRAY_SIZE(acpi.pci_window))
            panic("ACPI: more than %lu PCI segments\n", ARRAY_SIZE(acpi.pci_window));
        acpi.pci_window[acpi.pci_windows].start = base + ((paddr_t)p[10] << 20);
        acpi.pci_window[acpi.pci_windows++].end = base + ((paddr_t)(p[11] + 1) << 20);
    }
}

/* An integer of AML: its value, and where the next object starts. False: some other object. */
static bool aml_integer(const uint8_t **p, const uint8_t *end, uint8_t *value)
{
    const uint8_t *at = *p;

    if (at + 2 > end)
        return false;
    switch (at[0]) {
    case 0x00: case 0x01: *value = at[0]; *p = at + 1; return true;
    case 0x0a: *value = at[1]; *p = at + 2; return true;
    case 0x0b: *value = at[1]; *p = at + 3; return true;
    case 0x0c: *value = at[1]; *p = at + 5; return true;
    default: return false;
    }
}

/* Name (\_S5, Package { SLP_TYPa, SLP_TYPb, ... }): 08 [5c] "_S5_" 12 length count a b. */
static void search_s5(const struct acpi_header *dsdt)
{
    const uint8_t *p = (const uint8_t *)dsdt, *end = p + dsdt->length;

    for (p += sizeof(*dsdt) + 2; p + 12 < end; p++) {
        const uint8_t *q = p + 5;

        if (memcmp(p, "_S5_\x12", 5) || (p[-1] != 0x08 && (p[-1] != '\\' || p[-2] != 0x08)))
            continue;
        q += 1 + (*q >> 6) + 1;
        if (aml_integer(&q, end, &acpi.s5_a) && aml_integer(&q, end, &acpi.s5_b)) {
            acpi.has_s5 = true;
            return;
        }
    }
}

static void read_fadt(void)
{
    const struct acpi_header *h, *dsdt;
    struct fadt f;

    memset(&f, 0, sizeof(f));
    acpi.fadt = find_table("FACP");
    if (!acpi.fadt)
        return;
    h = paddr_to_virt(acpi.fadt);
    memcpy(&f, h, MIN(h->length, (uint32_t)sizeof(f)));
    acpi.pm_timer_port = (uint16_t)f.pm_timer;
    acpi.pm_timer_32bit = f.flags & FADT_TIMER_32BIT;
    acpi.pm1a_control = (uint16_t)f.pm1a_control;
    acpi.pm1b_control = (uint16_t)f.pm1b_control;
    acpi.pm1a_event = (uint16_t)f.pm1a_event;
    acpi.facs = f.x_facs ? f.x_facs : f.facs;
    acpi.dsdt = f.x_dsdt ? f.x_dsdt : f.dsdt;
    if ((f.flags & FADT_RESET) && f.reset.address) {
        acpi.has_reset = true;
        acpi.reset_space = f.reset.space;
        acpi.reset_address = f.reset.address;
        acpi.reset_value = f.reset_value;
    }
    dsdt = table_at(acpi.dsdt);
    if (dsdt)
        search_s5(dsdt);
}

void acpi_init(paddr_t rsdp_hint)
{
    const struct rsdp *rsdp;

    acpi.rsdp = rsdp_hint ? rsdp_hint : find_rsdp();
    if (!acpi.rsdp)
        panic("the firmware has no ACPI tables; Cleave needs them to find CPUs and I/O APICs\n");
    pagetable_direct(acpi.rsdp, sizeof(*rsdp));
    rsdp = paddr_to_virt(acpi.rsdp);
    if (rsdp->revision >= 2 && rsdp->xsdt)
        read_root(rsdp->xsdt, 8);
    if (!acpi.tables)
        read_root(rsdp->rsdt, 4);
    read_madt();
    read_mcfg();
    read_fadt();
    if (!acpi.cpus)
        add_cpu(apic_id(), MADT_ENABLED);
    log_debug("ACPI: %u tables, %u CPUs, %u I/O APICs, PM timer at %#x%s\n", acpi.tables, acpi.cpus,
              acpi.ioapics, acpi.pm_timer_port, acpi.has_s5 ? "" : ", no S5");
}

static void enter_sleep(uint16_t port, uint8_t type)
{
    uint32_t sleep = (uint32_t)type << PM1_SLP_TYP_SHIFT | PM1_SLP_EN;

    if (port)
        outw(port, (uint16_t)((inw(port) & ~PM1_SLP_TYP_MASK) | sleep));
}

void acpi_power_off(void)
{
    if (!acpi.has_s5)
        return;
    enter_sleep(acpi.pm1a_control, acpi.s5_a);
    enter_sleep(acpi.pm1b_control, acpi.s5_b);
    for (unsigned int i = 0; i < 1000000; i++)
        cpu_pause();
}
