/* SPDX-License-Identifier: MIT */
/*
 * Paths in VM files.
 */
#ifndef LIBCLEAVE_PATH_H
#define LIBCLEAVE_PATH_H

/*
 * The path from the root, which the caller frees, or NULL: a VM's watcher works in another folder,
 * and opens the files again at each reboot. Links stay as they are, for what they name may change
 * in between.
 */
char *path_absolute(const char *path);

#endif
