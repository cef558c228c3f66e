/* SPDX-License-Identifier: MIT */
/*
 * A request has a header of 16 bytes, data, and a status byte at the end of what the device writes.
 * Data go directly between the disk and the guest's frames; what the guest does with them meanwhile
 * is its own affair. Read next: disk.c.
 */
#include "block.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE sizeof(struct virtio_blk_outhdr)
/* Segments of a request, without header and status. */
#define SEGMENTS_MAX 128
#define TRANSFER_MAX (4u << 20)
#define MASS_STORAGE 0x018000

/* Returns a request with its status. written: bytes of data written to the guest. */
static void finish(struct block_request *r, uint8_t status, uint64_t written)
{
    struct queue *queue = &r->block->virtio.queues[0];
    uint64_t last = r->chain.writable_bytes - 1;

    queue_write(queue, &r->chain, last, &status, sizeof(status));
    queue_return(queue, r->chain.head, written + sizeof(status));
    if (r->busy)
        r->block->busy--;
    r->busy = false;
    free(r->bounce);
    r->bounce = NULL;
}

static void job_done(struct disk_job *job, int64_t result)
{
    struct block_request *r = (struct block_request *)job;
    bool read = job->work == DISK_READ;
    bool whole = result >= 0 && (job->work == DISK_FLUSH || (uint64_t)result == job->length);

    if (whole && read && r->bounce)
        whole = queue_write(&r->block->virtio.queues[0], &r->chain, 0, r->bounce, job->length) ==
                job->length;
    finish(r, whole ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR, whole && read ? job->length : 0);
}

static void begin(struct block_request *r, enum disk_work work)
{
    r->job.work = work;
    r->job.done = job_done;
    r->busy = true;
    r->block->busy++;
    disk_begin(r->block->disk, &r->job);
}

/* Makes the request use a buffer here in place of the guest's frames. */
static bool use_bounce(struct block_request *r, bool read)
{
    size_t size = (r->job.length + DISK_ALIGNMENT - 1) / DISK_ALIGNMENT * DISK_ALIGNMENT;

    if (posix_memalign(&r->bounce, DISK_ALIGNMENT, size) != 0) {
        r->bounce = NULL;
        return false;
    }
    r->pieces[0] = (struct iovec){ r->bounce, r->job.length };
    r->job.count = 1;
    return read || queue_read(&r->block->virtio.queues[0], &r->chain, HEADER_SIZE, r->bounce,
                              r->job.length) == r->job.length;
}

static void transfer(struct block_request *r, bool read, uint64_t sector)
{
    struct block *b = r->block;
    struct queue *queue = &b->virtio.queues[0];
    uint64_t size = disk_size(b->disk) / DISK_SECTOR;
    uint64_t length = read ? r->chain.writable_bytes - 1 : r->chain.readable_bytes - HEADER_SIZE;

    if (!length || length % DISK_SECTOR || length > TRANSFER_MAX || sector > size ||
        length / DISK_SECTOR > size - sector || (!read && !b->writable)) {
        finish(r, VIRTIO_BLK_S_IOERR, 0);
        return;
    }
    r->job.offset = sector * DISK_SECTOR;
    r->job.length = length;
    r->job.pieces = r->pieces;
    r->job.count = 0;
    if (!b->direct)
        r->job.count = queue_pieces(queue, &r->chain, read, read ? 0 : HEADER_SIZE, length,
                                    r->pieces, BLOCK_PIECES_MAX);
    if (b->direct ? !use_bounce(r, read) : r->job.count < 0)
        finish(r, VIRTIO_BLK_S_IOERR, 0);
    else
        begin(r, read ? DISK_READ : DISK_WRITE);
}

static void tell_serial(struct block_request *r)
{
    size_t length = queue_write(&r->block->virtio.queues[0], &r->chain, 0, r->block->serial,
                                r->chain.writable_bytes - 1 < BLOCK_SERIAL_SIZE
                                    ? r->chain.writable_bytes - 1
                                    : BLOCK_SERIAL_SIZE);

    finish(r, VIRTIO_BLK_S_OK, length);
}

static void serve(struct block_request *r)
{
    struct virtio_blk_outhdr header;
    struct queue *queue = &r->block->virtio.queues[0];

    if (!r->chain.writable_bytes ||
        queue_read(queue, &r->chain, 0, &header, sizeof(header)) < sizeof(header)) {
        queue->broken = true; /* not even a status can be returned */
        return;
    }
    switch (header.type) {
    case VIRTIO_BLK_T_IN: transfer(r, true, header.sector); break;
    case VIRTIO_BLK_T_OUT: transfer(r, false, header.sector); break;
    case VIRTIO_BLK_T_FLUSH: begin(r, DISK_FLUSH); break;
    case VIRTIO_BLK_T_GET_ID: tell_serial(r); break;
    default: finish(r, VIRTIO_BLK_S_UNSUPP, 0); break;
    }
}

static struct block_request *find_free(struct block *b)
{
    for (unsigned int i = 0; i < BLOCK_DEPTH; i++)
        if (!b->requests[i].busy)
            return &b->requests[i];
    return NULL;
}

static void kick(struct virtio *virtio, unsigned int queue)
{
    struct block *b = (struct block *)virtio;
    struct block_request *r;

    while ((r = find_free(b)) != NULL && queue_take(&virtio->queues[queue], &r->chain)) {
        r->block = b;
        serve(r);
    }
    disk_start(b->disk);
    virtio_notify(virtio, queue);
}

void block_finish(struct block *block)
{
    disk_finish(block->disk);
    /* requests may have waited for a free place */
    if (virtio_is_live(&block->virtio))
        kick(&block->virtio, 0);
}

/* Requests under way use the guest's frames, so a reset waits for them. */
static void reset(struct virtio *virtio)
{
    struct block *b = (struct block *)virtio;

    disk_drain(b->disk);
}

int block_add(struct block *block, struct pci_bus *bus, unsigned int slot, struct memory *memory)
{
    static const struct virtio_kind kind = {
        .id = 2,
        .class = MASS_STORAGE,
        .queues = 1,
        .features = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_BLK_SIZE |
                    1ull << VIRTIO_BLK_F_FLUSH,
        .kick = kick,
        .reset = reset,
    };
    struct virtio_blk_config config = {
        .capacity = disk_size(block->disk) / DISK_SECTOR,
        .seg_max = SEGMENTS_MAX,
        .blk_size = DISK_SECTOR,
    };
    int rc = virtio_add(&block->virtio, &kind, bus, slot, memory);

    if (!block->writable)
        block->virtio.offered |= 1ull << VIRTIO_BLK_F_RO;
    memcpy(block->virtio.config, &config,
           sizeof(config) < VIRTIO_CONFIG_MAX ? sizeof(config) : VIRTIO_CONFIG_MAX);
    return rc;
}
