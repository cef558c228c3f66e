/* SPDX-License-Identifier: MIT */
/*
 * The CPU scheduler as the rest of the core sees it (core/sched.c).
 */
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

typedef unsigned __int128 vtime_t; /* weighted ns: never wraps */

/* One vcpu's (or idle's) scheduling state; protected by the scheduler's lock (LOCK_SCHED). */
struct sched_unit {
    struct list link; /* in the run queue, when runnable, not running and within its cap */
    unsigned int cpu; /* where it runs, or ran last */
    /* there: it runs, or its state is being saved; meanwhile it is not queued */
    bool running;
    uint64_t affinity; /* CPUs it may run on (hard), bit mask */
    uint64_t soft_affinity;
    vtime_t vtime; /* virtual time */
    uint32_t weight;
    struct timer cap_timer; /* when its domain's cap lets it run again, if it waits for that */
    nsec_t started;         /* when it last got a CPU */
    struct vcpu_runstate_info runstate; /* its times go up to state_entry_time */
};

void sched_init_cpu(unsigned int cpu);
void sched_add_vcpu(struct vcpu *v);
void sched_remove_vcpu(struct vcpu *v);

/*
 * Called when something changed that may make v runnable (event, interrupt, unpause) or not
 * (pause). Any CPU.
 */
void sched_wake(struct vcpu *v);
void sched_yield(struct vcpu *v);
bool sched_on_cpu(const struct vcpu *v); /* it runs, or its state is being saved */

/* -EINVAL: no online CPU in it */
int sched_set_affinity(struct vcpu *v, uint64_t hard, uint64_t soft);
int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap); /* 0 weight: -EINVAL */

struct vcpu_runstate_info sched_runstate(struct vcpu *v); /* its times go up to now */
/*
 * For the run loop of each CPU. pick charges the vcpu that runs here, and chooses who runs next:
 * NULL for idle. When that is another, the run loop saves the state of the one before, then calls
 * leave.
 */
struct vcpu *sched_pick(void);
void sched_leave(struct vcpu *prev);

uint64_t sched_idle_time(unsigned int cpu); /* ns */

void sched_dump(void);
/* debug: 1, and logged, when its state contradicts itself */
unsigned int sched_check(struct vcpu *v);

#endif
