/* SPDX-License-Identifier: MIT */
/*
 * domctl: a domain's memory as the tools see it apart from memory_op: its limit, what kind of page is at each
 * of its frame numbers (for saving), nodes (there is one), and the pool for nested page tables, which we do
 * not bound apart.
 *
 * Read next: memory.c.
 */
#include "domctl.h"
#include "lib.h"

#define PAGE_TYPES_BATCH 64u
#define PAGE_TYPES_MAX 1024u /* per call, as the ABI has it */

long domctl_memory_max(struct hypercall *hc, struct domain *d, void *arg)
{
    /* Below what it has now is fine: then it cannot grow until it has shrunk. */
    WRITE_ONCE(d->max_pages, DOMCTL(arg)->max_mem.max_memkb >> (PAGE_SHIFT - 10));
    return 0;
}

/* In place: the array has frame numbers and gets types. RAM, or nothing that could be saved. */
static int page_types_batch(struct hypercall *hc, struct domain *d, gva_t array, uint64_t n)
{
    xen_pfn_t pfn[PAGE_TYPES_BATCH];
    int rc = guest_read(hc->v, pfn, array, n * sizeof(pfn[0]));

    if (rc != 0)
        return rc;
    for (uint64_t i = 0; i < n; i++) {
        enum p2m_type type = P2M_HOLE;

        p2m_lookup(d, GFN(pfn[i]), &type, NULL);
        pfn[i] = p2m_is_ram(type) ? XEN_DOMCTL_PFINFO_NOTAB : XEN_DOMCTL_PFINFO_XTAB;
    }
    return guest_write(hc->v, array, pfn, n * sizeof(pfn[0]));
}

long domctl_memory_page_types(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_getpageframeinfo3 *info = &DOMCTL(arg)->getpageframeinfo3;

    if (d->dying != DOMAIN_ALIVE)
        return -EINVAL;
    if (info->num > PAGE_TYPES_MAX)
        return -E2BIG;
    while (info->num > 0) {
        uint64_t n = MIN(info->num, PAGE_TYPES_BATCH);
        int rc = page_types_batch(hc, d, HANDLE_VA(info->array), n);

        if (rc != 0)
            return rc;
        info->array.p += n;
        info->num -= n;
        if (info->num > 0 && preempt_pending())
            return -ERESTART;
    }
    return 0;
}

/* There is neither shadow paging nor a log of dirty pages; switching off what is off succeeds. */
long domctl_memory_shadow(struct hypercall *hc, struct domain *d, void *arg)
{
    return DOMCTL(arg)->shadow_op.op == XEN_DOMCTL_SHADOW_OP_OFF ? 0 : -EOPNOTSUPP;
}

long domctl_memory_get_mempool(struct hypercall *hc, struct domain *d, void *arg)
{
    DOMCTL(arg)->paging_mempool.size = READ_ONCE(d->p2m.table_pages) * PAGE_SIZE;
    return 0;
}

long domctl_memory_set_mempool(struct hypercall *hc, struct domain *d, void *arg)
{
    return DOMCTL(arg)->paging_mempool.size % PAGE_SIZE == 0 ? 0 : -EINVAL;
}

long domctl_memory_get_nodes(struct hypercall *hc, struct domain *d, void *arg)
{
    return xenctl_bitmap_write(hc->v, &DOMCTL(arg)->nodeaffinity.nodemap, 1);
}

long domctl_memory_set_nodes(struct hypercall *hc, struct domain *d, void *arg)
{
    uint64_t nodes = 0;
    int rc = xenctl_bitmap_read(hc->v, &DOMCTL(arg)->nodeaffinity.nodemap, &nodes);

    if (rc != 0)
        return rc;
    return nodes & 1 ? 0 : -EINVAL;
}
