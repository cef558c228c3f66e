/* SPDX-License-Identifier: MIT */
/*
 * The fair policy: each vcpu has a virtual time that advances by the real time it ran, divided by its weight;
 * the one that is least advanced runs. All arithmetic is integer and exact to the nanosecond at weight 256.
 *
 * A CPU's virtual clock is the largest virtual time at which anybody was ever picked there (start-time fair
 * queueing). Who sleeps or is paused earns at most one slice, so that one who sleeps much and runs little
 * gets a CPU at once when it wakes. Who only waited keeps what it is owed, up to FAIR_LAG, so that a vcpu
 * whose weight exceeds what one CPU can give does not save up a claim without end.
 *
 * Read next: sched.c.
 */
#include "sched_fair.h"
#include "sched.h"

uint64_t fair_cost(nsec_t ran, uint32_t weight)
{
    return (uint64_t)ran * SCHED_WEIGHT_DEFAULT / weight;
}

uint64_t fair_place(uint64_t vtime, uint64_t clock, bool slept)
{
    uint64_t lag = slept ? FAIR_SLICE : FAIR_LAG;
    uint64_t least = clock > lag ? clock - lag : 0;

    return MAX(vtime, least);
}

bool fair_preempts(uint64_t waiting, uint64_t running, nsec_t lead)
{
    return waiting + (uint64_t)lead < running;
}

nsec_t fair_budget(uint32_t cap_percent, unsigned int vcpus)
{
    return FAIR_CAP_PERIOD * cap_percent / 100 / vcpus;
}
