/* SPDX-License-Identifier: MIT */
/*
 * References on a domain: whoever holds one, a frame that it owns among them, keeps the structure.
 * How a domain is found, and what becomes of one without a reference: ../core/domain_registry.c,
 * ../core/domain.c.
 */
#include "mm/owner.h"
#include "core/domain.h"
#include "cpu/softirq.h"
#include "lib.h"

void domain_ref(struct domain *d) { __atomic_add_fetch(&d->refs, 1, __ATOMIC_SEQ_CST); }

/* The last reference may go under any lock, so the structure is freed from a softirq. */
void domain_put(struct domain *d)
{
    ASSERT(READ_ONCE(d->refs) > 1 || READ_ONCE(d->dying) == DOMAIN_DEAD);
    if (!__atomic_sub_fetch(&d->refs, 1, __ATOMIC_SEQ_CST))
        softirq_raise(0, SOFTIRQ_REAP);
}
