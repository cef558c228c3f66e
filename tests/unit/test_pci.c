/* SPDX-License-Identifier: MIT */
/*
 * vdev/pci.c and vdev/msi.c in front of three functions whose configuration spaces are arrays: a device with
 * MSI, MSI-X and base addresses of all kinds, a bridge, a host bridge. The model of the hardware fails the
 * test whenever it is made to decode what is not dom0's, or to send anything but a vector of the core's.
 */
#include "ports_fake.h"
#include "errors.h"
#include "harness.h"
#include "vdev/pci.h"

#include <stdlib.h>
#include <string.h>

#define HOST_BRIDGE 0x80000000u
#define DEVICE 0x80001800u /* bus 0, device 3 */
#define BRIDGE 0x8000e000u

#define MSIX 0x40u
#define POWER 0x50u
#define MSI 0x60u
#define VENDOR 0x80u
#define TABLE 0xe0001000ull /* at first: base address 0 and one page */
#define LINES 3u
#define HOST_CPU(dest) (0x20u + (dest))

static struct domain *d;
struct domain *dom0;
static uint8_t space[3][256];
static uint32_t hw_address;
static unsigned int hw_accesses, reboots;
static uint64_t forgotten_start, forgotten_end;
static struct { uint32_t dest, mode; bool logical; uint8_t vector; unsigned int count; } delivered;

static uint32_t word(const uint8_t *s, unsigned int at)
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
    return function == BRIDGE ? space[1] : function == HOST_BRIDGE ? space[2] : NULL;
}

/* Which bits of a word can be set: memory of 8K, 32 ports, 1M above 4G, a ROM of 64K. */
static uint32_t writable(const uint8_t *s, unsigned int at)
{
    if (at == 0x30)
        return s == space[0] ? 0xffff0001 : ~0u;
    if (at < 0x10 || at >= 0x28 || s != space[0])
        return ~0u;
    return at == 0x10 ? 0xffffe000 : at == 0x14 ? 0xffffffe0 : at == 0x18 ? 0xfff00000 : at == 0x1c ? ~0u : 0;
}

static bool is_dom0s(uint64_t start, uint64_t end)
{
    bool low = start >= 0xe0000000 && end <= 0xe8000000, high = start >= 1ull << 32 && end <= 1ull << 36;

    return end > start && (low || high);
}

static void check_decoding(const uint8_t *s)
{
    uint64_t memory = word(s, 0x10) & ~0xfu, ports = word(s, 0x14) & ~3u, rom = word(s, 0x30) & 0xffff0000;
    uint64_t wide = (word(s, 0x18) & ~0xfu) | (uint64_t)word(s, 0x1c) << 32;

    if (s[4] & 2) {
        if (memory)
            assert_true(is_dom0s(memory, memory + 0x2000));
        if (wide)
            assert_true(is_dom0s(wide, wide + 0x100000));
        if (rom && (s[0x30] & 1))
            assert_true(is_dom0s(rom, rom + 0x10000));
    }
    if ((s[4] & 1) && ports)
        assert_true(ports + 31 < 0x3f8 || ports > 0x3ff);
}

static void check_message(uint32_t address, uint32_t high, uint32_t data)
{
    assert_int_equal(address & 0xfff00fff, 0xfee00000);
    assert_in_range(address >> 12 & 0xff, HOST_CPU(0), HOST_CPU(7));
    assert_int_equal(high, 0);
    assert_in_range(data, VECTOR_MSI_FIRST, VECTOR_MSI_FIRST + HARNESS_VECTORS - 1);
    assert_non_null(harness_vectors[data - VECTOR_MSI_FIRST].fn);
}

static void check_messages(void)
{
    const uint8_t *s = space[0];
    const uint32_t *line = harness_device + PAGE_SIZE / 4;

    if (s[MSI + 2] & 1) {
        assert_int_equal(s[MSI + 2] & 0x70, 0); /* one */
        check_message(word(s, MSI + 4), word(s, MSI + 8), word(s, MSI + 12) & 0xffff);
    }
    if ((s[MSIX + 3] & 0xc0) == 0x80)
        for (unsigned int i = 0; i < LINES; i++, line += 4)
            if (!(line[3] & 1))
                check_message(line[0], line[1], line[2]);
}

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    const uint8_t *s = selected();
    uint32_t val = ~0u;

    hw_accesses++;
    assert_in_range(port, 0xcfc, 0xcff);
    assert_int_equal(port % size, 0);
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
    new = (old & ~writable(s, at)) | (new & writable(s, at));
    if (s == space[0] && at == MSIX)
        new = (old & 0x3fffffff) | (new & 0xc0000000);
    if (at == 0x04)
        new = (old & 0xffff0000) | (new & 0xffff);
    memcpy(s + at, &new, 4);
    if (s != space[0])
        return;
    harness_device_base = word(s, 0x10) & ~0xfu;
    check_decoding(s);
    check_messages();
}

/* --- the core --- */

bool p2m_mmio_allowed(const struct domain *of, uint64_t start, uint64_t end)
{
    assert_ptr_equal(of, d);
    return is_dom0s(start << PAGE_SHIFT, end << PAGE_SHIFT);
}

void p2m_forget_mmio(struct domain *of, uint64_t start, uint64_t end)
{
    assert_ptr_equal(of, d);
    assert_true(msi_emulates(d, start, end)); /* or it could be mapped again meanwhile */
    forgotten_start = start;
    forgotten_end = end;
}

bool svm_port_allowed(struct domain *of, uint16_t port)
{
    assert_ptr_equal(of, d);
    return port < 0x3f8 || port > 0x3ff;
}

uint32_t ioapic_host_cpu(struct domain *of, uint32_t dest, bool logical)
{
    assert_ptr_equal(of, d);
    return HOST_CPU(logical ? 0 : dest & 7);
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

/* --- each test's begin and end --- */

static void put_word(uint8_t *s, unsigned int at, uint32_t val) { memcpy(s + at, &val, 4); }

static void capability(unsigned int at, uint8_t id, uint8_t next)
{
    space[0][at] = id;
    space[0][at + 1] = next;
}

/* MSI-X, power management, MSI (64-bit, of four messages, with masks: 24 bytes), vendor-specific. */
static int setup(void **state)
{
    uint8_t *s = space[0];

    (void)state;
    for (unsigned int i = 0; i < sizeof(space[0]); i++)
        s[i] = (uint8_t)(i ^ 0xa5);
    put_word(s, 0x04, 0x00100000); /* decodes nothing; has a list */
    s[0x0a] = 0;
    s[0x0b] = 2;                   /* a network card */
    s[0x0e] = 0x80;                /* multifunction, ordinary header */
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
    memset(space[1], 0, sizeof(space[1]));
    put_word(space[1], 0x08, 0x06040000);
    space[1][0x0e] = 1;
    memset(space[2], 0, sizeof(space[2]));
    put_word(space[2], 0x08, 0x06000000);

    memset(harness_vectors, 0, sizeof(harness_vectors));
    memset(harness_device, 0xff, sizeof(harness_device)); /* all lines are masked */
    memset(&delivered, 0, sizeof(delivered));
    harness_device_base = 0xe0000000;
    forgotten_start = forgotten_end = 0;
    hw_address = 0;
    hw_accesses = reboots = 0;
    dom0 = d = calloc(1, sizeof(*d));
    d->is_dom0 = true;
    return 0;
}

static int teardown(void **state)
{
    void *s = msi_sources;

    (void)state;
    while (s) {
        void *next = *(void **)s; /* its first member */

        free(s);
        s = next;
    }
    msi_sources = NULL;
    free(d);
    return 0;
}

static uint32_t get_of(uint32_t function, unsigned int reg, unsigned int size)
{
    pci_port_write(d, 0xcf8, 4, function | (reg & 0xfc));
    return pci_port_read(d, (uint16_t)(0xcfc + (reg & 3)), size);
}

static void put_of(uint32_t function, unsigned int reg, unsigned int size, uint32_t val)
{
    pci_port_write(d, 0xcf8, 4, function | (reg & 0xfc));
    pci_port_write(d, (uint16_t)(0xcfc + (reg & 3)), size, val);
}

static uint32_t get(unsigned int reg, unsigned int size) { return get_of(DEVICE, reg, size); }
static void put(unsigned int reg, unsigned int size, uint32_t val) { put_of(DEVICE, reg, size, val); }

static uint64_t table_read(gpa_t gpa, unsigned int size)
{
    uint64_t val = 0;

    assert_true(msi_mmio(d, gpa, size, false, &val));
    return val;
}

static void table_write(gpa_t gpa, unsigned int size, uint64_t val)
{
    assert_true(msi_mmio(d, gpa, size, true, &val));
}

static void fire(unsigned int vector)
{
    const struct harness_vector *v = &harness_vectors[vector - VECTOR_MSI_FIRST];

    v->fn(vector, v->data);
}

static unsigned int vectors_used(void)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < HARNESS_VECTORS; i++)
        n += harness_vectors[i].fn != NULL;
    return n;
}

/* --- tests --- */

/* All is seen as it is, but for the number of messages that MSI offers and dom0's message, which it has not
 * written yet. */
static void reads(void **state)
{
    (void)state;
    for (unsigned int size = 1; size <= 4; size *= 2)
        for (unsigned int reg = 0; reg < 256; reg += size) {
            uint32_t val = get(reg, size);

            for (unsigned int at = reg; at < reg + size; at++, val >>= 8)
                assert_int_equal(val & 0xff, at == MSI + 2                    ? 0x80
                                             : at >= MSI + 4 && at < MSI + 16 ? 0
                                                                              : space[0][at]);
        }
}

static void writes_elsewhere_pass(void **state)
{
    (void)state;
    for (unsigned int size = 1; size <= 4; size *= 2)
        for (unsigned int reg = VENDOR + 4; reg < 256; reg += size) {
            put(reg, size, 0x13579bdf);
            for (unsigned int i = 0; i < size; i++)
                assert_int_equal(space[0][reg + i], 0x13579bdfu >> 8 * i & 0xff);
        }
    put(MSI + 16, 4, 0x12345678); /* the masks behind the message */
    assert_int_equal(word(space[0], MSI + 16), 0x12345678);
    put(MSIX + 4, 4, 0); /* the model would let it; real ones are read-only */
    put_of(BRIDGE, 0x20, 4, 0xe010e000);
    assert_int_equal(word(space[1], 0x20), 0xe010e000);
    put_of(BRIDGE, 0x18, 4, 0x00020100);
    assert_int_equal(word(space[1], 0x18), 0x00020100);
    put_of(HOST_BRIDGE, 0x60, 4, 0xb0000001);
    assert_int_equal(word(space[2], 0x60), 0);
}

static void msi(void **state)
{
    const uint8_t *s = space[0];

    (void)state;
    put(MSI + 4, 4, 0xfee03000);
    put(MSI + 8, 4, 0);
    put(MSI + 12, 2, 0x0051);
    assert_int_equal(get(MSI + 4, 4), 0xfee03000);
    assert_int_equal(get(MSI + 12, 2), 0x51);
    assert_int_equal(vectors_used(), 0);
    put(MSI + 2, 2, 0x00f1 | 0x20); /* more than one asked for: one given */
    assert_int_equal(get(MSI + 2, 2), 0x0181);
    assert_int_equal(s[MSI + 2], 0x81);
    assert_int_equal(word(s, MSI + 4), 0xfee00000 | HOST_CPU(3) << 12);
    fire(s[MSI + 12]);
    assert_int_equal(delivered.count, 1);
    assert_int_equal(delivered.dest, 3);
    assert_int_equal(delivered.vector, 0x51);
    assert_int_equal(delivered.mode, 0);
    assert_false(delivered.logical);

    put(MSI + 4, 4, 0xfee0500c); /* another CPU, lowest priority of a logical group: the vector stays */
    put(MSI + 12, 4, 0x0161);
    fire(s[MSI + 12]);
    assert_int_equal(delivered.dest, 5);
    assert_int_equal(delivered.vector, 0x61);
    assert_int_equal(delivered.mode, 1);
    assert_true(delivered.logical);
    assert_int_equal(vectors_used(), 1);

    put(MSI + 2, 1, 0);
    assert_int_equal(s[MSI + 2] & 1, 0);
    assert_int_equal(vectors_used(), 0);
    assert_int_equal(get(MSI + 4, 4), 0xfee0500c);
}

static void msi_of_32_bits(void **state)
{
    const uint8_t *s = space[0];

    (void)state;
    space[0][MSI + 2] = 0x00;
    memset(&space[0][MSI + 8], 0, 8); /* what the model looks at as the high half is data now */
    put(MSI + 4, 4, 0xfee01000);
    put(MSI + 8, 2, 0x44);
    assert_int_equal(get(MSI + 8, 4), 0x44);
    put(MSI + 12, 4, 0x77); /* passes: the mask */
    assert_int_equal(word(s, MSI + 12), 0x77);
    put(MSI + 2, 1, 0); /* stays off: the model would take offset 8 for the address */
    assert_int_equal(word(s, MSI + 8), 0);
}

static void enable_msix(void)
{
    put(0x04, 2, 0x0002);
    put(MSIX + 2, 2, 0xc000);
    assert_int_equal(get(MSIX + 2, 2), 0xc000 | (LINES - 1));
}

static void msix(void **state)
{
    const uint32_t *line = harness_device + PAGE_SIZE / 4;
    uint64_t val;

    (void)state;
    harness_device[PAGE_SIZE / 4 + 4] = 0xfee02000; /* written before: adopted */
    assert_false(msi_mmio(d, TABLE, 4, false, &val));
    enable_msix();
    assert_int_equal(forgotten_start, TABLE >> PAGE_SHIFT);
    assert_int_equal(forgotten_end, (TABLE >> PAGE_SHIFT) + 1);
    assert_int_equal(table_read(TABLE + 16, 4), 0xfee02000);
    table_write(TABLE + 16, 8, 0xfee03000);
    table_write(TABLE + 24, 4, 0x4041);
    assert_int_equal(vectors_used(), 0);
    table_write(TABLE + 28, 4, 0);
    assert_int_equal(table_read(TABLE + 24, 8), 0x4041);
    assert_int_equal(vectors_used(), 1);
    assert_int_equal(line[4], 0xfee00000 | HOST_CPU(3) << 12);
    assert_int_equal(line[7], 0);
    put(MSIX + 3, 1, 0x80);
    assert_int_equal(line[7], 0);
    fire(line[6]);
    assert_int_equal(delivered.dest, 3);
    assert_int_equal(delivered.vector, 0x41);

    table_write(TABLE + 28, 4, 1); /* masked: keeps the vector, the device holds back */
    assert_int_equal(line[7] & 1, 1);
    table_write(TABLE + 16, 4, 0xfee06000);
    table_write(TABLE + 28, 4, 0);
    assert_int_equal(line[4], 0xfee00000 | HOST_CPU(6) << 12);
    assert_int_equal(vectors_used(), 1);

    put(MSIX + 3, 1, 0);
    assert_int_equal(vectors_used(), 0);
    assert_int_equal(line[7] & 1, 1);
    assert_int_equal(table_read(TABLE + 16, 4), 0xfee06000);
    put(MSIX + 3, 1, 0x80); /* and as it was */
    assert_int_equal(vectors_used(), 1);
    assert_int_equal(line[7], 0);
}

static void other_registers_in_the_page(void **state)
{
    (void)state;
    enable_msix();
    harness_device[PAGE_SIZE / 4 + 0x800 / 4] = 0x1234;
    harness_device[PAGE_SIZE / 4 + 0x804 / 4] = 0x5678;
    assert_int_equal(table_read(TABLE + 0x800, 8), 0x567800001234ull);
    table_write(TABLE + 0x804, 4, 7);
    assert_int_equal(harness_device[PAGE_SIZE / 4 + 0x804 / 4], 7);
    table_write(TABLE + 1, 4, 0); /* no access that there is */
    table_write(TABLE + 2, 2, 0);
    table_write(TABLE + 0x804, 8, 0); /* at a page's end that would reach the next */
    assert_int_equal(harness_device[PAGE_SIZE / 4 + 0x804 / 4], 7);
    assert_int_equal(table_read(TABLE, 8), ~0ull);
    assert_false(msi_emulates(d, 0xe0000, 0xe0001));
    assert_true(msi_emulates(d, 0xe0000, 0xe0200));
}

static void others_interrupt(unsigned int vector, void *data)
{
    fail_msg("vector %#x, %p", vector, data);
}

static void vectors_run_out(void **state)
{
    const uint32_t *line = harness_device + PAGE_SIZE / 4;

    (void)state;
    for (unsigned int i = 1; i < HARNESS_VECTORS; i++)
        irq_alloc_vector(others_interrupt, NULL);
    enable_msix();
    table_write(TABLE + 12, 4, 0);
    table_write(TABLE + 28, 4, 0);
    assert_int_equal(line[3], 0);
    assert_int_equal(line[7] & 1, 1);
    assert_int_equal(table_read(TABLE + 28, 4), 0);
    assert_non_null(strstr(harness_log, "vectors are used"));
    put(MSI + 2, 2, 1);
    assert_int_equal(get(MSI + 2, 2) & 1, 0);
}

static void msix_needs_its_table(void **state)
{
    (void)state;
    put(MSIX + 2, 2, 0x8000); /* nothing is decoded */
    assert_int_equal(get(MSIX + 2, 2) & 0x8000, 0);
    assert_non_null(strstr(harness_log, "MSI-X stays off"));
    put(0x04, 2, 2);
    put_word(space[0], MSIX + 4, 1); /* in the base address of ports */
    put(MSIX + 2, 2, 0x8000);
    assert_int_equal(get(MSIX + 2, 2) & 0x8000, 0);
    put_word(space[0], MSIX + 4, 0x1008); /* a line would reach into the next page */
    put(MSIX + 2, 2, 0x8000);
    assert_int_equal(get(MSIX + 2, 2) & 0x8000, 0);
    assert_false(msi_emulates(d, 0, ~0ull));
}

static void base_addresses_move(void **state)
{
    (void)state;
    enable_msix();
    table_write(TABLE + 12, 4, 0);
    put(0x10, 4, 0xe0002000); /* while it decodes, as kernels do with 32 bits */
    assert_int_equal(get(0x10, 4), 0xe0002000);
    assert_int_equal(get(0x04, 2), 2);
    assert_false(msi_emulates(d, TABLE >> PAGE_SHIFT, (TABLE >> PAGE_SHIFT) + 1));
    assert_int_equal(forgotten_start, 0xe0003);
    table_write(0xe0003000, 4, 0xfee04000);
    assert_int_equal(harness_device[PAGE_SIZE / 4], 0xfee00000 | HOST_CPU(4) << 12);

    put(0x10, 4, 0xfffffff0); /* sized while it decodes: refused */
    assert_int_equal(get(0x10, 4), 0xe0002000);
    put(0x04, 2, 0);
    put(0x10, 4, 0xfffffff0);
    assert_int_equal(get(0x10, 4), 0xffffe000);
    put(0x04, 2, 7); /* and then forgotten there */
    assert_int_equal(get(0x04, 2), 4);
    assert_non_null(strstr(harness_log, "refused"));
    put(0x10, 4, 0xe0000000);
    put(0x04, 2, 7);
    assert_int_equal(get(0x04, 2), 7);
    assert_true(msi_emulates(d, TABLE >> PAGE_SHIFT, (TABLE >> PAGE_SHIFT) + 1));

    put(0x14, 4, 0x3e0); /* 0x3e0 to 0x3ff: the core's serial port */
    assert_int_equal(get(0x14, 4), 0xc001);
    put(0x14, 4, 0x400);
    assert_int_equal(get(0x14, 4), 0x401);
    put(0x30, 4, 0xe8000001);
    assert_int_equal(get(0x30, 4), 0xe0100000);
    put(0x30, 4, 0xe0100001);
    put(0x1c, 4, 0); /* the upper half: then it is at 0, nowhere */
    put(0x18, 4, 0xd0000000);
    assert_int_equal(get(0x18, 4), 0xc);

    put_of(BRIDGE, 0x18, 4, 0x00030100);
    assert_int_equal(word(space[1], 0x18), 0);
}

static void broken_lists(void **state)
{
    (void)state;
    capability(VENDOR, 0x09, POWER); /* a loop */
    assert_int_equal(get(0x34, 1), MSIX);
    hw_accesses = 0;
    get(0xf0, 1);
    assert_true(hw_accesses < 400);
    space[0][0x34] = 0x10; /* a pointer into the header */
    assert_int_equal(get(0x34, 1), 0x10);
    put(MSI + 4, 4, 5); /* is no capability then */
    assert_int_equal(word(space[0], MSI + 4), 5);
    space[0][0x06] = 0; /* no list */
    assert_int_equal(get(0x40, 1), 0x11);
    pci_port_write(d, 0xcf8, 4, 0x80ff0000); /* no device */
    assert_int_equal(pci_port_read(d, 0xcfc, 4), 0xffffffff);
    pci_port_write(d, 0xcf8, 4, 0x80ff0034);
    assert_int_equal(pci_port_read(d, 0xcfc, 1), 0xff);
}

/* Whatever dom0 writes: the model judges. */
static void anything(void **state)
{
    static const uint32_t values[] = { 0, 1, 2, 3, 0x8000, 0xc000, 0xffff, 0xe0000000, 0xe0004000, 0xe7fff000,
                                       0xd0000000, 0xffffffff, 0xfee00000, 0x3e1, 0xc001, 0xe0100001,
                                       0x80008000, 0x00810000 };
    uint32_t random = 1;

    (void)state;
    harness_quiet = true;
    for (unsigned int i = 0; i < 200000; i++) {
        unsigned int size, reg;
        uint32_t val;

        random = random * 1664525 + 1013904223;
        size = 1u << (random >> 16) % 3;
        reg = (random >> 20) % (VENDOR + 4) & ~(size - 1);
        val = values[(random >> 8) % ARRAY_SIZE(values)];
        if (reg < 4 || (reg >= 8 && reg < 16) || (reg >= 0x34 && reg < 0x3c))
            continue;
        if ((reg & 0xfc) == POWER || (reg & 0xfc) == VENDOR || (reg & 0xfc) == MSIX + 4)
            continue; /* read-only in a real device, and lists by which it would be another one */
        if (i % 4)
            put(reg, size, val);
        else
            (void)msi_mmio(d, (word(space[0], 0x10) & ~0xfu) + 0x1000 + (random >> 24) * 4, 4, true,
                           &(uint64_t){ val });
    }
}

static void ports(void **state)
{
    (void)state;
    pci_port_write(d, 0xcf8, 4, 0xffffffff);
    assert_int_equal(pci_port_read(d, 0xcf8, 4), 0x80fffffc);
    assert_int_equal(hw_accesses, 0); /* the latch is dom0's own */
    for (unsigned int size = 1; size <= 2; size++) /* parts of it are not there */
        for (uint16_t port = 0xcf8; port < 0xcfc; port++) {
            assert_int_equal(pci_port_read(d, port, size), (1u << 8 * size) - 1);
            pci_port_write(d, port, size, 0);
        }
    assert_int_equal(pci_port_read(d, 0xcfd, 2), 0xffff); /* not one access of the bus */
    assert_int_equal(pci_port_read(d, 0xcfe, 4), 0xffffffff);
    pci_port_write(d, 0xcfd, 4, 0);
    pci_port_write(d, 0xcf8, 4, 0x00001800); /* not enabled */
    assert_int_equal(pci_port_read(d, 0xcfc, 4), 0xffffffff);
    pci_port_write(d, 0xcfc, 4, 0);
    assert_int_equal(hw_accesses, 0);
    pci_port_write(d, 0xcf9, 1, 0x02); /* which reset, not yet */
    assert_int_equal(reboots, 0);
    pci_port_write(d, 0xcf9, 1, 0x06);
    assert_int_equal(reboots, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_elsewhere_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(msi, setup, teardown),
        cmocka_unit_test_setup_teardown(msi_of_32_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(msix, setup, teardown),
        cmocka_unit_test_setup_teardown(other_registers_in_the_page, setup, teardown),
        cmocka_unit_test_setup_teardown(vectors_run_out, setup, teardown),
        cmocka_unit_test_setup_teardown(msix_needs_its_table, setup, teardown),
        cmocka_unit_test_setup_teardown(base_addresses_move, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(anything, setup, teardown),
        cmocka_unit_test_setup_teardown(ports, setup, teardown),
    };

    return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
