/* SPDX-License-Identifier: MIT */
/*
 * Who runs on each CPU: charges run time to the nanosecond, keeps runstates and idle time, preempts
 * and arms the alarm that ends a slice.
 *
 * Tickless: a CPU arms its timer only if something ends at a known time. If a slice ends early its
 * timer stays armed. When it fires it is re-armed for the slice then running, so most switches arm
 * no timer.
 *
 * Read next: sched_budget.c.
 */
#include "core/sched_internal.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "cpu/trace.h"

struct sched_group sched_groups[SCHED_GROUPS] = {
    [0 ... SCHED_GROUPS - 1] = { .lock = SPINLOCK(LOCK_SCHED) },
};
struct sched_cpu sched_cpus[MAX_CPUS];
cpumask_t sched_idle_cpus;

static void end_of_slice(void *data) { softirq_raise(this_cpu()->id, SOFTIRQ_SCHED); }

void sched_init_cpu(unsigned int cpu)
{
    struct sched_cpu *s = &sched_cpus[cpu];

    timer_setup(&s->slice, end_of_slice, NULL, cpu);
    s->alarm = s->slot_end = TIME_NEVER;
    s->idle_since = clock_now();
    spin_lock_scope(&sched_group_of(cpu)->lock);
    sched_group_of(cpu)->cpus |= (uint8_t)(1u << cpu % SCHED_GROUP);
    sched_group_of(cpu)->cpu_count++;
    bit_set(&sched_idle_cpus, cpu);
}

void sched_cpu_lock(const struct sched_unit *u)
{
    for (;;) {
        struct sched_group *g = sched_group_of(READ_ONCE(u->cpu));

        spin_lock(&g->lock);
        if (likely(g == sched_group_of(READ_ONCE(u->cpu))))
            return;
        spin_unlock(&g->lock); /* it has moved meanwhile */
    }
}

void sched_cpu_unlock(const struct sched_unit *u) { spin_unlock(&sched_group_of(u->cpu)->lock); }

vtime_t sched_cpu_cost(nsec_t ran, uint32_t weight)
{
    uint64_t ns = (uint64_t)MAX(ran, 0);

    if (likely(weight == SCHED_WEIGHT_DEFAULT))
        return ns;
    return ns / weight * SCHED_WEIGHT_DEFAULT + ns % weight * SCHED_WEIGHT_DEFAULT / weight;
}

/* u was in the state `from` for `time` ns. If it ran, or is to run, it is on this CPU. */
static void trace_state(const struct sched_unit *u, int from, uint64_t time, nsec_t now)
{
    const struct vcpu *v = container_of(u, struct vcpu, sched);
    int state = u->runstate.state;
    bool runs = from == RUNSTATE_running || state == RUNSTATE_running,
         slot = runs && sched_cpus[this_cpu()->id].in_slot;

    trace_write(&(struct cleave_trace_record){ .event = CLEAVE_TRACE_state,
                                               .info = CLEAVE_TRACE_INFO(from, state, slot),
                                               .time = (uint64_t)now,
                                               .domain = v->d->id,
                                               .vcpu = (uint16_t)v->id,
                                               .words = { time } });
}

void sched_trace(void)
{
    spin_lock_scope(&sched_group_of(this_cpu()->id)->lock);
    nsec_t now = clock_now();
    const struct vcpu *v = sched_cpus[this_cpu()->id].running;
    if (v && sched_has_cpu(&v->sched) && trace_on(CLEAVE_TRACE_state))
        trace_state(&v->sched, RUNSTATE_running, (uint64_t)now - v->sched.runstate.state_entry_time,
                    now);
}

void sched_cpu_set_runstate(struct sched_unit *u, int state, nsec_t now)
{
    uint64_t time = (uint64_t)now - u->runstate.state_entry_time;
    int from = u->runstate.state;

    u->runstate.time[from] += time;
    if (from == RUNSTATE_runnable)
        u->longest_wait = MAX(u->longest_wait, (nsec_t)time);
    u->runstate.state = state;
    u->runstate.state_entry_time = (uint64_t)now;
    if (trace_on(CLEAVE_TRACE_state))
        trace_state(u, from, time, now);
}

/* A vcpu alone may run for long: the CPU's clock advances as if it were chosen again and again. */
void sched_cpu_charge(struct sched_cpu *s, nsec_t now)
{
    struct sched_unit *u = &s->running->sched;
    nsec_t ran = now - u->started;

    if (ran <= 0) /* already charged, perhaps by a CPU with a clock ahead */
        return;
    u->started = now;
    u->budget.left -= ran;
    if (s->in_slot) {
        u->slot_time += (uint64_t)ran;
        return; /* its own: the fair policy does not count it */
    }
    u->vtime += sched_cpu_cost(ran, u->weight);
    vtime_t credit = sched_cpu_cost(FAIR_CREDIT, u->weight);
    if (sched_lag(s->vtime, u->vtime - credit) > 0) {
        struct sched_group *g = sched_group_of(u->cpu);

        s->vtime = u->vtime - credit;
        g->clock = sched_later(g->clock, s->vtime);
    }
}

void sched_cpu_set_running(struct sched_cpu *s, struct vcpu *next, nsec_t now)
{
    unsigned int cpu = (unsigned int)(s - sched_cpus);

    if (!next)
        bit_set(&sched_idle_cpus, cpu);
    else if (bit_test(&sched_idle_cpus, cpu))
        bit_clear(&sched_idle_cpus, cpu);
    if (!s->running && next)
        s->idle_time += now - s->idle_since;
    if (s->running && !next)
        s->idle_since = now;
    s->running = next;
}

void sched_cpu_set_alarm(struct sched_cpu *s, nsec_t now)
{
    nsec_t end = MIN(s->slice_end, s->slot_end);

    if (s->alarm <= now)
        s->alarm = TIME_NEVER;
    if (end < s->alarm) {
        s->alarm = end;
        timer_set(&s->slice, s->alarm);
    }
}

void sched_cpu_end_slot(unsigned int cpu, nsec_t when, nsec_t now)
{
    struct sched_cpu *s = &sched_cpus[cpu];

    s->slot_end = MIN(s->slot_end, when);
    sched_cpu_set_alarm(s, now);
}

void sched_cpu_preempt(unsigned int cpu)
{
    __atomic_store_n(&sched_cpus[cpu].preempted, true, __ATOMIC_RELEASE);
    softirq_raise(cpu, SOFTIRQ_SCHED);
}

static struct vcpu_runstate_info runstate_at(const struct vcpu *v, nsec_t now)
{
    struct vcpu_runstate_info info = v->sched.runstate;

    info.time[info.state] += (uint64_t)now - info.state_entry_time;
    return info;
}

struct vcpu_runstate_info sched_runstate(struct vcpu *v)
{
    sched_cpu_lock(&v->sched);
    struct vcpu_runstate_info info = runstate_at(v, clock_now());
    sched_cpu_unlock(&v->sched);
    return info;
}

struct sched_times sched_times(struct vcpu *v, bool reset)
{
    struct sched_unit *u = &v->sched;

    sched_cpu_lock(u);
    nsec_t now = clock_now();
    if (sched_has_cpu(u))
        sched_cpu_charge(&sched_cpus[u->cpu], now);
    struct sched_times times = { .runstate = runstate_at(v, now),
                                 .slot_time = u->slot_time,
                                 .longest_wait = u->longest_wait,
                                 .limit = u->budget.fill,
                                 .now = now };
    if (u->runstate.state == RUNSTATE_runnable)
        times.longest_wait = MAX(times.longest_wait, now - (nsec_t)u->runstate.state_entry_time);
    if (reset)
        u->longest_wait = 0;
    sched_cpu_unlock(u);
    return times;
}

uint64_t sched_idle_time(unsigned int cpu)
{
    struct sched_cpu *s = &sched_cpus[cpu];

    spin_lock_scope(&sched_group_of(cpu)->lock);
    return (uint64_t)(s->idle_time + (s->running ? 0 : clock_now() - s->idle_since));
}
