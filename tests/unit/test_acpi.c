/* SPDX-License-Identifier: MIT */
/*
 * platform/acpi.c: what it finds in well-formed tables. Tables that are truncated, contain wrong
 * lengths or are nonsense yield less, and are never read past their end: a guard page follows the
 * machine's memory.
 */
#include "ports_fake.h"
#include "harness.h"
#include "cpu/features.h"
#include "directmap.h"
#include "dom0/acpi_tables.h"
#include "mm/heap.h"
#include "mm/pagetable.h"
#include "percpu.h"
#include "platform/acpi.h"

#include <string.h>

#define MIB 16
#define RSDP 0xf1230ull
#define ROOT 0x200000ull
#define FADT_SIZE 276u
#define PM1_CONTROL 64u
#define PM_TIMER 76u
#define FLAGS 112u
#define RESET 116u
#define DSDT 40u
#define X_DSDT 140u
#define X_PM1_CONTROL 172u
#define X_PM_TIMER 208u

static paddr_t next_table;
static struct {
    uint16_t port, val;
} written[4];
static unsigned int writes;

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    assert_int_equal(size, 2);
    return 0x1c01;
}

void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    assert_int_equal(size, 2);
    assert_in_range(writes, 0, ARRAY_SIZE(written) - 1);
    written[writes].port = port;
    written[writes++].val = (uint16_t)val;
}

void pagetable_direct(paddr_t start, uint64_t size)
{
    assert_true(start <= harness_memory_size && size <= (16u << 20) &&
                start + size <= harness_memory_size);
}

static int setup(void **state)
{
    heap_free(acpi.table);
    harness_memory_new(MIB);
    harness_quiet = true;
    next_table = ROOT + 0x4000;
    writes = 0;
    cpu_features.physical_bits = 40;
    return 0;
}

/* --- making tables --- */

static void put(paddr_t p, uint64_t val, unsigned int width)
{
    memcpy(paddr_to_virt(p), &val, width);
}

static void sign(paddr_t p, uint32_t length)
{
    uint8_t *bytes = paddr_to_virt(p);

    bytes[9] = 0;
    bytes[9] = (uint8_t)-acpi_checksum(bytes, length);
}

/*
 * An empty table of that length, followed by a free page. Its checksum holds if nothing is put into
 * it.
 */
static paddr_t table_new(const char *signature, uint32_t length)
{
    paddr_t p = next_table;

    next_table += ROUND_UP(length, PAGE_SIZE) + PAGE_SIZE;
    memcpy(paddr_to_virt(p), signature, 4);
    put(p + 4, length, 4);
    sign(p, length);
    return p;
}

static void rsdp_at(paddr_t p, unsigned int revision, paddr_t rsdt, paddr_t xsdt)
{
    memcpy(paddr_to_virt(p), "RSD PTR ", 8);
    put(p + 15, revision, 1);
    put(p + 16, rsdt, 4);
    put(p + 24, xsdt, 8);
    put(p + 8, 0, 1);
    put(p + 8, (uint8_t)-acpi_checksum(paddr_to_virt(p), 20), 1);
}

/* An XSDT of these tables, whose checksums are set. */
static void root(const paddr_t *tables, unsigned int n)
{
    memcpy(paddr_to_virt(ROOT), "XSDT", 4);
    put(ROOT + 4, 36 + 8 * n, 4);
    for (unsigned int i = 0; i < n; i++) {
        put(ROOT + 36 + 8 * i, tables[i], 8);
        sign(tables[i], ((struct acpi_header *)paddr_to_virt(tables[i]))->length);
    }
    sign(ROOT, 36 + 8 * n);
    rsdp_at(RSDP, 2, 0, ROOT);
}

static void root_of(paddr_t table)
{
    root(&table, 1);
    acpi_init(0);
}

static paddr_t madt_of(const uint8_t *entries, uint32_t length)
{
    paddr_t p = table_new("APIC", MADT_FIRST_ENTRY + length);

    memcpy(paddr_to_virt(p + MADT_FIRST_ENTRY), entries, length);
    return p;
}

static paddr_t dsdt_of(const void *code, uint32_t length)
{
    paddr_t p = table_new("DSDT", 36 + length);

    memcpy((uint8_t *)paddr_to_virt(p) + 36, code, length);
    sign(p, 36 + length);
    return p;
}

static void fadt_with_dsdt(paddr_t dsdt)
{
    paddr_t fadt = table_new("FACP", FADT_SIZE);

    put(fadt + DSDT, dsdt, 4);
    root_of(fadt);
}

/* --- well-formed tables --- */

static void root_pointers(void **state)
{
    paddr_t madt = table_new("APIC", MADT_FIRST_ENTRY), mcfg = table_new("MCFG", 44);

    assert_panics(acpi_init(0)); /* no RSDP */
    root(&madt, 1);
    rsdp_at(RSDP, 2, 0xfe000000, ROOT); /* the checksum covers all bytes */
    acpi_init(0);
    assert_int_equal(acpi.tables, 1);

    setup(state); /* in the extended BIOS data area, of revision 0: an RSDT of 4-byte entries */
    madt = table_new("APIC", MADT_FIRST_ENTRY);
    mcfg = table_new("MCFG", 44);
    paddr_t rsdt = table_new("RSDT", 36 + 8);
    put(rsdt + 36, madt, 4);
    put(rsdt + 40, mcfg, 4);
    sign(rsdt, 36 + 8);
    put(0x40e, 0x9fc0, 2);
    rsdp_at(0x9fc40, 0, (uint32_t)rsdt, 0x1234);
    acpi_init(0);
    assert_int_equal(acpi.tables, 2);
    assert_ptr_equal(acpi.madt, paddr_to_virt(madt));

    setup(state); /* the loader's copy has priority; if the XSDT is invalid, the RSDT is used */
    madt = table_new("APIC", MADT_FIRST_ENTRY);
    rsdt = table_new("RSDT", 36 + 4);
    put(rsdt + 36, madt, 4);
    sign(rsdt, 36 + 4);
    rsdp_at(0x300000, 2, (uint32_t)rsdt, 0x310000);
    rsdp_at(RSDP, 0, 0x320000, 0);
    acpi_init(0x300000);
    assert_int_equal(acpi.tables, 1);
}

static void cpus_and_ioapics(void **state)
{
    static const uint8_t entries[] = {
        0, 8,  0, 0, 1, 0,    0,    0,                             /* CPU 0 */
        0, 8,  1, 2, 1, 0,    0,    0,                             /* CPU 2 */
        0, 8,  2, 4, 0, 0,    0,    0,                             /* CPU 4, disabled */
        1, 12, 0, 0, 0, 0,    0xc0, 0xfe, 0,  0, 0, 0,             /* I/O APIC */
        2, 10, 0, 0, 2, 0,    0,    0,    0,  0,                   /* override */
        9, 16, 0, 0, 2, 0,    0,    0,    1,  0, 0, 0, 1, 0, 0, 0, /* CPU 2 again */
        9, 16, 0, 0, 0, 1,    0,    0,    1,  0, 0, 0, 1, 0, 0, 0, /* CPU 0x100 */
        1, 12, 1, 0, 0, 0x10, 0xc0, 0xfe, 24, 0, 0, 0,
    };

    root_of(madt_of(entries, sizeof(entries)));
    assert_int_equal(acpi.cpus, 3);
    assert_int_equal(acpi.cpu_apic_id[1], 2);
    assert_int_equal(acpi.cpu_apic_id[2], 0x100);
    assert_int_equal(acpi.ioapics, 2);
    assert_int_equal(acpi.ioapic[0], 0xfec00000);
    assert_int_equal(acpi.ioapic[1], 0xfec01000);

    static const uint8_t other_order[] = {
        1,    12,   1,  0, 0, 0x10, 0xc0, 0xfe, 24, 0, 0, 0, 1,    12,   2, 0, 0, 0x20,
        0xc0, 0xfe, 56, 0, 0, 0,    1,    12,   0,  0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,
    };

    setup(state);
    root_of(madt_of(other_order, sizeof(other_order)));
    assert_int_equal(acpi.ioapics, 3);
    assert_int_equal(acpi.ioapic[0], 0xfec00000);
    assert_int_equal(acpi.ioapic[1] + acpi.ioapic[2], 0xfec01000 + 0xfec02000ull);
}

static void more_than_there_is_room_for(void **state)
{
    static uint8_t entries[200 * 20];
    paddr_t tables[600];

    for (unsigned int i = 0; i < ARRAY_SIZE(entries) / 20; i++) {
        memcpy(entries + 20 * i, (uint8_t[]){ 0, 8, 0, (uint8_t)i, 1, 0, 0, 0 }, 8);
        memcpy(entries + 20 * i + 8,
               (uint8_t[]){ 1, 12, 0, 0, 0, (uint8_t)i, 0xc0, 0xfe, 0, 0, 0, 0 }, 12);
    }
    tables[0] = madt_of(entries, sizeof(entries));
    for (unsigned int i = 1; i < ARRAY_SIZE(tables); i++)
        tables[i] = table_new("SSDT", 36);
    root(tables, ARRAY_SIZE(tables));
    acpi_init(0);
    assert_int_equal(acpi.tables, ARRAY_SIZE(tables));
    assert_ptr_equal(acpi.table[599], paddr_to_virt(tables[599]));
    assert_int_equal(acpi.cpus, MAX_CPUS);
    assert_int_equal(acpi.cpus_ignored, ARRAY_SIZE(entries) / 20 - MAX_CPUS);
    assert_int_equal(acpi.ioapics, ARRAY_SIZE(acpi.ioapic));
}

static void fadt(void **state)
{
    static const uint8_t s5[] =
        "\x10\x08_S5_\x12\x0a\x04\x0a\x05\x0a\x06\x00\x00sixteen bytes behind";
    paddr_t p = table_new("FACP", FADT_SIZE);

    put(p + PM1_CONTROL, 0x604, 4);
    put(p + PM1_CONTROL + 4, 0x704, 4);
    put(p + PM_TIMER, 0x608, 4);
    put(p + FLAGS, 1u << 10, 4);
    put(p + RESET, 1, 1);
    put(p + RESET + 4, 0xcf9, 8);
    put(p + RESET + 12, 0x0f, 1);
    put(p + X_DSDT, dsdt_of(s5, sizeof(s5)), 8);
    root_of(p);
    assert_int_equal(acpi.pm_timer_port, 0x608);
    assert_int_equal(acpi.reset_port, 0xcf9);
    assert_int_equal(acpi.reset_value, 0x0f);
    assert_true(acpi.has_s5);
    acpi_power_off();
    assert_int_equal(writes, 2);
    assert_int_equal(written[0].port, 0x604);
    assert_int_equal(written[0].val, 0x2001 | 5 << 10);
    assert_int_equal(written[1].port, 0x704);
    assert_int_equal(written[1].val, 0x2001 | 6 << 10);
}

/* The reset register is used only if present and a port. */
static void reset_register(void **state)
{
    for (unsigned int is_there = 0; is_there < 2; is_there++)
        for (unsigned int space = 0; space < 3; space++) {
            setup(state);
            paddr_t p = table_new("FACP", FADT_SIZE);

            put(p + FLAGS, is_there ? 1u << 10 : ~(1u << 10), 4);
            put(p + RESET, space, 1);
            put(p + RESET + 4, 0xcf9, 8);
            put(p + RESET + 12, 0x0f, 1);
            root_of(p);
            assert_int_equal(acpi.reset_port, is_there && space == 1 ? 0xcf9 : 0);
        }
}

/* ACPI 6.4, 5.2.9: the 32-bit fields may be 0 if there are extended ones. */
static void extended_fields(void **state)
{
    paddr_t p = table_new("FACP", FADT_SIZE);

    put(p + X_PM1_CONTROL, 0x1001, 2); /* ports, of 16 bits */
    put(p + X_PM1_CONTROL + 4, 0x804, 8);
    put(p + X_PM1_CONTROL + 12, 0x1000, 2); /* the second is memory: not supported */
    put(p + X_PM1_CONTROL + 16, 0x904, 8);
    put(p + X_PM_TIMER, 1, 1);
    put(p + X_PM_TIMER + 4, 0x808, 8);
    root_of(p);
    assert_int_equal(acpi.pm1_control[0], 0x804);
    assert_int_equal(acpi.pm1_control[1], 0);
    assert_int_equal(acpi.pm_timer_port, 0x808);
    put(p + PM_TIMER, 0x608, 4);
    sign(p, FADT_SIZE);
    acpi.tables = 0;
    acpi_init(0);
    assert_int_equal(acpi.pm_timer_port, 0x608);
}

static void segments(void **state)
{
    paddr_t p = table_new("MCFG", 44 + 3 * 16 + 8);

    put(p + 44, 0xb0000000, 8);
    put(p + 44 + 11, 0xff, 1);
    put(p + 60, 0xe0000000, 8); /* ends before it begins */
    put(p + 60 + 10, 9, 1);
    put(p + 60 + 11, 8, 1);
    put(p + 76, 0x1000000000, 8);
    put(p + 76 + 10, 0x10, 1);
    put(p + 76 + 11, 0x1f, 1);
    put(p + 92, 0xd0000000, 8); /* and half an entry */
    root_of(p);
    assert_int_equal(acpi.pci_windows, 2);
    assert_int_equal(acpi.pci_window[0].start, 0xb0000000);
    assert_int_equal(acpi.pci_window[0].end, 0xc0000000);
    assert_int_equal(acpi.pci_window[1].start, 0x1001000000);
    assert_int_equal(acpi.pci_window[1].end, 0x1002000000);

    setup(state); /* one that wraps at the end of the address space; and too many */
    p = table_new("MCFG", 44 + 16);
    put(p + 44, -0x100000ull, 8);
    put(p + 44 + 11, 3, 1);
    root_of(p);
    assert_int_equal(acpi.pci_windows, 0);
    setup(state);
    p = table_new("MCFG", 44 + 33 * 16);
    assert_panics(root_of(p));
}

/* --- malformed tables --- */

static void addresses_that_cannot_be(void **state)
{
    const paddr_t places[] = { 0, 1ull << 40, ~0ull, 0xfffffffffffff000, 0x8000000000000000 };
    paddr_t tables[ARRAY_SIZE(places) + 1];

    for (unsigned int i = 0; i < ARRAY_SIZE(places); i++)
        put(ROOT + 36 + 8 * i, places[i], 8);
    memcpy(paddr_to_virt(ROOT), "XSDT", 4);
    put(ROOT + 4, 36 + sizeof(places), 4);
    sign(ROOT, 36 + sizeof(places));
    rsdp_at(RSDP, 2, 0, ROOT);
    acpi_init(0);
    assert_int_equal(acpi.tables, 0);

    setup(state);
    tables[0] = table_new("FACP", FADT_SIZE);
    put(tables[0] + X_DSDT, ~0ull << 12, 8);
    root_of(tables[0]);
    assert_false(acpi.has_s5);
    setup(state);
    rsdp_at(RSDP, 2, 0, ~0ull);
    acpi_init(0);
    assert_int_equal(acpi.tables, 0);
}

static void lengths_and_checksums(void **state)
{
    static const uint32_t lengths[] = { 0, 1, 35, (16u << 20) + 1, 0x80000000, ~0u };

    for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
        setup(state);
        paddr_t p = table_new("APIC", MADT_FIRST_ENTRY);
        root(&p, 1);
        put(p + 4, lengths[i], 4);
        acpi_init(0);
        assert_int_equal(acpi.tables, 0);
    }
    setup(state);
    paddr_t p = table_new("APIC", MADT_FIRST_ENTRY);
    root(&p, 1);
    put(p + 40, 1, 1);
    acpi_init(0);
    assert_int_equal(acpi.tables, 0);
    assert_non_null(strstr(harness_log, "0 tables"));
}

/* Every table, truncated at each length, at the end of memory. */
static void cut_short(void **state)
{
    static const uint8_t madt[] = { 0, 8, 0, 5,  1, 0, 0, 0, 1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0,
                                    0, 0, 9, 16, 0, 0, 7, 0, 0, 0,  1, 0, 0, 0, 1,    0,    0, 0 };
    static const char *const names[] = { "APIC", "FACP", "MCFG", "XSDT" };

    for (unsigned int n = 0; n < ARRAY_SIZE(names); n++)
        for (uint32_t length = 36; length <= FADT_SIZE; length++) {
            setup(state);
            next_table = ((uint64_t)MIB << 20) - length;
            paddr_t p = table_new(names[n], length);
            memset((uint8_t *)paddr_to_virt(p) + 36, n == 2 ? 0 : 0xff, length - 36);
            if (n == 0 && length > MADT_FIRST_ENTRY)
                memcpy(paddr_to_virt(p + MADT_FIRST_ENTRY), madt,
                       MIN(sizeof(madt), length - MADT_FIRST_ENTRY));
            if (n == 1 && length >= DSDT + 4)
                put(p + DSDT, 0, 4); /* otherwise within 4 GiB, where this machine has no memory */
            if (n == 2 && length >= 44 + 5 * 16)
                break;
            if (n < 3) {
                root_of(p);
            } else {
                sign(p, length);
                rsdp_at(RSDP, 2, 0, p);
                acpi_init(0);
            }
            assert_int_equal(acpi.tables, n < 3);
        }
}

static void entries_that_lie(void **state)
{
    static const uint8_t none[] = { 0, 0, 1, 1 }, one[] = { 0, 1, 1, 1, 1, 1, 1, 1, 1 };
    static const uint8_t beyond[] = { 0, 0xff, 0, 3, 1 };

    root_of(madt_of(none, sizeof(none)));
    assert_int_equal(acpi.cpus, 0);
    setup(state);
    root_of(madt_of(one, sizeof(one)));
    assert_int_equal(acpi.cpus, 0);
    setup(state);
    root_of(madt_of(beyond, sizeof(beyond))); /* its flags are missing */
    assert_int_equal(acpi.cpus, 0);
}

/* --- what dom0 gets --- */

#define PAGE_OF_DOM0 0x8000ull

static const struct acpi_header *dom0_table(const struct acpi_rsdp *rsdp, unsigned int i)
{
    const struct acpi_header *xsdt = paddr_to_virt(rsdp->xsdt);
    paddr_t table = acpi_field(xsdt, 36 + 8 * i, 8);

    assert_memory_equal(xsdt->signature, "XSDT", 4);
    assert_int_equal(acpi_checksum(xsdt, xsdt->length), 0);
    assert_in_range(rsdp->xsdt + xsdt->length, PAGE_OF_DOM0, PAGE_OF_DOM0 + PAGE_SIZE);
    return table ? paddr_to_virt(table) : NULL;
}

/*
 * dom0 gets its own MADT, and those of the machine's tables that describe nothing withheld from it.
 */
static void dom0_sees_what_is_its_own(void **state)
{
    static const char names[][5] = { "FACP", "APIC", "SRAT", "SSDT", "SLIT", "HEST", "HPET",
                                     "IVRS", "OEM7", "DMAR", "TPM2", "SPCR", "DBG2", "MCFG",
                                     "ERST", "BERT", "EINJ", "WAET", "NFIT", "SSDT" };
    static const char shown[][5] = { "APIC", "FACP", "SSDT", "OEM7", "TPM2", "MCFG", "SSDT" };
    static const uint8_t entries[] = {
        0, 8, 0, 0,    1,    0, 0, 0, 0, 8, 1,  1, 1, 0, 0, 0, 1, 12,   0,
        0, 0, 0, 0xc8, 0xfe, 0, 0, 0, 0, 2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0,
    };
    const struct acpi_rsdp *rsdp = paddr_to_virt(PAGE_OF_DOM0);
    paddr_t tables[ARRAY_SIZE(names)];
    const struct acpi_header *h;

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        tables[i] = table_new(names[i], i == 13 ? 44 : 276);
    tables[1] = madt_of(entries, sizeof(entries));
    root(tables, ARRAY_SIZE(tables));
    acpi_init(0);
    dom0_acpi_tables(3, PAGE_OF_DOM0);
    assert_int_equal(acpi_checksum(rsdp, 20), 0);
    assert_int_equal(acpi_checksum(rsdp, sizeof(*rsdp)), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(shown); i++)
        assert_memory_equal(dom0_table(rsdp, i)->signature, shown[i], 4);
    assert_null(dom0_table(rsdp, ARRAY_SIZE(shown)));
    assert_non_null(strstr(harness_log, "NFIT"));
    h = dom0_table(rsdp, 0);
    assert_int_equal(acpi_checksum(h, h->length), 0);
    assert_int_equal(h->length, 44 + 3 * 8 + 12 + 10);
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(acpi_field(h, 44 + 8 * i, 4), 0x0800u | i << 16 | 2 * i << 24);
    assert_int_equal(acpi_field(h, 44 + 24 + 4, 4), 0xfec80000);
    assert_int_equal(acpi_field(h, 44 + 36, 2), 0x0a02);
}

static void dom0_gets_what_fits_into_its_page(void **state)
{
    const struct acpi_rsdp *rsdp = paddr_to_virt(PAGE_OF_DOM0);
    const uint8_t *behind = paddr_to_virt(PAGE_OF_DOM0 + PAGE_SIZE);
    uint8_t before[64];
    unsigned int n = 0;

    more_than_there_is_room_for(state);
    memcpy(before, behind, sizeof(before));
    dom0_acpi_tables(128, PAGE_OF_DOM0);
    while (dom0_table(rsdp, n))
        n++;
    assert_in_range(n, 300, 500);
    assert_memory_equal(before, behind, sizeof(before));
}

/* \_S5 in each form, and at every distance from the end of a DSDT at the end of memory. */
static void sleep_package(void **state)
{
    static const struct {
        const char *code;
        unsigned int size;
        bool good;
        uint8_t a, b;
    } cases[] = {
        { "\x08_S5_\x12\x06\x04\x00\x01\x00\x00", 13, true, 0, 1 },
        { "\x08\\_S5_\x12\x06\x04\x01\x0a\x07\x00", 14, true, 1, 7 },
        { "\x08_S5_\x12\x46\x01\x04\x0b\x05\x00\x0c\x06\x00\x00\x00", 18, true, 5, 6 },
        { "\x08_S5_\x12\x06\x04\x0e\x01\x00\x00", 13, false, 0, 0 },
        { "\x08_S5_\x11\x06\x04\x00\x01\x00\x00", 13, false, 0, 0 },
        { "x_S5_\x12\x06\x04\x00\x01\x00\x00", 13, false, 0, 0 },
        { "x\\_S5_\x12\x06\x04\x00\x01\x00\x00", 14, false, 0, 0 },
        { "\x08x_S5_\x12\x06\x04\x00\x01\x00\x00", 14, false, 0, 0 },
        { "\x08_S5_\x12\x06\x04\x00\x01", 10, true, 0, 1 },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
        for (uint32_t length = 0; length < cases[i].size + 32; length++) {
            uint8_t code[64] = { 0 };

            setup(state);
            memcpy(code + 8, cases[i].code, cases[i].size);
            next_table = ((uint64_t)MIB << 20) - 36 - length;
            paddr_t dsdt = dsdt_of(code, length);
            next_table = ROOT + 0x4000;
            fadt_with_dsdt(dsdt);
            if (length >= 8 + cases[i].size || !cases[i].good)
                assert_int_equal(acpi.has_s5, cases[i].good);
            if (acpi.has_s5) {
                assert_int_equal(acpi.s5[0], cases[i].a);
                assert_int_equal(acpi.s5[1], cases[i].b);
            }
        }
    setup(state);
    fadt_with_dsdt(dsdt_of("", 0));
    assert_false(acpi.has_s5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(root_pointers, setup),
        cmocka_unit_test_setup(cpus_and_ioapics, setup),
        cmocka_unit_test_setup(more_than_there_is_room_for, setup),
        cmocka_unit_test_setup(fadt, setup),
        cmocka_unit_test_setup(reset_register, setup),
        cmocka_unit_test_setup(extended_fields, setup),
        cmocka_unit_test_setup(segments, setup),
        cmocka_unit_test_setup(addresses_that_cannot_be, setup),
        cmocka_unit_test_setup(lengths_and_checksums, setup),
        cmocka_unit_test_setup(cut_short, setup),
        cmocka_unit_test_setup(entries_that_lie, setup),
        cmocka_unit_test_setup(dom0_sees_what_is_its_own, setup),
        cmocka_unit_test_setup(dom0_gets_what_fits_into_its_page, setup),
        cmocka_unit_test_setup(sleep_package, setup),
    };

    return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
