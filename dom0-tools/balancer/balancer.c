/* SPDX-License-Identifier: MIT */
/*
 * A period of the balancer. Who cannot move is taken out with what it holds; the others' needs
 * divide the rest into goals (fill.c), which do not depend on who has what now. Then each target
 * moves towards its goal and never past it: up as far as memory is free already, down by a tenth at
 * most, and only while somebody lacks what is given. So while needs stay, no target turns around.
 * Read next: fill.c, obey.c.
 */
#include "balancer.h"

#include "fill.h"
#include "obey.h"

#define KIB_PER_MIB 1024
/* What Linux lives with, measured: 88 MiB of 256, 101 of 512, 268 of 2,048. */
#define FLOOR_BASE (72 * KIB_PER_MIB)
#define FLOOR_PART 10
/* Need beyond the working set, so that it can grow within a period. */
#define HEADROOM (16 * KIB_PER_MIB)
#define HEADROOM_PART 8
/*
 * One that uses all but so much may need any amount more: twice what it uses is tried. With its
 * headroom it is below that, so that it does not get there by what it has been given.
 */
#define FULL_PART 16
/* Smaller changes of a target are not worth one. */
#define BAND_LEAST KIB_PER_MIB
#define BAND_PART 64

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t above(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

static uint64_t pages_up(uint64_t kib)
{
    return (kib + BALANCER_PAGE - 1) / BALANCER_PAGE * BALANCER_PAGE;
}

static uint64_t pages_down(uint64_t kib) { return kib - kib % BALANCER_PAGE; }

static uint64_t percent_of(const struct balancer_host *host, unsigned int percent)
{
    return host->total / 100 * percent;
}

/* --- a VM ------------------------------------------------------------------------------------- */

uint64_t balancer_floor(uint64_t max) { return pages_up(FLOOR_BASE + max / FLOOR_PART); }

uint64_t balancer_lowest(const struct balancer_vm *vm)
{
    uint64_t lowest = larger(vm->min, larger(vm->floor, vm->history.floor));

    return smaller(pages_up(lowest), vm->max);
}

uint64_t balancer_need(const struct balancer_vm *vm)
{
    uint64_t used = larger(vm->sampled ? vm->high : 0, vm->own);
    uint64_t headroom = larger(used / HEADROOM_PART, HEADROOM);

    if (!vm->sampled && !vm->own)
        return vm->max;
    if (used > vm->current / FULL_PART * (FULL_PART - 1))
        headroom = larger(used, HEADROOM);
    return larger(smaller(pages_up(used + headroom), vm->max), balancer_lowest(vm));
}

static uint64_t band_of(const struct balancer_vm *vm)
{
    return larger(vm->target / BAND_PART, BAND_LEAST);
}

/* Returns why the VM's target cannot change, or BALANCER_BALANCED. */
static enum balancer_reason obstacle(const struct balancer_vm *vm, int64_t now)
{
    if (vm->min == vm->max)
        return BALANCER_FIXED;
    if (vm->frozen)
        return BALANCER_FROZEN;
    if (vm->young || vm->target == 0)
        return BALANCER_YOUNG;
    return obey_is_pinned(vm, now) ? BALANCER_PINNED : BALANCER_BALANCED;
}

static void look_at(const struct balancer_vm *vm, int64_t now, struct balancer_verdict *verdict)
{
    *verdict = (struct balancer_verdict){ .target = vm->target,
                                          .reason = obstacle(vm, now),
                                          .lowest = balancer_lowest(vm),
                                          .need = balancer_need(vm),
                                          .goal = larger(vm->current, vm->target) };
    verdict->movable = verdict->reason == BALANCER_BALANCED;
}

/* --- the machine ------------------------------------------------------------------------------ */

struct period {
    const struct balancer_vm *vms;
    struct balancer_verdict *verdicts;
    size_t count;
    uint64_t promised;  /* to VMs whose targets are above what they have */
    uint64_t coming;    /* from VMs whose targets are below */
    uint64_t available; /* free, and neither reserved nor promised */
    uint64_t movable;   /* memory of VMs that can move */
};

static void add_up(struct period *period, const struct balancer_host *host)
{
    for (size_t i = 0; i < period->count; i++) {
        const struct balancer_vm *vm = &period->vms[i];

        period->promised += above(vm->target, vm->current);
        if (!period->verdicts[i].movable)
            continue;
        period->coming += above(vm->current, vm->target);
        period->movable += larger(vm->current, vm->target);
    }
    period->available = above(host->free, host->reserve + period->promised);
}

/* Divides what can move, less what is to be free. Returns what the lowest targets lack. */
static uint64_t set_goals(const struct period *period, uint64_t spare, uint64_t *pool)
{
    *pool = above(period->available + period->movable, spare);
    return fill_divide(period->vms, period->count, *pool, period->verdicts);
}

/* --- growth ----------------------------------------------------------------------------------- */

/* How far a VM may be raised now, for one reason. */
static uint64_t aim_of(const struct period *period, size_t i, enum balancer_reason reason)
{
    const struct balancer_verdict *verdict = &period->verdicts[i];

    if (reason == BALANCER_FLOOR)
        return verdict->lowest;
    return reason == BALANCER_NEED ? smaller(verdict->goal, verdict->need) : verdict->goal;
}

static uint64_t missing(const struct period *period, size_t i, enum balancer_reason reason)
{
    const struct balancer_verdict *verdict = &period->verdicts[i];
    uint64_t lack = above(aim_of(period, i, reason), verdict->target);
    uint64_t least = reason == BALANCER_FLOOR ? 0 : band_of(&period->vms[i]);

    return verdict->movable && lack > least ? lack : 0;
}

static uint64_t all_missing(const struct period *period, enum balancer_reason reason)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < period->count; i++)
        sum += missing(period, i, reason);
    return sum;
}

/* Shares what is available above `keep` among those who lack something, in proportion. */
static void grow(struct period *period, enum balancer_reason reason, uint64_t keep)
{
    uint64_t lack = all_missing(period, reason), budget = above(period->available, keep);
    uint64_t rest = budget;

    for (size_t i = 0; i < period->count; i++) {
        struct balancer_verdict *verdict = &period->verdicts[i];
        uint64_t part, own = missing(period, i, reason);

        if (own == 0)
            continue;
        part = lack <= budget ? own : (uint64_t)((unsigned __int128)own * budget / lack);
        part = smaller(smaller(larger(part, band_of(&period->vms[i])), own), rest);
        part = pages_down(verdict->target + part) - verdict->target;
        /* a target that was below min already is not written again unless it reaches it */
        if (part > rest || verdict->target + part < period->vms[i].min ||
            (reason != BALANCER_FLOOR && part + BALANCER_PAGE < band_of(&period->vms[i])))
            continue;
        verdict->target += part;
        verdict->reason = reason;
        rest -= part;
        period->available -= part;
    }
}

/* --- shrinking -------------------------------------------------------------------------------- */

/* Returns what the VM can give in this period. */
static uint64_t offer_of(const struct period *period, size_t i)
{
    const struct balancer_vm *vm = &period->vms[i];
    const struct balancer_verdict *verdict = &period->verdicts[i];
    uint64_t surplus = above(vm->target, larger(verdict->goal, verdict->lowest));
    uint64_t step = vm->target / 100 * BALANCER_STEP;

    if (!verdict->movable || verdict->target != vm->target || surplus <= band_of(vm) ||
        above(vm->current, vm->target) > BALANCER_NEAR)
        return 0;
    return smaller(surplus, step);
}

/* Takes so much, from each in proportion to what it can give. */
static void shrink(struct period *period, uint64_t wanted, enum balancer_reason reason)
{
    uint64_t offers = 0, rest = wanted;

    for (size_t i = 0; i < period->count; i++)
        offers += period->verdicts[i].step = offer_of(period, i);
    for (size_t i = 0; i < period->count && rest > 0; i++) {
        struct balancer_verdict *verdict = &period->verdicts[i];
        uint64_t part = verdict->step;

        if (part == 0)
            continue;
        if (wanted < offers)
            part = (uint64_t)((unsigned __int128)part * wanted / offers);
        part = smaller(larger(part, band_of(&period->vms[i])), verdict->step);
        verdict->target = pages_up(verdict->target - part);
        verdict->reason = reason;
        rest = above(rest, part);
    }
}

/* --- those that do not follow ----------------------------------------------------------------- */

/* Returns a target one page away, or the same if there is none. */
static uint64_t beside(const struct period *period, size_t i, uint64_t target)
{
    const struct balancer_vm *vm = &period->vms[i];

    if (target >= period->verdicts[i].lowest + BALANCER_PAGE)
        return target - BALANCER_PAGE;
    if (target + BALANCER_PAGE <= vm->max && period->available >= BALANCER_PAGE)
        return target + BALANCER_PAGE;
    return target >= vm->min + BALANCER_PAGE ? target - BALANCER_PAGE : target;
}

/*
 * A VM that was just found not to follow is told what it has, so that nothing stays promised to it;
 * one at its floor gets its margin back first, if there is memory.
 */
static void release(struct period *period, size_t i, uint64_t keep)
{
    const struct balancer_vm *vm = &period->vms[i];
    struct balancer_verdict *verdict = &period->verdicts[i];
    uint64_t target = larger(pages_down(vm->current), verdict->lowest);
    uint64_t free = period->available + above(vm->target, vm->current);

    if (above(target, vm->current) > above(free, keep))
        target = larger(pages_down(vm->current + above(free, keep)), vm->min);
    target = smaller(target, vm->max);
    if (above(target, vm->current) > free)
        return;
    period->available = free - above(target, vm->current);
    if (target == vm->target)
        target = beside(period, i, target);
    period->available = free - smaller(free, above(target, vm->current));
    verdict->target = target;
    verdict->reason = BALANCER_RELEASED;
}

/* The driver of one that is asked again may sleep: it is woken by another target only. */
static void wake(struct period *period, size_t i)
{
    const struct balancer_vm *vm = &period->vms[i];
    struct balancer_verdict *verdict = &period->verdicts[i];
    bool asked = vm->history.balloon == BALANCER_UNCOOPERATIVE ||
                 vm->history.balloon == BALANCER_NONE;

    if (!asked || !verdict->movable || verdict->target != vm->target ||
        above(vm->current, vm->target) + above(vm->target, vm->current) <= BALANCER_NEAR)
        return;
    verdict->target = beside(period, i, vm->target);
    verdict->reason = BALANCER_PINNED;
    period->available = above(period->available, above(verdict->target, vm->target));
}

static void explain_waiting(const struct balancer_vm *vm, struct balancer_verdict *verdict)
{
    if (verdict->reason == BALANCER_BALANCED && above(vm->current, vm->target) > BALANCER_NEAR)
        verdict->reason = BALANCER_AWAITED;
}

/* --- a period --------------------------------------------------------------------------------- */

static void judge_all(struct period *period, struct balancer_vm *vms,
                      const struct balancer_host *host, int64_t now)
{
    for (size_t i = 0; i < period->count; i++) {
        bool failed = obey_judge(&vms[i], now);

        look_at(&vms[i], now, &period->verdicts[i]);
        period->verdicts[i].step = failed;
    }
    add_up(period, host);
    for (size_t i = 0; i < period->count; i++)
        if (period->verdicts[i].step && period->verdicts[i].reason == BALANCER_PINNED)
            release(period, i, percent_of(host, BALANCER_FLOOR_PERCENT));
}

void balancer_step(const struct balancer_host *host, struct balancer_vm *vms, size_t count,
                   int64_t now, struct balancer_verdict *verdicts, struct balancer_summary *summary)
{
    struct period period = { .vms = vms, .verdicts = verdicts, .count = count };
    uint64_t aim = percent_of(host, BALANCER_FREE_PERCENT), all, lack, wanted;
    enum balancer_reason why;

    judge_all(&period, vms, host, now);
    all = period.available + period.movable;
    lack = set_goals(&period, aim, &summary->pool);
    summary->lack = lack > 0 ? above(lack + summary->pool, all) : 0;
    summary->needed = all_missing(&period, BALANCER_NEED);
    summary->reclaiming =
        period.available <
        percent_of(host, host->reclaiming ? BALANCER_FREE_PERCENT : BALANCER_RECLAIM_PERCENT);
    grow(&period, BALANCER_FLOOR, percent_of(host, BALANCER_FLOOR_PERCENT));
    grow(&period, BALANCER_NEED, percent_of(host, BALANCER_NEED_PERCENT));
    grow(&period, BALANCER_SPARE, aim);
    wanted = larger(all_missing(&period, BALANCER_FLOOR), all_missing(&period, BALANCER_NEED));
    why = wanted > 0 ? BALANCER_GIVES : BALANCER_REFILLS;
    if (summary->reclaiming)
        wanted += above(aim, period.available);
    shrink(&period, above(wanted, period.coming), why);
    for (size_t i = 0; i < count; i++) {
        wake(&period, i);
        explain_waiting(&vms[i], &verdicts[i]);
    }
}

/* --- at once ---------------------------------------------------------------------------------- */

/* Lowers targets to goals or, if all is set, as far as it goes. Returns what remains wanted. */
static uint64_t take(const struct period *period, uint64_t wanted, bool all)
{
    uint64_t offers = 0, rest = wanted;

    for (size_t i = 0; i < period->count; i++) {
        struct balancer_verdict *verdict = &period->verdicts[i];
        uint64_t least = all ? verdict->lowest : larger(verdict->goal, verdict->lowest);

        verdict->step = verdict->movable ? above(verdict->target, least) : 0;
        offers += verdict->step;
    }
    for (size_t i = 0; i < period->count && rest > 0; i++) {
        struct balancer_verdict *verdict = &period->verdicts[i];
        uint64_t part = verdict->step;

        if (wanted < offers)
            part = pages_up((unsigned __int128)part * wanted / offers + 1);
        part = pages_down(smaller(part, verdict->step));
        if (part == 0)
            continue;
        verdict->target -= part;
        verdict->reason = BALANCER_GIVES;
        rest = above(rest, part);
    }
    return rest;
}

uint64_t balancer_reclaim(const struct balancer_host *host, const struct balancer_vm *vms,
                          size_t count, uint64_t wanted, struct balancer_verdict *verdicts)
{
    struct period period = { .vms = vms, .verdicts = verdicts, .count = count };
    uint64_t rest, pool;

    for (size_t i = 0; i < count; i++) {
        look_at(&vms[i], 0, &verdicts[i]);
        verdicts[i].movable &= vms[i].history.balloon == BALANCER_FOLLOWING ||
                               vms[i].history.balloon == BALANCER_SLOW;
    }
    add_up(&period, host);
    if (period.available >= wanted)
        return period.available;
    set_goals(&period, wanted, &pool);
    rest = above(wanted, period.available + period.coming);
    rest = take(&period, rest, false);
    rest = take(&period, rest, true);
    return wanted - rest;
}

/* --- words ------------------------------------------------------------------------------------ */

const char *balancer_balloon_word(enum balancer_balloon balloon)
{
    static const char *const words[] = { [BALANCER_FOLLOWING] = "following",
                                         [BALANCER_SLOW] = "slow",
                                         [BALANCER_UNCOOPERATIVE] = "uncooperative",
                                         [BALANCER_NONE] = "none" };

    return words[balloon];
}

const char *balancer_reason_text(enum balancer_reason reason)
{
    static const char *const texts[] = {
        [BALANCER_BALANCED] = "it has its part",
        [BALANCER_FIXED] = "its minimum is its maximum",
        [BALANCER_FROZEN] = "an operator's target holds until `cleave mem thaw`",
        [BALANCER_YOUNG] = "its guest is starting",
        [BALANCER_PINNED] = "its guest does not follow",
        [BALANCER_AWAITED] = "it has not reached its last target yet",
        [BALANCER_FLOOR] = "raised to the least that it may have",
        [BALANCER_NEED] = "raised towards what it needs",
        [BALANCER_SPARE] = "raised, as memory is free",
        [BALANCER_GIVES] = "lowered, as others need more",
        [BALANCER_REFILLS] = "lowered, as little memory is free",
        [BALANCER_RELEASED] = "set to what it has, as its guest does not follow",
    };

    return texts[reason];
}
