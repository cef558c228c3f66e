/* SPDX-License-Identifier: MIT */
/*
 * platform_op and physdev_op: dom0's kernel and the machine (<xen/platform.h>, <xen/physdev.h>). It sets the
 * wall clock that all guests see, and asks for the physical CPUs. Firmware services and power management of
 * the host are not offered: Linux does without. It reports its PCI devices, which the core need not know:
 * dom0 drives them all.
 */
#include "lib.h"
#include "operation.h"
#include "percpu.h"

#include <xen/physdev.h>
#include <xen/platform.h>

#define NSEC_PER_SEC 1000000000u

static long set_time(struct hypercall *hc, struct domain *unused, void *arg)
{
    const struct xenpf_settime64 *t = &((struct xen_platform_op *)arg)->u.settime64;

    if (t->mbz != 0 || t->nsecs >= NSEC_PER_SEC || t->secs > (uint64_t)TIME_NEVER / NSEC_PER_SEC ||
        t->system_time > (uint64_t)TIME_NEVER)
        return -EINVAL;
    clock_set_wall(t->secs, t->nsecs, (nsec_t)t->system_time);
    for_each_domain(d)
        if (d->dying == DOMAIN_ALIVE)
            pvclock_update_wallclock(d);
    return 0;
}

static long get_cpuinfo(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xenpf_pcpuinfo *info = &((struct xen_platform_op *)arg)->u.pcpu_info;
    bool online = info->xen_cpuid < nr_cpus;

    info->max_present = nr_cpus - 1;
    info->flags = online ? XEN_PCPU_FLAGS_ONLINE : XEN_PCPU_FLAGS_INVALID;
    info->apic_id = online ? cpus[info->xen_cpuid].apic_id : 0;
    info->acpi_id = online ? info->xen_cpuid : 0;
    return 0;
}

static const struct operation rows[] = {
    [XENPF_settime64] = { .fn = set_time },
    [XENPF_get_cpuinfo] = { get_cpuinfo, .out = OUT_SUCCESS },
};

long hypercall_platform_op(struct hypercall *hc)
{
    return operation_run_versioned(hc, rows, ARRAY_SIZE(rows), sizeof(struct xen_platform_op),
                                   XENPF_INTERFACE_VERSION);
}

/* Everything about physical interrupts is -ENOSYS, since dom0 has its I/O APIC. */
long hypercall_physdev_op(struct hypercall *hc)
{
    switch ((uint32_t)hc->arg[0]) {
    case PHYSDEVOP_pci_mmcfg_reserved:
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove:
        return 0;
    default:
        return -ENOSYS;
    }
}
