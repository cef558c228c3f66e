/* SPDX-License-Identifier: MIT */
/* Loop devices: files as block devices. */
#ifndef LIBCLEAVE_LOOP_H
#define LIBCLEAVE_LOOP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Creates a loop device for an open file; `losetup -a` shows name. Returns its descriptor, or a
 * negative errno. It is removed when neither a program nor the kernel holds it open.
 */
int loop_attach(int file, const char *name, bool writable, bool direct_io);

/* Detaches an unused loop device created by another program. */
void loop_detach(const char *path);

/* Identifies the file behind a loop device. False: not a loop device. */
bool loop_backing(int loop, dev_t *device, ino_t *inode);

/* True if the kernel supports loop devices. */
bool loop_available(void);

#endif
