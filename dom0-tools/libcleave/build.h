/* SPDX-License-Identifier: MIT */
/* Builds a domain from a VM file. */
#ifndef LIBCLEAVE_BUILD_H
#define LIBCLEAVE_BUILD_H

#include "hv.h"
#include "store.h"
#include "vmfile.h"

/*
 * Builds the VM, paused and known to xenstored and xenconsoled, and sets *domid. All of its memory
 * is reserved first. Returns 0, or a negative errno after one error line; then nothing of it
 * remains.
 */
int build_vm(struct hv *hv, struct xs_handle *store, const struct vmfile *vm, uint32_t *domid);

#endif
