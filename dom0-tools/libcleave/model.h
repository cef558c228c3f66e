/* SPDX-License-Identifier: MIT */
/* The device model of an HVM guest: cleave-dm, one for each VM (../cleave-dm/README.md). */
#ifndef LIBCLEAVE_MODEL_H
#define LIBCLEAVE_MODEL_H

#include "store.h"
#include "vmfile.h"

/* Bytes of RAM from 0, and from 4 GiB. */
struct model_ram {
    uint64_t low, high;
};

/*
 * Checks that dom0 has what the VM's devices need. Called before the domain exists. Returns 0, or a
 * negative errno after an error line.
 */
int model_check(const struct vmfile *vm);

/* The state that a saved guest's devices have. NULL: they are new. */
struct model_state {
    void *bytes;
    size_t size;
};

/*
 * Starts the device model of a domain that does not run yet, and waits until it serves. It ends
 * with the domain. Returns 0, or a negative errno after an error line.
 */
int model_start(struct xs_handle *store, uint32_t domid, const struct vmfile *vm,
                const struct model_ram *ram, const struct model_state *state);

#endif
