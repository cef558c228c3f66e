/* SPDX-License-Identifier: MIT */
/*
 * platform_op and physdev_op: dom0's kernel and the machine (<xen/platform.h>, <xen/physdev.h>). It
 * sets the wall clock that all guests see, and asks for the physical CPUs and the screen. Firmware
 * services and power management of the host are not offered: Linux does without. It reports its PCI
 * devices, which the core need not know: dom0 drives them all.
 *
 * Of the MSRs that Xen lets tools read on a CPU of their choice, AMD's have only the time-stamp
 * counter, and for that one Xen gives its own time, which is the same on all of them. So no CPU
 * need be asked.
 */
#include "core/domain.h"
#include "core/domain_registry.h"
#include "cpu/clock.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "hypercall/operation.h"
#include "lib.h"
#include "lib/log.h"
#include "percpu.h"
#include "platform/boot_info.h"
#include "vdev/pvclock.h"

#include <xen/physdev.h>
#include <xen/platform.h>

#define XENPF_GET_DOM0_CONSOLE 64 /* in Xen's headers from 4.18 on */
#define NSEC_PER_SEC 1000000000u
#define MSR_TSC 0x10u
#define RESOURCE_ENTRIES_MAX 3u /* as many as Xen takes */

static long set_time(struct hypercall *hc, struct domain *unused, void *arg)
{
    const struct xenpf_settime64 *t = &((struct xen_platform_op *)arg)->u.settime64;

    if (t->mbz != 0 || t->nsecs >= NSEC_PER_SEC || t->secs > (uint64_t)TIME_NEVER / NSEC_PER_SEC ||
        t->system_time > (uint64_t)TIME_NEVER)
        return -EINVAL;
    clock_set_wall(t->secs, t->nsecs, (nsec_t)t->system_time);
    for_each_domain(d)
        if (READ_ONCE(d->dying) == DOMAIN_ALIVE)
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

static int resource_access(struct xenpf_resource_entry *e)
{
    if (e->rsvd)
        return -EINVAL;
    if (e->u.cmd != XEN_RESOURCE_OP_MSR_READ && e->u.cmd != XEN_RESOURCE_OP_MSR_WRITE)
        return -EOPNOTSUPP;
    if (e->idx >> 32)
        return -EINVAL;
    if (e->idx != MSR_TSC || e->u.cmd == XEN_RESOURCE_OP_MSR_WRITE)
        return -EPERM;
    e->val = (uint64_t)clock_now();
    return 0;
}

/*
 * Returns how many are done. The first that fails says why, and those behind it are not looked at.
 */
static long resource_op(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xenpf_resource_op *op = &((struct xen_platform_op *)arg)->u.resource_op;

    if (op->nr_entries > RESOURCE_ENTRIES_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < op->nr_entries; i++) {
        struct xenpf_resource_entry e;
        int rc = guest_read_array(hc->v, &e, op->entries, i, 1),
            error = rc ? rc : resource_access(&e);

        if (!error && op->cpu >= nr_cpus)
            return -ENODEV;
        if (error)
            e.u.ret = error;
        if (!rc)
            rc = guest_write_array(hc->v, op->entries, i, &e, 1);
        if (rc)
            return rc;
        if (error)
            return i;
    }
    return op->nr_entries;
}

/* What the loader left on the screen, which dom0 goes on with; the result is its size. */
static long get_screen(struct hypercall *hc, struct domain *d, void *arg)
{
    if (!boot_info.screen.video_type)
        return -ENODEV;
    memcpy(&((struct xen_platform_op *)arg)->u, &boot_info.screen, sizeof(boot_info.screen));
    return sizeof(boot_info.screen);
}

static const struct operation platform_ops[] = {
    [XENPF_settime64] = { .fn = set_time },
    [XENPF_get_cpuinfo] = { get_cpuinfo, .out = OUT_SUCCESS },
    [XENPF_resource_op] = { .fn = resource_op },
    [XENPF_GET_DOM0_CONSOLE] = { get_screen, .out = OUT_ALWAYS },
};

long hypercall_platform_op(struct hypercall *hc)
{
    return operation_run_versioned(hc, platform_ops, ARRAY_SIZE(platform_ops),
                                   sizeof(struct xen_platform_op), XENPF_INTERFACE_VERSION);
}

/* Everything about physical interrupts is -ENOSYS, since dom0 has its I/O APIC. */
long hypercall_physdev_op(struct hypercall *hc)
{
    switch ((uint32_t)hc->arg[0]) {
    case PHYSDEVOP_pci_mmcfg_reserved:
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove: return 0;
    default: return -ENOSYS;
    }
}
