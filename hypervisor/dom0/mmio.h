/* SPDX-License-Identifier: MIT */
/* Machine frames that are not RAM are mapped when dom0 first touches them (dom0/mmio.c). */
#ifndef CLV_DOM0_MMIO_H
#define CLV_DOM0_MMIO_H

#include "types.h"

struct domain;

void mmio_hide(uint64_t start, uint64_t end);
bool mmio_allowed(const struct domain *d, uint64_t start, uint64_t end); /* all of them */
/* unmaps them, and flushes */
void mmio_forget(struct domain *d, uint64_t start, uint64_t end);
/*
 * 0: mapped, retry; -ENOENT: nothing for d is there; -ENOMEM. hole_order: of the hole around gfn.
 */
int mmio_map(struct domain *d, gfn_t gfn, unsigned int hole_order);

#endif
