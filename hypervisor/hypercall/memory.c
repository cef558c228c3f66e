/* SPDX-License-Identifier: MIT */
/*
 * memory_op (<xen/memory.h>): a domain's reservation (populate, decrease, claims) and its memory
 * map. memory_physmap.c controls what is mapped at a gfn (add_to_physmap and related operations).
 * dom0 may name any domain, other callers only themselves.
 *
 * arg[0] has the operation in its low six bits. For operations on arrays, the bits above hold the
 * number of elements done, from which a continued call resumes. Read next: memory_physmap.c,
 * mm/p2m.c.
 */
#include "hypercall/memory.h"
#include "core/domain.h"
#include "core/domain_registry.h"
#include "core/vcpu.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/p2m.h"
#include "public/cleave.h"
#include "spinlock.h"

#define EXTENTS_READ 32u /* per guest_read */
#define EXTENTS_MAX (~0u >> MEMORY_START_SHIFT)
#define SMALL_ORDER 6        /* largest order populated without a preemption point */
#define MAP_ENTRIES_MAX 128u /* Linux's limit */

/* --- extents --- */

typedef int extent_fn(struct hypercall *hc, struct domain *d,
                      const struct xen_memory_reservation *r, gfn_t gfn, struct p2m_batch *batch);

/*
 * Returns how many extents are done, including those of earlier executions. A caller sees the
 * failure of an extent only as a short count. Stops at a preemption point and continues later.
 * Extents above max_order are refused, as Xen refuses very large ones: callers then retry with
 * smaller ones.
 */
static long each_extent(struct hypercall *hc, struct domain *d,
                        const struct xen_memory_reservation *r, extent_fn *fn,
                        unsigned int max_order, struct p2m_batch *batch)
{
    uint64_t start = memory_start(hc), i = start, first = i, pfn[EXTENTS_READ];
    int n = 0;
    int rc = r->extent_order > max_order || r->nr_extents > EXTENTS_MAX ? -EINVAL : 0;

    while (!rc && i < r->nr_extents) {
        if (i == first + (uint64_t)n) {
            n = memory_words_read(hc, HANDLE_VA(r->extent_start), i, pfn,
                                  MIN(r->nr_extents - i, EXTENTS_READ));
            if (n < 0) {
                rc = n == -ERESTART ? n : 0;
                break;
            }
            first = i;
        }
        rc = i > start && softirq_preempt_pending() ? -ERESTART
                                                    : fn(hc, d, r, GFN(pfn[i - first]), batch);
        i += rc == 0;
    }
    return rc == -ERESTART ? memory_continue(hc, i) : (long)i;
}

/*
 * mem_flags: node and address hints are ignored. Populate-on-demand, which no domain may ask for
 * itself, makes absent pages. So do extents of 4 KiB and 2 MiB, which builders and
 * balloons ask for, but the domain is promised a frame for each: what it never touches is never
 * zeroed, and where all of 2 MiB is back, one touch fills it. Scrubbing an extent of another size
 * takes long, so it gets an execution of its own, and its progress survives restarts.
 */
static int populate_extent(struct hypercall *hc, struct domain *d,
                           const struct xen_memory_reservation *r, gfn_t gfn,
                           struct p2m_batch *batch)
{
    if (r->mem_flags & XENMEMF_populate_on_demand)
        return d == hc->v->d ? -EPERM : p2m_set(d, gfn, MFN(0), r->extent_order, P2M_ABSENT);
    if ((r->extent_order % ORDER_2M == 0 || d == hc->v->d) && !d->is_dom0)
        return p2m_populate_absent(d, gfn, r->extent_order);
    if (r->extent_order > SMALL_ORDER && !alloc_prepare(r->extent_order)) {
        while (!softirq_preempt_pending() && !alloc_prepare(r->extent_order))
            ;
        return -ERESTART;
    }
    return p2m_populate(d, gfn, r->extent_order);
}

static int decrease_extent(struct hypercall *hc, struct domain *d,
                           const struct xen_memory_reservation *r, gfn_t gfn,
                           struct p2m_batch *batch)
{
    return p2m_batch_remove(batch, gfn, ORDER_4K,
                            P2M_RAM_TYPES | 1u << P2M_ABSENT | 1u << P2M_PAGED, NULL);
}

static long populate_physmap(struct hypercall *hc, struct domain *d, void *arg)
{
    return each_extent(hc, d, arg, populate_extent, ORDER_2M, NULL);
}

static long decrease_reservation(struct hypercall *hc, struct domain *d, void *arg)
{
    struct p2m_batch batch;

    p2m_batch_init(&batch, d);
    long done = each_extent(hc, d, arg, decrease_extent, ORDER_4K, &batch);
    p2m_batch_finish(&batch);
    return done;
}

/* --- queries and claims --- */

static long claim_pages(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_memory_reservation *r = arg;

    if (HANDLE_VA(r->extent_start) || r->extent_order || r->mem_flags ||
        r->nr_extents > d->max_pages || READ_ONCE(d->dying) != DOMAIN_ALIVE)
        return -EINVAL;
    return alloc_claim(d, r->nr_extents);
}

/* A promised frame counts, as in Xen. */
static long current_reservation(struct hypercall *hc, struct domain *d, void *arg)
{
    return (long)(READ_ONCE(d->tot_pages) + READ_ONCE(d->owed));
}

static long maximum_reservation(struct hypercall *hc, struct domain *d, void *arg)
{
    return READ_ONCE(d->max_pages);
}

static long maximum_gpfn(struct hypercall *hc, struct domain *d, void *arg)
{
    return READ_ONCE(d->p2m.max_gfn);
}

static long maximum_ram_page(struct hypercall *hc, struct domain *d, void *arg)
{
    return frame_count - 1;
}

/*
 * In Xen's terms, a domain owns a cache of frames for its absent pages. Here they are only promised
 * to it. The entries are all RAM without a frame.
 */
static long get_pod_target(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_pod_target *p = arg;

    p->pod_cache_pages = READ_ONCE(d->claimed);
    p->tot_pages = READ_ONCE(d->tot_pages) + p->pod_cache_pages;
    p->pod_entries = READ_ONCE(d->p2m.pages[P2M_ABSENT]) + READ_ONCE(d->p2m.pages[P2M_PAGED]);
    return 0;
}

/*
 * Promises the target to a domain that has absent pages that it is not owed, or is about to get
 * some, as Xen fills its cache. It becomes the domain's budget.
 */
static long set_pod_target(struct hypercall *hc, struct domain *d, void *arg)
{
    uint64_t target = ((struct xen_pod_target *)arg)->target_pages;
    bool fills = READ_ONCE(d->p2m.pages[P2M_ABSENT]) > READ_ONCE(d->owed) ||
                 !READ_ONCE(d->tot_pages);

    if (target > d->max_pages || d->is_dom0)
        return -EINVAL;
    int rc = alloc_set_memory(d, fills ? target : MIN(d->min_pages, target),
                              target + CLEAVE_MEMORY_SLACK);
    return rc ? rc : get_pod_target(hc, d, arg);
}

static long no_vnuma(struct hypercall *hc, struct domain *d, void *arg) { return -EOPNOTSUPP; }

/* --- the memory map (E820) set by the builder --- */

static long get_map(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_memory_map *asked = arg;

    spin_lock_scope(&d->lock);
    if (!d->memory_map)
        return -ENOSYS;
    asked->nr_entries = MIN(asked->nr_entries, d->memory_map_entries);
    return guest_write(hc->v, HANDLE_VA(asked->buffer), d->memory_map,
                       asked->nr_entries * sizeof(*d->memory_map));
}

static long set_map(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_memory_map *given = &((struct xen_foreign_memory_map *)arg)->map;
    struct xen_memory_map_entry *map, *old;
    uint64_t size = (uint64_t)given->nr_entries * sizeof(*map);

    if (given->nr_entries == 0 || given->nr_entries > MAP_ENTRIES_MAX || d->is_dom0)
        return -EINVAL;
    map = heap_alloc(size);
    if (!map)
        return -ENOMEM;
    int rc = guest_read(hc->v, map, HANDLE_VA(given->buffer), size);
    old = map;
    if (!rc) {
        spin_lock(&d->lock);
        old = d->memory_map;
        d->memory_map = map;
        d->memory_map_entries = given->nr_entries;
        spin_unlock(&d->lock);
    }
    heap_free(old);
    return rc;
}

/* --- the table --- */

#define RESERVATION LAYOUT_RESERVATION, OPERATION_TARGET(struct xen_memory_reservation, domid)
#define DOMAIN OPERATION_TARGET(struct xen_memory_domain, domid)
#define POD_TARGET OPERATION_TARGET(struct xen_pod_target, domid), .dom0 = true, .out = OUT_SUCCESS

static const struct operation memory_ops[MEMORY_OP_MASK + 1] = {
    [XENMEM_populate_physmap] = { populate_physmap, RESERVATION },
    [XENMEM_decrease_reservation] = { decrease_reservation, RESERVATION },
    [XENMEM_claim_pages] = { claim_pages, RESERVATION, .dom0 = true },
    [XENMEM_current_reservation] = { current_reservation, DOMAIN },
    [XENMEM_maximum_reservation] = { maximum_reservation, DOMAIN },
    [XENMEM_maximum_gpfn] = { maximum_gpfn, DOMAIN },
    [XENMEM_maximum_ram_page] = { .fn = maximum_ram_page },
    [XENMEM_set_pod_target] = { set_pod_target, POD_TARGET },
    [XENMEM_get_pod_target] = { get_pod_target, POD_TARGET },
    [XENMEM_get_vnumainfo] = { .fn = no_vnuma },
    [XENMEM_add_to_physmap] = { memory_add_to_physmap, LAYOUT_ADD_TO_PHYSMAP,
                                OPERATION_TARGET(struct xen_add_to_physmap, domid) },
    [XENMEM_add_to_physmap_batch] = { memory_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH,
                                      OPERATION_TARGET(struct xen_add_to_physmap_batch, domid) },
    [XENMEM_remove_from_physmap] = { memory_remove_from_physmap, LAYOUT_REMOVE_FROM_PHYSMAP,
                                     OPERATION_TARGET(struct xen_remove_from_physmap, domid) },
    [XENMEM_acquire_resource] = { memory_acquire_resource, .dom0 = true, .out = OUT_SUCCESS,
                                  OPERATION_TARGET(struct xen_mem_acquire_resource, domid) },
    [XENMEM_memory_map] = { get_map, LAYOUT_MEMORY_MAP, OPERATION_ARG(struct xen_memory_map),
                            .out = OUT_SUCCESS },
    [XENMEM_set_memory_map] = { set_map, .dom0 = true,
                                OPERATION_TARGET(struct xen_foreign_memory_map, domid) },
};

long hypercall_memory_op(struct hypercall *hc)
{
    return operation_run(hc, memory_ops, ARRAY_SIZE(memory_ops), hc->arg[0] & MEMORY_OP_MASK,
                         hc->arg[1]);
}
