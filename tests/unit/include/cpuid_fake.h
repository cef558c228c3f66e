/* SPDX-License-Identifier: MIT */
/*
 * The core's cpu.h with CPUID and I/O ports answered by the test. Included first in some files
 * (build.mk).
 */
#ifndef HARNESS_CPUID_FAKE_H
#define HARNESS_CPUID_FAKE_H

#define cpu_cpuid machine_cpu_cpuid
#include "ports_fake.h"
#undef cpu_cpuid

void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4]);

static inline void cpu_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    harness_cpuid(leaf, sub, out);
}

#endif
