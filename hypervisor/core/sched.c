/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: one queue of runnable vcpus, sorted by virtual time. Every CPU takes the first
 * vcpu that may run on it. Load is balanced and work-conserving by construction: a CPU idles only
 * when no vcpu that may run there waits.
 *
 * Lock: sched_lock (LOCK_SCHED) protects the queue, every sched_unit, each CPU's running vcpu, the
 * idle mask and the domains' caps. sched_pick only decides. The run loop switches afterwards,
 * without the lock: a vcpu that leaves its CPU stays `running`, and is not queued, until its state
 * is saved (sched_leave), so no other CPU can take it before.
 *
 * Tickless: a CPU sets a timer for the end of a slice only if other vcpus compete for it. A vcpu
 * keeps its CPU until its slice ends, it cannot run, or it is preempted; interrupts do not shorten
 * its slice. If a slice ends early its timer stays armed. When it fires it is re-armed for the
 * slice then running, so most switches arm no timer. Time is charged at each switch, to the
 * nanosecond. The cost of an exit is charged to the vcpu that caused it, because it is still
 * running.
 *
 * Each CPU has a virtual clock: the start of the latest slice that began there. A vcpu that wakes
 * or lags is placed by the clocks of the CPUs that it may run on. A vcpu alone on its CPU runs
 * ahead of all others, but must not distort the shares of vcpus that never compete with it.
 *
 * The policy is fair: each vcpu has a virtual time that advances by real time divided by weight,
 * and the vcpu that is least advanced runs. The arithmetic is integer, exact to the nanosecond at
 * weight 256, in 128 bits: 64 bits would overflow after two years at weight 1. A vcpu that slept is
 * credited at most FAIR_CREDIT, so it gets a CPU at once if it runs little. One that was runnable
 * keeps its credit, up to FAIR_LAG. So a vcpu whose weight entitles it to more than one CPU does
 * not accumulate unlimited credit.
 *
 * Read next: vcpu.c.
 */
#include "core/sched.h"
#include "core/vcpu.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "lib.h"
#include "lib/log.h"
#include "percpu.h"
#include "spinlock.h"

#define FAIR_LATENCY MSEC(10)    /* divided among the vcpus that compete: their slices */
#define FAIR_GRANULARITY MSEC(1) /* least slice; virtual lead that a waking vcpu needs */
#define FAIR_CREDIT MSEC(10)     /* maximum lag of a vcpu that slept */
#define FAIR_LAG MSEC(100)       /* maximum lag in virtual time: bounds a burst */
#define FAIR_TIE USEC(50)        /* a smaller difference changes no order */
#define YIELD_TURN USEC(200)     /* a vcpu that yields after less has nothing to do */
#define CAP_PERIOD MSEC(10)
#define CAP_PERIODS_MAX 1000000 /* maximum refill: clears any debt, without overflow */
#define CAP_PERIODS_CARRY 4     /* a domain that asks for a CPU less often slept */
#define CAP_EARLY USEC(20)      /* refills come before the slices that end with the period */
#define LEAST_SLICE USEC(20)    /* minimum slice of a capped domain: may create debt */

struct sched_cpu {
    struct vcpu *running; /* NULL: idle */
    vtime_t vtime;        /* the virtual clock */
    struct timer slice;
    nsec_t slice_end; /* TIME_NEVER: no competitor; 0: preempt now */
    nsec_t yielded;   /* virtual lead that the running vcpu concedes to the next one; 0: none */
    nsec_t alarm;     /* expiry of the slice timer, past or future; TIME_NEVER: not armed */
    nsec_t idle_since, idle_time;
};

static struct spinlock sched_lock = SPINLOCK(LOCK_SCHED);
static struct list queue = LIST_INIT(queue);
static uint32_t queue_length, queue_weight; /* vcpus in the queue, and the sum of their weights */
static uint64_t idle_cpus;                  /* bit mask */
static struct sched_cpu sched_cpus[MAX_CPUS];

/* Iterates over the online CPUs in the mask. */
#define for_each_cpu_in(mask, c) \
    for (unsigned int c = 0; c < nr_cpus; c++) \
        if ((mask) >> c & 1)

/* Converts `ran` real ns to virtual ns at this weight. At the default weight they are equal. */
static vtime_t fair_cost(nsec_t ran, uint32_t weight)
{
    uint64_t ns = (uint64_t)MAX(ran, 0);

    if (likely(weight == SCHED_WEIGHT_DEFAULT))
        return ns;
    return (vtime_t)(ns / weight) * SCHED_WEIGHT_DEFAULT +
           ns % weight * SCHED_WEIGHT_DEFAULT / weight;
}

/* Limits how far vtime may be behind the clock to `lag`. */
static vtime_t fair_place(vtime_t vtime, vtime_t clock, nsec_t lag)
{
    return vtime + (vtime_t)lag < clock ? clock - (vtime_t)lag : vtime;
}

static void end_of_slice(void *data) { softirq_raise(this_cpu()->id, SOFTIRQ_SCHED); }

void sched_init_cpu(unsigned int cpu)
{
    struct sched_cpu *s = &sched_cpus[cpu];

    timer_setup(&s->slice, end_of_slice, NULL, cpu);
    s->alarm = TIME_NEVER;
    s->idle_since = clock_now();
    spin_lock_scope(&sched_lock);
    idle_cpus |= 1ull << cpu;
}

static struct vcpu *vcpu_of(struct sched_unit *u) { return container_of(u, struct vcpu, sched); }
static bool is_queued(const struct sched_unit *u) { return !list_empty(&u->link); }

static bool has_cpu(const struct sched_unit *u) { return u->runstate.state == RUNSTATE_running; }

/* Sets the RUNSTATE_* of u and accounts the elapsed time to the old one. */
static void set_runstate(struct sched_unit *u, int state, nsec_t now)
{
    u->runstate.time[u->runstate.state] += (uint64_t)now - u->runstate.state_entry_time;
    u->runstate.state = state;
    u->runstate.state_entry_time = (uint64_t)now;
}

/*
 * Charges the vcpu running on s up to now. A vcpu alone may run for long: the CPU's clock advances
 * as if it were chosen again and again.
 */
static void charge_running(struct sched_cpu *s, nsec_t now)
{
    struct sched_unit *u = &s->running->sched;
    nsec_t ran = now - u->started;

    if (ran <= 0) /* already charged, perhaps by a CPU with a clock ahead */
        return;
    u->started = now;
    u->vtime += fair_cost(ran, u->weight);
    s->running->d->cap_budget -= ran;
    vtime_t credit = fair_cost(FAIR_CREDIT, u->weight);
    if (u->vtime > s->vtime + credit)
        s->vtime = u->vtime - credit;
}

/* Returns the latest virtual clock of these CPUs. */
static vtime_t virtual_now(uint64_t mask, nsec_t now)
{
    vtime_t latest = 0;

    for_each_cpu_in(mask, c) {
        if (sched_cpus[c].running)
            charge_running(&sched_cpus[c], now);
        latest = MAX(latest, sched_cpus[c].vtime);
    }
    return latest;
}

/* Charges the running vcpus of d and returns their number. */
static unsigned int charge_domain(const struct domain *d, nsec_t now)
{
    unsigned int n = 0;

    for_each_cpu_in(~0ull, c) {
        struct vcpu *r = sched_cpus[c].running;

        if (r && r->d == d && has_cpu(&r->sched)) {
            charge_running(&sched_cpus[c], now);
            n++;
        }
    }
    return n;
}

/* Run time of a capped domain per period, on all CPUs together. */
static nsec_t cap_of(const struct domain *d) { return CAP_PERIOD / 100 * d->cap; }

/*
 * Returns when a capped domain may run: now, or once refills have paid its debt. Refills are
 * computed only when one of its vcpus wants to run, so uncapped and sleeping domains cost nothing.
 * What it did not spend, because others ran, is carried over, up to one period's budget. After a
 * sleep nothing is.
 */
static nsec_t cap_allows(struct domain *d, nsec_t now)
{
    nsec_t soon = now + CAP_EARLY;

    charge_domain(d, now);
    if (soon >= d->cap_period_end) {
        nsec_t periods = (soon - d->cap_period_end) / CAP_PERIOD + 1;
        nsec_t most = periods > CAP_PERIODS_CARRY ? cap_of(d) : 2 * cap_of(d);

        d->cap_budget = MIN(d->cap_budget + MIN(periods, CAP_PERIODS_MAX) * cap_of(d), most);
        d->cap_carry = MAX(d->cap_budget - cap_of(d), 0);
        d->cap_period_end += periods * CAP_PERIOD;
    }
    return d->cap_budget > 0
               ? now
               : d->cap_period_end + -d->cap_budget / cap_of(d) * CAP_PERIOD - CAP_EARLY;
}

static void end_of_period(void *v) { sched_wake(v); }

static vtime_t vtime_at(const struct list *l)
{
    return list_entry(l, const struct sched_unit, link)->vtime;
}

/*
 * The run time of u while others wait: those in the queue and `prev`, which leaves this CPU (NULL:
 * none). Each of n competitors waits for n - 1 slices, so slices are shorter the more vcpus there
 * are for each CPU. A vcpu of little weight pays for one slice with the whole round of the others,
 * so its slice is shorter, too.
 */
static nsec_t slice_of(const struct sched_unit *u, const struct sched_unit *prev)
{
    bool prev_waits = prev && prev != u;
    uint32_t waiting = queue_length + prev_waits;
    uint64_t weights = queue_weight + (prev_waits ? prev->weight : 0);
    nsec_t slice = FAIR_LATENCY * nr_cpus / (nr_cpus + waiting);

    if ((uint64_t)u->weight * waiting < weights)
        slice = slice * u->weight * waiting / (nsec_t)weights;
    return MAX(slice, FAIR_GRANULARITY);
}

/*
 * Queues u by virtual time, behind those that have had as much but for FAIR_TIE: microseconds do
 * not change the order of turns. False: it waits for a later period of its cap. A waking vcpu
 * belongs near the front, one whose slice ended near the end. So both ends are searched in
 * parallel, which finds the place quickly in a long queue.
 */
static bool enqueue_unit(struct sched_unit *u, nsec_t now)
{
    struct list *at = &queue, *front = queue.next;
    vtime_t place = u->vtime + FAIR_TIE;
    nsec_t allowed = vcpu_of(u)->d->cap ? cap_allows(vcpu_of(u)->d, now) : now;

    if (allowed > now) {
        timer_set(&u->cap_timer, allowed);
        return false;
    }
    while (at->prev != &queue && vtime_at(at->prev) > place && vtime_at(front) <= place) {
        at = at->prev;
        front = front->next;
    }
    bool at_front = front != &queue && vtime_at(front) > place;
    list_add_before(&u->link, at_front ? front : at);
    queue_length++;
    queue_weight += u->weight;
    return true;
}

static void dequeue_unit(struct sched_unit *u)
{
    if (!is_queued(u))
        return;
    list_del(&u->link);
    queue_length--;
    queue_weight -= u->weight;
}

void sched_add_vcpu(struct vcpu *v)
{
    struct sched_unit *u = &v->sched;

    list_init(&u->link);
    u->affinity = u->soft_affinity = ~0ull;
    u->weight = v->d->weight;
    u->runstate.state = RUNSTATE_offline;
    u->runstate.state_entry_time = (uint64_t)clock_now();
    timer_setup(&u->cap_timer, end_of_period, v, TIMER_ANY_CPU);
}

void sched_remove_vcpu(struct vcpu *v)
{
    timer_finish(&v->sched.cap_timer);
    spin_lock_scope(&sched_lock);
    ASSERT(!v->sched.running);
    dequeue_unit(&v->sched);
}

static int idle_state(const struct vcpu *v)
{
    return vcpu_is_blocked(v) && !READ_ONCE(v->d->pause_count) ? RUNSTATE_blocked
                                                               : RUNSTATE_offline;
}

/* Arms the timer for the end of the slice, unless it fires earlier. */
static void set_alarm(struct sched_cpu *s, nsec_t now)
{
    if (s->alarm <= now)
        s->alarm = TIME_NEVER;
    if (s->slice_end < s->alarm) {
        s->alarm = s->slice_end;
        timer_set(&s->slice, s->alarm);
    }
}

/* Makes a CPU choose again, even within a slice. */
static void preempt_cpu(unsigned int cpu)
{
    sched_cpus[cpu].slice_end = 0;
    softirq_raise(cpu, SOFTIRQ_SCHED);
}

/*
 * Wakes an idle CPU for u, preferably by soft affinity, then the last CPU of u, and marks it busy.
 * The CPU takes the first of the queue, not necessarily u.
 */
static bool find_idle_cpu(const struct sched_unit *u)
{
    uint64_t idle = idle_cpus & u->affinity;

    if (!idle)
        return false;
    if (idle & u->soft_affinity)
        idle &= u->soft_affinity;
    unsigned int cpu = idle >> u->cpu & 1 ? u->cpu : (unsigned int)__builtin_ctzll(idle);
    idle_cpus &= ~(1ull << cpu);
    softirq_raise(cpu, SOFTIRQ_SCHED);
    return true;
}

/* The run time after which r, now at `vtime`, is ahead of `goal`. */
static nsec_t time_to_pass(const struct sched_unit *r, vtime_t vtime, vtime_t goal)
{
    if (vtime > goal)
        return 0;
    return (nsec_t)MIN(goal - vtime, (vtime_t)SEC(1)) * r->weight / SCHED_WEIGHT_DEFAULT + 1;
}

/*
 * Finds a CPU for the queued u: an idle one, or the one whose vcpu is furthest ahead of u, by more
 * than `lead` (which is smaller for a waking vcpu than after a slice). Else the CPU where u has
 * this lead first ends its slice then. Where there was no competitor, a slice begins now.
 */
static void find_cpu(const struct sched_unit *u, nsec_t now, nsec_t lead)
{
    unsigned int chosen = MAX_CPUS;
    vtime_t goal = u->vtime + (vtime_t)lead, worst = goal;
    struct sched_cpu *next = NULL;
    nsec_t soonest = TIME_NEVER;

    if (find_idle_cpu(u))
        return;
    for_each_cpu_in(u->affinity, c) {
        struct sched_cpu *s = &sched_cpus[c];

        if (!s->running)
            continue;
        const struct sched_unit *r = &s->running->sched;
        vtime_t vtime = r->vtime + fair_cost(now - r->started, r->weight);
        nsec_t wait = time_to_pass(r, vtime, goal);
        if (vtime > worst) {
            worst = vtime;
            chosen = c;
        }
        if (wait < soonest) {
            soonest = wait;
            next = s;
        }
        if (s->slice_end == TIME_NEVER) {
            s->slice_end = now + (wait ? MIN(wait, slice_of(r, NULL)) : slice_of(r, NULL));
            set_alarm(s, now);
        }
    }
    if (chosen < MAX_CPUS) {
        preempt_cpu(chosen);
    } else if (next && now + soonest < next->slice_end) {
        next->slice_end = now + soonest;
        set_alarm(next, now);
    }
}

/* Queues or dequeues v, by whether it can run. v is on no CPU. */
static void requeue_vcpu(struct vcpu *v, nsec_t now, nsec_t lead)
{
    struct sched_unit *u = &v->sched;

    if (!vcpu_runnable(v)) {
        dequeue_unit(u);
        if (u->runstate.state != idle_state(v))
            set_runstate(u, idle_state(v), now);
        return;
    }
    if (u->runstate.state != RUNSTATE_runnable) {
        u->vtime = fair_place(u->vtime, virtual_now(u->affinity, now), FAIR_CREDIT);
        set_runstate(u, RUNSTATE_runnable, now);
        u->woke = true;
    }
    if (!is_queued(u) && enqueue_unit(u, now))
        find_cpu(u, now, lead);
}

void sched_wake(struct vcpu *v)
{
    spin_lock_scope(&sched_lock);
    if (!v->sched.running)
        requeue_vcpu(v, clock_now(), FAIR_GRANULARITY);
    else if (!vcpu_runnable(v))
        softirq_raise(v->sched.cpu, SOFTIRQ_SCHED);
}

static struct sched_unit *first_for(unsigned int cpu)
{
    list_for_each(struct sched_unit, u, &queue, link)
        if (u->affinity >> cpu & 1)
            return u;
    return NULL;
}

/*
 * The first in the queue runs now, until it is ahead of v by a part of v's turn: so a vcpu that
 * yields often gets its share all the same. One that yields at once concedes a full lead, else the
 * others would pay for its switches. v gives up only what it is behind the first.
 */
void sched_yield(struct vcpu *v)
{
    struct sched_cpu *s = &sched_cpus[this_cpu()->id];

    spin_lock_scope(&sched_lock);
    const struct sched_unit *first = first_for(this_cpu()->id);
    if (!first || !s->running)
        return;
    nsec_t now = clock_now(), turn = now - (nsec_t)v->sched.runstate.state_entry_time;
    charge_running(s, now);
    v->sched.vtime = MAX(v->sched.vtime, first->vtime);
    s->yielded = turn < YIELD_TURN ? FAIR_GRANULARITY : turn / 4;
    preempt_cpu(this_cpu()->id);
}

/* Updates the CPU's running vcpu, its idle time and its bit in the idle mask. */
static void set_running(struct sched_cpu *s, unsigned int cpu, struct vcpu *next, nsec_t now)
{
    idle_cpus = next ? idle_cpus & ~(1ull << cpu) : idle_cpus | 1ull << cpu;
    if (!s->running && next) {
        s->idle_time += now - s->idle_since;
        /* no vcpu waited here, so none has a claim on this CPU */
        s->vtime = MAX(s->vtime, virtual_now(~0ull, now));
    }
    if (s->running && !next)
        s->idle_since = now;
    s->running = next;
}

/* Charges prev at the end of its run. True: it may continue on this CPU. */
static bool deschedule_vcpu(struct vcpu *prev, unsigned int cpu, nsec_t now)
{
    struct sched_unit *u = &prev->sched;

    charge_running(&sched_cpus[cpu], now);
    bool runnable = vcpu_runnable(prev);
    set_runstate(u, runnable ? RUNSTATE_runnable : idle_state(prev), now);
    return runnable && u->affinity >> cpu & 1 && (!prev->d->cap || cap_allows(prev->d, now) <= now);
}

/*
 * The end of the slice of u, which begins on this CPU. It is earlier for a vcpu that has just woken
 * and is next, and for prev if that has yielded.
 */
static nsec_t end_of_fair_slice(unsigned int cpu, const struct sched_unit *u,
                                const struct sched_unit *prev, nsec_t now)
{
    const struct sched_unit *first = first_for(cpu);
    nsec_t yielded = sched_cpus[cpu].yielded, end = TIME_NEVER;

    if (first)
        end = now + slice_of(u, prev);
    if (first && first->woke)
        end = MIN(end, now + time_to_pass(u, u->vtime, first->vtime + FAIR_GRANULARITY));
    if (prev && prev != u && yielded)
        end = MIN(end, now + time_to_pass(u, u->vtime, prev->vtime + (vtime_t)yielded));
    return end;
}

/*
 * The end of a slice of the capped d: when its running vcpus together have spent this period's
 * budget, then what was carried over, and at the end of the period. So capped domains that share a
 * CPU take turns in each period, and what is carried over does not shift them.
 */
static nsec_t end_of_capped_slice(const struct domain *d, nsec_t now)
{
    unsigned int running = charge_domain(d, now);
    nsec_t fresh = d->cap_budget - d->cap_carry;
    nsec_t left = fresh > 0 ? fresh : d->cap_budget;
    nsec_t end = now + MAX(left / running, LEAST_SLICE);

    return d->cap_period_end > now ? MIN(end, d->cap_period_end) : end;
}

/*
 * Gives this CPU for a slice to the first eligible vcpu of the queue, or to prev if it is less
 * advanced.
 */
static struct vcpu *choose_next(struct sched_cpu *s, unsigned int cpu, struct sched_unit *prev,
                                nsec_t now)
{
    struct sched_unit *u = first_for(cpu);

    if (prev && (!u || (prev->vtime + FAIR_TIE < u->vtime && !s->yielded)))
        u = prev;
    s->slice_end = TIME_NEVER;
    if (u) {
        dequeue_unit(u);
        u->vtime = fair_place(u->vtime, virtual_now(u->affinity, now), FAIR_LAG);
        s->vtime = MAX(s->vtime, u->vtime);
        set_runstate(u, RUNSTATE_running, now);
        u->started = now;
        u->cpu = cpu;
        u->running = true;
        u->woke = false;
    }
    set_running(s, cpu, u ? vcpu_of(u) : NULL, now);
    if (u)
        s->slice_end = end_of_fair_slice(cpu, u, prev, now);
    s->yielded = 0;
    if (u && s->running->d->cap)
        s->slice_end = MIN(s->slice_end, end_of_capped_slice(s->running->d, now));
    set_alarm(s, now);
    return s->running;
}

struct vcpu *sched_pick(void)
{
    unsigned int cpu = this_cpu()->id;
    struct sched_cpu *s = &sched_cpus[cpu];

    spin_lock_scope(&sched_lock);
    nsec_t now = clock_now(); /* under the lock: another CPU may charge s->running */
    struct vcpu *prev = s->running;
    if (prev && now < s->slice_end && vcpu_runnable(prev) && (prev->sched.affinity >> cpu & 1)) {
        set_alarm(s, now);
        return prev; /* continues its slice */
    }
    bool may_stay = prev && deschedule_vcpu(prev, cpu, now);
    struct vcpu *next = choose_next(s, cpu, may_stay ? &prev->sched : NULL, now);
    if (!prev && idle_cpus)
        /* this CPU was woken for one of them, but others may wait too */
        list_for_each(struct sched_unit, u, &queue, link)
            find_idle_cpu(u);
    return next;
}

void sched_leave(struct vcpu *prev)
{
    spin_lock_scope(&sched_lock);
    /* set by sched_pick */
    nsec_t descheduled = (nsec_t)prev->sched.runstate.state_entry_time;
    bool waits = prev->sched.runstate.state == RUNSTATE_runnable; /* or it has just woken */
    prev->sched.running = false;
    requeue_vcpu(prev, descheduled, waits ? FAIR_CREDIT : FAIR_GRANULARITY);
}

bool sched_on_cpu(const struct vcpu *v)
{
    return __atomic_load_n(&v->sched.running, __ATOMIC_SEQ_CST);
}

int sched_set_affinity(struct vcpu *v, uint64_t hard, uint64_t soft)
{
    struct sched_unit *u = &v->sched;

    if (!(hard & ((1ull << nr_cpus) - 1)))
        return -EINVAL;
    spin_lock_scope(&sched_lock);
    nsec_t now = clock_now();
    u->affinity = hard;
    u->soft_affinity = soft; /* a preference: need not intersect `hard` */
    /* It now competes with other vcpus: limit how far it is behind or ahead of them. */
    if (has_cpu(u))
        charge_running(&sched_cpus[u->cpu], now);
    vtime_t clock = virtual_now(hard, now);
    u->vtime = MIN(fair_place(u->vtime, clock, FAIR_LAG), clock + FAIR_LAG);
    if (has_cpu(u)) {
        preempt_cpu(u->cpu);
    } else if (is_queued(u)) {
        dequeue_unit(u);
        if (enqueue_unit(u, now))
            find_cpu(u, now, FAIR_GRANULARITY);
    }
    return 0;
}

int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap)
{
    if (!weight || weight > SCHED_WEIGHT_MAX || cap > 100 * MAX_CPUS)
        return -EINVAL;
    spin_lock_scope(&sched_lock);
    nsec_t now = clock_now();
    charge_domain(d, now); /* charge past run time at the old weight */
    d->weight = weight;
    d->cap = cap;
    d->cap_budget = cap_of(d);
    d->cap_carry = 0;
    d->cap_period_end = now + CAP_PERIOD;
    for_each_vcpu(d, v) {
        if (is_queued(&v->sched))
            queue_weight += weight - v->sched.weight;
        v->sched.weight = weight;
        if (has_cpu(&v->sched))
            preempt_cpu(v->sched.cpu);
        else if (!v->sched.running)
            requeue_vcpu(v, now, FAIR_GRANULARITY);
    }
    return 0;
}

struct vcpu_runstate_info sched_runstate(struct vcpu *v)
{
    spin_lock_scope(&sched_lock);
    struct vcpu_runstate_info info = v->sched.runstate;
    info.time[info.state] += (uint64_t)clock_now() - info.state_entry_time;
    return info;
}

uint64_t sched_idle_time(unsigned int cpu)
{
    struct sched_cpu *s = &sched_cpus[cpu];

    spin_lock_scope(&sched_lock);
    return (uint64_t)(s->idle_time + (s->running ? 0 : clock_now() - s->idle_since));
}

unsigned int sched_check(struct vcpu *v)
{
    spin_lock_scope(&sched_lock);
    return is_queued(&v->sched) && v->sched.running
               ? check_failed("d%uv%u is both queued and running\n", v->d->id, v->id)
               : 0;
}

void sched_dump(void)
{
    spin_lock_scope(&sched_lock);
    for (unsigned int c = 0; c < nr_cpus; c++) {
        struct vcpu *r = sched_cpus[c].running;

        if (r)
            log_info("cpu %u: d%uv%u, virtual time %lu us\n", c, r->d->id, r->id,
                     (uint64_t)r->sched.vtime / 1000);
        else
            log_info("cpu %u: idle\n", c);
    }
    list_for_each(struct vcpu, v, &queue, sched.link)
        log_info("waits: d%uv%u, virtual time %lu us, weight %u, cap %u\n", v->d->id, v->id,
                 (uint64_t)v->sched.vtime / 1000, v->sched.weight, v->d->cap);
}
