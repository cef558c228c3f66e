/* SPDX-License-Identifier: MIT */
/* Vcpus that wait for memory (core/vcpu_memory.c). */
#ifndef CLV_CORE_VCPU_MEMORY_H
#define CLV_CORE_VCPU_MEMORY_H

#include "core/vcpu.h"
#include "types.h"

/*
 * Makes v wait in the exit that is being handled, until its domain has room for a page, and tells
 * dom0.
 */
void vcpu_memory_wait(struct vcpu *v);
/* Makes v wait so until the page is not paged any more; not at all if it is not. */
void vcpu_memory_wait_page(struct vcpu *v, gfn_t gfn);
/*
 * SOFTIRQ_MEMORY: ends the waits of domains that have room, and for pages that are back. If the
 * core has exceeded the budget for the vcpu here, it gets an EXIT_OVERDRAWN before it runs again.
 */
void vcpu_memory_softirq(void);
/* Returns how many vcpus of d wait so. After that dom0 is told about the next one again. */
unsigned int vcpu_memory_waiting(struct domain *d, enum vcpu_wait wait);
/* The same; lists up to n paged pages for which vcpus wait, or others have asked. */
unsigned int vcpu_memory_wanted(struct domain *d, uint64_t *gfns, unsigned int n);

#endif
