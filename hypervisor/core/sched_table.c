/* SPDX-License-Identifier: MIT */
/*
 * Tables: for each CPU, a cycle of slots in which a vcpu runs if it can, whatever others want. dom0
 * plans them from reservations of clock frequency; the core only executes them. Time outside of
 * slots, and slots that their vcpus do not use, go to the fair policy. Time in slots does not count
 * there.
 *
 * All cycles have the same length and begin at the same time on all CPUs, by the clock. So vcpus
 * with equal slots on different CPUs run at the same time (a gang). A lookup is a binary search of
 * one CPU's table.
 *
 * There are two plans: the one in effect, and one that is staged. Each knows since when it is in
 * effect, and the later one counts. So the staged one takes effect for all CPUs when a cycle of the
 * other ends, and nobody switches it. A slot refers to a vcpu until that is destroyed. Then the
 * slot is empty. dom0's mistakes hurt only the promises: a vcpu with slots on two CPUs at once runs
 * in one of them.
 *
 * The slots of a CPU are changed under the lock of its group, and by dom0's operations one at a
 * time (LOCK_DOMCTL). The CPU uses a slot's vcpu under that lock. Who only asks where a vcpu has
 * its slots holds the lock of any group: a table is freed when each has been free once since. An
 * answer from a plan that is just replaced does no harm.
 *
 * Read next: sched.c.
 */
#include "core/sched_table.h"
#include "core/sched_internal.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "cpu/trace.h"
#include "errors.h"
#include "mm/heap.h"
#include "public/cleave.h"

#define PERIOD_MIN ((uint32_t)MSEC(1))
#define PERIOD_MAX ((uint32_t)SEC(1))

struct slot {
    struct vcpu *v; /* NULL: it was destroyed */
    uint32_t start, end;
};

struct table {
    struct slot *slots; /* room for CLEAVE_SLOTS_MAX; NULL: there are none */
    uint32_t count;     /* sorted, disjoint */
};

static struct plan {
    uint32_t period; /* 0: no slots */
    uint64_t cookie;
    nsec_t since; /* in effect, and a cycle began; atomic. TIME_NEVER: it is not committed */
    struct table cpus[MAX_CPUS];
} plans[2] = { [1] = { .since = TIME_NEVER } };

bool sched_tables;
static uint32_t stage; /* number of the staged plan; 0: none */
/* From a commit until the plan that it replaces is emptied, nothing can be staged; atomic. */
static bool retiring;
static struct timer retirement;

/* --- execution ------------------------------------------------------------------------------- */

/* Returns the plan in effect, and in *until when the other one replaces it. */
static struct plan *plan_at(nsec_t now, nsec_t *until)
{
    nsec_t since[2] = { READ_ONCE(plans[0].since), READ_ONCE(plans[1].since) };
    unsigned int later = since[1] > since[0];
    bool begun = since[later] <= now;

    *until = begun ? TIME_NEVER : since[later];
    return &plans[begun ? later : later ^ 1];
}

/* Returns the time since the current cycle began, and in *cycle when it began. */
static uint32_t place_in_cycle(const struct plan *p, nsec_t now, nsec_t *cycle)
{
    nsec_t since = MIN(READ_ONCE(p->since), now);
    uint32_t at = (uint32_t)((now - since) % p->period);

    *cycle = now - at;
    return at;
}

/* Returns the index of the first slot that ends after `at`, or the count. */
static uint32_t find_slot(const struct table *t, uint32_t at)
{
    uint32_t low = 0, high = t->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (t->slots[middle].end > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct vcpu *sched_table_owner(unsigned int cpu, nsec_t now, nsec_t *until)
{
    const struct plan *p = plan_at(now, until);
    const struct table *t = &p->cpus[cpu];
    nsec_t cycle;

    if (!READ_ONCE(t->count) || !p->period)
        return NULL;
    uint32_t at = place_in_cycle(p, now, &cycle);
    uint32_t i = find_slot(t, at);
    bool inside = i < t->count && t->slots[i].start <= at;
    uint32_t end = p->period;
    if (i < t->count)
        end = inside ? t->slots[i].end : t->slots[i].start;
    *until = MIN(*until, cycle + end);
    return inside ? t->slots[i].v : NULL;
}

unsigned int sched_table_cpu(const struct sched_unit *u, nsec_t now)
{
    nsec_t until;
    const struct plan *p = plan_at(now, &until);

    for (cpumask_t mask = cpumask_read(&u->table_cpus[p - plans]) & u->affinity; mask;
         mask &= mask - 1) {
        unsigned int cpu = cpumask_first(mask);
        struct vcpu *owner = sched_table_owner(cpu, now, &until);

        if (owner && &owner->sched == u)
            return cpu;
    }
    return MAX_CPUS;
}

/* Returns the start of the first slot of u in t after `at`, in this cycle or the next. */
static nsec_t next_start(const struct table *t, const struct sched_unit *u, uint32_t at,
                         uint32_t period)
{
    uint32_t first = find_slot(t, at), count = READ_ONCE(t->count);

    for (uint32_t n = 0; count && n <= count; n++) {
        uint32_t i = (first + n) % count;
        nsec_t start = t->slots[i].start + (first + n >= count ? (nsec_t)period : 0);

        if (t->slots[i].v && &t->slots[i].v->sched == u && start > at)
            return start;
    }
    return TIME_NEVER;
}

nsec_t sched_table_next(const struct sched_unit *u, nsec_t now)
{
    nsec_t next = TIME_NEVER, cycle, until;
    const struct plan *p = plan_at(now, &until);

    for (cpumask_t mask = cpumask_read(&u->table_cpus[p - plans]) & u->affinity; mask;
         mask &= mask - 1) {
        const struct table *t = &p->cpus[cpumask_first(mask)];
        uint32_t at = place_in_cycle(p, now, &cycle);
        nsec_t start = next_start(t, u, at, p->period);

        if (start != TIME_NEVER)
            next = MIN(next, cycle + start);
    }
    return next;
}

void sched_table_forget(struct vcpu *v)
{
    for (unsigned int n = 0; n < ARRAY_SIZE(plans); n++)
        for_each_cpu_in(cpumask_read(&v->sched.table_cpus[n]), c) {
            struct table *t = &plans[n].cpus[c];

            spin_lock_scope(&sched_group_of(c)->lock);
            for (uint32_t i = 0; i < t->count; i++)
                if (t->slots[i].v == v)
                    t->slots[i].v = NULL;
        }
}

/* --- staging --------------------------------------------------------------------------------- */

static void clear_table(struct plan *p, unsigned int cpu)
{
    struct table *t = &p->cpus[cpu];

    spin_lock(&sched_group_of(cpu)->lock);
    for (uint32_t i = 0; i < t->count; i++)
        if (t->slots[i].v)
            bit_clear(&t->slots[i].v->sched.table_cpus[p - plans], cpu);
    WRITE_ONCE(t->count, 0);
    spin_unlock(&sched_group_of(cpu)->lock);
    for (unsigned int g = 0; g < sched_group_count(); g++) { /* who still reads it holds one */
        spin_lock_scope(&sched_groups[g].lock);
    }
    heap_free(t->slots);
    t->slots = NULL;
}

static struct plan *staged_plan(void)
{
    nsec_t until;

    if (__atomic_load_n(&retiring, __ATOMIC_ACQUIRE))
        return NULL;
    return &plans[(plan_at(clock_now(), &until) - plans) ^ 1];
}

/* Frees the plan that was in effect, when the next one is. */
static void retire_plan(void *unused)
{
    nsec_t now = clock_now(), until;
    struct plan *p = plan_at(now, &until), *old = &plans[(p - plans) ^ 1];

    if (trace_on(CLEAVE_TRACE_table))
        trace_write(&(struct cleave_trace_record){
            .event = CLEAVE_TRACE_table, .time = (uint64_t)now, .words = { p->cookie } });
    for (unsigned int c = 0; c < MAX_CPUS; c++)
        if (old->cpus[c].count)
            clear_table(old, c);
    WRITE_ONCE(sched_tables, p->period != 0);
    for_each_cpu_in(p->period ? 0 : CPUMASK_ALL, c) {
        spin_lock_scope(&sched_group_of(c)->lock);
        sched_cpus[c].slot_end = TIME_NEVER;
        if (sched_cpus[c].in_slot)
            sched_cpu_preempt(c);
    }
    __atomic_store_n(&retiring, false, __ATOMIC_RELEASE);
}

int sched_table_begin(uint32_t period, uint32_t *number)
{
    static uint32_t last;
    struct plan *p = staged_plan();

    if (period && (period < PERIOD_MIN || period > PERIOD_MAX))
        return -EINVAL;
    if (!p)
        return -EBUSY;
    stage = 0;
    WRITE_ONCE(p->since, TIME_NEVER);
    for (unsigned int c = 0; c < MAX_CPUS; c++) {
        if (!p->cpus[c].count)
            continue;
        clear_table(p, c);
        if (softirq_preempt_pending())
            return -ERESTART;
    }
    p->period = period;
    last += last == UINT32_MAX ? 2 : 1;
    *number = stage = last;
    return 0;
}

static int append_slot(struct plan *p, unsigned int cpu, const struct slot *slot)
{
    struct table *t = &p->cpus[cpu];
    uint32_t free_from = t->count ? t->slots[t->count - 1].end : 0;

    if (slot->start < free_from || slot->start >= slot->end || slot->end > p->period)
        return -EINVAL;
    if (t->count == CLEAVE_SLOTS_MAX)
        return -E2BIG;
    if (!t->slots)
        t->slots = heap_alloc(CLEAVE_SLOTS_MAX * sizeof(*t->slots));
    if (!t->slots)
        return -ENOMEM;
    spin_lock_scope(&sched_group_of(cpu)->lock);
    t->slots[t->count++] = *slot;
    bit_set(&slot->v->sched.table_cpus[p - plans], cpu);
    return 0;
}

int sched_table_add(uint32_t number, uint32_t cpu, struct vcpu *v, uint32_t start, uint32_t end)
{
    struct plan *p = staged_plan();

    if (!p || !stage || number != stage)
        return -ENOENT;
    int rc = cpu < nr_cpus ? append_slot(p, index_nospec(cpu, MAX_CPUS),
                                         &(struct slot){ .v = v, .start = start, .end = end })
                           : -EINVAL;
    if (rc)
        stage = 0; /* it has only a part of the slots */
    return rc;
}

int sched_table_commit(uint32_t number, uint64_t cookie)
{
    struct plan *p = staged_plan();

    if (!p || !stage || number != stage)
        return -ENOENT;
    nsec_t now = clock_now(), cycle, switch_at = now, until;
    const struct plan *old = plan_at(now, &until);
    p->cookie = cookie;
    if (old->period) {
        place_in_cycle(old, now, &cycle);
        switch_at = cycle + old->period;
    }
    stage = 0;
    WRITE_ONCE(sched_tables, true);
    __atomic_store_n(&retiring, true, __ATOMIC_RELEASE);
    __atomic_store_n(&p->since, switch_at, __ATOMIC_SEQ_CST);
    timer_setup(&retirement, retire_plan, NULL, TIMER_ANY_CPU);
    timer_set(&retirement, switch_at);
    for_each_cpu_in(~cpumask_read(&sched_idle_cpus), c) {
        spin_lock_scope(&sched_group_of(c)->lock);
        sched_cpu_end_slot(c, switch_at, now);
    }
    return 0;
}

void sched_table_info(struct cleave_table *info)
{
    nsec_t until;
    const struct plan *p = plan_at(clock_now(), &until);
    bool pending = until != TIME_NEVER;

    if (pending)
        p = &plans[(p - plans) ^ 1];
    *info = (struct cleave_table){ .cookie = p->cookie, .period = p->period, .pending = pending };
    for_each_cpu_in(CPUMASK_ALL, c)
        info->slots += p->cpus[c].count;
}
