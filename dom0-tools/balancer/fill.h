/* SPDX-License-Identifier: MIT */
/* Divides memory by shares, with a tax on what is idle (README.md). */
#ifndef BALANCER_FILL_H
#define BALANCER_FILL_H

#include "balancer.h"

#define FILL_IDLE_COST 4 /* an idle page costs so many used ones: a tax of 75 % */

/*
 * Sets the goal of each movable VM, from its lowest to its max: their sum is the pool, unless all
 * have their max. Needs lowest and need of the verdicts. Returns what the lowest together lack.
 */
uint64_t fill_divide(const struct balancer_vm *vms, size_t count, uint64_t pool,
                     struct balancer_verdict *verdicts);

#endif
