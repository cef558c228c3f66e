/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers: on each CPU a heap with the first on top and the local APIC's timer armed for
 * that; no periodic tick. Functions run from SOFTIRQ_TIMER without a lock. When the first timer is
 * stopped or moved back, the hardware keeps its old setting: one interrupt too many is cheaper than
 * setting it at each change. Under QEMU's TCG a shot repeats until it is armed again or, with no
 * timer left, stopped (apic.c says why).
 *
 * A timer that is not pinned moves to the CPU that sets it: a vcpu's timers are where the vcpu is,
 * and to set one interrupts nobody.
 *
 * The heap is a leftist one (Crane, 1972): the shortest way down from a timer, its rank, goes by
 * right children, so no such way is longer than the logarithm of how many timers there are. Two
 * heaps are melded along these ways; a timer is added or taken by melding. However many timers a
 * guest has, and however far away, others pay no more for theirs.
 *
 * Lock: each queue's lock protects its heap, `programmed`, and of every timer that belongs to it
 * the place in the heap, expires, armed, finished and cpu. LOCK_TIMER; any context.
 */
#include "cpu/timer.h"
#include "cpu.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/irq.h"
#include "cpu/softirq.h"
#include "cpu/watchdog.h"
#include "lib/log.h"
#include "percpu.h"
#include "spinlock.h"

#define BATCH 64 /* functions run before the CPU looks at its other work */

struct timer_cpu {
    struct spinlock lock;
    struct timer *first;   /* the heap's top, or NULL */
    nsec_t programmed;     /* when the hardware fires; TIME_NEVER: not armed */
    struct timer *running; /* whose function is running now; atomic */
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
    q->first = NULL;
    q->programmed = TIME_NEVER;
    irq_set_handler(VECTOR_TIMER, timer_interrupt, NULL);
}

void timer_setup(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
    bool pinned = cpu != TIMER_ANY_CPU;

    *t = (struct timer){
        .fn = fn, .data = data, .cpu = pinned ? cpu : this_cpu()->id, .pinned = pinned
    };
}

/* --- the heap --- */

static uint32_t rank(const struct timer *t) { return t ? t->rank : 0; }

/* t's children have changed. False: its own rank has not. */
static bool settle(struct timer *t)
{
    uint32_t before = t->rank;

    if (rank(t->left) < rank(t->right)) {
        struct timer *longer = t->right;

        t->right = t->left;
        t->left = longer;
    }
    t->rank = rank(t->right) + 1;
    return t->rank != before;
}

/*
 * Puts the meld of a and b at *place, below up: down by right children, whoever is first, then
 * back, as all on this way have another child. Further up ranks change as far as one stays the
 * same; as each is one more than that below, those are few, too.
 */
static void meld(struct timer **place, struct timer *up, struct timer *a, struct timer *b)
{
    struct timer *t = up, *end = up;

    while (a && b) {
        struct timer *first = b->expires < a->expires ? b : a;

        b = first == a ? b : a;
        a = first->right;
        *place = first;
        first->parent = t;
        place = &first->right;
        t = first;
    }
    a = a ?: b;
    *place = a;
    if (a)
        a->parent = t;
    for (; t != end; t = t->parent)
        settle(t);
    while (t && settle(t))
        t = t->parent;
}

static void heap_add(struct timer_cpu *q, struct timer *t)
{
    t->left = t->right = NULL;
    t->rank = 1;
    t->armed = true;
    meld(&q->first, NULL, q->first, t);
}

static void heap_take(struct timer_cpu *q, struct timer *t)
{
    struct timer *up = t->parent, **place = &q->first;

    if (!t->armed)
        return;
    t->armed = false;
    if (up)
        place = up->left == t ? &up->left : &up->right;
    meld(place, up, t->left, t->right);
}

static nsec_t first_expiry(const struct timer_cpu *q)
{
    return q->first ? q->first->expires : TIME_NEVER;
}

/* --- timers --- */

/*
 * Makes q's CPU wake up in time for its first timer, if that is earlier than it would; q is locked.
 */
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

void timer_set(struct timer *t, nsec_t expires)
{
    unsigned int self = this_cpu()->id;
    struct timer_cpu *q = lock_queue(t);

    heap_take(q, t);
    while (!t->pinned && t->cpu != self) {
        WRITE_ONCE(t->cpu, self);
        spin_unlock(&q->lock);
        q = lock_queue(t);
        heap_take(q, t); /* somebody else may have been faster */
    }
    if (!t->finished) {
        t->expires = expires;
        heap_add(q, t);
        program(q);
    }
    spin_unlock(&q->lock);
}

static void disarm(struct timer *t, bool finished)
{
    struct timer_cpu *q = lock_queue(t);

    heap_take(q, t);
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
            if (!q->first) {
                apic_timer_start(0);
                q->programmed = TIME_NEVER;
            }
            program(q);
            spin_unlock(&q->lock);
            return;
        }
        struct timer *t = q->first;
        void (*fn)(void *) = t->fn;
        void *data = t->data;
        heap_take(q, t);
        WRITE_ONCE(q->running, t);
        spin_unlock(&q->lock);
        fn(data);
        __atomic_store_n(&q->running, NULL, __ATOMIC_RELEASE);
    }
    softirq_raise(this_cpu()->id, SOFTIRQ_TIMER);
}
