/* SPDX-License-Identifier: MIT */
/*
 * The chipset of an HVM guest: its ports and addresses, in the order in which the bus looks
 * (bus.c), and its life. The HPET's page is claimed, so that no device model offers one: its
 * interrupts would have nowhere to go, and software that has found none does not use it. The
 * addresses of message interrupts are no memory, either.
 *
 * Lock: d->vdev.lock (pc_internal.h). Read next: pc_lines.c, pc_pic.c, pc_ioapic.c, pc_timer.c.
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

void pc_stop(struct domain *d)
{
    if (d->vdev.pc)
        timer_finish(&d->vdev.pc->timer);
}

void pc_free(struct domain *d)
{
    pc_stop(d);
    heap_free(d->vdev.pc);
}
