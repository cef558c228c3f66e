/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_grant_table_op (<xen/grant_table.h>): (cmd, array of structures, count). Each structure gets its
 * own status; the call as a whole fails only when the array cannot be read or written. Long arrays continue
 * by re-execution, with address and count advanced.
 */
#include "lib.h"
#include "operation.h"

/* --- one structure --- */

static long map(struct hypercall *hc, struct domain *d, void *arg)
{
    struct gnttab_map_grant_ref *op = arg;

    op->status = grant_map(d, op);
    return 0;
}

static long copy(struct hypercall *hc, struct domain *d, void *arg)
{
    struct gnttab_copy *op = arg;

    op->status = grant_copy(d, op);
    return 0;
}

static long query_size(struct hypercall *hc, struct domain *d, void *arg)
{
    struct gnttab_query_size *op = arg;
    int rc = 0;

    d = hypercall_target(hc, op->dom, &rc);
    if (!d) {
        op->status = rc == -EPERM ? GNTST_permission_denied : GNTST_bad_domain;
        return 0;
    }
    op->status = grant_query_size(d, op);
    domain_put(d);
    return 0;
}

/* Answers with machine frames, which no guest of ours could map: they use XENMEM_add_to_physmap. */
static long setup_table(struct hypercall *hc, struct domain *d, void *arg)
{
    ((struct gnttab_setup_table *)arg)->status = GNTST_general_error;
    return 0;
}

static long swap(struct hypercall *hc, struct domain *d, void *arg)
{
    struct gnttab_swap_grant_ref *op = arg;

    op->status = grant_swap(d, op->ref_a, op->ref_b);
    return 0;
}

/* There is only version 1. */
static long set_version(struct hypercall *hc, struct domain *d, void *arg)
{
    struct gnttab_set_version *op = arg;
    uint32_t wanted = op->version;

    op->version = 1;
    return wanted == 1 ? 0 : wanted == 2 ? -ENOSYS : -EINVAL;
}

static long get_version(struct hypercall *hc, struct domain *d, void *arg)
{
    ((struct gnttab_get_version *)arg)->version = 1;
    return 0;
}

static long not_built(struct hypercall *hc, struct domain *d, void *arg)
{
    return -EOPNOTSUPP; /* on purpose */
}

static const struct operation operations[] = {
    /* checked before, or nobody could unmap it */
    [GNTTABOP_map_grant_ref] = { map, OPERATION_ARG(struct gnttab_map_grant_ref), .out = OUT_CHECKED },
    [GNTTABOP_setup_table] = { setup_table, LAYOUT_GRANT_SETUP_TABLE,
                               OPERATION_ARG(struct gnttab_setup_table), .out = OUT_SUCCESS },
    [GNTTABOP_copy] = { copy, LAYOUT_GRANT_COPY, OPERATION_ARG(struct gnttab_copy), .out = OUT_SUCCESS },
    [GNTTABOP_query_size] = { query_size, OPERATION_ARG(struct gnttab_query_size), .out = OUT_SUCCESS },
    [GNTTABOP_swap_grant_ref] = { swap, OPERATION_ARG(struct gnttab_swap_grant_ref), .out = OUT_SUCCESS },
    [GNTTABOP_set_version] = { set_version, OPERATION_ARG(struct gnttab_set_version), .out = OUT_ALWAYS },
    [GNTTABOP_get_version] = { get_version, OPERATION_TARGET(struct gnttab_get_version, dom),
                               .out = OUT_SUCCESS },
    [GNTTABOP_transfer] = { .fn = not_built },
    [GNTTABOP_unmap_and_replace] = { .fn = not_built },
    [GNTTABOP_get_status_frames] = { .fn = not_built },
    [GNTTABOP_cache_flush] = { .fn = not_built },
};

static long run(struct hypercall *hc, uint32_t cmd)
{
    return operation_run(hc, operations, ARRAY_SIZE(operations), cmd, hc->arg[1]);
}

/* --- arrays --- */

static long each(struct hypercall *hc, uint32_t cmd, uint32_t count)
{
    const struct operation *o = &operations[cmd];

    while (count > 0) {
        long rc = run(hc, cmd);

        if (rc)
            return rc;
        hc->arg[1] += guest_layout_size(o->size, o->layout, hc->compat);
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

long hypercall_grant_table_op(struct hypercall *hc)
{
    uint32_t cmd = hc->arg[0], count = hc->arg[2];

    if (count > INT32_MAX)
        return -EINVAL;
    switch (cmd) {
    case GNTTABOP_unmap_grant_ref:
        return unmap(hc, count);
    case GNTTABOP_map_grant_ref:
    case GNTTABOP_setup_table:
    case GNTTABOP_copy:
    case GNTTABOP_query_size:
    case GNTTABOP_swap_grant_ref:
        return each(hc, cmd, count);
    default:
        return run(hc, cmd);
    }
}
