/* SPDX-License-Identifier: MIT */
/*
 * The chipset's state as records of <xen/arch-x86/hvm/save.h>. What is loaded is not trusted: each
 * value is reduced to what the guest could have set. The levels of the lines follow from their
 * sources, and times from the counts.
 *
 * Lock: d->vdev.lock. Context: the domain is paused.
 */
#include "core/domain.h"
#include "core/vcpu.h"
#include "cpu/clock.h"
#include "lib.h"
#include "spinlock.h"
#include "vdev/pc_internal.h"

#include <xen/hvm/save.h>

#define ISA_WIRES 0xffffu

static void save_pic(const struct pc_pic *p, bool first, struct hvm_hw_vpic *hw)
{
    *hw = (struct hvm_hw_vpic){
        .irr = p->irr,
        .imr = p->imr,
        .isr = p->isr,
        .irq_base = p->base,
        .init_state = (uint8_t)((p->init ? p->init - 1 : 0) | (p->wants_icw4 ? 4 : 0)),
        .priority_add = p->first,
        .readsel_isr = p->read_isr,
        .poll = p->poll,
        .auto_eoi = p->auto_eoi,
        .rotate_on_auto_eoi = p->rotate,
        .special_mask_mode = p->special_mask,
        .is_master = first,
        .elcr = p->elcr,
    };
}

static void load_pic(struct pc_pic *p, const struct hvm_hw_vpic *hw)
{
    unsigned int init = hw->init_state & 3;

    *p = (struct pc_pic){
        .irr = hw->irr,
        .imr = hw->imr,
        .isr = hw->isr,
        .base = hw->irq_base & 0xf8,
        .init = (uint8_t)(init ? init + 1 : 0),
        .wants_icw4 = hw->init_state & 4,
        .first = hw->priority_add & 7,
        .read_isr = hw->readsel_isr,
        .poll = hw->poll,
        .auto_eoi = hw->auto_eoi,
        .rotate = hw->rotate_on_auto_eoi,
        .special_mask = hw->special_mask_mode,
        .elcr = hw->elcr,
    };
}

static void save_ioapic(const struct pc_ioapic *io, struct hvm_hw_vioapic *hw)
{
    *hw = (struct hvm_hw_vioapic){ .ioregsel = io->select, .id = io->id >> 24 };
    for (unsigned int pin = 0; pin < PC_PINS; pin++)
        hw->redirtbl[pin].bits = io->entry[pin];
}

static void load_ioapic(struct pc_ioapic *io, const struct hvm_hw_vioapic *hw)
{
    io->select = hw->ioregsel & 0xff;
    io->id = hw->id << 24 & 0x0f000000;
    for (unsigned int pin = 0; pin < PC_PINS; pin++)
        pc_ioapic_load_entry(io, pin, hw->redirtbl[pin].bits);
}

/* --- timers --- */

static void save_pit(const struct pc *pc, struct hvm_hw_pit *hw)
{
    *hw = (struct hvm_hw_pit){ .speaker_data_on = pc->speaker >> 1 };
    for (unsigned int i = 0; i < 3; i++) {
        const struct pc_counter *c = &pc->counter[i];

        hw->channels[i] = (struct hvm_hw_pit_channel){
            .count = c->count,
            .latched_count = c->latch,
            .count_latched = c->latched,
            .status_latched = c->status_latched,
            .status = c->status,
            .read_state = c->high_next_read,
            .write_state = c->high_next_write,
            .write_latch = c->low_written,
            .rw_mode = c->access,
            .mode = c->mode,
            .gate = i == 2 ? pc->speaker & 1 : 1,
        };
    }
}

static void load_pit(struct pc *pc, const struct hvm_hw_pit *hw)
{
    pc->speaker = (uint8_t)((hw->speaker_data_on ? 2 : 0) | (hw->channels[2].gate & 1));
    for (unsigned int i = 0; i < 3; i++) {
        const struct hvm_hw_pit_channel *c = &hw->channels[i];

        pc->counter[i] = (struct pc_counter){
            .count = c->count - 1 < 0x10000 ? c->count : 0x10000,
            .start = clock_now(),
            .mode = c->mode % 6,
            .access = (c->rw_mode & 3) ? c->rw_mode & 3 : 3,
            .high_next_read = c->read_state & 1,
            .high_next_write = c->write_state & 1,
            .low_written = c->write_latch,
            .latched = c->count_latched % 3,
            .latch = c->latched_count,
            .status_latched = c->status_latched & 1,
            .status = c->status,
        };
    }
    pc_timer_resume_locked(pc);
}

/* --- lines --- */

static void save_intx(const struct pc *pc, struct hvm_hw_pci_irqs *hw)
{
    *hw = (struct hvm_hw_pci_irqs){ 0 };
    for (unsigned int wire = 0; wire < 32 * 4; wire++)
        if (pc->intx[wire / 4] >> (wire % 4) & 1)
            hw->pad[wire / 64] |= 1ull << wire % 64;
}

static void load_intx(struct domain *d, const struct hvm_hw_pci_irqs *hw)
{
    for (unsigned int wire = 0; wire < 32 * 4; wire++)
        pc_set_intx(d, wire / 4, wire % 4, hw->pad[wire / 64] >> wire % 64 & 1);
}

static void load_isa(struct domain *d, const struct hvm_hw_isa_irqs *hw)
{
    for (unsigned int irq = 0; irq < 16; irq++)
        pc_set_isa(d, irq, hw->pad[0] >> irq & 1);
}

static void load_links(struct domain *d, const struct hvm_hw_pci_link *hw)
{
    for (unsigned int link = 0; link < 4; link++)
        pc_set_link(d, link, hw->route[link] & 15);
}

/* --- by the code of the record --- */

void pc_save(struct domain *d, unsigned int code, unsigned int instance, void *record)
{
    struct pc *pc = d->vdev.pc;

    spin_lock_scope(&d->vdev.lock);
    switch (code) {
    case HVM_SAVE_CODE(PIC): save_pic(&pc->pic[instance], !instance, record); break;
    case HVM_SAVE_CODE(IOAPIC): save_ioapic(&pc->ioapic, record); break;
    case HVM_SAVE_CODE(PCI_IRQ): save_intx(pc, record); break;
    case HVM_SAVE_CODE(ISA_IRQ): ((struct hvm_hw_isa_irqs *)record)->pad[0] = pc->isa; break;
    case HVM_SAVE_CODE(PCI_LINK):
        memcpy(((struct hvm_hw_pci_link *)record)->route, pc->link_route, 4);
        break;
    case HVM_SAVE_CODE(PIT): save_pit(pc, record); break;
    case HVM_SAVE_CODE(PMTIMER):
        *(struct hvm_hw_pmtimer *)record =
            (struct hvm_hw_pmtimer){ .pm1a_sts = pc->pm_status, .pm1a_en = pc->pm_enable };
        break;
    default: BUG_ON(true);
    }
}

static void load_locked(struct pc *pc, unsigned int code, unsigned int instance, const void *record)
{
    const struct hvm_hw_pmtimer *pm = record;

    switch (code) {
    case HVM_SAVE_CODE(PIC): load_pic(&pc->pic[instance], record); break;
    case HVM_SAVE_CODE(IOAPIC): load_ioapic(&pc->ioapic, record); break;
    case HVM_SAVE_CODE(PIT): load_pit(pc, record); break;
    case HVM_SAVE_CODE(PMTIMER): pc_timer_load_events_locked(pc, pm->pm1a_sts, pm->pm1a_en); break;
    default: BUG_ON(true);
    }
    pc_pic_notify_locked(pc);
}

void pc_load(struct domain *d, unsigned int code, unsigned int instance, const void *record)
{
    switch (code) {
    case HVM_SAVE_CODE(PCI_IRQ): load_intx(d, record); return;
    case HVM_SAVE_CODE(ISA_IRQ): load_isa(d, record); return;
    case HVM_SAVE_CODE(PCI_LINK): load_links(d, record); return;
    default: break;
    }
    spin_lock_scope(&d->vdev.lock);
    load_locked(d->vdev.pc, code, instance, record);
}
