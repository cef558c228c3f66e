/* SPDX-License-Identifier: MIT */
/*
 * dom0's I/O APIC: 24 pins at 0xfec00000 (Intel 82093AA; version 0x20 has the EOI register too). Each pin is
 * one host line, which dom0 never programs itself: its entry says where in dom0 the interrupt goes; the
 * host's entry always has the core's vector for that line, and a CPU that is on line.
 *
 * A level line is masked in the host from the moment when it fires until dom0's end of interrupt for its
 * vector (the Remote IRR bit of the entry says so), because the host's own EOI must come at once and the line
 * would fire again.
 *
 * Lock: d->vdev.lock, class LOCK_VDEV, for all of struct ioapic. Under it: the host's I/O APIC (LOCK_HW) and
 * kicks (LOCK_SCHED). Read next: lapic.c, ../platform/ioapic.c.
 */
#include "alloc.h"
#include "cpu.h"
#include "domain.h"
#include "errors.h"
#include "lib.h"
#include "platform.h"
#include "vdev.h"

#define PINS 24
#define VERSION (0x20u | (PINS - 1) << 16)

#define WINDOW_SELECT 0x00
#define WINDOW_DATA 0x10
#define WINDOW_EOI 0x40
#define REG_ID 0
#define REG_VERSION 1
#define REG_ARBITRATION 2
#define REG_ENTRY 0x10

#define ENTRY_VECTOR 0xffull
#define ENTRY_MODE(e) ((uint32_t)((e) >> 8) & 7)
#define ENTRY_LOGICAL (1ull << 11)
#define ENTRY_LOW_POLARITY (1ull << 13)
#define ENTRY_REMOTE_IRR (1ull << 14)
#define ENTRY_LEVEL (1ull << 15)
#define ENTRY_MASKED (1ull << 16)
#define ENTRY_DEST(e) ((uint32_t)((e) >> 56))
#define ENTRY_WRITABLE 0xff0000000001afffull

struct ioapic {
    uint32_t select, id;
    uint64_t entry[PINS];
};

/* The host line of the serial port is the core's own: dom0's entry for it is only stored. */
static bool is_denied(unsigned int pin) { return pin == console_irq; }

uint32_t ioapic_host_cpu(struct domain *d, uint32_t dest, bool logical)
{
    struct vcpu *v = logical ? NULL : lapic_by_id(d, dest);
    unsigned int cpu = v ? READ_ONCE(v->sched.cpu) : 0;

    return cpus[cpu < nr_cpus ? cpu : 0].apic_id;
}

static void route_locked(struct domain *d, unsigned int pin)
{
    uint64_t entry = d->vdev.ioapic->entry[pin];
    struct host_route route = {
        .vector = (uint8_t)(VECTOR_GSI_FIRST + pin),
        .level = entry & ENTRY_LEVEL,
        .active_low = entry & ENTRY_LOW_POLARITY,
        .masked = entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR),
        .apic_id = ioapic_host_cpu(d, ENTRY_DEST(entry), entry & ENTRY_LOGICAL),
    };

    ASSERT(spin_lock_held(&d->vdev.lock));
    if (!is_denied(pin) && pin < host_ioapic_lines())
        host_ioapic_route(pin, &route);
}

static void write_entry_locked(struct domain *d, unsigned int pin, uint64_t val)
{
    uint64_t *entry = &d->vdev.ioapic->entry[pin];
    uint64_t old = *entry;

    val = (val & ENTRY_WRITABLE) | (old & ENTRY_REMOTE_IRR);
    if (!(val & ENTRY_LEVEL))
        val &= ~ENTRY_REMOTE_IRR; /* how drivers of old versions acknowledge: edge and back */
    *entry = val;
    if (val != old)
        route_locked(d, pin);
}

void ioapic_host_irq(struct domain *d, unsigned int gsi)
{
    uint64_t *entry, e;

    if (gsi >= PINS || !d->vdev.ioapic)
        return;
    spin_lock(&d->vdev.lock);
    entry = &d->vdev.ioapic->entry[gsi];
    e = *entry;
    if (!(e & (ENTRY_MASKED | ENTRY_REMOTE_IRR))) {
        if (e & ENTRY_LEVEL) {
            *entry = e | ENTRY_REMOTE_IRR;
            host_ioapic_mask(gsi, true);
        }
        lapic_deliver(d, ENTRY_DEST(e), e & ENTRY_LOGICAL, ENTRY_MODE(e), (uint8_t)(e & ENTRY_VECTOR),
                      e & ENTRY_LEVEL);
    }
    spin_unlock(&d->vdev.lock);
}

void ioapic_eoi(struct domain *d, uint8_t vector)
{
    struct ioapic *io = d->vdev.ioapic;

    spin_lock(&d->vdev.lock);
    for (unsigned int pin = 0; pin < PINS; pin++)
        if ((io->entry[pin] & ENTRY_REMOTE_IRR) && (io->entry[pin] & ENTRY_VECTOR) == vector) {
            io->entry[pin] &= ~ENTRY_REMOTE_IRR;
            if (!is_denied(pin))
                host_ioapic_mask(pin, io->entry[pin] & ENTRY_MASKED);
        }
    spin_unlock(&d->vdev.lock);
}

static uint32_t read_register(const struct ioapic *io)
{
    unsigned int pin = (io->select - REG_ENTRY) / 2;

    switch (io->select) {
    case REG_ID:
    case REG_ARBITRATION: return io->id;
    case REG_VERSION: return VERSION;
    default:
        if (io->select < REG_ENTRY || pin >= PINS)
            return 0xffffffff;
        return (uint32_t)(io->entry[pin] >> (io->select & 1 ? 32 : 0));
    }
}

static void write_register_locked(struct domain *d, uint32_t val)
{
    struct ioapic *io = d->vdev.ioapic;
    unsigned int pin = (io->select - REG_ENTRY) / 2;

    if (io->select == REG_ID)
        io->id = val & 0x0f000000;
    else if (io->select >= REG_ENTRY && pin < PINS)
        write_entry_locked(d, pin, io->select & 1 ? (uint32_t)io->entry[pin] | (uint64_t)val << 32
                                                  : (io->entry[pin] & ~0xffffffffull) | val);
}

uint32_t ioapic_mmio_read(struct domain *d, uint32_t offset)
{
    struct ioapic *io = d->vdev.ioapic;
    uint32_t val = 0;

    spin_lock(&d->vdev.lock);
    if (offset == WINDOW_SELECT)
        val = io->select;
    else if (offset == WINDOW_DATA)
        val = read_register(io);
    spin_unlock(&d->vdev.lock);
    return val;
}

void ioapic_mmio_write(struct domain *d, uint32_t offset, uint32_t val)
{
    if (offset == WINDOW_EOI) {
        ioapic_eoi(d, (uint8_t)val);
        return;
    }
    spin_lock(&d->vdev.lock);
    if (offset == WINDOW_SELECT)
        d->vdev.ioapic->select = val & 0xff;
    else if (offset == WINDOW_DATA)
        write_register_locked(d, val);
    spin_unlock(&d->vdev.lock);
}

static void line_fired(unsigned int vector, void *data) { ioapic_host_irq(data, vector - VECTOR_GSI_FIRST); }

int ioapic_init(struct domain *d)
{
    struct ioapic *io = heap_alloc(sizeof(*io));

    if (!io)
        return -ENOMEM;
    for (unsigned int pin = 0; pin < PINS; pin++) {
        io->entry[pin] = ENTRY_MASKED;
        if (!is_denied(pin) && pin < host_ioapic_lines())
            irq_set_handler(VECTOR_GSI_FIRST + pin, line_fired, d);
    }
    d->vdev.ioapic = io;
    return 0;
}
