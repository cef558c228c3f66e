/* SPDX-License-Identifier: MIT */
/*
 * vdev/pci.c in front of one device whose configuration space is an array: accesses of all sizes pass, MSI
 * and MSI-X are out of the list, read as zero and keep what the hardware has, wherever in the list they are;
 * a list that is a loop.
 */
#include "ports_fake.h"
#include "errors.h"
#include "harness.h"

#include <stdlib.h>

#define DEVICE 0x80001800u /* bus 0, device 3 */

static struct domain *d;
static uint8_t space[256];
static uint32_t hw_address;
static unsigned int hw_accesses, reboots;

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    uint32_t val = 0;

    hw_accesses++;
    assert_in_range(port, 0xcfc, 0xcff);
    assert_int_equal(port % size, 0);
    if ((hw_address & 0xffffff00) != DEVICE)
        return ~0u;
    memcpy(&val, space + (hw_address & 0xfc) + (port & 3), size);
    return val;
}

void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    hw_accesses++;
    if (port == 0xcf8) {
        assert_int_equal(size, 4);
        hw_address = val;
        return;
    }
    assert_in_range(port, 0xcfc, 0xcff);
    assert_int_equal(port % size, 0);
    if ((hw_address & 0xffffff00) == DEVICE)
        memcpy(space + (hw_address & 0xfc) + (port & 3), &val, size);
}

void domain_shutdown(struct domain *of, uint8_t reason)
{
    assert_ptr_equal(of, d);
    reboots += reason == SHUTDOWN_reboot;
}

static void capability(unsigned int at, uint8_t id, uint8_t next)
{
    space[at] = id;
    space[at + 1] = next;
}

/* MSI-X, power management, MSI (64-bit, with masks: 24 bytes), vendor-specific. */
static int setup(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < sizeof(space); i++)
        space[i] = (uint8_t)(i ^ 0xa5);
    space[0x06] = 0x10;
    space[0x0e] = 0x80; /* multifunction, ordinary header */
    space[0x34] = 0x40;
    capability(0x40, 0x11, 0x50);
    capability(0x50, 0x01, 0x60);
    capability(0x60, 0x05, 0x80);
    space[0x62] = 0x80;
    space[0x63] = 0x01;
    capability(0x80, 0x09, 0x00);
    hw_address = 0;
    hw_accesses = reboots = 0;
    d = calloc(1, sizeof(*d));
    return pci_init(d);
}

static int teardown(void **state)
{
    (void)state;
    free(d->vdev.pci);
    free(d);
    return 0;
}

static uint32_t get(unsigned int reg, unsigned int size)
{
    pci_port_write(d, 0xcf8, 4, DEVICE | (reg & 0xfc));
    return pci_port_read(d, (uint16_t)(0xcfc + (reg & 3)), size);
}

static void put(unsigned int reg, unsigned int size, uint32_t val)
{
    pci_port_write(d, 0xcf8, 4, DEVICE | (reg & 0xfc));
    pci_port_write(d, (uint16_t)(0xcfc + (reg & 3)), size, val);
}

static bool in_hidden(unsigned int at) { return (at >= 0x40 && at < 0x4c) || (at >= 0x60 && at < 0x78); }

static uint8_t expected(unsigned int at)
{
    if (at == 0x34)
        return 0x50;
    if (at == 0x51)
        return 0x80;
    return in_hidden(at) ? 0 : space[at];
}

static void reads(void **state)
{
    (void)state;
    for (unsigned int size = 1; size <= 4; size *= 2)
        for (unsigned int reg = 0; reg < 256; reg += size) {
            uint32_t val = get(reg, size);

            for (unsigned int i = 0; i < size; i++)
                assert_int_equal(val >> 8 * i & 0xff, expected(reg + i));
        }
}

static void list_as_dom0_walks_it(void **state)
{
    static const uint8_t ids[] = { 0x01, 0x09 };
    unsigned int n = 0;

    (void)state;
    for (unsigned int at = get(0x34, 1); at; at = get(at + 1, 1)) {
        assert_true(n < ARRAY_SIZE(ids));
        assert_int_equal(get(at, 1), ids[n++]);
    }
    assert_int_equal(n, ARRAY_SIZE(ids));
    capability(0x80, 0x05, 0); /* hidden ones at the end, too */
    assert_int_equal(get(0x51, 1), 0);
    capability(0x50, 0x05, 0x60); /* and nothing else at all */
    assert_int_equal(get(0x34, 1), 0);
}

static void writes(void **state)
{
    uint8_t before[256];

    (void)state;
    for (unsigned int size = 1; size <= 4; size *= 2)
        for (unsigned int reg = 0x48; reg < 256; reg += size) {
            if (reg == 0x50 || reg == 0x80)
                continue; /* a capability's header is not written by anybody */
            memcpy(before, space, sizeof(space));
            put(reg, size, 0x13579bdf);
            for (unsigned int i = 0; i < sizeof(space); i++)
                if (in_hidden(i) || i < reg || i >= reg + size)
                    assert_int_equal(space[i], before[i]);
                else
                    assert_int_equal(space[i], 0x13579bdfu >> 8 * (i - reg) & 0xff);
            memcpy(space, before, sizeof(space));
        }
    put(0x04, 2, 0x0407);
    assert_int_equal(space[0x04] | space[0x05] << 8, 0x0407);
    space[0x63] = 0; /* MSI without masks ends at 0x6e: the last two bytes of that word are others' */
    put(0x6c, 4, 0x11223344);
    assert_int_equal(space[0x6c] | space[0x6d] << 8, (0x6c ^ 0xa5) | (0x6d ^ 0xa5) << 8);
    assert_int_equal(space[0x6e] | space[0x6f] << 8, 0x1122);
}

static void broken_lists(void **state)
{
    (void)state;
    capability(0x80, 0x09, 0x50); /* a loop */
    assert_int_equal(get(0x34, 1), 0x50);
    assert_true(hw_accesses < 200);
    capability(0x40, 0x11, 0x40); /* a loop of hidden ones */
    hw_accesses = 0;
    get(0x34, 1);
    assert_true(hw_accesses < 400);
    space[0x34] = 0x10; /* a pointer into the header */
    assert_int_equal(get(0x34, 1), 0x10);
    space[0x06] = 0; /* no list */
    assert_int_equal(get(0x34, 1), 0x10);
    assert_int_equal(get(0x40, 1), 0x11);
    pci_port_write(d, 0xcf8, 4, 0x80ff0000); /* no device */
    assert_int_equal(pci_port_read(d, 0xcfc, 4), 0xffffffff);
    pci_port_write(d, 0xcf8, 4, 0x80ff0034);
    assert_int_equal(pci_port_read(d, 0xcfc, 1), 0xff);
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
        cmocka_unit_test_setup_teardown(list_as_dom0_walks_it, setup, teardown),
        cmocka_unit_test_setup_teardown(writes, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(ports, setup, teardown),
    };

    return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
