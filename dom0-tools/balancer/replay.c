/* SPDX-License-Identifier: MIT */
/*
 * Replays what VMs used. Guests follow their targets within a period, as far as memory is free, but
 * for those that ignore them. Regret is counted against the least that could have lacked in each
 * period by itself: what all wanted together, less the memory. Read next: balancer.c.
 */
#include "replay.h"

#include <errno.h>
#include <stdlib.h>

#define ERROR_PERCENT 4
#define FRACTION_BITS 20

struct replay {
    const struct replay_input *input;
    struct replay_result *result;
    struct balancer_host host;
    struct balancer_vm *vms;
    struct balancer_verdict *verdicts;
    int8_t *turns; /* the direction of each VM's last change */
    uint64_t seed;
};

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* SplitMix64. Returns a number in [low, high]. */
static uint64_t draw(uint64_t *seed, uint64_t low, uint64_t high)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return low + (z ^ z >> 31) % (high - low + 1);
}

/* --- simple policies -------------------------------------------------------------------------- */

/* What a VM has at a fraction; of what is above min, or of all. */
static uint64_t part_of(const struct replay_vm *vm, bool above_min, uint64_t fraction)
{
    uint64_t base = above_min ? vm->min : 0;
    uint64_t part = base + ((vm->max - base) * fraction >> FRACTION_BITS);

    return larger(part - part % BALANCER_PAGE, vm->min);
}

/* Gives each VM the largest part that fits in what is not to be free. */
static void set_parts(struct replay *replay, bool above_min)
{
    const struct replay_input *input = replay->input;
    uint64_t memory = input->memory / 100 * (100 - BALANCER_FREE_PERCENT), fraction = 0;

    for (int bit = FRACTION_BITS; bit >= 0; bit--) {
        uint64_t next = fraction | UINT64_C(1) << bit, sum = 0;

        for (size_t i = 0; i < input->count; i++)
            sum += part_of(&input->vms[i], above_min, next);
        if (next <= UINT64_C(1) << FRACTION_BITS && sum <= memory)
            fraction = next;
    }
    replay->host.free = input->memory;
    for (size_t i = 0; i < input->count; i++) {
        replay->vms[i].current = part_of(&input->vms[i], above_min, fraction);
        replay->vms[i].target = replay->vms[i].current;
        replay->host.free -= smaller(replay->host.free, replay->vms[i].current);
    }
}

/* --- the balancer ----------------------------------------------------------------------------- */

static void tell_needs(struct replay *replay, size_t period)
{
    const struct replay_input *input = replay->input;

    for (size_t i = 0; i < input->count; i++) {
        struct balancer_vm *vm = &replay->vms[i];
        uint64_t used = smaller(input->vms[i].need[period], vm->current);
        uint64_t percent = draw(&replay->seed, 100 - ERROR_PERCENT, 100 + ERROR_PERCENT);

        vm->sampled = true;
        vm->working = used * percent / 100;
        vm->low = vm->working * (100 - ERROR_PERCENT) / 100;
        vm->high = smaller(vm->working * (100 + ERROR_PERCENT) / 100, vm->current);
    }
}

static void count_change(struct replay *replay, size_t i, uint64_t target)
{
    struct balancer_vm *vm = &replay->vms[i];
    int8_t turn = target > vm->target ? 1 : -1;

    if (target == vm->target)
        return;
    replay->result->writes++;
    replay->result->turns += replay->turns[i] == -turn;
    replay->result->moved += turn > 0 ? target - vm->target : vm->target - target;
    replay->result->violations += target < vm->min;
    replay->turns[i] = turn;
    vm->target = target;
}

/* Those that give go first, as free memory is all that others can take. */
static void let_guests_move(struct replay *replay)
{
    const struct replay_input *input = replay->input;

    for (size_t i = 0; i < input->count; i++) {
        struct balancer_vm *vm = &replay->vms[i];

        if (input->vms[i].ignores || vm->current <= vm->target)
            continue;
        replay->host.free += vm->current - vm->target;
        vm->current = vm->target;
    }
    for (size_t i = 0; i < input->count; i++) {
        struct balancer_vm *vm = &replay->vms[i];
        uint64_t part = vm->target > vm->current ? vm->target - vm->current : 0;

        if (input->vms[i].ignores)
            continue;
        replay->result->violations += part > replay->host.free;
        part = smaller(part, replay->host.free);
        replay->host.free -= part;
        vm->current += part;
    }
}

static void balance(struct replay *replay, size_t period)
{
    const struct replay_input *input = replay->input;
    struct balancer_summary summary;

    tell_needs(replay, period);
    balancer_step(&replay->host, replay->vms, input->count,
                  (int64_t)(period + 1) * REPLAY_PERIOD_MS, replay->verdicts, &summary);
    replay->host.reclaiming = summary.reclaiming;
    for (size_t i = 0; i < input->count; i++)
        count_change(replay, i, replay->verdicts[i].target);
    let_guests_move(replay);
}

/* --- a period --------------------------------------------------------------------------------- */

/* Adds what lacked, and what would have lacked at least. */
static void count_period(struct replay *replay, enum replay_policy policy, size_t period)
{
    const struct replay_input *input = replay->input;
    uint64_t wanted = 0, lacking = 0, least;

    for (size_t i = 0; i < input->count; i++) {
        const struct replay_vm *vm = &input->vms[i];
        uint64_t need = smaller(vm->need[period], vm->max);

        replay->result->used += need;
        wanted += larger(need, vm->min);
        if (need > replay->vms[i].current)
            lacking += need - replay->vms[i].current;
    }
    least = wanted > input->memory ? wanted - input->memory : 0;
    if (policy == REPLAY_ORACLE)
        lacking = least;
    replay->result->lacking += lacking;
    replay->result->regret += lacking > least ? lacking - least : 0;
}

static int begin(struct replay *replay)
{
    const struct replay_input *input = replay->input;

    replay->vms = calloc(input->count + 1, sizeof(*replay->vms));
    replay->verdicts = calloc(input->count + 1, sizeof(*replay->verdicts));
    replay->turns = calloc(input->count + 1, sizeof(*replay->turns));
    if (!replay->vms || !replay->verdicts || !replay->turns)
        return -ENOMEM;
    replay->seed = input->seed;
    replay->host.total = input->memory;
    for (size_t i = 0; i < input->count; i++)
        replay->vms[i] = (struct balancer_vm){ .min = input->vms[i].min,
                                               .max = input->vms[i].max,
                                               .shares = input->vms[i].shares,
                                               .priority = input->vms[i].priority };
    return 0;
}

int replay_run(const struct replay_input *input, enum replay_policy policy,
               struct replay_result *result)
{
    struct replay replay = { .input = input, .result = result };
    int rc = begin(&replay);

    *result = (struct replay_result){ .used = 0 };
    if (rc == 0)
        set_parts(&replay, policy != REPLAY_FIXED);
    for (size_t period = 0; rc == 0 && period < input->periods; period++) {
        count_period(&replay, policy, period);
        if (policy == REPLAY_BALANCED)
            balance(&replay, period);
    }
    free(replay.vms);
    free(replay.verdicts);
    free(replay.turns);
    return rc;
}

/* --- synthetic needs -------------------------------------------------------------------------- */

void replay_synthesize(struct replay_vm *vm, size_t periods, uint64_t *seed)
{
    uint64_t sizes = UINT64_C(256) << 10, left = 0, need = 0;
    bool busy = draw(seed, 0, 1);

    vm->max = sizes * draw(seed, 1, 8);
    vm->min = vm->max / 16 * draw(seed, 1, 3);
    vm->shares = vm->max >> 10;
    for (size_t period = 0; period < periods; period++, left--) {
        if (left == 0) {
            busy = !busy;
            need = vm->max * (busy ? draw(seed, 50, 100) : draw(seed, 5, 25)) / 100;
            left = draw(seed, 12, busy ? 120 : 240);
        }
        vm->need[period] = need;
    }
}
