/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers. Each CPU has a heap with the earliest timer on top and arms its local APIC timer
 * for that one; there is no periodic tick. Timer functions run from SOFTIRQ_TIMER without a lock
 * held. If the first timer is stopped or postponed, the hardware keeps its setting: a spurious
 * interrupt is cheaper than reprogramming at each change. Under QEMU's TCG a shot repeats until it
 * is armed again or, with no timer left, stopped (see apic.c).
 *
 * A timer that is not pinned moves to the CPU that sets it. So a vcpu's timers follow the vcpu, and
 * setting one interrupts no other CPU.
 *
 * The heap is a leftist heap (Crane, 1972). A timer's rank is the length of the shortest path down
 * from it, which follows right children. It is at most logarithmic in the number of timers. Heaps
 * are melded along these paths, and a timer is added or removed by melding. Other users' costs
 * hence hardly depend on how many timers a guest sets, or for when.
 *
 * Lock: the lock of each queue protects its heap and `programmed`, and for every timer that belongs
 * to it the position in the heap, expires, armed, finished and cpu. LOCK_TIMER; any context.
 */
#include "cpu/timer.h"
#include "cpu.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/irq.h"
#include "cpu/softirq.h"
#include "cpu/trace.h"
#include "cpu/watchdog.h"
#include "lib/log.h"
#include "percpu.h"
#include "spinlock.h"

#define BATCH 64 /* functions run before the CPU does other work */

struct timer_cpu {
    struct spinlock lock;
    struct timer *first;   /* top of the heap, or NULL */
    nsec_t programmed;     /* expiry set in hardware; TIME_NEVER: not armed */
    struct timer *running; /* its function is running now; atomic */
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

static uint32_t rank_of(const struct timer *t) { return t ? t->rank : 0; }

/*
 * Restores the leftist property and the rank of t after its children changed. Returns false if the
 * rank stays the same.
 */
static bool update_rank(struct timer *t)
{
    uint32_t before = t->rank;

    if (rank_of(t->left) < rank_of(t->right)) {
        struct timer *longer = t->right;

        t->right = t->left;
        t->left = longer;
    }
    t->rank = rank_of(t->right) + 1;
    return t->rank != before;
}

/*
 * Melds a and b into *place, with the parent up. Descends along right children, taking the earlier
 * timer at each step, then updates ranks on the way back. From up on, ranks are updated until one
 * stays the same. Each changed rank is one more than the one below, so these are few, too.
 */
static void meld_heaps(struct timer **place, struct timer *up, struct timer *a, struct timer *b)
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
        update_rank(t);
    while (t && update_rank(t))
        t = t->parent;
}

static void heap_add(struct timer_cpu *q, struct timer *t)
{
    t->left = t->right = NULL;
    t->rank = 1;
    t->armed = true;
    meld_heaps(&q->first, NULL, q->first, t);
}

static void heap_take(struct timer_cpu *q, struct timer *t)
{
    struct timer *up = t->parent, **place = &q->first;

    if (!t->armed)
        return;
    t->armed = false;
    if (up)
        place = up->left == t ? &up->left : &up->right;
    meld_heaps(place, up, t->left, t->right);
}

static nsec_t first_expiry(const struct timer_cpu *q)
{
    return q->first ? q->first->expires : TIME_NEVER;
}

/* --- timers --- */

/* Ensures that q's CPU wakes up for its first timer; q is locked. */
static void program_hardware(struct timer_cpu *q)
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

/* Locks and returns the queue that t belongs to. */
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
        heap_take(q, t); /* another CPU may have set it meanwhile */
    }
    if (!t->finished) {
        t->expires = expires;
        heap_add(q, t);
        program_hardware(q);
    }
    spin_unlock(&q->lock);
}

static void disarm_timer(struct timer *t, bool finished)
{
    struct timer_cpu *q = lock_queue(t);

    heap_take(q, t);
    t->finished |= finished;
    spin_unlock(&q->lock);
}

void timer_stop(struct timer *t) { disarm_timer(t, false); }

void timer_finish(struct timer *t)
{
    disarm_timer(t, true);
    for (unsigned int i = 0; i < nr_cpus; i++)
        while (__atomic_load_n(&queues[i].running, __ATOMIC_ACQUIRE) == t)
            cpu_pause();
}

static void trace_lateness(nsec_t expires)
{
    uint64_t now = (uint64_t)clock_now();

    trace_write(&(struct cleave_trace_record){
        .time = now, .event = CLEAVE_TRACE_timer, .words = { now - (uint64_t)expires } });
}

void timer_softirq(void)
{
    struct timer_cpu *q = &queues[this_cpu()->id];

    watchdog_check();
    for (unsigned int i = 0; i < BATCH; i++) {
        spin_lock(&q->lock);
        nsec_t now = clock_now();
        if (!i)
            this_cpu()->timers_since = now;
        if (first_expiry(q) > now) {
            if (!q->first) {
                apic_timer_start(0);
                q->programmed = TIME_NEVER;
            }
            program_hardware(q);
            spin_unlock(&q->lock);
            return;
        }
        struct timer *t = q->first;
        void (*fn)(void *) = t->fn;
        void *data = t->data;
        nsec_t expires = t->expires;
        heap_take(q, t);
        WRITE_ONCE(q->running, t);
        spin_unlock(&q->lock);
        if (trace_on(CLEAVE_TRACE_timer))
            trace_lateness(expires);
        fn(data);
        __atomic_store_n(&q->running, NULL, __ATOMIC_RELEASE);
    }
    softirq_raise(this_cpu()->id, SOFTIRQ_TIMER);
}
