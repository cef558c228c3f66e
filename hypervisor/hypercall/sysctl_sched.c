/* SPDX-License-Identifier: MIT */
/*
 * sysctl: scheduling, machine-wide. The tools know it as "credit2" in the one CPU pool, number 0, which has
 * all CPUs.
 */
#include "domctl.h"
#include "lib.h"

long sysctl_sched_id(struct hypercall *hc, struct domain *d, void *arg)
{
    SYSCTL(arg)->sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return 0;
}

/* The only parameter of credit2: how long a vcpu runs at least. Ours has no such limit. */
long sysctl_sched_params(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_scheduler_op *s = &SYSCTL(arg)->scheduler_op;

    if (s->cpupool_id != 0)
        return -ESRCH;
    if (s->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    switch (s->cmd) {
    case XEN_SYSCTL_SCHEDOP_getinfo:
        s->u.sched_credit2.ratelimit_us = 0;
        return 0;
    case XEN_SYSCTL_SCHEDOP_putinfo:
        return s->u.sched_credit2.ratelimit_us == 0 ? 0 : -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

static int pool_info(struct hypercall *hc, struct xen_sysctl_cpupool_op *p)
{
    if (p->cpupool_id > 0)
        return -ENOENT; /* no pool with this number or a higher one */
    p->sched_id = XEN_SCHEDULER_CREDIT2;
    p->n_dom = 0;
    for_each_domain(d)
        p->n_dom++;
    return xenctl_bitmap_write(hc->v, &p->cpumap, xenctl_bitmap_cpus());
}

static int pool_move(struct xen_sysctl_cpupool_op *p)
{
    struct domain *d = p->domid < DOMID_FIRST_RESERVED ? domain_get((domid_t)p->domid) : NULL;

    if (d == NULL)
        return -EINVAL;
    domain_put(d);
    return 0; /* it is in pool 0 already */
}

long sysctl_sched_cpupool(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_cpupool_op *p = &SYSCTL(arg)->cpupool_op;

    switch (p->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        return pool_info(hc, p);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO: /* CPUs in no pool */
        return xenctl_bitmap_write(hc->v, &p->cpumap, 0);
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
        return -EOPNOTSUPP;
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return p->cpupool_id == 0 ? -EBUSY : -ENOENT;
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
        return p->cpupool_id == 0 ? -ENODEV : -ENOENT;
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        return p->cpupool_id == 0 ? pool_move(p) : -ENOENT;
    default:
        return -ENOSYS;
    }
}
