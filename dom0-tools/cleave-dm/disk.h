/* SPDX-License-Identifier: MIT */
/* Reads and writes an open file or block device, by io_uring, or at once where there is none. */
#ifndef DM_DISK_H
#define DM_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define DISK_SECTOR 512u
/* Alignment for files opened with O_DIRECT. */
#define DISK_ALIGNMENT 4096u

enum disk_work { DISK_READ, DISK_WRITE, DISK_FLUSH };

struct disk_job {
    enum disk_work work;
    uint64_t offset, length; /* in bytes */
    struct iovec *pieces;    /* stay valid until done */
    int count;
    /* result: bytes transferred, or a negative errno */
    void (*done)(struct disk_job *job, int64_t result);
};

struct disk;

/*
 * Opens a disk on a descriptor, for at most depth jobs at once. Returns NULL, with errno set, if
 * there is no memory or the size cannot be asked for.
 */
struct disk *disk_open(int fd, unsigned int depth);
/* Frees it; the descriptor stays open. No job may be under way. */
void disk_close(struct disk *disk);
uint64_t disk_size(const struct disk *disk); /* in bytes */
/* A descriptor that is readable when jobs are done, for disk_finish; -1: they are done at once. */
int disk_descriptor(const struct disk *disk);

/*
 * Begins a job; disk_start hands all of them to the kernel. done is called in disk_start or later.
 */
void disk_begin(struct disk *disk, struct disk_job *job);
void disk_start(struct disk *disk);
/* Calls done of all jobs that have ended. */
void disk_finish(struct disk *disk);
/* Waits for all jobs to end. */
void disk_drain(struct disk *disk);

#endif
