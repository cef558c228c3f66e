/* SPDX-License-Identifier: MIT */
/*
 * dom0/msi.c: dom0's messages reach it through vectors of the core, wherever the MSI-X table is.
 * Other registers in the table's pages are passed to the device.
 */
#include "pci_model.h"
#include "cpu/irq.h"

#include <string.h>

static void fire(uint32_t address, unsigned int vector)
{
    unsigned int cpu = (address >> 12 & 0xff) - HOST_APIC(0);
    const struct harness_vector *v = &harness_vectors[cpu][vector - VECTOR_MSI_FIRST];

    v->fn(vector, v->data);
}

static unsigned int vectors_used(void)
{
    unsigned int n = 0;

    for (unsigned int cpu = 0; cpu < HARNESS_VECTOR_CPUS; cpu++)
        for (unsigned int i = 0; i < HARNESS_VECTORS; i++)
            n += harness_vectors[cpu][i].fn != NULL;
    return n;
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
    put(MSI + 2, 2, 0x00f1 | 0x20); /* several requested: one granted */
    assert_int_equal(get(MSI + 2, 2), 0x0181);
    assert_int_equal(s[MSI + 2], 0x81);
    assert_int_equal(word(s, MSI + 4), 0xfee00000 | HOST_APIC(3) << 12);
    fire(word(s, MSI + 4), s[MSI + 12]);
    assert_int_equal(delivered.count, 1);
    assert_int_equal(delivered.dest, 3);
    assert_int_equal(delivered.vector, 0x51);
    assert_int_equal(delivered.mode, 0);
    assert_false(delivered.logical);

    put(MSI + 4, 4, 0xfee0500c); /* another CPU, lowest priority of a logical group: no change */
    put(MSI + 12, 4, 0x0161);
    assert_int_equal(word(s, MSI + 4), 0xfee00000 | HOST_APIC(3) << 12);
    fire(word(s, MSI + 4), s[MSI + 12]);
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

/* Entries that dom0 unmasks before MSI-X is enabled: the device never sends the old contents. */
static void a_table_that_is_ready_before(void **state)
{
    uint32_t *line = harness_device + PAGE_SIZE / 4;

    (void)state;
    line[4] = 0xfee02000;
    line[5] = line[7] = 0;
    line[6] = 0x41;
    put(0x04, 2, 2);
    put(MSIX + 2, 2, 0x8000);
    assert_int_equal(line[4], 0xfee00000 | HOST_APIC(2) << 12);
    assert_int_equal(line[7], 0);
    assert_int_equal(get(MSIX + 2, 2), 0x8000 | (LINES - 1));
    fire(line[4], line[6]);
    assert_int_equal(delivered.dest, 2);
    assert_int_equal(delivered.vector, 0x41);
}

static void msi_of_32_bits(void **state)
{
    const uint8_t *s = space[0];

    (void)state;
    space[0][MSI + 2] = 0x00;
    put_word(space[0], MSI + 8, 0);
    put(MSI + 4, 4, 0xfee01000);
    put(MSI + 8, 2, 0x44);
    assert_int_equal(get(MSI + 8, 4), 0x44);
    put(MSI + 12, 4, 0x77); /* passed on: the mask */
    assert_int_equal(word(s, MSI + 12), 0x77);
    put(MSI + 2, 1, 0);
    assert_int_equal(word(s, MSI + 8), 0);
    put(MSI + 2, 1, 1);
    assert_int_equal(get(MSI + 4, 4), 0xfee01000);
    assert_int_equal(get(MSI + 8, 4), 0x44);
    assert_int_equal(word(s, MSI + 12), 0x77);
    fire(word(s, MSI + 4), s[MSI + 8]);
    assert_int_equal(delivered.dest, 1);
    assert_int_equal(delivered.vector, 0x44);
}

/* In the window, a write has exactly the requested size, and nothing next to it may change. */
static void msi_of_a_device_behind_a_window(void **state)
{
    const uint64_t at = FAR_WINDOW + 0x40;
    uint8_t *s = space[3];

    (void)state;
    for (unsigned int wide = 0; wide < 2; wide++) {
        unsigned int data = wide ? 0x4c : 0x48;

        s[0x06] = 0x10; /* has a capability list */
        s[0x34] = 0x40;
        memset(s + 0x40, 0xee, 0x20);
        put_word(s, 0x40, 0xee000005 | (wide ? 0x800000 : 0));
        window_write(at + 4, 4, 0xfee02000);
        if (wide)
            window_write(at + 8, 4, 0);
        window_write(FAR_WINDOW + data, 2, 0x45);
        assert_int_equal(word(s, 0x44), 0xeeeeeeee);
        window_write(at + 2, 2, 0xee01);
        assert_int_equal(word(s, 0x40), 0xee010005 | (wide ? 0x800000 : 0));
        assert_int_equal(word(s, 0x44), 0xfee00000 | HOST_APIC(2) << 12);
        assert_true(!wide || word(s, 0x48) == 0);
        assert_int_equal(word(s, data) >> 8, 0xeeee00);
        assert_int_equal(word(s, data + 4), 0xeeeeeeee);
        fire(word(s, 0x44), s[data]);
        assert_int_equal(delivered.vector, 0x45);
        assert_int_equal(delivered.dest, 2);
        assert_int_equal(window_read(FAR_WINDOW + data, 2), 0x45);
        window_write(at + 2, 2, 0xee00);
        assert_int_equal(word(s, 0x40), 0xee000005 | (wide ? 0x800000 : 0));
        assert_int_equal(vectors_used(), 0);
    }
}

static void msix(void **state)
{
    const uint32_t *line = harness_device + PAGE_SIZE / 4;

    (void)state;
    harness_device[PAGE_SIZE / 4 + 4] = 0xfee02000; /* written earlier: adopted */
    assert_false(bus_has_memory(v, TABLE));
    enable_msix();
    assert_int_equal(forgotten_start, TABLE >> PAGE_SHIFT);
    assert_int_equal(forgotten_end, (TABLE >> PAGE_SHIFT) + 1);
    assert_takes(LOCK_PCI, 1, assert_int_equal(table_read(TABLE + 16, 4), 0xfee02000));
    table_write(TABLE + 16, 8, 0xfee03000);
    table_write(TABLE + 24, 4, 0x4041);
    assert_int_equal(vectors_used(), 0);
    table_write(TABLE + 28, 4, 0);
    assert_int_equal(table_read(TABLE + 24, 8), 0x4041);
    assert_int_equal(vectors_used(), 1);
    assert_int_equal(line[4], 0xfee00000 | HOST_APIC(3) << 12);
    assert_int_equal(line[7], 0);
    put(MSIX + 3, 1, 0x80);
    assert_int_equal(line[7], 0);
    fire(line[4], line[6]);
    assert_int_equal(delivered.dest, 3);
    assert_int_equal(delivered.vector, 0x41);

    table_write(TABLE + 28, 4, 1); /* masked: keeps the vector, and the device sends nothing */
    assert_int_equal(line[7] & 1, 1);
    table_write(TABLE + 16, 4, 0xfee06000);
    table_write(TABLE + 28, 4, 0);
    assert_int_equal(line[4], 0xfee00000 | HOST_APIC(6) << 12);
    assert_int_equal(vectors_used(), 1);
    assert_non_null(harness_vectors[6][0].fn);

    put(MSIX + 3, 1, 0);
    assert_int_equal(vectors_used(), 0);
    assert_int_equal(line[7] & 1, 1);
    assert_int_equal(table_read(TABLE + 16, 4), 0xfee06000);
    put(MSIX + 3, 1, 0x80); /* and back */
    assert_int_equal(vectors_used(), 1);
    assert_int_equal(line[7], 0);
}

static void others_interrupt(unsigned int vector, void *data)
{
    fail_msg("vector %#x, %p", vector, data);
}

/* At any moment, the device can send only messages of the core. */
static void check_after_each_write(const volatile void *p)
{
    const uint32_t *word = (const uint32_t *)p;

    if (word >= harness_device && word < harness_device + ARRAY_SIZE(harness_device))
        check_messages();
}

static void a_line_is_masked_while_it_changes(void **state)
{
    const uint32_t *line = harness_device + PAGE_SIZE / 4;

    (void)state;
    enable_msix();
    put(MSIX + 3, 1, 0x80);
    irq_alloc_vector(3, others_interrupt, NULL); /* so that the two vectors differ */
    harness_on_mmio_write = check_after_each_write;
    table_write(TABLE, 4, 0xfee03000);
    table_write(TABLE + 12, 4, 0);
    assert_int_equal(line[0], 0xfee00000 | HOST_APIC(3) << 12);
    table_write(TABLE, 4, 0xfee05000); /* while unmasked, which no kernel does: moves */
    assert_int_equal(line[0], 0xfee00000 | HOST_APIC(5) << 12);
    assert_int_equal(line[3], 0);
    assert_null(harness_vectors[3][1].fn);
    table_write(TABLE + 12, 4, 1);
    harness_on_mmio_write = NULL;
}

/* Accesses of 1, 2, 4 and 8 bytes, also to parts of the table's words. */
static void any_size(void **state)
{
    const uint8_t *other = (uint8_t *)harness_device + PAGE_SIZE + 0x800;

    (void)state;
    enable_msix();
    for (unsigned int size = 1; size <= 8; size *= 2)
        for (unsigned int at = 0; at < 16; at += size) {
            uint64_t val = 0x8070605040302010ull + at, mask = ~0ull >> (64 - 8 * size), before[2];

            memset(harness_device + (PAGE_SIZE + 0x800) / 4, 0xee, 16);
            memcpy(before, other, 16);
            memcpy((uint8_t *)before + at, &val, size);
            table_write(TABLE + 0x800 + at, size, val);
            assert_memory_equal(other, before, 16);
            assert_int_equal(table_read(TABLE + 0x800 + at, size), val & mask);
            if (at >= 12)
                continue; /* the vector control */
            table_write(TABLE + 16 + at, size, val);
            assert_int_equal(table_read(TABLE + 16 + at, size), val & mask);
        }
    table_write(TABLE + 16, 8, 0);
    table_write(TABLE + 18, 2, 0x1234);
    table_write(TABLE + 17, 1, 0x56);
    assert_int_equal(table_read(TABLE + 16, 8), 0x12345600);
}

static unsigned int writes_of_device;
static void count_write(const volatile void *p) { writes_of_device++; }

static void other_registers_in_the_page(void **state)
{
    (void)state;
    enable_msix();
    writes_of_device = 0;
    harness_on_mmio_write = count_write;
    /* no read on a write: it might acknowledge an interrupt */
    (void)table_read(TABLE + 0x800, 4);
    (void)table_read(TABLE, 4);
    assert_int_equal(writes_of_device, 0);
    harness_device[PAGE_SIZE / 4 + 0x800 / 4] = 0x1234;
    harness_device[PAGE_SIZE / 4 + 0x804 / 4] = 0x5678;
    assert_int_equal(table_read(TABLE + 0x800, 8), 0x567800001234ull);
    table_write(TABLE + 0x804, 4, 7);
    assert_int_equal(harness_device[PAGE_SIZE / 4 + 0x804 / 4], 7);
    table_write(TABLE + 1, 4, 0); /* not a valid access */
    table_write(TABLE + 1, 2, 0);
    table_write(TABLE + 0x7fc, 8, 0);
    table_write(TABLE + 0x804, 8, 0); /* at the end of a page, reaching into the next */
    assert_int_equal(harness_device[PAGE_SIZE / 4 + 0x804 / 4], 7);
    assert_int_equal(table_read(TABLE, 8), ~0ull);
    assert_false(msi_emulates(d, 0xe0000, 0xe0001));
    assert_true(msi_emulates(d, 0xe0000, 0xe0200));
}

static void vectors_run_out(void **state)
{
    const uint32_t *line = harness_device + PAGE_SIZE / 4;

    (void)state;
    harness_log[0] = '\0';
    for (unsigned int i = 0; i < HARNESS_VECTOR_CPUS * HARNESS_VECTORS - 2; i++)
        assert_true(irq_alloc_vector(i / HARNESS_VECTORS, others_interrupt, NULL).vector);
    enable_msix();
    table_write(TABLE, 4, 0xfee02000);
    table_write(TABLE + 12, 4, 0);
    /* the CPU that dom0 wants has none left */
    assert_int_equal(line[0], 0xfee00000 | HOST_APIC(7) << 12);
    table_write(TABLE, 4, 0xfee03000);
    assert_int_equal(line[0], 0xfee00000 | HOST_APIC(7) << 12);
    assert_int_equal(line[3], 0);
    cpus[7].apic_id = 0x100; /* its id does not fit into a message */
    assert_null(strstr(harness_log, "all vectors of all CPUs"));
    table_write(TABLE + 28, 4, 0);
    assert_int_equal(line[7] & 1, 1);
    assert_int_equal(table_read(TABLE + 28, 4), 0);
    assert_non_null(strstr(harness_log, "all vectors of all CPUs"));
    put(MSI + 2, 2, 1);
    assert_int_equal(get(MSI + 2, 2) & 1, 0);
}

/* dom0's writes are then ignored, and it reads its interrupts as disabled. */
static void without_memory_interrupts_stay_off(void **state)
{
    (void)state;
    put(0x04, 2, 2);
    for (unsigned int reg = 4; reg <= 12; reg += 4) {
        harness_fail_alloc(1);
        put(MSI + reg, 2, 0x51);
        assert_true(harness_alloc_has_failed());
        assert_non_null(strstr(harness_log, "no memory for its interrupts"));
    }
    harness_fail_alloc(1);
    put(MSI + 2, 2, 1);
    assert_int_equal(get(MSI + 2, 2) & 1, 0);
    harness_fail_alloc(1);
    put(MSIX + 2, 2, 0x8000);
    assert_int_equal(get(MSIX + 2, 2) & 0x8000, 0);
    assert_false(msi_emulates(d, 0, ~0ull));
    assert_int_equal(vectors_used(), 0);
    harness_fail_alloc(0);
    put(MSI + 2, 2, 1);
    assert_int_equal(get(MSI + 2, 2) & 1, 1);
}

static void msix_needs_its_table(void **state)
{
    (void)state;
    put(MSIX + 2, 2, 0x8000); /* nothing is decoded */
    assert_int_equal(get(MSIX + 2, 2) & 0x8000, 0);
    assert_non_null(strstr(harness_log, "MSI-X stays disabled"));
    put(0x04, 2, 2);
    put_word(space[0], MSIX + 4, 1); /* in the base address of ports */
    put(MSIX + 2, 2, 0x8000);
    assert_int_equal(get(MSIX + 2, 2) & 0x8000, 0);
    put_word(space[0], MSIX + 4, 0x1008); /* an entry would reach into the next page */
    put(MSIX + 2, 2, 0x8000);
    assert_int_equal(get(MSIX + 2, 2) & 0x8000, 0);
    assert_false(msi_emulates(d, 0, ~0ull));
}

static void a_table_above_4_gib(void **state)
{
    const uint32_t *line = harness_device + PAGE_SIZE / 4;
    const uint64_t table = 0x512301000;

    (void)state;
    put_word(space[0], MSIX + 4, 0x1002); /* base address 2, of 64 bits */
    put(0x18, 4, 0x12300000);
    put(0x1c, 4, 5);
    enable_msix();
    assert_true(msi_emulates(d, 0x512301, 0x512302));
    assert_false(msi_emulates(d, 0x12301, 0x12302)); /* not at the lower half alone */
    assert_int_equal(forgotten_start, table >> PAGE_SHIFT);
    put(MSIX + 3, 1, 0x80);
    table_write(table, 4, 0xfee04000);
    table_write(table + 12, 4, 0);
    assert_int_equal(line[0], 0xfee00000 | HOST_APIC(4) << 12);
    assert_int_equal(line[3], 0);

    put(0x1c, 4, 7); /* its upper half moves alone */
    assert_false(msi_emulates(d, 0x512301, 0x512302));
    table_write(0x712301000, 4, 0xfee06000);
    assert_int_equal(line[0], 0xfee00000 | HOST_APIC(6) << 12);
}

/* Only the base address of MSI-X is tracked. */
static void both_kinds_and_a_base_address_moves(void **state)
{
    (void)state;
    put(MSI + 4, 4, 0xfee01000);
    put(MSI + 12, 2, 0x51);
    put(MSI + 2, 2, 1);
    enable_msix();
    put(0x10, 4, 0xe0004000);
    assert_true(msi_emulates(d, 0xe0005, 0xe0006));
    assert_false(msi_emulates(d, 0, 0xe0005));
    assert_false(msi_emulates(d, 0xe0006, 1ull << 40));
    assert_int_equal(forgotten_start, 0xe0005);
    assert_int_equal(space[0][MSI + 2], 0x81);
    fire(word(space[0], MSI + 4), space[0][MSI + 12]);
    assert_int_equal(delivered.vector, 0x51);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PCI_TEST(msi),
        PCI_TEST(msi_of_32_bits),
        PCI_TEST(msi_of_a_device_behind_a_window),
        PCI_TEST(msix),
        PCI_TEST(a_table_that_is_ready_before),
        PCI_TEST(a_line_is_masked_while_it_changes),
        PCI_TEST(any_size),
        PCI_TEST(other_registers_in_the_page),
        PCI_TEST(vectors_run_out),
        PCI_TEST(without_memory_interrupts_stay_off),
        PCI_TEST(msix_needs_its_table),
        PCI_TEST(a_table_above_4_gib),
        PCI_TEST(both_kinds_and_a_base_address_moves),
    };

    return cmocka_run_group_tests_name("msi", tests, NULL, NULL);
}
