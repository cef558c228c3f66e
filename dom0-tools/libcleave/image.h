/* SPDX-License-Identifier: MIT */
/*
 * Kernel and ramdisk files: mapped, and looked at before a domain is made from them.
 */
#ifndef LIBCLEAVE_IMAGE_H
#define LIBCLEAVE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

struct image {
    const char *path; /* the caller's */
    void *bytes;      /* mapped read-only */
    size_t size;
};

/*
 * Maps a file; what ("kernel") is for the error line. 0, or a negative errno after it. image_unmap
 * in any case.
 */
int image_map(const char *path, const char *what, struct image *image);
void image_unmap(struct image *image);

/*
 * Whether a kernel is of a kind that can start as PVH and is complete. 0, or -ENOEXEC after an
 * error line.
 */
int image_check_kernel(const struct image *image);

/* Whether Linux would know the ramdisk's format. 0, or -ENOEXEC after an error line. */
int image_check_initrd(const struct image *image);

bool image_is_gzip(const struct image *image);

#endif
