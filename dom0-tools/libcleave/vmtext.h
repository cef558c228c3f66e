/* SPDX-License-Identifier: MIT */
/* The text of a VM file. */
#ifndef LIBCLEAVE_VMTEXT_H
#define LIBCLEAVE_VMTEXT_H

#include "vmfile.h"

/*
 * Reads the file, counts its lines and appends the settings. The caller frees the text. NULL after
 * an error was reported.
 */
char *vmtext_read(const char *path, char *const *settings, int setting_count, int *lines);

/*
 * Returns the text of a VM file that means the same, wherever it is read: that of path with the
 * settings, and vm's identity and absolute paths. The caller frees it. NULL after an error line.
 */
char *vmtext_resolve(const char *path, char *const *settings, int setting_count,
                     const struct vmfile *vm);

/* Returns the keys disk and vif of a VM file. The caller frees them. NULL: out of memory. */
char *vmtext_devices(const uint8_t *uuid, const struct vmdevices *devices);

#endif
