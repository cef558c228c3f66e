/* SPDX-License-Identifier: MIT */
/* References on a domain, which the frames that it owns hold, too (mm/owner.c). */
#ifndef CLV_MM_OWNER_H
#define CLV_MM_OWNER_H

struct domain;

void domain_put(struct domain *d);
void domain_ref(struct domain *d); /* another reference by somebody who has one */

/*
 * struct domain *domain_scope d = domain_get(id): that reference is dropped where the block ends,
 * whichever way it is left. NULL is fine.
 */
#define domain_scope __attribute__((cleanup(domain_scope_end)))
static inline void domain_scope_end(struct domain **d)
{
    if (*d)
        domain_put(*d);
}

#endif
