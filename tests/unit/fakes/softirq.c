/* SPDX-License-Identifier: MIT */
/* cpu/softirq.c: softirqs that nobody runs. */
#include "cpu/softirq.h"
#include "percpu.h"

void softirq_raise(unsigned int cpu, enum softirq s) { cpus[cpu].softirq |= 1u << s; }
