/* SPDX-License-Identifier: MIT */
/* What only dom0 sees of the machine: devices by their memory, PCI, MSI, interrupt lines, power. */
#ifndef CLV_DOM0_H
#define CLV_DOM0_H

#include "p2m.h"
#include "types.h"

struct domain;
struct vcpu;

/* --- power.c, pci.c, msi.c, ioapic.c: each adds its ranges to d's bus (vdev/bus.h) --- */
void dom0_add_power_ports(struct domain *d);
void dom0_add_pci(struct domain *d);
void dom0_add_msi(struct domain *d);
void dom0_add_ioapic(struct domain *d);

/* --- mmio.c: machine frames that are not RAM are mapped when dom0 first touches them --- */
void mmio_hide(uint64_t start, uint64_t end);
bool mmio_allowed(const struct domain *d, uint64_t start, uint64_t end); /* all of them */
void mmio_forget(struct domain *d, uint64_t start, uint64_t end);       /* unmaps them, and flushes */
/* 0: mapped, retry; -ENOENT: nothing for d is there; -ENOMEM. hole_order: of the hole around gfn. */
int mmio_map(struct domain *d, gfn_t gfn, unsigned int hole_order);

/* --- msi.c: the pages of MSI-X tables in device memory --- */
bool msi_emulates(const struct domain *d, uint64_t start, uint64_t end); /* one of these frames; no lock */

/* --- ioapic.c --- */
#define MESSAGE_DEST_ALL 0xffu /* an APIC id from here on does not fit into an entry or a message */
/* The host CPU that takes an interrupt for dest: where that vcpu runs. */
unsigned int ioapic_host_cpu(struct domain *d, uint32_t dest, bool logical);

#endif
