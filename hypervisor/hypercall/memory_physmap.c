/* SPDX-License-Identifier: MIT */
/*
 * memory_op, what appears where in a domain's physical memory: the core's pages (shared_info, grant table),
 * the domain's own frames moved, frames of another domain (dom0 only). Whatever was at the place before is
 * removed as by remove_from_physmap, RAM included.
 *
 * References: an entry gets the one that is taken here for it (p2m.h). Read next: mm/p2m.c.
 */
#include "alloc.h"
#include "domain.h"
#include "lib.h"
#include "memory.h"

/* Where an operation on an array goes on when it is executed again: above its number (memory.c). */
#define START_SHIFT 6
#define OP_MASK ((1u << START_SHIFT) - 1)

static int continue_at(struct hypercall *hc, uint64_t i)
{
    hc->arg[0] = (hc->arg[0] & OP_MASK) | i << START_SHIFT;
    return -ERESTART;
}

/*
 * Puts a frame at gfn instead of what is there. The reference that the caller took goes into the entry, or is
 * dropped.
 */
static int replace(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    int rc = p2m_remove(d, gfn);

    if (rc == 0 || rc == -ENOENT)
        rc = p2m_set(d, gfn, mfn, ORDER_4K, type);
    if (rc)
        frame_put(mfn);
    return rc;
}

/*
 * shared_info and grant frames are shown at one place; asking for them at another moves them. Uses up the
 * caller's reference.
 */
static int show_core_frame(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    uint32_t old = mfn_to_frame(mfn)->gfn;

    if (old != FRAME_GFN_NONE && old != gfn.n)
        (void)p2m_remove_type(d, GFN(old), P2M_XENPAGE, mfn);
    return replace(d, gfn, mfn, P2M_XENPAGE);
}

/*
 * Moves RAM: first it is at both places, each with its reference, then the old one is removed. Not for dom0,
 * whose RAM stays where the machine has it.
 */
static int move_ram(struct domain *d, gfn_t from, gfn_t to)
{
    enum p2m_type type;
    mfn_t mfn;
    int rc;

    if (d->is_dom0)
        return -EOPNOTSUPP;
    rc = p2m_get_frame(d, from, true, &mfn, &type);
    if (rc)
        return rc;
    if (type != P2M_RAM || from.n == to.n) {
        frame_put(mfn);
        return type == P2M_RAM ? 0 : -EINVAL;
    }
    rc = replace(d, to, mfn, P2M_RAM);
    if (rc)
        return rc;
    rc = p2m_remove_type(d, from, P2M_RAM, mfn);
    if (rc)
        (void)p2m_remove_type(d, to, P2M_RAM, mfn);
    return rc;
}

/*
 * One page of another domain: RAM only, and not of the domain itself. -ENOENT: absent, the caller tries
 * again.
 */
static int map_foreign(struct domain *d, gfn_t gfn, struct domain *owner, gfn_t theirs)
{
    enum p2m_type type;
    mfn_t mfn;
    int rc;

    if (owner == d)
        return -EINVAL;
    rc = p2m_get_frame(owner, theirs, true, &mfn, &type);
    if (rc)
        return rc;
    if (type != P2M_RAM) {
        frame_put(mfn);
        return -EINVAL;
    }
    return replace(d, gfn, mfn, P2M_FOREIGN);
}

/* A frame of d's grant table, with a reference. The table grows to it frame by frame. */
static int grant_frame(struct domain *d, uint64_t index, mfn_t *mfn)
{
    if (index >= d->grant.max_frames) /* XENMAPIDX_grant_table_status too: version 1 has no status */
        return -EINVAL;
    for (;;) {
        uint64_t next = MIN(index, READ_ONCE(d->grant.frames));

        *mfn = grant_shared_frame(d, (uint32_t)next);
        if (!mfn_valid_number(*mfn))
            return -EINVAL;
        if (next == index)
            return 0;
        frame_put(*mfn);
        if (preempt_pending())
            return -ERESTART;
    }
}

static int add_one(struct domain *d, unsigned int space, uint64_t index, gfn_t gfn)
{
    mfn_t mfn = d->shared_info_mfn;
    int rc;

    switch (space) {
    case XENMAPSPACE_shared_info:
        return index || frame_get(mfn, NULL) ? -EINVAL : show_core_frame(d, gfn, mfn);
    case XENMAPSPACE_grant_table:
        rc = grant_frame(d, index, &mfn);
        return rc ? rc : show_core_frame(d, gfn, mfn);
    case XENMAPSPACE_gmfn:
        return move_ram(d, GFN(index), gfn);
    default:
        return -EOPNOTSUPP;
    }
}

/* gmfn_range counts size down and idx and gpfn up in the caller's structure as it goes on. */
long memory_add_to_physmap(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_add_to_physmap *a = arg;
    bool range = a->space == XENMAPSPACE_gmfn_range;
    int rc = 0;

    while (!range || a->size > 0) {
        rc = add_one(d, range ? XENMAPSPACE_gmfn : a->space, a->idx, GFN(a->gpfn));
        if (rc || !range)
            break;
        a->idx++;
        a->gpfn++;
        if (--a->size > 0 && preempt_pending()) {
            rc = hypercall_write(hc, hc->arg[1], a, LAYOUT_ADD_TO_PHYSMAP);
            return rc ? rc : -ERESTART;
        }
    }
    if (rc == 0 && a->space == XENMAPSPACE_shared_info && d == hc->v->d)
        domain_set_compat(d, hc->compat);
    return rc;
}

static int add_batch_entry(struct hypercall *hc, struct domain *d, struct domain *owner,
                           const struct xen_add_to_physmap_batch *arg, uint64_t i)
{
    uint64_t index, pfn;
    int error, rc = memory_read_word(hc, HANDLE_VA(arg->idxs), i, &index);

    if (!rc)
        rc = memory_read_word(hc, HANDLE_VA(arg->gpfns), i, &pfn);
    if (rc)
        return rc;
    error = owner ? map_foreign(d, GFN(pfn), owner, GFN(index)) : add_one(d, arg->space, index, GFN(pfn));
    if (error == -ERESTART)
        return continue_at(hc, i);
    return guest_write_array(hc->v, arg->errs, i, &error, 1);
}

/*
 * Each page's result is in errs[]; the call itself fails only when arrays cannot be read or written.
 * Continues by start extent.
 */
long memory_add_to_physmap_batch(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_add_to_physmap_batch *a = arg;
    bool foreign = a->space == XENMAPSPACE_gmfn_foreign;
    uint64_t start = hc->arg[0] >> START_SHIFT, i = start;
    struct domain *owner = NULL;
    int rc = 0;

    if (a->space == XENMAPSPACE_gmfn_range || (!foreign && a->u.res0) || i > a->size)
        return -EINVAL;
    if (foreign && !hc->v->d->is_dom0)
        return -EPERM;
    if (foreign)
        owner = hypercall_target(hc, a->u.foreign_domid, &rc);
    for (; rc == 0 && i < a->size; i++) {
        rc = i > start && preempt_pending() ? continue_at(hc, i) : 0;
        if (!rc)
            rc = add_batch_entry(hc, d, owner, a, i);
    }
    if (owner)
        domain_put(owner);
    return rc;
}

long memory_remove_from_physmap(struct hypercall *hc, struct domain *d, void *arg)
{
    return p2m_remove(d, GFN(((struct xen_remove_from_physmap *)arg)->gpfn));
}

/* --- resources --- */

/*
 * Maps grant table frames first .. of `owner` at the caller's gfns, from where it was interrupted; after an
 * error none of them is mapped.
 */
static int map_grant_frames(struct hypercall *hc, struct domain *owner,
                            const struct xen_mem_acquire_resource *arg)
{
    uint64_t start = MIN(hc->arg[0] >> START_SHIFT, (uint64_t)arg->nr_frames), i;
    struct domain *d = hc->v->d;
    struct p2m_batch undo;
    xen_pfn_t pfn;
    int rc = 0;

    for (i = start; i < arg->nr_frames; i++) {
        mfn_t mfn;

        if (i > start && preempt_pending())
            return continue_at(hc, i);
        rc = guest_read_array(hc->v, &pfn, arg->frame_list, i, 1);
        if (!rc)
            rc = grant_frame(owner, arg->frame + i, &mfn);
        if (rc == -ERESTART)
            return continue_at(hc, i);
        if (!rc)
            rc = replace(d, GFN(pfn), mfn, P2M_FOREIGN);
        if (rc)
            break;
    }
    p2m_batch_init(&undo, d);
    while (rc && i-- > 0)
        if (!guest_read_array(hc->v, &pfn, arg->frame_list, i, 1) &&
            p2m_batch_remove(&undo, GFN(pfn), ORDER_4K, 1u << P2M_FOREIGN, MFN_NONE, NULL))
            continue; /* the caller has changed its list */
    p2m_batch_finish(&undo);
    return rc;
}

long memory_acquire_resource(struct hypercall *hc, struct domain *owner, void *arg)
{
    struct xen_mem_acquire_resource *a = arg;
    uint32_t frames = owner->grant.max_frames;

    if (a->pad || owner == hc->v->d)
        return -EINVAL;
    if (a->type != XENMEM_resource_grant_table)
        return -EOPNOTSUPP;
    if (a->id != XENMEM_resource_grant_table_id_shared || a->frame > frames ||
        a->nr_frames > frames - a->frame || (a->nr_frames == 0 && HANDLE_VA(a->frame_list)))
        return -EINVAL;
    if (a->nr_frames > 0)
        return map_grant_frames(hc, owner, a);
    a->nr_frames = frames;
    return 0;
}
