/* SPDX-License-Identifier: MIT */
/*
 * The registry of domains: a list sorted by id, and lookup by id. Also the hooks that upper floors
 * register for each domain.
 *
 * An id stays in use until the structure is freed. A dying domain with frames still mapped
 * elsewhere is found by its id, so a new domain is never mistaken for the owner of those frames.
 *
 * Lock: domlist_lock (LOCK_DOMLIST) protects the list and the ids. Read next: sched.c.
 */
#include "core/domain_registry.h"
#include "errors.h"
#include "lib.h"
#include "list.h"
#include "spinlock.h"

struct domain *dom0;

static struct spinlock domlist_lock = SPINLOCK(LOCK_DOMLIST);
static struct list domlist = LIST_INIT(domlist);
static struct domain *by_id[256]; /* hash table: guests cause frequent lookups */
static domid_t last_id;

const struct domain_part *domain_parts[DOMAIN_PARTS_MAX + 1];

void domain_add_part(const struct domain_part *part)
{
    unsigned int n = 0;

    while (domain_parts[n])
        n++;
    BUG_ON(n == DOMAIN_PARTS_MAX);
    domain_parts[n] = part;
}

/* Takes a reference, unless the last one is gone and the structure is about to be freed. */
static bool try_ref(struct domain *d)
{
    uint32_t refs = READ_ONCE(d->refs);

    while (refs)
        if (__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

struct domain *domain_get_next(domid_t first)
{
    spin_lock_scope(&domlist_lock);
    list_for_each(struct domain, d, &domlist, link)
        if (d->id >= first && try_ref(d))
            return d;
    return NULL;
}

/*
 * Returns the link of the chain that points to the domain of this id, or the link that ends the
 * chain.
 */
static struct domain **find_locked(domid_t id)
{
    struct domain **at = &by_id[id % ARRAY_SIZE(by_id)];

    ASSERT(spin_lock_held(&domlist_lock));
    while (*at && (*at)->id != id)
        at = &(*at)->next_by_id;
    return at;
}

struct domain *domain_get(domid_t id)
{
    spin_lock_scope(&domlist_lock);
    struct domain *d = *find_locked(id);

    return d && try_ref(d) ? d : NULL;
}

int domain_insert(struct domain *d)
{
    bool any = d->id == DOMID_INVALID;

    spin_lock_scope(&domlist_lock);
    for (unsigned int tries = any ? DOMID_FIRST_RESERVED : 1; tries > 0; tries--) {
        if (any)
            d->id = last_id = last_id % (DOMID_FIRST_RESERVED - 1) + 1;
        if (*find_locked(d->id))
            continue;
        struct list *at = domlist.next;
        while (at != &domlist && list_entry(at, struct domain, link)->id < d->id)
            at = at->next;
        list_add_before(&d->link, at);
        *find_locked(d->id) = d;
        if (d->is_dom0)
            dom0 = d;
        return 0;
    }
    return any ? -ENOMEM : -EEXIST;
}

void domain_remove(struct domain *d)
{
    spin_lock_scope(&domlist_lock);
    if (*find_locked(d->id) == d) /* false if d was never inserted */
        *find_locked(d->id) = d->next_by_id;
    list_del(&d->link);
}

struct domain *domain_find_dead(void)
{
    spin_lock_scope(&domlist_lock);
    list_for_each(struct domain, d, &domlist, link)
        if (!READ_ONCE(d->refs))
            return d;
    return NULL;
}
