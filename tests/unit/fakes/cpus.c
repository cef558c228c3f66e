/* SPDX-License-Identifier: MIT */
/* cpu/softirq.c: the CPUs, for tests that fake softirqs and kicks themselves, or need none. */
#include "harness.h"
#include "percpu.h"

struct cpu cpus[MAX_CPUS];
unsigned int nr_cpus = 1;
