/* SPDX-License-Identifier: MIT */
/* The core's percpu.h with the CPU chosen by the test: this_cpu() is cpus[harness_cpu]. */
#ifndef HARNESS_PERCPU_H
#define HARNESS_PERCPU_H

#define this_cpu machine_this_cpu
#define current_vcpu machine_current_vcpu
#include "../../../hypervisor/include/percpu.h"
#undef this_cpu
#undef current_vcpu

extern __thread unsigned int harness_cpu; /* one thread per CPU */

static inline struct cpu *this_cpu(void) { return &cpus[harness_cpu]; }
static inline struct vcpu *current_vcpu(void) { return this_cpu()->current; }

#endif
