/* SPDX-License-Identifier: MIT */
/*
 * Budgets of run time: the cap of a domain, for all its vcpus together, and the limit of a vcpu.
 * A budget is filled at the start of each period of a fixed grid. A vcpu may run while all that
 * apply to it have something left. Refills are computed only when a vcpu wants to run, so whoever
 * has no limit or sleeps costs nothing.
 *
 * What a cap's budget has left follows from the number of vcpus that spend it and the time, so no
 * CPU asks what runs on the others. Lock: that of the struct sched_cap (LOCK_CAP).
 *
 * Read next: sched_fair.c.
 */
#include "core/sched_internal.h"

#define PERIODS_MAX 1000000   /* maximum refill: clears any debt, without overflow */
#define PERIODS_CARRY 4       /* a vcpu that asks for a CPU less often slept */
#define REFILL_EARLY USEC(20) /* refills come before the slices that end with the period */
#define LEAST_SLICE USEC(20)  /* minimum slice under a budget: may create debt */

void sched_budget_start(struct sched_budget *b, nsec_t fill, nsec_t now)
{
    *b = (struct sched_budget){ .fill = fill, .left = fill, .period_end = now + SCHED_PERIOD };
}

/*
 * Fills b for the periods that have begun. What was not spent, because others ran, is carried over,
 * up to one fill. After a sleep nothing is. Returns now, or when refills have paid its debt.
 */
static nsec_t refill_budget(struct sched_budget *b, nsec_t now)
{
    nsec_t soon = now + REFILL_EARLY;

    if (soon >= b->period_end) {
        nsec_t periods = (soon - b->period_end) / SCHED_PERIOD + 1;
        nsec_t most = periods > PERIODS_CARRY ? b->fill : 2 * b->fill;

        b->left = MIN(b->left + MIN(periods, PERIODS_MAX) * b->fill, most);
        b->carry = MAX(b->left - b->fill, 0);
        b->period_end += periods * SCHED_PERIOD;
    }
    return b->left > 0 ? now : b->period_end + -b->left / b->fill * SCHED_PERIOD - REFILL_EARLY;
}

/* Takes what the vcpus that run have spent up to now. */
static void charge_cap(struct sched_cap *c, nsec_t now)
{
    if (now <= c->since) /* already charged, perhaps by a CPU with a clock ahead */
        return;
    c->budget.left -= (nsec_t)c->running * (now - c->since);
    c->since = now;
}

void sched_budget_cap(struct domain *d, nsec_t fill, nsec_t now)
{
    struct sched_cap *c = &d->cap_budget;

    spin_lock_scope(&c->lock);
    c->since = MAX(c->since, now);
    sched_budget_start(&c->budget, fill, now);
}

void sched_budget_count(struct sched_unit *u, bool spends, nsec_t now)
{
    struct sched_cap *c = &sched_vcpu_of(u)->d->cap_budget;

    if (spends == u->spends)
        return;
    spin_lock_scope(&c->lock);
    charge_cap(c, now);
    u->spends = spends;
    c->running += spends ? 1 : -1u;
}

nsec_t sched_budget_allows(struct sched_unit *u, nsec_t now)
{
    struct sched_cap *c = &sched_vcpu_of(u)->d->cap_budget;
    nsec_t own = u->budget.fill ? refill_budget(&u->budget, now) : now;

    spin_lock_scope(&c->lock);
    if (!c->budget.fill)
        return own;
    charge_cap(c, now);
    return MAX(own, refill_budget(&c->budget, now));
}

/*
 * A slice ends when this period's fill is spent by all who may, then when what was carried over is,
 * and at the end of the period. So capped domains that share a CPU take turns in each period, and
 * what is carried over does not shift them.
 */
static nsec_t end_of_budget(const struct sched_budget *b, unsigned int spenders, nsec_t now)
{
    nsec_t left = b->left > b->carry ? b->left - b->carry : b->left;
    nsec_t end = now + MAX(left / spenders, LEAST_SLICE);

    return b->period_end > now ? MIN(end, b->period_end) : end;
}

/*
 * Returns how many vcpus of d may spend its cap at once. Those that run already are fewer at the
 * start of a period, when one begins after the other.
 */
static unsigned int count_spenders(const struct domain *d)
{
    unsigned int n = 0;

    for_each_vcpu(d, v)
        n += vcpu_runnable(v);
    return MAX(MIN(n, nr_cpus), 1u); /* u may be about to pause */
}

nsec_t sched_budget_end(struct sched_unit *u, nsec_t now)
{
    struct sched_cap *c = &sched_vcpu_of(u)->d->cap_budget;
    nsec_t own = u->budget.fill ? end_of_budget(&u->budget, 1, now) : TIME_NEVER;

    spin_lock_scope(&c->lock);
    if (!c->budget.fill)
        return own;
    charge_cap(c, now);
    return MIN(own, end_of_budget(&c->budget, count_spenders(sched_vcpu_of(u)->d), now));
}
