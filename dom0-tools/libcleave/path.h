/* SPDX-License-Identifier: MIT */
/*
 * Paths in VM files.
 */
#ifndef LIBCLEAVE_PATH_H
#define LIBCLEAVE_PATH_H

/*
 * Returns the absolute path, which the caller frees, or NULL. A VM's watcher has another working
 * directory, and reopens the files at each reboot. Symbolic links are not resolved, because their
 * targets may change between reboots.
 */
char *path_absolute(const char *path);

#endif
