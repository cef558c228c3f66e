/* SPDX-License-Identifier: MIT */
/*
 * The hardware below dom0/pci.c and dom0/msi.c, and the core functions that they call. See
 * pci_model.h.
 */
#include "ports_fake.h"
#include "pci_model.h"
#include "cpu/irq.h"
#include "dom0/ioapic.h"
#include "dom0/mmio.h"
#include "mm/pagetable.h"
#include "platform/acpi.h"
#include "vdev/lapic.h"

#include <stdlib.h>
#include <string.h>

struct domain *d, *dom0;
struct vcpu *v;
uint8_t space[4][4096];
struct acpi_info acpi;
unsigned int hw_accesses, reboots;
uint64_t forgotten_start, forgotten_end;
struct pci_model_delivered delivered;
static uint32_t hw_address;

uint32_t word(const uint8_t *s, unsigned int at)
{
    uint32_t val;

    memcpy(&val, s + at, 4);
    return val;
}

/* --- the hardware --- */

static uint8_t *selected(void)
{
    uint32_t function = hw_address & 0xffffff00;

    if (function == DEVICE)
        return space[0];
    if (function == BRIDGE)
        return space[1];
    return function == HOST_BRIDGE ? space[2] : NULL;
}

/* 1M, or the size in the resizable BAR capability. */
static uint64_t wide_mask(const uint8_t *s) { return -(0x100000ull << (s[RESIZABLE + 9] & 0x3f)); }

/* The writable bits of a word: 8K of memory, 32 ports, 1M above 4G, a ROM of 64K. */
static uint32_t writable(const uint8_t *s, unsigned int at)
{
    if (at == 0x30)
        return s == space[0] ? 0xffff0001 : ~0u;
    if (at < 0x10 || at >= 0x28 || s != space[0])
        return ~0u;
    switch (at) {
    case 0x10: return 0xffffe000;
    case 0x14: return 0xffffffe0;
    case 0x18: return wide_mask(s);
    case 0x1c: return wide_mask(s) >> 32;
    default: return 0;
    }
}

static bool is_dom0s(uint64_t start, uint64_t end)
{
    bool low = start >= 0xe0000000 && end <= 0xe8000000,
         high = start >= 1ull << 32 && end <= 1ull << 36;

    return end > start && (low || high);
}

static uint64_t wide_address(const uint8_t *s)
{
    return (word(s, 0x18) & ~0xfu) | (uint64_t)word(s, 0x1c) << 32;
}

static void check_decoding(const uint8_t *s)
{
    uint64_t memory = word(s, 0x10) & ~0xfu, ports = word(s, 0x14) & ~3u,
             rom = word(s, 0x30) & 0xffff0000;
    uint64_t wide = wide_address(s);

    if (s[4] & 2) {
        if (memory)
            assert_true(is_dom0s(memory, memory + 0x2000));
        if (wide)
            assert_true(is_dom0s(wide, wide + -wide_mask(s)));
        if (rom && (s[0x30] & 1))
            assert_true(is_dom0s(rom, rom + 0x10000));
    }
    if ((s[4] & 1) && ports)
        assert_true(ports + 31 < 0x3f8 || ports > 0x3ff);
}

static void check_message(uint32_t address, uint32_t high, uint32_t data)
{
    assert_int_equal(address & 0xfff00fff, 0xfee00000);
    assert_in_range(address >> 12 & 0xff, HOST_APIC(0), HOST_APIC(7));
    assert_int_equal(high, 0);
    assert_in_range(data, VECTOR_MSI_FIRST, VECTOR_MSI_FIRST + HARNESS_VECTORS - 1);
    assert_non_null(
        harness_vectors[(address >> 12 & 0xff) - HOST_APIC(0)][data - VECTOR_MSI_FIRST].fn);
}

void check_messages(void)
{
    const uint8_t *s = space[0];
    const uint32_t *line = harness_device + PAGE_SIZE / 4;

    if (s[MSI + 2] & 1) {
        bool wide = s[MSI + 2] & 0x80; /* with the upper half of the address before the data */

        assert_int_equal(s[MSI + 2] & 0x70, 0); /* one */
        check_message(word(s, MSI + 4), wide ? word(s, MSI + 8) : 0,
                      word(s, MSI + (wide ? 12 : 8)) & 0xffff);
    }
    if ((s[MSIX + 3] & 0xc0) == 0x80)
        for (unsigned int i = 0; i < LINES; i++, line += 4)
            if (!(line[3] & 1))
                check_message(line[0], line[1], line[2]);
}

static uint8_t *ecam(paddr_t page)
{
    static uint8_t nobody[PAGE_SIZE];

    switch (page) {
    case WINDOW: return space[2];
    case WINDOW + 0x18000: return space[0];
    case WINDOW + 0xe0000: return space[1];
    case FAR_WINDOW: return space[3];
    }
    memset(nobody, 0xff, sizeof(nobody));
    return page - WINDOW < 0x400000 || page - FAR_WINDOW < 0x100000 ? nobody : NULL;
}

/*
 * Only extended registers are written, which are all writable. The base address that is resized
 * loses its low bits.
 */
static void check_window_write(const volatile void *p)
{
    const uint8_t *at = (const uint8_t *)p;

    if (at < space[0] || at >= space[1])
        return;
    assert_true(at >= space[0] + 0x100);
    put_word(space[0], 0x18, (word(space[0], 0x18) & (uint32_t)wide_mask(space[0])) | 0xc);
    put_word(space[0], 0x1c, word(space[0], 0x1c) & wide_mask(space[0]) >> 32);
    check_decoding(space[0]);
}

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    const uint8_t *s = selected();
    uint32_t val = ~0u;

    hw_accesses++;
    assert_in_range(port, 0xcfc, 0xcff);
    assert_int_equal(port % size, 0);
    assert_int_equal(hw_address & 0x7f000000, 0);
    if (s)
        memcpy(&val, s + (hw_address & 0xfc) + (port & 3), size);
    return size == 4 ? val : val & ((1u << 8 * size) - 1);
}

void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    uint8_t *s = selected();
    unsigned int at = hw_address & 0xfc;
    uint32_t old, new;

    hw_accesses++;
    if (port == 0xcf8) {
        assert_int_equal(size, 4);
        hw_address = val;
        return;
    }
    assert_in_range(port, 0xcfc, 0xcff);
    assert_int_equal(port % size, 0);
    if (!s)
        return;
    old = new = word(s, at);
    memcpy((uint8_t *)&new + (port & 3), &val, size);
    new = (old & ~writable(s, at)) | (new &writable(s, at));
    if (s == space[0] && at == MSIX)
        new = (old & 0x3fffffff) | (new & 0xc0000000);
    if (at == 0x04)
        new = (old & 0xffff0000) | (new & 0xffff);
    memcpy(s + at, &new, 4);
    if (s != space[0])
        return;
    harness_device_base = word(s, MSIX + 4) & 7 ? wide_address(s) : word(s, 0x10) & ~0xfu;
    check_decoding(s);
    check_messages();
}

/* --- the core --- */

bool mmio_allowed(const struct domain *of, uint64_t start, uint64_t end)
{
    assert_ptr_equal(of, d);
    return is_dom0s(start << PAGE_SHIFT, end << PAGE_SHIFT);
}

void mmio_forget(struct domain *of, uint64_t start, uint64_t end)
{
    assert_ptr_equal(of, d);
    assert_true(msi_emulates(d, start, end)); /* otherwise it could be mapped again meanwhile */
    forgotten_start = start;
    forgotten_end = end;
}

bool hw_port_allowed(struct domain *of, uint16_t port)
{
    assert_ptr_equal(of, d);
    return port < 0x3f8 || port > 0x3ff;
}

unsigned int ioapic_host_cpu(struct domain *of, uint32_t dest, bool logical)
{
    assert_ptr_equal(of, d);
    return logical ? 0 : dest & 7;
}

void lapic_deliver(struct domain *of, uint32_t dest, uint32_t message)
{
    assert_ptr_equal(of, d);
    assert_false(message & LAPIC_LEVEL);
    delivered.dest = dest;
    delivered.logical = message & LAPIC_LOGICAL;
    delivered.mode = LAPIC_MODE(message);
    delivered.vector = (uint8_t)message;
    delivered.count++;
}

void domain_shutdown(struct domain *of, uint8_t reason)
{
    assert_ptr_equal(of, d);
    reboots += reason == SHUTDOWN_reboot;
}

/* --- each test's begin and end, dom0's accesses --- */

void put_word(uint8_t *s, unsigned int at, uint32_t val) { memcpy(s + at, &val, 4); }

void capability(unsigned int at, uint8_t id, uint8_t next)
{
    space[0][at] = id;
    space[0][at + 1] = next;
}

/*
 * MSI-X, power management, MSI (64-bit, of four messages, with masks: 24 bytes), vendor-specific.
 */
int pci_model_setup(void **state)
{
    uint8_t *s = space[0];

    (void)state;
    memset(space, 0, sizeof(space));
    for (unsigned int i = 0; i < 256; i++)
        s[i] = (uint8_t)(i ^ 0xa5);
    put_word(s, 0x04, 0x00100000); /* no decoding enabled; has a capability list */
    s[0x0a] = 0;
    s[0x0b] = 2;    /* a network card */
    s[0x0e] = 0x80; /* multifunction, ordinary header */
    put_word(s, 0x10, 0xe0000000);
    put_word(s, 0x14, 0xc001);
    put_word(s, 0x18, 0xc);
    put_word(s, 0x1c, 1);
    put_word(s, 0x20, 0);
    put_word(s, 0x24, 0);
    put_word(s, 0x30, 0xe0100000);
    s[0x34] = MSIX;
    capability(MSIX, 0x11, POWER);
    s[MSIX + 2] = LINES - 1;
    s[MSIX + 3] = 0;
    put_word(s, MSIX + 4, 0x1000); /* base address 0, offset 4K */
    put_word(s, MSIX + 8, 0x1800);
    capability(POWER, 0x01, MSI);
    capability(MSI, 0x05, VENDOR);
    s[MSI + 2] = 0x84;
    s[MSI + 3] = 0x01;
    capability(VENDOR, 0x09, 0x00);
    put_word(s, ERRORS, SRIOV << 20 | 0x20001);
    put_word(s, SRIOV, RESIZABLE << 20 | 0x10010);
    put_word(s, RESIZABLE, 0x10015);
    put_word(space[3], 0, 0x56781234);
    put_word(space[3], 0x40, 0x40404040);
    acpi.pci_windows = 2;
    acpi.pci_window[0] = (struct acpi_pci_window){ WINDOW, WINDOW + 0x400000, 0, 0 };
    acpi.pci_window[1] = (struct acpi_pci_window){ FAR_WINDOW, FAR_WINDOW + 0x100000, 1, 0x40 };
    harness_window = ecam;
    put_word(space[1], 0x08, 0x06040000);
    space[1][0x0e] = 1;
    put_word(space[2], 0x08, 0x06000000);

    memset(harness_vectors, 0, sizeof(harness_vectors));
    memset(harness_device, 0xff, sizeof(harness_device)); /* all lines are masked */
    memset(&delivered, 0, sizeof(delivered));
    harness_on_mmio_write = check_window_write;
    harness_device_base = 0xe0000000;
    forgotten_start = forgotten_end = 0;
    hw_address = 0;
    hw_accesses = reboots = 0;
    nr_cpus = HARNESS_VECTOR_CPUS;
    for (unsigned int i = 0; i < nr_cpus; i++)
        cpus[i].apic_id = HOST_APIC(i);
    dom0 = d = calloc(1, sizeof(*d));
    d->is_dom0 = true;
    v = calloc(1, sizeof(*v));
    v->d = d;
    bus_init(d);
    dom0_add_pci(d);
    dom0_add_msi(d);
    return 0;
}

int pci_model_teardown(void **state)
{
    void *s = msi_sources;

    (void)state;
    while (s) {
        void *next = *(void **)s; /* its first member */

        free(s);
        s = next;
    }
    msi_sources = NULL;
    free(v);
    free(d);
    return 0;
}

uint32_t get_of(uint32_t function, unsigned int reg, unsigned int size)
{
    bus_port_write(v, 0xcf8, 4, function | (reg & 0xfc));
    return bus_port_read(v, (uint16_t)(0xcfc + (reg & 3)), size);
}

void put_of(uint32_t function, unsigned int reg, unsigned int size, uint32_t val)
{
    bus_port_write(v, 0xcf8, 4, function | (reg & 0xfc));
    bus_port_write(v, (uint16_t)(0xcfc + (reg & 3)), size, val);
}

uint32_t get(unsigned int reg, unsigned int size) { return get_of(DEVICE, reg, size); }
void put(unsigned int reg, unsigned int size, uint32_t val) { put_of(DEVICE, reg, size, val); }

uint32_t window_read(gpa_t gpa, unsigned int size)
{
    assert_true(bus_has_memory(v, gpa));
    return (uint32_t)bus_memory_read(v, gpa, size);
}

void window_write(gpa_t gpa, unsigned int size, uint64_t val)
{
    assert_true(bus_has_memory(v, gpa));
    bus_memory_write(v, gpa, size, val);
}

uint64_t table_read(gpa_t gpa, unsigned int size)
{
    assert_true(msi_emulates(d, gpa >> PAGE_SHIFT, (gpa >> PAGE_SHIFT) + 1));
    return bus_memory_read(v, gpa, size);
}

void table_write(gpa_t gpa, unsigned int size, uint64_t val)
{
    assert_true(msi_emulates(d, gpa >> PAGE_SHIFT, (gpa >> PAGE_SHIFT) + 1));
    bus_memory_write(v, gpa, size, val);
}

void enable_msix(void)
{
    put(0x04, 2, 0x0002);
    put(MSIX + 2, 2, 0xc000);
    assert_int_equal(get(MSIX + 2, 2), 0xc000 | (LINES - 1));
}
