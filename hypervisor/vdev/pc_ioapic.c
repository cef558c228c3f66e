/* SPDX-License-Identifier: MIT */
/*
 * The I/O APIC of an HVM guest: 48 pins (Intel 82093AA; version 0x20 also has the EOI register).
 * Pin 0 has the PIC's output, pin 2 the timer, the rest up to 15 the ISA lines, and the pins above
 * those of PCI devices. A level-triggered pin that is asserted sends its message once, until the
 * EOI for its vector; then again, if it still is.
 *
 * Lock: d->vdev.lock. Interrupts are delivered with it held.
 */
#include "core/domain.h"
#include "core/vcpu.h"
#include "lib.h"
#include "spinlock.h"
#include "vdev/ioapic_regs.h"
#include "vdev/lapic.h"
#include "vdev/pc_internal.h"

#define MODE_EXTINT 7

/* Sends the message of an asserted pin, unless it waits for its EOI. */
static void deliver_locked(struct pc *pc, unsigned int pin)
{
    uint64_t *entry = &pc->ioapic.entry[pin];

    ASSERT(spin_lock_held(&pc->d->vdev.lock));
    if ((*entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR)) || LAPIC_MODE(*entry) == MODE_EXTINT)
        return;
    if (*entry & LAPIC_LEVEL)
        *entry |= ENTRY_REMOTE_IRR;
    lapic_deliver(pc->d, ENTRY_DEST(*entry), (uint32_t)*entry);
}

void pc_ioapic_set_line_locked(struct pc *pc, unsigned int pin, bool level)
{
    uint64_t bit = 1ull << pin, old = pc->ioapic.lines;

    pc->ioapic.lines = level ? old | bit : old & ~bit;
    if (level && (!(old & bit) || (pc->ioapic.entry[pin] & LAPIC_LEVEL)))
        deliver_locked(pc, pin);
}

/* Delivers again what is asserted and level-triggered. */
static void repeat_locked(struct pc *pc, unsigned int pin)
{
    if ((pc->ioapic.lines >> pin & 1) && (pc->ioapic.entry[pin] & LAPIC_LEVEL))
        deliver_locked(pc, pin);
}

static void end_locked(struct pc *pc, uint8_t vector)
{
    for (unsigned int pin = 0; pin < PC_PINS; pin++) {
        uint64_t *entry = &pc->ioapic.entry[pin];

        if (!(*entry & ENTRY_REMOTE_IRR) || (*entry & ENTRY_VECTOR) != vector)
            continue;
        *entry &= ~ENTRY_REMOTE_IRR;
        repeat_locked(pc, pin);
    }
}

void pc_ioapic_end(struct domain *d, uint8_t vector)
{
    spin_lock_scope(&d->vdev.lock);
    end_locked(d->vdev.pc, vector);
}

bool pc_ioapic_passes_extint_locked(const struct pc *pc, const struct vcpu *v)
{
    uint64_t entry = pc->ioapic.entry[0];

    return !(entry & ENTRY_MASKED) && LAPIC_MODE(entry) == MODE_EXTINT &&
           ENTRY_DEST(entry) == v->vdev.lapic.id;
}

static void write_entry_locked(struct pc *pc, unsigned int n, uint32_t val)
{
    uint64_t *entry = &pc->ioapic.entry[n / 2], old = *entry;

    pc->ioapic.word[n] = val;
    *entry = ioapic_write_entry(old, *entry);
    repeat_locked(pc, n / 2);
    if (n / 2 == 0)
        pc_pic_notify_locked(pc);
}

static void write_window_locked(struct pc *pc, uint32_t offset, uint32_t val)
{
    struct pc_ioapic *io = &pc->ioapic;

    if (offset == WINDOW_EOI)
        end_locked(pc, (uint8_t)val);
    else if (offset == WINDOW_SELECT)
        io->select = val & 0xff;
    else if (offset == WINDOW_DATA && io->select == REG_ID)
        io->id = val & 0x0f000000;
    else if (offset == WINDOW_DATA && io->select - REG_ENTRY < 2 * PC_PINS)
        write_entry_locked(pc, io->select - REG_ENTRY, val);
}

/* Firmware also reads the select register by a byte; other sizes than 4 write nothing. */
void pc_ioapic_access(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    struct pc *pc = v->d->vdev.pc;
    const struct pc_ioapic *io = &pc->ioapic;
    uint32_t offset = gpa & ~PAGE_MASK;

    spin_lock_scope(&v->d->vdev.lock);
    if (write && size == 4)
        write_window_locked(pc, offset, (uint32_t)*val);
    else if (!write && offset == WINDOW_DATA)
        *val = ioapic_read_register(io->select, io->id, io->word, PC_PINS);
    else if (!write)
        *val = offset == WINDOW_SELECT ? io->select : 0;
}

void pc_ioapic_load_entry(struct pc_ioapic *io, unsigned int pin, uint64_t entry)
{
    io->entry[pin] = ioapic_write_entry(entry, entry);
}

void pc_ioapic_reset(struct pc *pc)
{
    for (unsigned int pin = 0; pin < PC_PINS; pin++)
        pc->ioapic.entry[pin] = ENTRY_MASKED;
}
