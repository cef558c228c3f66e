/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: copies bytes between two frames, each named by the caller's gfn or by a grant to
 * the caller. Both are resolved to frames with a reference (with a use of the grant, if any) before
 * the copy.
 */
#include "core/domain_registry.h"
#include "core/grant.h"
#include "core/grant_internal.h"
#include "directmap.h"
#include "lib.h"
#include "mm/frame.h"
#include "mm/owner.h"
#include "mm/p2m.h"

struct side {
    struct domain *granter; /* NULL: the caller's own gfn */
    uint32_t ref;
    bool write;
    mfn_t mfn;
};

static int16_t acquire_side(struct domain *d, const struct gnttab_copy_ptr *p, bool by_ref,
                            struct side *s)
{
    if (!by_ref && p->domid != DOMID_SELF && p->domid != d->id)
        return GNTST_permission_denied;
    if (!by_ref)
        return grant_frame(d, p->u.gmfn, s->write ? P2M_WRITABLE_TYPES : P2M_FRAME_TYPES, &s->mfn);
    s->ref = p->u.ref;
    s->granter = domain_get(p->domid == DOMID_SELF ? d->id : p->domid);
    if (!s->granter)
        return GNTST_bad_domain;
    int16_t status = grant_acquire(s->granter, s->ref, d->id, s->write, &s->mfn);
    if (status)
        domain_put(s->granter);
    return status;
}

static void release_side(struct side *s)
{
    frame_put(s->mfn);
    if (s->granter) {
        grant_release(s->granter, s->ref, s->write);
        domain_put(s->granter);
    }
}

int16_t grant_copy(struct domain *d, const struct gnttab_copy *op)
{
    struct side from = { .write = false }, to = { .write = true };

    if ((uint32_t)op->source.offset + op->len > PAGE_SIZE ||
        (uint32_t)op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    int16_t status = acquire_side(d, &op->source, op->flags & GNTCOPY_source_gref, &from);
    if (status)
        return status;
    status = acquire_side(d, &op->dest, op->flags & GNTCOPY_dest_gref, &to);
    if (!status) {
        memmove((uint8_t *)mfn_to_virt(to.mfn) + op->dest.offset,
                (uint8_t *)mfn_to_virt(from.mfn) + op->source.offset, op->len);
        release_side(&to);
    }
    release_side(&from);
    return status;
}
