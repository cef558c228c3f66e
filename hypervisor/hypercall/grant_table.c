/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_grant_table_op (<xen/grant_table.h>): (cmd, array of structures, count). Each structure gets its
 * own status; the call as a whole fails only when the array cannot be read or written. Long arrays continue
 * by re-execution, with address and count advanced.
 */
#include "hypercall.h"
#include "lib.h"

union operation {
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_copy copy;
    struct gnttab_query_size query_size;
    struct gnttab_setup_table setup_table;
    struct gnttab_swap_grant_ref swap;
};

/* --- one structure --- */

static void do_map(struct hypercall *hc, union operation *op)
{
    op->map.status = grant_map(hc->v->d, &op->map);
}

static void do_copy(struct hypercall *hc, union operation *op)
{
    op->copy.status = grant_copy(hc->v->d, &op->copy);
}

static void do_query_size(struct hypercall *hc, union operation *op)
{
    int rc = 0;
    struct domain *d = hypercall_target(hc, op->query_size.dom, &rc);

    if (!d) {
        op->query_size.status = rc == -EPERM ? GNTST_permission_denied : GNTST_bad_domain;
        return;
    }
    op->query_size.status = grant_query_size(d, &op->query_size);
    domain_put(d);
}

/* Answers with machine frames, which no guest of ours could map: they use XENMEM_add_to_physmap. */
static void do_setup_table(struct hypercall *hc, union operation *op)
{
    (void)hc;
    op->setup_table.status = GNTST_general_error;
}

static void do_swap(struct hypercall *hc, union operation *op)
{
    op->swap.status = grant_swap(hc->v->d, op->swap.ref_a, op->swap.ref_b);
}

static const struct {
    void (*fn)(struct hypercall *hc, union operation *op);
    uint8_t size;
    const char *layout; /* where it is another for 32-bit callers (guest.h) */
} operations[] = {
    [GNTTABOP_map_grant_ref]  = { do_map, sizeof(struct gnttab_map_grant_ref), NULL },
    [GNTTABOP_setup_table]    = { do_setup_table, sizeof(struct gnttab_setup_table),
                                  LAYOUT_GRANT_SETUP_TABLE },
    [GNTTABOP_copy]           = { do_copy, sizeof(struct gnttab_copy), LAYOUT_GRANT_COPY },
    [GNTTABOP_query_size]     = { do_query_size, sizeof(struct gnttab_query_size), NULL },
    [GNTTABOP_swap_grant_ref] = { do_swap, sizeof(struct gnttab_swap_grant_ref), NULL },
};

/* --- arrays --- */

/* A mapping whose handle the guest did not get. */
static void undo_map(struct hypercall *hc, const struct gnttab_map_grant_ref *op)
{
    struct gnttab_unmap_grant_ref unmap = { .host_addr = op->host_addr, .handle = op->handle };
    struct grant_unmap batch;

    if (op->status != GNTST_okay)
        return;
    grant_unmap_init(&batch, hc->v->d);
    (void)grant_unmap_add(&batch, &unmap); /* fails when another vcpu has unmapped it already */
    grant_unmap_finish(&batch);
}

static long each(struct hypercall *hc, uint32_t cmd, uint32_t count)
{
    const char *layout = operations[cmd].layout;
    uint8_t size = operations[cmd].size;
    union operation op;
    int rc;

    while (count > 0) {
        rc = guest_read_layout(hc->v, &op, hc->arg[1], size, layout, hc->compat);
        if (rc)
            return rc;
        operations[cmd].fn(hc, &op);
        rc = guest_write_layout(hc->v, hc->arg[1], &op, size, layout, hc->compat);
        if (rc) {
            if (cmd == GNTTABOP_map_grant_ref)
                undo_map(hc, &op.map);
            return rc;
        }
        hc->arg[1] += guest_layout_size(size, layout, hc->compat);
        hc->arg[2] = --count;
        if (count > 0 && preempt_pending())
            return -ERESTART;
    }
    return 0;
}

/* Statuses are written when the flush is done. */
static long unmap(struct hypercall *hc, uint32_t count)
{
    struct gnttab_unmap_grant_ref op[GRANT_UNMAP_BATCH];
    struct grant_unmap batch;
    int rc;

    while (count > 0) {
        uint32_t n = MIN(count, GRANT_UNMAP_BATCH);

        rc = guest_read(hc->v, op, hc->arg[1], n * sizeof(op[0]));
        if (rc)
            return rc;
        grant_unmap_init(&batch, hc->v->d);
        for (uint32_t i = 0; i < n; i++)
            op[i].status = grant_unmap_add(&batch, &op[i]);
        grant_unmap_finish(&batch);
        rc = guest_write(hc->v, hc->arg[1], op, n * sizeof(op[0]));
        if (rc)
            return rc;
        hc->arg[1] += n * sizeof(op[0]);
        count -= n;
        hc->arg[2] = count;
        if (count > 0 && preempt_pending())
            return -ERESTART;
    }
    return 0;
}

/* --- the version: 1 --- */

static long set_version(struct hypercall *hc)
{
    struct gnttab_set_version op;
    int rc = guest_read(hc->v, &op, hc->arg[1], sizeof(op)), written;

    if (rc)
        return rc;
    if (op.version != 1)
        rc = op.version == 2 ? -ENOSYS : -EINVAL;
    op.version = 1;
    written = guest_write(hc->v, hc->arg[1], &op, sizeof(op));
    return written ? written : rc;
}

static long get_version(struct hypercall *hc)
{
    struct gnttab_get_version op;
    struct domain *d;
    int rc = guest_read(hc->v, &op, hc->arg[1], sizeof(op));

    if (rc)
        return rc;
    d = hypercall_target(hc, op.dom, &rc);
    if (!d)
        return rc;
    domain_put(d);
    op.version = 1;
    return guest_write(hc->v, hc->arg[1], &op, sizeof(op));
}

long hypercall_grant_table_op(struct hypercall *hc)
{
    uint32_t cmd = hc->arg[0], count = hc->arg[2];

    if (count > INT32_MAX)
        return -EINVAL;
    switch (cmd) {
    case GNTTABOP_unmap_grant_ref:
        return unmap(hc, count);
    case GNTTABOP_set_version:
        return set_version(hc);
    case GNTTABOP_get_version:
        return get_version(hc);
    case GNTTABOP_transfer:
    case GNTTABOP_unmap_and_replace:
    case GNTTABOP_get_status_frames:
    case GNTTABOP_cache_flush:
        return -EOPNOTSUPP; /* not built on purpose */
    default:
        return cmd < ARRAY_SIZE(operations) && operations[cmd].fn ? each(hc, cmd, count) : -ENOSYS;
    }
}
