/* SPDX-License-Identifier: MIT */
/* The registry of domains (core/domain_registry.c). */
#ifndef CLV_CORE_DOMAIN_REGISTRY_H
#define CLV_CORE_DOMAIN_REGISTRY_H

#include "core/domain.h"
#include "mm/owner.h"
#include "types.h"

void domain_add_part(const struct domain_part *part);
extern struct domain *dom0;
struct domain *domain_get(domid_t id); /* takes a reference; or NULL */
/* first domain with id >= first, with a reference; or NULL */
struct domain *domain_get_next(domid_t first);
/* Inserts d under its id, or under a free one for DOMID_INVALID. -EEXIST; -ENOMEM: no free id. */
int domain_insert(struct domain *d);
void domain_remove(struct domain *d);  /* d may never have been inserted */
struct domain *domain_find_dead(void); /* an unreferenced domain, or NULL */

/* Iterates over domains with id >= first; holds a reference during each iteration. */
#define for_each_domain(d) for_each_domain_from(d, 0)
#define for_each_domain_from(d, first) \
    for (struct domain *domain_scope d = domain_get_next(first); d; d = domain_put_get_next(d))
static inline struct domain *domain_put_get_next(struct domain *d)
{
    struct domain *domain_scope put = d;

    return domain_get_next(put->id + 1);
}

#endif
