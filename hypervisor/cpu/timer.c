/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers: on each CPU a list sorted by expiry and the local APIC's timer armed for the first; no
 * periodic tick. Functions run from SOFTIRQ_TIMER without a lock. When the first timer is stopped or moved
 * back, the hardware keeps its old setting: one interrupt too many is cheaper than setting it at each change.
 * Under QEMU's TCG a shot repeats until it is armed again or, with no timer left, stopped (apic.c says why).
 *
 * A timer that is not pinned moves to the CPU that sets it: a vcpu's timers are where the vcpu is, and to set
 * one interrupts nobody.
 *
 * Lock: each queue's lock protects its list, `programmed`, and of every timer that belongs to it expires,
 * armed, finished and cpu. LOCK_TIMER; any context.
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
    struct timer *running;      /* whose function is running now; atomic */
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
    bool pinned = cpu != TIMER_ANY_CPU;

    *t = (struct timer){ .fn = fn, .data = data, .cpu = pinned ? cpu : this_cpu()->id, .pinned = pinned };
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

/* The queue that t belongs to, locked. */
static struct timer_cpu *lock_queue(const struct timer *t)
{
    for (;;) {
        struct timer_cpu *q = &queues[READ_ONCE(t->cpu)];

        spin_lock(&q->lock);
        if (likely(q == &queues[READ_ONCE(t->cpu)]))
            return q;
        spin_unlock(&q->lock);
    }
}

/* Later timers are the usual case, so the search for t's place starts at the end. */
void timer_set(struct timer *t, nsec_t expires)
{
    unsigned int self = this_cpu()->id;
    struct timer_cpu *q = lock_queue(t);

    list_del(&t->link);
    while (!t->pinned && t->cpu != self) {
        WRITE_ONCE(t->cpu, self);
        spin_unlock(&q->lock);
        q = lock_queue(t);
        list_del(&t->link); /* somebody else may have been faster */
    }
    if (!t->finished) {
        struct list *at = &q->armed;

        t->expires = expires;
        t->armed = true;
        while (at->prev != &q->armed && list_entry(at->prev, struct timer, link)->expires > expires)
            at = at->prev;
        list_add_before(&t->link, at);
        program(q);
    }
    spin_unlock(&q->lock);
}

static void disarm(struct timer *t, bool finished)
{
    struct timer_cpu *q = lock_queue(t);

    list_del(&t->link);
    t->armed = false;
    t->finished |= finished;
    spin_unlock(&q->lock);
}

void timer_stop(struct timer *t) { disarm(t, false); }

void timer_finish(struct timer *t)
{
    disarm(t, true);
    for (unsigned int i = 0; i < nr_cpus; i++)
        while (__atomic_load_n(&queues[i].running, __ATOMIC_ACQUIRE) == t)
            cpu_pause();
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
        WRITE_ONCE(q->running, t);
        spin_unlock(&q->lock);
        fn(data);
        __atomic_store_n(&q->running, NULL, __ATOMIC_RELEASE);
    }
    softirq_raise(this_cpu()->id, SOFTIRQ_TIMER);
}
