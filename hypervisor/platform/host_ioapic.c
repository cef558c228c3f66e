/* SPDX-License-Identifier: MIT */
/*
 * The host's I/O APICs. All lines are masked until routed: by the core for its serial port, by
 * dom0's I/O APIC (dom0/ioapic.c) for the rest. Both use the lines of the first I/O APIC only. The
 * legacy PICs stay masked.
 *
 * The index and data registers have no lock: dom0's I/O APIC serialises its accesses, and the core
 * routes its line before dom0 runs.
 */
#include "platform/host_ioapic.h"
#include "cpu.h"
#include "mm/pagetable.h"
#include "platform/acpi.h"

#define REG_VERSION 1
#define REG_ENTRY 0x10
#define ENTRY_ACTIVE_LOW (1u << 13)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_MASKED (1u << 16)

static volatile uint32_t *registers;
static unsigned int line_count;

static uint32_t read_ioapic(uint32_t reg)
{
    registers[0] = reg;
    return registers[4];
}

static void write_ioapic(uint32_t reg, uint32_t val)
{
    registers[0] = reg;
    registers[4] = val;
}

void host_pic_disable(void)
{
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

/* Initialises the first I/O APIC last: `registers` and `line_count` stay set to it. */
void host_ioapic_init(void)
{
    for (unsigned int i = acpi.ioapics; i-- > 0;) {
        registers = pagetable_map_device(acpi.ioapic[i], 32);
        line_count = ((read_ioapic(REG_VERSION) >> 16) & 0xff) + 1;
        for (unsigned int line = 0; line < line_count; line++)
            write_ioapic(REG_ENTRY + 2 * line, ENTRY_MASKED);
    }
}

unsigned int host_ioapic_lines(void) { return line_count; }

void host_ioapic_route(unsigned int gsi, const struct host_route *r)
{
    uint32_t reg = REG_ENTRY + 2 * gsi;

    write_ioapic(reg, ENTRY_MASKED);
    write_ioapic(reg + 1, r->apic_id << 24);
    write_ioapic(reg, r->vector | (r->active_low ? ENTRY_ACTIVE_LOW : 0) |
                          (r->level ? ENTRY_LEVEL : 0) | (r->masked ? ENTRY_MASKED : 0));
}
