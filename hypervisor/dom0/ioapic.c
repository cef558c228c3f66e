/* SPDX-License-Identifier: MIT */
/*
 * dom0's I/O APIC: 24 pins, at the address of the machine's first one (Intel 82093AA; version 0x20
 * also has the EOI register). Each pin stands for one host line, which dom0 never programs itself.
 * Its entry specifies the target inside dom0. The host's entry always has the core's vector for
 * that line, and an online CPU.
 *
 * A level-triggered line is masked in the host from the moment it fires until dom0's EOI for its
 * vector, as recorded in Remote IRR. The host's own EOI must be sent at once, and the line would
 * otherwise fire again.
 *
 * Lock: d->vdev.lock, class LOCK_VDEV, protects `io` and the host's I/O APIC. Kicks (LOCK_SCHED)
 * are sent with it held. Read next: vdev/lapic.c, platform/host_ioapic.c.
 */
#include "dom0/ioapic.h"
#include "core/domain.h"
#include "core/vcpu.h"
#include "cpu/irq.h"
#include "lib.h"
#include "percpu.h"
#include "platform/acpi.h"
#include "platform/host_ioapic.h"
#include "platform/uart.h"
#include "spinlock.h"
#include "vdev/bus.h"
#include "vdev/ioapic_regs.h"
#include "vdev/lapic.h"

#define PINS 24

static struct {
    uint32_t select, id;
    union {
        uint64_t entry[PINS];
        uint32_t word[2 * PINS];
    };
} io;

/*
 * Returns whether dom0 owns the line of a pin. If not, its entry is only stored: the serial port's
 * line belongs to the core.
 */
static bool is_dom0s(unsigned int pin) { return pin != uart_irq && pin < host_ioapic_lines(); }

unsigned int ioapic_host_cpu(struct domain *d, uint32_t dest, bool logical)
{
    struct vcpu *v = logical ? NULL : lapic_by_id(d, dest);
    unsigned int cpu = v ? READ_ONCE(v->sched.cpu) : 0;

    return cpu < nr_cpus && cpus[cpu].apic_id < MESSAGE_DEST_ALL ? cpu : 0;
}

static void route_locked(struct domain *d, unsigned int pin)
{
    uint64_t entry = io.entry[pin];
    struct host_route route = {
        .vector = (uint8_t)(VECTOR_GSI_FIRST + pin),
        .level = entry & LAPIC_LEVEL,
        .active_low = entry & ENTRY_LOW_POLARITY,
        .masked = entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR),
        .apic_id = cpus[ioapic_host_cpu(d, ENTRY_DEST(entry), entry & LAPIC_LOGICAL)].apic_id,
    };

    ASSERT(spin_lock_held(&d->vdev.lock));
    if (is_dom0s(pin))
        host_ioapic_route(pin, &route);
}

static void write_word_locked(struct domain *d, unsigned int n, uint32_t val)
{
    uint64_t *entry = &io.entry[n / 2], old = *entry;

    io.word[n] = val;
    *entry = ioapic_write_entry(old, *entry);
    if (*entry != old)
        route_locked(d, n / 2);
}

static void line_fired(unsigned int vector, void *data)
{
    unsigned int pin = vector - VECTOR_GSI_FIRST;
    struct domain *d = data;
    uint64_t *entry = &io.entry[pin];

    spin_lock_scope(&d->vdev.lock);
    if (*entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR))
        return;
    if (*entry & LAPIC_LEVEL) {
        *entry |= ENTRY_REMOTE_IRR;
        route_locked(d, pin);
    }
    lapic_deliver(d, ENTRY_DEST(*entry), (uint32_t)*entry);
}

static void end_level_interrupt(struct domain *d, uint8_t vector)
{
    spin_lock_scope(&d->vdev.lock);
    for (unsigned int pin = 0; pin < PINS; pin++)
        if ((io.entry[pin] & ENTRY_REMOTE_IRR) && (io.entry[pin] & ENTRY_VECTOR) == vector) {
            io.entry[pin] &= ~ENTRY_REMOTE_IRR;
            route_locked(d, pin);
        }
}

static uint32_t read_window(struct domain *d, uint32_t offset)
{
    spin_lock_scope(&d->vdev.lock);
    if (offset != WINDOW_DATA)
        return offset == WINDOW_SELECT ? io.select : 0;
    return ioapic_read_register(io.select, io.id, io.word, PINS);
}

static void write_window(struct domain *d, uint32_t offset, uint32_t val)
{
    if (offset == WINDOW_EOI) {
        end_level_interrupt(d, (uint8_t)val);
        return;
    }
    spin_lock_scope(&d->vdev.lock);
    if (offset == WINDOW_SELECT)
        io.select = val & 0xff;
    else if (offset == WINDOW_DATA && io.select == REG_ID)
        io.id = val & 0x0f000000;
    else if (offset == WINDOW_DATA && io.select - REG_ENTRY < 2 * PINS)
        write_word_locked(d, io.select - REG_ENTRY, val);
}

/* Only accesses of 4 bytes have an effect, as for the local APIC. */
static void access_ioapic(struct vcpu *v, uint64_t gpa, unsigned int size, bool write,
                          uint64_t *val)
{
    uint32_t offset = gpa & ~PAGE_MASK;

    if (size != 4)
        return;
    if (write)
        write_window(v->d, offset, (uint32_t)*val);
    else
        *val = read_window(v->d, offset);
}

void dom0_add_ioapic(struct domain *d)
{
    static struct bus_range page;
    gpa_t first = acpi.ioapic[0] & PAGE_MASK;

    page = (struct bus_range){ first, first + PAGE_SIZE - 1, access_ioapic, NULL, NULL };
    bus_add_memory(d, &page);
    d->vdev.level_eoi = end_level_interrupt;
    for (unsigned int pin = 0; pin < PINS; pin++) {
        io.entry[pin] = ENTRY_MASKED;
        if (is_dom0s(pin))
            irq_set_handler(VECTOR_GSI_FIRST + pin, line_fired, d);
    }
}
