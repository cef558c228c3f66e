/* SPDX-License-Identifier: MIT */
/*
 * The chipset of an HVM guest: which interrupt lines there are, and where they go. An ISA line is
 * the OR of its source and of the PCI links that are routed to it; it goes to the PIC pair and to
 * the I/O APIC. A PCI device's pin goes to one of four links, and to a pin of the I/O APIC above 15,
 * by the formulas of Xen's firmware (its ACPI tables have them).
 *
 * The ranges here are in the order in which the bus looks (bus.c). The HPET's page is claimed, so
 * that no device model offers one: its interrupts would have nowhere to go, and software that has
 * found none does not use it. The addresses of message interrupts are no memory, either.
 *
 * Lock: d->vdev.lock (pc_internal.h). Read next: pc_pic.c, pc_ioapic.c, pc_timer.c.
 */
#include "vdev/pc.h"
#include "core/domain.h"
#include "core/vcpu.h"
#include "lib.h"
#include "mm/heap.h"
#include "spinlock.h"
#include "vdev/bus.h"
#include "vdev/lapic.h"
#include "vdev/pc_internal.h"

#define IOAPIC_PAGE 0xfec00000ull
#define HPET_PAGE 0xfed00000ull
#define MESSAGES_END 0xfeefffffull
#define MESSAGE_LOGICAL (1u << 2) /* in the address of a message interrupt */

/* --- lines --- */

static bool isa_level(const struct pc *pc, unsigned int irq)
{
    if ((pc->isa | pc->core) >> irq & 1)
        return true;
    for (unsigned int link = 0; link < 4; link++)
        if (irq && pc->link_route[link] == irq && pc->link_count[link])
            return true;
    return false;
}

/* The timer is at pin 2 of the I/O APIC, where a PC has the cascade of its PICs, and pin 0 at none. */
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

int pc_inject_msi(struct domain *d, uint64_t address, uint32_t data)
{
    if (address >> 20 != LAPIC_PAGE >> 20)
        return -EINVAL;
    uint32_t message = data & (0x7ff | LAPIC_LEVEL);

    if (address & MESSAGE_LOGICAL)
        message |= LAPIC_LOGICAL;
    lapic_deliver(d, (uint32_t)address >> 12 & 0xff, message);
    return 0;
}

/* --- PCI configuration --- */

uint32_t pc_config_index(struct domain *d) { return READ_ONCE(d->vdev.pc->config_index); }
void pc_set_config_index(struct domain *d, uint32_t val)
{
    WRITE_ONCE(d->vdev.pc->config_index, val);
}

/* --- the bus --- */

static void access_nothing(struct vcpu *v, uint64_t at, unsigned int size, bool write,
                           uint64_t *val)
{
}

static const struct bus_range ports[] = {
    { 0x20, 0x21, pc_pic_access, NULL, &ports[1] },
    { 0xa0, 0xa1, pc_pic_access, NULL, &ports[2] },
    { 0x40, 0x43, pc_timer_access, NULL, &ports[3] },
    { 0x61, 0x61, pc_timer_access_speaker, NULL, &ports[4] },
    { 0x4d0, 0x4d1, pc_pic_access_elcr, NULL, &ports[5] },
    { 0xe9, 0xe9, bus_access_debug, NULL, &ports[6] },
    { 0, 0xffff, pc_timer_access_pm, pc_timer_has_pm, NULL },
};

static const struct bus_range memory[] = {
    { LAPIC_PAGE, LAPIC_PAGE + PAGE_SIZE - 1, bus_access_lapic, bus_has_lapic, &memory[1] },
    { IOAPIC_PAGE, IOAPIC_PAGE + PAGE_SIZE - 1, pc_ioapic_access, NULL, &memory[2] },
    { HPET_PAGE, HPET_PAGE + PAGE_SIZE - 1, access_nothing, NULL, &memory[3] },
    { LAPIC_PAGE, MESSAGES_END, access_nothing, NULL, NULL },
};

/* --- life --- */

int pc_init(struct domain *d)
{
    struct pc *pc = heap_alloc(sizeof(*pc));

    if (!pc)
        return -ENOMEM;
    pc->d = d;
    d->vdev.pc = pc;
    pc_pic_reset(pc);
    pc_ioapic_reset(pc);
    pc_timer_init(pc);
    d->vdev.level_eoi = pc_ioapic_end;
    d->vdev.ports = ports;
    d->vdev.memory = memory;
    return 0;
}

void pc_free(struct domain *d)
{
    if (!d->vdev.pc)
        return;
    timer_finish(&d->vdev.pc->timer);
    heap_free(d->vdev.pc);
}
