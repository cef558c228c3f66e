/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers: on each CPU a list sorted by expiry and the local APIC's timer armed for the first; no
 * periodic tick. Functions run from SOFTIRQ_TIMER without a lock. When the first timer is stopped or moved
 * back, the hardware keeps its old setting: one interrupt too many is cheaper than setting it at each change.
 * The hardware repeats a shot until it is armed again or, with no timer left, stopped (apic.c says why).
 *
 * Lock: each queue's lock protects its list, `programmed`, and of every timer on it expires and armed.
 * LOCK_TIMER; any context.
 */
#include "cpu.h"
#include "lib.h"
#include "percpu.h"
#include "spinlock.h"
#include "time.h"

#define BATCH 64                /* functions run before the CPU looks at its other work */

struct timer_cpu {
    struct spinlock lock;
    struct list armed;          /* by expires */
    nsec_t programmed;          /* when the hardware fires; TIME_NEVER: not armed */
};

static struct timer_cpu queues[MAX_CPUS];

static void timer_interrupt(unsigned int vector, void *data)
{
    struct timer_cpu *q = &queues[this_cpu()->id];

    spin_lock(&q->lock);
    q->programmed = TIME_NEVER;
    spin_unlock(&q->lock);
    softirq_raise(this_cpu()->id, SOFTIRQ_TIMER);
}

void timer_init_cpu(unsigned int cpu)
{
    struct timer_cpu *q = &queues[cpu];

    spin_init(&q->lock, LOCK_TIMER);
    list_init(&q->armed);
    q->programmed = TIME_NEVER;
    irq_set_handler(VECTOR_TIMER, timer_interrupt, NULL);
}

void timer_setup(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .data = data, .cpu = cpu };
    list_init(&t->link);
}

static nsec_t first_expiry(const struct timer_cpu *q)
{
    return list_empty(&q->armed) ? TIME_NEVER : list_entry(q->armed.next, struct timer, link)->expires;
}

/* Makes q's CPU wake up in time for its first timer, if that is earlier than it would; q is locked. */
static void program(struct timer_cpu *q)
{
    nsec_t first = first_expiry(q);
    unsigned int cpu = (unsigned int)(q - queues);

    if (first >= q->programmed)
        return;
    if (cpu == this_cpu()->id && first > clock_now()) {
        q->programmed = first;
        apic_timer_arm(first - clock_now());
    } else {
        softirq_raise(cpu, SOFTIRQ_TIMER);
    }
}

/* Later timers are the usual case, so the search for t's place starts at the end. */
void timer_set(struct timer *t, nsec_t expires)
{
    struct timer_cpu *q = &queues[t->cpu];
    struct list *at = &q->armed;

    spin_lock_scope(&q->lock);
    list_del(&t->link);
    t->expires = expires;
    t->armed = true;
    while (at->prev != &q->armed && list_entry(at->prev, struct timer, link)->expires > expires)
        at = at->prev;
    list_add_before(&t->link, at);
    program(q);
}

void timer_stop(struct timer *t)
{
    spin_lock_scope(&queues[t->cpu].lock);
    list_del(&t->link);
    t->armed = false;
}

void timer_softirq(void)
{
    struct timer_cpu *q = &queues[this_cpu()->id];

    watchdog_check();
    for (unsigned int i = 0; i < BATCH; i++) {
        spin_lock(&q->lock);
        if (first_expiry(q) > clock_now()) {
            if (list_empty(&q->armed)) {
                apic_timer_start(0);
                q->programmed = TIME_NEVER;
            }
            program(q);
            spin_unlock(&q->lock);
            return;
        }
        struct timer *t = list_entry(q->armed.next, struct timer, link);
        void (*fn)(void *) = t->fn;
        void *data = t->data;
        list_del(&t->link);
        t->armed = false;
        spin_unlock(&q->lock);
        fn(data);
    }
    softirq_raise(this_cpu()->id, SOFTIRQ_TIMER);
}
