/* SPDX-License-Identifier: MIT */
/*
 * A guest for cleave-dm on the build machine: memory that is an array, a hypervisor that records
 * what devices ask of it, and a driver that uses virtio devices as a guest would: by configuration
 * space, BAR and rings.
 */
#ifndef TESTS_DM_WORLD_H
#define TESTS_DM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ioreq.h"
#include "virtio.h"

#define WORLD_PAGES 1024u
#define WORLD_BYTES (WORLD_PAGES * (uint64_t)MEMORY_PAGE)
#define WORLD_MSIS 64

struct world {
    struct host host;
    struct memory memory;
    struct bus bus;
    struct pci_bus pci;
    uint8_t ram[WORLD_BYTES] __attribute__((aligned(4096)));
    bool gone[WORLD_PAGES]; /* frames that the guest has given back */
    unsigned int forgotten; /* calls of forget */
    bool isa[16];           /* levels */
    bool lines[PCI_SLOTS];
    unsigned int links[4];
    struct {
        uint64_t address;
        uint32_t data;
    } msis[WORLD_MSIS];
    unsigned int msi_count;
    int shutdown; /* the last reason, or -1 */
    unsigned int shutdowns;
    int ranges;           /* on, less off */
    size_t balloon_limit; /* frames that can be populated */
};

/* Makes it new. */
void world_begin(struct world *world);

/* An access of the guest, through ioreq_serve. */
uint64_t world_in(struct world *world, uint16_t port, unsigned int size);
void world_out(struct world *world, uint16_t port, unsigned int size, uint64_t value);
uint64_t world_load(struct world *world, uint64_t address, unsigned int size);
void world_store(struct world *world, uint64_t address, unsigned int size, uint64_t value);
uint32_t world_config(struct world *world, unsigned int slot, unsigned int at, unsigned int size);
void world_set_config(struct world *world, unsigned int slot, unsigned int at, unsigned int size,
                      uint32_t value);

/* --- the driver ------------------------------------------------------------------------------- */

#define DRIVER_BAR 0xf0000000u
#define DRIVER_SIZE 16
#define DRIVER_QUEUE_BYTES 0x2000u

/* A queue of the driver: its rings are at base. */
struct driver_queue {
    uint64_t base;
    uint16_t next, seen;
    unsigned int free; /* next descriptor */
};

struct driver {
    struct world *world;
    unsigned int slot;
    struct driver_queue queues[VIRTIO_QUEUES_MAX];
    unsigned int queue_count;
};

/* Places the BAR, negotiates features (besides VERSION_1), and enables MSI-X and the queues. */
void driver_begin(struct driver *driver, struct world *world, unsigned int slot, uint64_t features);
/* Registers of the common configuration. */
uint64_t driver_get(struct driver *driver, unsigned int at, unsigned int size);
void driver_set(struct driver *driver, unsigned int at, unsigned int size, uint64_t value);

struct driver_part {
    uint64_t address;
    uint32_t length;
    bool write;
};

/* Queues a request, without a notification. Returns its head. */
uint16_t driver_add(struct driver *driver, unsigned int queue, const struct driver_part *parts,
                    unsigned int count);
void driver_kick(struct driver *driver, unsigned int queue);
/* Takes a used element. False: there is none. */
bool driver_used(struct driver *driver, unsigned int queue, uint32_t *head, uint32_t *length);
bool driver_needs_reset(struct driver *driver);

#endif
