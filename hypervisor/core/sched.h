/* SPDX-License-Identifier: MIT */
/* The CPU scheduler's interface (core/sched.c). */
#ifndef CLV_CORE_SCHED_H
#define CLV_CORE_SCHED_H

#include "list.h"
#include "cpu/timer.h"
#include "types.h"
#include "xenpub.h"

struct domain;
struct vcpu;

#define SCHED_WEIGHT_DEFAULT 256
#define SCHED_WEIGHT_MAX 65535

typedef unsigned __int128 vtime_t; /* weighted ns; never overflows */

/* Scheduling state of a vcpu, protected by sched_lock (LOCK_SCHED). */
struct sched_unit {
    struct list link; /* in the run queue while runnable, not running and within the cap */
    unsigned int cpu; /* current or last CPU */
    /* runs on `cpu`, or its state is being saved there; not queued meanwhile */
    bool running;
    bool woke;         /* it has not run since it woke */
    uint64_t affinity; /* hard affinity, a bit mask of CPUs */
    uint64_t soft_affinity;
    vtime_t vtime; /* virtual time */
    uint32_t weight;
    struct timer cap_timer;             /* armed while it waits for a refill of its domain's cap */
    nsec_t started;                     /* charged up to this time */
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
int sched_set_affinity(struct vcpu *v, uint64_t hard, uint64_t soft);
int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap); /* weight 0: -EINVAL */

struct vcpu_runstate_info sched_runstate(struct vcpu *v); /* accounted up to now */
/*
 * For the run loop of each CPU. sched_pick charges the running vcpu and chooses the next one, NULL
 * for idle. If they differ, the run loop saves the state of the old one, then calls sched_leave.
 */
struct vcpu *sched_pick(void);
void sched_leave(struct vcpu *prev);

uint64_t sched_idle_time(unsigned int cpu); /* ns */

void sched_dump(void);
/* returns 1 and logs it if v's state is inconsistent */
unsigned int sched_check(struct vcpu *v);

#endif
