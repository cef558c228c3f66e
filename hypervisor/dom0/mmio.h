/* SPDX-License-Identifier: MIT */
/* Maps machine frames that are not RAM when dom0 first accesses them (dom0/mmio.c). */
#ifndef CLV_DOM0_MMIO_H
#define CLV_DOM0_MMIO_H

#include "types.h"

struct domain;

void mmio_hide(uint64_t start, uint64_t end);
bool mmio_allowed(const struct domain *d, uint64_t start, uint64_t end); /* the whole range */
/* unmaps the range, and flushes */
void mmio_forget(struct domain *d, uint64_t start, uint64_t end);
/*
 * Maps the device memory at gfn. 0: retry the access; -ENOENT: d may not access it; -ENOMEM.
 * hole_order: size of the hole around gfn.
 */
int mmio_map(struct domain *d, gfn_t gfn, unsigned int hole_order);

#endif
