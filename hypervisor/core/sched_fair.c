/* SPDX-License-Identifier: MIT */
/*
 * The fair policy: each group of CPUs has a queue of runnable vcpus in the order of virtual time.
 * A CPU takes the first that may run on it, so load is balanced within a group by construction.
 *
 * Virtual times of all groups are comparable, and so balance needs no estimates of load: when a CPU
 * chooses, it also looks at one other group, in turn, and takes the first vcpu there if that is
 * FAIR_BALANCE behind what it would run else. Weights hence count across all CPUs. A CPU that would
 * idle looks at all groups, so it idles only when no vcpu that may run there waits. A CPU whose
 * vcpu has no competitor looks each FAIR_LATENCY. A machine of one group does none of this.
 *
 * Only one group's lock is waited for at a time. A second one is only tried: a CPU that fails to
 * get it looks again. Under a lock at most the SCHED_GROUP CPUs of a group are asked, and the queue
 * costs the logarithm of its length. A queue for each CPU would hold its lock hardly shorter, but a
 * vcpu that wakes could preempt on one CPU only, and shares would be exact over many slices only.
 *
 * Each vcpu has a virtual time that advances by real time divided by weight, and the vcpu that is
 * least advanced runs. The arithmetic is integer, exact to the nanosecond at weight 256. A vcpu
 * that slept is credited at most FAIR_CREDIT, so it gets a CPU at once if it runs little. One that
 * was runnable keeps its credit, up to FAIR_LAG. So a vcpu whose weight entitles it to more than
 * one CPU does not accumulate unlimited credit.
 *
 * Each CPU has a virtual clock: the start of the latest slice that began there. A vcpu that wakes
 * or lags is placed by the clocks of the CPUs that it may run on. A vcpu alone on its CPU runs
 * ahead of all others, but must not distort the shares of vcpus that never compete with it.
 *
 * Read next: sched.c.
 */
#include "core/sched_internal.h"
#include "cpu/softirq.h"

#define FAIR_LATENCY MSEC(10) /* divided among the vcpus that compete: their slices */

void sched_fair_place(struct sched_unit *u, nsec_t behind, nsec_t ahead, nsec_t now)
{
    const struct sched_group *g = sched_group_of(u->cpu);
    nsec_t lead = TIME_NEVER; /* of u over the latest clock */

    for_each_group_cpu(g, &u->affinity, c)
    {
        if (sched_cpus[c].running)
            sched_cpu_charge(&sched_cpus[c], now);
        lead = MIN(lead, sched_lag(sched_cpus[c].vtime, u->vtime));
    }
    if (lead < -behind)
        u->vtime -= (vtime_t)(lead + behind);
    else if (lead > ahead && lead != TIME_NEVER)
        u->vtime -= (vtime_t)(lead - ahead);
}

/* --- balance between groups --- */

void sched_fair_move(struct sched_unit *u, unsigned int cpu, nsec_t now)
{
    sched_queue_remove(u);
    WRITE_ONCE(u->cpu, cpu);
    sched_fair_place(u, FAIR_LAG, FAIR_LAG, now);
}

/* Returns the first of g, another group, that may run here, and is behind own (NULL: or not). */
static struct sched_unit *take_from(struct sched_group *g, unsigned int cpu,
                                    const struct sched_unit *own, nsec_t now)
{
    struct sched_unit *u;

    if (!sched_queue_is_behind(g, own))
        return NULL;
    if (!spin_trylock(&g->lock)) {
        if (!own)
            softirq_raise(cpu, SOFTIRQ_SCHED); /* it must not idle before it has looked */
        return NULL;
    }
    u = sched_queue_first(g, cpu);
    if (u && (!own || sched_lag(u->vtime, own->vtime) > FAIR_BALANCE))
        sched_fair_move(u, cpu, now);
    else
        u = NULL;
    spin_unlock(&g->lock);
    return u;
}

/*
 * Returns a vcpu of another group for this CPU, which would run u else, or NULL. Without u it
 * appears idle to those who queue before it looks; so one of both finds the other.
 */
static struct sched_unit *look_elsewhere(struct sched_cpu *s, unsigned int cpu,
                                         const struct sched_unit *u, nsec_t now)
{
    unsigned int count = sched_group_count();
    struct sched_unit *found = NULL;

    if (!u)
        bit_set(&sched_idle_cpus, cpu);
    for (unsigned int n = u ? 1 : count; n > 0 && !found; n--) {
        struct sched_group *g = &sched_groups[s->look_at];

        if (g != sched_group_of(cpu))
            found = take_from(g, cpu, u, now);
        if (!found)
            s->look_at = (s->look_at + 1) % count;
    }
    return found;
}

struct sched_unit *sched_fair_take(unsigned int cpu, struct sched_unit *prev, nsec_t now)
{
    struct sched_cpu *s = &sched_cpus[cpu];
    struct sched_group *g = sched_group_of(cpu);
    struct sched_unit *u = g->length ? sched_queue_first(g, cpu) : NULL;

    if (prev && u && s->yielded)
        prev->vtime = sched_later(prev->vtime, u->vtime); /* it gives up only what it is behind u */
    else if (prev && (!u || sched_lag(prev->vtime, u->vtime) > FAIR_TIE))
        u = prev;
    if (sched_group_count() > 1)
        u = look_elsewhere(s, cpu, u, now) ?: u;
    if (!u)
        return NULL;
    if (u->queued)
        sched_queue_remove(u);
    if (unlikely(sched_lag(u->vtime, g->clock) > FAIR_LAG))
        sched_fair_place(u, FAIR_LAG, TIME_NEVER, now);
    if (!s->running) { /* no vcpu waited here, so none has a claim on this CPU */
        cpumask_t all = CPUMASK_ALL;

        for_each_group_cpu(g, &all, c)
        {
            if (sched_cpus[c].running)
                sched_cpu_charge(&sched_cpus[c], now);
            s->vtime = sched_later(s->vtime, sched_cpus[c].vtime);
        }
    }
    s->vtime = sched_later(s->vtime, u->vtime);
    g->clock = sched_later(g->clock, s->vtime);
    return u;
}

/* --- slices --- */

/*
 * The run time of u while others wait: those in the queue and `prev`, which leaves this CPU (NULL:
 * none). Each of n competitors waits for n - 1 slices, so slices are shorter the more vcpus there
 * are for each CPU. A vcpu of little weight pays for one slice with the whole round of the others,
 * so its slice is shorter, too.
 */
static nsec_t slice_of(const struct sched_group *g, const struct sched_unit *u,
                       const struct sched_unit *prev)
{
    bool prev_waits = prev && prev != u;
    uint32_t waiting = g->length + prev_waits;
    uint64_t weights = g->weight + (prev_waits ? prev->weight : 0);
    nsec_t slice = FAIR_LATENCY * g->cpu_count / (g->cpu_count + waiting);

    if ((uint64_t)u->weight * waiting < weights)
        slice = slice * u->weight * waiting / (nsec_t)weights;
    return MAX(slice, FAIR_GRANULARITY);
}

/* The run time after which r, now at `vtime`, is ahead of `goal`. */
static nsec_t time_to_pass(const struct sched_unit *r, vtime_t vtime, vtime_t goal)
{
    nsec_t behind = MIN(sched_lag(vtime, goal), SEC(1));

    return behind < 0 ? 0 : (nsec_t)((uint64_t)behind * r->weight / SCHED_WEIGHT_DEFAULT) + 1;
}

/* When a CPU for which nobody competes looks at the other groups again. */
static nsec_t time_to_look(const struct sched_group *own, const struct sched_unit *u)
{
    for (unsigned int n = 0; n < sched_group_count(); n++)
        if (&sched_groups[n] != own && READ_ONCE(sched_groups[n].length))
            return MAX(FAIR_LATENCY / 2 * MIN(u->weight, SCHED_WEIGHT_DEFAULT) /
                           SCHED_WEIGHT_DEFAULT,
                       FAIR_GRANULARITY);
    return FAIR_LATENCY;
}

/* It ends earlier for a vcpu that has just woken and is next, and for prev if that has yielded. */
nsec_t sched_fair_slice_end(unsigned int cpu, const struct sched_unit *u,
                            const struct sched_unit *prev, nsec_t now)
{
    const struct sched_group *g = sched_group_of(cpu);
    const struct sched_unit *first = g->length ? sched_queue_first(g, cpu) : NULL;
    nsec_t yielded = sched_cpus[cpu].yielded, end = TIME_NEVER;
    bool waits = prev && prev != u;

    if (!first && sched_group_count() > 1)
        end = now + time_to_look(g, u);
    if (first || waits)
        end = MIN(end, now + slice_of(g, u, prev));
    sched_cpus[cpu].shared = first || waits;
    if (first && first->woke)
        end = MIN(end, now + time_to_pass(u, u->vtime, first->vtime + FAIR_GRANULARITY));
    if (waits && (yielded || !first))
        end = MIN(end,
                  now + time_to_pass(u, u->vtime, prev->vtime + (vtime_t)(yielded ?: FAIR_CREDIT)));
    return end;
}

/* --- a CPU for a vcpu that waits --- */

/* Wakes a CPU for those who wait in this group. False: it is not idle any more. */
static bool wake_idle(unsigned int cpu, unsigned int group)
{
    if (!bit_test_and_clear(&sched_idle_cpus, cpu))
        return false;
    WRITE_ONCE(sched_cpus[cpu].look_at, group);
    softirq_raise(cpu, SOFTIRQ_SCHED);
    return true;
}

/*
 * Wakes an idle CPU for u, preferably by soft affinity, then the last CPU of u or one of its group,
 * and marks it busy. The CPU takes the first of the queue, not necessarily u.
 */
static bool find_idle_cpu(const struct sched_unit *u)
{
    cpumask_t idle;

    while ((idle = cpumask_read(&sched_idle_cpus) & u->affinity)) {
        if (idle & u->soft_affinity)
            idle &= u->soft_affinity;
        unsigned int base = u->cpu / SCHED_GROUP * SCHED_GROUP, cpu = u->cpu;
        if (!cpumask_has(&idle, cpu))
            cpu = cpumask_next(idle, base);
        if (cpu >= base + SCHED_GROUP)
            cpu = cpumask_first(idle);
        if (wake_idle(cpu, u->cpu / SCHED_GROUP))
            return true;
    }
    return false;
}

/* A CPU without a competitor begins a slice now. */
void sched_fair_find_cpu(const struct sched_unit *u, nsec_t now, bool leaves)
{
    unsigned int chosen = MAX_CPUS;
    vtime_t goal = u->vtime + (vtime_t)(leaves ? FAIR_CREDIT : FAIR_GRANULARITY), worst = goal;
    struct sched_cpu *next = NULL;
    nsec_t soonest = TIME_NEVER;

    struct sched_group *g = sched_group_of(u->cpu);
    if (find_idle_cpu(u) || (leaves && sched_cpus[u->cpu].shared &&
                             !(sched_group_mask(g, &u->affinity) & ~(1u << u->cpu % SCHED_GROUP))))
        return;
    for_each_group_cpu(g, &u->affinity, c)
    {
        struct sched_cpu *s = &sched_cpus[c];

        if (!s->running || s->in_slot)
            continue;
        const struct sched_unit *r = &s->running->sched;
        vtime_t vtime = r->vtime + sched_cpu_cost(now - r->started, r->weight);
        nsec_t wait = time_to_pass(r, vtime, goal);
        if (sched_lag(worst, vtime) > 0) {
            worst = vtime;
            chosen = c;
        }
        if (wait < soonest) {
            soonest = wait;
            next = s;
        }
        if (!s->shared) {
            nsec_t slice = slice_of(g, r, NULL);

            s->shared = true;
            s->slice_end = MIN(s->slice_end, now + (wait ? MIN(wait, slice) : slice));
            sched_cpu_set_alarm(s, now);
        }
    }
    if (chosen < MAX_CPUS) {
        sched_cpu_preempt(chosen);
    } else if (next && now + soonest < next->slice_end) {
        next->slice_end = now + soonest;
        sched_cpu_set_alarm(next, now);
    }
}

void sched_fair_spread(struct sched_group *g)
{
    uint32_t waiting = g->length;

    for_each_cpu_in(waiting ? cpumask_read(&sched_idle_cpus) : 0, c)
        if (sched_queue_first(g, c) && wake_idle(c, (unsigned int)(g - sched_groups)) && !--waiting)
            return;
}
