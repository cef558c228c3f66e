/* SPDX-License-Identifier: MIT */
/*
 * The host's I/O APICs (platform/host_ioapic.c). host_ioapic_route() needs gsi <
 * host_ioapic_lines() and one caller at a time.
 */
#ifndef CLV_PLATFORM_HOST_IOAPIC_H
#define CLV_PLATFORM_HOST_IOAPIC_H

#include "types.h"

struct host_route {
    uint8_t vector;
    bool level, active_low, masked;
    uint32_t apic_id;
};
void host_ioapic_init(void); /* masks all lines */
unsigned int host_ioapic_lines(void);
void host_ioapic_route(unsigned int gsi, const struct host_route *r);
void host_pic_disable(void);

#endif
