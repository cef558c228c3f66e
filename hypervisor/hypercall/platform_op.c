/* SPDX-License-Identifier: MIT */
/*
 * platform_op: dom0's kernel and the machine (<xen/platform.h>). It sets the wall clock that all guests see,
 * and asks for the physical CPUs. Firmware services and power management of the host are not offered: Linux
 * does without.
 */
#include "hypercall.h"
#include "lib.h"
#include "percpu.h"

#include <xen/platform.h>

#define NSEC_PER_SEC 1000000000u

typedef int platform_op_fn(struct xen_platform_op *op);

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

static int op_settime32(struct xen_platform_op *op)
{
    return set_time(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
}

static int op_settime64(struct xen_platform_op *op)
{
    if (op->u.settime64.mbz != 0)
        return -EINVAL;
    return set_time(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
}

static int op_get_cpuinfo(struct xen_platform_op *op)
{
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

static const struct platform_op_row {
    platform_op_fn *fn;
    bool out;         /* the structure goes back */
} rows[] = {
    [XENPF_settime32] = { op_settime32, false },
    [XENPF_settime64] = { op_settime64, false },
    [XENPF_get_cpuinfo] = { op_get_cpuinfo, true },
};

long hypercall_platform_op(struct hypercall *hc)
{
    struct xen_platform_op op;
    int rc = guest_read(hc->v, &op, hc->arg[0], sizeof(op));

    if (rc != 0)
        return rc;
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return -EACCES;
    if (op.cmd >= ARRAY_SIZE(rows) || rows[op.cmd].fn == NULL)
        return -ENOSYS;
    rc = rows[op.cmd].fn(&op);
    if (rc == 0 && rows[op.cmd].out)
        rc = guest_write(hc->v, hc->arg[0], &op, sizeof(op));
    return rc;
}
