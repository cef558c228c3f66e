/* SPDX-License-Identifier: MIT */
/*
 * The operations of cleave_op by which dom0's pager takes pages out of a domain and brings them
 * back (mm/p2m_page.c).
 */
#include "hypercall/page_op.h"
#include "core/domain.h"
#include "core/domain_shutdown.h"
#include "core/vcpu_memory.h"
#include "directmap.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "mm/alloc.h"
#include "mm/p2m.h"
#include "public/cleave.h"

long page_op_find(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_page_find *op = &((struct cleave_op *)arg)->u.page_find;
    mfn_t mfn;

    if (op->paged > 1 || op->pad)
        return -EINVAL;
    int rc = p2m_page_find(d, op->paged, &op->gfn, &mfn);
    if (rc || op->paged)
        return rc;
    rc = guest_write(hc->v, op->contents, mfn_to_virt(mfn), PAGE_SIZE);
    frame_put(mfn);
    return rc;
}

static bool is_padded(const struct cleave_page *op) { return op->pad[0] | op->pad[1] | op->pad[2]; }

/*
 * The contents are copied to a frame of the core's first: reading them from dom0 takes its p2m
 * lock, and d's must be held while they are compared.
 */
long page_op_evict(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct cleave_page *op = &((struct cleave_op *)arg)->u.page;

    if (is_padded(op))
        return -EINVAL;
    mfn_t copy = alloc_core(ORDER_4K);
    if (!mfn_valid_number(copy))
        return -ENOMEM;
    int rc = guest_read(hc->v, mfn_to_virt(copy), op->contents, PAGE_SIZE);
    if (!rc) {
        domain_pause_sync(d);
        rc = p2m_page_evict(d, GFN(op->gfn), mfn_to_virt(copy));
        domain_unpause(d);
    }
    alloc_free(copy, ORDER_4K);
    return rc;
}

long page_op_fill(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct cleave_page *op = &((struct cleave_op *)arg)->u.page;
    enum p2m_type type;

    if (is_padded(op))
        return -EINVAL;
    (void)p2m_lookup(d, GFN(op->gfn), &type, NULL);
    if (type != P2M_PAGED)
        return -ENOENT;
    mfn_t mfn = alloc_back(d);
    if (!mfn_valid_number(mfn))
        return -ENOMEM;
    int rc = guest_read(hc->v, mfn_to_virt(mfn), op->contents, PAGE_SIZE);
    if (!rc)
        return p2m_page_fill(d, GFN(op->gfn), mfn);
    alloc_release(mfn, ORDER_4K);
    return rc;
}

long page_op_wanted(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_page_wanted *op = &((struct cleave_op *)arg)->u.page_wanted;

    op->count = (uint16_t)vcpu_memory_wanted(d, op->gfn, ARRAY_SIZE(op->gfn));
    return 0;
}
