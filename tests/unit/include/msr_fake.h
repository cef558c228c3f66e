/* SPDX-License-Identifier: MIT */
/* The core's cpu.h with model-specific registers and a CPUID instruction that the test answers (build.mk). */
#ifndef HARNESS_MSR_FAKE_H
#define HARNESS_MSR_FAKE_H

#define cpu_rdmsr machine_cpu_rdmsr
#define cpu_wrmsr machine_cpu_wrmsr
#define cpu_cpuid machine_cpu_cpuid
#include "../../../hypervisor/include/cpu.h"
#undef cpu_rdmsr
#undef cpu_wrmsr
#undef cpu_cpuid

uint64_t harness_msr_read(uint32_t msr);
void harness_msr_write(uint32_t msr, uint64_t val);
void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4]);

static inline uint64_t cpu_rdmsr(uint32_t msr) { return harness_msr_read(msr); }
static inline void cpu_wrmsr(uint32_t msr, uint64_t val) { harness_msr_write(msr, val); }
static inline void cpu_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4]) { harness_cpuid(leaf, sub, out); }

#endif
