/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op: a guest and its own vcpus (<xen/vcpu.h>): which are up, how their time went, where their vcpu_info
 * and runstate are kept, their timers. Linux's only timer is the one-shot of this file.
 *
 * Read next: core/vcpu.c.
 */
#include "hypercall.h"
#include "lib.h"

#define PERIOD_MIN MSEC(1)

/* v: the vcpu that the caller named, of its own domain. */
typedef long vcpu_op_fn(struct hypercall *hc, struct vcpu *v, gva_t arg);

static long op_up(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    if (!v->initialised)
        return -EINVAL;
    v->down = false;
    vcpu_unblock(v);
    return 0;
}

static long op_down(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    vcpu_stop(v);
    return 0;
}

static long op_is_up(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    return v->initialised && !v->down;
}

static long op_get_runstate(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_runstate_info info = sched_runstate(v);

    return hypercall_write(hc, arg, &info, LAYOUT_RUNSTATE_INFO);
}

static long op_register_runstate(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_register_runstate_memory_area area;
    int rc = guest_read(hc->v, &area, arg, sizeof(area));

    if (rc != 0)
        return rc;
    v->runstate_compat = hc->compat;
    WRITE_ONCE(v->runstate_va, hc->compat ? (uint32_t)area.addr.p : area.addr.p);
    if (v == hc->v)
        vcpu_update_runstate(v);
    return 0;
}

/* --- timers: times are ns since boot, as the guest's PV clock shows them --- */

static nsec_t to_time(uint64_t ns)
{
    return (nsec_t)MIN(ns, (uint64_t)TIME_NEVER);
}

static long op_set_periodic(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_set_periodic_timer t;
    int rc = guest_read(hc->v, &t, arg, sizeof(t));

    if (rc != 0)
        return rc;
    if (t.period_ns < PERIOD_MIN || t.period_ns > (uint64_t)TIME_NEVER / 2)
        return -EINVAL;
    v->period = (nsec_t)t.period_ns;
    timer_set(&v->periodic, clock_now() + v->period);
    return 0;
}

static long op_stop_periodic(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    v->period = 0;
    timer_stop(&v->periodic);
    return 0;
}

static long op_set_singleshot(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_set_singleshot_timer t;
    int rc = hypercall_read(hc, &t, arg, LAYOUT_SINGLESHOT_TIMER);

    if (rc != 0)
        return rc;
    if (v != hc->v)
        return -EINVAL;
    if ((t.flags & VCPU_SSHOTTMR_future) && to_time(t.timeout_abs_ns) < clock_now())
        return -XEN_ETIME;
    timer_set(&v->singleshot, to_time(t.timeout_abs_ns));
    return 0;
}

static long op_stop_singleshot(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    if (v != hc->v)
        return -EINVAL;
    timer_stop(&v->singleshot);
    return 0;
}

/* --- the rest --- */

static long op_register_info(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_register_vcpu_info info;
    int rc = guest_read(hc->v, &info, arg, sizeof(info));

    return rc == 0 ? vcpu_register_info(v, GFN(info.mfn), info.offset) : rc;
}

static long op_send_nmi(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    if (arg != 0)
        return -EINVAL;
    WRITE_ONCE(v->vdev.nmi_pending, true);
    vcpu_kick(v);
    return 0;
}

static vcpu_op_fn *const rows[] = {
    [VCPUOP_up] = op_up,
    [VCPUOP_down] = op_down,
    [VCPUOP_is_up] = op_is_up,
    [VCPUOP_get_runstate_info] = op_get_runstate,
    [VCPUOP_register_runstate_memory_area] = op_register_runstate,
    [VCPUOP_set_periodic_timer] = op_set_periodic,
    [VCPUOP_stop_periodic_timer] = op_stop_periodic,
    [VCPUOP_set_singleshot_timer] = op_set_singleshot,
    [VCPUOP_stop_singleshot_timer] = op_stop_singleshot,
    [VCPUOP_register_vcpu_info] = op_register_info,
    [VCPUOP_send_nmi] = op_send_nmi,
};

long hypercall_vcpu_op(struct hypercall *hc)
{
    struct domain *d = hc->v->d;
    uint32_t op = (uint32_t)hc->arg[0], id = (uint32_t)hc->arg[1];

    if (op >= ARRAY_SIZE(rows) || rows[op] == NULL)
        return -ENOSYS;
    if (id >= d->max_vcpus || d->vcpu[id] == NULL)
        return -ENOENT;
    return rows[op](hc, d->vcpu[id], hc->arg[2]);
}
