/* SPDX-License-Identifier: MIT */
/*
 * Life of a domain's virtual machine parts: every device's state is made here and ends here. Read next:
 * cpuid.c, msr.c, lapic.c, io.c.
 */
#include "alloc.h"
#include "domain.h"
#include "vdev.h"

int vdev_init_domain(struct domain *d)
{
    spin_init(&d->vdev.lock, LOCK_VDEV);
    int rc = cpuid_domain_init(d);

    if (rc || !d->is_dom0)
        return rc;
    rc = ioapic_init(d);
    return rc ? rc : pci_init(d);
}

void vdev_destroy_domain(struct domain *d)
{
    heap_free(d->vdev.cpuid);
    heap_free(d->vdev.ioapic);
    heap_free(d->vdev.pci);
}

void vdev_init_vcpu(struct vcpu *v)
{
    v->vdev.sipi_vector = -1;
    lapic_timer_setup(v);
    lapic_reset(v, false);
}

void vdev_destroy_vcpu(struct vcpu *v)
{
    timer_stop(&v->vdev.lapic.timer);
}
