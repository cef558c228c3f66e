/* SPDX-License-Identifier: MIT */
/* What cloud-init in a new VM reads at its first boot, on a small disk (NoCloud). */
#ifndef LIBCLEAVE_SEED_H
#define LIBCLEAVE_SEED_H

#include <jansson.h>

/*
 * Reads public keys for ssh, one a line, into a list that the caller drops. NULL after an error
 * line.
 */
json_t *seed_read_keys(const char *path);

struct seed {
    const char *name, *uuid; /* of the VM */
    const char *mac;         /* of its interface, which asks for its address by DHCP; or NULL */
    json_t *keys;            /* who may log in as the image's user */
};

/* Writes the image to a new file. Returns 0, or a negative errno after an error line. */
int seed_write(const struct seed *seed, const char *path);

/* Returns the keys in a seed that seed_write wrote; the caller drops them. NULL: it is none. */
json_t *seed_keys_of(const char *path);

#endif
