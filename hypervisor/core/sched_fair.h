/* SPDX-License-Identifier: MIT */
/* The fair policy's arithmetic (sched_fair.c), for sched.c and for host tests. No state, no locks. */
#ifndef CLV_SCHED_FAIR_H
#define CLV_SCHED_FAIR_H

#include "time.h"
#include "types.h"

#define FAIR_SLICE MSEC(10)       /* how long one runs while others wait */
#define FAIR_GRANULARITY MSEC(1)  /* virtual lead that a waking vcpu needs to preempt */
#define FAIR_LAG MSEC(100)        /* virtual time that nobody may lie behind by: bounds a burst */
#define FAIR_CAP_PERIOD MSEC(10)

/* Virtual ns that `ran` real ns cost at this weight (256 = real time). */
uint64_t fair_cost(nsec_t ran, uint32_t weight);
/* Where a waking or lagging vcpu starts: its own virtual time, but no more than FAIR_LAG behind, and when it slept not behind at all. */
uint64_t fair_place(uint64_t vtime, uint64_t queue_vtime, bool slept);
/* Does the waking one take the CPU from the running one (both virtual times up to date)? */
bool fair_preempts(uint64_t waking, uint64_t running);
/* ns of one period that a cap in percent of a CPU allows; 0 cap: the whole period. */
nsec_t fair_budget(uint32_t cap_percent);

#endif
