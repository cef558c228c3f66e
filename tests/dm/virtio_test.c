/* SPDX-License-Identifier: MIT */
/*
 * virtio devices as a driver sees them, and what guests do that break the rules: each costs the
 * guest that device until it resets it, and nothing else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balloon.h"
#include "block.h"
#include "console.h"
#include "entropy.h"
#include "net.h"
#include "world.h"

#define SLOT 4
#define SECTORS 64
#define HEADER 0x10000u
#define DATA 0x20000u
#define STATUS 0x30000u
#define NO_STATUS 0xee

static struct world world;
static struct driver driver;
static struct block block;
static int file = -1;

/* A disk whose byte n of sector s is s. */
static int begin_disk(bool writable, bool direct)
{
    char name[] = "/tmp/cleave-dm-test-XXXXXX";
    uint8_t sector[DISK_SECTOR];

    world_begin(&world);
    memset(&block, 0, sizeof(block));
    file = mkostemp(name, O_CLOEXEC);
    assert_true(file >= 0);
    unlink(name);
    for (int i = 0; i < SECTORS; i++) {
        memset(sector, i, sizeof(sector));
        assert_int_equal(write(file, sector, sizeof(sector)), sizeof(sector));
    }
    block.disk = disk_open(file, BLOCK_DEPTH);
    assert_non_null(block.disk);
    block.writable = writable;
    block.direct = direct;
    strcpy(block.serial, "xvda");
    assert_int_equal(block_add(&block, &world.pci, SLOT, &world.memory), 0);
    driver_begin(&driver, &world, SLOT, 1ull << VIRTIO_BLK_F_FLUSH);
    return 0;
}

static int setup_disk(void **state)
{
    (void)state;
    return begin_disk(true, false);
}

static int teardown_disk(void **state)
{
    (void)state;
    disk_drain(block.disk);
    disk_close(block.disk);
    close(file);
    return 0;
}

static void await_disk(void)
{
    struct pollfd fd = { .fd = disk_descriptor(block.disk), .events = POLLIN };

    if (fd.fd >= 0)
        assert_int_equal(poll(&fd, 1, 10000), 1);
    block_finish(&block);
}

/* Queues a request. Returns its head. */
static uint16_t request(uint32_t type, uint64_t sector, uint32_t length)
{
    struct virtio_blk_outhdr *header = (void *)(world.ram + HEADER);
    struct driver_part parts[3] = { { HEADER, sizeof(*header), false } };
    unsigned int count = 1;

    *header = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
    world.ram[STATUS] = NO_STATUS;
    if (length)
        parts[count++] = (struct driver_part){ DATA, length, type != VIRTIO_BLK_T_OUT };
    parts[count++] = (struct driver_part){ STATUS, 1, true };
    return driver_add(&driver, 0, parts, count);
}

/* Does a request. Returns its status. */
static uint8_t done(uint32_t type, uint64_t sector, uint32_t length, uint32_t *written)
{
    uint16_t head = request(type, sector, length);
    uint32_t id;

    driver_kick(&driver, 0);
    if (world.ram[STATUS] == NO_STATUS)
        await_disk();
    assert_true(driver_used(&driver, 0, &id, written));
    assert_int_equal(id, head);
    return world.ram[STATUS];
}

static void a_disk_reads_and_writes(void **state)
{
    uint32_t written;
    uint8_t byte;

    (void)state;
    assert_int_equal(done(VIRTIO_BLK_T_IN, 3, 1024, &written), VIRTIO_BLK_S_OK);
    assert_int_equal(written, 1025);
    assert_int_equal(world.ram[DATA], 3);
    assert_int_equal(world.ram[DATA + 1023], 4);
    assert_int_equal(world.ram[DATA + 1024], 0);
    memset(world.ram + DATA, 0xaa, 512);
    assert_int_equal(done(VIRTIO_BLK_T_OUT, SECTORS - 1, 512, &written), VIRTIO_BLK_S_OK);
    assert_int_equal(written, 1);
    assert_int_equal(done(VIRTIO_BLK_T_FLUSH, 0, 0, &written), VIRTIO_BLK_S_OK);
    assert_int_equal(pread(file, &byte, 1, SECTORS * DISK_SECTOR - 1), 1);
    assert_int_equal(byte, 0xaa);
    assert_int_equal(pread(file, &byte, 1, (SECTORS - 1) * DISK_SECTOR - 1), 1);
    assert_int_equal(byte, SECTORS - 2);
}

static void a_request_of_many_pieces_crosses_pages(void **state)
{
    struct virtio_blk_outhdr *header = (void *)(world.ram + HEADER);
    /* the header in two parts; data that begin in the middle of pages; the status alone */
    struct driver_part parts[] = { { HEADER, 5, false },
                                   { HEADER + 5, 11, false },
                                   { DATA + 4000, 300, true },
                                   { DATA + 0x5f00, 212 + 512, true },
                                   { STATUS, 1, true } };
    uint32_t id, written;

    (void)state;
    *header = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN, .sector = 9 };
    driver_add(&driver, 0, parts, 5);
    driver_kick(&driver, 0);
    await_disk();
    assert_true(driver_used(&driver, 0, &id, &written));
    assert_int_equal(written, 1025);
    assert_int_equal(world.ram[DATA + 4000], 9);
    assert_int_equal(world.ram[DATA + 4299], 9);
    assert_int_equal(world.ram[DATA + 4300], 0);
    assert_int_equal(world.ram[DATA + 0x5f00 + 211], 9);
    assert_int_equal(world.ram[DATA + 0x5f00 + 212], 10);
    assert_int_equal(world.ram[STATUS], VIRTIO_BLK_S_OK);
}

static void a_disk_refuses_what_it_has_not(void **state)
{
    static const struct {
        uint32_t type;
        uint64_t sector;
        uint32_t length;
        uint8_t status;
    } wrong[] = {
        { VIRTIO_BLK_T_IN, SECTORS, 512, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_IN, SECTORS - 1, 1024, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_IN, ~0ull, 512, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_IN, ~0ull / 512 + 1, 512, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_IN, 0, 511, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_IN, 0, 0, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_OUT, SECTORS, 512, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_OUT, 0, 0, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_DISCARD, 0, 16, VIRTIO_BLK_S_UNSUPP },
        { 77, 0, 512, VIRTIO_BLK_S_UNSUPP },
    };
    uint32_t written;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(done(wrong[i].type, wrong[i].sector, wrong[i].length, &written),
                         wrong[i].status);
        assert_int_equal(written, 1);
    }
    assert_int_equal(done(VIRTIO_BLK_T_IN, 0, 512, &written), VIRTIO_BLK_S_OK);
    assert_false(driver_needs_reset(&driver));
}

static void a_read_only_disk_stays_as_it_is(void **state)
{
    uint32_t written;
    uint8_t byte;

    teardown_disk(state);
    begin_disk(false, false);
    driver_set(&driver, VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
    assert_true(driver_get(&driver, VIRTIO_PCI_COMMON_DF, 4) & 1u << VIRTIO_BLK_F_RO);
    memset(world.ram + DATA, 0xaa, 512);
    assert_int_equal(done(VIRTIO_BLK_T_OUT, 5, 512, &written), VIRTIO_BLK_S_IOERR);
    assert_int_equal(pread(file, &byte, 1, 5 * DISK_SECTOR), 1);
    assert_int_equal(byte, 5);
}

static void direct_io_uses_aligned_buffers(void **state)
{
    uint32_t written;
    uint8_t byte;

    teardown_disk(state);
    begin_disk(true, true);
    assert_int_equal(done(VIRTIO_BLK_T_IN, 7, 1024, &written), VIRTIO_BLK_S_OK);
    assert_int_equal(world.ram[DATA + 1023], 8);
    memset(world.ram + DATA, 0xbb, 512);
    assert_int_equal(done(VIRTIO_BLK_T_OUT, 2, 512, &written), VIRTIO_BLK_S_OK);
    assert_int_equal(pread(file, &byte, 1, 2 * DISK_SECTOR), 1);
    assert_int_equal(byte, 0xbb);
}

static void a_disk_tells_its_name(void **state)
{
    uint32_t written;

    (void)state;
    assert_int_equal(done(VIRTIO_BLK_T_GET_ID, 0, 20, &written), VIRTIO_BLK_S_OK);
    assert_string_equal((char *)world.ram + DATA, "xvda");
    assert_int_equal(written, 21);
}

static void frames_that_are_gone_are_an_error(void **state)
{
    uint32_t written;

    (void)state;
    world.gone[DATA / MEMORY_PAGE] = true;
    assert_int_equal(done(VIRTIO_BLK_T_IN, 0, 512, &written), VIRTIO_BLK_S_IOERR);
    assert_int_equal(done(VIRTIO_BLK_T_OUT, 0, 512, &written), VIRTIO_BLK_S_IOERR);
}

static void a_reset_waits_for_requests(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        request(VIRTIO_BLK_T_IN, i, 512);
    driver_kick(&driver, 0);
    driver_set(&driver, VIRTIO_PCI_COMMON_STATUS, 1, 0);
    assert_int_equal(block.busy, 0);
    assert_int_equal(driver_get(&driver, VIRTIO_PCI_COMMON_STATUS, 1), 0);
    memset(world.ram + DATA, 0, 512);
    block_finish(&block);
    assert_int_equal(world.ram[DATA], 0);
    /* and it begins anew */
    driver_begin(&driver, &world, SLOT, 0);
    driver_set(&driver, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
    assert_int_equal(driver_get(&driver, VIRTIO_PCI_COMMON_Q_SIZE, 2), DRIVER_SIZE);
}

/* --- interrupts ------------------------------------------------------------------------------- */

static void a_request_is_announced_by_its_vector(void **state)
{
    uint32_t written;

    (void)state;
    done(VIRTIO_BLK_T_IN, 0, 512, &written);
    assert_true(world.msi_count >= 1);
    assert_int_equal(world.msis[0].address, 0xfee00000u);
    assert_int_equal(world.msis[0].data, 0x41);
    assert_false(world.lines[SLOT]);
}

static void a_masked_vector_waits(void **state)
{
    uint64_t entry = DRIVER_BAR + 0x4000 + 16;
    uint32_t written;

    (void)state;
    world_store(&world, entry + 12, 4, 1);
    done(VIRTIO_BLK_T_IN, 0, 512, &written);
    assert_int_equal(world.msi_count, 0);
    assert_int_equal(world_load(&world, DRIVER_BAR + 0x5000, 8), 2);
    world_store(&world, entry + 12, 4, 0);
    assert_int_equal(world.msi_count, 1);
    assert_int_equal(world_load(&world, DRIVER_BAR + 0x5000, 8), 0);
}

static void without_msix_the_line_is_high_until_it_is_read(void **state)
{
    unsigned int at = block.virtio.pci.msix.capability + PCI_MSIX_FLAGS;
    uint32_t written;

    (void)state;
    world_set_config(&world, SLOT, at, 2, 0);
    done(VIRTIO_BLK_T_IN, 0, 512, &written);
    assert_int_equal(world.msi_count, 0);
    assert_true(world.lines[SLOT]);
    assert_int_equal(world_load(&world, DRIVER_BAR + 0x1000, 1), 1);
    assert_false(world.lines[SLOT]);
    assert_int_equal(world_load(&world, DRIVER_BAR + 0x1000, 1), 0);
}

static void a_guest_that_polls_gets_no_interrupt(void **state)
{
    uint32_t written;

    (void)state;
    world.ram[driver.queues[0].base + 0x1000] = VRING_AVAIL_F_NO_INTERRUPT;
    done(VIRTIO_BLK_T_IN, 0, 512, &written);
    assert_int_equal(world.msi_count, 0);
}

/* --- the transport ---------------------------------------------------------------------------- */

static void capabilities_describe_the_bar(void **state)
{
    unsigned int at = world_config(&world, SLOT, PCI_CAPABILITY_LIST, 1), seen = 0;

    (void)state;
    while (at) {
        if (world_config(&world, SLOT, at, 1) == PCI_CAP_ID_VNDR) {
            unsigned int type = world_config(&world, SLOT, at + VIRTIO_PCI_CAP_CFG_TYPE, 1);
            static const uint32_t offsets[] = { 0, 0, 0x3000, 0x1000, 0x2000, 0 };

            assert_in_range(type, 1, 5);
            assert_int_equal(world_config(&world, SLOT, at + VIRTIO_PCI_CAP_BAR, 1), 0);
            assert_int_equal(world_config(&world, SLOT, at + VIRTIO_PCI_CAP_OFFSET, 4),
                             offsets[type]);
            seen |= 1u << type;
        }
        at = world_config(&world, SLOT, at + 1, 1);
    }
    assert_int_equal(seen, 0x3e);
}

static void the_bar_can_be_reached_by_configuration_space(void **state)
{
    unsigned int at = block.virtio.capability;

    (void)state;
    world_set_config(&world, SLOT, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_NUMQ);
    world_set_config(&world, SLOT, at + VIRTIO_PCI_CAP_LENGTH, 4, 2);
    assert_int_equal(world_config(&world, SLOT, at + 16, 2), 1);
    world_set_config(&world, SLOT, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_STATUS);
    world_set_config(&world, SLOT, at + VIRTIO_PCI_CAP_LENGTH, 4, 1);
    world_set_config(&world, SLOT, at + 16, 1, 0);
    assert_int_equal(driver_get(&driver, VIRTIO_PCI_COMMON_STATUS, 1), 0);
    /* nonsense has no effect */
    world_set_config(&world, SLOT, at + VIRTIO_PCI_CAP_OFFSET, 4, 0xffffffff);
    world_set_config(&world, SLOT, at + VIRTIO_PCI_CAP_LENGTH, 4, 3);
    world_set_config(&world, SLOT, at + 16, 4, 0xffffffff);
    world_config(&world, SLOT, at + 16, 4);
}

static void a_bar_follows_its_register(void **state)
{
    int before = world.ranges;

    (void)state;
    world_set_config(&world, SLOT, PCI_BASE_ADDRESS_0, 4, 0xffffffff);
    assert_int_equal(world_config(&world, SLOT, PCI_BASE_ADDRESS_0, 4), 0xffff8000);
    assert_int_equal(world_load(&world, DRIVER_BAR + VIRTIO_PCI_COMMON_NUMQ, 2), 0xffff);
    world_set_config(&world, SLOT, PCI_BASE_ADDRESS_0, 4, DRIVER_BAR + 0x10000);
    assert_int_equal(world_load(&world, DRIVER_BAR + 0x10000 + VIRTIO_PCI_COMMON_NUMQ, 2), 1);
    assert_int_equal(world.ranges, before);
    world_set_config(&world, SLOT, PCI_COMMAND, 2, 0);
    assert_int_equal(world.ranges, before - 1);
    assert_int_equal(world_load(&world, DRIVER_BAR + 0x10000 + VIRTIO_PCI_COMMON_NUMQ, 2), 0xffff);
}

static void features_that_were_not_offered_are_refused(void **state)
{
    (void)state;
    driver_set(&driver, VIRTIO_PCI_COMMON_STATUS, 1, 0);
    driver_set(&driver, VIRTIO_PCI_COMMON_STATUS, 1, 3);
    driver_set(&driver, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
    driver_set(&driver, VIRTIO_PCI_COMMON_GF, 4, 1u << VIRTIO_BLK_F_MQ);
    driver_set(&driver, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
    driver_set(&driver, VIRTIO_PCI_COMMON_GF, 4, 1);
    driver_set(&driver, VIRTIO_PCI_COMMON_STATUS, 1, 11);
    assert_int_equal(driver_get(&driver, VIRTIO_PCI_COMMON_STATUS, 1), 3);
    driver_set(&driver, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
    driver_set(&driver, VIRTIO_PCI_COMMON_GF, 4, 0);
    driver_set(&driver, VIRTIO_PCI_COMMON_STATUS, 1, 11);
    assert_int_equal(driver_get(&driver, VIRTIO_PCI_COMMON_STATUS, 1), 11);
}

static void rings_in_wrong_places_are_not_enabled(void **state)
{
    static const struct {
        unsigned int at, size;
        uint64_t value;
    } wrong[] = {
        { VIRTIO_PCI_COMMON_Q_SIZE, 2, 0 },         { VIRTIO_PCI_COMMON_Q_SIZE, 2, 3 },
        { VIRTIO_PCI_COMMON_Q_SIZE, 2, 512 },       { VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x1008 },
        { VIRTIO_PCI_COMMON_Q_AVAILLO, 4, 0x1001 }, { VIRTIO_PCI_COMMON_Q_USEDLO, 4, 0x1002 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        driver_set(&driver, VIRTIO_PCI_COMMON_STATUS, 1, 0);
        driver_set(&driver, wrong[i].at, wrong[i].size, wrong[i].value);
        driver_set(&driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
        assert_int_equal(driver_get(&driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
    }
    driver_set(&driver, VIRTIO_PCI_COMMON_STATUS, 1, 0);
    driver_set(&driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    assert_int_equal(driver_get(&driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
}

/* --- guests that break the rules -------------------------------------------------------------- */

/* The device asks for a reset, does nothing more, and works after it. */
static void expect_broken(void)
{
    uint32_t id, written;

    driver_kick(&driver, 0);
    assert_true(driver_needs_reset(&driver));
    assert_int_equal(world.msis[(world.msi_count - 1) % WORLD_MSIS].data, 0x40);
    driver_kick(&driver, 0);
    assert_false(driver_used(&driver, 0, &id, &written));
    driver_begin(&driver, &world, SLOT, 1ull << VIRTIO_BLK_F_FLUSH);
    assert_int_equal(done(VIRTIO_BLK_T_IN, 1, 512, &written), VIRTIO_BLK_S_OK);
}

static struct vring_desc *table(void) { return (void *)(world.ram + driver.queues[0].base); }

static void chains_that_loop_end(void **state)
{
    (void)state;
    for (uint16_t back = 0; back < 2; back++) {
        uint16_t head = request(VIRTIO_BLK_T_IN, 0, 512);

        table()[head + 1].flags = VRING_DESC_F_NEXT;
        table()[head + 1].next = head + back;
        expect_broken();
    }
}

static void descriptors_outside_the_table_are_refused(void **state)
{
    (void)state;
    table()[request(VIRTIO_BLK_T_IN, 0, 512)].next = DRIVER_SIZE;
    expect_broken();
    request(VIRTIO_BLK_T_IN, 0, 512);
    *(uint16_t *)(world.ram + driver.queues[0].base + 0x1000 + 2 + 2 * driver.queues[0].next) =
        0xffff;
    expect_broken();
}

static void an_index_that_jumps_is_refused(void **state)
{
    (void)state;
    *(uint16_t *)(world.ram + driver.queues[0].base + 0x1002) = DRIVER_SIZE + 1;
    expect_broken();
}

static void requests_without_header_or_status_are_refused(void **state)
{
    struct driver_part header = { HEADER, 16, false }, status = { STATUS, 1, true };
    struct driver_part little[] = { { HEADER, 15, false }, { STATUS, 1, true } };
    struct driver_part reversed[] = { { STATUS, 1, true }, { HEADER, 16, false } };
    struct driver_part empty[] = { { HEADER, 16, false }, { STATUS, 0, true } };
    struct driver_part wraps[] = { { ~0ull - 8, 16, false }, { STATUS, 1, true } };
    struct driver_part nowhere[] = { { WORLD_BYTES, 16, false }, { STATUS, 1, true } };

    (void)state;
    driver_add(&driver, 0, &header, 1);
    expect_broken();
    driver_add(&driver, 0, &status, 1);
    expect_broken();
    driver_add(&driver, 0, little, 2);
    expect_broken();
    driver_add(&driver, 0, reversed, 2);
    expect_broken();
    driver_add(&driver, 0, empty, 2);
    expect_broken();
    driver_add(&driver, 0, wraps, 2);
    expect_broken();
    driver_add(&driver, 0, nowhere, 2);
    expect_broken();
}

/* Makes the one descriptor an indirect table at DATA of so many bytes. */
static void request_indirect(uint32_t bytes, uint16_t more_flags)
{
    struct driver_part part = { DATA, 16, false };
    uint16_t head = driver_add(&driver, 0, &part, 1);

    table()[head].len = bytes;
    table()[head].flags = VRING_DESC_F_INDIRECT | more_flags;
}

static void indirect_tables_work_but_not_in_one_another(void **state)
{
    struct vring_desc *indirect = (void *)(world.ram + DATA);
    uint32_t id, written;

    (void)state;
    *(struct virtio_blk_outhdr *)(world.ram + HEADER) =
        (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN, .sector = 6 };
    indirect[0] = (struct vring_desc){ HEADER, 16, VRING_DESC_F_NEXT, 2 };
    indirect[1] = (struct vring_desc){ STATUS, 1, VRING_DESC_F_WRITE, 0 };
    indirect[2] =
        (struct vring_desc){ DATA + 0x1000, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 };
    request_indirect(48, 0);
    driver_kick(&driver, 0);
    await_disk();
    assert_true(driver_used(&driver, 0, &id, &written));
    assert_int_equal(written, 513);
    assert_int_equal(world.ram[DATA + 0x1000], 6);
    driver_begin(&driver, &world, SLOT, 0);
    request_indirect(48, VRING_DESC_F_NEXT);
    expect_broken();
    request_indirect(47, 0);
    expect_broken();
    request_indirect(0, 0);
    expect_broken();
    indirect[0].flags = VRING_DESC_F_INDIRECT;
    request_indirect(48, 0);
    expect_broken();
    indirect[0] = (struct vring_desc){ HEADER, 16, VRING_DESC_F_NEXT, 3 };
    request_indirect(48, 0);
    expect_broken();
}

static void notifications_of_what_is_not_there_do_nothing(void **state)
{
    uint32_t id, written;

    (void)state;
    request(VIRTIO_BLK_T_IN, 0, 512);
    driver_kick(&driver, 1);
    driver_kick(&driver, 1000);
    driver_set(&driver, VIRTIO_PCI_COMMON_STATUS, 1, 0);
    driver_kick(&driver, 0);
    assert_false(driver_used(&driver, 0, &id, &written));
    assert_int_equal(world.ram[STATUS], NO_STATUS);
}

/* --- the other devices ------------------------------------------------------------------------ */

static struct net net;
static int wire = -1;

static void note_listens(struct net *n) { (void)n; }

static int setup_net(void **state)
{
    int ends[2];

    (void)state;
    world_begin(&world);
    memset(&net, 0, sizeof(net));
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    net.tap = ends[0];
    wire = ends[1];
    net.listens_changed = note_listens;
    memcpy(net.mac, "\x00\x16\x3e\x01\x02\x03", 6);
    assert_int_equal(net_add(&net, &world.pci, SLOT, &world.memory), 0);
    driver_begin(&driver, &world, SLOT, 0);
    return 0;
}

static int teardown_net(void **state)
{
    (void)state;
    close(net.tap);
    close(wire);
    return 0;
}

static void frames_go_out_without_the_guests_header(void **state)
{
    struct driver_part parts[] = { { HEADER, 12, false }, { DATA, 60, false } };
    uint8_t frame[256];
    uint32_t id, length;

    (void)state;
    memset(world.ram + HEADER, 0xff, 12);
    memset(world.ram + DATA, 0x55, 60);
    driver_add(&driver, 1, parts, 2);
    driver_kick(&driver, 1);
    assert_true(driver_used(&driver, 1, &id, &length));
    assert_int_equal(recv(wire, frame, sizeof(frame), 0), 72);
    for (int i = 0; i < 12; i++)
        assert_int_equal(frame[i], 0);
    assert_int_equal(frame[12], 0x55);
    /* less than a header, or than a frame, is lost */
    parts[1].length = 13;
    driver_add(&driver, 1, parts, 2);
    driver_add(&driver, 1, parts, 1);
    driver_kick(&driver, 1);
    assert_true(driver_used(&driver, 1, &id, &length) && driver_used(&driver, 1, &id, &length));
    assert_true(recv(wire, frame, sizeof(frame), 0) < 0);
}

static void frames_come_in_when_there_is_a_buffer(void **state)
{
    struct driver_part part = { DATA, 2048, true };
    uint8_t frame[72] = { 0 };
    uint32_t id, length;

    (void)state;
    memset(frame + 12, 0x66, 60);
    assert_int_equal(send(wire, frame, sizeof(frame), 0), sizeof(frame));
    assert_false(net.listens);
    net_receive(&net);
    driver_add(&driver, 0, &part, 1);
    driver_kick(&driver, 0);
    assert_true(net.listens);
    net_receive(&net);
    assert_true(driver_used(&driver, 0, &id, &length));
    assert_int_equal(length, 72);
    assert_int_equal(world.ram[DATA + 10], 1);
    assert_int_equal(world.ram[DATA + 12], 0x66);
    assert_false(net.listens);
    /* nothing on the wire: the buffer stays */
    driver_add(&driver, 0, &part, 1);
    driver_kick(&driver, 0);
    net_receive(&net);
    assert_false(driver_used(&driver, 0, &id, &length));
    send(wire, frame, sizeof(frame), 0);
    net_receive(&net);
    assert_true(driver_used(&driver, 0, &id, &length));
}

static struct console console;
static char said[64];
static size_t said_length;

static void note_said(void *owner, const void *bytes, size_t length)
{
    (void)owner;
    assert_true(said_length + length <= sizeof(said));
    memcpy(said + said_length, bytes, length);
    said_length += length;
}

static void a_console_speaks_and_hears(void **state)
{
    struct driver_part out[] = { { DATA, 3, false }, { DATA + 100, 2, false } };
    struct driver_part in = { DATA + 0x1000, 4, true };
    uint32_t id, length;

    (void)state;
    world_begin(&world);
    memset(&console, 0, sizeof(console));
    said_length = 0;
    console.send = note_said;
    assert_int_equal(console_add(&console, &world.pci, SLOT, &world.memory), 0);
    driver_begin(&driver, &world, SLOT, 0);
    memcpy(world.ram + DATA, "abc", 3);
    memcpy(world.ram + DATA + 100, "de", 2);
    driver_add(&driver, 1, out, 2);
    driver_kick(&driver, 1);
    assert_memory_equal(said, "abcde", 5);
    assert_false(console_room(&console));
    assert_int_equal(console_receive(&console, "hello", 5), 0);
    driver_add(&driver, 0, &in, 1);
    assert_true(console_room(&console));
    assert_int_equal(console_receive(&console, "hello", 5), 4);
    assert_true(driver_used(&driver, 0, &id, &length));
    assert_int_equal(length, 4);
    assert_memory_equal(world.ram + DATA + 0x1000, "hell", 4);
}

static void entropy_differs(void **state)
{
    struct driver_part parts[] = { { DATA, 64, true } };
    static struct virtio entropy;
    uint32_t id, length;

    (void)state;
    world_begin(&world);
    memset(&entropy, 0, sizeof(entropy));
    assert_int_equal(entropy_add(&entropy, &world.pci, SLOT, &world.memory), 0);
    driver_begin(&driver, &world, SLOT, 0);
    driver_add(&driver, 0, parts, 1);
    parts[0].address += 64;
    driver_add(&driver, 0, parts, 1);
    driver_kick(&driver, 0);
    assert_true(driver_used(&driver, 0, &id, &length));
    assert_int_equal(length, 64);
    assert_memory_not_equal(world.ram + DATA, world.ram + DATA + 64, 64);
}

static struct balloon balloon;

static void begin_balloon(void)
{
    world_begin(&world);
    memset(&balloon, 0, sizeof(balloon));
    balloon.low = WORLD_BYTES;
    assert_int_equal(balloon_add(&balloon, &world.pci, SLOT, &world.memory), 0);
    driver_begin(&driver, &world, SLOT, 0);
}

static void balloon_request(unsigned int queue, const uint32_t *frames, unsigned int count)
{
    struct driver_part part = { DATA, count * sizeof(*frames), false };

    memcpy(world.ram + DATA, frames, count * sizeof(*frames));
    driver_add(&driver, queue, &part, 1);
    driver_kick(&driver, queue);
}

static void a_balloon_gives_and_takes(void **state)
{
    static const uint32_t frames[] = { 500, 501, 600 };
    uint32_t id, length, given = 3;

    (void)state;
    begin_balloon();
    balloon_ask(&balloon, 3);
    assert_int_equal(world.msis[0].data, 0x40);
    assert_int_equal(world_load(&world, DRIVER_BAR + 0x2000, 4), 3);
    balloon_request(0, frames, 3);
    assert_true(world.gone[500] && world.gone[501] && world.gone[600] && !world.gone[502]);
    assert_int_equal(world.forgotten, 3);
    world_store(&world, DRIVER_BAR + 0x2004, 4, given);
    assert_int_equal(balloon_given(&balloon), 3);
    assert_true(driver_used(&driver, 0, &id, &length));
    /* the machine has one frame: the guest waits for the others */
    world.balloon_limit = 1;
    balloon_request(1, frames, 3);
    assert_false(world.gone[500]);
    assert_true(world.gone[501]);
    assert_false(driver_used(&driver, 1, &id, &length));
    assert_true(balloon_retry(&balloon));
    world.balloon_limit = 2;
    assert_false(balloon_retry(&balloon));
    assert_true(driver_used(&driver, 1, &id, &length));
    assert_false(world.gone[501] || world.gone[600]);
    /* the guest cannot change what it is asked for */
    world_store(&world, DRIVER_BAR + 0x2000, 4, 77);
    assert_int_equal(world_load(&world, DRIVER_BAR + 0x2000, 4), 3);
}

static void a_balloon_takes_no_frames_that_are_not_ram(void **state)
{
    static const uint32_t frames[] = { 500, WORLD_PAGES };
    uint32_t huge = 0xffffffff;

    (void)state;
    begin_balloon();
    balloon_request(0, frames, 2);
    assert_false(world.gone[500]);
    assert_true(driver_needs_reset(&driver));
    begin_balloon();
    balloon_request(1, &huge, 1);
    assert_true(driver_needs_reset(&driver));
}

#define DISK_TEST(function) cmocka_unit_test_setup_teardown(function, setup_disk, teardown_disk)
#define NET_TEST(function) cmocka_unit_test_setup_teardown(function, setup_net, teardown_net)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(a_disk_reads_and_writes),
        DISK_TEST(a_request_of_many_pieces_crosses_pages),
        DISK_TEST(a_disk_refuses_what_it_has_not),
        DISK_TEST(a_read_only_disk_stays_as_it_is),
        DISK_TEST(direct_io_uses_aligned_buffers),
        DISK_TEST(a_disk_tells_its_name),
        DISK_TEST(frames_that_are_gone_are_an_error),
        DISK_TEST(a_reset_waits_for_requests),
        DISK_TEST(a_request_is_announced_by_its_vector),
        DISK_TEST(a_masked_vector_waits),
        DISK_TEST(without_msix_the_line_is_high_until_it_is_read),
        DISK_TEST(a_guest_that_polls_gets_no_interrupt),
        DISK_TEST(capabilities_describe_the_bar),
        DISK_TEST(the_bar_can_be_reached_by_configuration_space),
        DISK_TEST(a_bar_follows_its_register),
        DISK_TEST(features_that_were_not_offered_are_refused),
        DISK_TEST(rings_in_wrong_places_are_not_enabled),
        DISK_TEST(chains_that_loop_end),
        DISK_TEST(descriptors_outside_the_table_are_refused),
        DISK_TEST(an_index_that_jumps_is_refused),
        DISK_TEST(requests_without_header_or_status_are_refused),
        DISK_TEST(indirect_tables_work_but_not_in_one_another),
        DISK_TEST(notifications_of_what_is_not_there_do_nothing),
        NET_TEST(frames_go_out_without_the_guests_header),
        NET_TEST(frames_come_in_when_there_is_a_buffer),
        cmocka_unit_test(a_console_speaks_and_hears),
        cmocka_unit_test(entropy_differs),
        cmocka_unit_test(a_balloon_gives_and_takes),
        cmocka_unit_test(a_balloon_takes_no_frames_that_are_not_ram),
    };

    return cmocka_run_group_tests_name("virtio", tests, NULL, NULL);
}
