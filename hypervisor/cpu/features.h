/* SPDX-License-Identifier: MIT */
/* Features of the host's CPUs (cpu/features.c). */
#ifndef CLV_CPU_FEATURES_H
#define CLV_CPU_FEATURES_H

#include "types.h"

#define CSTATE_PORTS 8u
struct cpu_features {
    bool x2apic, pages_1g, rdtscp, ibpb, pku, invariant_tsc, lbr_virtualization;
    bool tcg; /* the host is QEMU's TCG */
    uint32_t asid_count;
    /* first of CSTATE_PORTS ports whose reads enter a C-state; 0: none */
    uint16_t cstate_ports;
    unsigned int physical_bits;
    uint64_t xcr0_mask;  /* supported by both CPUID 0xd and the core: x87 SSE AVX */
    uint32_t xsave_size; /* size of an XSAVE area for xcr0_mask */
};
extern struct cpu_features cpu_features;
/* On the boot CPU. Panics if the CPU lacks a required feature. */
void features_init(void);
void features_init_cpu(void); /* on each CPU: control registers, EFER, PAT, XCR0 */

#endif
