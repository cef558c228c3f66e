/* SPDX-License-Identifier: MIT */
/* Kernel and ramdisk files: mapping, and checks before the domain is created. */
#ifndef LIBCLEAVE_IMAGE_H
#define LIBCLEAVE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

struct image {
    const char *path; /* owned by the caller */
    void *bytes;      /* mapped read-only */
    size_t size;
};

/*
 * Maps a file. what ("kernel") is for the error line. Returns 0, or a negative errno after an error
 * line. Call image_unmap in either case.
 */
int image_map(const char *path, const char *what, struct image *image);
void image_unmap(struct image *image);

/*
 * Checks that a kernel is complete and can start as PVH. Returns 0, or -ENOEXEC after an error
 * line.
 */
int image_check_kernel(const struct image *image);

/* Checks that Linux supports the ramdisk's format. Returns 0, or -ENOEXEC after an error line. */
int image_check_initrd(const struct image *image);

bool image_is_gzip(const struct image *image);

#endif
