/* SPDX-License-Identifier: MIT */
/* dom0's I/O APIC (dom0/ioapic.c). */
#ifndef CLV_DOM0_IOAPIC_H
#define CLV_DOM0_IOAPIC_H

#include "types.h"

struct domain;

void dom0_add_ioapic(struct domain *d); /* adds its range to d's bus */
#define MESSAGE_DEST_ALL 0xffu /* APIC ids from here on do not fit into an entry or a message */
/* Returns the host CPU that receives interrupts for dest: the one where that vcpu runs. */
unsigned int ioapic_host_cpu(struct domain *d, uint32_t dest, bool logical);

#endif
