/* SPDX-License-Identifier: MIT */
/* The keys of a VM file's text. */
#ifndef LIBCLEAVE_VMKEYS_H
#define LIBCLEAVE_VMKEYS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Warns about each key that is not one of the count known ones, and names the one that it
 * resembles. strict: reports it as an error. last: the number of the file's lines; what follows are
 * settings from the command line. Returns 0, or -EINVAL after an error was reported.
 */
int vmkeys_check(const char *path, const char *text, int last, const char *const *known,
                 size_t count, bool strict);

/* Returns the number of the line that sets the key; the last one counts. 0: none does. */
int vmkeys_line(const char *text, const char *key);

#endif
