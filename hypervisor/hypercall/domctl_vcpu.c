/* SPDX-License-Identifier: MIT */
/*
 * domctl: operations on a vcpu (state, affinity, NMI) and the domain's scheduling parameters. The
 * scheduler is reported as "credit2": weight and cap have the same meaning here.
 *
 * Read next: core/sched.c.
 */
#include "core/domain.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "errors.h"
#include "hypercall/domctl.h"
#include "hypercall/xenctl_bitmap.h"

long domctl_vcpu_info(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_getvcpuinfo *info = &DOMCTL(arg)->getvcpuinfo;
    struct vcpu *v = domain_vcpu(d, info->vcpu);

    if (v == NULL)
        return -ESRCH;
    struct vcpu_runstate_info rs = sched_runstate(v);
    info->online = vcpu_is_up(v);
    info->blocked = vcpu_is_blocked(v);
    info->running = rs.state == RUNSTATE_running;
    info->cpu_time = (uint64_t)rs.time[RUNSTATE_running];
    info->cpu = v->sched.cpu;
    return 0;
}

/*
 * Gets the requested masks, or sets them and returns the effective ones. A soft mask without any
 * usable CPU is accepted; a hard one is an error.
 */
long domctl_vcpu_affinity(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_vcpuaffinity *a = &DOMCTL(arg)->vcpuaffinity;
    bool hard = a->flags & XEN_VCPUAFFINITY_HARD, soft = a->flags & XEN_VCPUAFFINITY_SOFT;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    int rc = 0;

    if (v == NULL)
        return -ESRCH;
    if ((!hard && !soft) ||
        (a->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)) != 0)
        return -EINVAL;
    uint64_t hard_mask = v->sched.affinity, soft_mask = v->sched.soft_affinity;
    if (((struct xen_domctl *)arg)->cmd == XEN_DOMCTL_setvcpuaffinity) {
        if (hard)
            rc = xenctl_bitmap_read(hc->v, &a->cpumap_hard, &hard_mask);
        if (rc == 0 && soft)
            rc = xenctl_bitmap_read(hc->v, &a->cpumap_soft, &soft_mask);
        if (rc == 0)
            rc = sched_set_affinity(v, hard_mask, soft_mask);
        hard_mask &= xenctl_bitmap_cpus();
        soft_mask &= hard_mask;
    }
    if (rc == 0 && hard)
        rc = xenctl_bitmap_write(hc->v, &a->cpumap_hard, hard_mask);
    if (rc == 0 && soft)
        rc = xenctl_bitmap_write(hc->v, &a->cpumap_soft, soft_mask);
    return rc;
}

long domctl_vcpu_scheduler(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_scheduler_op *s = &DOMCTL(arg)->scheduler_op;

    if (s->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    switch (s->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        s->u.credit2.weight = (uint16_t)d->weight;
        s->u.credit2.cap = (uint16_t)d->cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo: /* weight 0: unchanged */
        return sched_set_params(d, s->u.credit2.weight ? s->u.credit2.weight : d->weight,
                                s->u.credit2.cap);
    default: /* parameters are per domain, not per vcpu */ return -EINVAL;
    }
}

long domctl_vcpu_trigger(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_domctl_sendtrigger *t = &DOMCTL(arg)->sendtrigger;
    struct vcpu *v = domain_vcpu(d, t->vcpu);

    if (v == NULL)
        return -ESRCH;
    if (t->trigger != XEN_DOMCTL_SENDTRIGGER_NMI) /* a PVH guest has no power or reset button */
        return t->trigger > XEN_DOMCTL_SENDTRIGGER_SLEEP ? -EINVAL : -EOPNOTSUPP;
    WRITE_ONCE(v->vdev.nmi_pending, true);
    vcpu_kick(v);
    return 0;
}
