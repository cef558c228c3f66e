/* SPDX-License-Identifier: MIT */
/*
 * The core's cpu.h with privileged instructions recorded by the test. Included first in some files
 * (build.mk).
 */
#ifndef HARNESS_PRIVILEGED_FAKE_H
#define HARNESS_PRIVILEGED_FAKE_H

#define cpu_xsetbv machine_xsetbv
#define irq_window machine_irq_window
#define cpu_wrmsr machine_wrmsr
#define cpu_wbinvd machine_wbinvd
#include "../../../hypervisor/include/cpu.h"
#undef cpu_xsetbv
#undef irq_window
#undef cpu_wrmsr
#undef cpu_wbinvd

void cpu_xsetbv(uint64_t val);
void irq_window(void);
void cpu_wrmsr(uint32_t msr, uint64_t val);
void cpu_wbinvd(void);

#endif
