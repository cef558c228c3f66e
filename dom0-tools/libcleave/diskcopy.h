/* SPDX-License-Identifier: MIT */
/* Disks for new VMs, from images. */
#ifndef LIBCLEAVE_DISKCOPY_H
#define LIBCLEAVE_DISKCOPY_H

#include <stdbool.h>
#include <stdint.h>

struct diskcopy_image {
    const char *path; /* the caller's */
    int fd;
    bool qcow2;    /* else raw */
    uint64_t size; /* bytes that a guest sees */
};

/*
 * Opens an image and looks at its format: raw with a partition table or an ext file system, or
 * qcow2 without other files. Returns 0, or a negative errno after an error line. Call
 * diskcopy_close in either case.
 */
int diskcopy_open(const char *path, struct diskcopy_image *image);
/* The same for a file or block device that is taken as it is. */
int diskcopy_open_raw(const char *path, struct diskcopy_image *image);
void diskcopy_close(struct diskcopy_image *image);

/* How a disk was made. */
enum diskcopy_way { DISKCOPY_REFLINK, DISKCOPY_COPIED, DISKCOPY_CONVERTED };
const char *diskcopy_way_name(enum diskcopy_way way);

/*
 * Makes the file `to` a raw disk of size bytes that begins with the image, complete on its storage:
 * by reflink where the file system can, else holes stay holes. Returns the way, or a negative errno
 * after an error line; then the file may be there in part.
 */
int diskcopy_make(const struct diskcopy_image *image, const char *to, uint64_t size);

/*
 * Reads a size of a disk: a number of MiB, or with K, M, G or T of that unit. False: something
 * else.
 */
bool diskcopy_parse_size(const char *text, uint64_t *bytes);

#endif
