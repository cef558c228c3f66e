/* SPDX-License-Identifier: MIT */
/*
 * A guest that does anything to its machine: accesses of all kinds to all addresses, and nonsense
 * in rings that devices use; now and then it is saved and restored. What must hold is that nothing
 * here breaks, which the sanitizers watch, and that the machine works again after the guest has
 * reset the device. A seed and a number of programs may be given; a failing seed is printed. With
 * FUZZ defined, libFuzzer gives the programs.
 */
#define _GNU_SOURCE
#include <linux/virtio_pci.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "machine.h"
#include "world.h"

#define BARS 0xf0000000u
#define BAR_STEP 0x10000u
#define FIRST_SLOT 4
#define DEVICES 5
#define PROGRAM_MAX 4096
#define DISK_BYTES 65536

static struct world world;
static struct machine machine;
static struct block block;
static struct net net;
static uint64_t now;
static int ends[2], file;

static uint64_t get_now(void *owner)
{
    (void)owner;
    return now;
}

static void ignore_timer(void *owner, uint64_t ns)
{
    (void)owner;
    (void)ns;
}

static void ignore_byte(void *owner, uint8_t byte)
{
    (void)owner;
    (void)byte;
}

static void ignore_bytes(void *owner, const void *bytes, size_t length)
{
    (void)owner;
    (void)bytes;
    (void)length;
}

static void ignore_net(struct net *n) { (void)n; }

/* A machine of new devices, in the world as it is. */
static void build(void)
{
    const struct machine_size size = { WORLD_BYTES, 0 };

    memset(&machine, 0, sizeof(machine));
    memset(&block, 0, sizeof(block));
    memset(&net, 0, sizeof(net));
    block.disk = disk_open(file, BLOCK_DEPTH);
    block.writable = true;
    net.tap = ends[0];
    net.listens_changed = ignore_net;
    machine.disks[machine.disk_count++] = &block;
    machine.nets[machine.net_count++] = &net;
    machine.rtc.now = get_now;
    machine.rtc.timer = ignore_timer;
    machine.serial.send = ignore_byte;
    machine.console.send = ignore_bytes;
    if (machine_build(&machine, &world.host, &world.memory, &size) < 0)
        abort();
    world.pci = machine.pci;
    world.pci.bus = &machine.bus;
}

static void begin(void)
{
    world_begin(&world);
    now = 1;
    world.balloon_limit = 100;
    file = memfd_create("disk", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, DISK_BYTES) < 0 ||
        socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) < 0)
        abort();
    build();
    for (unsigned int i = 0; i < DEVICES; i++) {
        world_set_config(&world, FIRST_SLOT + i, 0x10, 4, BARS + i * BAR_STEP);
        world_set_config(&world, FIRST_SLOT + i, 4, 2, 6);
    }
}

static void end(void)
{
    disk_drain(block.disk);
    disk_close(block.disk);
    close(file);
    close(ends[0]);
    close(ends[1]);
}

/* --- programs --------------------------------------------------------------------------------- */

struct program {
    const uint8_t *at, *end;
};

static uint64_t take(struct program *p, unsigned int bytes)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < bytes && p->at < p->end; i++)
        value |= (uint64_t)*p->at++ << i * 8;
    return value;
}

static uint64_t bar_address(struct program *p)
{
    return BARS + take(p, 1) % DEVICES * BAR_STEP + take(p, 2) % 0x9000;
}

/* Any request, mostly at addresses where something is. */
static void any_access(struct program *p)
{
    static const uint16_t ports[] = { 0x3f8, 0x70, 0x510, 0xb004, 0xafe0, 0xb2, 0xcf8, 0x92, 0x64 };
    uint8_t what = take(p, 1);
    struct ioreq r = { .dir = what & 1,
                       .df = what >> 1 & 1,
                       .data_is_ptr = what >> 2 & 1,
                       .size = 1u << (what >> 3 & 3),
                       .count = what >> 2 & 1 ? take(p, 1) : 1,
                       .data = take(p, what & 0x80 ? 8 : 3) };

    switch (what >> 5 & 3) {
    case 0:
        r.type = IOREQ_TYPE_PIO;
        r.addr = ports[take(p, 1) % (sizeof(ports) / sizeof(ports[0]))] + take(p, 1) % 9;
        break;
    case 1:
        r.type = IOREQ_TYPE_COPY;
        r.addr = bar_address(p);
        break;
    case 2:
        r.type = IOREQ_TYPE_PCI_CONFIG;
        r.addr = take(p, 1) % 10ull << 35 | take(p, 1) % 4ull << 32 | take(p, 1);
        break;
    default:
        r.type = take(p, 1);
        r.size = take(p, 1);
        r.count = take(p, 4);
        r.addr = take(p, 8);
        break;
    }
    ioreq_serve(&world.pci, &world.memory, &r);
}

/* Sets a queue up as a driver does, with rings at a place of the program's choice. */
static void begin_queue(struct program *p)
{
    uint64_t bar = BARS + take(p, 1) % DEVICES * BAR_STEP, rings = take(p, 1) * 0x4000ull;

    world_store(&world, bar + VIRTIO_PCI_COMMON_STATUS, 1, 0);
    world_store(&world, bar + VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
    world_store(&world, bar + VIRTIO_PCI_COMMON_GF, 4, 1);
    world_store(&world, bar + VIRTIO_PCI_COMMON_STATUS, 1, 11);
    for (unsigned int queue = 0; queue < 2; queue++, rings += 0x2000) {
        world_store(&world, bar + VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
        world_store(&world, bar + VIRTIO_PCI_COMMON_Q_SIZE, 2, 1u << take(p, 1) % 9);
        world_store(&world, bar + VIRTIO_PCI_COMMON_Q_DESCLO, 8, rings);
        world_store(&world, bar + VIRTIO_PCI_COMMON_Q_AVAILLO, 8, rings + 0x1000);
        world_store(&world, bar + VIRTIO_PCI_COMMON_Q_USEDLO, 8, rings + 0x1800);
        world_store(&world, bar + VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    }
    world_store(&world, bar + VIRTIO_PCI_COMMON_STATUS, 1, 15);
    world_store(&world, bar + 0x3000 + take(p, 1) % 2 * 4, 2, 0);
}

/* Writes a descriptor, small enough to be believed, and makes it available. */
static void any_descriptor(struct program *p)
{
    uint64_t rings = take(p, 1) * 0x4000ull + (take(p, 1) & 1) * 0x2000;
    uint8_t index = take(p, 1), flags = take(p, 1), next = take(p, 1);
    uint64_t descriptor[2] = { take(p, 3),
                               take(p, 2) | (uint64_t)(flags & 7) << 32 | (uint64_t)next << 48 };
    uint16_t head = index, available = take(p, 1);

    memory_write(&world.memory, rings + index * 16ull, descriptor, 16);
    memory_write(&world.memory, rings + 0x1004 + available % 16 * 2ull, &head, 2);
    if (flags & 0x80)
        memory_write(&world.memory, rings + 0x1002, &available, 2);
}

static void any_memory(struct program *p)
{
    uint64_t at = take(p, 3), value = take(p, 8);

    memory_write(&world.memory, at, &value, 1 + take(p, 1) % 8);
}

/* What happens besides: input, packets, time, disks that are done, targets. */
static void any_event(struct program *p)
{
    uint8_t bytes[64];
    size_t length = take(p, 1) % sizeof(bytes);

    for (size_t i = 0; i < length; i++)
        bytes[i] = take(p, 1);
    switch (take(p, 1) % 7) {
    case 0: serial_receive(&machine.serial, bytes, length); break;
    case 1: console_receive(&machine.console, bytes, length); break;
    case 2:
        if (send(ends[1], bytes, length, 0) >= 0)
            net_receive(&net);
        break;
    case 3: block_finish(&block); break;
    case 4: balloon_ask(&machine.balloon, take(p, 2)); break;
    case 5: balloon_retry(&machine.balloon); break;
    default:
        now += take(p, 5);
        rtc_tick(&machine.rtc);
        break;
    }
}

/*
 * Saves the machine, and goes on with one that has loaded its state: the same, or a damaged one, of
 * which no more is expected than that it breaks nothing here.
 */
static void move(struct program *p)
{
    static struct state saved, again;
    unsigned int damages = take(p, 1) % 8;

    do {
        disk_drain(block.disk);
        block_finish(&block);
    } while (block.busy);
    saved = again = (struct state){ .loading = false };
    machine_state(&machine, &saved);
    if (saved.bad)
        abort();
    for (unsigned int i = 0; i < damages; i++)
        saved.bytes[take(p, 2) % saved.size] ^= take(p, 1);
    disk_close(block.disk);
    build();
    saved.loading = true;
    saved.at = 0;
    machine_state(&machine, &saved);
    if (!damages) {
        machine_state(&machine, &again);
        if (saved.bad || again.bad || again.size != saved.size ||
            memcmp(again.bytes, saved.bytes, saved.size) != 0)
            abort();
    }
    if (saved.bad) {
        disk_close(block.disk);
        build();
    }
    machine_resume(&machine);
}

static void run(const uint8_t *bytes, size_t size)
{
    struct program p = { bytes, bytes + size };

    begin();
    while (p.at < p.end) {
        uint8_t what = take(&p, 1);

        switch (what % 8) {
        case 0:
        case 1:
        case 2: any_access(&p); break;
        case 3: begin_queue(&p); break;
        case 4:
        case 5: any_descriptor(&p); break;
        case 6: any_memory(&p); break;
        default:
            if (what >> 3)
                any_event(&p);
            else
                move(&p);
            break;
        }
    }
    /* whatever was done, a driver can start again */
    for (unsigned int i = 0; i < DEVICES; i++)
        world_set_config(&world, FIRST_SLOT + i, 4, 2, 0);
    memset(world.gone, 0, sizeof(world.gone));
    for (unsigned int i = 0; i < DEVICES; i++) {
        struct driver driver;

        driver_begin(&driver, &world, FIRST_SLOT + i, 0);
        if (driver_needs_reset(&driver))
            abort();
        world_set_config(&world, FIRST_SLOT + i, 4, 2, 0);
    }
    end();
}

#ifdef FUZZ
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    run(bytes, size);
    return 0;
}
#else
static unsigned int running;

/* After a crash: which program it was. */
static void tell_seed(void) { fprintf(stderr, "random_test: seed %u\n", running); }

static void note_abort(int signal)
{
    (void)signal;
    tell_seed();
}

void __sanitizer_set_death_callback(void (*callback)(void));

int main(int argc, char **argv)
{
    unsigned int seed = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    unsigned int count = argc > 2 ? strtoul(argv[2], NULL, 10) : 3000;
    static uint8_t bytes[PROGRAM_MAX];

    __sanitizer_set_death_callback(tell_seed);
    signal(SIGABRT, note_abort);
    for (unsigned int i = 0; i < count; i++, seed++) {
        size_t size;

        running = seed;
        srandom(seed);
        size = random() % PROGRAM_MAX;
        for (size_t at = 0; at < size; at++)
            bytes[at] = random();
        run(bytes, size);
    }
    printf("random_test: %u programs, up to seed %u\n", count, seed - 1);
    return 0;
}
#endif
