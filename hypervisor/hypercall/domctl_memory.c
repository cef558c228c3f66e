/* SPDX-License-Identifier: MIT */
/*
 * domctl: a domain's memory, except for memory_op: its limit, the page type at each gfn (for save),
 * NUMA nodes (always one), and the size of its pool (../README.md, "Who pays").
 *
 * Read next: memory.c.
 */
#include "core/domain.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "hypercall/domctl.h"
#include "hypercall/guest_copy.h"
#include "hypercall/xenctl_bitmap.h"
#include "mm/alloc.h"
#include "mm/p2m.h"

#define PAGE_TYPES_MAX 1024u /* per call, as in the ABI */

long domctl_memory_max(struct hypercall *hc, struct domain *d, void *arg)
{
    /* A limit below the current size is valid: the domain cannot grow until it has shrunk. */
    WRITE_ONCE(d->max_pages, DOMCTL(arg)->max_mem.max_memkb >> (PAGE_SHIFT - 10));
    return 0;
}

/*
 * A page's type for save: XALLOC is RAM full of zeroes, whose contents are not saved, and XTAB
 * anything that cannot be saved. A paged page has contents.
 */
static xen_pfn_t type_of_page(struct domain *d, gfn_t gfn)
{
    enum p2m_type type;

    p2m_lookup(d, gfn, &type, NULL);
    if (type == P2M_ABSENT)
        return XEN_DOMCTL_PFINFO_XALLOC;
    return p2m_is_ram(type) || type == P2M_PAGED ? XEN_DOMCTL_PFINFO_NOTAB : XEN_DOMCTL_PFINFO_XTAB;
}

/* Replaces each frame number in the caller's array by its type. */
long domctl_memory_page_types(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_getpageframeinfo3 *info = &DOMCTL(arg)->getpageframeinfo3;

    if (READ_ONCE(d->dying) != DOMAIN_ALIVE)
        return -EINVAL;
    if (info->num > PAGE_TYPES_MAX)
        return -E2BIG;
    while (info->num > 0) {
        xen_pfn_t pfn;
        int rc = guest_read_array(hc->v, &pfn, info->array, 0, 1);

        if (rc)
            return rc;
        pfn = type_of_page(d, GFN(pfn));
        rc = guest_write_array(hc->v, info->array, 0, &pfn, 1);
        if (rc)
            return rc;
        info->array.p++;
        if (--info->num > 0 && softirq_preempt_pending())
            return -ERESTART;
    }
    return 0;
}

#define MIB_FRAMES (1u << (20 - PAGE_SHIFT))

/*
 * Shadow paging and log-dirty are not implemented; disabling them succeeds. Tools before 4.17 use
 * the allocation operations for the pool's size in MiB.
 */
long domctl_memory_shadow(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_shadow_op *op = &DOMCTL(arg)->shadow_op;
    int rc = 0;

    if (op->op == XEN_DOMCTL_SHADOW_OP_OFF)
        return 0;
    if (op->op == XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION)
        rc = alloc_set_pool(d, (uint64_t)op->mb * MIB_FRAMES);
    else if (op->op != XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION)
        return -EOPNOTSUPP;
    op->mb = (uint32_t)((READ_ONCE(d->pool.size) + MIB_FRAMES - 1) / MIB_FRAMES);
    return rc;
}

long domctl_memory_get_mempool(struct hypercall *hc, struct domain *d, void *arg)
{
    DOMCTL(arg)->paging_mempool.size = READ_ONCE(d->pool.size) * PAGE_SIZE;
    return 0;
}

long domctl_memory_set_mempool(struct hypercall *hc, struct domain *d, void *arg)
{
    uint64_t size = DOMCTL(arg)->paging_mempool.size;

    return size % PAGE_SIZE ? -EINVAL : alloc_set_pool(d, size / PAGE_SIZE);
}

long domctl_memory_get_nodes(struct hypercall *hc, struct domain *d, void *arg)
{
    return xenctl_bitmap_write(hc->v, &DOMCTL(arg)->nodeaffinity.nodemap, 1);
}

long domctl_memory_set_nodes(struct hypercall *hc, struct domain *d, void *arg)
{
    cpumask_t nodes = 0;
    int rc = xenctl_bitmap_read(hc->v, &DOMCTL(arg)->nodeaffinity.nodemap, &nodes);

    if (!rc && !(nodes & 1))
        rc = -EINVAL;
    return rc;
}
