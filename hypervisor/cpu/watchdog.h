/* SPDX-License-Identifier: MIT */
/* Notices a CPU that is stuck in the core (cpu/watchdog.c). */
#ifndef CLV_CPU_WATCHDOG_H
#define CLV_CPU_WATCHDOG_H

#include "types.h"

struct cpu;
struct vcpu;

struct cleave_stretch;
void watchdog_check(void); /* panics when another CPU is stuck in the core */
/* irq_window() for long work without a lock held; counts as progress. */
void watchdog_pause(void);
/* No-ops in the release build. */
void watchdog_stretch_begin(struct cpu *c, const struct vcpu *v, uint64_t exit_code, uint64_t rax);
void watchdog_stretch_end(const struct cpu *c);
/* Returns the longest stay since the last report. */
void watchdog_stretch_report(struct cleave_stretch *out);

#endif
