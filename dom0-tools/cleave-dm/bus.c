/* SPDX-License-Identifier: MIT */
/* The table of ranges, searched from its begin: there are some 30. Read next: pci.c, ioreq.c. */
#include "bus.h"

#include <errno.h>

uint64_t bus_ones(unsigned int size) { return size < 8 ? (1ull << size * 8) - 1 : ~0ull; }

int bus_add(struct bus *bus, enum host_space space, uint64_t start, uint64_t length,
            const struct bus_ops *ops, void *device)
{
    for (unsigned int i = 0; i < BUS_RANGES_MAX; i++) {
        struct bus_range *range = &bus->ranges[i];
        int rc;

        if (range->length)
            continue;
        rc = bus->host->range(bus->host, space, start, start + length - 1, true);
        if (rc == 0)
            *range = (struct bus_range){ space, start, length, ops, device };
        return rc;
    }
    return -ENOSPC;
}

void bus_remove(struct bus *bus, enum host_space space, uint64_t start, void *device)
{
    for (unsigned int i = 0; i < BUS_RANGES_MAX; i++) {
        struct bus_range *range = &bus->ranges[i];

        if (!range->length || range->space != space || range->start != start ||
            range->device != device)
            continue;
        bus->host->range(bus->host, space, start, start + range->length - 1, false);
        range->length = 0;
        return;
    }
}

static struct bus_range *find(struct bus *bus, enum host_space space, uint64_t address,
                              unsigned int size)
{
    for (unsigned int i = 0; i < BUS_RANGES_MAX; i++) {
        struct bus_range *range = &bus->ranges[i];

        if (range->space == space && address >= range->start && size <= range->length &&
            address - range->start <= range->length - size)
            return range;
    }
    return NULL;
}

uint64_t bus_read(struct bus *bus, enum host_space space, uint64_t address, unsigned int size)
{
    struct bus_range *range = find(bus, space, address, size);

    if (!range)
        return bus_ones(size);
    return range->ops->read(range->device, address - range->start, size) & bus_ones(size);
}

void bus_write(struct bus *bus, enum host_space space, uint64_t address, unsigned int size,
               uint64_t value)
{
    struct bus_range *range = find(bus, space, address, size);

    if (range)
        range->ops->write(range->device, address - range->start, size, value & bus_ones(size));
}
