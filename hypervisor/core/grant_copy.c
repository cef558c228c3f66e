/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: bytes from one frame to another, each named by the caller's own gfn or by a grant to the
 * caller. Each side is resolved to a frame with a reference (a use of the grant, or of the p2m entry's frame)
 * before a byte is moved.
 */
#include "directmap.h"
#include "errors.h"
#include "grant_internal.h"
#include "lib.h"

struct side {
    struct domain *granter;           /* NULL: the caller's own gfn */
    uint32_t ref;
    bool write;
    mfn_t mfn;
};

static int16_t hold_own(struct domain *d, const struct gnttab_copy_ptr *p, struct side *s)
{
    int rc;

    if (p->domid != DOMID_SELF && p->domid != d->id)
        return GNTST_permission_denied;
    rc = p2m_get_frame(d, GFN(p->u.gmfn), s->write ? P2M_WRITABLE_TYPES : P2M_FRAME_TYPES, &s->mfn);
    return rc == 0 ? GNTST_okay : rc == -ENOENT ? GNTST_eagain : GNTST_bad_page;
}

static int16_t hold(struct domain *d, const struct gnttab_copy_ptr *p, bool by_ref, bool write,
                    struct side *s)
{
    int16_t status;

    *s = (struct side){ .write = write };
    if (!by_ref)
        return hold_own(d, p, s);
    s->ref = p->u.ref;
    s->granter = domain_get(p->domid == DOMID_SELF ? d->id : p->domid);
    if (!s->granter)
        return GNTST_bad_domain;
    status = grant_acquire(s->granter, s->ref, d->id, write, &s->mfn);
    if (status)
        domain_put(s->granter);
    return status;
}

static void release(struct side *s)
{
    if (!s->granter) {
        frame_put(s->mfn);
        return;
    }
    grant_release(s->granter, s->ref, s->write);
    domain_put(s->granter);
}

int16_t grant_copy(struct domain *d, const struct gnttab_copy *op)
{
    struct side from, to;
    int16_t status;

    if ((uint32_t)op->source.offset + op->len > PAGE_SIZE || (uint32_t)op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    status = hold(d, &op->source, op->flags & GNTCOPY_source_gref, false, &from);
    if (status)
        return status;
    status = hold(d, &op->dest, op->flags & GNTCOPY_dest_gref, true, &to);
    if (!status) {
        memmove((uint8_t *)mfn_to_virt(to.mfn) + op->dest.offset,
                (uint8_t *)mfn_to_virt(from.mfn) + op->source.offset, op->len);
        release(&to);
    }
    release(&from);
    return status;
}
