/* SPDX-License-Identifier: MIT */
/*
 * Loop devices: a file as a block device.
 */
#ifndef LIBCLEAVE_LOOP_H
#define LIBCLEAVE_LOOP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Makes one of an open file; name is what `losetup -a` shows. A descriptor of it, or a negative
 * errno; it goes away by itself when nobody has it open any more, neither a program nor the kernel.
 */
int loop_attach(int file, const char *name, bool writable, bool direct_io);

/* Takes the file from a loop device that somebody else made and nobody uses. */
void loop_detach(const char *path);

/* The file behind a loop device; false when this is none. */
bool loop_backing(int loop, dev_t *device, ino_t *inode);

/* Whether loop devices can be had at all. */
bool loop_available(void);

#endif
