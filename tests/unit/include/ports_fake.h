/* SPDX-License-Identifier: MIT */
/*
 * The core's cpu.h with I/O ports answered by the test. Included first in files that use them
 * (build.mk).
 */
#ifndef HARNESS_PORTS_FAKE_H
#define HARNESS_PORTS_FAKE_H

#define inb machine_inb
#define inw machine_inw
#define inl machine_inl
#define outb machine_outb
#define outw machine_outw
#define outl machine_outl
#include "../../../hypervisor/include/cpu.h"
#undef inb
#undef inw
#undef inl
#undef outb
#undef outw
#undef outl

uint32_t harness_port_read(uint16_t port, unsigned int size);
void harness_port_write(uint16_t port, unsigned int size, uint32_t val);

static inline uint8_t inb(uint16_t port) { return (uint8_t)harness_port_read(port, 1); }
static inline uint16_t inw(uint16_t port) { return (uint16_t)harness_port_read(port, 2); }
static inline uint32_t inl(uint16_t port) { return harness_port_read(port, 4); }
static inline void outb(uint16_t port, uint8_t val) { harness_port_write(port, 1, val); }
static inline void outw(uint16_t port, uint16_t val) { harness_port_write(port, 2, val); }
static inline void outl(uint16_t port, uint32_t val) { harness_port_write(port, 4, val); }

#endif
