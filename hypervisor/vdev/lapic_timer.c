/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer, one-shot and periodic, on the core's timers (APM vol. 2, 16.4.1). Its clock is 100
 * MHz, as guests of Xen know it. The TSC deadline mode is not offered by CPUID.
 *
 * The vcpu's own CPU loads it; expiry runs on the CPU where the timer lies, maybe at the same time. That is
 * why expire() looks again after it has armed the next period: a load of 0 in between must win.
 */
#include "domain.h"
#include "lib.h"
#include "vdev.h"

#define TICK_NS 10
#define PERIOD_MIN USEC(50) /* a guest that asks for more interrupts than that gets fewer */

/* The divide register's code 0 1 2 3 8 9 10 11 means 2 4 8 16 32 64 128 1. */
unsigned int lapic_timer_shift(uint32_t divide)
{
    unsigned int code = (divide & 3) | (divide >> 1 & 4);

    return (code + 1) & 7;
}

static nsec_t tick_ns(const struct lapic *l) { return (nsec_t)TICK_NS << lapic_timer_shift(l->divide); }

static nsec_t duration(const struct lapic *l) { return (nsec_t)READ_ONCE(l->initial_count) * tick_ns(l); }

static nsec_t period(const struct lapic *l) { return MAX(duration(l), PERIOD_MIN); }

static bool runs_periodic(const struct lapic *l)
{
    return READ_ONCE(l->initial_count) && (READ_ONCE(l->lvt[LVT_TIMER]) & LVT_PERIODIC);
}

static void expire(void *data)
{
    struct vcpu *v = data;
    struct lapic *l = &v->vdev.lapic;
    uint32_t lvt = READ_ONCE(l->lvt[LVT_TIMER]);

    if (!(lvt & LVT_MASKED))
        lapic_set_irq(v, (uint8_t)lvt, false);
    if (runs_periodic(l)) {
        nsec_t next = l->timer.expires + period(l);

        timer_set(&l->timer, MAX(next, clock_now()));
        smp_mb();
        if (!runs_periodic(l))
            timer_stop(&l->timer);
    }
}

void lapic_timer_setup(struct vcpu *v)
{
    timer_setup(&v->vdev.lapic.timer, expire, v, TIMER_ANY_CPU);
}

void lapic_timer_load(struct vcpu *v, uint32_t initial_count)
{
    struct lapic *l = &v->vdev.lapic;

    WRITE_ONCE(l->initial_count, initial_count);
    smp_mb();
    timer_stop(&l->timer);
    if (!initial_count)
        return;
    l->timer_start = clock_now();
    timer_set(&l->timer, l->timer_start + (l->lvt[LVT_TIMER] & LVT_PERIODIC ? period(l) : duration(l)));
}

uint32_t lapic_timer_current(const struct vcpu *v)
{
    const struct lapic *l = &v->vdev.lapic;

    if (!l->initial_count)
        return 0;
    uint64_t ticks = (uint64_t)(clock_now() - l->timer_start) / (uint64_t)tick_ns(l);

    if (ticks >= l->initial_count && !(l->lvt[LVT_TIMER] & LVT_PERIODIC))
        return 0;
    return l->initial_count - (uint32_t)(ticks % l->initial_count);
}
