/* SPDX-License-Identifier: MIT */
/*
 * domctl: single vcpus. What one is doing, where it may run, its domain's share of the CPUs (as "credit2",
 * whose weight and cap mean what ours do), signals from outside, and the clock that all of them have.
 *
 * Read next: core/sched.c.
 */
#include "domctl.h"
#include "lib.h"
#include "percpu.h"
#include "time.h"

#define TSC_MODE_MAX 2 /* default, always emulated, never emulated */

struct vcpu *domctl_vcpu_find(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus && id < MAX_VCPUS ? READ_ONCE(d->vcpu[id]) : NULL;
}

static uint64_t online_cpus(void)
{
    return nr_cpus >= 64 ? ~0ull : (1ull << nr_cpus) - 1;
}

int domctl_vcpu_info(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    struct vcpu *v = domctl_vcpu_find(d, info->vcpu);
    struct vcpu_runstate_info rs;

    if (v == NULL)
        return -ESRCH;
    rs = sched_runstate(v);
    info->online = v->initialised && !v->down;
    info->blocked = v->blocked;
    info->running = rs.state == RUNSTATE_running;
    info->cpu_time = (uint64_t)rs.time[RUNSTATE_running];
    info->cpu = v->sched.cpu;
    return 0;
}

#define MASKS (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)

static int write_masks(struct hypercall *hc, const struct xen_domctl_vcpuaffinity *a, uint64_t hard,
                       uint64_t soft)
{
    int rc = a->flags & MASKS ? 0 : -EINVAL;

    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_HARD))
        rc = xenctl_bitmap_write(hc->v, &a->cpumap_hard, hard);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = xenctl_bitmap_write(hc->v, &a->cpumap_soft, soft);
    return rc;
}

int domctl_vcpu_get_affinity(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v = domctl_vcpu_find(d, a->vcpu);

    return v == NULL ? -ESRCH : write_masks(hc, a, v->sched.affinity, v->sched.soft_affinity);
}

/* Gives back the masks as they take effect; soft ones that no CPU is left of are no error, hard ones are. */
int domctl_vcpu_set_affinity(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v = domctl_vcpu_find(d, a->vcpu);
    uint64_t hard, soft;
    int rc = 0;

    if (v == NULL)
        return -ESRCH;
    if ((a->flags & MASKS) == 0 || (a->flags & ~(MASKS | XEN_VCPUAFFINITY_FORCE)) != 0)
        return -EINVAL;
    hard = v->sched.affinity;
    soft = v->sched.soft_affinity;
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = xenctl_bitmap_read(hc->v, &a->cpumap_hard, &hard);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = xenctl_bitmap_read(hc->v, &a->cpumap_soft, &soft);
    if (rc == 0)
        rc = sched_set_affinity(v, hard, soft);
    return rc == 0 ? write_masks(hc, a, hard & online_cpus(), soft & hard & online_cpus()) : rc;
}

int domctl_vcpu_scheduler(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;

    if (s->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    switch (s->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        s->u.credit2.weight = (uint16_t)d->weight;
        s->u.credit2.cap = (uint16_t)d->cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo: /* weight 0: as it is */
        return sched_set_params(d, s->u.credit2.weight != 0 ? s->u.credit2.weight : d->weight,
                                s->u.credit2.cap);
    default: /* parameters are a domain's, not a vcpu's */
        return -EINVAL;
    }
}

int domctl_vcpu_trigger(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domctl_vcpu_find(d, op->u.sendtrigger.vcpu);

    if (v == NULL)
        return -ESRCH;
    if (op->u.sendtrigger.trigger > XEN_DOMCTL_SENDTRIGGER_SLEEP)
        return -EINVAL;
    if (op->u.sendtrigger.trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
        return -EOPNOTSUPP; /* a PVH guest has no buttons */
    WRITE_ONCE(v->vdev.nmi_pending, true);
    vcpu_kick(v);
    return 0;
}

/* A guest's time-stamp counter is the host's, always: all modes are the same. */
int domctl_vcpu_get_tsc(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    op->u.tsc_info =
        (struct xen_domctl_tsc_info){ .gtsc_khz = (uint32_t)tsc_khz, .elapsed_nsec = (uint64_t)clock_now() };
    return 0;
}

int domctl_vcpu_set_tsc(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    return op->u.tsc_info.tsc_mode <= TSC_MODE_MAX ? 0 : -EINVAL;
}
