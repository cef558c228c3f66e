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

/* How many pages of a batch are looked at between two preemption points. */
#define BATCH_STEP 64u

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

static int add_one(struct domain *d, unsigned int space, uint64_t index, gfn_t gfn)
{
    mfn_t mfn = d->shared_info_mfn;

    switch (space) {
    case XENMAPSPACE_shared_info:
        return index || frame_get(mfn, NULL) ? -EINVAL : show_core_frame(d, gfn, mfn);
    case XENMAPSPACE_grant_table:
        if (index >= d->grant.max_frames) /* XENMAPIDX_grant_table_status too: version 1 has no status */
            return -EINVAL;
        mfn = grant_shared_frame(d, index);
        return mfn_valid_number(mfn) ? show_core_frame(d, gfn, mfn) : -EINVAL;
    case XENMAPSPACE_gmfn:
        return move_ram(d, GFN(index), gfn);
    default:
        return -EOPNOTSUPP;
    }
}

/* gmfn_range counts size down and idx and gpfn up in the caller's structure as it goes on. */
long memory_add_to_physmap(struct hypercall *hc)
{
    struct xen_add_to_physmap arg;
    struct domain *d;
    bool range;
    int rc = memory_target(hc, &arg, sizeof(arg), LAYOUT_ADD_TO_PHYSMAP, &arg.domid, &d);

    if (rc)
        return rc;
    range = arg.space == XENMAPSPACE_gmfn_range;
    while (!range || arg.size > 0) {
        rc = add_one(d, range ? XENMAPSPACE_gmfn : arg.space, arg.idx, GFN(arg.gpfn));
        if (rc || !range)
            break;
        arg.idx++;
        arg.gpfn++;
        if (--arg.size > 0 && preempt_pending()) {
            rc = hypercall_write(hc, hc->arg[1], &arg, LAYOUT_ADD_TO_PHYSMAP);
            if (!rc)
                rc = -ERESTART;
            break;
        }
    }
    if (rc == 0 && arg.space == XENMAPSPACE_shared_info && d == hc->v->d)
        domain_set_compat(d, hc->compat);
    domain_put(d);
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
    return guest_write_array(hc->v, arg->errs, i, &error, 1);
}

/*
 * Each page's result is in errs[]; the call itself fails only when arrays cannot be read or written.
 * Continues by start extent.
 */
long memory_add_to_physmap_batch(struct hypercall *hc)
{
    struct xen_add_to_physmap_batch arg;
    struct domain *d, *owner = NULL;
    uint64_t start = hc->arg[0] >> 6, i = start;
    int rc = memory_target(hc, &arg, sizeof(arg), LAYOUT_ADD_TO_PHYSMAP_BATCH, &arg.domid, &d);

    if (rc)
        return rc;
    if (arg.space == XENMAPSPACE_gmfn_range || (arg.space != XENMAPSPACE_gmfn_foreign && arg.u.res0) ||
        i > arg.size)
        rc = -EINVAL;
    else if (arg.space == XENMAPSPACE_gmfn_foreign && !hc->v->d->is_dom0)
        rc = -EPERM;
    else if (arg.space == XENMAPSPACE_gmfn_foreign)
        owner = hypercall_target(hc, arg.u.foreign_domid, &rc);
    for (; rc == 0 && i < arg.size; i++) {
        if (i > start && (i - start) % BATCH_STEP == 0 && preempt_pending()) {
            hc->arg[0] = (hc->arg[0] & 63) | i << 6;
            rc = -ERESTART;
            break;
        }
        rc = add_batch_entry(hc, d, owner, &arg, i);
    }
    if (owner)
        domain_put(owner);
    domain_put(d);
    return rc;
}

long memory_remove_from_physmap(struct hypercall *hc)
{
    struct xen_remove_from_physmap arg;
    struct domain *d;
    int rc = memory_target(hc, &arg, sizeof(arg), LAYOUT_REMOVE_FROM_PHYSMAP, &arg.domid, &d);

    if (rc)
        return rc;
    rc = p2m_remove(d, GFN(arg.gpfn));
    domain_put(d);
    return rc;
}

/* --- resources --- */

/* Maps grant table frames first .. of `owner` at the caller's gfns; after an error none of them is mapped. */
static int map_grant_frames(struct hypercall *hc, struct domain *owner,
                            const struct xen_mem_acquire_resource *arg)
{
    struct domain *d = hc->v->d;
    xen_pfn_t pfn;
    uint32_t i;
    int rc = 0;

    for (i = 0; i < arg->nr_frames; i++) {
        mfn_t mfn;

        rc = guest_read_array(hc->v, &pfn, arg->frame_list, i, 1);
        if (rc)
            break;
        mfn = grant_shared_frame(owner, arg->frame + i);
        rc = mfn_valid_number(mfn) ? replace(d, GFN(pfn), mfn, P2M_FOREIGN) : -EINVAL;
        if (rc)
            break;
    }
    while (rc && i-- > 0)
        if (!guest_read_array(hc->v, &pfn, arg->frame_list, i, 1))
            (void)p2m_remove_type(d, GFN(pfn), P2M_FOREIGN, MFN_NONE);
    return rc;
}

/* At most the frames that one grant table may have: short enough to need no continuation. */
long memory_acquire_resource(struct hypercall *hc)
{
    struct xen_mem_acquire_resource arg;
    struct domain *owner;
    int rc = memory_target(hc, &arg, sizeof(arg), NULL, &arg.domid, &owner);

    if (rc)
        return rc;
    if (arg.pad || owner == hc->v->d)
        rc = -EINVAL;
    else if (arg.type != XENMEM_resource_grant_table)
        rc = -EOPNOTSUPP;
    else if (arg.id != XENMEM_resource_grant_table_id_shared || arg.frame > owner->grant.max_frames ||
             arg.nr_frames > owner->grant.max_frames - arg.frame)
        rc = -EINVAL;
    else if (arg.nr_frames == 0 && HANDLE_VA(arg.frame_list))
        rc = -EINVAL;
    else if (arg.nr_frames == 0) {
        arg.nr_frames = owner->grant.max_frames;
        rc = guest_write(hc->v, hc->arg[1], &arg, sizeof(arg));
    } else {
        rc = map_grant_frames(hc, owner, &arg);
    }
    domain_put(owner);
    return rc;
}
