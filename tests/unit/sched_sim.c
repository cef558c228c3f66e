/* SPDX-License-Identifier: MIT */
/*
 * Simulated CPUs in virtual time for sched.c (include/sched_sim.h; test_sched.c has the tests). The
 * simulation itself takes no time: the clock jumps from one event (a timer, the end of a burst, a
 * sleeper's alarm, an action of the test) to the next. So the simulation accounts for every
 * nanosecond too, and compares. After each event it checks the invariants: a running vcpu may run
 * on its CPU, no CPU idles while a vcpu that may run on it waits. States and times must be those
 * observed.
 */
#include "sched_sim.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "cpu/trace.h"
#include "lib/log.h"
#include "percpu.h"
#include "platform/power.h"
#include "vdev/lapic.h"

#include <stdlib.h>
#include <sys/mman.h>

nsec_t now, started;
struct body *bodies[BODIES];
static struct domain *domains[BODIES];
unsigned int body_count;
static unsigned int domain_count;
struct body *on_cpu[CPUS];
static nsec_t idle[CPUS];
unsigned int switches;
bool noise;
nsec_t timer_delay;
void (*while_saving)(void);
static bool picking[CPUS];
uint64_t seed;

static struct body *body(struct vcpu *v) { return container_of(v, struct body, v); }

uint32_t pick_random(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

/* --- what the scheduler calls --- */

nsec_t clock_now(void) { return now; }
void softirq_kick(unsigned int cpu) { (void)cpu; }
void softirq_raise(unsigned int cpu, enum softirq s) { cpus[cpu].softirq |= 1u << s; }

/*
 * Other functions that vcpu.c and domain_shutdown.c link: nothing is created, shut down or
 * interrupted here.
 */
void power_stop(uint8_t reason) { abort(); }
void evtchn_raise_global_virq(uint32_t virq) { abort(); }
int lapic_highest_pending(struct vcpu *v) { return -1; }
void lapic_set_irq(struct vcpu *v, uint8_t vector, bool level) { abort(); }
void lapic_reset(struct vcpu *v, bool init) { abort(); }
void guest_unpin(struct guest_pin *pin) { abort(); }

/* --- the trace --- */

uint32_t trace_events = 1u << CLEAVE_TRACE_state;

void trace_write(const struct cleave_trace_record *record)
{
    struct body *b = body(domains[record->domain]->vcpu[record->vcpu]);
    int from = record->info & 15;

    assert_int_equal(record->event, CLEAVE_TRACE_state);
    assert_int_equal(from, b->traced_state);
    b->traced[from] += record->words[0];
    if (from == RUNSTATE_running && record->info >> 8) {
        b->traced_slots += record->words[0];
        b->slots++;
    }
    b->traced_state = record->info >> 4 & 15;
}

/* The records tell the same as the scheduler. */
static void check_trace(const struct body *b, const struct vcpu_runstate_info *rs)
{
    assert_int_equal(b->traced_state, rs->state);
    for (int i = 0; i < 4; i++)
        if (i != rs->state)
            assert_int_equal(b->traced[i], rs->time[i]);
    if (rs->state != RUNSTATE_running) /* look() charges some runs a microsecond less */
        assert_in_range(b->traced_slots - b->v.sched.slot_time, 0, b->slots * (uint64_t)USEC(1));
}

/* --- the run loop's switch --- */

static void load(struct cpu *c, struct vcpu *v)
{
    for (unsigned int i = 0; i < nr_cpus; i++)
        assert_ptr_not_equal(on_cpu[i], body(v));
    assert_null(on_cpu[c->id]);
    assert_int_equal(c->id, harness_cpu);
    on_cpu[c->id] = body(v);
    switches++;
}

static void save(struct cpu *c, struct vcpu *v)
{
    assert_ptr_equal(on_cpu[c->id], body(v));
    assert_int_equal(c->held[LOCK_SCHED], 0); /* saving takes long */
    if (while_saving) {
        while_saving();
        harness_cpu = c->id;
    }
    on_cpu[c->id] = NULL;
}

static void switch_to(struct cpu *c, struct vcpu *next)
{
    struct body *prev = on_cpu[c->id];

    if (prev && &prev->v != next) {
        save(c, &prev->v);
        sched_leave(&prev->v);
    }
    if (next && (!prev || &prev->v != next))
        load(c, next);
}

void timer_set(struct timer *t, nsec_t expires)
{
    if (!t->pinned)
        t->cpu = this_cpu()->id;
    harness_timer_arm(t, expires);
}

/* --- the simulation --- */

void machine(unsigned int n)
{
    for (unsigned int i = 0; i < body_count; i++)
        munmap(bodies[i], sizeof(*bodies[i]));
    for (unsigned int i = 0; i < domain_count; i++)
        free(domains[i]);
    harness_memory_new(1);
    harness_timers_forget();
    body_count = domain_count = switches = 0;
    noise = false;
    timer_delay = 0;
    while_saving = NULL;
    now = started = SEC(1);
    nr_cpus = n;
    for (unsigned int i = 0; i < CPUS; i++) {
        on_cpu[i] = NULL;
        idle[i] = 0;
        cpus[i].online = i < n;
        if (i < n)
            sched_init_cpu(i);
    }
}

struct domain *domain(unsigned int vcpus, uint32_t weight, uint32_t cap)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->id = (domid_t)domain_count;
    d->weight = weight;
    d->cap = cap;
    spin_init(&d->cap_budget.lock, LOCK_CAP);
    d->cap_budget.since = now;
    d->cap_budget.budget.fill = SCHED_PERIOD / 100 * cap;
    d->max_vcpus = vcpus;
    domains[domain_count++] = d;
    return d;
}

struct body *vcpu(struct domain *d, unsigned int id, nsec_t work, nsec_t sleep)
{
    struct body *b =
        mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(b, MAP_FAILED);
    b->v.d = d;
    b->v.id = id;
    b->v.initialised = true;
    b->v.info = &b->v.no_info;
    b->work = b->left = work;
    b->sleep = sleep;
    b->wakes = TIME_NEVER;
    b->created = now;
    b->traced_state = RUNSTATE_offline;
    d->vcpu[id] = &b->v;
    bodies[body_count++] = b;
    sched_add_vcpu(&b->v);
    sched_wake(&b->v);
    return b;
}

/* A domain of one vcpu that always has work. */
struct body *hog(uint32_t weight, uint32_t cap)
{
    return vcpu(domain(1, weight, cap), 0, TIME_NEVER, 0);
}

struct body *sleeper(nsec_t work, nsec_t sleep) { return vcpu(domain(1, 256, 0), 0, work, sleep); }

void pin(struct body *b, cpumask_t mask)
{
    assert_int_equal(sched_set_affinity(&b->v, mask, mask), 0);
}

unsigned int cpu_of(const struct body *b)
{
    for (unsigned int i = 0; i < nr_cpus; i++)
        if (on_cpu[i] == b)
            return i;
    return CPUS;
}

/* One pass of a CPU through its run loop. */
void look(unsigned int cpu)
{
    static unsigned int looks;
    struct vcpu *v;

    harness_cpu = cpu;
    cpus[cpu].softirq = 0;
    /* another CPU, whose clock is slightly ahead, charged it */
    if (on_cpu[cpu] && ++looks % 50 == 0) {
        on_cpu[cpu]->v.sched.started += USEC(1);
        on_cpu[cpu]->v.sched.vtime += USEC(1);
        if (on_cpu[cpu]->v.sched.spends)
            on_cpu[cpu]->v.d->cap_budget.budget.left -= USEC(1);
        on_cpu[cpu]->v.sched.budget.left -= USEC(1);
    }
    picking[cpu] = true;
    v = sched_pick();
    switch_to(&cpus[cpu], v);
    picking[cpu] = false;
    assert_ptr_equal(on_cpu[cpu], v ? body(v) : NULL);
    if (v && body(v)->woken) {
        body(v)->latency = MAX(body(v)->latency, now - body(v)->woken);
        body(v)->woken = 0;
    }
}

bool is_picking(unsigned int cpu) { return picking[cpu]; }

static void settle(void)
{
    bool busy = true;

    for (unsigned int rounds = 0; busy; rounds++) {
        assert_true(rounds < 100); /* CPUs keep disturbing each other */
        busy = false;
        for (unsigned int i = 0; i < nr_cpus; i++)
            if (cpus[i].softirq) {
                look(i);
                busy = true;
            }
    }
}

void keep_hands_off(struct body *b, bool off)
{
    assert_int_equal(mprotect(b, sizeof(*b), off ? PROT_NONE : PROT_READ | PROT_WRITE), 0);
}

void block(struct body *b)
{
    harness_cpu = cpu_of(b);
    vcpu_block(&b->v);
}

void wake(struct body *b)
{
    b->wakes = TIME_NEVER;
    b->left = b->work;
    b->woken = now;
    vcpu_unblock(&b->v);
}

static int expected_state(const struct body *b)
{
    if (cpu_of(b) < CPUS)
        return RUNSTATE_running;
    if (vcpu_runnable(&b->v))
        return RUNSTATE_runnable;
    return vcpu_is_blocked(&b->v) && !b->v.d->pause_count ? RUNSTATE_blocked : RUNSTATE_offline;
}

static void check_body(struct body *b)
{
    struct vcpu_runstate_info rs = sched_runstate(&b->v);
    unsigned int cpu = cpu_of(b);

    assert_int_equal(rs.state, expected_state(b));
    assert_int_equal(rs.time[0] + rs.time[1] + rs.time[2] + rs.time[3], now - b->created);
    assert_int_equal(rs.time[RUNSTATE_running], b->ran);
    check_trace(b, &rs);
    if (cpu < CPUS) {
        assert_true(vcpu_runnable(&b->v));
        assert_true(cpumask_has(&b->v.sched.affinity, cpu));
        return;
    }
    for (unsigned int i = 0; i < nr_cpus; i++)
        if (vcpu_runnable(&b->v) && !b->v.sched.budget_timer.armed &&
            cpumask_has(&b->v.sched.affinity, i))
            assert_non_null(on_cpu[i]); /* work-conserving */
}

static void check(void)
{
    for (unsigned int i = 0; i < body_count; i++)
        check_body(bodies[i]);
    for (unsigned int i = 0; i < nr_cpus; i++)
        assert_int_equal(sched_idle_time(i), idle[i]);
}

nsec_t next_event(void)
{
    nsec_t t = harness_first_timer() ? harness_first_timer()->expires + timer_delay : TIME_NEVER;

    for (unsigned int i = 0; i < nr_cpus; i++)
        if (on_cpu[i] && on_cpu[i]->sleep)
            t = MIN(t, now + on_cpu[i]->left);
    for (unsigned int i = 0; i < body_count; i++)
        t = MIN(t, bodies[i]->wakes);
    return MAX(t, now);
}

static void note_waits(nsec_t time)
{
    for (unsigned int i = 0; i < body_count; i++) {
        struct body *b = bodies[i];

        if (cpu_of(b) == CPUS && vcpu_runnable(&b->v))
            b->waited += time;
        else if (time)
            b->waited = 0;
        b->gap = MAX(b->gap, b->waited);
    }
}

void pass(nsec_t time)
{
    note_waits(time);
    for (unsigned int i = 0; i < nr_cpus; i++) {
        if (on_cpu[i]) {
            on_cpu[i]->ran += time;
            on_cpu[i]->left -= time;
        } else {
            idle[i] += time;
        }
    }
    now += time;
}

void fire(void)
{
    for (unsigned int i = 0; i < nr_cpus; i++) {
        struct body *b = on_cpu[i];

        if (b && b->sleep && b->left <= 0 && b->v.wait == WAIT_NONE) {
            block(b);
            b->left = b->work;
            b->wakes = b->v.wait != WAIT_NONE ? now + b->sleep : TIME_NEVER;
        }
        if (noise)
            softirq_raise(i, SOFTIRQ_TIMER);
    }
    for (unsigned int i = 0; i < body_count; i++)
        if (bodies[i]->wakes <= now)
            wake(bodies[i]);
    for (struct timer *t; (t = harness_first_timer()) && t->expires + timer_delay <= now;) {
        timer_stop(t);
        harness_cpu = t->cpu;
        softirq_raise(t->cpu, SOFTIRQ_TIMER);
        t->fn(t->data);
    }
}

void run(nsec_t time)
{
    nsec_t end = now + time;

    settle();
    check();
    while (now < end) {
        pass(MIN(next_event(), end) - now);
        fire();
        settle();
        check();
    }
    for (unsigned int i = 0; i < nr_cpus; i++)
        assert_int_equal((nsec_t)sched_idle_time(i) + started, idle[i] + started);
}

/* The CPU time that b gets in the next `time`, in nanoseconds. */
nsec_t share(const struct body *b, nsec_t time)
{
    nsec_t before = b->ran;

    run(time);
    return b->ran - before;
}

static unsigned int watched; /* ms */

void watch(unsigned int ms)
{
    assert_in_range(ms, 1, WATCH_MAX);
    watched = ms;
    for (unsigned int i = 0; i < body_count; i++)
        bodies[i]->gap = bodies[i]->waited = 0;
    for (unsigned int t = 0; t <= ms; t++) {
        for (unsigned int i = 0; i < body_count; i++)
            bodies[i]->ran_at[t] = bodies[i]->ran;
        run(t < ms ? MSEC(1) : 0);
    }
}

nsec_t worst_error(const struct body *b, unsigned int window, nsec_t wanted)
{
    nsec_t worst = 0;

    for (unsigned int t = window; t <= watched; t++) {
        nsec_t error = b->ran_at[t] - b->ran_at[t - window] - wanted;

        worst = MAX(worst, error < 0 ? -error : error);
    }
    return worst;
}

/* (sum of x)^2 / (n * sum of x^2), where x is time divided by weight. */
double worst_jain(unsigned int window)
{
    double worst = 1;

    for (unsigned int t = window; t <= watched; t++) {
        double sum = 0, squares = 0;

        for (unsigned int i = 0; i < body_count; i++) {
            double x = (double)(bodies[i]->ran_at[t] - bodies[i]->ran_at[t - window]) /
                       bodies[i]->v.sched.weight;

            sum += x;
            squares += x * x;
        }
        worst = MIN(worst, sum * sum / (body_count * squares));
    }
    return worst;
}

nsec_t worst_gap(void)
{
    nsec_t worst = 0;

    for (unsigned int i = 0; i < body_count; i++)
        worst = MAX(worst, bodies[i]->gap);
    return worst;
}
