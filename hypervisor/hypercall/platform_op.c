/* SPDX-License-Identifier: MIT */
/*
 * platform_op and physdev_op: dom0's kernel and the machine (<xen/platform.h>, <xen/physdev.h>).
 * dom0 sets the wall clock of all guests and queries the physical CPUs and the screen. Firmware
 * services and host power management are not implemented; Linux does without. Reports of PCI
 * devices are accepted and ignored: dom0 drives all devices.
 *
 * resource_op: of the MSRs that Xen lets tools read on a given CPU, AMD CPUs have only the TSC. For
 * the TSC Xen returns system time, which is the same on all CPUs, so no cross-CPU call is needed.
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

#define XENPF_GET_DOM0_CONSOLE 64 /* in Xen's headers since 4.18 */
#define NSEC_PER_SEC 1000000000u
#define MSR_TSC 0x10u
#define RESOURCE_ENTRIES_MAX 3u /* Xen's limit */

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
 * Returns how many entries succeeded. The first that fails holds the error; later ones are not
 * examined.
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

/*
 * Returns the screen as set up by the loader, for dom0 to continue with. The result is the
 * structure's size.
 */
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

/* Operations on physical interrupts return -ENOSYS: dom0 uses its I/O APIC instead. */
long hypercall_physdev_op(struct hypercall *hc)
{
    switch ((uint32_t)hc->arg[0]) {
    case PHYSDEVOP_pci_mmcfg_reserved:
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove: return 0;
    default: return -ENOSYS;
    }
}
