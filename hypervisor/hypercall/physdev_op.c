/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: dom0 tells about the PCI devices it found (<xen/physdev.h>). The core does not need to know
 * them: dom0 drives them all. So the reports are accepted; everything about physical interrupts is -ENOSYS,
 * since dom0 has its I/O APIC.
 */
#include "hypercall.h"

#include <xen/physdev.h>

typedef long physdev_op_fn(struct hypercall *hc, gva_t arg);

static long op_mmcfg_reserved(struct hypercall *hc, gva_t arg)
{
    struct physdev_pci_mmcfg_reserved r;
    int rc = guest_read(hc->v, &r, arg, sizeof(r));

    if (rc != 0)
        return rc;
    return r.start_bus <= r.end_bus ? 0 : -EINVAL;
}

static long op_device_add(struct hypercall *hc, gva_t arg)
{
    struct physdev_pci_device_add a;

    return guest_read(hc->v, &a, arg, offsetof(struct physdev_pci_device_add, optarr));
}

static long op_device_remove(struct hypercall *hc, gva_t arg)
{
    struct physdev_pci_device d;

    return guest_read(hc->v, &d, arg, sizeof(d));
}

static physdev_op_fn *const rows[] = {
    [PHYSDEVOP_pci_mmcfg_reserved] = op_mmcfg_reserved,
    [PHYSDEVOP_pci_device_add] = op_device_add,
    [PHYSDEVOP_pci_device_remove] = op_device_remove,
};

long hypercall_physdev_op(struct hypercall *hc)
{
    uint32_t op = (uint32_t)hc->arg[0];

    return op < ARRAY_SIZE(rows) && rows[op] != NULL ? rows[op](hc, hc->arg[1]) : -ENOSYS;
}
