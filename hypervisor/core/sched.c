/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's mechanism: one queue of runnable vcpus, sorted by virtual time, from which every CPU takes the first that may
 * run on it. Balanced and work-conserving by construction: a CPU idles only when nobody who may run there waits.
 *
 * Lock: sched_lock (LOCK_SCHED) protects the queue, every sched_unit, each CPU's running vcpu and the idle mask. A vcpu's state is
 * complete in memory (svm/switch.c) before the lock is dropped with it off the CPU; another CPU can take it then.
 *
 * Tickless: a CPU whose vcpu nobody competes with has no timer; otherwise one for the end of its slice. Time is charged at each
 * switch, to the nanosecond; what an exit costs is charged to the vcpu that caused it, because it is still running.
 *
 * Policy, as pure arithmetic: sched_fair.c. Read next: vcpu.c.
 */
#include "sched.h"
#include "alloc.h"
#include "cpu.h"
#include "domain.h"
#include "errors.h"
#include "lib.h"
#include "sched_fair.h"
#include "svm.h"

#define PREEMPT_AFTER USEC(500)

struct sched_cpu {
    struct vcpu *running;    /* NULL: idle */
    struct timer slice;
    nsec_t idle_since, idle_time;
};

static struct spinlock sched_lock = SPINLOCK(LOCK_SCHED);
static struct list queue = LIST_INIT(queue);
static uint64_t queue_vtime;
static uint64_t idle_cpus;           /* bit mask, under the lock */
static struct sched_cpu sched_cpus[MAX_CPUS];

static struct vcpu *unit_vcpu(struct sched_unit *u) { return container_of(u, struct vcpu, sched); }

static void end_of_slice(void *data)
{
    (void)data;
    softirq_raise(this_cpu()->id, SOFTIRQ_SCHED);
}

void sched_init_cpu(unsigned int cpu)
{
    struct sched_cpu *s = &sched_cpus[cpu];

    timer_setup(&s->slice, end_of_slice, NULL, cpu);
    s->idle_since = clock_now();
    cpus[cpu].sched = s;
    spin_lock(&sched_lock);
    idle_cpus |= 1ull << cpu;
    spin_unlock(&sched_lock);
}

static void enqueue(struct sched_unit *u)
{
    struct list *at = &queue;

    while (at->prev != &queue && list_entry(at->prev, struct sched_unit, link)->vtime > u->vtime)
        at = at->prev;
    list_add_before(&u->link, at);
    u->queued = true;
}

static void dequeue(struct sched_unit *u)
{
    list_del(&u->link);
    u->queued = false;
}

/* Moves u to another RUNSTATE_*, and the time since the last move to the old one. */
static void set_state(struct sched_unit *u, int state, nsec_t now)
{
    u->time[u->state] += (uint64_t)(now - u->state_since);
    u->state = state;
    u->state_since = now;
}

/* Charges the vcpu that runs on s up to now. */
static void charge(struct sched_unit *u, nsec_t now)
{
    nsec_t ran = now - u->started;

    u->started = now;
    u->vtime += fair_cost(ran, u->weight);
    if (u->cap)
        u->cap_budget -= ran;
}

/* Caps: a vcpu out of budget is parked until its next period; periods are its own, so nothing ticks for the others. */
static void refill(void *data)
{
    struct vcpu *v = data;
    struct sched_unit *u = &v->sched;

    spin_lock(&sched_lock);
    u->cap_budget = MIN(u->cap_budget + fair_budget(u->cap), fair_budget(u->cap));
    u->parked = u->cap && u->cap_budget <= 0;
    if (u->parked)
        timer_set(&u->cap_timer, clock_now() + FAIR_CAP_PERIOD);
    spin_unlock(&sched_lock);
    sched_wake(v);
}

static void park(struct sched_unit *u, nsec_t now)
{
    u->parked = true;
    timer_set(&u->cap_timer, now + FAIR_CAP_PERIOD);
}

int sched_add_vcpu(struct vcpu *v)
{
    struct sched_unit *u = &v->sched;

    list_init(&u->link);
    u->affinity = u->soft_affinity = ~0ull;
    u->weight = v->d->weight;
    u->cap = v->d->cap;
    u->cap_budget = fair_budget(u->cap);
    u->state = RUNSTATE_offline;
    u->state_since = clock_now();
    timer_setup(&u->cap_timer, refill, v, this_cpu()->id);
    return 0;
}

void sched_remove_vcpu(struct vcpu *v)
{
    timer_stop(&v->sched.cap_timer);
    spin_lock(&sched_lock);
    ASSERT(!v->sched.running);
    if (v->sched.queued)
        dequeue(&v->sched);
    spin_unlock(&sched_lock);
}

static int idle_state(const struct vcpu *v)
{
    return v->blocked && !v->d->pause_count && !v->pause_count ? RUNSTATE_blocked : RUNSTATE_offline;
}

/* Whom a newly queued vcpu should disturb: an idle CPU, else the CPU whose vcpu is furthest ahead of it. MAX_CPUS: nobody. */
static unsigned int choose_cpu(const struct sched_unit *u, nsec_t now)
{
    uint64_t idle = idle_cpus & u->affinity, worst = 0;
    unsigned int chosen = MAX_CPUS;

    if (idle >> u->cpu & 1)
        return u->cpu;
    if (idle & u->soft_affinity)
        return (unsigned int)__builtin_ctzll(idle & u->soft_affinity);
    if (idle)
        return (unsigned int)__builtin_ctzll(idle);
    for (unsigned int c = 0; c < MAX_CPUS; c++) {
        struct vcpu *r = sched_cpus[c].running;

        if (!r || !(u->affinity >> c & 1))
            continue;
        uint64_t vtime = r->sched.vtime + fair_cost(now - r->sched.started, r->sched.weight);

        if (fair_preempts(u->vtime, vtime) && vtime > worst) {
            worst = vtime;
            chosen = c;
        }
    }
    return chosen;
}

/* A queue that was empty means that CPUs run without a slice timer: start them. */
static void disturb(struct sched_unit *u, nsec_t now)
{
    unsigned int cpu = choose_cpu(u, now);

    if (cpu < MAX_CPUS) {
        idle_cpus &= ~(1ull << cpu);
        softirq_raise(cpu, SOFTIRQ_SCHED);
        return;
    }
    for (unsigned int c = 0; c < MAX_CPUS; c++)
        if (sched_cpus[c].running && (u->affinity >> c & 1) && !sched_cpus[c].slice.armed)
            timer_set(&sched_cpus[c].slice, now + FAIR_SLICE);
}

void sched_wake(struct vcpu *v)
{
    struct sched_unit *u = &v->sched;
    nsec_t now = clock_now();

    spin_lock(&sched_lock);
    if (u->running) {
        if (!vcpu_runnable(v))
            softirq_raise(u->cpu, SOFTIRQ_SCHED);
    } else if (!u->queued && vcpu_runnable(v) && !u->parked) {
        u->vtime = fair_place(u->vtime, queue_vtime, u->state == RUNSTATE_blocked);
        set_state(u, RUNSTATE_runnable, now);
        enqueue(u);
        disturb(u, now);
    } else if (u->queued && !vcpu_runnable(v)) {
        dequeue(u);
        set_state(u, idle_state(v), now);
    } else if (!u->queued && u->state != idle_state(v)) {
        set_state(u, idle_state(v), now);
    }
    spin_unlock(&sched_lock);
}

void sched_block(struct vcpu *v)
{
    __atomic_store_n(&v->blocked, true, __ATOMIC_SEQ_CST);
    if (vcpu_has_pending(v))
        v->blocked = false;
    else
        softirq_raise(this_cpu()->id, SOFTIRQ_SCHED);
}

void sched_yield(struct vcpu *v)
{
    spin_lock(&sched_lock);
    if (!list_empty(&queue)) {
        v->sched.vtime = MAX(v->sched.vtime, list_entry(queue.next, struct sched_unit, link)->vtime + 1);
        softirq_raise(this_cpu()->id, SOFTIRQ_SCHED);
    }
    spin_unlock(&sched_lock);
}

static struct sched_unit *first_for(unsigned int cpu)
{
    list_for_each(p, &queue) {
        struct sched_unit *u = list_entry(p, struct sched_unit, link);

        if (u->affinity >> cpu & 1)
            return u;
    }
    return NULL;
}

/* Takes prev off this CPU: charged, queued again if it can run. */
static void deschedule(struct vcpu *prev, nsec_t now)
{
    struct sched_unit *u = &prev->sched;

    charge(u, now);
    if (u->cap && u->cap_budget <= 0 && !u->parked)
        park(u, now);
    if (vcpu_runnable(prev)) {
        set_state(u, RUNSTATE_runnable, now);
        if (!u->parked)
            enqueue(u);
    } else {
        set_state(u, idle_state(prev), now);
    }
}

static void set_slice(struct sched_cpu *s, struct sched_unit *u, nsec_t now)
{
    nsec_t slice = list_empty(&queue) ? TIME_NEVER : FAIR_SLICE;

    if (u->cap)
        slice = MIN(slice, MAX(u->cap_budget, USEC(100)));
    if (slice == TIME_NEVER)
        timer_stop(&s->slice);
    else
        timer_set(&s->slice, now + slice);
}

struct vcpu *sched_pick(void)
{
    struct cpu *c = this_cpu();
    struct sched_cpu *s = &sched_cpus[c->id];
    nsec_t now = clock_now();
    struct vcpu *prev, *next = NULL;
    struct sched_unit *u;

    spin_lock(&sched_lock);
    prev = s->running;
    if (prev)
        deschedule(prev, now);
    u = first_for(c->id);
    if (u) {
        next = unit_vcpu(u);
        dequeue(u);
        u->vtime = fair_place(u->vtime, queue_vtime, false);
        queue_vtime = MAX(queue_vtime, u->vtime);
        set_state(u, RUNSTATE_running, now);
        u->started = now;
        u->cpu = c->id;
        set_slice(s, u, now);
    } else {
        timer_stop(&s->slice);
    }
    if (prev && prev != next) {
        switch_out(c, prev);
        prev->sched.running = false;
    }
    if (next) {
        u->running = true;
        idle_cpus &= ~(1ull << c->id);
    } else {
        idle_cpus |= 1ull << c->id;
    }
    if (!prev && next)
        s->idle_time += now - s->idle_since;
    if (prev && !next)
        s->idle_since = now;
    s->running = next;
    spin_unlock(&sched_lock);

    if (next && next != prev)
        switch_in(c, next);
    if (next)
        vcpu_entering(next);
    return next;
}

static bool on_a_cpu(struct vcpu *v)
{
    return __atomic_load_n(&v->sched.running, __ATOMIC_SEQ_CST);
}

void vcpu_unblock(struct vcpu *v)
{
    WRITE_ONCE(v->polling, false);
    __atomic_store_n(&v->blocked, false, __ATOMIC_SEQ_CST);
    sched_wake(v);
}

void vcpu_kick(struct vcpu *v)
{
    if (__atomic_load_n(&v->blocked, __ATOMIC_SEQ_CST)) {
        if (vcpu_has_pending(v))
            vcpu_unblock(v);
    } else if (on_a_cpu(v) && v->sched.cpu != this_cpu()->id) {
        smp_kick(v->sched.cpu);
    }
}

static void wait_off_cpu(struct vcpu *v)
{
    ASSERT(v != current_vcpu());
    while (on_a_cpu(v))
        cpu_pause();
}

void vcpu_pause(struct vcpu *v)
{
    __atomic_add_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    sched_wake(v);
}

void vcpu_unpause(struct vcpu *v)
{
    if (!__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST))
        sched_wake(v);
}

void vcpu_pause_sync(struct vcpu *v)
{
    vcpu_pause(v);
    wait_off_cpu(v);
}

void domain_pause(struct domain *d)
{
    __atomic_add_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpu[i])
            sched_wake(d->vcpu[i]);
}

void domain_pause_sync(struct domain *d)
{
    domain_pause(d);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpu[i])
            wait_off_cpu(d->vcpu[i]);
}

void domain_unpause(struct domain *d)
{
    if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST))
        return;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpu[i])
            sched_wake(d->vcpu[i]);
}

int sched_set_affinity(struct vcpu *v, uint64_t hard, uint64_t soft)
{
    uint64_t online = (1ull << nr_cpus) - 1;

    if (!(hard & online))
        return -EINVAL;
    spin_lock(&sched_lock);
    v->sched.affinity = hard;
    v->sched.soft_affinity = soft & hard & online ? soft : ~0ull;
    if (v->sched.running && !(hard >> v->sched.cpu & 1))
        softirq_raise(v->sched.cpu, SOFTIRQ_SCHED);
    else if (v->sched.queued)
        disturb(&v->sched, clock_now());
    spin_unlock(&sched_lock);
    return 0;
}

int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap)
{
    if (!weight || weight > SCHED_WEIGHT_MAX || cap > 100 * MAX_CPUS)
        return -EINVAL;
    d->weight = weight;
    d->cap = cap;
    spin_lock(&sched_lock);
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        if (!v)
            continue;
        if (v->sched.running) /* what it ran so far counts at the old weight */
            charge(&v->sched, clock_now());
        v->sched.weight = weight;
        v->sched.cap = cap ? MAX(cap / d->max_vcpus, 1u) : 0;
        v->sched.cap_budget = fair_budget(v->sched.cap);
        if (v->sched.running)
            softirq_raise(v->sched.cpu, SOFTIRQ_SCHED);
    }
    spin_unlock(&sched_lock);
    return 0;
}

void sched_runstate(struct vcpu *v, struct runstate *rs)
{
    nsec_t now = clock_now();

    spin_lock(&sched_lock);
    rs->state = v->sched.state;
    rs->since = v->sched.state_since;
    memcpy(rs->time, v->sched.time, sizeof(rs->time));
    rs->time[rs->state] += (uint64_t)(now - rs->since);
    spin_unlock(&sched_lock);
}

uint64_t sched_idle_time(unsigned int cpu)
{
    struct sched_cpu *s = &sched_cpus[cpu];
    uint64_t t;

    spin_lock(&sched_lock);
    t = (uint64_t)(s->idle_time + (s->running ? 0 : clock_now() - s->idle_since));
    spin_unlock(&sched_lock);
    return t;
}

bool preempt_pending(void)
{
    struct cpu *c = this_cpu();
    nsec_t now = clock_now();

    if (!c->hypercall_start) { /* the clock of a hypercall starts when it first asks: most never do */
        c->hypercall_start = now;
        return READ_ONCE(c->softirq);
    }
    return READ_ONCE(c->softirq) || now - c->hypercall_start > PREEMPT_AFTER;
}

void sched_dump(void)
{
    spin_lock(&sched_lock);
    for (unsigned int c = 0; c < nr_cpus; c++) {
        struct vcpu *r = sched_cpus[c].running;

        if (r)
            log_info("cpu %u: d%uv%u, virtual time %lu us\n", c, r->d->id, r->id, r->sched.vtime / 1000);
        else
            log_info("cpu %u: idle\n", c);
    }
    list_for_each(p, &queue) {
        struct sched_unit *u = list_entry(p, struct sched_unit, link);

        log_info("waits: d%uv%u, virtual time %lu us, weight %u, cap %u\n", unit_vcpu(u)->d->id, unit_vcpu(u)->id,
                 u->vtime / 1000, u->weight, u->cap);
    }
    spin_unlock(&sched_lock);
}
