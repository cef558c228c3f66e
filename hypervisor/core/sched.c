/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's mechanism: one queue of runnable vcpus, sorted by virtual time, from which every
 * CPU takes the first that may run on it. Balanced and work-conserving by construction: a CPU idles
 * only when nobody who may run there waits.
 *
 * Lock: sched_lock (LOCK_SCHED) protects the queue, every sched_unit, each CPU's running vcpu, the
 * idle mask and the domains' caps. sched_pick only decides. The run loop switches afterwards,
 * without the lock: a vcpu that leaves its CPU stays `running`, and is not queued, until its state
 * is saved (sched_leave), so no other CPU can take it before.
 *
 * Tickless: a CPU whose vcpu nobody competes with sets no timer; otherwise one for the end of its
 * slice. A vcpu keeps its CPU until its slice is over, it cannot run, or somebody preempts it,
 * however often interrupts make the CPU ask. A slice that ends early leaves its timer set: when it
 * fires, it is set for the slice of that time, so that most switches set none. Time is charged at
 * each switch, to the nanosecond; what an exit costs is charged to the vcpu that caused it, because
 * it is still running.
 *
 * Each CPU has a virtual clock: the start of the latest slice that began there. A vcpu that wakes,
 * or lags, is placed by the clocks of the CPUs that it may run on. A vcpu with a CPU of its own
 * runs ahead of all others; it must not bend the weights of vcpus that never meet it.
 *
 * The policy is fair: each vcpu has a virtual time that advances by the real time it ran, divided
 * by its weight; the vcpu that is least advanced runs. All arithmetic is integer, exact to the
 * nanosecond at weight 256, and has 128 bits: 64 would be used up after two years at weight 1. A
 * vcpu that slept is credited at most one slice, so that it gets a CPU at once if it runs little.
 * One that was runnable keeps its credit, up to FAIR_LAG: a vcpu whose weight exceeds what one CPU
 * can give does not save up a claim without end.
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

#define FAIR_SLICE MSEC(10)      /* how long one runs while others wait */
#define FAIR_GRANULARITY MSEC(1) /* virtual lead that a waking vcpu needs to preempt */
#define FAIR_LAG MSEC(100)       /* virtual time that nobody may lie behind by: bounds a burst */
#define CAP_PERIOD MSEC(10)
#define CAP_PERIODS_MAX 1000000 /* at once: they pay whatever is owed, and their product fits */
#define LEAST_SLICE USEC(100)   /* however little of a cap's budget is left: it goes into debt */

struct sched_cpu {
    struct vcpu *running; /* NULL: idle */
    vtime_t vtime;        /* the virtual clock */
    struct timer slice;
    nsec_t slice_end; /* TIME_NEVER: nobody competes; 0: somebody else should run now */
    nsec_t alarm;     /* when the timer fires, or has fired; TIME_NEVER: it is not set */
    nsec_t idle_since, idle_time;
};

static struct spinlock sched_lock = SPINLOCK(LOCK_SCHED);
static struct list queue = LIST_INIT(queue);
static uint64_t idle_cpus; /* bit mask, under the lock */
static struct sched_cpu sched_cpus[MAX_CPUS];

/* Each CPU in the mask that is there. */
#define for_each_cpu_in(mask, c) \
    for (unsigned int c = 0; c < nr_cpus; c++) \
        if ((mask) >> c & 1)

/* Virtual ns that `ran` real ns cost at this weight: real time at the default, which most have. */
static vtime_t fair_cost(nsec_t ran, uint32_t weight)
{
    uint64_t ns = (uint64_t)MAX(ran, 0);

    if (likely(weight == SCHED_WEIGHT_DEFAULT))
        return ns;
    return (vtime_t)(ns / weight) * SCHED_WEIGHT_DEFAULT +
           ns % weight * SCHED_WEIGHT_DEFAULT / weight;
}

/* A virtual time as it is placed by the clock: no further behind than that. */
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

/* Moves u to another RUNSTATE_*, and the time since the last move to the old one. */
static void set_state(struct sched_unit *u, int state, nsec_t now)
{
    u->runstate.time[u->runstate.state] += (uint64_t)now - u->runstate.state_entry_time;
    u->runstate.state = state;
    u->runstate.state_entry_time = (uint64_t)now;
}

/*
 * Charges the vcpu that runs on s up to now. It may run alone for long: the CPU's clock goes on as
 * if it were sliced.
 */
static void charge(struct sched_cpu *s, nsec_t now)
{
    struct sched_unit *u = &s->running->sched;
    nsec_t ran = now - u->started;

    if (ran <= 0) /* charged already, perhaps by a CPU whose clock is ahead */
        return;
    u->started = now;
    u->vtime += fair_cost(ran, u->weight);
    s->running->d->cap_budget -= ran;
    vtime_t slice = fair_cost(FAIR_SLICE, u->weight);
    if (u->vtime > s->vtime + slice)
        s->vtime = u->vtime - slice;
}

/* The latest of the clocks of these CPUs. */
static vtime_t virtual_now(uint64_t mask, nsec_t now)
{
    vtime_t latest = 0;

    for_each_cpu_in(mask, c) {
        if (sched_cpus[c].running)
            charge(&sched_cpus[c], now);
        latest = MAX(latest, sched_cpus[c].vtime);
    }
    return latest;
}

/* Charges those of d's vcpus that run now, and counts them. */
static unsigned int charge_domain(const struct domain *d, nsec_t now)
{
    unsigned int n = 0;

    for_each_cpu_in(~0ull, c) {
        struct vcpu *r = sched_cpus[c].running;

        if (r && r->d == d && has_cpu(&r->sched)) {
            charge(&sched_cpus[c], now);
            n++;
        }
    }
    return n;
}

/* What a capped domain may run in each period, on all CPUs together. */
static nsec_t cap_of(const struct domain *d) { return CAP_PERIOD / 100 * d->cap; }

/*
 * When a domain of this cap may run: now, or as soon as the periods from now on have paid what it
 * owes. It is looked at only when one of its vcpus wants to run, so nothing ticks for others or for
 * who sleeps.
 */
static nsec_t cap_allows(struct domain *d, nsec_t now)
{
    charge_domain(d, now);
    if (now >= d->cap_period_end) {
        nsec_t periods = (now - d->cap_period_end) / CAP_PERIOD + 1;

        d->cap_budget = MIN(d->cap_budget + MIN(periods, CAP_PERIODS_MAX) * cap_of(d), cap_of(d));
        d->cap_period_end += periods * CAP_PERIOD;
    }
    return d->cap_budget > 0 ? now : d->cap_period_end + -d->cap_budget / cap_of(d) * CAP_PERIOD;
}

static void end_of_period(void *v) { sched_wake(v); }

static vtime_t vtime_at(const struct list *l)
{
    return list_entry(l, const struct sched_unit, link)->vtime;
}

/*
 * By its virtual time. False: it waits for its next period instead. A vcpu that wakes goes near the
 * front, whose slice is over near the end: looked for from both, a place is found soon however many
 * wait.
 */
static bool enqueue(struct sched_unit *u, nsec_t now)
{
    struct list *at = &queue, *front = queue.next;
    nsec_t allowed = vcpu_of(u)->d->cap ? cap_allows(vcpu_of(u)->d, now) : now;

    if (allowed > now) {
        timer_set(&u->cap_timer, allowed);
        return false;
    }
    while (at->prev != &queue && vtime_at(at->prev) > u->vtime && vtime_at(front) <= u->vtime) {
        at = at->prev;
        front = front->next;
    }
    bool at_front = front != &queue && vtime_at(front) > u->vtime;
    list_add_before(&u->link, at_front ? front : at);
    return true;
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
    list_del(&v->sched.link);
}

static int idle_state(const struct vcpu *v)
{
    return READ_ONCE(v->blocked) && !READ_ONCE(v->d->pause_count) ? RUNSTATE_blocked
                                                                  : RUNSTATE_offline;
}

/* Makes the timer fire at the end of the slice, or earlier. */
static void set_alarm(struct sched_cpu *s, nsec_t now)
{
    if (s->alarm <= now)
        s->alarm = TIME_NEVER;
    if (s->slice_end < s->alarm) {
        s->alarm = s->slice_end;
        timer_set(&s->slice, s->alarm);
    }
}

/* Makes a CPU choose again, also when the slice of its vcpu is not over. */
static void preempt(unsigned int cpu)
{
    sched_cpus[cpu].slice_end = 0;
    softirq_raise(cpu, SOFTIRQ_SCHED);
}

/*
 * Tells an idle CPU, which is no longer idle then, to look: where u wishes to run, where it was
 * last, any. It takes who is first then: that need not be u.
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

/*
 * Finds a CPU for u, which is in the queue: an idle one, or the one whose vcpu is furthest ahead of
 * it, by more than `lead` (one that just woke gets in sooner than one whose slice is over). Else it
 * waits for the end of a slice, which begins now where nobody waited before.
 */
static void find_cpu(const struct sched_unit *u, nsec_t now, nsec_t lead)
{
    unsigned int chosen = MAX_CPUS;
    vtime_t worst = u->vtime + (vtime_t)lead;

    if (find_idle_cpu(u))
        return;
    for_each_cpu_in(u->affinity, c) {
        struct sched_cpu *s = &sched_cpus[c];

        if (!s->running)
            continue;
        const struct sched_unit *r = &s->running->sched;
        vtime_t vtime = r->vtime + fair_cost(now - r->started, r->weight);
        if (vtime > worst) {
            worst = vtime;
            chosen = c;
        }
        if (s->slice_end == TIME_NEVER) {
            s->slice_end = now + FAIR_SLICE;
            set_alarm(s, now);
        }
    }
    if (chosen < MAX_CPUS)
        preempt(chosen);
}

/* Queues v if it can run, takes it out of the queue if not. It is on no CPU. */
static void requeue(struct vcpu *v, nsec_t now, nsec_t lead)
{
    struct sched_unit *u = &v->sched;

    if (!vcpu_runnable(v)) {
        list_del(&u->link);
        if (u->runstate.state != idle_state(v))
            set_state(u, idle_state(v), now);
        return;
    }
    if (u->runstate.state != RUNSTATE_runnable) {
        u->vtime = fair_place(u->vtime, virtual_now(u->affinity, now), FAIR_SLICE);
        set_state(u, RUNSTATE_runnable, now);
    }
    if (!is_queued(u) && enqueue(u, now))
        find_cpu(u, now, lead);
}

void sched_wake(struct vcpu *v)
{
    spin_lock_scope(&sched_lock);
    if (!v->sched.running)
        requeue(v, clock_now(), FAIR_GRANULARITY);
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

void sched_yield(struct vcpu *v)
{
    spin_lock_scope(&sched_lock);
    const struct sched_unit *first = first_for(this_cpu()->id);
    if (first) {
        v->sched.vtime = MAX(v->sched.vtime, first->vtime + 1);
        preempt(this_cpu()->id);
    }
}

/* The CPU's vcpu, its idle time and its bit in the idle mask change together. */
static void set_running(struct sched_cpu *s, unsigned int cpu, struct vcpu *next, nsec_t now)
{
    idle_cpus = next ? idle_cpus & ~(1ull << cpu) : idle_cpus | 1ull << cpu;
    if (!s->running && next) {
        s->idle_time += now - s->idle_since;
        /* nobody waited here: nobody is owed anything */
        s->vtime = MAX(s->vtime, virtual_now(~0ull, now));
    }
    if (s->running && !next)
        s->idle_since = now;
    s->running = next;
}

/* Charges prev, whose time on this CPU is over. True: it may have it again. */
static bool deschedule(struct vcpu *prev, unsigned int cpu, nsec_t now)
{
    struct sched_unit *u = &prev->sched;

    charge(&sched_cpus[cpu], now);
    bool runnable = vcpu_runnable(prev);
    set_state(u, runnable ? RUNSTATE_runnable : idle_state(prev), now);
    return runnable && u->affinity >> cpu & 1 && (!prev->d->cap || cap_allows(prev->d, now) <= now);
}

/*
 * Gives this CPU for a slice to the first of the queue that may run here, or to prev if that is
 * before it.
 */
static struct vcpu *choose(struct sched_cpu *s, unsigned int cpu, struct sched_unit *prev,
                           nsec_t now)
{
    struct sched_unit *u = first_for(cpu);

    if (prev && (!u || prev->vtime < u->vtime))
        u = prev;
    s->slice_end = TIME_NEVER;
    if (u) {
        list_del(&u->link);
        u->vtime = fair_place(u->vtime, virtual_now(u->affinity, now), FAIR_LAG);
        s->vtime = MAX(s->vtime, u->vtime);
        set_state(u, RUNSTATE_running, now);
        u->started = now;
        u->cpu = cpu;
        u->running = true;
    }
    set_running(s, cpu, u ? vcpu_of(u) : NULL, now);
    if (u && first_for(cpu))
        s->slice_end = now + FAIR_SLICE;
    if (u && s->running->d->cap) {
        nsec_t share = s->running->d->cap_budget / charge_domain(s->running->d, now);

        s->slice_end = MIN(s->slice_end, now + MAX(share, LEAST_SLICE));
    }
    set_alarm(s, now);
    return s->running;
}

struct vcpu *sched_pick(void)
{
    unsigned int cpu = this_cpu()->id;
    struct sched_cpu *s = &sched_cpus[cpu];

    spin_lock_scope(&sched_lock);
    nsec_t now = clock_now(); /* not before: another CPU may have charged s->running meanwhile */
    struct vcpu *prev = s->running;
    if (prev && now < s->slice_end && vcpu_runnable(prev) && (prev->sched.affinity >> cpu & 1)) {
        set_alarm(s, now);
        return prev; /* goes on, without a choice */
    }
    bool may_stay = prev && deschedule(prev, cpu, now);
    struct vcpu *next = choose(s, cpu, may_stay ? &prev->sched : NULL, now);
    if (!prev && idle_cpus)
        /* for one of them this CPU was told to look */
        list_for_each(struct sched_unit, u, &queue, link)
            find_idle_cpu(u);
    return next;
}

void sched_leave(struct vcpu *prev)
{
    spin_lock_scope(&sched_lock);
    /* by sched_pick, just now */
    nsec_t descheduled = (nsec_t)prev->sched.runstate.state_entry_time;
    bool waits = prev->sched.runstate.state == RUNSTATE_runnable; /* or it woke just now */
    prev->sched.running = false;
    requeue(prev, descheduled, waits ? FAIR_SLICE : FAIR_GRANULARITY);
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
    u->soft_affinity = soft; /* a wish: it may name no CPU that v may use */
    /*
     * It meets others now: it may be far behind or ahead of them, which is not their fault, nor its
     * own.
     */
    if (has_cpu(u))
        charge(&sched_cpus[u->cpu], now);
    vtime_t clock = virtual_now(hard, now);
    u->vtime = MIN(fair_place(u->vtime, clock, FAIR_LAG), clock + FAIR_LAG);
    if (has_cpu(u)) {
        preempt(u->cpu);
    } else if (is_queued(u)) {
        list_del(&u->link);
        if (enqueue(u, now))
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
    charge_domain(d, now); /* what ran so far counts at the old weight */
    d->weight = weight;
    d->cap = cap;
    d->cap_budget = cap_of(d);
    d->cap_period_end = now + CAP_PERIOD;
    for_each_vcpu(d, v) {
        v->sched.weight = weight;
        if (has_cpu(&v->sched))
            preempt(v->sched.cpu);
        else if (!v->sched.running)
            requeue(v, now, FAIR_GRANULARITY);
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
