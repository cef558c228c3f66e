/* SPDX-License-Identifier: MIT */
/* One-shot timers on each CPU (cpu/timer.c). */
#ifndef CLV_CPU_TIMER_H
#define CLV_CPU_TIMER_H

#include "types.h"

/*
 * A timer belongs to the CPU that set it last or, if pinned, to the one given to timer_setup(). Its
 * function runs there, from softirq_run(), with no lock held, once per set.
 *
 * timer_set() may be called from any CPU, also while the timer is armed; then only the new time
 * counts. An `expires` in the past fires at once. After timer_stop() returns, fn is not started any
 * more, but may be running on another CPU. timer_finish() waits for that, too, and makes later sets
 * no-ops: then t may be freed. The caller of timer_finish() must hold no lock that fn takes.
 */
#define TIMER_ANY_CPU UINT32_MAX
struct timer {
    struct timer *parent, *left, *right; /* position in the heap, while armed */
    uint32_t rank;
    nsec_t expires;
    void (*fn)(void *data);
    void *data;
    unsigned int cpu; /* owner of its heap */
    bool pinned;      /* never moves to another CPU */
    bool armed, finished;
};

void timer_setup(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu);
void timer_set(struct timer *t, nsec_t expires);
void timer_stop(struct timer *t);
void timer_finish(struct timer *t);

void timer_init_cpu(unsigned int cpu);
void timer_softirq(void);

#endif
