/* SPDX-License-Identifier: MIT */
/*
 * Turns assignments into tables. A CPU's table begins as one window of its finest period, with the
 * pieces at their times. vCPUs of that period fill the free time from the left. Then the window is
 * doubled, vCPUs of the next period fill it, and so on up to the whole period. So the slots of a
 * vCPU recur in each of its periods, and a CPU can be full to the last nanosecond.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

/* A growing table. */
struct rows {
    struct planner_slot *slots;
    size_t count, room;
};

static int append(struct rows *rows, struct planner_slot slot)
{
    struct planner_slot *last = rows->count ? &rows->slots[rows->count - 1] : NULL;

    if (slot.start == slot.end)
        return 0;
    if (last && last->end == slot.start && last->vm == slot.vm && last->vcpu == slot.vcpu) {
        last->end = slot.end;
        return 0;
    }
    if (rows->count == rows->room) {
        size_t room = rows->room ? 2 * rows->room : 16;
        struct planner_slot *slots = realloc(rows->slots, room * sizeof(*slots));

        if (!slots)
            return -ENOMEM;
        rows->slots = slots;
        rows->room = room;
    }
    rows->slots[rows->count++] = slot;
    return 0;
}

/* What layout knows of a CPU. */
struct cpu {
    uint32_t group; /* the lowest CPU that this one shares gangs or split vCPUs with */
    uint32_t level; /* of a group, at its lowest CPU: the finest of its vCPUs' */
    size_t *items;  /* those that are here alone */
    size_t item_count;
    struct piece *pieces; /* sorted by time */
    size_t piece_count;
};

struct layout {
    struct work *work;
    struct cpu *cpus;
    size_t *items;
    struct piece *pieces;
};

/* --- groups of CPUs that must have equal windows ---------------------------------------------- */

static uint32_t group_of(struct layout *layout, uint32_t cpu)
{
    while (layout->cpus[cpu].group != cpu) {
        layout->cpus[cpu].group = layout->cpus[layout->cpus[cpu].group].group;
        cpu = layout->cpus[cpu].group;
    }
    return cpu;
}

static void join(struct layout *layout, uint32_t a, uint32_t b)
{
    a = group_of(layout, a);
    b = group_of(layout, b);
    if (a < b)
        layout->cpus[b].group = a;
    else
        layout->cpus[a].group = b;
}

/* Pieces of one VM's gang, or of one split vCPU, follow each other in the list. */
static bool is_bound(const struct work *work, const struct piece *a, const struct piece *b)
{
    const struct item *first = &work->items[a->item], *second = &work->items[b->item];

    if (a->item == b->item)
        return true;
    return first->vm == second->vm && work->input->vms[first->vm].cosched;
}

static void find_groups(struct layout *layout)
{
    const struct work *work = layout->work;

    for (uint32_t cpu = 0; cpu < work->input->cpus; cpu++)
        layout->cpus[cpu].group = cpu;
    for (size_t i = 1; i < work->piece_count; i++)
        if (is_bound(work, &work->pieces[i - 1], &work->pieces[i]))
            join(layout, work->pieces[i - 1].cpu, work->pieces[i].cpu);
}

static void raise_level(struct layout *layout, uint32_t cpu, uint32_t level)
{
    struct cpu *group = &layout->cpus[group_of(layout, cpu)];

    if (group->level < level)
        group->level = level;
}

static void find_levels(struct layout *layout)
{
    const struct work *work = layout->work;

    for (size_t i = 0; i < work->item_count; i++)
        if (work->items[i].cpu != WORK_NO_CPU)
            raise_level(layout, work->items[i].cpu, work->items[i].level);
    for (size_t i = 0; i < work->piece_count; i++)
        raise_level(layout, work->pieces[i].cpu, work->items[work->pieces[i].item].level);
}

/* --- what is on which CPU --------------------------------------------------------------------- */

static int by_cpu_and_time(const void *left, const void *right)
{
    const struct piece *a = left, *b = right;

    if (a->cpu != b->cpu)
        return a->cpu < b->cpu ? -1 : 1;
    return (a->start > b->start) - (a->start < b->start);
}

/* Points each CPU to its part of the sorted pieces. */
static void deal_pieces(struct layout *layout)
{
    size_t count = layout->work->piece_count;

    if (count > 0)
        memcpy(layout->pieces, layout->work->pieces, count * sizeof(*layout->pieces));
    qsort(layout->pieces, count, sizeof(*layout->pieces), by_cpu_and_time);
    for (size_t i = count; i-- > 0;) {
        struct cpu *cpu = &layout->cpus[layout->pieces[i].cpu];

        cpu->pieces = &layout->pieces[i];
        cpu->piece_count++;
    }
}

/* Points each CPU to its part of the list of items. */
static void deal_items(struct layout *layout)
{
    const struct work *work = layout->work;
    size_t *next = layout->items;

    for (size_t i = 0; i < work->item_count; i++)
        if (work->items[i].cpu != WORK_NO_CPU)
            layout->cpus[work->items[i].cpu].item_count++;
    for (uint32_t cpu = 0; cpu < work->input->cpus; cpu++) {
        layout->cpus[cpu].items = next;
        next += layout->cpus[cpu].item_count;
        layout->cpus[cpu].item_count = 0;
    }
    for (size_t i = 0; i < work->item_count; i++) {
        struct cpu *cpu;

        if (work->items[i].cpu == WORK_NO_CPU)
            continue;
        cpu = &layout->cpus[work->items[i].cpu];
        cpu->items[cpu->item_count++] = i;
    }
}

/* --- one CPU's table -------------------------------------------------------------------------- */

/* Appends the pieces as slots of the first window. */
static int begin_window(const struct layout *layout, const struct cpu *cpu, uint32_t level,
                        struct rows *rows)
{
    uint64_t unit = WORK_TICKS >> level;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < cpu->piece_count; i++) {
        const struct item *item = &layout->work->items[cpu->pieces[i].item];

        rc = append(rows, (struct planner_slot){ .vm = item->vm,
                                                 .vcpu = item->vcpu,
                                                 .start = cpu->pieces[i].start * unit,
                                                 .end = cpu->pieces[i].end * unit });
    }
    return rc;
}

/* The vCPUs of one level, one after the other, as they fill a window. */
struct filler {
    const struct layout *layout;
    const struct cpu *cpu;
    uint32_t level;
    size_t next;   /* index in cpu->items */
    uint64_t need; /* what cpu->items[next - 1] still lacks in this window */
};

/* Fills [from, to) as far as vCPUs need time. */
static int fill(struct filler *filler, uint64_t from, uint64_t to, struct rows *rows)
{
    const struct item *items = filler->layout->work->items;
    const struct cpu *cpu = filler->cpu;
    int rc = 0;

    while (rc == 0 && from < to) {
        const struct item *item;
        uint64_t length;

        while (filler->need == 0 && filler->next < cpu->item_count) {
            item = &items[cpu->items[filler->next++]];
            if (item->level == filler->level)
                filler->need = item->mhz * (WORK_TICKS >> filler->level);
        }
        if (filler->need == 0)
            break;
        item = &items[cpu->items[filler->next - 1]];
        length = filler->need < to - from ? filler->need : to - from;
        rc = append(rows, (struct planner_slot){ item->vm, item->vcpu, from, from + length });
        filler->need -= length;
        from += length;
    }
    return rc;
}

/* Replaces rows by a window with the vCPUs of this level added. */
static int fill_window(const struct layout *layout, const struct cpu *cpu, uint32_t level,
                       struct rows *rows)
{
    uint64_t window = (WORK_TICKS >> level) * layout->work->input->mhz, at = 0;
    struct filler filler = { .layout = layout, .cpu = cpu, .level = level };
    struct rows filled = { .slots = NULL };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < rows->count; i++) {
        rc = fill(&filler, at, rows->slots[i].start, &filled);
        at = rows->slots[i].end;
        if (rc == 0)
            rc = append(&filled, rows->slots[i]);
    }
    if (rc == 0)
        rc = fill(&filler, at, window, &filled);
    free(rows->slots);
    *rows = filled;
    return rc;
}

/* Repeats the window once. */
static int double_window(uint64_t window, struct rows *rows)
{
    size_t count = rows->count;
    /* The first copy may touch the last slot, and is then added to it. */
    uint64_t end = count ? rows->slots[count - 1].end : 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct planner_slot slot = rows->slots[i];

        slot.start += window;
        slot.end = window + (i + 1 < count ? slot.end : end);
        rc = append(rows, slot);
    }
    return rc;
}

static int layout_cpu(struct layout *layout, uint32_t number, struct planner_table *table)
{
    const struct cpu *cpu = &layout->cpus[number];
    uint32_t level = layout->cpus[group_of(layout, number)].level;
    struct rows rows = { .slots = NULL };
    int rc = begin_window(layout, cpu, level, &rows);

    if (rc == 0)
        rc = fill_window(layout, cpu, level, &rows);
    for (; rc == 0 && level > 0; level--) {
        rc = double_window((WORK_TICKS >> level) * layout->work->input->mhz, &rows);
        if (rc == 0)
            rc = fill_window(layout, cpu, level - 1, &rows);
    }
    *table = (struct planner_table){ .slots = rows.slots, .count = rows.count };
    return rc;
}

/* Equal ticks become equal times, so slots stay disjoint and gangs aligned. */
static void ticks_to_ns(const struct planner_plan *plan, struct planner_table *table)
{
    uint64_t ticks = WORK_TICKS * plan->mhz;

    for (size_t i = 0; i < table->count; i++) {
        struct planner_slot *slot = &table->slots[i];

        slot->start = slot->start * plan->period_ns / ticks;
        slot->end = slot->end * plan->period_ns / ticks;
    }
}

int layout_all(struct work *work, struct planner_plan *plan)
{
    struct layout layout = { .work = work };
    int rc = 0;

    layout.cpus = calloc(plan->cpus, sizeof(*layout.cpus));
    layout.items = calloc(work->item_count + 1, sizeof(*layout.items));
    layout.pieces = calloc(work->piece_count + 1, sizeof(*layout.pieces));
    if (!layout.cpus || !layout.items || !layout.pieces) {
        rc = -ENOMEM;
    } else {
        find_groups(&layout);
        find_levels(&layout);
        deal_pieces(&layout);
        deal_items(&layout);
    }
    for (uint32_t cpu = 0; rc == 0 && cpu < plan->cpus; cpu++)
        rc = layout_cpu(&layout, cpu, &plan->tables[cpu]);
    for (uint32_t cpu = 0; rc == 0 && cpu < plan->cpus; cpu++)
        ticks_to_ns(plan, &plan->tables[cpu]);
    free(layout.cpus);
    free(layout.items);
    free(layout.pieces);
    return rc;
}

/* --- what each vCPU gets ---------------------------------------------------------------------- */

static int by_start(const void *left, const void *right)
{
    const struct planner_slot *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

/* Returns the longest time without a slot, over the end of the period, too. */
static uint64_t longest_gap(const struct planner_slot *slots, size_t count, uint64_t period)
{
    uint64_t longest = 0, end = slots[count - 1].end - period; /* wraps, as the next line does */

    for (size_t i = 0; i < count; i++) {
        if (slots[i].start - end > longest)
            longest = slots[i].start - end;
        end = slots[i].end;
    }
    return longest;
}

static size_t index_of(const struct planner_plan *plan, const struct planner_slot *slot)
{
    return plan->first[slot->vm] + slot->vcpu;
}

/* Sums up run times, and returns the number of slots of all vCPUs before each. */
static size_t *measure_times(struct planner_plan *plan)
{
    size_t *begin = calloc(plan->vcpu_count + 1, sizeof(*begin));

    for (uint32_t cpu = 0; begin && cpu < plan->cpus; cpu++) {
        for (size_t i = 0; i < plan->tables[cpu].count; i++) {
            const struct planner_slot *slot = &plan->tables[cpu].slots[i];
            struct planner_vcpu *vcpu = &plan->vcpus[index_of(plan, slot)];

            if (vcpu->cpus == 0)
                vcpu->cpu = cpu;
            /* wait_ns holds the last CPU seen, plus one, until measure_waits. */
            vcpu->cpus += vcpu->wait_ns != cpu + 1;
            vcpu->wait_ns = cpu + 1;
            vcpu->time_ns += slot->end - slot->start;
            begin[index_of(plan, slot) + 1]++;
        }
    }
    for (size_t i = 0; begin && i < plan->vcpu_count; i++)
        begin[i + 1] += begin[i];
    return begin;
}

static void measure_waits(struct planner_plan *plan, size_t *begin, struct planner_slot *slots)
{
    size_t from = 0;

    /* Deal the slots out by vCPU; begin[i] moves to the end of the vCPU's slots. */
    for (uint32_t cpu = 0; cpu < plan->cpus; cpu++)
        for (size_t i = 0; i < plan->tables[cpu].count; i++) {
            const struct planner_slot *slot = &plan->tables[cpu].slots[i];

            slots[begin[index_of(plan, slot)]++] = *slot;
        }
    for (size_t i = 0; i < plan->vcpu_count; from = begin[i++]) {
        struct planner_vcpu *vcpu = &plan->vcpus[i];
        size_t count = begin[i] - from;

        if (vcpu->cpus > 1)
            qsort(slots + from, count, sizeof(*slots), by_start);
        vcpu->wait_ns = PLANNER_NO_BOUND;
        if (count > 0)
            vcpu->wait_ns = longest_gap(slots + from, count, plan->period_ns);
    }
}

int layout_measure(struct planner_plan *plan)
{
    size_t *begin = measure_times(plan), total = begin ? begin[plan->vcpu_count] : 0;
    struct planner_slot *slots = calloc(total + 1, sizeof(*slots));

    if (begin && slots)
        measure_waits(plan, begin, slots);
    free(slots);
    free(begin);
    return begin && slots ? 0 : -ENOMEM;
}
