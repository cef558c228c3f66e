/* SPDX-License-Identifier: MIT */
/* Resources of a VM besides RAM: page-table memory, CPUs, weight. */
#ifndef LIBCLEAVE_RESOURCES_H
#define LIBCLEAVE_RESOURCES_H

#include "hv.h"
#include "vmfile.h"

/*
 * Returns the size of the pool for the VM's nested page tables in KiB. Xen reserves it; in Cleave
 * it is a limit.
 */
uint64_t resources_paging_kib(const struct vmfile *vm);

/*
 * Applies the VM file's CPUs, weight and TSC mode. Returns 0, or a negative errno after an error
 * line.
 */
int resources_apply(struct hv *hv, uint32_t domid, const struct vmfile *vm);

/*
 * Only CPUs and weight, also of a domain that runs. A VM whose file names no CPUs may use all, but
 * for dom0's own. Returns as above.
 */
int resources_schedule(struct hv *hv, uint32_t domid, const struct vmfile *vm);

#endif
