/* SPDX-License-Identifier: MIT */
/* The same as cpuid_fake.h, with model-specific registers too. */
#ifndef HARNESS_MSR_FAKE_H
#define HARNESS_MSR_FAKE_H

#define cpu_rdmsr machine_cpu_rdmsr
#define cpu_wrmsr machine_cpu_wrmsr
#include "cpuid_fake.h"
#undef cpu_rdmsr
#undef cpu_wrmsr

uint64_t harness_msr_read(uint32_t msr);
void harness_msr_write(uint32_t msr, uint64_t val);

static inline uint64_t cpu_rdmsr(uint32_t msr) { return harness_msr_read(msr); }
static inline void cpu_wrmsr(uint32_t msr, uint64_t val) { harness_msr_write(msr, val); }

#endif
