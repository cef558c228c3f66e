/* SPDX-License-Identifier: MIT */
/*
 * Initialises and destroys the state of a domain's emulated devices. Read next: cpuid.c, msr.c,
 * lapic.c, bus.c.
 */
#include "vdev/vdev.h"
#include "core/domain.h"
#include "core/vcpu.h"
#include "cpu/timer.h"
#include "mm/heap.h"
#include "vdev/bus.h"
#include "vdev/cpuid.h"
#include "vdev/lapic_timer.h"
#include "vdev/pc.h"
#include "vdev/pvclock.h"

static int init_domain(struct domain *d)
{
    spin_init(&d->vdev.lock, LOCK_VDEV);
    bus_init(d);
    pvclock_update_wallclock(d);
    int rc = d->hvm ? pc_init(d) : 0;

    return rc ? rc : cpuid_domain_init(d);
}

static void free_devices(struct domain *d)
{
    pc_free(d);
    heap_free(d->vdev.cpuid);
}

static int init_vcpu_devices(struct vcpu *v)
{
    v->vdev.sipi_vector = -1;
    lapic_timer_setup(v);
    lapic_reset(v, false);
    pvclock_update(v);
    return 0;
}

/* The vcpus are freed before the domain's devices, whose timer interrupts them. */
static void stop_devices(struct vcpu *v) { pc_stop(v->d); }

static void destroy_vcpu(struct vcpu *v) { timer_finish(&v->vdev.lapic.timer); }

const struct domain_part vdev_part = {
    .init_domain = init_domain,
    .destroy_domain = free_devices,
    .init_vcpu = init_vcpu_devices,
    .release_vcpu = stop_devices,
    .destroy_vcpu = destroy_vcpu,
};
