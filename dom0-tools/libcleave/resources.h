/* SPDX-License-Identifier: MIT */
/*
 * What of the machine a VM gets besides its RAM: page table memory, CPUs, weight.
 */
#ifndef LIBCLEAVE_RESOURCES_H
#define LIBCLEAVE_RESOURCES_H

#include "hv.h"
#include "vmfile.h"

/*
 * KiB that the hypervisor sets aside for the VM's nested page tables (on Xen; Cleave takes them as
 * it needs them).
 */
uint64_t resources_paging_kib(const struct vmfile *vm);

/* The CPUs and the weight that the file asks for. 0, or a negative errno after an error line. */
int resources_apply(struct hv *hv, uint32_t domid, const struct vmfile *vm);

#endif
