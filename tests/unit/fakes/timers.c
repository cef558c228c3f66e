/* SPDX-License-Identifier: MIT */
/*
 * cpu/timer.c except timer_set, which each test defines. A test whose timers should fire queues
 * them here, in the order in which they were set.
 */
#include "harness.h"
#include "lib/log.h"

static struct timer *armed[4096];
static unsigned int count;

void timer_setup(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .data = data, .cpu = cpu, .pinned = cpu != TIMER_ANY_CPU };
}

void timer_stop(struct timer *t)
{
    unsigned int kept = 0;

    for (unsigned int i = 0; i < count; i++)
        if (armed[i] != t)
            armed[kept++] = armed[i];
    count = kept;
    t->armed = false;
}

void timer_finish(struct timer *t) { timer_stop(t); }

void harness_timer_arm(struct timer *t, nsec_t expires)
{
    timer_stop(t);
    BUG_ON(count == ARRAY_SIZE(armed));
    t->expires = expires;
    t->armed = true;
    armed[count++] = t;
}

struct timer *harness_first_timer(void)
{
    struct timer *first = NULL;

    for (unsigned int i = 0; i < count; i++)
        if (!first || armed[i]->expires < first->expires)
            first = armed[i];
    return first;
}

void harness_timers_forget(void) { count = 0; }
