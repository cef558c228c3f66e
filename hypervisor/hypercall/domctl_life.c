/* SPDX-License-Identifier: MIT */
/*
 * domctl: a domain's life. create, its vcpus, pause and unpause, resume after a cancelled suspend, destroy.
 *
 * The tools' pauses are counted apart from the core's own (controller_pauses), so that an unpause too many is
 * an error and cannot take the core's pause away. A new domain has one.
 *
 * Read next: core/domain.c; domctl_info.c.
 */
#include "domctl.h"
#include "lib.h"

/* Tools nest pauses a few deep; a billion would be a bug or an attempt to overflow the count. */
#define MAX_CONTROLLER_PAUSES 255

/* -EINVAL for what the ABI does not have, -EOPNOTSUPP for what it has and we do not. */
static int check_config(const struct xen_domctl_createdomain *c)
{
    const uint32_t needed = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    /* oos_off chooses among shadow paging's variants: without shadow paging it says nothing */
    const uint32_t accepted = needed | XEN_DOMCTL_CDF_oos_off;
    uint32_t known = (XEN_DOMCTL_CDF_MAX << 1) - 1;

    if ((c->flags & ~known) != 0 || c->max_vcpus == 0 ||
        (c->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) != 0 ||
        (c->iommu_opts & ~XEN_DOMCTL_IOMMU_MAX) != 0 || (c->arch.emulation_flags & ~XEN_X86_EMU_ALL) != 0 ||
        (c->arch.misc_flags & ~XEN_X86_MISC_FLAGS_MAX) != 0)
        return -EINVAL;
    if (c->max_vcpus > MAX_VCPUS)
        return -ERANGE;
    if ((c->flags & needed) != needed || (c->flags & ~accepted) != 0 || c->iommu_opts != 0 ||
        c->vmtrace_size != 0 || XEN_DOMCTL_GRANT_version(c->grant_opts) != 1 ||
        c->arch.emulation_flags != XEN_X86_EMU_LAPIC)
        return -EOPNOTSUPP;
    if (c->max_grant_frames > GRANT_MAX_FRAMES || c->max_maptrack_frames > GRANT_MAX_MAPTRACK)
        return -EINVAL;
    if (c->cpupool_id != 0)
        return -ENOENT;
    return 0;
}

int domctl_life_create(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    bool any = op->domain == DOMID_DOM0 || op->domain >= DOMID_FIRST_RESERVED;
    int rc = check_config(&op->u.createdomain);

    /*
     * The new id must reach the caller, or nobody could destroy the domain: see that the way back is open
     * before.
     */
    if (rc == 0)
        rc = guest_write(hc->v, hc->arg[0], op, sizeof(*op));
    if (rc == 0)
        rc = domain_create(&op->u.createdomain, any ? DOMID_INVALID : op->domain, &d);
    if (rc == 0)
        op->domain = d->id;
    return rc;
}

int domctl_life_destroy(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    return domain_kill(d);
}

int domctl_life_pause(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    int rc = -EBUSY;

    spin_lock(&d->lock);
    if (d->controller_pauses < MAX_CONTROLLER_PAUSES) {
        d->controller_pauses++;
        domain_pause(d);
        rc = 0;
    }
    spin_unlock(&d->lock);
    if (rc != 0)
        return rc;
    /* Waits for the domain's vcpus, which may need the lock to get out: without it. */
    domain_pause_sync(d);
    domain_unpause(d);
    return 0;
}

int domctl_life_unpause(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    int rc = -EINVAL;

    spin_lock(&d->lock);
    if (d->controller_pauses > 0) {
        d->controller_pauses--;
        domain_unpause(d);
        rc = 0;
    }
    spin_unlock(&d->lock);
    return rc;
}

int domctl_life_resume(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    if (!d->shut_down)
        return -EINVAL;
    domain_resume(d);
    return 0;
}

int domctl_life_max_vcpus(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    return domain_alloc_vcpus(d, op->u.max_vcpus.max);
}

int domctl_life_set_handle(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    spin_lock(&d->lock);
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    spin_unlock(&d->lock);
    return 0;
}
