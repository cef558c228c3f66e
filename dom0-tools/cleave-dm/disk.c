/* SPDX-License-Identifier: MIT */
/*
 * The kernel copies between its page cache and the guest's frames, which are mapped here; it cannot
 * do direct I/O on such mappings, so for O_DIRECT the caller has buffers of its own (block.c). A
 * kernel without io_uring, or that refuses it, gets preadv, pwritev and fdatasync. Read next:
 * block.c.
 */
#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <liburing.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct disk {
    int fd;
    uint64_t size;
    int event; /* -1: no io_uring */
    unsigned int begun, running;
    struct io_uring ring;
};

static int find_size(int fd, uint64_t *size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -1;
    *size = st.st_size;
    return S_ISBLK(st.st_mode) ? ioctl(fd, BLKGETSIZE64, size) : 0;
}

/* Only what is needed: io_uring does much that the filter of system calls does not see. */
static bool prepare(struct disk *disk)
{
    struct io_uring_restriction allowed[] = {
        { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READV },
        { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITEV },
        { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_FSYNC },
    };
    unsigned int count = sizeof(allowed) / sizeof(allowed[0]);

    /* Debian's liburing has no function for these two that can be linked */
    return io_uring_register_eventfd(&disk->ring, disk->event) == 0 &&
           syscall(SYS_io_uring_register, disk->ring.ring_fd, IORING_REGISTER_RESTRICTIONS, allowed,
                   count) == 0 &&
           syscall(SYS_io_uring_register, disk->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
                   0) == 0;
}

struct disk *disk_open(int fd, unsigned int depth)
{
    struct disk *disk = calloc(1, sizeof(*disk));

    if (!disk || find_size(fd, &disk->size) < 0) {
        free(disk);
        return NULL;
    }
    disk->fd = fd;
    disk->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (disk->event >= 0 && io_uring_queue_init(depth, &disk->ring, IORING_SETUP_R_DISABLED) == 0) {
        if (prepare(disk))
            return disk;
        io_uring_queue_exit(&disk->ring);
    }
    if (disk->event >= 0)
        close(disk->event);
    disk->event = -1;
    return disk;
}

void disk_close(struct disk *disk)
{
    if (disk->event >= 0) {
        io_uring_queue_exit(&disk->ring);
        close(disk->event);
    }
    free(disk);
}

uint64_t disk_size(const struct disk *disk) { return disk->size; }

int disk_descriptor(const struct disk *disk) { return disk->event; }

static void do_at_once(struct disk *disk, struct disk_job *job)
{
    int64_t rc = 0;

    switch (job->work) {
    case DISK_READ: rc = preadv(disk->fd, job->pieces, job->count, job->offset); break;
    case DISK_WRITE: rc = pwritev(disk->fd, job->pieces, job->count, job->offset); break;
    case DISK_FLUSH: rc = fdatasync(disk->fd); break;
    }
    job->done(job, rc < 0 ? -errno : rc);
}

void disk_begin(struct disk *disk, struct disk_job *job)
{
    struct io_uring_sqe *entry = disk->event < 0 ? NULL : io_uring_get_sqe(&disk->ring);

    if (!entry) {
        do_at_once(disk, job);
        return;
    }
    switch (job->work) {
    case DISK_READ:
        io_uring_prep_readv(entry, disk->fd, job->pieces, job->count, job->offset);
        break;
    case DISK_WRITE:
        io_uring_prep_writev(entry, disk->fd, job->pieces, job->count, job->offset);
        break;
    case DISK_FLUSH: io_uring_prep_fsync(entry, disk->fd, IORING_FSYNC_DATASYNC); break;
    }
    io_uring_sqe_set_data(entry, job);
    disk->begun++;
}

void disk_start(struct disk *disk)
{
    while (disk->begun) {
        int count = io_uring_submit(&disk->ring);

        if (count <= 0 && count != -EINTR && count != -EAGAIN && count != -EBUSY)
            abort(); /* the ring is as it was made: the kernel takes it */
        if (count > 0) {
            disk->begun -= count;
            disk->running += count;
        } else {
            disk_finish(disk);
        }
    }
}

void disk_finish(struct disk *disk)
{
    struct io_uring_cqe *entry;
    uint64_t events;

    if (disk->event < 0)
        return;
    if (read(disk->event, &events, sizeof(events)) < 0 && errno != EAGAIN)
        return;
    while (io_uring_peek_cqe(&disk->ring, &entry) == 0) {
        struct disk_job *job = io_uring_cqe_get_data(entry);
        int result = entry->res;

        io_uring_cqe_seen(&disk->ring, entry);
        disk->running--;
        job->done(job, result);
    }
}

void disk_drain(struct disk *disk)
{
    struct io_uring_cqe *entry;

    disk_start(disk);
    while (disk->running) {
        io_uring_wait_cqe(&disk->ring, &entry);
        disk_finish(disk);
    }
}
