/* SPDX-License-Identifier: MIT */
/*
 * memory_op (<xen/memory.h>): a domain's reservation (populate, decrease, claims), what is at which of its
 * frame numbers (add_to_physmap and its relatives), and memory maps. dom0 may name other domains, everybody
 * else only itself.
 *
 * arg[0] is the operation in its low six bits and, for those on extents, how many are done above: this is
 * where a long one continues. Read next: memory_map.c (resources, memory maps), mm/p2m.c.
 */
#include "alloc.h"
#include "lib.h"
#include "memory.h"

/* The ABI's word for "where to continue": above the operation. Guests see nothing of it. */
#define START_EXTENT_SHIFT 6
#define START_OFFSET_SHIFT 32
#define OP_MASK ((1u << START_EXTENT_SHIFT) - 1)
#define EXTENTS_MAX (~0u >> START_EXTENT_SHIFT)

/* Larger extents are refused, as Xen does: callers then try smaller ones. */
#define EXTENT_ORDER_MAX ORDER_2M

#define GFN_MAX (1ull << 40)
#define SMALL_ORDER 6          /* as many frames as need no preemption point */
#define EXTENT_STEP 32         /* entries between two of them in a larger extent */
#define BUILDER_PAGES 256 /* libxl's constant for rings, ACPI tables and the like: 1 MiB */

int memory_read_word(struct hypercall *hc, gva_t array, uint64_t i, uint64_t *word)
{
    uint64_t size = guest_layout_size(sizeof(*word), LAYOUT_WORD, hc->compat);

    return hypercall_read(hc, word, array + i * size, LAYOUT_WORD);
}

/* --- extents --- */

/* *done: frames of the extent that former executions have done; with -ERESTART, that all have. */
typedef int extent_fn(struct hypercall *hc, struct domain *d, const struct xen_memory_reservation *r,
                      gfn_t first, uint64_t *done, struct p2m_batch *batch);

/*
 * dom0's frames are where the machine has them and come back one by one, and a 32-bit caller's register has
 * no room for where to go on inside an extent.
 */
static bool extents_allowed(const struct hypercall *hc, const struct domain *d,
                            const struct xen_memory_reservation *r)
{
    unsigned int most = hc->compat ? SMALL_ORDER - 1 : d->is_dom0 ? SMALL_ORDER : EXTENT_ORDER_MAX;

    return r->extent_order <= most && r->nr_extents <= EXTENTS_MAX;
}

/*
 * Returns how many extents are done, with those of former executions; fewer than asked for is the only error
 * that callers see of an extent. Stops when others wait, and goes on later.
 */
static long each_extent(struct hypercall *hc, struct domain *d, const struct xen_memory_reservation *r,
                        extent_fn *fn, struct p2m_batch *batch)
{
    uint64_t start = (uint32_t)hc->arg[0] >> START_EXTENT_SHIFT, i = start, pfn;
    uint64_t done = hc->arg[0] >> START_OFFSET_SHIFT;
    bool allowed = extents_allowed(hc, d, r);
    int rc = 0;

    while (allowed && i < r->nr_extents && !memory_read_word(hc, HANDLE_VA(r->extent_start), i, &pfn)) {
        rc = preempt_pending() && i > start ? -ERESTART : fn(hc, d, r, GFN(pfn), &done, batch);
        if (rc)
            break;
        i++;
    }
    if (rc != -ERESTART)
        return (long)i;
    hc->arg[0] = (hc->arg[0] & OP_MASK) | i << START_EXTENT_SHIFT | done << START_OFFSET_SHIFT;
    return rc;
}

/*
 * Memory above a guest's target (maxmem = in its VM file) is asked for as populate-on-demand, within a limit
 * that covers only the target: the limit grows with it, and keeps what the tools add for their own pages.
 */
static void raise_limit(struct domain *d, unsigned int order)
{
    uint64_t needed = READ_ONCE(d->tot_pages) + (1ull << order) + BUILDER_PAGES;

    if (d->max_pages < needed)
        WRITE_ONCE(d->max_pages, needed);
}

/*
 * mem_flags: node and address hints do not matter here; populate-on-demand memory is populated at once.
 * Scrubbing a large extent is long by itself: it gets an execution of its own, and what is done of it is
 * done, however often it is interrupted.
 */
static int populate_extent(struct hypercall *hc, struct domain *d, const struct xen_memory_reservation *r,
                           gfn_t first, uint64_t *done, struct p2m_batch *batch)
{
    *done = 0;
    if (r->extent_order > SMALL_ORDER && !alloc_prepare(r->extent_order)) {
        while (!preempt_pending() && !alloc_prepare(r->extent_order))
            ;
        return -ERESTART;
    }
    if (r->mem_flags & XENMEMF_populate_on_demand && hc->v->d->is_dom0)
        raise_limit(d, r->extent_order);
    return p2m_populate(d, first, r->extent_order);
}

/* What it has already taken out stays out when it meets something else than RAM. */
static int decrease_extent(struct hypercall *hc, struct domain *d, const struct xen_memory_reservation *r,
                           gfn_t first, uint64_t *done, struct p2m_batch *batch)
{
    const uint32_t types = 1u << P2M_RAM | 1u << P2M_RAM_RO | 1u << P2M_ABSENT;
    uint64_t begin = *done, size = 1ull << r->extent_order;

    if (first.n >= GFN_MAX)
        return -EINVAL;
    while (*done < size) {
        unsigned int order, max_order = r->extent_order;
        gfn_t gfn = gfn_add(first, *done);
        int rc;

        if (*done > begin && *done % EXTENT_STEP == 0 && preempt_pending())
            return -ERESTART;
        while ((gfn.n & ((1ull << max_order) - 1)) || *done + (1ull << max_order) > size)
            max_order--;
        rc = p2m_batch_remove(batch, gfn, max_order, types, MFN_NONE, &order);
        if (rc)
            return rc;
        *done += 1ull << order;
    }
    *done = 0;
    return 0;
}

static long populate_physmap(struct hypercall *hc, struct domain *d, void *arg)
{
    return each_extent(hc, d, arg, populate_extent, NULL);
}

static long decrease_reservation(struct hypercall *hc, struct domain *d, void *arg)
{
    struct p2m_batch batch;
    long done;

    p2m_batch_init(&batch, d);
    done = each_extent(hc, d, arg, decrease_extent, &batch);
    p2m_batch_finish(&batch);
    return done;
}

/* --- what is there --- */

static long claim_pages(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_memory_reservation *r = arg;

    if (HANDLE_VA(r->extent_start) || r->extent_order || r->mem_flags || r->nr_extents > d->max_pages ||
        d->dying != DOMAIN_ALIVE)
        return -EINVAL;
    return alloc_claim(d, r->nr_extents);
}

static long current_reservation(struct hypercall *hc, struct domain *d, void *arg)
{
    return READ_ONCE(d->tot_pages);
}

static long maximum_reservation(struct hypercall *hc, struct domain *d, void *arg)
{
    return READ_ONCE(d->max_pages);
}

static long maximum_gpfn(struct hypercall *hc, struct domain *d, void *arg)
{
    return READ_ONCE(d->p2m.max_gfn);
}

/*
 * There is no populate-on-demand: what is there is all there will be. The tools only want to be understood.
 */
static long pod_target(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_pod_target *p = arg;
    bool set = (hc->arg[0] & OP_MASK) == XENMEM_set_pod_target;

    if (set && p->target_pages > d->max_pages)
        return -EINVAL;
    p->tot_pages = READ_ONCE(d->tot_pages);
    p->pod_cache_pages = p->pod_entries = 0;
    return 0;
}

static long maximum_ram_page(struct hypercall *hc, struct domain *d, void *arg)
{
    return frame_count - 1;
}

/* No page is shared yet. */
static long sharing_pages(struct hypercall *hc, struct domain *d, void *arg)
{
    return 0;
}

static long no_vnuma(struct hypercall *hc, struct domain *d, void *arg)
{
    return -EOPNOTSUPP;
}

/* --- the table --- */

#define RESERVATION LAYOUT_RESERVATION, OPERATION_TARGET(struct xen_memory_reservation, domid)
#define DOMAIN OPERATION_TARGET(struct xen_memory_domain, domid)
#define POD_TARGET OPERATION_TARGET(struct xen_pod_target, domid), .dom0 = true, .out = OUT_SUCCESS

static const struct operation table[OP_MASK + 1] = {
    [XENMEM_populate_physmap] = { populate_physmap, RESERVATION },
    [XENMEM_decrease_reservation] = { decrease_reservation, RESERVATION },
    [XENMEM_claim_pages] = { claim_pages, RESERVATION, .dom0 = true },
    [XENMEM_current_reservation] = { current_reservation, DOMAIN },
    [XENMEM_maximum_reservation] = { maximum_reservation, DOMAIN },
    [XENMEM_maximum_gpfn] = { maximum_gpfn, DOMAIN },
    [XENMEM_maximum_ram_page] = { .fn = maximum_ram_page },
    [XENMEM_set_pod_target] = { pod_target, POD_TARGET },
    [XENMEM_get_pod_target] = { pod_target, POD_TARGET },
    [XENMEM_get_sharing_freed_pages] = { .fn = sharing_pages },
    [XENMEM_get_sharing_shared_pages] = { .fn = sharing_pages },
    [XENMEM_get_vnumainfo] = { .fn = no_vnuma },
    [XENMEM_add_to_physmap] = { memory_add_to_physmap, LAYOUT_ADD_TO_PHYSMAP,
                                OPERATION_TARGET(struct xen_add_to_physmap, domid) },
    [XENMEM_add_to_physmap_batch] = { memory_add_to_physmap_batch, LAYOUT_ADD_TO_PHYSMAP_BATCH,
                                      OPERATION_TARGET(struct xen_add_to_physmap_batch, domid) },
    [XENMEM_remove_from_physmap] = { memory_remove_from_physmap, LAYOUT_REMOVE_FROM_PHYSMAP,
                                     OPERATION_TARGET(struct xen_remove_from_physmap, domid) },
    [XENMEM_acquire_resource] = { memory_acquire_resource, .dom0 = true, .out = OUT_SUCCESS,
                                  OPERATION_TARGET(struct xen_mem_acquire_resource, domid) },
    [XENMEM_memory_map] = { memory_get_map, LAYOUT_MEMORY_MAP, OPERATION_ARG(struct xen_memory_map),
                            .out = OUT_SUCCESS },
    [XENMEM_set_memory_map] = { memory_set_map, .dom0 = true,
                                OPERATION_TARGET(struct xen_foreign_memory_map, domid) },
    [XENMEM_machine_memory_map] = { memory_machine_map, .dom0 = true, OPERATION_ARG(struct xen_memory_map),
                                    .out = OUT_SUCCESS },
    [XENMEM_reserved_device_memory_map] = { memory_reserved_device_map, .dom0 = true,
                                            OPERATION_ARG(struct xen_reserved_device_memory_map),
                                            .out = OUT_SUCCESS },
};

long hypercall_memory_op(struct hypercall *hc)
{
    return operation_run(hc, table, ARRAY_SIZE(table), hc->arg[0] & OP_MASK, hc->arg[1]);
}
