/* SPDX-License-Identifier: MIT */
/*
 * vdev/bus.c, dom0/power.c: ports. dom0's power control, C-state ports, the PIT, a guest's console.
 */
#include "bus_model.h"
#include "cpu/features.h"
#include "platform/acpi.h"

static void ports(void **state)
{
    uint32_t val;

    (void)state;
    model_dom0(false);
    for (uint32_t port = 0; port < 0x10000; port++)
        if (port != 0x42 && port != 0x61 && port != 0xe9 && port != 0x604 && port != 0x605)
            for (unsigned int size = 1; size <= 4; size *= 2) {
                val = bus_port_read(v, (uint16_t)port, size);
                assert_int_equal(val, size == 4 ? ~0u : (1u << 8 * size) - 1);
                bus_port_write(v, (uint16_t)port, size, 0);
            }
    val = bus_port_read(v, 0xe9, 1);
    assert_int_equal(val, 0xe9);
    memset(text, 0, sizeof(text));
    text_length = 0;
    bus_port_write(v, 0xe9, 1, 'h');
    bus_port_write(v, 0xe9, 1, 'i');
    assert_string_equal(text, "hi");
    model_dom0(true);
    val = bus_port_read(v, 0xcfc, 2);
    assert_int_equal(val, 0xcfc * 16 + 2);
    bus_port_write(v, 0xcf8, 4, 1);
    assert_int_equal(word, 0xcf9);
    bus_port_write(v, 0x604, 2, 5u << 10 | 1u << 13);
    assert_int_equal(shutdowns, 1);
    bus_port_write(v, 0x604, 2, 1u << 10 | 1u << 13); /* sleep: not passed on */
    assert_int_equal(shutdowns, 1);
    model_dom0(false);
    bus_port_write(v, 0x604, 2, 5u << 10 | 1u << 13);
    assert_int_equal(shutdowns, 1);
}

/* ACPI power control: its two registers are dom0's, except for sleep. */
static void power(void **state)
{
    static const uint16_t words[] = { 0x604, 0x700 };
    uint32_t val;

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
        port_accesses = shutdowns = 0;
        val = bus_port_read(v, words[i], 2);
        assert_int_equal(val, 0x1c01);
        assert_int_equal(last_port, words[i]);
        bus_port_write(v, words[i], 2, 0x5401); /* S5 without SLP_EN, with all other bits */
        assert_int_equal(last_val, 0x5401);
        assert_int_equal(port_accesses, 2);
        assert_int_equal(shutdowns, 0);
        bus_port_write(v, words[i], 2, 5u << 10 | 1u << 13 | 0xc3ff);
        assert_int_equal(shutdowns, 1);
        for (uint32_t other = 0; other < 8; other++)
            if (other != 5)
                bus_port_write(v, words[i], 2, other << 10 | 1u << 13);
        acpi.has_s5 = false;
        bus_port_write(v, words[i], 2, 5u << 10 | 1u << 13);
        acpi.has_s5 = true;
        assert_int_equal(shutdowns, 1);
        val = bus_port_read(v, words[i], 1); /* partial accesses reach nothing */
        assert_int_equal(val, 0xff);
        bus_port_write(v, words[i], 4, 5u << 10 | 1u << 13);
        bus_port_write(v, words[i] + 1, 1, 0);
        assert_int_equal(port_accesses, 2);
        assert_int_equal(shutdowns, 1);
    }
    acpi.pm1_control[1] = 0; /* only one register */
    val = bus_port_read(v, 0, 2);
    assert_int_equal(val, 0xffff);
    acpi.pm1_control[1] = 0x700;
    model_dom0(false);
    val = bus_port_read(v, 0x604, 2);
    assert_int_equal(val, 0xffff);
    assert_int_equal(port_accesses, 2);
    model_dom0(true);
    bus_port_write(v, 0xe9, 2, 'x'); /* a 16-bit write is ignored */
    assert_int_equal(text_length, 0);
    val = bus_port_read(v, 0xcf7, 1);
    assert_int_equal(val, 0xff);
    val = bus_port_read(v, 0xcff, 1);
    assert_int_equal(val, (0xcff * 16 + 1) & 0xff);
    val = bus_port_read(v, 0xd00, 1);
    assert_int_equal(val, 0xff);
}

/*
 * The C-state ports of an AMD CPU, which Linux uses if ACPI offers them: dom0 sleeps as with HLT.
 */
static void sleep_ports(void **state)
{
    uint32_t val;

    (void)state;
    cpu_features.cstate_ports = 0x413;
    model_dom0(true);
    for (uint16_t port = 0x413; port < 0x41b; port++) {
        val = bus_port_read(v, port, 1);
        assert_int_equal(val, 0);
        assert_int_equal(blocks, port - 0x413 + 1);
        bus_port_write(v, port, 1, 0);
    }
    for (uint32_t port = 0; port < 0x10000; port++)
        if (port < 0x413 || port >= 0x41b)
            val = bus_port_read(v, (uint16_t)port, 1);
    assert_int_equal(blocks, 8);
    cpu_features.cstate_ports = 0xfff8;
    model_dom0(true);
    val = bus_port_read(v, 0xffff, 1);
    assert_int_equal(blocks, 9);
    val = bus_port_read(v, 0, 1);
    model_dom0(false); /* a guest has none */
    val = bus_port_read(v, 0xfff8, 1);
    assert_int_equal(val, 0xff);
    cpu_features.cstate_ports = 0; /* a CPU without these ports */
    model_dom0(true);
    for (uint16_t port = 0; port < 16; port++)
        val = bus_port_read(v, port, 1);
    assert_int_equal(blocks, 9);
}

/*
 * Linux calibrates with these ports: their values must end each of its loops at once, and show no
 * cause of an NMI.
 */
static void no_pit(void **state)
{
    uint32_t val;

    (void)state;
    bus_port_write(v, 0x43, 1, 0xb0);
    bus_port_write(v, 0x42, 1, 0xff);
    bus_port_write(v, 0x42, 1, 0xff);
    val = bus_port_read(v, 0x42, 1);
    assert_int_equal(val, 0);
    val = bus_port_read(v, 0x61, 1);
    assert_int_equal(val, 0x20);
    val = bus_port_read(v, 0x42, 2); /* its ports are 8 bits wide */
    assert_int_equal(val, 0xffff);
    val = bus_port_read(v, 0x61, 4);
    assert_int_equal(val, ~0u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ports, model_setup),
        cmocka_unit_test_setup(power, model_setup),
        cmocka_unit_test_setup(sleep_ports, model_setup),
        cmocka_unit_test_setup(no_pit, model_setup),
    };

    return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
