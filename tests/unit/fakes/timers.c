/* SPDX-License-Identifier: MIT */
/* cpu/timer.c, all but timer_set: each test has its own list of timers, or none. */
#include "harness.h"
#include "time.h"

void timer_setup(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .data = data, .cpu = cpu, .pinned = cpu != TIMER_ANY_CPU };
    list_init(&t->link);
}

void timer_stop(struct timer *t)
{
    if (t->link.next) /* the harness's vcpus have timers that were not set up */
        list_del(&t->link);
    t->armed = false;
}

void timer_finish(struct timer *t) { timer_stop(t); }
