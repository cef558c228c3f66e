/* SPDX-License-Identifier: MIT */
/*
 * Mapping grants: another domain's frame appears at a gfn of the mapper, which must be empty there (Linux
 * gives pages that it ballooned out). A handle names the mapping.
 *
 * Making one: a handle, a use of the grant (core/grant.c), a reference for the p2m entry, the entry.
 * Unmaking: the entry with its flush and reference, then the use, then the handle: the granter's page is
 * marked free for it only when no CPU can reach it any more. Handles in between are CHANGING, so no lock is
 * held across and a second unmap of the same handle fails. A mapper that removes the p2m entry by other means
 * only keeps the grant in use until it unmaps.
 *
 * Read next: core/grant_copy.c.
 */
#include "alloc.h"
#include "errors.h"
#include "grant_internal.h"
#include "lib.h"

/* --- handles; the mapper's lock is held --- */

struct grant_mapping *grant_mapping_at(struct domain *d, uint32_t handle)
{
    if (handle >= d->grant.maptrack_size)
        return NULL;
    handle = (uint32_t)index_nospec(handle, d->grant.maptrack_size);
    return &d->grant.maptrack[handle / MAPTRACK_BUCKET][handle % MAPTRACK_BUCKET];
}

static int more_handles(struct domain *d)
{
    struct grant_domain *g = &d->grant;
    struct grant_mapping *bucket;

    if (g->maptrack_size >= g->maptrack_max)
        return -ENOMEM;
    if (!g->maptrack)
        g->maptrack = heap_alloc(g->maptrack_max / MAPTRACK_BUCKET * sizeof(*g->maptrack));
    bucket = g->maptrack ? heap_alloc(MAPTRACK_BUCKET * sizeof(*bucket)) : NULL;
    if (!bucket)
        return -ENOMEM;
    g->maptrack[g->maptrack_size / MAPTRACK_BUCKET] = bucket;
    for (uint32_t i = MAPTRACK_BUCKET; i-- > 0;) {
        bucket[i].gfn = g->maptrack_free;
        g->maptrack_free = g->maptrack_size + i;
    }
    g->maptrack_size += MAPTRACK_BUCKET;
    return 0;
}

/* --- the mapper's side, with its lock taken inside --- */

/* A handle, CHANGING; MAPTRACK_NONE: none left. */
static uint32_t take_handle(struct domain *d)
{
    struct grant_domain *g = &d->grant;
    struct grant_mapping *m;
    uint32_t handle;

    spin_lock_scope(&g->lock);
    if (g->maptrack_free == MAPTRACK_NONE && more_handles(d))
        return MAPTRACK_NONE;
    handle = g->maptrack_free;
    m = grant_mapping_at(d, handle);
    g->maptrack_free = m->gfn;
    m->state = MAPPING_CHANGING;
    m->granter = NULL;
    g->mapped++;
    return handle;
}

static void give_handle(struct domain *d, uint32_t handle)
{
    struct grant_mapping *m;

    spin_lock_scope(&d->grant.lock);
    m = grant_mapping_at(d, handle);
    m->state = MAPPING_FREE;
    m->gfn = d->grant.maptrack_free;
    d->grant.maptrack_free = handle;
    d->grant.mapped--;
}

static int16_t map_entry(struct domain *d, gfn_t gfn, mfn_t mfn, bool readonly)
{
    int rc;

    if (frame_get(mfn))
        return GNTST_no_space;
    rc = p2m_set(d, gfn, mfn, ORDER_4K, readonly ? P2M_GRANT_RO : P2M_GRANT);
    if (!rc)
        return GNTST_okay;
    frame_put(mfn);
    return rc == -ENOMEM ? GNTST_no_space : GNTST_bad_virt_addr;
}

static int16_t map_from(struct domain *d, struct domain *granter, struct gnttab_map_grant_ref *op)
{
    gfn_t gfn = gpa_to_gfn(op->host_addr);
    bool readonly = op->flags & GNTMAP_readonly;
    uint32_t handle = take_handle(d);
    struct grant_mapping *m;
    int16_t status;
    mfn_t mfn;

    if (handle == MAPTRACK_NONE)
        return GNTST_no_space;
    status = grant_acquire(granter, op->ref, d->id, !readonly, &mfn);
    if (status)
        goto handle;
    status = map_entry(d, gfn, mfn, readonly);
    if (status)
        goto use;

    domain_ref(granter);
    spin_lock(&d->grant.lock);
    m = grant_mapping_at(d, handle);
    m->granter = granter;
    m->gfn = gfn.n;
    m->ref = op->ref;
    m->readonly = readonly;
    m->state = MAPPING_LIVE;
    spin_unlock(&d->grant.lock);
    op->handle = handle;
    op->dev_bus_addr = d->is_dom0 ? mfn_to_paddr(mfn) : 0;
    return GNTST_okay;

use:
    grant_release(granter, op->ref, !readonly);
handle:
    give_handle(d, handle);
    return status;
}

/* GNTMAP_device_map asks for nothing more: there is no I/O MMU to fill. */
int16_t grant_map(struct domain *d, struct gnttab_map_grant_ref *op)
{
    if (!(op->flags & GNTMAP_host_map) || (op->flags & GNTMAP_contains_pte))
        return GNTST_general_error;
    if (!op->host_addr || op->host_addr % PAGE_SIZE || op->host_addr >> (PAGE_SHIFT + 40))
        return GNTST_bad_virt_addr;
    struct domain *domain_scope granter = domain_get(op->dom);
    return granter ? map_from(d, granter, op) : GNTST_bad_domain;
}

/* --- unmapping --- */

void grant_unmap_init(struct grant_unmap *b, struct domain *d)
{
    b->d = d;
    b->count = 0;
    p2m_batch_init(&b->p2m, d);
}

/*
 * Takes a LIVE mapping out of use: CHANGING from here on, its p2m entry in the batch. at 0: wherever it is.
 */
static int16_t begin_unmap(struct grant_unmap *b, uint32_t handle, gpa_t at)
{
    struct grant_mapping *m;
    int16_t status = GNTST_okay;
    uint32_t type;

    ASSERT(b->count < GRANT_UNMAP_BATCH);
    spin_lock(&b->d->grant.lock);
    m = grant_mapping_at(b->d, handle);
    if (!m || m->state != MAPPING_LIVE)
        status = GNTST_bad_handle;
    else if (at && at != gfn_to_gpa(GFN(m->gfn)))
        status = GNTST_bad_virt_addr;
    else
        m->state = MAPPING_CHANGING;
    spin_unlock(&b->d->grant.lock);
    if (status)
        return status;
    b->handle[b->count++] = handle;
    type = 1u << (m->readonly ? P2M_GRANT_RO : P2M_GRANT);
    /* Gone already: then by the mapper's own removal, which flushed and dropped the reference. */
    (void)p2m_batch_remove(&b->p2m, GFN(m->gfn), ORDER_4K, type, NULL);
    return GNTST_okay;
}

int16_t grant_unmap_add(struct grant_unmap *b, const struct gnttab_unmap_grant_ref *op)
{
    return op->host_addr ? begin_unmap(b, op->handle, op->host_addr) : GNTST_okay; /* 0: nothing asked */
}

void grant_unmap_finish(struct grant_unmap *b)
{
    p2m_batch_finish(&b->p2m);
    for (uint32_t i = 0; i < b->count; i++) {
        struct grant_mapping m = *grant_mapping_at(b->d, b->handle[i]);

        grant_release(m.granter, m.ref, !m.readonly);
        give_handle(b->d, b->handle[i]);
        domain_put(m.granter);
    }
    b->count = 0;
}

int grant_teardown(struct domain *d)
{
    struct grant_domain *g = &d->grant;
    struct grant_unmap batch;
    bool stop;

    grant_unmap_init(&batch, d);
    while (g->next_unmap < g->maptrack_size) {
        (void)begin_unmap(&batch, g->next_unmap++, 0);
        stop = preempt_pending();
        if (batch.count == GRANT_UNMAP_BATCH || stop)
            grant_unmap_finish(&batch);
        if (stop)
            return -ERESTART;
    }
    grant_unmap_finish(&batch);
    return 0;
}
