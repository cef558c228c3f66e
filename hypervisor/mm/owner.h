/* SPDX-License-Identifier: MIT */
/* References on a domain (mm/owner.c). */
#ifndef CLV_MM_OWNER_H
#define CLV_MM_OWNER_H

struct domain;

void domain_put(struct domain *d);
void domain_ref(struct domain *d); /* the caller holds a reference already */

/*
 * struct domain *domain_scope d = domain_get(id): drops the reference at the end of the block,
 * however it is left. Accepts NULL.
 */
#define domain_scope __attribute__((cleanup(domain_scope_end)))
static inline void domain_scope_end(struct domain **d)
{
    if (*d)
        domain_put(*d);
}

#endif
