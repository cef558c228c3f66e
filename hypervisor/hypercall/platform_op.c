/* SPDX-License-Identifier: MIT */
/*
 * platform_op: dom0's kernel and the machine (<xen/platform.h>). It sets the wall clock that all guests see,
 * and asks for the physical CPUs. Firmware services and power management of the host are not offered: Linux
 * does without.
 */
#include "lib.h"
#include "operation.h"
#include "percpu.h"

#include <xen/platform.h>

#define NSEC_PER_SEC 1000000000u

static int set_time(uint64_t sec, uint32_t nsec, uint64_t system_time)
{
    if (nsec >= NSEC_PER_SEC || sec > (uint64_t)TIME_NEVER / NSEC_PER_SEC ||
        system_time > (uint64_t)TIME_NEVER)
        return -EINVAL;
    clock_set_wall(sec, nsec, (nsec_t)system_time);
    for_each_domain(d)
        if (d->dying == DOMAIN_ALIVE)
            pvclock_update_wallclock(d);
    return 0;
}

static long op_settime32(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_platform_op *op = arg;
    return set_time(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
}

static long op_settime64(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_platform_op *op = arg;
    if (op->u.settime64.mbz != 0)
        return -EINVAL;
    return set_time(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
}

static long op_get_cpuinfo(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_platform_op *op = arg;
    struct xenpf_pcpuinfo *info = &op->u.pcpu_info;
    uint32_t cpu = info->xen_cpuid;

    info->max_present = nr_cpus - 1;
    info->flags = XEN_PCPU_FLAGS_INVALID;
    info->apic_id = info->acpi_id = 0;
    if (cpu < nr_cpus) {
        info->flags = XEN_PCPU_FLAGS_ONLINE;
        info->apic_id = cpus[cpu].apic_id;
        info->acpi_id = cpu;
    }
    return 0;
}

static const struct operation rows[] = {
    [XENPF_settime32] = { .fn = op_settime32 },
    [XENPF_settime64] = { .fn = op_settime64 },
    [XENPF_get_cpuinfo] = { .fn = op_get_cpuinfo, .out = OUT_SUCCESS },
};

long hypercall_platform_op(struct hypercall *hc)
{
    return operation_run_versioned(hc, rows, ARRAY_SIZE(rows), sizeof(struct xen_platform_op),
                                   XENPF_INTERFACE_VERSION);
}
