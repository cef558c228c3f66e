/* SPDX-License-Identifier: MIT */
/*
 * A vcpu of dom0 for the tests of vdev/bus.c and guest/emulate.c, and the devices that its accesses
 * reach (bus_model.c).
 */
#ifndef BUS_MODEL_H
#define BUS_MODEL_H

#include "dom0/mmio.h"
#include "dom0/power.h"
#include "guest/emulate.h"
#include "harness.h"
#include "vdev/bus.h"

#define CONFIGURATION 0xb0018000ull
#define IOAPIC 0xfec80000ull /* not the usual address */
#define HOLE 0xd0000000ull
#define CODE 0x10000ull
#define DATA 0x20000ull

extern struct domain *d;
extern struct vcpu *v;
#define gpr ((uint64_t *)&v->regs) /* indexed by register number */
extern bool mode64;
extern struct registers {
    uint64_t rip, rflags;
    unsigned int cpl;
} registers;
extern struct hw_segment segments[SEG_COUNT];
/* the emulated device: its one register, and where it was last touched */
extern uint32_t word, word_offset;
extern unsigned int reads, writes, faults, protections, shutdowns, blocks;
extern unsigned int port_accesses; /* of host ports */
extern uint32_t last_port, last_val;
extern uint64_t configuration, fault_address;
extern char text[64]; /* on the guest's console */
extern size_t text_length;

extern uint64_t table_word; /* of a device at HOLE that accepts all sizes */
extern bool table_there;

int model_setup(void **state);
void model_dom0(bool dom0_devices); /* false: the bus of an ordinary guest */

#endif
