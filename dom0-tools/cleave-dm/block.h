/* SPDX-License-Identifier: MIT */
/* A disk of the guest: virtio-blk (virtio 1.2, 5.2). */
#ifndef DM_BLOCK_H
#define DM_BLOCK_H

#include "disk.h"
#include "virtio.h"

#define BLOCK_DEPTH 128
#define BLOCK_PIECES_MAX 512
#define BLOCK_SERIAL_SIZE 20

struct block;

struct block_request {
    struct disk_job job;
    struct block *block;
    bool busy;
    void *bounce; /* for O_DIRECT, or NULL */
    struct queue_chain chain;
    struct iovec pieces[BLOCK_PIECES_MAX];
};

struct block {
    struct virtio virtio;
    struct disk *disk;
    bool writable, direct;
    char serial[BLOCK_SERIAL_SIZE];
    unsigned int busy;
    struct block_request requests[BLOCK_DEPTH];
};

/* The block is zeroed but for disk, writable, direct and serial. Returns 0 or a negative errno. */
int block_add(struct block *block, struct pci_bus *bus, unsigned int slot, struct memory *memory);
/* Ends what the disk has done; to be called when its descriptor is readable. */
void block_finish(struct block *block);

#endif
