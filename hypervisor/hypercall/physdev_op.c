/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: dom0 tells about the PCI devices it found (<xen/physdev.h>). The core does not need to know
 * them: dom0 drives them all. So the reports are accepted; everything about physical interrupts is -ENOSYS,
 * since dom0 has its I/O APIC.
 */
#include "lib.h"
#include "operation.h"

#include <xen/physdev.h>

static long mmcfg_reserved(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct physdev_pci_mmcfg_reserved *r = arg;

    return r->start_bus <= r->end_bus ? 0 : -EINVAL;
}

static long ignored(struct hypercall *hc, struct domain *d, void *arg)
{
    return 0;
}

static const struct operation rows[] = {
    [PHYSDEVOP_pci_mmcfg_reserved] = { mmcfg_reserved, OPERATION_ARG(struct physdev_pci_mmcfg_reserved) },
    [PHYSDEVOP_pci_device_add] = { ignored, .size = offsetof(struct physdev_pci_device_add, optarr) },
    [PHYSDEVOP_pci_device_remove] = { ignored, OPERATION_ARG(struct physdev_pci_device) },
};

long hypercall_physdev_op(struct hypercall *hc)
{
    return operation_run(hc, rows, ARRAY_SIZE(rows), (uint32_t)hc->arg[0], hc->arg[1]);
}
