/* SPDX-License-Identifier: MIT */
/*
 * dom0/pci.c: dom0's accesses to configuration space are passed on, except those that could harm
 * the core.
 */
#include "pci_model.h"
#include "platform/acpi.h"

#include <string.h>

/*
 * Reads pass unchanged, except the number of messages that MSI offers, and dom0's message, which is
 * not written yet.
 */
static void reads(void **state)
{
    (void)state;
    for (unsigned int size = 1; size <= 4; size *= 2)
        for (unsigned int reg = 0; reg < 256; reg += size) {
            uint32_t val = get(reg, size);

            for (unsigned int at = reg; at < reg + size; at++, val >>= 8) {
                uint8_t wanted = at >= MSI + 4 && at < MSI + 16 ? 0 : space[0][at];

                assert_int_equal(val & 0xff, at == MSI + 2 ? 0x80 : wanted);
            }
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
    put(MSI + 16, 4, 0x12345678); /* the mask bits after the message */
    assert_int_equal(word(space[0], MSI + 16), 0x12345678);
    put(MSIX + 4, 4, 0); /* writable in the model; read-only in real devices */
    put_of(BRIDGE, 0x20, 4, 0xe010e000);
    assert_int_equal(word(space[1], 0x20), 0xe010e000);
    put_of(BRIDGE, 0x18, 4, 0x00020100);
    assert_int_equal(word(space[1], 0x18), 0x00020100);
}

/*
 * AMD's system management network: its index, for registers that drivers read, of the root complex
 * only.
 */
static void host_bridges(void **state)
{
    static const struct {
        uint32_t val;
        bool passes;
    } indexes[] = {
        { 0x59800, true },     { 0x59fff, true },  { 0x5a800, false },    { 0x50000, true },
        { 0x750df4, true },    { 0, false },       { 0xb0000001, false }, { 0x51000, false },
        { 0xf0050000, false }, { 0x597ff, false },
    };

    (void)state;
    put_word(space[2], 0, 0x14801022);
    for (unsigned int reg = 0x60; reg <= 0xb8; reg += 0x58)
        for (unsigned int i = 0; i < ARRAY_SIZE(indexes); i++) {
            put_word(space[2], reg, 0x1111);
            put_of(HOST_BRIDGE, reg, 4, indexes[i].val);
            assert_int_equal(get_of(HOST_BRIDGE, reg, 4),
                             indexes[i].passes ? indexes[i].val : 0x1111);
        }
    put_word(space[2], 0x60, 0x1111);
    put_of(HOST_BRIDGE, 0x60, 2, 0x9800);
    put_of(HOST_BRIDGE, 0x64, 4, 0x59800); /* its data */
    assert_int_equal(word(space[2], 0x60), 0x1111);
    assert_int_equal(word(space[2], 0x64), 0);
    assert_non_null(strstr(harness_log, "host bridge"));
    put_word(space[2], 0, 0x29c08086);
    put_of(HOST_BRIDGE, 0x60, 4, 0x59800); /* another vendor uses it for something else */
    assert_int_equal(word(space[2], 0x60), 0x1111);
    put_word(space[0], 0, 0x14801022); /* not the root complex */
    put_word(space[0], 8, 0x06000000);
    put_word(space[0], 0xb8, 0x1111);
    put(0xb8, 4, 0x59800);
    assert_int_equal(word(space[0], 0xb8), 0x1111);
}

/* The memory window shows the same space, and the extended registers. */
static void windows(void **state)
{
    uint64_t val = 0;
    uint32_t class;

    (void)state;
    for (unsigned int size = 1; size <= 4; size *= 2)
        for (unsigned int reg = 0; reg < 256; reg += size)
            assert_int_equal(window_read(WINDOW + 0x18000 + reg, size), get(reg, size));
    val = bus_memory_read(v, WINDOW + 0x18000 + VENDOR, 8);
    assert_int_equal(val, word(space[0], VENDOR) | (uint64_t)word(space[0], VENDOR + 4) << 32);
    window_write(WINDOW + 0x18000 + VENDOR + 8, 8, 0x1122334455667788);
    assert_int_equal(word(space[0], VENDOR + 8), 0x55667788);
    assert_int_equal(word(space[0], VENDOR + 12), 0x11223344);
    class = word(space[0], 8);
    window_write(WINDOW + 0x18000 + ERRORS + 8, 4, 0xdeadbeef);
    assert_int_equal(window_read(WINDOW + 0x18000 + ERRORS + 10, 2), 0xdead);
    assert_int_equal(window_read(WINDOW + 0x18000 + ERRORS, 4), word(space[0], ERRORS));
    assert_int_equal(word(space[0], 8), class); /* where a port access would have written */
    window_write(WINDOW + 0x18000 + 0x10, 4, 0x00000000);
    window_write(WINDOW + 0x18000 + 4, 2, 2);
    window_write(WINDOW + 0x18000 + 0x10, 4, 0xd0000000); /* checked as with ports */
    assert_int_equal(get(0x10, 4), 0);
    window_write(WINDOW + 0x18000 + MSI + 4, 4, 0xfee01000);
    assert_int_equal(get(MSI + 4, 4), 0xfee01000);
    assert_int_equal(window_read(WINDOW + 0x1000, 4), ~0u); /* no device */
    assert_int_equal(window_read(WINDOW + 0x1ffc, 4), ~0u);

    /* another segment, another first bus */
    assert_int_equal(window_read(FAR_WINDOW, 4), 0x56781234);
    window_write(FAR_WINDOW + 0x41, 1, 0x77);
    assert_int_equal(word(space[3], 0x40), 0x40407740);
    assert_int_equal(bus_memory_read(v, WINDOW + 2, 4), ~0u);
    assert_false(bus_has_memory(v, WINDOW - 4));
    assert_false(bus_has_memory(v, WINDOW + 0x400000));
    acpi.pci_window[1].segment = 0x80; /* too many windows */
    assert_false(bus_has_memory(v, FAR_WINDOW));
    bus_init(d);
    assert_false(bus_has_memory(v, WINDOW)); /* guests have none */
}

/* Extended capabilities that would decode addresses without a check are hidden. */
static void extended_capabilities(void **state)
{
    const gpa_t at = WINDOW + 0x18000;

    (void)state;
    put_word(space[0], SRIOV + 8, 0x5555);
    assert_int_equal(window_read(at + SRIOV, 4), RESIZABLE << 20 | 0x10000);
    assert_int_equal(window_read(at + SRIOV, 2), 0);
    assert_int_equal(window_read(at + SRIOV + 2, 2), RESIZABLE << 4 | 1);
    for (unsigned int reg = 0; reg < 0x40; reg += 4)
        window_write(at + SRIOV + reg, 4, 0xffffffff);
    assert_int_equal(word(space[0], SRIOV + 8), 0x5555);
    assert_int_equal(word(space[0], SRIOV + 0x24), 0);
    assert_non_null(strstr(harness_log, "SR-IOV"));

    put(0x1c, 4, 0);
    put(0x18, 4, 0xe7f00000); /* 1M of dom0's 128M there: 64M would fit, 256M not */
    put(4, 2, 2);
    window_write(at + RESIZABLE + 8, 4, 6 << 8);
    assert_int_equal(window_read(at + RESIZABLE + 8, 4), 6 << 8);
    assert_int_equal(get(0x18, 4), 0xe400000c);
    window_write(at + RESIZABLE + 9, 1, 8);
    assert_int_equal(window_read(at + RESIZABLE + 8, 4), 6 << 8);
    assert_non_null(strstr(harness_log, "would cover"));
    assert_int_equal(get(4, 2), 2);

    put_word(space[0], RESIZABLE, ERRORS << 20 | 0x10015); /* a loop */
    assert_int_equal(window_read(at + 0xffc, 4), 0);
    put_word(space[0], ERRORS, 0xffffffff);
    assert_int_equal(window_read(at + SRIOV, 2), 0x10);
}

static void base_addresses_move(void **state)
{
    (void)state;
    enable_msix();
    table_write(TABLE + 12, 4, 0);
    put(0x10, 4, 0xe0002000); /* while decoding, as kernels do with 32 bits */
    assert_int_equal(get(0x10, 4), 0xe0002000);
    assert_int_equal(get(0x04, 2), 2);
    assert_false(msi_emulates(d, TABLE >> PAGE_SHIFT, (TABLE >> PAGE_SHIFT) + 1));
    assert_int_equal(forgotten_start, 0xe0003);
    table_write(0xe0003000, 4, 0xfee04000);
    assert_int_equal(harness_device[PAGE_SIZE / 4], 0xfee00000 | HOST_APIC(4) << 12);

    put(0x10, 4, 0xfffffff0); /* sized while decoding: refused */
    assert_int_equal(get(0x10, 4), 0xe0002000);
    put(0x04, 2, 0);
    put(0x10, 4, 0xfffffff0);
    assert_int_equal(get(0x10, 4), 0xffffe000);
    put(0x04, 2, 7); /* and then unmapped there */
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

/*
 * Valid base addresses of each kind when the function starts to decode: within dom0's ranges, up to
 * their last byte. Upper halves count; base addresses that are not enabled do not.
 */
static void what_may_be_decoded(void **state)
{
    static const struct {
        uint32_t reg, val, high, command;
        bool ok;
    } cases[] = {
        { 0x10, 0xe0000000, 0, 2, true },     { 0x10, 0xe7ffe000, 0, 2, true },
        { 0x10, 0xe8000000, 0, 2, false },    { 0x10, 0xdfffe000, 0, 2, false },
        { 0x10, 0xffffe000, 0, 2, false },    { 0x10, 0xe8000000, 0, 1, true },
        { 0x14, 0x3c0, 0, 1, true },          { 0x14, 0x3e0, 0, 1, false },
        { 0x14, 0x400, 0, 1, true },          { 0x14, 0xffe0, 0, 1, true },
        { 0x14, 0x3e0, 0, 2, true },          { 0x18, 0, 1, 2, true },
        { 0x18, 0xfff00000, 0xf, 2, true },   { 0x18, 0, 0x10, 2, false },
        { 0x18, 0xe0000000, 0x10, 2, false }, { 0x18, 0xe7f00000, 0, 2, true },
        { 0x18, 0xe8000000, 0, 2, false },    { 0x18, 0xfff00000, 0, 2, false },
        { 0x18, 0xfff00000, ~0u, 2, false },  { 0x30, 0xe7ff0001, 0, 2, true },
        { 0x30, 0xe8000001, 0, 2, false },    { 0x30, 0xe8000000, 0, 2, true },
        { 0x30, 0xe8000001, 0, 1, true },
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t before = get(cases[i].reg, 4), high_before = get(0x1c, 4);

        put(cases[i].reg, 4, cases[i].val);
        if (cases[i].reg == 0x18)
            put(0x1c, 4, cases[i].high);
        put(4, 2, cases[i].command);
        if ((get(4, 2) == cases[i].command) != cases[i].ok)
            fail_msg("register %x with %x and command %u", cases[i].reg, cases[i].val,
                     cases[i].command);
        put(4, 2, 0);
        put(cases[i].reg, 4, before);
        if (cases[i].reg == 0x18)
            put(0x1c, 4, high_before);
    }
}

/*
 * A bridge has two, and its ROM elsewhere; a CardBus bridge has one. The registers after them
 * differ.
 */
static void what_bridges_may_decode(void **state)
{
    (void)state;
    for (unsigned int type = 1; type <= 2; type++) {
        const uint32_t rom = 0x38;

        space[1][0x0e] = (uint8_t)type;
        for (unsigned int reg = 0x10; reg <= rom; reg += 4) {
            bool counts = type == 1 ? reg <= 0x14 || reg == rom : reg == 0x10;

            for (unsigned int at = 0x10; at <= rom; at += 4)
                put_word(space[1], at, 0);
            put_of(BRIDGE, reg, 4, reg < 0x18 ? 0xd0000000 : 0xd0000001);
            put_of(BRIDGE, 4, 2, 2);
            assert_int_equal(get_of(BRIDGE, 4, 2), counts ? 0 : 2);
            put_of(BRIDGE, 4, 2, 0);
        }
    }
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
    put(MSI + 4, 4, 5); /* not a capability then */
    assert_int_equal(word(space[0], MSI + 4), 5);
    space[0][0x06] = 0; /* no capability list */
    assert_int_equal(get(0x40, 1), 0x11);
    bus_port_write(v, 0xcf8, 4, 0x80ff0000); /* no device */
    assert_int_equal(bus_port_read(v, 0xcfc, 4), 0xffffffff);
    bus_port_write(v, 0xcf8, 4, 0x80ff0034);
    assert_int_equal(bus_port_read(v, 0xcfc, 1), 0xff);
}

/* Random writes by dom0, checked by the model. */
static void anything(void **state)
{
    static const uint32_t values[] = { 0,          1,          2,          3,          0x8000,
                                       0xc000,     0xffff,     0xe0000000, 0xe0004000, 0xe7fff000,
                                       0xd0000000, 0xffffffff, 0xfee00000, 0x3e1,      0xc001,
                                       0xe0100001, 0x80008000, 0x00810000 };
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
            bus_memory_write(v, (word(space[0], 0x10) & ~0xfu) + 0x1000 + (random >> 24) * 4, 4,
                             val);
    }
}

static void ports(void **state)
{
    (void)state;
    bus_port_write(v, 0xcf8, 4, 0xffffffff);
    assert_int_equal(bus_port_read(v, 0xcf8, 4), 0x80fffffc);
    assert_int_equal(hw_accesses, 0);              /* the latch is dom0's own */
    for (unsigned int size = 1; size <= 2; size++) /* partial accesses reach nothing */
        for (uint16_t port = 0xcf8; port < 0xcfc; port++) {
            assert_int_equal(bus_port_read(v, port, size), (1u << 8 * size) - 1);
            bus_port_write(v, port, size, 0);
        }
    assert_int_equal(bus_port_read(v, 0xcfd, 2), 0xffff); /* not a single access of the bus */
    assert_int_equal(bus_port_read(v, 0xcfe, 4), 0xffffffff);
    bus_port_write(v, 0xcfd, 4, 0);
    bus_port_write(v, 0xcf8, 4, 0x00001800); /* not enabled */
    assert_int_equal(bus_port_read(v, 0xcfc, 4), 0xffffffff);
    bus_port_write(v, 0xcfc, 4, 0);
    assert_int_equal(hw_accesses, 0);
    bus_port_write(v, 0xcf9, 1, 0x02); /* selects the type of reset only */
    assert_int_equal(reboots, 0);
    bus_port_write(v, 0xcf9, 1, 0x06);
    assert_int_equal(reboots, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PCI_TEST(reads),
        PCI_TEST(writes_elsewhere_pass),
        PCI_TEST(host_bridges),
        PCI_TEST(windows),
        PCI_TEST(extended_capabilities),
        PCI_TEST(base_addresses_move),
        PCI_TEST(what_may_be_decoded),
        PCI_TEST(what_bridges_may_decode),
        PCI_TEST(broken_lists),
        PCI_TEST(anything),
        PCI_TEST(ports),
    };

    return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
