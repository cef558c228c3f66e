/* SPDX-License-Identifier: MIT */
/* The initramfs of one run: dom0's image followed by this run's command and files. */
#ifndef RIG_OVERLAY_H
#define RIG_OVERLAY_H

/* Where dom0's init finds the command; its absence means an interactive run. */
#define OVERLAY_COMMAND "etc/rig/cmd"

/*
 * An unnamed file (memfd) with the image, the command (NULL: none) and the files, which dom0 gets
 * under /mnt. Without a name, concurrent runs cannot collide and nothing is left over. Returns the
 * file's descriptor, or -1 after an error message.
 */
int overlay_create(const char *image, const char *command, char *const *files, int file_count);

#endif
