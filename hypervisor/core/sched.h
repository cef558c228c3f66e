/* SPDX-License-Identifier: MIT */
/* The CPU scheduler's interface (core/sched*.c; sched_internal.h names its files). */
#ifndef CLV_CORE_SCHED_H
#define CLV_CORE_SCHED_H

#include "cpumask.h"
#include "spinlock.h"
#include "cpu/timer.h"
#include "types.h"
#include "xenpub.h"

struct domain;
struct vcpu;

#define SCHED_WEIGHT_DEFAULT 256
#define SCHED_WEIGHT_MAX 65535

#define SCHED_PERIOD MSEC(10) /* of budgets */

typedef uint64_t vtime_t; /* weighted ns; wraps: see sched_lag */

/* Run time in each period (sched_budget.c). */
struct sched_budget {
    nsec_t fill;  /* 0: no limit */
    nsec_t left;  /* negative: debt */
    nsec_t carry; /* part of `left`: unspent in the last period */
    nsec_t period_end;
};

/* A domain's cap: one budget for all its vcpus, on whichever CPUs they run. */
struct sched_cap {
    struct spinlock lock; /* LOCK_CAP; protects the rest. budget.fill is also read without it */
    struct sched_budget budget;
    unsigned int running; /* vcpus that spend it now */
    nsec_t since;         /* spent up to this time */
};

/* Scheduling state of a vcpu, protected by the lock of its CPU's group (LOCK_SCHED). */
struct sched_unit {
    /* in the group's queue while runnable, not running and within its budgets (sched_queue.c) */
    bool queued;
    uint32_t rank;
    struct sched_unit *up, *left, *right;
    cpumask_t below;  /* CPUs on which it or one below it may run */
    unsigned int cpu; /* current or last CPU */
    /* runs on `cpu`, or its state is being saved there; not queued meanwhile */
    bool running;
    bool woke;          /* it has not run since it woke */
    bool spends;        /* counted in its domain's sched_cap.running */
    cpumask_t affinity; /* hard affinity */
    cpumask_t soft_affinity;
    vtime_t vtime; /* virtual time */
    uint32_t weight;
    struct sched_budget budget;         /* its own limit, beside its domain's cap */
    struct timer budget_timer;          /* armed while it waits for a refill */
    nsec_t started;                     /* charged up to this time */
    cpumask_t table_cpus[2];            /* CPUs with slots of it, in each plan (sched_table.c) */
    uint64_t slot_time;                 /* part of its run time: in slots */
    nsec_t longest_wait;                /* runnable without a CPU, since it was last asked */
    struct vcpu_runstate_info runstate; /* accounted up to state_entry_time */
};

void sched_init_cpu(unsigned int cpu);
void sched_add_vcpu(struct vcpu *v);
void sched_remove_vcpu(struct vcpu *v);

/* Called when v may have become runnable (event, interrupt, unpause) or not (pause). Any CPU. */
void sched_wake(struct vcpu *v);
void sched_yield(struct vcpu *v);
bool sched_on_cpu(const struct vcpu *v); /* runs, or its state is being saved */

/* -EINVAL: `hard` has no online CPU */
int sched_set_affinity(struct vcpu *v, cpumask_t hard, cpumask_t soft);
int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap); /* weight 0: -EINVAL */

/* Limits v to `fill` ns in each SCHED_PERIOD, beside its domain's cap; 0: no limit. */
void sched_set_limit(struct vcpu *v, nsec_t fill);

struct vcpu_runstate_info sched_runstate(struct vcpu *v); /* accounted up to now */

/* What a vcpu's time was, all up to the same `now`. */
struct sched_times {
    struct vcpu_runstate_info runstate;
    uint64_t slot_time; /* as in struct sched_unit */
    nsec_t longest_wait;
    nsec_t limit; /* run time in each SCHED_PERIOD; 0: none */
    nsec_t now;
};
/* reset: the longest wait begins again. */
struct sched_times sched_times(struct vcpu *v, bool reset);
/*
 * For the run loop of each CPU. sched_pick charges the running vcpu and chooses the next one, NULL
 * for idle. If they differ, the run loop saves the state of the old one, then calls sched_leave.
 */
struct vcpu *sched_pick(void);
void sched_leave(struct vcpu *prev);

/* Records in a trace that has just begun who runs on this CPU. */
void sched_trace(void);
uint64_t sched_idle_time(unsigned int cpu); /* ns */

void sched_dump(void);
/* returns 1 and logs it if v's state is inconsistent */
unsigned int sched_check(struct vcpu *v);

#endif
