/* SPDX-License-Identifier: MIT */
/*
 * Simulated CPUs for the scheduler (sched_sim.c): virtual time, vcpus that run and sleep, and the
 * invariants, checked after each event. A test makes a machine and vcpus, acts on them, and lets
 * time pass with run or share.
 */
#ifndef SCHED_SIM_H
#define SCHED_SIM_H

#include "harness.h"

#define CPUS 128
#define BODIES 512
#define SLICE MSEC(10)
#define WATCH_MAX 5000

/* A vcpu and its load: runs for `work` ns, then blocks for `sleep` ns; sleep 0: never blocks. */
struct body {
    struct vcpu v;
    nsec_t work, sleep;
    nsec_t left;                         /* left of this burst */
    nsec_t wakes;                        /* TIME_NEVER: no alarm set */
    nsec_t created, ran, woken, latency; /* woken: 0 once it has run since; latency: the longest */
    nsec_t waited, gap;                  /* for a CPU, until now; the longest that it waited */
    uint64_t traced[4], traced_slots;    /* ns in each RUNSTATE_*, and in slots, by its records */
    uint64_t slots;                      /* runs in them */
    int traced_state;                    /* since the last record */
    nsec_t ran_at[WATCH_MAX + 1];        /* what it had run at each millisecond of watch() */
};

extern nsec_t now, started;
extern struct body *bodies[BODIES];
extern unsigned int body_count;
extern struct body *on_cpu[CPUS];
extern unsigned int switches;
/* each CPU rechecks its work at each event, as after an interrupt */
extern bool noise;
extern nsec_t timer_delay;         /* from a timer's expiry to its interrupt */
extern void (*while_saving)(void); /* called while a CPU saves a vcpu's state */
extern uint64_t seed;

uint32_t pick_random(uint32_t n);

void machine(unsigned int n);
struct domain *domain(unsigned int vcpus, uint32_t weight, uint32_t cap);
struct body *vcpu(struct domain *d, unsigned int id, nsec_t work, nsec_t sleep);
struct body *hog(uint32_t weight, uint32_t cap); /* a domain of one vcpu that always has work */
struct body *sleeper(nsec_t work, nsec_t sleep); /* a domain of one vcpu of weight 256 */
void pin(struct body *b, cpumask_t mask);
unsigned int cpu_of(const struct body *b);     /* CPUS: not running */
void look(unsigned int cpu);                   /* one pass through its run loop */
bool is_picking(unsigned int cpu);             /* it is inside sched_pick */
void keep_hands_off(struct body *b, bool off); /* any access to it ends the test */
void block(struct body *b);                    /* on its own CPU */
void wake(struct body *b);

nsec_t next_event(void);
void pass(nsec_t time);                          /* only advances the clock */
void fire(void);                                 /* runs all events that are due */
void run(nsec_t time);                           /* advances time with all events and checks */
nsec_t share(const struct body *b, nsec_t time); /* CPU time that b gets in `time` */

/* Lets time pass and records what each vcpu gets, for the functions below. */
void watch(unsigned int ms);
/* What b got in any `window` ms of that: the largest difference to what was wanted. */
nsec_t worst_error(const struct body *b, unsigned int window, nsec_t wanted);
/* The worst Jain's index of all vcpus' times by weight, over windows of that many ms. */
double worst_jain(unsigned int window);
nsec_t worst_gap(void); /* of all vcpus */

#define assert_near(value, wanted, off) \
    assert_in_range((value) + SEC(1000), (wanted) + SEC(1000) - (off), (wanted) + SEC(1000) + (off))

#endif
