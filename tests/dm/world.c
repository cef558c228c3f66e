/* SPDX-License-Identifier: MIT */
/* Read next: world.h, virtio_test.c. */
#include "world.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

/* --- the hypervisor --------------------------------------------------------------------------- */

static int on_range(struct host *host, enum host_space space, uint64_t start, uint64_t end, bool on)
{
    struct world *w = (struct world *)host;

    (void)space;
    assert_true(start <= end);
    w->ranges += on ? 1 : -1;
    return 0;
}

static int on_function(struct host *host, unsigned int device, unsigned int function)
{
    (void)host;
    assert_true(device < PCI_SLOTS && function < PCI_FUNCTIONS);
    return 0;
}

static void on_isa(struct host *host, unsigned int irq, bool level)
{
    ((struct world *)host)->isa[irq] = level;
}

static void on_intx(struct host *host, unsigned int device, unsigned int line, bool level)
{
    assert_int_equal(line, 0);
    ((struct world *)host)->lines[device] = level;
}

static void on_link(struct host *host, unsigned int link, unsigned int irq)
{
    assert_true(link < 4 && irq < 16);
    ((struct world *)host)->links[link] = irq;
}

static void on_msi(struct host *host, uint64_t address, uint32_t data)
{
    struct world *w = (struct world *)host;
    unsigned int at = w->msi_count++ % WORLD_MSIS;

    w->msis[at].address = address;
    w->msis[at].data = data;
}

static void on_shutdown(struct host *host, unsigned int reason)
{
    struct world *w = (struct world *)host;

    w->shutdown = reason;
    w->shutdowns++;
}

static size_t on_balloon(struct host *host, bool give, const uint64_t *frames, size_t count)
{
    struct world *w = (struct world *)host;
    size_t done = 0;

    for (; done < count; done++) {
        assert_true(frames[done] < WORLD_PAGES);
        if (!give && w->gone[frames[done]]) {
            if (!w->balloon_limit)
                break;
            w->balloon_limit--;
        }
        w->gone[frames[done]] = give;
    }
    return done;
}

static void *map(struct memory *memory, uint64_t frame)
{
    struct world *w = (struct world *)((char *)memory - offsetof(struct world, memory));

    return frame < WORLD_PAGES && !w->gone[frame] ? w->ram + frame * MEMORY_PAGE : NULL;
}

static void forget(struct memory *memory, uint64_t frame)
{
    struct world *w = (struct world *)((char *)memory - offsetof(struct world, memory));

    assert_true(frame < WORLD_PAGES);
    w->forgotten++;
}

void world_begin(struct world *world)
{
    memset(world, 0, sizeof(*world));
    world->host = (struct host){ on_range, on_function, on_isa,      on_intx,
                                 on_link,  on_msi,      on_shutdown, on_balloon };
    world->memory = (struct memory){ map, forget };
    world->bus.host = &world->host;
    world->pci.bus = &world->bus;
    world->shutdown = -1;
}

/* --- accesses --------------------------------------------------------------------------------- */

static uint64_t access(struct world *w, uint8_t type, bool read, uint64_t address,
                       unsigned int size, uint64_t value)
{
    struct ioreq request = { .type = type,
                             .dir = read ? IOREQ_READ : IOREQ_WRITE,
                             .addr = address,
                             .size = size,
                             .count = 1,
                             .data = value };

    ioreq_serve(&w->pci, &w->memory, &request);
    return request.data;
}

uint64_t world_in(struct world *world, uint16_t port, unsigned int size)
{
    return access(world, IOREQ_TYPE_PIO, true, port, size, 0);
}

void world_out(struct world *world, uint16_t port, unsigned int size, uint64_t value)
{
    access(world, IOREQ_TYPE_PIO, false, port, size, value);
}

uint64_t world_load(struct world *world, uint64_t address, unsigned int size)
{
    return access(world, IOREQ_TYPE_COPY, true, address, size, 0);
}

void world_store(struct world *world, uint64_t address, unsigned int size, uint64_t value)
{
    access(world, IOREQ_TYPE_COPY, false, address, size, value);
}

static uint64_t config_address(unsigned int slot, unsigned int at)
{
    return (uint64_t)slot << 35 | at;
}

uint32_t world_config(struct world *world, unsigned int slot, unsigned int at, unsigned int size)
{
    return access(world, IOREQ_TYPE_PCI_CONFIG, true, config_address(slot, at), size, 0);
}

void world_set_config(struct world *world, unsigned int slot, unsigned int at, unsigned int size,
                      uint32_t value)
{
    access(world, IOREQ_TYPE_PCI_CONFIG, false, config_address(slot, at), size, value);
}

/* --- the driver ------------------------------------------------------------------------------- */

/* Parts of the BAR, as the capabilities say; a test checks these. */
#define COMMON 0x0000u
#define NOTIFY 0x3000u
#define TABLE 0x4000u
/* The rings of queue n, and parts of them. */
#define RINGS 0x100000u
#define AVAILABLE 0x1000u
#define USED 0x1800u

uint64_t driver_get(struct driver *driver, unsigned int at, unsigned int size)
{
    return world_load(driver->world, DRIVER_BAR + COMMON + at, size);
}

void driver_set(struct driver *driver, unsigned int at, unsigned int size, uint64_t value)
{
    world_store(driver->world, DRIVER_BAR + COMMON + at, size, value);
}

static void enable_msix(struct driver *d)
{
    unsigned int at = world_config(d->world, d->slot, PCI_CAPABILITY_LIST, 1);

    while (world_config(d->world, d->slot, at, 1) != PCI_CAP_ID_MSIX)
        at = world_config(d->world, d->slot, at + 1, 1);
    for (unsigned int i = 0; i <= d->queue_count; i++) {
        world_store(d->world, DRIVER_BAR + TABLE + i * 16, 8, 0xfee00000u);
        world_store(d->world, DRIVER_BAR + TABLE + i * 16 + 8, 4, 0x40 + i);
        world_store(d->world, DRIVER_BAR + TABLE + i * 16 + 12, 4, 0);
    }
    world_set_config(d->world, d->slot, at + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}

static void begin_queue(struct driver *d, unsigned int index)
{
    struct driver_queue *q = &d->queues[index];

    *q = (struct driver_queue){ .base = RINGS + index * DRIVER_QUEUE_BYTES };
    memset(d->world->ram + q->base, 0, DRIVER_QUEUE_BYTES);
    driver_set(d, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
    driver_set(d, VIRTIO_PCI_COMMON_Q_SIZE, 2, DRIVER_SIZE);
    driver_set(d, VIRTIO_PCI_COMMON_Q_MSIX, 2, index + 1);
    driver_set(d, VIRTIO_PCI_COMMON_Q_DESCLO, 4, q->base);
    driver_set(d, VIRTIO_PCI_COMMON_Q_DESCHI, 4, 0);
    driver_set(d, VIRTIO_PCI_COMMON_Q_AVAILLO, 8, q->base + AVAILABLE);
    driver_set(d, VIRTIO_PCI_COMMON_Q_USEDLO, 8, q->base + USED);
    driver_set(d, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    assert_int_equal(driver_get(d, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
}

void driver_begin(struct driver *driver, struct world *world, unsigned int slot, uint64_t features)
{
    uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

    *driver = (struct driver){ .world = world, .slot = slot };
    world_set_config(world, slot, PCI_BASE_ADDRESS_0, 4, DRIVER_BAR);
    world_set_config(world, slot, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    driver_set(driver, VIRTIO_PCI_COMMON_STATUS, 1, 0);
    driver_set(driver, VIRTIO_PCI_COMMON_STATUS, 1, status);
    driver_set(driver, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
    driver_set(driver, VIRTIO_PCI_COMMON_GF, 4, features);
    driver_set(driver, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
    driver_set(driver, VIRTIO_PCI_COMMON_GF, 4, 1ull << (VIRTIO_F_VERSION_1 - 32) | features >> 32);
    status |= VIRTIO_CONFIG_S_FEATURES_OK;
    driver_set(driver, VIRTIO_PCI_COMMON_STATUS, 1, status);
    assert_int_equal(driver_get(driver, VIRTIO_PCI_COMMON_STATUS, 1), status);
    driver->queue_count = driver_get(driver, VIRTIO_PCI_COMMON_NUMQ, 2);
    enable_msix(driver);
    driver_set(driver, VIRTIO_PCI_COMMON_MSIX, 2, 0);
    for (unsigned int i = 0; i < driver->queue_count; i++)
        begin_queue(driver, i);
    driver_set(driver, VIRTIO_PCI_COMMON_STATUS, 1, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

uint16_t driver_add(struct driver *driver, unsigned int queue, const struct driver_part *parts,
                    unsigned int count)
{
    struct driver_queue *q = &driver->queues[queue];
    struct vring_desc *table = (void *)(driver->world->ram + q->base);
    uint16_t *available = (void *)(driver->world->ram + q->base + AVAILABLE);
    uint16_t head = q->free % DRIVER_SIZE;

    for (unsigned int i = 0; i < count; i++) {
        uint16_t flags = (parts[i].write ? VRING_DESC_F_WRITE : 0) |
                         (i + 1 < count ? VRING_DESC_F_NEXT : 0);

        table[q->free % DRIVER_SIZE] = (struct vring_desc){ parts[i].address, parts[i].length,
                                                            flags, (q->free + 1) % DRIVER_SIZE };
        q->free++;
    }
    available[2 + q->next % DRIVER_SIZE] = head;
    available[1] = ++q->next;
    return head;
}

void driver_kick(struct driver *driver, unsigned int queue)
{
    world_store(driver->world, DRIVER_BAR + NOTIFY + queue * 4, 2, queue);
}

bool driver_used(struct driver *driver, unsigned int queue, uint32_t *head, uint32_t *length)
{
    struct driver_queue *q = &driver->queues[queue];
    uint16_t *used = (void *)(driver->world->ram + q->base + USED);
    struct vring_used_elem *elements = (void *)(used + 2);

    if (used[1] == q->seen)
        return false;
    *head = elements[q->seen % DRIVER_SIZE].id;
    *length = elements[q->seen % DRIVER_SIZE].len;
    q->seen++;
    return true;
}

bool driver_needs_reset(struct driver *driver)
{
    return driver_get(driver, VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET;
}
