/* SPDX-License-Identifier: MIT */
/*
 * Mapping of grants: a frame of another domain appears at a gfn of the mapper. That gfn must be
 * empty (Linux uses ballooned-out pages). A handle names the mapping.
 *
 * To map: allocate a handle, begin a use of the grant (core/grant.c) with a reference for the p2m
 * entry, set the entry. To unmap: remove the entry, flush, drop its reference, then end the use and
 * free the handle. So the granter sees its page free only when no CPU can reach it. In between, the
 * handle is CHANGING: no lock is held across these steps, and a second unmap of the handle fails.
 * If the mapper removes the p2m entry by other means, the grant stays in use until it is unmapped.
 *
 * Read next: core/grant_copy.c.
 */
#include "core/domain_registry.h"
#include "core/grant.h"
#include "core/grant_internal.h"
#include "cpu/softirq.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/owner.h"
#include "mm/p2m.h"
#include "spinlock.h"

/* --- handles, under the mapper's lock --- */

struct grant_mapping *grant_mapping_at(struct domain *d, uint32_t handle)
{
    if (handle >= d->grant.maptrack_size)
        return NULL;
    handle = (uint32_t)index_nospec(handle, d->grant.maptrack_size);
    return &d->grant.maptrack[handle / MAPTRACK_BUCKET][handle % MAPTRACK_BUCKET];
}

/* Puts a never used handle at the head of the free list. */
static bool add_handle(struct domain *d)
{
    struct grant_domain *g = &d->grant;

    ASSERT(spin_lock_held(&g->lock));
    if (g->maptrack_size >= g->maptrack_max)
        return false;
    if (!g->maptrack)
        g->maptrack = heap_alloc(g->maptrack_max / MAPTRACK_BUCKET * sizeof(*g->maptrack));
    if (!g->maptrack)
        return false;
    struct grant_mapping **bucket = &g->maptrack[g->maptrack_size / MAPTRACK_BUCKET];
    if (!*bucket) {
        mfn_t m = alloc_pool(d, 0);

        if (!mfn_valid_number(m))
            return false;
        *bucket = mfn_to_virt(m);
    }
    (*bucket)[g->maptrack_size % MAPTRACK_BUCKET].gfn = g->maptrack_free;
    g->maptrack_free = g->maptrack_size++;
    return true;
}

/* --- mapping --- */

/* Allocates a handle, in state CHANGING. MAPTRACK_NONE: none left. */
static uint32_t alloc_handle(struct domain *d)
{
    struct grant_domain *g = &d->grant;

    spin_lock_scope(&g->lock);
    if (g->maptrack_free == MAPTRACK_NONE && !add_handle(d))
        return MAPTRACK_NONE;
    uint32_t handle = g->maptrack_free;
    struct grant_mapping *m = grant_mapping_at(d, handle);
    g->maptrack_free = m->gfn;
    *m = (struct grant_mapping){ .state = MAPPING_CHANGING };
    return handle;
}

static void free_handle(struct domain *d, uint32_t handle)
{
    spin_lock_scope(&d->grant.lock);
    *grant_mapping_at(d, handle) = (struct grant_mapping){ .gfn = d->grant.maptrack_free };
    d->grant.maptrack_free = handle;
}

/* Sets the p2m entry. The caller's reference passes to it, or is dropped on error. */
static int16_t map_entry(struct domain *d, gfn_t gfn, mfn_t mfn, bool readonly)
{
    int rc = p2m_set(d, gfn, mfn, ORDER_4K, readonly ? P2M_GRANT_RO : P2M_GRANT);
    if (!rc)
        return GNTST_okay;
    frame_put(mfn);
    return rc == -ENOMEM ? GNTST_no_space : GNTST_bad_virt_addr;
}

/* GNTMAP_device_map needs no further work: no IOMMU translates. */
int16_t grant_map(struct domain *d, struct gnttab_map_grant_ref *op)
{
    gfn_t gfn = gpa_to_gfn(op->host_addr);
    bool readonly = op->flags & GNTMAP_readonly;
    mfn_t mfn;

    if (!(op->flags & GNTMAP_host_map) || (op->flags & GNTMAP_contains_pte))
        return GNTST_general_error;
    if (!op->host_addr || op->host_addr % PAGE_SIZE || op->host_addr >> (PAGE_SHIFT + 40))
        return GNTST_bad_virt_addr;
    struct domain *domain_scope granter = domain_get(op->dom);
    if (!granter)
        return GNTST_bad_domain;
    uint32_t handle = alloc_handle(d);
    if (handle == MAPTRACK_NONE)
        return GNTST_no_space;
    int16_t status = grant_acquire(granter, op->ref, d->id, !readonly, &mfn);
    if (!status) {
        status = map_entry(d, gfn, mfn, readonly);
        if (status)
            grant_release(granter, op->ref, !readonly);
    }
    if (status) {
        free_handle(d, handle);
        return status;
    }
    domain_ref(granter);
    spin_lock_scope(&d->grant.lock);
    *grant_mapping_at(d, handle) = (struct grant_mapping){ .granter = granter,
                                                           .gfn = gfn.n,
                                                           .ref = op->ref,
                                                           .readonly = readonly,
                                                           .state = MAPPING_LIVE };
    op->handle = handle;
    op->dev_bus_addr = d->is_dom0 ? mfn_to_paddr(mfn) : 0;
    return GNTST_okay;
}

/* --- unmapping --- */

void grant_unmap_init(struct grant_unmap *b, struct domain *d)
{
    b->d = d;
    b->count = 0;
    p2m_batch_init(&b->p2m, d);
}

/*
 * Sets a LIVE mapping to CHANGING and adds its p2m entry to the batch. at: the expected address, 0
 * for any.
 */
static int16_t begin_unmap(struct grant_unmap *b, uint32_t handle, gpa_t at)
{
    ASSERT(b->count < GRANT_UNMAP_BATCH);
    spin_lock_scope(&b->d->grant.lock);
    struct grant_mapping *m = grant_mapping_at(b->d, handle);
    if (!m || m->state != MAPPING_LIVE)
        return GNTST_bad_handle;
    if (at && at != gfn_to_gpa(GFN(m->gfn)))
        return GNTST_bad_virt_addr;
    m->state = MAPPING_CHANGING;
    b->handle[b->count++] = handle;
    uint32_t type = 1u << (m->readonly ? P2M_GRANT_RO : P2M_GRANT);
    if (p2m_batch_remove(&b->p2m, GFN(m->gfn), ORDER_4K, type, NULL))
        /* already removed by the mapper, whose flush may not be complete */
        b->p2m.flush = true;
    return GNTST_okay;
}

int16_t grant_unmap_add(struct grant_unmap *b, const struct gnttab_unmap_grant_ref *op)
{
    return op->host_addr ? begin_unmap(b, op->handle, op->host_addr)
                         : GNTST_okay; /* no host mapping to remove */
}

void grant_unmap_finish(struct grant_unmap *b)
{
    p2m_batch_finish(&b->p2m);
    for (uint32_t i = 0; i < b->count; i++) {
        struct grant_mapping m = *grant_mapping_at(b->d, b->handle[i]);

        grant_release(m.granter, m.ref, !m.readonly);
        free_handle(b->d, b->handle[i]);
        domain_put(m.granter);
    }
    b->count = 0;
}

int grant_teardown(struct domain *d)
{
    struct grant_unmap batch;
    bool stop = false;

    grant_unmap_init(&batch, d);
    while (!stop && d->grant.next_unmap < d->grant.maptrack_size) {
        (void)begin_unmap(&batch, d->grant.next_unmap++, 0);
        stop = softirq_preempt_pending();
        if (batch.count == GRANT_UNMAP_BATCH)
            grant_unmap_finish(&batch);
    }
    grant_unmap_finish(&batch);
    return stop ? -ERESTART : 0;
}
