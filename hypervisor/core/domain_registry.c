/* SPDX-License-Identifier: MIT */
/*
 * The registry of domains: an index by id, in pages that exist while they have a domain. Also the
 * hooks that upper floors register for each domain.
 *
 * An id stays in use until the structure is freed. A dying domain with frames still mapped
 * elsewhere is found by its id, so a new domain is never mistaken for the owner of those frames.
 *
 * Lock: domlist_lock (LOCK_DOMLIST) protects the index and the ids. Read next: sched.c.
 */
#include "core/domain_registry.h"
#include "errors.h"
#include "lib.h"
#include "mm/heap.h"
#include "spinlock.h"

struct domain *dom0;

static struct spinlock domlist_lock = SPINLOCK(LOCK_DOMLIST);
static struct page {
    struct domain *domain[256];
    uint64_t used[4];
} * pages[DOMID_FIRST_RESERVED / 256 + 1]; /* guests cause frequent lookups */
static uint64_t used_pages[2];
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

static struct page **page_of(domid_t id) { return &pages[id / 256 % ARRAY_SIZE(pages)]; }

/* Returns the domain of this id, or NULL. */
static struct domain *find_locked(domid_t id)
{
    ASSERT(spin_lock_held(&domlist_lock));
    return id < DOMID_FIRST_RESERVED && *page_of(id) ? (*page_of(id))->domain[id % 256] : NULL;
}

/* Returns the first set bit from `from` on, or the number of bits. */
static unsigned int next_bit(const uint64_t *bits, unsigned int count, unsigned int from)
{
    for (; from < count; from = (from / 64 + 1) * 64) {
        uint64_t rest = bits[from / 64] >> from % 64;

        if (rest)
            return from + (unsigned int)__builtin_ctzll(rest);
    }
    return count;
}

/* Returns the first id from `id` on that has a domain, or DOMID_FIRST_RESERVED. */
static domid_t next_id_locked(uint32_t id)
{
    while (id < DOMID_FIRST_RESERVED) {
        unsigned int n = next_bit(used_pages, 128, id / 256);

        if (n == 128)
            break;
        id = MAX(id, n * 256);
        id = n * 256 + next_bit(pages[n]->used, 256, id % 256);
        if (id / 256 == n)
            return (domid_t)id;
    }
    return DOMID_FIRST_RESERVED;
}

struct domain *domain_get_next(domid_t first)
{
    spin_lock_scope(&domlist_lock);
    for (uint32_t id = next_id_locked(first); id < DOMID_FIRST_RESERVED;
         id = next_id_locked(id + 1))
        if (try_ref(find_locked((domid_t)id)))
            return find_locked((domid_t)id);
    return NULL;
}

struct domain *domain_get(domid_t id)
{
    spin_lock_scope(&domlist_lock);
    struct domain *d = find_locked(id);

    return d && try_ref(d) ? d : NULL;
}

int domain_insert(struct domain *d)
{
    bool any = d->id == DOMID_INVALID;

    spin_lock_scope(&domlist_lock);
    for (unsigned int tries = any ? DOMID_FIRST_RESERVED : 1; tries > 0; tries--) {
        if (any)
            d->id = last_id = last_id % (DOMID_FIRST_RESERVED - 1) + 1;
        if (find_locked(d->id))
            continue;
        struct page **page = page_of(d->id);
        if (!*page)
            *page = heap_alloc(sizeof(**page));
        if (!*page)
            return -ENOMEM;
        (*page)->domain[d->id % 256] = d;
        (*page)->used[d->id % 256 / 64] |= 1ull << d->id % 64;
        used_pages[d->id / 256 / 64] |= 1ull << d->id / 256 % 64;
        if (d->is_dom0)
            dom0 = d;
        return 0;
    }
    return any ? -ENOMEM : -EEXIST;
}

void domain_remove(struct domain *d)
{
    struct page **page = page_of(d->id);

    spin_lock_scope(&domlist_lock);
    if (find_locked(d->id) != d)
        return; /* it was never inserted */
    (*page)->domain[d->id % 256] = NULL;
    (*page)->used[d->id % 256 / 64] &= ~(1ull << d->id % 64);
    if (next_bit((*page)->used, 256, 0) < 256)
        return;
    heap_free(*page);
    *page = NULL;
    used_pages[d->id / 256 / 64] &= ~(1ull << d->id / 256 % 64);
}

struct domain *domain_find_dead(void)
{
    spin_lock_scope(&domlist_lock);
    for (uint32_t id = next_id_locked(0); id < DOMID_FIRST_RESERVED; id = next_id_locked(id + 1))
        if (!READ_ONCE(find_locked((domid_t)id)->refs))
            return find_locked((domid_t)id);
    return NULL;
}
