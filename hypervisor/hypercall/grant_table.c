/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_grant_table_op (<xen/grant_table.h>): (cmd, array of structures, count). Each
 * structure has its own status; the call itself fails only if the array cannot be read or written.
 * A long array continues by re-execution, with address and count advanced.
 */
#include "core/domain.h"
#include "core/grant.h"
#include "core/vcpu.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "hypercall/operation.h"
#include "hypercall/target.h"
#include "mm/owner.h"

/* --- one structure --- */

static long map_grant_ref(struct hypercall *hc, struct domain *d, void *arg)
{
    struct gnttab_map_grant_ref *op = arg;

    op->status = grant_map(d, op);
    return 0;
}

/* Returns machine frames, which no guest can map; add_to_physmap replaces it. */
static long setup_table(struct hypercall *hc, struct domain *d, void *arg)
{
    ((struct gnttab_setup_table *)arg)->status = GNTST_general_error;
    return 0;
}

static long copy_grant(struct hypercall *hc, struct domain *d, void *arg)
{
    struct gnttab_copy *op = arg;

    op->status = grant_copy(d, op);
    return 0;
}

static long query_size(struct hypercall *hc, struct domain *caller, void *arg)
{
    struct gnttab_query_size *op = arg;
    int rc = 0;
    struct domain *domain_scope d = hypercall_target(hc, op->dom, &rc);

    if (!d) {
        op->status = rc == -EPERM ? GNTST_permission_denied : GNTST_bad_domain;
        return 0;
    }
    op->nr_frames = READ_ONCE(d->grant.frames);
    op->max_nr_frames = d->grant.max_frames;
    op->status = GNTST_okay;
    return 0;
}

static long set_version(struct hypercall *hc, struct domain *d, void *arg)
{
    struct gnttab_set_version *op = arg;
    uint32_t wanted = op->version;

    op->version = 1;
    if (wanted == 1)
        return 0;
    return wanted == 2 ? -ENOSYS : -EINVAL;
}

static long get_version(struct hypercall *hc, struct domain *d, void *arg)
{
    ((struct gnttab_get_version *)arg)->version = 1;
    return 0;
}

/* Deliberately not implemented. */
static long refuse_op(struct hypercall *hc, struct domain *d, void *arg) { return -EOPNOTSUPP; }

#define ARG(type) OPERATION_ARG(struct gnttab_##type)

static const struct operation grant_table_ops[] = {
    /* OUT_CHECKED: else the handle would be lost */
    [GNTTABOP_map_grant_ref] = { map_grant_ref, ARG(map_grant_ref), .out = OUT_CHECKED },
    [GNTTABOP_unmap_grant_ref] = { ARG(unmap_grant_ref) }, /* in batches, by unmap_batch() */
    [GNTTABOP_setup_table] = { setup_table, LAYOUT_GRANT_SETUP_TABLE, ARG(setup_table),
                               .out = OUT_SUCCESS },
    [GNTTABOP_copy] = { copy_grant, LAYOUT_GRANT_COPY, ARG(copy), .out = OUT_SUCCESS },
    [GNTTABOP_query_size] = { query_size, ARG(query_size), .out = OUT_SUCCESS },
    [GNTTABOP_set_version] = { set_version, ARG(set_version), .out = OUT_ALWAYS },
    [GNTTABOP_get_version] = { get_version, OPERATION_TARGET(struct gnttab_get_version, dom),
                               .out = OUT_SUCCESS },
    [GNTTABOP_transfer] = { .fn = refuse_op },
    [GNTTABOP_unmap_and_replace] = { .fn = refuse_op },
    [GNTTABOP_get_status_frames] = { .fn = refuse_op },
    [GNTTABOP_swap_grant_ref] = { .fn = refuse_op },
    [GNTTABOP_cache_flush] = { .fn = refuse_op },
};

/* --- arrays --- */

/* Unmaps up to GRANT_UNMAP_BATCH grants with one flush. Statuses are written after the flush. */
static long unmap_batch(struct hypercall *hc, uint32_t n)
{
    struct gnttab_unmap_grant_ref op[GRANT_UNMAP_BATCH];
    struct grant_unmap batch;
    int rc = guest_read(hc->v, op, hc->arg[1], n * sizeof(op[0]));

    if (rc)
        return rc;
    grant_unmap_init(&batch, hc->v->d);
    for (uint32_t i = 0; i < n; i++)
        op[i].status = grant_unmap_add(&batch, &op[i]);
    grant_unmap_finish(&batch);
    return guest_write(hc->v, hc->arg[1], op, n * sizeof(op[0]));
}

long hypercall_grant_table_op(struct hypercall *hc)
{
    uint32_t cmd = hc->arg[0], count = hc->arg[2];

    if (count > INT32_MAX)
        return -EINVAL;
    if (cmd >= ARRAY_SIZE(grant_table_ops))
        return -ENOSYS;
    while (count > 0) {
        uint32_t n = cmd == GNTTABOP_unmap_grant_ref ? MIN(count, GRANT_UNMAP_BATCH) : 1;
        long rc =
            cmd == GNTTABOP_unmap_grant_ref
                ? unmap_batch(hc, n)
                : operation_run(hc, grant_table_ops, ARRAY_SIZE(grant_table_ops), cmd, hc->arg[1]);
        if (rc)
            return rc;
        hc->arg[1] += n * guest_layout_size(grant_table_ops[cmd].size, grant_table_ops[cmd].layout,
                                            hc->compat);
        count -= n;
        hc->arg[2] = count;
        if (count > 0 && softirq_preempt_pending())
            return -ERESTART;
    }
    return 0;
}
