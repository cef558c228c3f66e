/* SPDX-License-Identifier: MIT */
/*
 * domctl: the machine that a domain has. Its time-stamp counter is the host's, always; it has no device, port or interrupt of
 * the host, so that taking one away succeeds and giving one does not.
 */
#include "domctl.h"

#define TSC_MODE_MAX 2 /* default, always emulated, never emulated */

int domctl_machine_get_tsc(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    (void)hc;
    (void)d;
    op->u.tsc_info = (struct xen_domctl_tsc_info){ .gtsc_khz = (uint32_t)tsc_khz, .elapsed_nsec = (uint64_t)clock_now() };
    return 0;
}

int domctl_machine_set_tsc(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    (void)hc;
    (void)d;
    return op->u.tsc_info.tsc_mode <= TSC_MODE_MAX ? 0 : -EINVAL;
}

int domctl_machine_irq(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    (void)hc;
    (void)d;
    return op->u.irq_permission.allow_access ? -EOPNOTSUPP : 0;
}

int domctl_machine_iomem(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;

    (void)hc;
    (void)d;
    if (p->nr_mfns == 0 || p->first_mfn + p->nr_mfns < p->first_mfn)
        return -EINVAL;
    return p->allow_access ? -EOPNOTSUPP : 0;
}

int domctl_machine_ioport(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;

    (void)hc;
    (void)d;
    if (p->nr_ports == 0 || p->first_port > 0xffff || p->nr_ports > 0x10000 - p->first_port)
        return -EINVAL;
    return p->allow_access ? -EOPNOTSUPP : 0;
}

/* Global VIRQs go to dom0. */
int domctl_machine_virq(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    (void)hc;
    (void)op;
    return d->is_dom0 ? 0 : -EOPNOTSUPP;
}

int domctl_machine_debugging(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    (void)hc;
    (void)d;
    return op->u.setdebugging.enable ? -EOPNOTSUPP : 0;
}
