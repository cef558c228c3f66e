/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's mechanism: a vcpu wakes, is picked for a CPU, leaves it, yields, is moved.
 *
 * sched_pick only decides. The run loop switches afterwards, without the lock: a vcpu that leaves
 * its CPU stays `running`, and is not queued, until its state is saved (sched_leave), so no other
 * CPU can take it before.
 *
 * A vcpu keeps its CPU until its slice ends, it cannot run, or it is preempted; interrupts do not
 * shorten its slice. Time is charged at each switch, to the nanosecond. The cost of an exit is
 * charged to the vcpu that caused it, because it is still running; that of others' timers is not.
 *
 * Read next: vcpu.c.
 */
#include "core/sched.h"
#include "core/sched_internal.h"
#include "core/vcpu.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "lib.h"
#include "lib/log.h"
#include "percpu.h"
#include "spinlock.h"

#define YIELD_TURN USEC(200) /* a vcpu that yields after less has nothing to do */
#define SLEPT_LONG SEC(3600) /* enough to be behind, even if virtual times have wrapped since */

static void end_of_period(void *v) { sched_wake(v); }

/* Numbers as if by chance, all different: odd factors and shifts permute 32 bits. */
static uint32_t next_rank(void)
{
    static uint32_t count;
    uint32_t n = __atomic_add_fetch(&count, 0x9e3779b1u, __ATOMIC_RELAXED);

    n = (n ^ n >> 16) * 0x85ebca6bu;
    return n ^ n >> 13;
}

void sched_add_vcpu(struct vcpu *v)
{
    struct sched_unit *u = &v->sched;

    u->rank = next_rank();
    u->affinity = u->soft_affinity = CPUMASK_ALL;
    u->weight = v->d->weight;
    u->vtime = sched_cpus[0].vtime - (1ull << 62); /* behind: its first wake-up limits that */
    u->runstate.state = RUNSTATE_offline;
    u->runstate.state_entry_time = (uint64_t)clock_now();
    timer_setup(&u->budget_timer, end_of_period, v, TIMER_ANY_CPU);
}

void sched_remove_vcpu(struct vcpu *v)
{
    timer_finish(&v->sched.budget_timer);
    sched_table_forget(v);
    sched_cpu_lock(&v->sched);
    ASSERT(!v->sched.running);
    sched_queue_remove(&v->sched);
    sched_cpu_unlock(&v->sched);
}

static int idle_state(const struct vcpu *v)
{
    return vcpu_is_blocked(v) && !READ_ONCE(v->d->pause_count) ? RUNSTATE_blocked
                                                               : RUNSTATE_offline;
}

/*
 * Queues u, or lets it wait for a later period of its budgets, or for its next slot, for which they
 * do not count. False: it waits.
 */
static bool enqueue_unit(struct sched_unit *u, nsec_t now)
{
    nsec_t allowed = sched_is_limited(u) ? sched_budget_allows(u, now) : now;

    if (allowed > now) {
        timer_set(&u->budget_timer, MIN(allowed, sched_table_next(u, now)));
        return false;
    }
    sched_queue_add(u);
    return true;
}

/* Returns the CPU on which a slot of u goes on, or MAX_CPUS. */
static unsigned int slot_of(const struct sched_unit *u, nsec_t now)
{
    return unlikely(READ_ONCE(sched_tables)) ? sched_table_cpu(u, now) : MAX_CPUS;
}

/* Makes that CPU choose again. False: there is none. */
static bool claim_slot(const struct sched_unit *u, nsec_t now)
{
    unsigned int cpu = slot_of(u, now);

    if (cpu == MAX_CPUS || now < READ_ONCE(sched_cpus[cpu].gives_way))
        return false;
    sched_cpu_preempt(cpu);
    return true;
}

/* Finds a CPU for u, which is runnable and on none. */
static void place_unit(struct sched_unit *u, nsec_t now, bool leaves)
{
    bool queued = u->queued || enqueue_unit(u, now);

    if (!claim_slot(u, now) && queued)
        sched_fair_find_cpu(u, now, leaves);
}

/* Queues or dequeues v, by whether it can run. v is on no CPU, or leaves one. */
static void requeue_vcpu(struct vcpu *v, nsec_t now, bool leaves)
{
    struct sched_unit *u = &v->sched;

    if (!vcpu_runnable(v)) {
        if (u->queued)
            sched_queue_remove(u);
        if (u->runstate.state != idle_state(v))
            sched_cpu_set_runstate(u, idle_state(v), now);
        return;
    }
    if (u->runstate.state != RUNSTATE_runnable) {
        if (now - (nsec_t)u->runstate.state_entry_time > SLEPT_LONG)
            u->vtime = sched_cpus[u->cpu].vtime - FAIR_CREDIT;
        sched_fair_place(u, FAIR_CREDIT, TIME_NEVER, now);
        sched_cpu_set_runstate(u, RUNSTATE_runnable, now);
        u->woke = true;
    }
    if (!u->queued)
        place_unit(u, now, leaves);
}

/*
 * Locks the group of u. If u may run on no CPU of it, moves u to one where it may; not while a CPU
 * has u, except `leaving`, which does not run it any more.
 */
static void lock_home(struct sched_unit *u, bool leaving)
{
    for (;;) {
        sched_cpu_lock(u);
        if (likely(cpumask_has(&u->affinity, u->cpu)))
            return;
        unsigned int base = u->cpu / SCHED_GROUP * SCHED_GROUP, old = u->cpu;
        unsigned int cpu = cpumask_next(u->affinity, base);
        if (cpu < MIN(base + SCHED_GROUP, nr_cpus) || (u->running && !leaving))
            return;
        cpu = cpumask_first(u->affinity);
        if (spin_trylock(&sched_group_of(cpu)->lock)) {
            sched_fair_move(u, cpu, clock_now());
            spin_unlock(&sched_group_of(old)->lock);
            return;
        }
        sched_cpu_unlock(u); /* that one's holder may try the same in the other direction */
    }
}

void sched_wake(struct vcpu *v)
{
    struct cpu *c = this_cpu();

    if (c->timers_since && sched_cpus[c->id].running != v)
        c->woke_other = true;
    lock_home(&v->sched, false);
    if (!v->sched.running)
        requeue_vcpu(v, clock_now(), false);
    else if (!vcpu_runnable(v))
        softirq_raise(v->sched.cpu, SOFTIRQ_SCHED);
    sched_cpu_unlock(&v->sched);
}

/*
 * The first in the queue runs now, until it is ahead of v by a part of v's turn: so a vcpu that
 * yields often gets its share all the same. One that yields at once concedes a full lead, else the
 * others would pay for its switches. Without a lock: sched_pick does the rest.
 */
void sched_yield(struct vcpu *v)
{
    unsigned int cpu = this_cpu()->id;
    struct sched_cpu *s = &sched_cpus[cpu];

    if (!READ_ONCE(sched_group_of(cpu)->length))
        return;
    nsec_t now = clock_now(), turn = now - (nsec_t)v->sched.runstate.state_entry_time;
    s->yielded = turn < YIELD_TURN ? FAIR_GRANULARITY : turn / 4;
    if (s->in_slot)
        WRITE_ONCE(s->gives_way, MIN(now + YIELD_TURN, READ_ONCE(s->slot_end)));
    sched_cpu_preempt(cpu);
}

/*
 * Charges prev at the end of its run. True: it may continue on this CPU by the fair policy; not if
 * a slot of it goes on elsewhere.
 */
static bool deschedule_vcpu(struct vcpu *prev, unsigned int cpu, nsec_t now)
{
    struct sched_unit *u = &prev->sched;

    sched_cpu_charge(&sched_cpus[cpu], now);
    sched_budget_spend(u, false, now);
    bool runnable = vcpu_runnable(prev);
    sched_cpu_set_runstate(u, runnable ? RUNSTATE_runnable : idle_state(prev), now);
    unsigned int slot = slot_of(u, now);
    return runnable && cpumask_has(&u->affinity, cpu) && (slot == cpu || slot == MAX_CPUS) &&
           (!sched_is_limited(u) || sched_budget_allows(u, now) <= now);
}

/*
 * Returns true if u, the owner of this CPU's slot, is on no CPU and in this group. If it runs
 * elsewhere by the fair policy, and others compete for that CPU, it must leave it first, and claims
 * its slot then.
 */
static bool fetch_owner(struct sched_unit *u, unsigned int cpu, nsec_t now)
{
    struct sched_group *g = sched_group_of(READ_ONCE(u->cpu));
    bool other = g != sched_group_of(cpu);

    if (other && !spin_trylock(&g->lock)) {
        softirq_raise(cpu, SOFTIRQ_SCHED); /* again */
        return false;
    }
    bool here = g == sched_group_of(u->cpu) && !u->running;
    if (here && other)
        sched_fair_move(u, cpu, now);
    else if (u->running && sched_has_cpu(u)) {
        const struct sched_cpu *its = &sched_cpus[u->cpu];

        if (!its->in_slot && its->shared)
            sched_cpu_preempt(u->cpu);
    }
    if (other)
        spin_unlock(&g->lock);
    return here;
}

/* Returns the owner of this CPU's slot if it can run here. */
static struct sched_unit *take_slot(struct sched_cpu *s, unsigned int cpu, nsec_t now)
{
    struct vcpu *owner = sched_table_owner(cpu, now, &s->slot_end);

    if (now < s->gives_way) {
        s->slot_end = MIN(s->slot_end, s->gives_way);
        return NULL;
    }
    if (!owner || !vcpu_runnable(owner) || !cpumask_has(&owner->sched.affinity, cpu))
        return NULL;
    struct sched_unit *u = &owner->sched;
    if (owner != s->running && !fetch_owner(u, cpu, now))
        return NULL;
    sched_queue_remove(u);
    return u;
}

/*
 * Gives this CPU to the owner of its slot, else for a slice to the next vcpu by the fair policy;
 * prev (NULL: nobody) may continue on it.
 */
static struct vcpu *choose_next(struct sched_cpu *s, unsigned int cpu, struct sched_unit *prev,
                                nsec_t now)
{
    struct sched_unit *u = unlikely(READ_ONCE(sched_tables)) ? take_slot(s, cpu, now) : NULL;

    s->in_slot = u != NULL;
    if (!u)
        u = sched_fair_take(cpu, prev, now);
    s->slice_end = TIME_NEVER;
    s->shared = false;
    if (u) {
        sched_cpu_set_runstate(u, RUNSTATE_running, now);
        u->started = now;
        u->cpu = cpu;
        u->running = true;
        u->woke = false;
        sched_budget_spend(u, true, now);
    }
    sched_cpu_set_running(s, u ? sched_vcpu_of(u) : NULL, now);
    if (u && !s->in_slot)
        s->slice_end = sched_fair_slice_end(cpu, u, prev, now);
    if (u && !s->in_slot && sched_is_limited(u))
        s->slice_end = MIN(s->slice_end, sched_budget_end(u, now));
    s->yielded = 0;
    if (u)
        sched_cpu_set_alarm(s, now);
    return s->running;
}

/*
 * The timers of others do not cost the vcpu that they interrupt, up to now. To it, this is time
 * without a CPU.
 */
static void skip_timers(struct sched_cpu *s, nsec_t since, nsec_t now)
{
    struct sched_unit *u = &s->running->sched;

    since = MIN(MAX(since, u->started), now);
    sched_cpu_charge(s, since);
    sched_budget_spend(u, false, since);
    sched_cpu_set_runstate(u, RUNSTATE_runnable, since);
    sched_cpu_set_runstate(u, RUNSTATE_running, now);
    sched_budget_spend(u, true, now);
    u->started = MAX(u->started, now);
}

static struct vcpu *pick_locked(struct sched_cpu *s, unsigned int cpu)
{
    nsec_t now = clock_now(); /* under the lock: another CPU may charge s->running */
    struct vcpu *prev = s->running;
    struct cpu *c = this_cpu();
    if (unlikely(c->woke_other) && prev)
        skip_timers(s, c->timers_since, now);
    c->timers_since = 0;
    c->woke_other = false;
    bool preempted = s->preempted && __atomic_exchange_n(&s->preempted, false, __ATOMIC_ACQUIRE);

    if (prev && !preempted && now < MIN(s->slice_end, s->slot_end) && vcpu_runnable(prev) &&
        cpumask_has(&prev->sched.affinity, cpu)) {
        sched_cpu_set_alarm(s, now);
        return prev; /* continues its slice */
    }
    bool may_stay = prev && deschedule_vcpu(prev, cpu, now);
    return choose_next(s, cpu, may_stay ? &prev->sched : NULL, now);
}

/* A CPU that was woken for one vcpu may have taken another. */
struct vcpu *sched_pick(void)
{
    unsigned int cpu = this_cpu()->id;
    struct sched_cpu *s = &sched_cpus[cpu];
    struct sched_group *g = sched_group_of(cpu), *other = g;

    spin_lock(&g->lock);
    bool idled = !s->running;
    if (idled)
        other = &sched_groups[s->look_at]; /* for which it was woken */
    struct vcpu *next = pick_locked(s, cpu);
    if (idled)
        sched_fair_spread(g);
    spin_unlock(&g->lock);
    if (other != g && READ_ONCE(other->length)) {
        spin_lock_scope(&other->lock);
        sched_fair_spread(other);
    }
    return next;
}

void sched_leave(struct vcpu *prev)
{
    struct sched_unit *u = &prev->sched;

    lock_home(u, true);
    nsec_t descheduled = (nsec_t)u->runstate.state_entry_time; /* set by sched_pick */
    bool waits = u->runstate.state == RUNSTATE_runnable;       /* or it has just woken */
    u->running = false;
    requeue_vcpu(prev, descheduled, waits);
    sched_cpu_unlock(u);
}

bool sched_on_cpu(const struct vcpu *v)
{
    return __atomic_load_n(&v->sched.running, __ATOMIC_SEQ_CST);
}

/* v's lock is held. */
static void reconsider(struct vcpu *v, nsec_t now)
{
    if (sched_has_cpu(&v->sched))
        sched_cpu_preempt(v->sched.cpu);
    else if (!v->sched.running)
        requeue_vcpu(v, now, false);
}

int sched_set_affinity(struct vcpu *v, cpumask_t hard, cpumask_t soft)
{
    struct sched_unit *u = &v->sched;

    if (cpumask_next(hard, 0) >= nr_cpus)
        return -EINVAL;
    sched_cpu_lock(u);
    nsec_t now = clock_now();
    /* It now competes with other vcpus: limit how far it is behind or ahead of them. */
    if (sched_has_cpu(u))
        sched_cpu_charge(&sched_cpus[u->cpu], now);
    sched_queue_remove(u);
    u->affinity = hard;
    u->soft_affinity = soft; /* a preference: need not intersect `hard` */
    sched_cpu_unlock(u);
    lock_home(u, false);
    sched_fair_place(u, FAIR_LAG, FAIR_LAG, now);
    reconsider(v, now);
    sched_cpu_unlock(u);
    return 0;
}

int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap)
{
    if (!weight || weight > SCHED_WEIGHT_MAX || cap > 100 * MAX_CPUS)
        return -EINVAL;
    d->weight = weight;
    d->cap = cap;
    sched_budget_cap(d, SCHED_PERIOD / 100 * cap, clock_now());
    for_each_vcpu(d, v) {
        sched_cpu_lock(&v->sched);
        nsec_t now = clock_now();
        if (sched_has_cpu(&v->sched)) /* past run time counts at the old weight */
            sched_cpu_charge(&sched_cpus[v->sched.cpu], now);
        sched_queue_reweigh(&v->sched, weight);
        reconsider(v, now);
        sched_cpu_unlock(&v->sched);
    }
    return 0;
}

void sched_set_limit(struct vcpu *v, nsec_t fill)
{
    sched_cpu_lock(&v->sched);
    nsec_t now = clock_now();
    if (sched_has_cpu(&v->sched))
        sched_cpu_charge(&sched_cpus[v->sched.cpu], now);
    sched_budget_start(&v->sched.budget, fill, now);
    reconsider(v, now);
    sched_cpu_unlock(&v->sched);
}

unsigned int sched_check(struct vcpu *v)
{
    sched_cpu_lock(&v->sched);
    bool both = v->sched.queued && v->sched.running;
    sched_cpu_unlock(&v->sched);
    return both ? check_failed("d%uv%u is both queued and running\n", v->d->id, v->id) : 0;
}

static void dump_queue(const struct sched_unit *u)
{
    for (; u; u = u->right) {
        const struct vcpu *v = container_of(u, struct vcpu, sched);

        dump_queue(u->left);
        log_info("waits: d%uv%u, virtual time %lu us, weight %u, cap %u\n", v->d->id, v->id,
                 u->vtime / 1000, u->weight, v->d->cap);
    }
}

void sched_dump(void)
{
    for (unsigned int c = 0; c < nr_cpus; c++) {
        spin_lock_scope(&sched_group_of(c)->lock);
        struct vcpu *r = sched_cpus[c].running;

        if (r)
            log_info("cpu %u: d%uv%u, virtual time %lu us\n", c, r->d->id, r->id,
                     r->sched.vtime / 1000);
        else
            log_info("cpu %u: idle\n", c);
        if (c % SCHED_GROUP == 0)
            dump_queue(sched_group_of(c)->queue);
    }
}
