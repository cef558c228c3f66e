/* SPDX-License-Identifier: MIT */
/* Ports and device memory: which device answers at an address. */
#ifndef DM_BUS_H
#define DM_BUS_H

#include "host.h"

#define BUS_RANGES_MAX 96

/* How a device answers. offset: from the begin of its range; size: 1, 2, 4 or 8 bytes. */
struct bus_ops {
    uint64_t (*read)(void *device, uint64_t offset, unsigned int size);
    void (*write)(void *device, uint64_t offset, unsigned int size, uint64_t value);
};

struct bus_range {
    enum host_space space;
    uint64_t start, length; /* length 0: unused */
    const struct bus_ops *ops;
    void *device;
};

struct bus {
    struct host *host;
    struct bus_range ranges[BUS_RANGES_MAX];
};

/*
 * Lets device answer from start. Of two ranges that overlap, which the guest can arrange for PCI
 * devices, the one that was added first answers. Returns 0, or a negative errno: -ENOSPC: too many
 * ranges.
 */
int bus_add(struct bus *bus, enum host_space space, uint64_t start, uint64_t length,
            const struct bus_ops *ops, void *device);
/* Takes back bus_add of the same start and device. */
void bus_remove(struct bus *bus, enum host_space space, uint64_t start, void *device);

/* Where nothing answers, a read returns ones and a write has no effect. */
uint64_t bus_read(struct bus *bus, enum host_space space, uint64_t address, unsigned int size);
void bus_write(struct bus *bus, enum host_space space, uint64_t address, unsigned int size,
               uint64_t value);

/* Returns a value of size bytes, all ones. */
uint64_t bus_ones(unsigned int size);

#endif
