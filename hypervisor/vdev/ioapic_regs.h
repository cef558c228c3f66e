/* SPDX-License-Identifier: MIT */
/*
 * The registers of an I/O APIC (Intel 82093AA; version 0x20 also has the EOI register), as dom0's
 * (dom0/ioapic.c) and an HVM guest's (vdev/pc_ioapic.c) show them in their pages.
 */
#ifndef CLV_VDEV_IOAPIC_REGS_H
#define CLV_VDEV_IOAPIC_REGS_H

#include "types.h"
#include "vdev/lapic.h"

#define WINDOW_SELECT 0x00
#define WINDOW_DATA 0x10
#define WINDOW_EOI 0x40
#define REG_ID 0
#define REG_VERSION 1
#define REG_ARBITRATION 2
#define REG_ENTRY 0x10

#define ENTRY_VECTOR 0xffull
#define ENTRY_LOW_POLARITY (1ull << 13)
#define ENTRY_REMOTE_IRR (1ull << 14)
#define ENTRY_MASKED (1ull << 16)
#define ENTRY_DEST(e) ((uint32_t)((e) >> 56))
#define ENTRY_WRITABLE 0xff0000000001afffull

/* Reads the selected register. word: the entries' halves, two for each pin. */
static inline uint32_t ioapic_read_register(uint32_t select, uint32_t id, const uint32_t *word,
                                            unsigned int pins)
{
    if (select == REG_ID || select == REG_ARBITRATION)
        return id;
    if (select == REG_VERSION)
        return 0x20 | (pins - 1) << 16;
    return select - REG_ENTRY < 2 * pins ? word[select - REG_ENTRY] : 0xffffffff;
}

/*
 * Returns what an entry becomes by a write. Remote IRR is the hardware's; old drivers switch an
 * entry to edge and back to acknowledge.
 */
static inline uint64_t ioapic_write_entry(uint64_t old, uint64_t written)
{
    uint64_t entry = (written & ENTRY_WRITABLE) | (old & ENTRY_REMOTE_IRR);

    return entry & LAPIC_LEVEL ? entry : entry & ~ENTRY_REMOTE_IRR;
}

#endif
