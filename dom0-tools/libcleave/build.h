/* SPDX-License-Identifier: MIT */
/* Builds a domain from a VM file. */
#ifndef LIBCLEAVE_BUILD_H
#define LIBCLEAVE_BUILD_H

#include "hv.h"
#include "store.h"
#include "vmfile.h"

/*
 * Builds the VM, paused and known to xenstored and xenconsoled, and sets *domid. All of its memory
 * is reserved first. old is the VM's last domain, which has ended, or NULL: it is destroyed as soon
 * as what can be checked is checked, and the new one has its name. Returns 0, or a negative errno
 * after one error line; then nothing of the new domain remains.
 */
int build_vm(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
             const struct domain *old, uint32_t *domid);

#endif
