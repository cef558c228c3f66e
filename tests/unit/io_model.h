/* SPDX-License-Identifier: MIT */
/* A vcpu of dom0 for the tests of vdev/io.c, and what its accesses reach. io_model.c */
#ifndef IO_MODEL_H
#define IO_MODEL_H

#include "harness.h"
#include "platform.h"

#define CONFIGURATION 0xb0018000ull
#define IOAPIC 0xfec80000ull /* where it need not be */
#define HOLE 0xd0000000ull
#define CODE 0x10000ull
#define DATA 0x20000ull

extern struct domain *d;
extern struct vcpu *v;
extern uint64_t gpr[16];
extern bool mode64;
extern struct svm_segment segments[SEG_COUNT];
extern uint32_t word, word_offset; /* the emulated device: its one register, and where it was last touched */
extern unsigned int reads, writes, faults, protections, shutdowns, blocks;
extern unsigned int port_accesses;  /* of the host's */
extern uint32_t last_port, last_val;
extern uint64_t configuration, fault_address;
extern char text[64];               /* on the guest's console */
extern size_t text_length;

int io_setup(void **state);

#endif
