/* SPDX-License-Identifier: MIT */
/*
 * Decides which CPUs serve which vCPU. Gangs come first, while all CPUs of a block have the same
 * times free. Then each vCPU stays where it was or gets the first CPU with room, the most
 * restricted and largest vCPU first. What has no room on one CPU is split. Read next: layout.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

static const struct planner_vm *vm_of(const struct work *work, const struct item *item)
{
    return &work->input->vms[item->vm];
}

static bool is_allowed(const struct work *work, const struct item *item, uint32_t cpu)
{
    return planner_allowed(work->input, vm_of(work, item), cpu);
}

/* Returns the vCPU in the previous plan. NULL: it has no CPU of its own there. */
static const struct planner_vcpu *previous_of(const struct work *work, const struct item *item)
{
    const struct planner_plan *previous = work->input->previous;
    uint32_t vm = work->previous[item->vm];
    size_t vcpu;

    if (vm == WORK_NO_VM)
        return NULL;
    vcpu = previous->first[vm] + item->vcpu;
    if (vcpu >= previous->first[vm + 1] || previous->vcpus[vcpu].cpus != 1)
        return NULL;
    return &previous->vcpus[vcpu];
}

static uint32_t previous_cpu(const struct work *work, const struct item *item)
{
    const struct planner_vcpu *vcpu = previous_of(work, item);

    if (!vcpu || vcpu->cpu >= work->input->cpus || !is_allowed(work, item, vcpu->cpu))
        return WORK_NO_CPU;
    return vcpu->cpu;
}

static int add_piece(struct work *work, const struct item *item, uint32_t cpu, struct span time)
{
    if (work->piece_count == work->piece_room) {
        size_t room = work->piece_room ? 2 * work->piece_room : 64;
        struct piece *pieces = realloc(work->pieces, room * sizeof(*pieces));

        if (!pieces)
            return -ENOMEM;
        work->pieces = pieces;
        work->piece_room = room;
    }
    work->pieces[work->piece_count++] = (struct piece){
        .item = item - work->items, .cpu = cpu, .start = time.start, .end = time.end
    };
    work->free[cpu] -= time.end - time.start;
    return spans_add(&work->busy[cpu], time);
}

/* --- gangs ------------------------------------------------------------------------------------ */

/* Gives the gang, whose items begin at item, the first free times of the CPUs in work->gang. */
static int take_gang(struct work *work, const struct item *item, struct spans *busy)
{
    uint32_t vcpus = vm_of(work, item)->vcpus, need = item->mhz, clock = work->input->mhz;
    int rc = 0;

    while (rc == 0 && need > 0) {
        struct span time = spans_gap(busy, 0, clock, need);

        rc = spans_add(busy, time);
        need -= time.end - time.start;
        for (uint32_t i = 0; rc == 0 && i < vcpus; i++)
            rc = add_piece(work, item + i, work->gang[i], time);
    }
    return rc;
}

/* Tries the CPUs in work->gang. Returns 0, -ENOSPC or -ENOMEM. */
static int try_gang(struct work *work, const struct item *item)
{
    uint32_t vcpus = vm_of(work, item)->vcpus, clock = work->input->mhz;
    struct spans busy = { .list = NULL };
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < vcpus; i++)
        rc = work->free[work->gang[i]] < item->mhz ? -ENOSPC : 0;
    for (uint32_t i = 0; rc == 0 && i < vcpus; i++)
        rc = spans_add_all(&busy, &work->busy[work->gang[i]]);
    if (rc == 0 && clock - spans_length(&busy) < item->mhz)
        rc = -ENOSPC;
    if (rc == 0)
        rc = take_gang(work, item, &busy);
    spans_free(&busy);
    return rc;
}

/* The CPUs of the previous plan, if each vCPU had one of its own. */
static int try_gang_again(struct work *work, const struct item *item)
{
    uint32_t vcpus = vm_of(work, item)->vcpus;

    for (uint32_t i = 0; i < vcpus; i++) {
        work->gang[i] = previous_cpu(work, item + i);
        if (work->gang[i] == WORK_NO_CPU)
            return -ENOSPC;
        for (uint32_t j = 0; j < i; j++)
            if (work->gang[j] == work->gang[i])
                return -ENOSPC;
    }
    return try_gang(work, item);
}

/* Tries as many allowed CPUs as the gang has vCPUs, from each step-th allowed CPU on. */
static int try_blocks(struct work *work, const struct item *item, const uint32_t *allowed,
                      uint32_t step)
{
    uint32_t vcpus = vm_of(work, item)->vcpus;
    int rc = -ENOSPC;

    for (uint32_t at = 0; rc == -ENOSPC && at + vcpus <= item->allowed; at += step) {
        memcpy(work->gang, allowed + at, vcpus * sizeof(*allowed));
        rc = try_gang(work, item);
    }
    return rc;
}

/*
 * Places one gang: where it was, then in blocks aligned like a buddy allocator's, then anywhere.
 * Larger gangs come first, so the CPUs of an aligned block still have equal times free.
 */
static int place_gang(struct work *work, const struct item *item)
{
    uint32_t *allowed, count = 0, size = 1;
    int rc;

    if (vm_of(work, item)->vcpus > item->allowed)
        return -ENOSPC;
    allowed = malloc(item->allowed * sizeof(*allowed));
    if (!allowed)
        return -ENOMEM;
    for (uint32_t cpu = 0; cpu < work->input->cpus; cpu++)
        if (is_allowed(work, item, cpu))
            allowed[count++] = cpu;
    while (size < vm_of(work, item)->vcpus)
        size *= 2;
    rc = try_gang_again(work, item);
    if (rc == -ENOSPC)
        rc = try_blocks(work, item, allowed, size);
    if (rc == -ENOSPC)
        rc = try_blocks(work, item, allowed, 1);
    free(allowed);
    return rc;
}

/* --- single vCPUs ----------------------------------------------------------------------------- */

static void take_cpu(struct work *work, struct item *item, uint32_t cpu)
{
    item->cpu = cpu;
    work->free[cpu] -= item->mhz;
    work->stamp[cpu] = item->vm + 1;
}

static void place_again(struct work *work, struct item *item)
{
    uint32_t cpu = previous_cpu(work, item);

    if (cpu != WORK_NO_CPU && work->free[cpu] >= item->mhz)
        take_cpu(work, item, cpu);
}

/* First fit, on a CPU without another vCPU of the same VM if there is one. */
static void place_first(struct work *work, struct item *item)
{
    uint32_t shared = WORK_NO_CPU;

    for (uint32_t cpu = 0; cpu < work->input->cpus; cpu++) {
        if (work->free[cpu] < item->mhz || !is_allowed(work, item, cpu))
            continue;
        if (work->stamp[cpu] != item->vm + 1) {
            take_cpu(work, item, cpu);
            return;
        }
        if (shared == WORK_NO_CPU)
            shared = cpu;
    }
    if (shared != WORK_NO_CPU)
        take_cpu(work, item, shared);
}

/*
 * Takes what the CPU has free of the vCPU's time, from *cursor on and around the window's end. own:
 * the times at which the vCPU runs already.
 */
static int take_part(struct work *work, const struct item *item, uint32_t cpu, struct spans *own,
                     uint32_t *need, uint32_t *cursor)
{
    uint32_t begin = *cursor, clock = work->input->mhz;
    struct spans busy = { .list = NULL };
    int rc = spans_add_all(&busy, own);

    if (rc == 0)
        rc = spans_add_all(&busy, &work->busy[cpu]);
    for (int round = 0; round < 2; round++) {
        uint32_t from = round == 0 ? begin : 0, limit = round == 0 ? clock : begin;

        while (rc == 0 && *need > 0 && work->free[cpu] > 0) {
            uint32_t most = *need < work->free[cpu] ? *need : work->free[cpu];
            struct span time = spans_gap(&busy, from, limit, most);

            if (time.start == time.end)
                break;
            rc = spans_add(own, time);
            if (rc == 0)
                rc = add_piece(work, item, cpu, time);
            *need -= time.end - time.start;
            *cursor = time.end == clock ? 0 : time.end;
            from = time.end;
        }
    }
    spans_free(&busy);
    return rc;
}

/*
 * Splits a vCPU. All split vCPUs lie one after the other on a line of time that winds around the
 * window and is cut where a CPU has no more time (McNaughton's rule for CPUs that are partly used).
 * No vCPU is longer than the window, so no part of it overlaps another.
 */
static int split(struct work *work, const struct item *item, uint32_t *cursor)
{
    struct spans own = { .list = NULL };
    uint32_t need = item->mhz;
    int rc = 0;

    for (uint32_t cpu = 0; rc == 0 && need > 0 && cpu < work->input->cpus; cpu++)
        if (work->free[cpu] > 0 && is_allowed(work, item, cpu))
            rc = take_part(work, item, cpu, &own, &need, cursor);
    spans_free(&own);
    if (rc == 0 && need > 0)
        rc = -ENOSPC;
    return rc;
}

/* --- the order -------------------------------------------------------------------------------- */

/* Returns what sorts a before b: -1 for a > b, 1 for a < b. */
static int descending(uint32_t a, uint32_t b) { return (a < b) - (a > b); }

static int by_restriction(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    int order = descending(b->allowed, a->allowed);

    if (order == 0)
        order = descending(a->mhz, b->mhz);
    if (order == 0)
        order = descending(b->vm, a->vm);
    return order ? order : descending(b->vcpu, a->vcpu);
}

/* Moves the items of gangs to the front, and returns their number. The VMs stay in order. */
static size_t gangs_first(struct work *work)
{
    struct item *sorted = malloc((work->item_count + 1) * sizeof(*sorted));
    size_t count = 0, gangs;

    if (!sorted)
        return SIZE_MAX;
    for (size_t i = 0; i < work->item_count; i++)
        if (vm_of(work, &work->items[i])->cosched)
            sorted[count++] = work->items[i];
    gangs = count;
    for (size_t i = 0; i < work->item_count; i++)
        if (!vm_of(work, &work->items[i])->cosched)
            sorted[count++] = work->items[i];
    free(work->items);
    work->items = sorted;
    return gangs;
}

/* Returns the largest gang below the limit, as an index of its first item. gangs: none is left. */
static size_t largest_gang(const struct work *work, size_t gangs, const bool *done)
{
    size_t best = gangs;

    for (size_t i = 0; i < gangs; i += vm_of(work, &work->items[i])->vcpus) {
        const struct item *item = &work->items[i], *than = &work->items[best];
        uint32_t vcpus = vm_of(work, item)->vcpus;

        if (done[i])
            continue;
        if (best == gangs || vcpus > vm_of(work, than)->vcpus ||
            (vcpus == vm_of(work, than)->vcpus && item->mhz > than->mhz))
            best = i;
    }
    return best;
}

static int place_gangs(struct work *work, size_t gangs)
{
    bool *done = calloc(gangs + 1, sizeof(*done));
    int rc = done ? 0 : -ENOMEM;

    while (rc == 0) {
        size_t next = largest_gang(work, gangs, done);

        if (next == gangs)
            break;
        done[next] = true;
        rc = place_gang(work, &work->items[next]);
    }
    free(done);
    return rc;
}

/* Places the items [from, to), which are equally restricted: whole ones first, then the others. */
static int place_group(struct work *work, size_t from, size_t to, uint32_t *cursor)
{
    int rc = 0;

    for (size_t i = from; i < to; i++)
        if (work->items[i].cpu == WORK_NO_CPU)
            place_first(work, &work->items[i]);
    for (size_t i = from; rc == 0 && i < to; i++)
        if (work->items[i].cpu == WORK_NO_CPU)
            rc = split(work, &work->items[i], cursor);
    return rc;
}

int place_all(struct work *work)
{
    size_t gangs = gangs_first(work), to;
    uint32_t cursor = 0;
    int rc;

    if (gangs == SIZE_MAX)
        return -ENOMEM;
    rc = place_gangs(work, gangs);
    qsort(work->items + gangs, work->item_count - gangs, sizeof(*work->items), by_restriction);
    for (size_t i = gangs; rc == 0 && i < work->item_count; i++)
        place_again(work, &work->items[i]);
    for (size_t from = gangs; rc == 0 && from < work->item_count; from = to) {
        for (to = from; to < work->item_count; to++)
            if (work->items[to].allowed != work->items[from].allowed)
                break;
        rc = place_group(work, from, to, &cursor);
    }
    return rc;
}
