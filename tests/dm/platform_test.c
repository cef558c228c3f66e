/* SPDX-License-Identifier: MIT */
/*
 * The rest of the machine: string accesses, the chip set, the clock, the serial port, fw_cfg. Ports
 * and values are those that hvmloader, SeaBIOS and Linux use.
 */
#include <linux/pci_regs.h>
#include <stdint.h>
#include <string.h>
#include <xen/sched.h>

#include "machine.h"
#include "world.h"

#define SECOND 1000000000ull
#define DATA 0x20000u

static struct world world;
static struct machine machine;
static uint64_t now, timer;
static char sent[64];
static unsigned int sent_count;

static uint64_t get_now(void *owner)
{
    (void)owner;
    return now;
}

static void set_timer(void *owner, uint64_t ns)
{
    (void)owner;
    timer = ns;
}

static void note_sent(void *owner, uint8_t byte)
{
    (void)owner;
    assert_true(sent_count < sizeof(sent));
    sent[sent_count++] = byte;
}

static void ignore(void *owner, const void *bytes, size_t length)
{
    (void)owner;
    (void)bytes;
    (void)length;
}

static int setup(void **state)
{
    const struct machine_size size = { WORLD_BYTES * 16, 0 }; /* 64 MiB */

    (void)state;
    world_begin(&world);
    memset(&machine, 0, sizeof(machine));
    now = 1700000000ull * SECOND; /* 2023-11-14 22:13:20, a Tuesday */
    timer = sent_count = 0;
    machine.rtc.now = get_now;
    machine.rtc.timer = set_timer;
    machine.serial.send = note_sent;
    machine.console.send = ignore;
    assert_int_equal(machine_build(&machine, &world.host, &world.memory, &size), 0);
    world.bus = machine.bus;
    world.pci = machine.pci;
    world.pci.bus = &machine.bus;
    return 0;
}

/* --- accesses --------------------------------------------------------------------------------- */

/* A string instruction with the port or device memory at address. */
static void repeat(uint8_t type, uint64_t address, bool read, unsigned int size, uint32_t count,
                   uint64_t data, bool down)
{
    struct ioreq request = { .type = type,
                             .dir = read ? IOREQ_READ : IOREQ_WRITE,
                             .addr = address,
                             .size = size,
                             .count = count,
                             .data = data,
                             .df = down,
                             .data_is_ptr = 1 };

    ioreq_serve(&world.pci, &world.memory, &request);
}

static void strings_move_up_and_down(void **state)
{
    (void)state;
    world_out(&world, 0x510, 2, 0);
    repeat(IOREQ_TYPE_PIO, 0x511, true, 1, 4, DATA, false);
    assert_memory_equal(world.ram + DATA, "QEMU", 5);
    world_out(&world, 0x510, 2, 0);
    repeat(IOREQ_TYPE_PIO, 0x511, true, 1, 4, DATA + 7, true);
    assert_memory_equal(world.ram + DATA + 4, "UMEQ", 4);
    memcpy(world.ram + DATA, "out", 3);
    repeat(IOREQ_TYPE_PIO, 0x3f8, false, 1, 3, DATA, false);
    assert_memory_equal(sent, "out", 3);
}

static void requests_beyond_sense_do_nothing(void **state)
{
    static const struct {
        uint8_t type;
        uint32_t size, count;
    } wrong[] = {
        { IOREQ_TYPE_PIO, 3, 1 },
        { IOREQ_TYPE_PIO, 8, 1 },
        { IOREQ_TYPE_PIO, 0, 1 },
        { IOREQ_TYPE_COPY, 16, 1 },
        { IOREQ_TYPE_COPY, 4, 1u << 31 },
        { IOREQ_TYPE_PCI_CONFIG, 8, 1 },
        { 99, 4, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct ioreq request = { .type = wrong[i].type,
                                 .size = wrong[i].size,
                                 .count = wrong[i].count,
                                 .dir = IOREQ_READ,
                                 .addr = 0x3f8,
                                 .data = 5 };

        ioreq_serve(&world.pci, &world.memory, &request);
        assert_int_equal((uint32_t)request.data, 0xffffffff);
    }
    /* memory that is not there: reads of it are ones, writes vanish */
    repeat(IOREQ_TYPE_PIO, 0x3f8, false, 1, 2, WORLD_BYTES, false);
    assert_int_equal((uint8_t)sent[0], 0xff);
    repeat(IOREQ_TYPE_PIO, 0x3fd, true, 1, 2, ~0ull, false);
}

static void where_nothing_is_reads_are_ones(void **state)
{
    (void)state;
    assert_int_equal(world_in(&world, 0x2f8, 1), 0xff);
    assert_int_equal(world_in(&world, 0x3ff, 2), 0xffff);
    world_out(&world, 0x2f8, 4, 1);
    assert_int_equal(world_load(&world, 0xfed00000, 4), 0xffffffff);
    assert_int_equal(world_config(&world, 2, 0, 4), 0xffffffff);
    assert_int_equal(world_config(&world, 0, 255, 2), 0xffff);
}

/* --- the chip set ----------------------------------------------------------------------------- */

static void firmware_finds_the_chips_that_it_knows(void **state)
{
    (void)state;
    assert_int_equal(world_config(&world, 0, 0, 4), 0x12378086);
    assert_int_equal(world_config(&world, 1, 0, 4), 0x70008086);
    assert_int_equal(world_config(&world, 1, PCI_HEADER_TYPE, 1), 0x80);
    assert_int_equal(pci_read(&world.pci, 1, 3, 0, 4), 0x71138086);
    assert_int_equal(pci_read(&world.pci, 1, 3, PCI_CLASS_DEVICE, 2), 0x0680);
    assert_int_equal(world_in(&world, 0xb004, 2), 1); /* SCI_EN */
}

/* As Linux finds out whether there is PCI. */
static void the_address_of_configuration_can_be_read(void **state)
{
    (void)state;
    world_out(&world, 0xcf8, 4, 0x80000000);
    assert_int_equal(world_in(&world, 0xcf8, 4), 0x80000000);
    world_out(&world, 0xcfb, 1, 1);
    world_out(&world, 0xcf8, 2, 0xffff);
    assert_int_equal(world_in(&world, 0xcf8, 4), 0x80000000);
    world_out(&world, 0xcf8, 4, 0xffffffff);
    assert_int_equal(world_in(&world, 0xcf8, 4), 0x80fffffc);
    assert_int_equal(world.shutdowns, 0);
}

static void links_are_routed(void **state)
{
    (void)state;
    world_set_config(&world, 1, 0x60, 4, 0x8b0a0580);
    assert_int_equal(world.links[0], 0);
    assert_int_equal(world.links[1], 5);
    assert_int_equal(world.links[2], 10);
    assert_int_equal(world.links[3], 0);
    world_set_config(&world, 1, 0x63, 1, 0x0b);
    assert_int_equal(world.links[3], 11);
    assert_int_equal(world_config(&world, 1, 0x60, 4), 0x0b0a0580);
}

static void the_guest_ends_once(void **state)
{
    static const struct {
        uint16_t port;
        unsigned int size;
        uint32_t value;
        int reason;
    } ends[] = {
        { 0xb004, 2, 0x2001, SHUTDOWN_poweroff }, { 0xb005, 1, 0x20, SHUTDOWN_poweroff },
        { 0xcf9, 1, 6, SHUTDOWN_reboot },         { 0x64, 1, 0xfe, SHUTDOWN_reboot },
        { 0x92, 1, 3, SHUTDOWN_reboot },
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        setup(state);
        world_out(&world, ends[i].port, ends[i].size, ends[i].value);
        assert_int_equal(world.shutdown, ends[i].reason);
        world_out(&world, 0xcf9, 1, 6);
        assert_int_equal(world.shutdowns, 1);
    }
    /* not these: other sleep states, a hard reset that is only prepared, A20 */
    setup(state);
    world_out(&world, 0xb004, 2, 0x2401);
    world_out(&world, 0xb004, 2, 0x0001);
    world_out(&world, 0xcf9, 1, 2);
    world_out(&world, 0x92, 1, 2);
    world_out(&world, 0x64, 1, 0xd1);
    assert_int_equal(world.shutdowns, 0);
    assert_int_equal(world_in(&world, 0xcf9, 1), 2);
    assert_int_equal(world_in(&world, 0x92, 1), 2);
    assert_int_equal(world_in(&world, 0x64, 1), 0xfd);
}

static void acpi_is_switched(void **state)
{
    (void)state;
    world_out(&world, 0xb2, 1, 0xf0);
    assert_int_equal(world_in(&world, 0xb004, 2), 0);
    world_out(&world, 0xb2, 1, 0xf1);
    assert_int_equal(world_in(&world, 0xb004, 2), 1);
    world_out(&world, 0xafe2, 1, 0x5a);
    assert_int_equal(world_in(&world, 0xafe2, 1), 0x5a);
    world_out(&world, 0xafe0, 4, 0x12345678);
    assert_int_equal(world_in(&world, 0xafe0, 2), 0);
    assert_int_equal(world_in(&world, 0xafe3, 1), 0x12);
}

/* --- the clock -------------------------------------------------------------------------------- */

static uint8_t cmos(uint8_t index)
{
    world_out(&world, 0x70, 1, index);
    return world_in(&world, 0x71, 1);
}

static void set_cmos(uint8_t index, uint8_t value)
{
    world_out(&world, 0x70, 1, index);
    world_out(&world, 0x71, 1, value);
}

static void the_clock_tells_the_time(void **state)
{
    static const uint8_t bcd[][2] = { { 0, 0x20 }, { 2, 0x13 }, { 4, 0x22 }, { 6, 3 },
                                      { 7, 0x14 }, { 8, 0x11 }, { 9, 0x23 }, { 0x32, 0x20 } };

    (void)state;
    for (size_t i = 0; i < sizeof(bcd) / sizeof(bcd[0]); i++)
        assert_int_equal(cmos(bcd[i][0]), bcd[i][1]);
    now += 41 * SECOND;
    assert_int_equal(cmos(0), 1);
    assert_int_equal(cmos(2), 0x14);
    set_cmos(11, 4); /* binary, 12 hours */
    assert_int_equal(cmos(4), 10 | 0x80);
    assert_int_equal(cmos(2), 14);
    assert_int_equal(cmos(13), 0x80);
}

static void the_clock_can_be_set(void **state)
{
    static const uint8_t values[][2] = { { 0, 0x59 }, { 2, 0x59 }, { 4, 0x23 },   { 7, 0x31 },
                                         { 8, 0x12 }, { 9, 0x99 }, { 0x32, 0x19 } };

    (void)state;
    set_cmos(11, 0x82);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        set_cmos(values[i][0], values[i][1]);
    now += 5 * SECOND; /* it stands while it is set */
    assert_int_equal(cmos(0), 0x59);
    set_cmos(11, 2);
    assert_int_equal(cmos(9), 0x99);
    now += SECOND;
    assert_int_equal(cmos(0), 0);
    assert_int_equal(cmos(9), 0);
    assert_int_equal(cmos(0x32), 0x20);
}

static void alarms_and_periods_interrupt(void **state)
{
    (void)state;
    set_cmos(1, 0x25);
    set_cmos(3, 0x13);
    set_cmos(5, 0xff);
    set_cmos(11, 0x22);
    assert_true(timer > 0);
    now += 4 * SECOND;
    rtc_tick(&machine.rtc);
    assert_false(world.isa[8]);
    now += SECOND;
    rtc_tick(&machine.rtc);
    assert_true(world.isa[8]);
    assert_int_equal(cmos(12), 0xb0); /* IRQF, AF and UF */
    assert_false(world.isa[8]);
    assert_int_equal(cmos(12), 0);
    set_cmos(10, 0x26);
    set_cmos(11, 0x42);
    assert_in_range(timer, 976000, 977000); /* 1024 Hz */
    now += 976562;
    rtc_tick(&machine.rtc);
    assert_true(world.isa[8]);
    assert_int_equal(cmos(12) & 0xc0, 0xc0);
    /* what was missed is lost: one interrupt, then the next in time */
    now += 10 * SECOND;
    rtc_tick(&machine.rtc);
    assert_int_equal(cmos(12) & 0xc0, 0xc0);
    rtc_tick(&machine.rtc);
    assert_int_equal(cmos(12), 0);
    set_cmos(11, 2);
    assert_int_equal(timer, 0);
}

static void firmware_finds_the_size_of_ram(void **state)
{
    (void)state;
    assert_int_equal(cmos(0x15) | cmos(0x16) << 8, 640);
    assert_int_equal(cmos(0x30) | cmos(0x31) << 8, 63 * 1024);
    assert_int_equal(cmos(0x34) | cmos(0x35) << 8, 48 * 16);
    assert_int_equal(cmos(0x5b), 0);
    assert_int_equal(cmos(0xff), cmos(0x7f));
}

/* --- the serial port -------------------------------------------------------------------------- */

static void the_serial_port_sends(void **state)
{
    (void)state;
    world_out(&world, 0x3f8, 1, 'h');
    world_out(&world, 0x3f8, 1, 'i');
    assert_memory_equal(sent, "hi", 2);
    assert_int_equal(world_in(&world, 0x3fd, 1), 0x60);
    assert_false(world.isa[4]);
    world_out(&world, 0x3f9, 1, 2);
    assert_true(world.isa[4]);
    assert_int_equal(world_in(&world, 0x3fa, 1), 2);
    assert_false(world.isa[4]);
    assert_int_equal(world_in(&world, 0x3fa, 1), 1);
    world_out(&world, 0x3f8, 1, '!');
    assert_true(world.isa[4]);
    /* the divisor is not sent */
    world_out(&world, 0x3fb, 1, 0x83);
    world_out(&world, 0x3f8, 1, 12);
    assert_int_equal(world_in(&world, 0x3f8, 1), 12);
    assert_int_equal(sent_count, 3);
}

static void the_serial_port_receives(void **state)
{
    (void)state;
    world_out(&world, 0x3fa, 1, 7);
    world_out(&world, 0x3f9, 1, 1);
    assert_int_equal(serial_room(&machine.serial), 16);
    serial_receive(&machine.serial, (const uint8_t *)"0123456789abcdefXYZ", 19);
    assert_int_equal(serial_room(&machine.serial), 0);
    assert_true(world.isa[4]);
    assert_int_equal(world_in(&world, 0x3fa, 1), 0xc4);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(world_in(&world, 0x3fd, 1), 0x61);
        assert_int_equal(world_in(&world, 0x3f8, 1), "0123456789abcdef"[i]);
    }
    assert_false(world.isa[4]);
    assert_int_equal(world_in(&world, 0x3fd, 1), 0x60);
    assert_int_equal(world_in(&world, 0x3f8, 1), 0);
    /* without the FIFO there is room for one byte */
    world_out(&world, 0x3fa, 1, 0);
    assert_int_equal(serial_room(&machine.serial), 1);
}

static void loop_back_shows_that_it_is_there(void **state)
{
    (void)state;
    world_out(&world, 0x3fc, 1, 0x1a);
    assert_int_equal(world_in(&world, 0x3fe, 1) & 0xf0, 0x90);
    world_out(&world, 0x3f8, 1, 'x');
    assert_int_equal(sent_count, 0);
    assert_int_equal(world_in(&world, 0x3f8, 1), 'x');
    world_out(&world, 0x3fc, 1, 0);
    assert_int_equal(world_in(&world, 0x3fe, 1), 0xb0);
    world_out(&world, 0x3ff, 1, 0x5a);
    assert_int_equal(world_in(&world, 0x3ff, 1), 0x5a);
}

/* --- fw_cfg ----------------------------------------------------------------------------------- */

static void firmware_reads_settings(void **state)
{
    uint8_t list[4 + 64 * 2];

    (void)state;
    world_out(&world, 0x510, 2, 1);
    assert_int_equal(world_in(&world, 0x511, 1), 1);
    world_out(&world, 0x510, 2, 0x19);
    for (size_t i = 0; i < sizeof(list); i++)
        list[i] = world_in(&world, 0x511, 1);
    assert_int_equal(list[3], 2);
    assert_int_equal(list[7], 8);
    assert_int_equal(list[9], 0x20);
    assert_string_equal((char *)list + 12, "etc/sercon-port");
    world_out(&world, 0x510, 2, 0x20);
    assert_int_equal(world_in(&world, 0x511, 1), 0xf8);
    assert_int_equal(world_in(&world, 0x511, 1), 3);
    for (int i = 2; i < 20; i++)
        assert_int_equal(world_in(&world, 0x511, 1), 0);
    world_out(&world, 0x510, 2, 0xffff);
    assert_int_equal(world_in(&world, 0x511, 1), 0);
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(strings_move_up_and_down),
        TEST(requests_beyond_sense_do_nothing),
        TEST(where_nothing_is_reads_are_ones),
        TEST(firmware_finds_the_chips_that_it_knows),
        TEST(the_address_of_configuration_can_be_read),
        TEST(links_are_routed),
        TEST(the_guest_ends_once),
        TEST(acpi_is_switched),
        TEST(the_clock_tells_the_time),
        TEST(the_clock_can_be_set),
        TEST(alarms_and_periods_interrupt),
        TEST(firmware_finds_the_size_of_ram),
        TEST(the_serial_port_sends),
        TEST(the_serial_port_receives),
        TEST(loop_back_shows_that_it_is_there),
        TEST(firmware_reads_settings),
    };

    return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
