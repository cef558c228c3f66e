/* SPDX-License-Identifier: MIT */
/* Disks and network interfaces of a VM, served by dom0's kernel (xen-blkback, xen-netback). */
#ifndef LIBCLEAVE_DEVICES_H
#define LIBCLEAVE_DEVICES_H

#include "store.h"
#include "vmfile.h"

/*
 * Checks that dom0 has what they need: files, bridges, kernel modules. Called before the domain
 * exists. in_use: the VM's last domain still has its disks open. Returns 0, or a negative errno
 * after an error line.
 */
int devices_check(const struct vmfile *vm, bool in_use);

/*
 * Attaches them to a domain that does not run yet. Returns 0, or a negative errno after an error
 * line; then devices_detach removes those already attached.
 */
int devices_attach(struct xs_handle *store, uint32_t domid, const struct vmfile *vm);

/*
 * Detaches them from a stopped domain that is to be destroyed, also one of xl's. Waits until dom0's
 * kernel has released its pages and disks. Idempotent.
 */
void devices_detach(struct xs_handle *store, uint32_t domid);

#endif
