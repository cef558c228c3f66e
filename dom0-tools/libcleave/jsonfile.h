/* SPDX-License-Identifier: MIT */
/* What is remembered of a VM, as JSON in its folder. */
#ifndef LIBCLEAVE_JSONFILE_H
#define LIBCLEAVE_JSONFILE_H

#include <jansson.h>

/* Returns the file's value, which the caller releases, or NULL: there is none, or it is damaged. */
json_t *jsonfile_load(const char *uuid, const char *file);

/*
 * Replaces the file atomically, and releases json, which may be NULL. Returns 0, or -EIO if the old
 * file remains.
 */
int jsonfile_save(const char *uuid, const char *file, json_t *json);

#endif
