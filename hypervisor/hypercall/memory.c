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
#include "hypercall.h"
#include "lib.h"
#include "memory.h"

/* The ABI's word for "where to continue": above the operation. Guests see nothing of it. */
#define START_EXTENT_SHIFT 6
#define START_OFFSET_SHIFT 32
#define OP_MASK ((1u << START_EXTENT_SHIFT) - 1)
#define EXTENTS_MAX (~0u >> START_EXTENT_SHIFT)

/* Larger extents are refused, as Xen does: callers then try smaller ones. */
#define EXTENT_ORDER_MAX ORDER_2M
#define SMALL_ORDER 6          /* as many frames as need no preemption point */
#define EXTENT_STEP 32         /* entries between two of them in a larger extent */

#define BUILDER_PAGES 256 /* libxl's constant for rings, ACPI tables and the like: 1 MiB */

int memory_target(struct hypercall *hc, void *arg, size_t size, const char *layout, domid_t *id,
                  struct domain **d)
{
    int rc = guest_read_layout(hc->v, arg, hc->arg[1], size, layout, hc->compat);

    if (rc)
        return rc;
    *d = hypercall_target(hc, *id, &rc);
    return *d ? 0 : rc;
}

int memory_read_word(struct hypercall *hc, gva_t array, uint64_t i, uint64_t *word)
{
    uint64_t size = guest_layout_size(sizeof(*word), LAYOUT_WORD, hc->compat);

    return hypercall_read(hc, word, array + i * size, LAYOUT_WORD);
}

/* --- extents --- */

/*
 * Frees one extent's frames, from *done on; what it has already taken out stays out when it meets something
 * else than RAM. -ERESTART: from *done on another time.
 */
static int decrease_extent(struct p2m_batch *batch, gfn_t first, unsigned int extent_order, uint64_t *done)
{
    const uint32_t types = 1u << P2M_RAM | 1u << P2M_RAM_RO | 1u << P2M_ABSENT;
    uint64_t begin = *done, size = 1ull << extent_order;

    while (*done < size) {
        unsigned int order, max_order = extent_order;
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

/* Checks what all operations on extents have in common; *start is where to begin. */
static int read_reservation(struct hypercall *hc, struct xen_memory_reservation *r, uint64_t *start,
                            struct domain **d)
{
    *start = (uint32_t)hc->arg[0] >> START_EXTENT_SHIFT;
    return memory_target(hc, r, sizeof(*r), LAYOUT_RESERVATION, &r->domid, d);
}

/* Where the next execution goes on: so many frames into extent i. The caller returns -ERESTART. */
static void continue_at(struct hypercall *hc, uint64_t i, uint64_t offset)
{
    hc->arg[0] = (hc->arg[0] & OP_MASK) | i << START_EXTENT_SHIFT | offset << START_OFFSET_SHIFT;
}

/* Stops a long operation before extent i if others wait. */
static bool interrupted(struct hypercall *hc, uint64_t i, uint64_t start)
{
    if (!preempt_pending() || i == start)
        return false;
    continue_at(hc, i, 0);
    return true;
}

/*
 * Scrubbing a large extent is long by itself: it gets an execution of its own. What is done of it is done,
 * however often it is interrupted.
 */
static bool prepared(struct hypercall *hc, uint64_t i, const struct domain *d, unsigned int order)
{
    if (order <= SMALL_ORDER || d->is_dom0 || alloc_prepare(order))
        return true;
    while (!preempt_pending() && !alloc_prepare(order))
        ;
    continue_at(hc, i, 0);
    return false;
}

/*
 * dom0's frames are where the machine has them and come back one by one, and a 32-bit caller's register has
 * no room for where to go on inside an extent.
 */
static bool extents_allowed(const struct hypercall *hc, const struct domain *d,
                            const struct xen_memory_reservation *r)
{
    return r->extent_order <= (d->is_dom0 || hc->compat ? SMALL_ORDER : EXTENT_ORDER_MAX) &&
           r->nr_extents <= EXTENTS_MAX;
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
 * Both return how many extents are done; fewer than asked for is the only error that callers see of an
 * extent. mem_flags: node and address hints do not matter here; populate-on-demand memory is populated at
 * once.
 */
static long populate_physmap(struct hypercall *hc)
{
    struct xen_memory_reservation r;
    struct domain *d;
    uint64_t i, start;
    long rc = read_reservation(hc, &r, &start, &d);

    if (rc)
        return rc;
    rc = 0;
    if (!extents_allowed(hc, d, &r))
        r.nr_extents = start;
    for (i = start; i < r.nr_extents; i++) {
        xen_pfn_t pfn;

        if (interrupted(hc, i, start) || !prepared(hc, i, d, r.extent_order)) {
            rc = -ERESTART;
            break;
        }
        if (r.mem_flags & XENMEMF_populate_on_demand && hc->v->d->is_dom0)
            raise_limit(d, r.extent_order);
        if (memory_read_word(hc, HANDLE_VA(r.extent_start), i, &pfn) ||
            p2m_populate(d, GFN(pfn), r.extent_order))
            break;
    }
    domain_put(d);
    return rc ? rc : (long)i;
}

static long decrease_reservation(struct hypercall *hc)
{
    struct xen_memory_reservation r;
    struct p2m_batch batch;
    struct domain *d;
    uint64_t i, start, offset = hc->arg[0] >> START_OFFSET_SHIFT;
    long rc = read_reservation(hc, &r, &start, &d);

    if (rc)
        return rc;
    if (!extents_allowed(hc, d, &r))
        r.nr_extents = start;
    p2m_batch_init(&batch, d);
    for (i = start; i < r.nr_extents && rc == 0; i++) {
        xen_pfn_t pfn;

        if (interrupted(hc, i, start)) {
            rc = -ERESTART;
            break;
        }
        if (memory_read_word(hc, HANDLE_VA(r.extent_start), i, &pfn) || pfn >= 1ull << 40)
            break;
        rc = decrease_extent(&batch, GFN(pfn), r.extent_order, &offset);
        if (rc) {
            continue_at(hc, i, offset);
            break;
        }
    }
    p2m_batch_finish(&batch);
    domain_put(d);
    return rc == -ERESTART ? rc : (long)i;
}

static long claim_pages(struct hypercall *hc)
{
    struct xen_memory_reservation r;
    struct domain *d;
    int rc = memory_target(hc, &r, sizeof(r), NULL, &r.domid, &d);

    if (rc)
        return rc;
    if (HANDLE_VA(r.extent_start) || r.extent_order || r.mem_flags || r.nr_extents > d->max_pages ||
        d->dying != DOMAIN_ALIVE)
        rc = -EINVAL;
    else
        rc = alloc_claim(d, r.nr_extents);
    domain_put(d);
    return rc;
}

static long reservation_info(struct hypercall *hc)
{
    struct xen_memory_domain arg;
    struct domain *d;
    long rc = memory_target(hc, &arg, sizeof(arg), NULL, &arg.domid, &d);

    if (rc)
        return rc;
    switch (hc->arg[0] & OP_MASK) {
    case XENMEM_current_reservation:
        rc = READ_ONCE(d->tot_pages);
        break;
    case XENMEM_maximum_reservation:
        rc = READ_ONCE(d->max_pages);
        break;
    default:
        rc = READ_ONCE(d->p2m.max_gfn);
        break;
    }
    domain_put(d);
    return rc;
}

/*
 * There is no populate-on-demand: what is there is all there will be. The tools only want to be understood.
 */
static long pod_target(struct hypercall *hc)
{
    struct xen_pod_target arg;
    struct domain *d;
    bool set = (hc->arg[0] & OP_MASK) == XENMEM_set_pod_target;
    int rc = memory_target(hc, &arg, sizeof(arg), NULL, &arg.domid, &d);

    if (rc)
        return rc;
    if (set && arg.target_pages > d->max_pages)
        rc = -EINVAL;
    arg.tot_pages = READ_ONCE(d->tot_pages);
    arg.pod_cache_pages = arg.pod_entries = 0;
    domain_put(d);
    return rc ? rc : guest_write(hc->v, hc->arg[1], &arg, sizeof(arg));
}

static long maximum_ram_page(struct hypercall *hc)
{
    (void)hc;
    return frame_count - 1;
}

/* No page is shared yet. */
static long sharing_pages(struct hypercall *hc)
{
    (void)hc;
    return 0;
}

static long no_vnuma(struct hypercall *hc)
{
    (void)hc;
    return -EOPNOTSUPP;
}

/* --- the table --- */

static const struct {
    hypercall_fn *fn;
    enum hypercall_caller caller;
} table[OP_MASK + 1] = {
    [XENMEM_populate_physmap]           = { populate_physmap, CALLER_ANY },
    [XENMEM_decrease_reservation]       = { decrease_reservation, CALLER_ANY },
    [XENMEM_claim_pages]                = { claim_pages, CALLER_DOM0 },
    [XENMEM_current_reservation]        = { reservation_info, CALLER_ANY },
    [XENMEM_maximum_reservation]        = { reservation_info, CALLER_ANY },
    [XENMEM_maximum_gpfn]               = { reservation_info, CALLER_ANY },
    [XENMEM_maximum_ram_page]           = { maximum_ram_page, CALLER_ANY },
    [XENMEM_set_pod_target]             = { pod_target, CALLER_DOM0 },
    [XENMEM_get_pod_target]             = { pod_target, CALLER_DOM0 },
    [XENMEM_get_sharing_freed_pages]    = { sharing_pages, CALLER_ANY },
    [XENMEM_get_sharing_shared_pages]   = { sharing_pages, CALLER_ANY },
    [XENMEM_get_vnumainfo]              = { no_vnuma, CALLER_ANY },
    [XENMEM_add_to_physmap]             = { memory_add_to_physmap, CALLER_ANY },
    [XENMEM_add_to_physmap_batch]       = { memory_add_to_physmap_batch, CALLER_ANY },
    [XENMEM_remove_from_physmap]        = { memory_remove_from_physmap, CALLER_ANY },
    [XENMEM_acquire_resource]           = { memory_acquire_resource, CALLER_DOM0 },
    [XENMEM_memory_map]                 = { memory_get_map, CALLER_ANY },
    [XENMEM_set_memory_map]             = { memory_set_map, CALLER_DOM0 },
    [XENMEM_machine_memory_map]         = { memory_machine_map, CALLER_DOM0 },
    [XENMEM_reserved_device_memory_map] = { memory_reserved_device_map, CALLER_DOM0 },
};

long hypercall_memory_op(struct hypercall *hc)
{
    unsigned int op = hc->arg[0] & OP_MASK;

    if (!table[op].fn)
        return -ENOSYS;
    if (table[op].caller == CALLER_DOM0 && !hc->v->d->is_dom0)
        return -EPERM;
    if (table[op].caller == CALLER_DOM0 && hc->compat)
        return -ENOSYS; /* dom0's kernel is a 64-bit one, no layouts are there for others */
    return table[op].fn(hc);
}
