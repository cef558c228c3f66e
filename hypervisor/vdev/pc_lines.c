/* SPDX-License-Identifier: MIT */
/*
 * Which interrupt lines an HVM guest has, and where they go. An ISA line is the OR of its source
 * and of the PCI links that are routed to it; it goes to the PIC pair and to the I/O APIC. A PCI
 * device's pin goes to one of four links, and to a pin of the I/O APIC above 15, by the formulas of
 * Xen's firmware (its ACPI tables have them).
 *
 * Lock: d->vdev.lock. Read next: pc_pic.c, pc_ioapic.c.
 */
#include "core/domain.h"
#include "core/vcpu.h"
#include "lib.h"
#include "spinlock.h"
#include "vdev/lapic.h"
#include "vdev/pc_internal.h"

#define MESSAGE_LOGICAL (1u << 2) /* in the address of a message interrupt */

static bool isa_level(const struct pc *pc, unsigned int irq)
{
    if ((pc->isa | pc->core) >> irq & 1)
        return true;
    for (unsigned int link = 0; link < 4; link++)
        if (irq && pc->link_route[link] == irq && pc->link_count[link])
            return true;
    return false;
}

/* The timer is at pin 2 of the I/O APIC, which has no other use; pin 0 has the PICs' output. */
static void update_isa_locked(struct pc *pc, unsigned int irq)
{
    bool level = isa_level(pc, irq);

    ASSERT(spin_lock_held(&pc->d->vdev.lock));
    if (irq == PC_CASCADE)
        return;
    pc_ioapic_set_line_locked(pc, irq == PC_TIMER_IRQ ? 2 : irq, level);
    pc_pic_set_line_locked(pc, irq, level);
}

void pc_set_core_line_locked(struct pc *pc, unsigned int irq, bool level)
{
    uint16_t bit = (uint16_t)(1u << irq);

    pc->core = level ? pc->core | bit : pc->core & (uint16_t)~bit;
    update_isa_locked(pc, irq);
}

void pc_set_isa(struct domain *d, unsigned int irq, bool level)
{
    struct pc *pc = d->vdev.pc;
    uint16_t bit = (uint16_t)(1u << irq);

    spin_lock_scope(&d->vdev.lock);
    pc->isa = level ? pc->isa | bit : pc->isa & (uint16_t)~bit;
    update_isa_locked(pc, irq);
}

void pc_set_link(struct domain *d, unsigned int link, unsigned int irq)
{
    struct pc *pc = d->vdev.pc;

    spin_lock_scope(&d->vdev.lock);
    unsigned int old = pc->link_route[link];
    pc->link_route[link] = (uint8_t)irq;
    update_isa_locked(pc, old);
    update_isa_locked(pc, irq);
}

void pc_set_intx(struct domain *d, unsigned int device, unsigned int pin, bool level)
{
    struct pc *pc = d->vdev.pc;
    unsigned int link = (device + pin) & 3, gsi = (device * 4 + device / 8 + pin) & 31;
    uint8_t bit = (uint8_t)(1u << pin);

    spin_lock_scope(&d->vdev.lock);
    if (!!(pc->intx[device] & bit) == level)
        return;
    pc->intx[device] ^= bit;
    pc->gsi_count[gsi] = (uint8_t)(pc->gsi_count[gsi] + (level ? 1 : -1));
    pc->link_count[link] = (uint8_t)(pc->link_count[link] + (level ? 1 : -1));
    pc_ioapic_set_line_locked(pc, 16 + gsi, pc->gsi_count[gsi]);
    if (pc->link_route[link])
        update_isa_locked(pc, pc->link_route[link]);
}

void pc_inject_msi(struct domain *d, uint64_t address, uint32_t data)
{
    uint32_t message = data & (0x7ff | LAPIC_LEVEL);

    if (address & MESSAGE_LOGICAL)
        message |= LAPIC_LOGICAL;
    lapic_deliver(d, (uint32_t)address >> 12 & 0xff, message);
}
