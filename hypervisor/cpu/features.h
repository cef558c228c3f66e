/* SPDX-License-Identifier: MIT */
/* What this machine's CPUs have (cpu/features.c). */
#ifndef CLV_CPU_FEATURES_H
#define CLV_CPU_FEATURES_H

#include "types.h"

#define CSTATE_PORTS 8u
struct cpu_features {
    bool x2apic, pages_1g, rdtscp, ibpb, pku, invariant_tsc, lbr_virtualization;
    bool tcg; /* QEMU's software emulation */
    uint32_t asid_count;
    /* the first of CSTATE_PORTS, whose reads stop the CPU; 0: there are none */
    uint16_t cstate_ports;
    unsigned int physical_bits;
    uint64_t xcr0_mask;  /* what the host's CPUID 0xd offers and we support: x87 SSE AVX */
    uint32_t xsave_size; /* bytes for xcr0_mask */
};
extern struct cpu_features cpu_features;
/* boot CPU; refuses (panics readably) what cannot run Cleave */
void features_init(void);
void features_init_cpu(void); /* each: CR4 bits, EFER, PAT, XCR0 */

#endif
