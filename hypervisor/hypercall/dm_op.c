/* SPDX-License-Identifier: MIT */
/*
 * dm_op (<xen/hvm/dm_op.h>): what a device model in dom0 does with its guest: the ranges of its
 * devices, their interrupts, and video memory. Linux lets a program call it for one domain only, so
 * an operation has no effect beyond the domain that it names.
 *
 * The caller passes buffers, the first of which has the operation.
 *
 * Read next: core/ioreq.c, vdev/pc.c.
 */
#include "core/domain.h"
#include "core/domain_shutdown.h"
#include "core/ioreq.h"
#include "core/vcpu.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "hypercall/hypercall.h"
#include "hypercall/memory.h"
#include "hypercall/target.h"
#include "mm/owner.h"
#include "vdev/pc.h"

#include <xen/hvm/dm_op.h>

#define BUFFERS_MAX 2u

/* --- servers and ranges --- */

static long create_server(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    struct xen_dm_op_create_ioreq_server *c = &op->u.create_ioreq_server;

    /* 1: an old way to update the indexes of the ring, and 2: the atomic one; both work */
    if (c->pad[0] || c->pad[1] || c->pad[2] || c->handle_bufioreq > 2)
        return -EINVAL;
    return ioreq_create(d, hc->v->d->id, c->handle_bufioreq, &c->id);
}

/* Pages of the guest are not used: the caller gets the core's by XENMEM_acquire_resource. */
static long server_info(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    struct xen_dm_op_get_ioreq_server_info *i = &op->u.get_ioreq_server_info;

    if (i->flags & ~XEN_DMOP_no_gfns)
        return -EINVAL;
    if (!(i->flags & XEN_DMOP_no_gfns))
        return -EOPNOTSUPP;
    return ioreq_get_port(d, i->id, &i->bufioreq_port);
}

static long add_range(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    const struct xen_dm_op_ioreq_server_range *r = &op->u.map_io_range_to_ioreq_server;

    return r->pad ? -EINVAL : ioreq_map_range(d, r->id, r->type, r->start, r->end);
}

static long remove_range(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    const struct xen_dm_op_ioreq_server_range *r = &op->u.unmap_io_range_from_ioreq_server;

    return r->pad ? -EINVAL : ioreq_unmap_range(d, r->id, r->type, r->start, r->end);
}

static long set_state(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    const struct xen_dm_op_set_ioreq_server_state *s = &op->u.set_ioreq_server_state;

    return s->pad ? -EINVAL : ioreq_set_enabled(d, s->id, s->enabled);
}

static long destroy_server(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    const struct xen_dm_op_destroy_ioreq_server *s = &op->u.destroy_ioreq_server;

    return s->pad ? -EINVAL : ioreq_destroy(d, s->id);
}

/* --- interrupts --- */

static long set_intx(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    const struct xen_dm_op_set_pci_intx_level *i = &op->u.set_pci_intx_level;

    if (i->domain || i->bus || i->device > 31 || i->intx > 3 || i->level > 1)
        return -EINVAL;
    pc_set_intx(d, i->device, i->intx, i->level);
    return 0;
}

static long set_isa(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    const struct xen_dm_op_set_isa_irq_level *i = &op->u.set_isa_irq_level;

    if (i->isa_irq > 15 || i->level > 1)
        return -EINVAL;
    pc_set_isa(d, i->isa_irq, i->level);
    return 0;
}

static long set_link(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    const struct xen_dm_op_set_pci_link_route *l = &op->u.set_pci_link_route;

    if (l->link > 3 || l->isa_irq > 15)
        return -EINVAL;
    pc_set_link(d, l->link, l->isa_irq);
    return 0;
}

static long inject_msi(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    const struct xen_dm_op_inject_msi *m = &op->u.inject_msi;

    if (m->pad)
        return -EINVAL;
    pc_inject_msi(d, m->addr, m->data);
    return 0;
}

/* --- memory --- */

/* As Xen, it counts its argument down, page by page from the end, so that it can be continued. */
static long relocate(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    struct xen_dm_op_relocate_memory *r = &op->u.relocate_memory;
    bool first = true;

    if (r->pad || d->is_dom0)
        return -EINVAL;
    for (; r->size > 0; first = false) {
        if (!first && softirq_preempt_pending())
            return -ERESTART;
        uint64_t n = r->size - 1;
        int rc = memory_move_page(d, GFN(r->src_gfn + n), GFN(r->dst_gfn + n));
        if (rc)
            return rc;
        r->size--;
    }
    return 0;
}

/* All guest memory is write-back, which its page tables narrow. */
static long pin_cache(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    const struct xen_dm_op_pin_memory_cacheattr *p = &op->u.pin_memory_cacheattr;
    bool known = p->type <= XEN_DMOP_MEM_CACHEATTR_UCM && p->type != 2 && p->type != 3;

    return p->pad || p->start > p->end || !(known || p->type == XEN_DMOP_DELETE_MEM_CACHEATTR)
               ? -EINVAL
               : 0;
}

/* Not tracked: the caller then regards all of it as changed. */
static long track_vram(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    return op->u.track_dirty_vram.pad ? -EINVAL : -ENODATA;
}

/* --- the rest --- */

static long shut_down(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    if (op->u.remote_shutdown.reason > SHUTDOWN_MAX)
        return -EINVAL;
    domain_shutdown(d, (uint8_t)op->u.remote_shutdown.reason);
    return 0;
}

static long count_vcpus(struct hypercall *hc, struct domain *d, struct xen_dm_op *op)
{
    op->u.nr_vcpus.vcpus = d->max_vcpus;
    return 0;
}

typedef long dm_fn(struct hypercall *hc, struct domain *d, struct xen_dm_op *op);

/* The size of an operation's structure; whether it is written back. */
#define SIZE(field) .size = sizeof(((struct xen_dm_op *)0)->u.field)
static const struct {
    dm_fn *fn;
    uint8_t size;
    bool out;
} dm_ops[] = {
    [XEN_DMOP_create_ioreq_server] = { create_server, SIZE(create_ioreq_server), true },
    [XEN_DMOP_get_ioreq_server_info] = { server_info, SIZE(get_ioreq_server_info), true },
    [XEN_DMOP_map_io_range_to_ioreq_server] = { add_range, SIZE(map_io_range_to_ioreq_server) },
    [XEN_DMOP_unmap_io_range_from_ioreq_server] = { remove_range,
                                                    SIZE(unmap_io_range_from_ioreq_server) },
    [XEN_DMOP_set_ioreq_server_state] = { set_state, SIZE(set_ioreq_server_state) },
    [XEN_DMOP_destroy_ioreq_server] = { destroy_server, SIZE(destroy_ioreq_server) },
    [XEN_DMOP_track_dirty_vram] = { track_vram, SIZE(track_dirty_vram) },
    [XEN_DMOP_set_pci_intx_level] = { set_intx, SIZE(set_pci_intx_level) },
    [XEN_DMOP_set_isa_irq_level] = { set_isa, SIZE(set_isa_irq_level) },
    [XEN_DMOP_set_pci_link_route] = { set_link, SIZE(set_pci_link_route) },
    [XEN_DMOP_inject_msi] = { inject_msi, SIZE(inject_msi) },
    [XEN_DMOP_remote_shutdown] = { shut_down, SIZE(remote_shutdown) },
    [XEN_DMOP_relocate_memory] = { relocate, SIZE(relocate_memory), true },
    [XEN_DMOP_pin_memory_cacheattr] = { pin_cache, SIZE(pin_memory_cacheattr) },
    [XEN_DMOP_nr_vcpus] = { count_vcpus, SIZE(nr_vcpus), true },
};

static long run_operation(struct hypercall *hc, struct domain *d, const struct xen_dm_op_buf *buf)
{
    struct xen_dm_op op = { 0 };
    const uint64_t head = offsetof(struct xen_dm_op, u);

    if (buf->size < head)
        return -EINVAL;
    int rc = guest_read(hc->v, &op, HANDLE_VA(buf->h), MIN(buf->size, sizeof(op)));
    if (rc)
        return rc;
    if (op.pad)
        return -EINVAL;
    if (op.op >= ARRAY_SIZE(dm_ops) || !dm_ops[op.op].fn)
        return -EOPNOTSUPP;
    uint32_t nr = (uint32_t)index_nospec(op.op, ARRAY_SIZE(dm_ops));
    if (buf->size < head + dm_ops[nr].size)
        return -EINVAL;
    long result = dm_ops[nr].fn(hc, d, &op);
    if (dm_ops[nr].out && (result == 0 || result == -ERESTART))
        rc = guest_write(hc->v, HANDLE_VA(buf->h) + head, &op.u, dm_ops[nr].size);
    return rc ? rc : result;
}

long hypercall_dm_op(struct hypercall *hc)
{
    struct xen_dm_op_buf buf;
    int rc = -EINVAL;

    if (hc->compat || (uint32_t)hc->arg[1] == 0 || (uint32_t)hc->arg[1] > BUFFERS_MAX)
        return -EINVAL;
    struct domain *domain_scope d = hypercall_target(hc, (domid_t)hc->arg[0], &rc);
    if (!d)
        return rc;
    if (!d->hvm || d == hc->v->d || READ_ONCE(d->dying) != DOMAIN_ALIVE)
        return -EINVAL;
    rc = guest_read(hc->v, &buf, hc->arg[2], sizeof(buf));
    return rc ? rc : run_operation(hc, d, &buf);
}
