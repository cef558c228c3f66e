/* SPDX-License-Identifier: MIT */
/*
 * Divides memory like water. Memory that a VM needs costs 1, what is idle above that costs 4. All
 * VMs pay up to the same level for each of their shares, and what this buys is theirs, between
 * their lowest and their max. That is where min-funding revocation ends (Waldspurger, OSDI 2002),
 * which takes each page from the VM that pays least for it; but it is found without the way there,
 * and depends on nothing but the needs. Read next: balancer.c.
 */
#include "fill.h"

/* Levels are fractions of a KiB per share. */
#define LEVEL_SHIFT 16
#define LEVEL_BITS 62
#define EVERYBODY (-1)

/* Which VMs are raised, and how far. */
struct rise {
    int64_t priority; /* of these only, or EVERYBODY */
    bool to_need;     /* not to their max */
};

static bool takes_part(const struct rise *rise, const struct balancer_vm *vm,
                       const struct balancer_verdict *verdict)
{
    return verdict->movable && (rise->priority == EVERYBODY || rise->priority == vm->priority);
}

static uint64_t whole_pages(uint64_t kib) { return kib - kib % BALANCER_PAGE; }

/* Returns what the VM can buy at a level; at least what it has already. */
static uint64_t bought(const struct rise *rise, const struct balancer_vm *vm,
                       const struct balancer_verdict *verdict, uint64_t level)
{
    unsigned __int128 money = (unsigned __int128)level * vm->shares >> LEVEL_SHIFT;
    uint64_t need = verdict->need, most = rise->to_need ? need : vm->max;

    if (money > need)
        money = need + (money - need) / FILL_IDLE_COST;
    if (money > most)
        money = most;
    return money > verdict->goal ? whole_pages(money) : verdict->goal;
}

static uint64_t sum_at(const struct rise *rise, const struct balancer_vm *vms, size_t count,
                       const struct balancer_verdict *verdicts, uint64_t level)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        if (takes_part(rise, &vms[i], &verdicts[i]))
            sum += bought(rise, &vms[i], &verdicts[i], level);
        else if (verdicts[i].movable)
            sum += verdicts[i].goal;
    return sum;
}

/* Raises the goals to the highest level that the pool allows. */
static void raise(const struct rise *rise, const struct balancer_vm *vms, size_t count,
                  uint64_t pool, struct balancer_verdict *verdicts)
{
    uint64_t level = 0, rest;

    for (int bit = LEVEL_BITS - 1; bit >= 0; bit--) {
        uint64_t next = level | UINT64_C(1) << bit;

        if (sum_at(rise, vms, count, verdicts, next) <= pool)
            level = next;
    }
    rest = pool - sum_at(rise, vms, count, verdicts, level);
    for (size_t i = 0; i < count; i++) {
        uint64_t next, more;

        if (!takes_part(rise, &vms[i], &verdicts[i]))
            continue;
        verdicts[i].goal = bought(rise, &vms[i], &verdicts[i], level);
        next = bought(rise, &vms[i], &verdicts[i], level + 1);
        more = next > verdicts[i].goal ? next - verdicts[i].goal : 0;
        /* what the next level would cost too much for all is enough for some */
        if (more > rest)
            more = whole_pages(rest);
        verdicts[i].goal += more;
        rest -= more;
    }
}

/* Returns the highest priority below that one, or EVERYBODY: there is none. */
static int64_t next_priority(const struct balancer_vm *vms, size_t count,
                             const struct balancer_verdict *verdicts, int64_t below)
{
    int64_t found = EVERYBODY;

    for (size_t i = 0; i < count; i++)
        if (verdicts[i].movable && vms[i].priority < below && vms[i].priority > found)
            found = vms[i].priority;
    return found;
}

uint64_t fill_divide(const struct balancer_vm *vms, size_t count, uint64_t pool,
                     struct balancer_verdict *verdicts)
{
    struct rise rise = { .to_need = true };
    uint64_t least = 0;
    int64_t lower;

    for (size_t i = 0; i < count; i++)
        if (verdicts[i].movable) {
            verdicts[i].goal = verdicts[i].lowest;
            least += verdicts[i].lowest;
        }
    if (least > pool)
        return least - pool;
    rise.priority = next_priority(vms, count, verdicts, INT64_MAX);
    /* the lowest priority has no claim before others */
    while ((lower = next_priority(vms, count, verdicts, rise.priority)) != EVERYBODY) {
        raise(&rise, vms, count, pool, verdicts);
        rise.priority = lower;
    }
    rise = (struct rise){ .priority = EVERYBODY };
    raise(&rise, vms, count, pool, verdicts);
    return 0;
}
