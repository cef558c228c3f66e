/* SPDX-License-Identifier: MIT */
/*
 * The part of a PC's chipset that the core emulates for an HVM guest (vdev/pc.c): interrupt
 * controllers and the routing of lines, the interval timer, and the power-management timer. All
 * other devices are in device models (core/ioreq.c).
 */
#ifndef CLV_VDEV_PC_H
#define CLV_VDEV_PC_H

#include "errors.h"
#include "types.h"

struct domain;
struct vcpu;

int must_check pc_init(struct domain *d); /* -ENOMEM */
/* Ends its timer, which is never armed again. Idempotent; also without a chipset. */
void pc_stop(struct domain *d);
void pc_free(struct domain *d);

/* Levels of interrupt lines: of ISA (0-15), and of PCI devices (0-31), whose pins are 0-3. */
void pc_set_isa(struct domain *d, unsigned int irq, bool level);
void pc_set_intx(struct domain *d, unsigned int device, unsigned int pin, bool level);
/* Connects a PCI link (0-3) to an ISA line; 0: to none. */
void pc_set_link(struct domain *d, unsigned int link, unsigned int irq);
/* A message interrupt. Of its address only bits 0-19 count: QEMU does not pass on the others. */
void pc_inject_msi(struct domain *d, uint64_t address, uint32_t data);
/* Presses the power button, or the sleep button. */
void pc_press_button(struct domain *d, bool sleep);

/*
 * Interrupts of the PIC pair go to the CPU without the local APIC. lapic_has_extint() tells that v
 * may have one. pc_highest() returns its vector, or -1; pc_accept() is called when v has taken it.
 */
int pc_highest(struct vcpu *v);
void pc_accept(struct vcpu *v, uint8_t vector);

/*
 * Save and load the record of this HVM_SAVE_CODE, in the format of <xen/arch-x86/hvm/save.h>: PIC
 * (instances 0 and 1), IOAPIC, PCI_IRQ, ISA_IRQ, PCI_LINK, PIT, PMTIMER. The domain is paused. Any
 * contents may be loaded.
 */
void pc_save(struct domain *d, unsigned int code, unsigned int instance, void *record);
void pc_load(struct domain *d, unsigned int code, unsigned int instance, const void *record);

/* Handles CF8, the index of PCI configuration space (4 bytes). */
uint32_t pc_config_index(struct domain *d);
void pc_set_config_index(struct domain *d, uint32_t val);

#endif
