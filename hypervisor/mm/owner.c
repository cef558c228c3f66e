/* SPDX-License-Identifier: MIT */
/*
 * References on a domain keep its structure. The frames that a domain owns hold one together. For
 * lookup and destruction see core/domain_registry.c and core/domain.c.
 */
#include "mm/owner.h"
#include "core/domain.h"
#include "cpu/softirq.h"
#include "lib.h"

void domain_ref(struct domain *d) { __atomic_add_fetch(&d->refs, 1, __ATOMIC_SEQ_CST); }

/* The last reference may be dropped under any lock, so a softirq frees the structure. */
void domain_put(struct domain *d)
{
    ASSERT(READ_ONCE(d->refs) > 1 || READ_ONCE(d->dying) == DOMAIN_DEAD);
    if (!__atomic_sub_fetch(&d->refs, 1, __ATOMIC_SEQ_CST))
        softirq_raise(0, SOFTIRQ_REAP);
}
