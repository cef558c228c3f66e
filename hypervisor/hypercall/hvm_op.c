/* SPDX-License-Identifier: MIT */
/*
 * hvm_op: parameters shared by a domain's builder, its guest and the core, and the delivery of
 * event upcalls (<xen/hvm/hvm_op.h>, <xen/hvm/params.h>). Most parameters are only stored, such as
 * the pages and ports of console and store. Operations that no supported kernel needs (time, TLB
 * flushes, hints for shadow paging) return -ENOSYS.
 *
 * Read next: core/vcpu.c (vcpu_event_upcall).
 */
#include "core/domain.h"
#include "core/vcpu.h"
#include "errors.h"
#include "hypercall/hypercall.h"
#include "hypercall/operation.h"
#include "spinlock.h"

#define FIRST_VECTOR 16u /* lower vectors are exceptions */

/* --- parameters --- */

/*
 * Sets of parameters: those that a guest may write or read for itself, and all that dom0 may use.
 */
#define PARAM(name) (1ull << HVM_PARAM_##name)
#define GUEST_SETS \
    (PARAM(CALLBACK_IRQ) | PARAM(STORE_EVTCHN) | PARAM(CONSOLE_EVTCHN) | PARAM(VM86_TSS) | \
     PARAM(VM86_TSS_SIZED) | PARAM(ACPI_IOPORTS_LOCATION) | PARAM(VM_GENERATION_ID_ADDR))
#define GUEST_GETS \
    (GUEST_SETS | PARAM(STORE_PFN) | PARAM(CONSOLE_PFN) | PARAM(ALTP2M) | PARAM(X87_FIP_WIDTH))
#define ONLY_ZERO \
    (PARAM(VIRIDIAN) | PARAM(HPET_ENABLED) | PARAM(ACPI_S_STATE) | PARAM(ALTP2M) | PARAM(MCA_CAP))
#define ALL \
    (GUEST_GETS | ONLY_ZERO | PARAM(IOREQ_PFN) | PARAM(BUFIOREQ_PFN) | PARAM(TIMER_MODE) | \
     PARAM(IDENT_PT) | PARAM(VPT_ALIGN) | PARAM(PAGING_RING_PFN) | PARAM(MONITOR_RING_PFN) | \
     PARAM(SHARING_RING_PFN) | PARAM(TRIPLE_FAULT_REASON) | PARAM(IOREQ_SERVER_PFN) | \
     PARAM(NR_IOREQ_SERVER_PAGES))

/* Delivers an upcall that became pending before the guest registered a vector. */
static void repeat_upcall(struct vcpu *v)
{
    if (READ_ONCE(v->info->evtchn_upcall_pending))
        vcpu_event_upcall(v);
}

/*
 * Sets how a vcpu without its own upcall vector receives upcalls: by this vector, or not at all.
 * Interrupt lines are accepted and ignored, because a PVH guest has none. Linux sets one to satisfy
 * toolstacks.
 */
static int set_callback(struct domain *d, uint64_t value)
{
    uint64_t type = value >> 56, vector = value & 0xff;
    bool by_vector = type == HVM_PARAM_CALLBACK_TYPE_VECTOR;

    if (type > HVM_PARAM_CALLBACK_TYPE_VECTOR ||
        (by_vector &&
         (vector < FIRST_VECTOR || (value & ~HVM_PARAM_CALLBACK_IRQ_TYPE_MASK) != vector)))
        return -EINVAL;
    WRITE_ONCE(d->vdev.callback_vector, by_vector ? vector : 0);
    if (by_vector)
        for_each_vcpu(d, v)
            repeat_upcall(v);
    return 0;
}

/* -EINVAL: no such parameter, or an obsolete one. -EPERM: not permitted to the caller. */
static int param_check(struct hypercall *hc, uint32_t index, uint64_t for_guests)
{
    if (index >= HVM_NR_PARAMS || !(ALL & (1ull << index)))
        return -EINVAL;
    return hc->v->d->is_dom0 || (for_guests & (1ull << index)) ? 0 : -EPERM;
}

static long op_set_param(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_hvm_param *p = arg;
    int rc = param_check(hc, p->index, GUEST_SETS);

    if (rc)
        return rc;
    if (p->value && (ONLY_ZERO & (1ull << p->index)) &&
        !(d->hvm && p->index == HVM_PARAM_HPET_ENABLED)) /* xl asks for it by default */
        return -EOPNOTSUPP;
    if ((p->index == HVM_PARAM_TIMER_MODE && p->value > HVMPTM_one_missed_tick_pending) ||
        (p->index == HVM_PARAM_TRIPLE_FAULT_REASON && p->value > SHUTDOWN_MAX) ||
        (p->index == HVM_PARAM_ACPI_IOPORTS_LOCATION && p->value > 1))
        return -EINVAL;
    spin_lock_scope(&d->lock);
    if (p->index == HVM_PARAM_CALLBACK_IRQ)
        rc = set_callback(d, p->value);
    if (!rc)
        d->hvm_params[p->index] = p->value;
    return rc;
}

static long op_get_param(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_hvm_param *p = arg;
    int rc = param_check(hc, p->index, GUEST_GETS);

    if (!rc)
        p->value = READ_ONCE(d->hvm_params[p->index]);
    return rc;
}

/* --- operations --- */

static long op_set_upcall_vector(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_hvm_evtchn_upcall_vector *u = arg;
    struct vcpu *v = domain_vcpu(d, u->vcpu);

    if (u->vector < FIRST_VECTOR)
        return -EINVAL;
    if (!v)
        return -ENOENT;
    WRITE_ONCE(v->vdev.upcall_vector, u->vector);
    repeat_upcall(v);
    return 0;
}

static const struct operation hvm_ops[] = {
    [HVMOP_set_param] = { op_set_param, OPERATION_TARGET(struct xen_hvm_param, domid) },
    [HVMOP_get_param] = { op_get_param, OPERATION_TARGET(struct xen_hvm_param, domid),
                          .out = OUT_SUCCESS },
    [HVMOP_set_evtchn_upcall_vector] = { op_set_upcall_vector,
                                         OPERATION_ARG(struct xen_hvm_evtchn_upcall_vector) },
};

long hypercall_hvm_op(struct hypercall *hc)
{
    return operation_run(hc, hvm_ops, ARRAY_SIZE(hvm_ops), (uint32_t)hc->arg[0], hc->arg[1]);
}
