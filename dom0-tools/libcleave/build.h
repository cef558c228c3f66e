/* SPDX-License-Identifier: MIT */
/*
 * Making a domain from a VM file.
 */
#ifndef LIBCLEAVE_BUILD_H
#define LIBCLEAVE_BUILD_H

#include "hv.h"
#include "store.h"
#include "vmfile.h"

/*
 * Builds the VM, paused, known to xenstored and xenconsoled; *domid is its number. All of its
 * memory is reserved before anything of it is built. 0, or a negative errno after one error line;
 * then nothing of it is left.
 */
int build_vm(struct hv *hv, struct xs_handle *store, const struct vmfile *vm, uint32_t *domid);

#endif
