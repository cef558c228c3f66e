/* SPDX-License-Identifier: MIT */
/*
 * The local APIC timer, one-shot and periodic, on the core's timers (APM vol. 2, 16.4.1). Its clock
 * is 100 MHz, as in Xen. CPUID does not offer TSC-deadline mode.
 *
 * The count is computed from the clock. A core timer runs only for an interrupt that the vcpu will
 * take, and expires once. The vcpu arms the next period when it takes this period's interrupt, or
 * unmasks it. So a sleeping, paused or dead vcpu costs no CPU time, whatever period it has set.
 *
 * The timer is armed on the vcpu's CPU. It expires on the CPU that holds the timer, perhaps
 * concurrently.
 */
#include "vdev/lapic_timer.h"
#include "core/vcpu.h"
#include "cpu/clock.h"
#include "cpu/timer.h"
#include "lib.h"
#include "lib/log.h"
#include "vdev/lapic.h"

#define TICK_NS 10
#define PERIOD_MIN USEC(50) /* limits the interrupt rate */

/* Divide register values 0 1 2 3 8 9 10 11 mean 2 4 8 16 32 64 128 1. */
unsigned int lapic_timer_shift(uint32_t divide)
{
    unsigned int code = (divide & 3) | (divide >> 1 & 4);

    return (code + 1) & 7;
}

static nsec_t tick_ns(const struct lapic *l)
{
    return (nsec_t)TICK_NS << lapic_timer_shift(l->divide);
}

static nsec_t timer_duration(const struct lapic *l)
{
    return (nsec_t)l->initial_count * tick_ns(l);
}

static nsec_t timer_period(const struct lapic *l) { return MAX(timer_duration(l), PERIOD_MIN); }

static void timer_expired(void *data)
{
    struct vcpu *v = data;
    uint32_t lvt = READ_ONCE(v->vdev.lapic.lvt[LVT_TIMER]);

    if (!(lvt & LVT_MASKED))
        lapic_set_irq(v, (uint8_t)lvt, false);
}

void lapic_timer_setup(struct vcpu *v)
{
    timer_setup(&v->vdev.lapic.timer, timer_expired, v, TIMER_ANY_CPU);
}

void lapic_timer_load(struct vcpu *v, uint32_t initial_count)
{
    struct lapic *l = &v->vdev.lapic;

    l->initial_count = initial_count;
    timer_stop(&l->timer);
    l->timer_start = clock_now();
    if (initial_count && !(l->lvt[LVT_TIMER] & LVT_PERIODIC))
        timer_set(&l->timer, l->timer_start + timer_duration(l));
    lapic_timer_resume(v);
}

void lapic_timer_resume(struct vcpu *v)
{
    struct lapic *l = &v->vdev.lapic;
    uint32_t lvt = l->lvt[LVT_TIMER];

    if (!l->initial_count || (lvt & (LVT_PERIODIC | LVT_MASKED)) != LVT_PERIODIC ||
        bit_test(l->irr, (uint8_t)lvt) || READ_ONCE(l->timer.armed))
        return;
    nsec_t now = clock_now();

    timer_set(&l->timer, now + timer_period(l) - (now - l->timer_start) % timer_period(l));
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
