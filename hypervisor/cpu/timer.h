/* SPDX-License-Identifier: MIT */
/* One-shot timers on each CPU (cpu/timer.c). */
#ifndef CLV_CPU_TIMER_H
#define CLV_CPU_TIMER_H

#include "types.h"

/*
 * A timer waits on the CPU that set it last, or always on the one that it was made for. Its
 * function runs there, from softirq_run(), with no lock held, once per set. set may be called from
 * any CPU and again while armed (then only the new time counts); stop returns after which fn is not
 * started (it may be running on another CPU). finish waits for that, too, and makes later sets do
 * nothing: then t's memory may go. Who calls finish holds no lock that fn takes. `expires` in the
 * past fires at once.
 */
#define TIMER_ANY_CPU UINT32_MAX
struct timer {
    struct timer *parent, *left, *right; /* in its CPU's heap, while it is armed */
    uint32_t rank;
    nsec_t expires;
    void (*fn)(void *data);
    void *data;
    unsigned int cpu; /* whose heap it is in, if it is in one */
    bool pinned;      /* there always */
    bool armed, finished;
};

void timer_setup(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu);
void timer_set(struct timer *t, nsec_t expires);
void timer_stop(struct timer *t);
void timer_finish(struct timer *t);

void timer_init_cpu(unsigned int cpu);
void timer_softirq(void);

#endif
