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
#define FAIR_LEAST_SLICE USEC(100) /* however little budget is left: it goes into debt */

/* Virtual ns that `ran` real ns cost at this weight (256 = real time). */
uint64_t fair_cost(nsec_t ran, uint32_t weight);
/*
 * Where one that waits is placed by the clock: its own virtual time, but no more than FAIR_LAG behind, when
 * it slept FAIR_SLICE.
 */
uint64_t fair_place(uint64_t vtime, uint64_t clock, bool slept);
/*
 * Does the waiting one take the CPU from the running one, which is that much ahead (both virtual times up to
 * date)?
 */
bool fair_preempts(uint64_t waiting, uint64_t running, nsec_t lead);
/*
 * ns of each period for one of a domain's vcpus, when the domain's cap is so many percent of a CPU; 0: no
 * cap.
 */
nsec_t fair_budget(uint32_t cap_percent, unsigned int vcpus);

#endif
