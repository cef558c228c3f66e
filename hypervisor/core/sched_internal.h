/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler's files share: groups of CPUs, each with a queue and a lock, and each CPU's
 * state. Nobody else includes it.
 *
 *     sched.c         the mechanism: wake, pick, leave, yield, affinity
 *     sched_table.c   who runs by promise: tables of slots
 *     sched_fair.c    who runs by weight: virtual time, slices, balance between groups
 *     sched_queue.c   a group's queue
 *     sched_budget.c  caps: how much a domain or a vcpu may run in each period
 *     sched_cpu.c     who runs where: charging, runstates, preemption, alarms
 *
 * Each calls those below it.
 */
#ifndef CLV_CORE_SCHED_INTERNAL_H
#define CLV_CORE_SCHED_INTERNAL_H

#include "core/sched.h"
#include "core/vcpu.h"
#include "lib.h"
#include "percpu.h"
#include "spinlock.h"

#define FAIR_GRANULARITY MSEC(1) /* least slice; virtual lead that a waking vcpu needs */
#define FAIR_TIE USEC(50)        /* a smaller difference changes no order */
#define FAIR_CREDIT MSEC(10)     /* maximum lag of a vcpu that slept */
#define FAIR_BALANCE MSEC(2)     /* lag in virtual time for which a vcpu changes the group */
#define FAIR_LAG MSEC(100)       /* maximum lag in virtual time: bounds a burst */

#define SCHED_GROUP 8 /* CPUs in a group: a byte of a mask */
#define SCHED_GROUPS (MAX_CPUS / SCHED_GROUP)

struct sched_group {
    struct spinlock lock; /* LOCK_SCHED. Protects the CPUs of this group and their sched_units */
    struct sched_unit *queue;
    uint32_t length, weight; /* vcpus in the queue, and the sum of their weights */
    vtime_t clock;           /* the latest of its CPUs */
    uint32_t cpu_count;      /* online ones */
    uint8_t cpus;            /* a bit for each of them */
    vtime_t first;           /* virtual time of its first | 1; 0: none. Read without the lock */
} __attribute__((aligned(64)));

struct sched_cpu {
    struct vcpu *running; /* NULL: idle */
    vtime_t vtime;        /* the virtual clock (sched_fair.c) */
    struct timer slice;
    nsec_t slice_end; /* TIME_NEVER: none */
    bool shared;      /* others compete for this CPU */
    bool preempted;   /* atomic: choose again, even within a slice */
    nsec_t slot_end;  /* the CPU's table is asked again then; TIME_NEVER: it has no slots */
    bool in_slot;     /* `running` runs in its slot, which is not shared */
    nsec_t gives_way; /* until then the owner of the slot lets others run: it has yielded */
    nsec_t yielded;   /* virtual lead that the running vcpu concedes to the next one; 0: none */
    nsec_t alarm;     /* expiry of the slice timer, past or future; TIME_NEVER: not armed */
    nsec_t idle_since, idle_time;
    unsigned int look_at; /* the next other group in which it looks for vcpus */
};

extern struct sched_group sched_groups[SCHED_GROUPS];
extern struct sched_cpu sched_cpus[MAX_CPUS];
extern cpumask_t sched_idle_cpus; /* atomic; not those that are about to be busy */

static inline struct sched_group *sched_group_of(unsigned int cpu)
{
    return &sched_groups[cpu / SCHED_GROUP];
}

static inline unsigned int sched_group_first(const struct sched_group *g)
{
    return (unsigned int)(g - sched_groups) * SCHED_GROUP;
}

static inline unsigned int sched_group_mask(const struct sched_group *g, const cpumask_t *mask)
{
    return ((const uint8_t *)mask)[g - sched_groups] & g->cpus;
}

static inline unsigned int sched_group_count(void)
{
    return (nr_cpus + SCHED_GROUP - 1) / SCHED_GROUP;
}

/* Iterates over the online CPUs of g that are in the mask: in one byte of it. */
#define for_each_group_cpu(g, mask, c) \
    for (unsigned int left_##c = sched_group_mask(g, mask), c; \
         left_##c && (c = sched_group_first(g) + (unsigned int)__builtin_ctz(left_##c), true); \
         left_##c &= left_##c - 1)

/*
 * How far a is behind b. Virtual times wrap, at weight 1 after two years of run time, so only their
 * differences count.
 */
static inline nsec_t sched_lag(vtime_t a, vtime_t b) { return (nsec_t)(b - a); }
static inline vtime_t sched_later(vtime_t a, vtime_t b) { return sched_lag(a, b) > 0 ? b : a; }

static inline struct vcpu *sched_vcpu_of(struct sched_unit *u)
{
    return container_of(u, struct vcpu, sched);
}

/* True if its domain's cap or its own limit apply. */
static inline bool sched_is_limited(struct sched_unit *u)
{
    return unlikely(READ_ONCE(sched_vcpu_of(u)->d->cap_budget.budget.fill) | u->budget.fill);
}

static inline bool sched_has_cpu(const struct sched_unit *u)
{
    return u->runstate.state == RUNSTATE_running;
}

/* --- sched_cpu.c --- */

/* Converts `ran` real ns to virtual ns at this weight. At the default weight they are equal. */
vtime_t sched_cpu_cost(nsec_t ran, uint32_t weight);
/* Sets the RUNSTATE_* of u and accounts the elapsed time to the old one. */
void sched_cpu_set_runstate(struct sched_unit *u, int state, nsec_t now);
/* Charges the vcpu that runs on s up to now. */
void sched_cpu_charge(struct sched_cpu *s, nsec_t now);
/* Locks the group of u's CPU, and unlocks it. */
void sched_cpu_lock(const struct sched_unit *u);
void sched_cpu_unlock(const struct sched_unit *u);
/* Updates the CPU's running vcpu (NULL: idle), its idle time and its bit in the idle mask. */
void sched_cpu_set_running(struct sched_cpu *s, struct vcpu *next, nsec_t now);
/* Arms the timer for the end of the slice or slot, unless it fires earlier. */
void sched_cpu_set_alarm(struct sched_cpu *s, nsec_t now);
/* Makes a busy CPU ask its table again at `when`. */
void sched_cpu_end_slot(unsigned int cpu, nsec_t when, nsec_t now);
/* Makes a CPU, of any group, choose again, even within a slice. */
void sched_cpu_preempt(unsigned int cpu);

/* --- sched_budget.c --- */

/* Starts a budget of `fill` ns in each period; 0: no limit. */
void sched_budget_start(struct sched_budget *b, nsec_t fill, nsec_t now);
void sched_budget_cap(struct domain *d, nsec_t fill, nsec_t now); /* the same for a domain's cap */
/* u begins or ends to spend the budget of its domain. */
void sched_budget_count(struct sched_unit *u, bool spends, nsec_t now);
static inline void sched_budget_spend(struct sched_unit *u, bool spends, nsec_t now)
{
    if (unlikely(READ_ONCE(sched_vcpu_of(u)->d->cap_budget.budget.fill) || u->spends))
        sched_budget_count(u, spends, now);
}
/* Returns when u, which is limited, may run: now, or later. */
nsec_t sched_budget_allows(struct sched_unit *u, nsec_t now);
/* Returns when u, which is limited and runs, must stop. */
nsec_t sched_budget_end(struct sched_unit *u, nsec_t now);

/* --- sched_table.c --- */

/* Some tables are in effect or about to be. If not, the calls below find nothing. */
extern bool sched_tables;
/*
 * Returns the owner of the slot that goes on at `now` on this CPU, or NULL, and in *until when the
 * CPU must ask again.
 */
struct vcpu *sched_table_owner(unsigned int cpu, nsec_t now, nsec_t *until);
/* Returns the CPU on which a slot of u goes on at `now`, or MAX_CPUS. Holds any group's lock. */
unsigned int sched_table_cpu(const struct sched_unit *u, nsec_t now);
/* Returns when the next slot of u begins, after `now`; TIME_NEVER: it has none. */
nsec_t sched_table_next(const struct sched_unit *u, nsec_t now);
/* Empties the slots of v, which is destroyed. Takes the groups' locks. */
void sched_table_forget(struct vcpu *v);

/* --- sched_queue.c --- */

void sched_queue_add(struct sched_unit *u);    /* to the queue of its CPU's group */
void sched_queue_remove(struct sched_unit *u); /* does nothing if it is not queued */
void sched_queue_reweigh(struct sched_unit *u, uint32_t weight);
/* Returns the first in this queue that may run on this CPU, which may be of another group. */
struct sched_unit *sched_queue_first(const struct sched_group *g, unsigned int cpu);
/* True: somebody waits there who is FAIR_BALANCE behind u (NULL: or not). Needs no lock. */
bool sched_queue_is_behind(const struct sched_group *g, const struct sched_unit *u);

/* --- sched_fair.c --- */

/*
 * Limits how far u may be behind and ahead of the latest virtual clock of the CPUs of its group on
 * which it may run.
 */
void sched_fair_place(struct sched_unit *u, nsec_t behind, nsec_t ahead, nsec_t now);
/* Moves u, which is on no CPU, to this CPU's group. The locks of both groups are held. */
void sched_fair_move(struct sched_unit *u, unsigned int cpu, nsec_t now);
/*
 * Finds a CPU for the queued u: an idle one, or the one whose vcpu is furthest ahead of u, by more
 * than a lead. Else the CPU where u has this lead first ends its slice then. If u has just left a
 * CPU, the lead is greater, and its turn on that CPU is already foreseen.
 */
void sched_fair_find_cpu(const struct sched_unit *u, nsec_t now, bool leaves);
/* Wakes idle CPUs for those who wait in the queue of g. */
void sched_fair_spread(struct sched_group *g);
/*
 * Returns who runs next on this CPU: the first of the queue, or prev (NULL: nobody) if that is
 * owed more. It is not queued then. NULL: nobody.
 */
struct sched_unit *sched_fair_take(unsigned int cpu, struct sched_unit *prev, nsec_t now);
/* Returns when the slice of u ends, which begins on this CPU in place of prev (NULL: nobody). */
nsec_t sched_fair_slice_end(unsigned int cpu, const struct sched_unit *u,
                            const struct sched_unit *prev, nsec_t now);

#endif
