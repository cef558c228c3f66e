/* SPDX-License-Identifier: MIT */
/*
 * Life of a domain's virtual machine parts: every device's state is made here and ends here. Read next:
 * cpuid.c, msr.c, lapic.c, bus.c.
 */
#include "alloc.h"
#include "domain.h"
#include "vdev.h"
#include "vdev/bus.h"

int vdev_init_domain(struct domain *d)
{
    spin_init(&d->vdev.lock, LOCK_VDEV);
    bus_init(d);
    return cpuid_domain_init(d);
}

void vdev_destroy_domain(struct domain *d) { heap_free(d->vdev.cpuid); }

void vdev_init_vcpu(struct vcpu *v)
{
    v->vdev.sipi_vector = -1;
    lapic_timer_setup(v);
    lapic_reset(v, false);
}

void vdev_destroy_vcpu(struct vcpu *v)
{
    timer_finish(&v->vdev.lapic.timer);
}
