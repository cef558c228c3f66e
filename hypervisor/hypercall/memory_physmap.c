/* SPDX-License-Identifier: MIT */
/*
 * memory_op: maps pages into a domain's physical memory: the core's pages (shared_info, grant
 * table) and frames of other domains (dom0 only). The old entry is removed as by
 * remove_from_physmap, RAM included. An HVM guest's own pages can be moved, which hvmloader does if
 * it may not populate more, and a device model with video memory.
 *
 * References: each reference taken here passes to the new entry (p2m.h). Read next: mm/p2m.c.
 */
#include "core/domain.h"
#include "core/grant.h"
#include "core/vcpu.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "hypercall/memory.h"
#include "hypercall/target.h"
#include "mm/frame.h"
#include "mm/owner.h"
#include "mm/p2m.h"
#include "vdev/pvclock.h"

/* Replaces the entry at gfn. The caller's reference passes to the entry, or is dropped on error. */
static int replace_entry(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    int rc = p2m_replace(d, gfn, mfn, type);

    if (rc)
        frame_put(mfn);
    return rc;
}

/*
 * Maps shared_info or a grant frame at one gfn; mapping it at another gfn moves it. Consumes the
 * caller's reference.
 */
static int show_core_frame(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    uint32_t old = mfn_to_frame(mfn)->gfn;
    int rc = replace_entry(d, gfn, mfn, P2M_XENPAGE);

    if (!rc && old != FRAME_GFN_NONE && old != gfn.n)
        (void)p2m_remove_types(d, GFN(old), 1u << P2M_XENPAGE);
    return rc;
}

/*
 * Maps a RAM page of another domain, never of d itself. An absent one is filled. -ENOENT: its owner
 * lacks the memory at present; the caller retries. -ENOMEM: it does, and is paused, as while it is
 * built.
 */
static int map_foreign(struct domain *d, gfn_t gfn, struct domain *owner, gfn_t theirs)
{
    mfn_t mfn;
    int rc = owner == d ? -EINVAL : 0;

    if (!rc && READ_ONCE(owner->p2m.pages[P2M_ABSENT]))
        rc = p2m_fill(owner, theirs);
    if (!rc)
        rc = p2m_get_frame(owner, theirs, 1u << P2M_RAM, &mfn);
    if (rc == -ENOMEM && !READ_ONCE(owner->controller_pauses))
        rc = -ENOENT;
    return rc ? rc : replace_entry(d, gfn, mfn, P2M_FOREIGN);
}

/* Gets a frame of d's grant table with a reference, growing the table up to it frame by frame. */
static int grant_frame(struct domain *d, uint64_t index, mfn_t *mfn)
{
    /* also for XENMAPIDX_grant_table_status, which version 1 lacks */
    if (index >= d->grant.max_frames)
        return -EINVAL;
    for (;;) {
        uint64_t next = MIN(index, READ_ONCE(d->grant.frames));

        *mfn = grant_shared_frame(d, (uint32_t)next);
        if (!mfn_valid_number(*mfn))
            return -EINVAL;
        if (next == index)
            return 0;
        frame_put(*mfn);
        if (softirq_preempt_pending())
            return -ERESTART;
    }
}

int memory_move_page(struct domain *d, gfn_t from, gfn_t to)
{
    mfn_t mfn;
    int rc = p2m_get_frame(d, from, 1u << P2M_RAM, &mfn);

    if (rc)
        return rc;
    rc = p2m_remove_types(d, from, 1u << P2M_RAM);
    if (!rc) { /* the reference passes to the new entry */
        rc = p2m_replace(d, to, mfn, P2M_RAM);
        if (!rc || !p2m_set(d, from, mfn, ORDER_4K, P2M_RAM))
            return rc;
    }
    frame_put(mfn);
    return rc;
}

static int add_one(struct domain *d, unsigned int space, uint64_t index, gfn_t gfn)
{
    mfn_t mfn = d->shared_info_mfn;
    int rc;

    if (space == XENMAPSPACE_gmfn)
        return d->hvm ? memory_move_page(d, GFN(index), gfn) : -EOPNOTSUPP;
    if (space == XENMAPSPACE_shared_info)
        rc = index ? -EINVAL : frame_get(mfn);
    else
        rc = space == XENMAPSPACE_grant_table ? grant_frame(d, index, &mfn) : -EOPNOTSUPP;
    return rc ? rc : show_core_frame(d, gfn, mfn);
}

long memory_add_to_physmap(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_add_to_physmap *a = arg;
    int rc = add_one(d, a->space, a->idx, GFN(a->gpfn));

    if (rc == 0 && a->space == XENMAPSPACE_shared_info && d == hc->v->d &&
        d->compat != hc->compat) {
        domain_set_compat(d, hc->compat);
        pvclock_update_wallclock(d);
    }
    return rc;
}

static int add_batch_entry(struct hypercall *hc, struct domain *d, struct domain *owner,
                           const struct xen_add_to_physmap_batch *arg, uint64_t i)
{
    uint64_t index, pfn;
    int error, rc = memory_words_read(hc, HANDLE_VA(arg->idxs), i, &index, 1);

    if (rc > 0)
        rc = memory_words_read(hc, HANDLE_VA(arg->gpfns), i, &pfn, 1);
    if (rc < 0)
        return rc;
    error = owner ? map_foreign(d, GFN(pfn), owner, GFN(index))
                  : add_one(d, arg->space, index, GFN(pfn));
    return error == -ERESTART ? error : guest_write_array(hc->v, arg->errs, i, &error, 1);
}

/*
 * Stores each page's result in errs[]; the call itself fails only if an array cannot be accessed.
 */
long memory_add_to_physmap_batch(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_add_to_physmap_batch *a = arg;
    bool foreign = a->space == XENMAPSPACE_gmfn_foreign;
    uint64_t start = memory_start(hc), i = start;
    struct domain *domain_scope owner = NULL;
    int rc = 0;

    if ((!foreign && a->u.res0) || i > a->size)
        return -EINVAL;
    if (foreign && !hc->v->d->is_dom0)
        return -EPERM;
    if (foreign)
        owner = hypercall_target(hc, a->u.foreign_domid, &rc);
    while (rc == 0 && i < a->size) {
        rc = i > start && softirq_preempt_pending() ? -ERESTART
                                                    : add_batch_entry(hc, d, owner, a, i);
        i += rc == 0;
    }
    return rc == -ERESTART ? memory_continue(hc, i) : rc;
}

long memory_remove_from_physmap(struct hypercall *hc, struct domain *d, void *arg)
{
    return p2m_remove(d, GFN(((struct xen_remove_from_physmap *)arg)->gpfn));
}

/* --- resources --- */

/* Reads the gfn at which the caller wants frame i. */
static int read_gfn(struct hypercall *hc, const struct xen_mem_acquire_resource *arg, uint64_t i,
                    gfn_t *gfn)
{
    xen_pfn_t pfn;
    int rc = guest_read_array(hc->v, &pfn, arg->frame_list, i, 1);

    *gfn = GFN(rc ? 0 : pfn);
    return rc;
}

/*
 * Unmaps the frames before `end`, reading the caller's list again. dom0 may have changed the list
 * meanwhile, but that affects only its own foreign mappings.
 */
static void unmap_frames(struct hypercall *hc, const struct xen_mem_acquire_resource *arg,
                         uint64_t end)
{
    struct p2m_batch batch;
    gfn_t gfn;

    p2m_batch_init(&batch, hc->v->d);
    while (end-- > 0)
        if (!read_gfn(hc, arg, end, &gfn))
            (void)!p2m_batch_remove(&batch, gfn, ORDER_4K, 1u << P2M_FOREIGN, NULL);
    p2m_batch_finish(&batch);
}

/* Gets frame `index` of the resource with a reference. */
static int resource_frame(struct domain *owner, const struct xen_mem_acquire_resource *arg,
                          uint64_t index, mfn_t *mfn)
{
    if (arg->type == XENMEM_resource_ioreq_server)
        return ioreq_get_frame(owner, (ioservid_t)arg->id, index, mfn);
    return grant_frame(owner, index, mfn);
}

/* Maps frames of the resource at the caller's gfns. After an error none is mapped. */
static int map_frames(struct hypercall *hc, struct domain *owner,
                      const struct xen_mem_acquire_resource *arg)
{
    uint64_t start = memory_start(hc), i = MIN(start, arg->nr_frames);
    int rc = 0;

    while (!rc && i < arg->nr_frames) {
        gfn_t gfn;
        mfn_t mfn;

        rc = i > start && softirq_preempt_pending() ? -ERESTART : read_gfn(hc, arg, i, &gfn);
        if (!rc)
            rc = resource_frame(owner, arg, arg->frame + i, &mfn);
        if (!rc)
            rc = replace_entry(hc->v->d, gfn, mfn, P2M_FOREIGN);
        i += rc == 0;
    }
    if (rc && rc != -ERESTART)
        unmap_frames(hc, arg, i);
    return rc == -ERESTART ? memory_continue(hc, i) : rc;
}

/* Returns how many frames the resource has; -EOPNOTSUPP: no such type, -EINVAL: no such id. */
static int resource_size(struct domain *owner, const struct xen_mem_acquire_resource *a)
{
    if (a->type == XENMEM_resource_ioreq_server && owner->ioreq)
        return a->id < DOMID_FIRST_RESERVED ? IOREQ_FRAMES : -EINVAL;
    if (a->type != XENMEM_resource_grant_table)
        return -EOPNOTSUPP;
    return a->id == XENMEM_resource_grant_table_id_shared ? (int)owner->grant.max_frames : -EINVAL;
}

long memory_acquire_resource(struct hypercall *hc, struct domain *owner, void *arg)
{
    struct xen_mem_acquire_resource *a = arg;

    if (a->pad || owner == hc->v->d)
        return -EINVAL;
    int size = resource_size(owner, a);
    if (size < 0)
        return size;
    uint32_t frames = (uint32_t)size;
    if (a->frame > frames || a->nr_frames > frames - a->frame ||
        (a->nr_frames == 0 && HANDLE_VA(a->frame_list)))
        return -EINVAL;
    if (a->nr_frames > 0)
        return map_frames(hc, owner, a);
    a->nr_frames = frames;
    return 0;
}
