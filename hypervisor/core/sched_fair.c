/* SPDX-License-Identifier: MIT */
/*
 * The fair policy: each vcpu has a virtual time that advances by the real time it ran, divided by its weight; the one that is least
 * advanced runs. All arithmetic is integer and exact to the nanosecond at weight 256.
 *
 * The queue's virtual clock is the largest virtual time at which anybody was ever picked (start-time fair queueing). Who
 * sleeps earns nothing: it starts again at the clock. Who only waited keeps what it is owed, up to FAIR_LAG, so that
 * a vcpu whose weight exceeds what one CPU can give does not save up a claim without end.
 *
 * Read next: sched.c.
 */
#include "sched_fair.h"
#include "sched.h"

uint64_t fair_cost(nsec_t ran, uint32_t weight)
{
    return (uint64_t)ran * SCHED_WEIGHT_DEFAULT / weight;
}

uint64_t fair_place(uint64_t vtime, uint64_t queue_vtime, bool slept)
{
    uint64_t lag = slept ? 0 : FAIR_LAG;
    uint64_t least = queue_vtime > lag ? queue_vtime - lag : 0;

    return MAX(vtime, least);
}

bool fair_preempts(uint64_t waking, uint64_t running)
{
    return waking + FAIR_GRANULARITY < running;
}

nsec_t fair_budget(uint32_t cap_percent)
{
    return cap_percent ? FAIR_CAP_PERIOD * cap_percent / 100 : FAIR_CAP_PERIOD;
}
