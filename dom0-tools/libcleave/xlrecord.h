/* SPDX-License-Identifier: MIT */
/*
 * libxl's own record of a domain. xl reads it to change, save or list a VM in full, and refuses a
 * domain that has none.
 */
#ifndef LIBCLEAVE_XLRECORD_H
#define LIBCLEAVE_XLRECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "vmfile.h"

/*
 * These report no error and return 0, or a negative errno: -ENOENT: libxl has no record of the
 * domain; -EBUSY: another program, as xl, holds its lock.
 */

/* Writes the record of a domain that was built from a VM file. */
int xlrecord_write(uint32_t domid, const struct vmfile *vm);

/* What of a VM changes: 0 and NULL stand for what does not. */
struct xlrecord_change {
    const char *name;
    uint64_t memory_kib, max_memory_kib;
    unsigned int vcpus; /* online */
};
int xlrecord_change(uint32_t domid, const char *uuid, const struct xlrecord_change *change);

/* Add devices, in place of those of the same number, and remove devices by their numbers. */
int xlrecord_add(uint32_t domid, const char *uuid, const struct vmdevices *devices);
int xlrecord_drop(uint32_t domid, const char *uuid, const struct vmdevices *devices);

/*
 * Reads the devices. Those that only xl can serve are left out, with a warning. The record keeps
 * devices that xl has detached: only those in the store count. Call vmdevices_free after.
 */
int xlrecord_devices(uint32_t domid, const char *uuid, struct vmdevices *devices);

/* Reads the VM's name. False: there is none. */
bool xlrecord_name(uint32_t domid, const char *uuid, char *name, size_t size);

/* Removes the record, and whatever else xl keeps for this domain. */
void xlrecord_remove(uint32_t domid, const char *uuid);

/* Removes what xl keeps for domains that do not exist. */
void xlrecord_sweep(bool (*exists)(uint32_t domid, const char *uuid, void *data), void *data);

#endif
