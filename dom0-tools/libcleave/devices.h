/* SPDX-License-Identifier: MIT */
/*
 * A VM's disks and network interfaces, served by dom0's kernel (xen-blkback, xen-netback).
 */
#ifndef LIBCLEAVE_DEVICES_H
#define LIBCLEAVE_DEVICES_H

#include "store.h"
#include "vmfile.h"

/*
 * Whether dom0 has what they need, before there is a domain: files, bridges, the kernel's modules.
 * 0, or a negative errno after an error line.
 */
int devices_check(const struct vmfile *vm);

/*
 * Gives them to a domain that does not run yet. 0, or a negative errno after an error line; then
 * devices_detach takes away what is there already.
 */
int devices_attach(struct xs_handle *store, uint32_t domid, const struct vmfile *vm);

/*
 * Takes them from a domain that is to end and does not run any more, also one of xl's: waits until
 * dom0's kernel has let go of its pages and of its disks. Can be called twice.
 */
void devices_detach(struct xs_handle *store, uint32_t domid);

#endif
