/* SPDX-License-Identifier: MIT */
/* The kernel on a disk: its place, and the partition that it mounts as root. */
#ifndef LIBCLEAVE_DISKBOOT_H
#define LIBCLEAVE_DISKBOOT_H

#include <stdbool.h>
#include <stdint.h>

#define DISKBOOT_NAME_MAX 160

struct diskboot {
    char root[64];                   /* for root= of a kernel; "": not known */
    uint64_t offset;                 /* of the file system with the kernel, in bytes */
    char kernel[DISKBOOT_NAME_MAX];  /* its path there; "": none was found */
    char ramdisk[DISKBOOT_NAME_MAX]; /* "": it has none */
    uint64_t kernel_size, ramdisk_size;
    char why[128]; /* why no kernel was found */
};

/*
 * Looks for the root file system and the newest kernel with its initrd on a raw disk, by its
 * partition table and in ext file systems. wanted: whether a kernel is; without, programs are run
 * only to tell which of several file systems is root's. Returns 0, also if nothing was found, or a
 * negative errno after an error line.
 */
int diskboot_find(const char *path, bool wanted, struct diskboot *boot);

/* Writes the kernel and the initrd, if there is one, to new files. Returns as diskboot_find. */
int diskboot_extract(const char *path, const struct diskboot *boot, const char *kernel,
                     const char *ramdisk);

#endif
