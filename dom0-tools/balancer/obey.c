/* SPDX-License-Identifier: MIT */
/*
 * A guest follows if what it has comes nearer to its target. Linux's balloon driver tries four
 * times, then it sleeps for up to an hour, and only another target wakes it. Before that it has
 * taken everything that the guest could spare: the next fork there may fail. So a VM that could not
 * shrink is at its floor, and gets some of it back at once. Read next: balancer.c.
 */
#include "obey.h"

#define DOUBLINGS_MAX 6

static uint64_t distance_of(const struct balancer_vm *vm)
{
    return vm->current > vm->target ? vm->current - vm->target : vm->target - vm->current;
}

static int64_t doubled(int64_t ms, uint32_t failures)
{
    return ms << (failures > DOUBLINGS_MAX ? DOUBLINGS_MAX : failures);
}

static void learn_floor(struct balancer_vm *vm, int64_t now)
{
    struct balancer_history *history = &vm->history;
    uint64_t floor = vm->current + BALANCER_MARGIN;

    floor -= floor % BALANCER_PAGE;
    history->floor = floor < vm->max ? floor : vm->max;
    history->floor_till = now + doubled(BALANCER_FLOOR_MS, history->failures);
}

/* It has not moved for too long. */
static void give_up(struct balancer_vm *vm, int64_t now)
{
    struct balancer_history *history = &vm->history;

    history->balloon = history->moved ? BALANCER_UNCOOPERATIVE : BALANCER_NONE;
    if (history->moved && vm->current > vm->target)
        learn_floor(vm, now);
    history->retry_at = now + doubled(BALANCER_RETRY_MS, history->failures);
    history->failures++;
}

/* Another target begins another attempt. */
static void begin(struct balancer_vm *vm, int64_t now)
{
    struct balancer_history *history = &vm->history;

    history->written = vm->target;
    history->nearest = distance_of(vm);
    history->written_at = history->progress_at = now;
    history->judged = false;
}

static void reach(struct balancer_vm *vm)
{
    struct balancer_history *history = &vm->history;

    history->balloon = BALANCER_FOLLOWING;
    /* a target at its floor proves nothing about those below */
    if (vm->target < history->floor || history->floor == 0)
        history->failures = 0;
}

static bool is_set_aside(const struct balancer_history *history)
{
    return history->balloon == BALANCER_UNCOOPERATIVE || history->balloon == BALANCER_NONE;
}

bool obey_judge(struct balancer_vm *vm, int64_t now)
{
    struct balancer_history *history = &vm->history;
    uint64_t distance = distance_of(vm);

    if (history->floor && now >= history->floor_till)
        history->floor = 0;
    if (vm->target == 0 || vm->min == vm->max)
        return false;
    if (history->written != vm->target || vm->young)
        begin(vm, now);
    if (distance + BALANCER_PAGE <= history->nearest) {
        history->nearest = distance;
        history->progress_at = now;
        history->moved = true;
    }
    if (distance <= BALANCER_NEAR) {
        if (history->moved || !is_set_aside(history))
            reach(vm);
        return false;
    }
    if (now - history->progress_at < BALANCER_OBEY_MS) {
        if (history->progress_at > history->written_at)
            history->balloon = now - history->written_at < BALANCER_OBEY_MS ? BALANCER_FOLLOWING
                                                                            : BALANCER_SLOW;
        return false;
    }
    if (history->judged)
        return false;
    history->judged = true;
    give_up(vm, now);
    return true;
}

bool obey_is_pinned(const struct balancer_vm *vm, int64_t now)
{
    return is_set_aside(&vm->history) && now < vm->history.retry_at;
}
