/* SPDX-License-Identifier: MIT */
/*
 * The host's I/O APICs: one table of lines, numbered as ACPI numbers them (GSI). All lines are masked until
 * somebody routes them: the core for its serial port, dom0's I/O APIC (vdev/ioapic.c) for the rest. The old
 * PICs are masked for good.
 *
 * Lock: protects the index/data register pair of each I/O APIC. LOCK_HW, any context.
 */
#include "cpu.h"
#include "directmap.h"
#include "lib.h"
#include "platform.h"
#include "spinlock.h"

#define REG_VERSION 1
#define REG_ENTRY 0x10
#define ENTRY_ACTIVE_LOW (1u << 13)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_MASKED (1u << 16)

struct line_block { volatile uint32_t *registers; unsigned int first, count; };

static struct line_block blocks[ARRAY_SIZE(acpi.ioapic)];
static unsigned int block_count, line_count;
static struct spinlock lock = SPINLOCK(LOCK_HW);

static uint32_t read_register(const struct line_block *b, uint32_t reg)
{
    b->registers[0] = reg;
    return b->registers[4];
}

static void write_register(const struct line_block *b, uint32_t reg, uint32_t val)
{
    b->registers[0] = reg;
    b->registers[4] = val;
}

static const struct line_block *find(unsigned int gsi)
{
    for (unsigned int i = 0; i < block_count; i++)
        if (gsi - blocks[i].first < blocks[i].count)
            return &blocks[i];
    return NULL;
}

void host_pic_disable(void)
{
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

void host_ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi.ioapics; i++) {
        struct line_block *b = &blocks[block_count++];

        b->registers = map_mmio(acpi.ioapic[i].address, 32);
        b->first = acpi.ioapic[i].gsi_base;
        b->count = ((read_register(b, REG_VERSION) >> 16) & 0xff) + 1;
        for (unsigned int line = 0; line < b->count; line++)
            write_register(b, REG_ENTRY + 2 * line, ENTRY_MASKED);
        line_count = MAX(line_count, b->first + b->count);
    }
    if (line_count > VECTOR_MSI_FIRST - VECTOR_GSI_FIRST) {
        line_count = VECTOR_MSI_FIRST - VECTOR_GSI_FIRST;
        log_warn("I/O APIC: only the first %u interrupt lines are used\n", line_count);
    }
}

unsigned int host_ioapic_lines(void)
{
    return line_count;
}

void host_ioapic_route(unsigned int gsi, const struct host_route *r)
{
    const struct line_block *b = find(gsi);
    uint32_t low = r->vector | (r->active_low ? ENTRY_ACTIVE_LOW : 0) | (r->level ? ENTRY_LEVEL : 0) |
                   (r->masked ? ENTRY_MASKED : 0);

    if (!b)
        return;
    spin_lock(&lock);
    write_register(b, REG_ENTRY + 2 * (gsi - b->first), ENTRY_MASKED);
    write_register(b, REG_ENTRY + 2 * (gsi - b->first) + 1, r->apic_id << 24);
    write_register(b, REG_ENTRY + 2 * (gsi - b->first), low);
    spin_unlock(&lock);
}

void host_ioapic_mask(unsigned int gsi, bool masked)
{
    const struct line_block *b = find(gsi);
    uint32_t reg, low;

    if (!b)
        return;
    reg = REG_ENTRY + 2 * (gsi - b->first);
    spin_lock(&lock);
    low = read_register(b, reg);
    write_register(b, reg, masked ? low | ENTRY_MASKED : low & ~ENTRY_MASKED);
    spin_unlock(&lock);
}
