/* SPDX-License-Identifier: MIT */
/*
 * hvm_op: parameters that a domain's builder, its guest and the core agree on, and how event upcalls arrive
 * (<xen/hvm/hvm_op.h>, <xen/hvm/params.h>). Most parameters are only kept: where the console's and the
 * store's pages and ports are. One table says who may read and write which, and what is behind those that do
 * something.
 *
 * Read next: core/vcpu.c (vcpu_event_upcall).
 */
#include "lib.h"
#include "operation.h"

#define FIRST_VECTOR 16u /* below are exceptions */
#define CALLBACK_TYPE(val) ((uint32_t)((val) >> 56))

/* --- parameters --- */

enum {
    GUEST_GETS = 1,  /* a guest may read its own */
    GUEST_SETS = 2,  /* ... and write */
    TOOLS_SET = 4,   /* dom0 may write; it may read all */
    ONCE = 8,        /* not changed any more when it is not 0 */
};

typedef int param_fn(struct domain *d, uint64_t value);

static param_fn set_callback, only_zero, timer_mode, shutdown_reason;

static const struct param {
    uint8_t flags;
    param_fn *set;   /* checks, and does what is to be done; NULL: just kept */
} params[HVM_NR_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = { GUEST_GETS | GUEST_SETS | TOOLS_SET, set_callback },
    [HVM_PARAM_STORE_PFN] = { GUEST_GETS | TOOLS_SET, NULL },
    [HVM_PARAM_STORE_EVTCHN] = { GUEST_GETS | GUEST_SETS | TOOLS_SET, NULL },
    [HVM_PARAM_CONSOLE_PFN] = { GUEST_GETS | TOOLS_SET, NULL },
    [HVM_PARAM_CONSOLE_EVTCHN] = { GUEST_GETS | GUEST_SETS | TOOLS_SET, NULL },
    [HVM_PARAM_IOREQ_PFN] = { TOOLS_SET, NULL },
    [HVM_PARAM_BUFIOREQ_PFN] = { TOOLS_SET, NULL },
    [HVM_PARAM_VIRIDIAN] = { TOOLS_SET | ONCE, only_zero },
    [HVM_PARAM_TIMER_MODE] = { TOOLS_SET, timer_mode },
    [HVM_PARAM_HPET_ENABLED] = { TOOLS_SET, only_zero },
    [HVM_PARAM_IDENT_PT] = { TOOLS_SET, NULL },
    [HVM_PARAM_ACPI_S_STATE] = { TOOLS_SET, only_zero },
    [HVM_PARAM_VM86_TSS] = { GUEST_GETS | GUEST_SETS | TOOLS_SET, NULL },
    [HVM_PARAM_VM86_TSS_SIZED] = { GUEST_GETS | GUEST_SETS | TOOLS_SET, NULL },
    [HVM_PARAM_VPT_ALIGN] = { TOOLS_SET, NULL },
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = { GUEST_GETS | GUEST_SETS | TOOLS_SET, NULL },
    [HVM_PARAM_PAGING_RING_PFN] = { TOOLS_SET, NULL },
    [HVM_PARAM_MONITOR_RING_PFN] = { TOOLS_SET, NULL },
    [HVM_PARAM_SHARING_RING_PFN] = { TOOLS_SET, NULL },
    [HVM_PARAM_TRIPLE_FAULT_REASON] = { TOOLS_SET, shutdown_reason },
    [HVM_PARAM_IOREQ_SERVER_PFN] = { TOOLS_SET | ONCE, NULL },
    [HVM_PARAM_NR_IOREQ_SERVER_PAGES] = { TOOLS_SET | ONCE, NULL },
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = { GUEST_GETS | GUEST_SETS | TOOLS_SET, NULL },
    [HVM_PARAM_ALTP2M] = { GUEST_GETS | TOOLS_SET | ONCE, only_zero },
    [HVM_PARAM_X87_FIP_WIDTH] = { GUEST_GETS | TOOLS_SET, NULL },
    [HVM_PARAM_MCA_CAP] = { TOOLS_SET | ONCE, only_zero },
};

static int only_zero(struct domain *d, uint64_t value)
{
    return value == 0 ? 0 : -EOPNOTSUPP;
}

static int timer_mode(struct domain *d, uint64_t value)
{
    return value <= HVMPTM_one_missed_tick_pending ? 0 : -EINVAL;
}

static int shutdown_reason(struct domain *d, uint64_t value)
{
    return value <= SHUTDOWN_MAX ? 0 : -EINVAL;
}

/* An upcall that became pending before the guest said how it wants them. */
static void repeat_upcall(struct vcpu *v)
{
    if (READ_ONCE(v->info->evtchn_upcall_pending))
        vcpu_event_upcall(v);
}

/*
 * How vcpus without a vector of their own get upcalls: by a vector, or not at all. Interrupt lines are
 * accepted and do nothing, because a PVH guest has none; Linux sets one to satisfy toolstacks.
 */
static int set_callback(struct domain *d, uint64_t value)
{
    uint32_t vector = 0;

    if (CALLBACK_TYPE(value) == HVM_PARAM_CALLBACK_TYPE_VECTOR) {
        vector = (uint8_t)value;
        if (vector < FIRST_VECTOR || (value & ~HVM_PARAM_CALLBACK_IRQ_TYPE_MASK) != vector)
            return -EINVAL;
    } else if (CALLBACK_TYPE(value) > HVM_PARAM_CALLBACK_TYPE_VECTOR) {
        return -EINVAL;
    }
    WRITE_ONCE(d->vdev.callback_vector, vector);
    if (vector)
        for_each_vcpu(d, v)
            repeat_upcall(v);
    return 0;
}

static int param_set(struct domain *d, const struct param *p, const struct xen_hvm_param *arg)
{
    int rc = 0;

    if ((p->flags & ONCE) && d->hvm_params[arg->index] != 0 && d->hvm_params[arg->index] != arg->value)
        return -EEXIST;
    if (p->set != NULL)
        rc = p->set(d, arg->value);
    if (rc == 0)
        d->hvm_params[arg->index] = arg->value;
    return rc;
}

/* -EINVAL: no such parameter (any more), -EPERM: not for the caller. */
static int param_check(struct hypercall *hc, uint32_t index, uint8_t guests_right, uint8_t tools_right)
{
    if (index >= HVM_NR_PARAMS || params[index].flags == 0)
        return -EINVAL;
    return params[index].flags & (hc->v->d->is_dom0 ? tools_right | guests_right : guests_right) ? 0 : -EPERM;
}

static long op_set_param(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_hvm_param *p = arg;
    int rc = param_check(hc, p->index, GUEST_SETS, TOOLS_SET);

    if (rc != 0)
        return rc;
    spin_lock(&d->lock);
    rc = param_set(d, &params[p->index], p);
    spin_unlock(&d->lock);
    return rc;
}

static long op_get_param(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_hvm_param *p = arg;
    int rc = param_check(hc, p->index, GUEST_GETS, TOOLS_SET);

    if (rc == 0)
        p->value = READ_ONCE(d->hvm_params[p->index]);
    return rc;
}

/* --- operations --- */

static long op_flush_tlbs(struct hypercall *hc, struct domain *d, void *arg)
{
    if (hc->arg[1] != 0)
        return -EINVAL;
    tlb_flush_domain(d);
    return 0;
}

/* A hint for shadow paging. Linux asks once whether it is wanted. */
static long op_pagetable_dying(struct hypercall *hc, struct domain *d, void *arg)
{
    return -EINVAL;
}

static long op_get_time(struct hypercall *hc, struct domain *d, void *arg)
{
    ((struct xen_hvm_get_time *)arg)->now = (uint64_t)clock_now();
    return 0;
}

static long op_set_upcall_vector(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_hvm_evtchn_upcall_vector *u = arg;
    struct vcpu *v;

    if (u->vector < FIRST_VECTOR)
        return -EINVAL;
    v = u->vcpu < d->max_vcpus ? d->vcpu[u->vcpu] : NULL;
    if (v == NULL)
        return -ENOENT;
    WRITE_ONCE(v->vdev.upcall_vector, u->vector);
    repeat_upcall(v);
    return 0;
}

static const struct operation rows[] = {
    [HVMOP_set_param] = { op_set_param, OPERATION_TARGET(struct xen_hvm_param, domid) },
    [HVMOP_get_param] = { op_get_param, OPERATION_TARGET(struct xen_hvm_param, domid), .out = OUT_SUCCESS },
    [HVMOP_flush_tlbs] = { .fn = op_flush_tlbs },
    [HVMOP_pagetable_dying] = { .fn = op_pagetable_dying },
    [HVMOP_get_time] = { op_get_time, OPERATION_ARG(struct xen_hvm_get_time), .out = OUT_SUCCESS },
    [HVMOP_set_evtchn_upcall_vector] = { op_set_upcall_vector,
                                         OPERATION_ARG(struct xen_hvm_evtchn_upcall_vector) },
};

long hypercall_hvm_op(struct hypercall *hc)
{
    return operation_run(hc, rows, ARRAY_SIZE(rows), (uint32_t)hc->arg[0], hc->arg[1]);
}
