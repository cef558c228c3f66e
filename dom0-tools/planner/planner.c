/* SPDX-License-Identifier: MIT */
/*
 * planner_make: checks the requests, chooses the period, and plans. If the VMs do not fit, it looks
 * for the first one that does not, and for the nearest request of it that does. Read next: place.c,
 * layout.c; verify.c checks the result.
 */
#include "planner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define FINEST (PLANNER_LEVELS - 1)
#define NS_PER_US 1000

bool planner_allowed(const struct planner_input *input, const struct planner_vm *vm, uint32_t cpu)
{
    if (vm->cpus)
        return vm->cpus[cpu / 8] >> cpu % 8 & 1;
    return !input->dom0_cpus || !(input->dom0_cpus[cpu / 8] >> cpu % 8 & 1);
}

static uint32_t allowed_count(const struct planner_input *input, const struct planner_vm *vm)
{
    uint32_t count = 0;

    for (uint32_t cpu = 0; cpu < input->cpus; cpu++)
        count += planner_allowed(input, vm, cpu);
    return count;
}

static uint32_t reserved(const struct planner_vm *vm)
{
    return vm->class == PLANNER_SPARE ? 0 : vm->mhz;
}

/*
 * Returns the longest wait of a vCPU that runs for c in each period p: p - c, rounded up to
 * nanoseconds.
 */
static uint64_t wait_at(const struct planner_vm *vm, uint32_t mhz, uint32_t level)
{
    uint64_t parts = (uint64_t)mhz << level;

    return ((uint64_t)(mhz - vm->mhz) * PLANNER_PERIOD_NS + parts - 1) / parts;
}

/* Returns the level at which the vCPU waits no longer than its latency; PLANNER_LEVELS: none. */
static uint32_t level_of(const struct planner_vm *vm, uint32_t mhz)
{
    uint64_t most = (uint64_t)vm->latency_us * NS_PER_US;
    uint32_t level = 0;

    while (vm->latency_us && level < PLANNER_LEVELS && wait_at(vm, mhz, level) > most)
        level++;
    return level;
}

/* --- requests that are refused by themselves -------------------------------------------------- */

static void refuse(struct planner_plan *plan, enum planner_resource resource, size_t vm,
                   uint64_t asked, uint64_t free, uint64_t nearest)
{
    plan->refusal = (struct planner_refusal){ resource, vm, asked, free, nearest };
}

/* Returns 0 or -ENOSPC. */
static int check_vm(const struct planner_input *input, size_t index, struct planner_plan *plan)
{
    const struct planner_vm *vm = &input->vms[index];
    uint64_t shortest;

    if (reserved(vm) > input->mhz) {
        refuse(plan, PLANNER_CLOCK, index, vm->mhz, input->mhz, input->mhz);
        return -ENOSPC;
    }
    if (reserved(vm) > 0 && level_of(vm, input->mhz) == PLANNER_LEVELS) {
        shortest = (wait_at(vm, input->mhz, FINEST) + NS_PER_US - 1) / NS_PER_US;
        refuse(plan, PLANNER_LATENCY, index, vm->latency_us, shortest, shortest);
        return -ENOSPC;
    }
    return 0;
}

/* Returns 0, -EINVAL or -ENOSPC. */
static int check_input(const struct planner_input *input, struct planner_plan *plan)
{
    uint64_t vcpus = 0;
    int rc = 0;

    if (input->cpus < 1 || input->cpus > PLANNER_CPUS_MAX || input->mhz < 1 ||
        input->mhz > PLANNER_MHZ_MAX) {
        refuse(plan, PLANNER_INVALID, input->vm_count, 0, 0, 0);
        return -EINVAL;
    }
    for (size_t i = 0; i < input->vm_count; i++) {
        const struct planner_vm *vm = &input->vms[i];

        vcpus += vm->vcpus;
        if (vm->vcpus == 0 || vcpus > PLANNER_VCPUS_MAX ||
            (vm->limit_mhz && vm->limit_mhz < reserved(vm))) {
            refuse(plan, PLANNER_INVALID, i, 0, 0, 0);
            return -EINVAL;
        }
    }
    for (size_t i = 0; rc == 0 && i < input->vm_count; i++)
        rc = check_vm(input, i, plan);
    return rc;
}

/* --- the work --------------------------------------------------------------------------------- */

static void work_free(struct work *work)
{
    for (uint32_t cpu = 0; work->busy && cpu < work->input->cpus; cpu++)
        spans_free(&work->busy[cpu]);
    free(work->items);
    free(work->pieces);
    free(work->free);
    free(work->stamp);
    free(work->busy);
    free(work->gang);
    free(work->previous);
}

static uint32_t find_previous(const struct planner_plan *previous, uint32_t id)
{
    for (size_t i = 0; previous && i < previous->vm_count; i++)
        if (previous->ids[i] == id)
            return i;
    return WORK_NO_VM;
}

static void add_items(struct work *work)
{
    const struct planner_input *input = work->input;

    for (size_t i = 0; i < work->vm_count; i++) {
        const struct planner_vm *vm = &input->vms[i];
        struct item item = { .vm = i, .mhz = reserved(vm), .cpu = WORK_NO_CPU };

        work->previous[i] = find_previous(input->previous, vm->id);
        if (item.mhz == 0)
            continue;
        item.allowed = allowed_count(input, vm);
        item.level = level_of(vm, input->mhz);
        for (; item.vcpu < vm->vcpus; item.vcpu++)
            work->items[work->item_count++] = item;
    }
}

/* Begins to plan the first vm_count VMs. Returns 0 or -ENOMEM. Call work_free in any case. */
static int work_begin(struct work *work, const struct planner_input *input, size_t vm_count)
{
    size_t vcpus = 0;

    *work = (struct work){ .input = input, .vm_count = vm_count };
    for (size_t i = 0; i < vm_count; i++)
        vcpus += input->vms[i].vcpus;
    work->items = calloc(vcpus + 1, sizeof(*work->items));
    work->free = calloc(input->cpus, sizeof(*work->free));
    work->stamp = calloc(input->cpus, sizeof(*work->stamp));
    work->busy = calloc(input->cpus, sizeof(*work->busy));
    work->gang = calloc(input->cpus, sizeof(*work->gang));
    work->previous = calloc(vm_count + 1, sizeof(*work->previous));
    if (!work->items || !work->free || !work->stamp || !work->busy || !work->gang ||
        !work->previous)
        return -ENOMEM;
    for (uint32_t cpu = 0; cpu < input->cpus; cpu++)
        work->free[cpu] = input->mhz;
    add_items(work);
    return 0;
}

/* Returns 0 if the first vm_count VMs fit. free_mhz: what is then left on CPUs that vm may use. */
static int try_prefix(const struct planner_input *input, size_t vm_count,
                      const struct planner_vm *vm, uint64_t *free_mhz)
{
    struct work work;
    int rc = work_begin(&work, input, vm_count);

    if (rc == 0)
        rc = place_all(&work);
    *free_mhz = 0;
    for (uint32_t cpu = 0; rc == 0 && cpu < input->cpus; cpu++)
        if (planner_allowed(input, vm, cpu))
            *free_mhz += work.free[cpu];
    work_free(&work);
    return rc;
}

/* --- a refusal with numbers ------------------------------------------------------------------- */

/* Finds the first VM that does not fit beside those before it. Returns 0 or -ENOMEM. */
static int find_refused(const struct planner_input *input, size_t *vm, uint64_t *free_mhz)
{
    size_t fit = 0, fail = input->vm_count;
    int rc;

    while (fail - fit > 1) {
        size_t middle = fit + (fail - fit) / 2;

        rc = try_prefix(input, middle, &input->vms[0], free_mhz);
        if (rc == -ENOMEM)
            return rc;
        if (rc == 0)
            fit = middle;
        else
            fail = middle;
    }
    *vm = fit;
    return try_prefix(input, fit, &input->vms[fit], free_mhz);
}

/* Finds the most MHz of the VM's vCPUs that fit beside those before it. Returns 0 or -ENOMEM. */
static int find_nearest(const struct planner_input *input, size_t vm, uint64_t free_mhz,
                        uint64_t *nearest)
{
    struct planner_vm *vms = malloc((vm + 1) * sizeof(*vms));
    struct planner_input smaller = *input;
    uint32_t fit = 0, fail = input->vms[vm].mhz;
    uint64_t unused;
    int rc = vms ? 0 : -ENOMEM;

    if (vms) {
        memcpy(vms, input->vms, (vm + 1) * sizeof(*vms));
        smaller.vms = vms;
        if (free_mhz / vms[vm].vcpus + 1 < fail)
            fail = free_mhz / vms[vm].vcpus + 1;
    }
    while (rc != -ENOMEM && fail - fit > 1) {
        vms[vm].mhz = fit + (fail - fit) / 2;
        rc = -ENOSPC;
        if (level_of(&vms[vm], input->mhz) < PLANNER_LEVELS)
            rc = try_prefix(&smaller, vm + 1, &vms[vm], &unused);
        if (rc == 0)
            fit = vms[vm].mhz;
        else
            fail = vms[vm].mhz;
    }
    *nearest = fit;
    free(vms);
    return rc == -ENOMEM ? rc : 0;
}

static enum planner_resource resource_of(const struct planner_vm *vm, uint64_t asked,
                                         uint64_t free_mhz)
{
    if (vm->cpus)
        return PLANNER_ALLOWED;
    if (asked > free_mhz)
        return PLANNER_TIME;
    return vm->cosched ? PLANNER_GANG : PLANNER_TIME;
}

/* Refuses the VM, beside those before it in the input. Returns -ENOSPC or -ENOMEM. */
static int explain_vm(const struct planner_input *input, size_t vm, uint64_t free_mhz,
                      struct planner_plan *plan)
{
    uint64_t asked = (uint64_t)input->vms[vm].vcpus * input->vms[vm].mhz, nearest;

    if (find_nearest(input, vm, free_mhz, &nearest) < 0)
        return -ENOMEM;
    refuse(plan, resource_of(&input->vms[vm], asked, free_mhz), vm, asked, free_mhz, nearest);
    return -ENOSPC;
}

/* Refuses the VM that asks, behind all others, who may not fit themselves: then nothing is free. */
static int explain_asker(const struct planner_input *input, struct planner_plan *plan)
{
    size_t last = input->vm_count - 1, asks = input->asks - input->vms;
    struct planner_vm *vms = malloc(input->vm_count * sizeof(*vms));
    struct planner_input behind = *input;
    uint64_t free_mhz;
    int rc = -ENOMEM;

    if (vms) {
        memcpy(vms, input->vms, asks * sizeof(*vms));
        memcpy(vms + asks, input->asks + 1, (last - asks) * sizeof(*vms));
        vms[last] = *input->asks;
        behind.vms = vms;
        rc = try_prefix(&behind, last, &vms[last], &free_mhz);
    }
    if (rc != -ENOMEM)
        rc = explain_vm(&behind, last, free_mhz, plan);
    plan->refusal.vm = asks;
    free(vms);
    return rc;
}

/* Returns -ENOSPC or -ENOMEM. */
static int explain(const struct planner_input *input, struct planner_plan *plan)
{
    struct planner_input fresh = *input;
    uint64_t free_mhz;
    size_t vm;

    fresh.previous = NULL;
    if (input->asks)
        return explain_asker(&fresh, plan);
    if (find_refused(&fresh, &vm, &free_mhz) < 0)
        return -ENOMEM;
    return explain_vm(&fresh, vm, free_mhz, plan);
}

/* --- the plan --------------------------------------------------------------------------------- */

static int plan_begin(const struct planner_input *input, struct planner_plan *plan)
{
    size_t vcpus = 0;

    for (size_t i = 0; i < input->vm_count; i++)
        vcpus += input->vms[i].vcpus;
    plan->period_ns = PLANNER_PERIOD_NS;
    plan->mhz = input->mhz;
    plan->cpus = input->cpus;
    plan->tables = calloc(input->cpus, sizeof(*plan->tables));
    plan->vcpus = calloc(vcpus + 1, sizeof(*plan->vcpus));
    plan->ids = calloc(input->vm_count + 1, sizeof(*plan->ids));
    plan->first = calloc(input->vm_count + 1, sizeof(*plan->first));
    if (!plan->tables || !plan->vcpus || !plan->ids || !plan->first)
        return -ENOMEM;
    for (size_t i = 0; i < input->vm_count; i++) {
        plan->ids[i] = input->vms[i].id;
        plan->first[i] = plan->vcpu_count;
        for (uint32_t vcpu = 0; vcpu < input->vms[i].vcpus; vcpu++)
            plan->vcpus[plan->vcpu_count++] =
                (struct planner_vcpu){ .vm = i, .vcpu = vcpu, .mhz = reserved(&input->vms[i]) };
    }
    plan->vm_count = input->vm_count;
    plan->first[plan->vm_count] = plan->vcpu_count;
    return 0;
}

/* Returns 0, -ENOSPC or -ENOMEM. */
static int plan_tables(const struct planner_input *input, struct planner_plan *plan)
{
    struct work work;
    int rc = work_begin(&work, input, input->vm_count);

    if (rc == 0)
        rc = place_all(&work);
    if (rc == 0)
        rc = plan_begin(input, plan);
    if (rc == 0)
        rc = layout_all(&work, plan);
    if (rc == 0)
        rc = layout_measure(plan);
    for (size_t i = 0; rc == 0 && i < work.item_count; i++)
        plan->reserved_mhz += work.items[i].mhz;
    for (uint32_t cpu = 0; rc == 0 && cpu < input->cpus; cpu++)
        if (planner_allowed(input, &(struct planner_vm){ .cpus = NULL }, cpu))
            plan->free_mhz += work.free[cpu];
    work_free(&work);
    return rc;
}

int planner_make(const struct planner_input *input, struct planner_plan *plan)
{
    struct planner_input fresh = *input;
    int rc;

    *plan = (struct planner_plan){ .period_ns = 0 };
    rc = check_input(input, plan);
    if (rc < 0)
        return rc;
    rc = plan_tables(input, plan);
    if (rc == -ENOSPC && input->previous) {
        fresh.previous = NULL;
        rc = plan_tables(&fresh, plan);
    }
    return rc == -ENOSPC ? explain(input, plan) : rc;
}

void planner_free(struct planner_plan *plan)
{
    for (uint32_t cpu = 0; plan->tables && cpu < plan->cpus; cpu++)
        free(plan->tables[cpu].slots);
    free(plan->tables);
    free(plan->vcpus);
    free(plan->ids);
    free(plan->first);
    *plan = (struct planner_plan){ .period_ns = 0 };
}

size_t planner_moved(const struct planner_plan *from, const struct planner_plan *to)
{
    size_t moved = 0;

    for (size_t vm = 0; vm < to->vm_count; vm++) {
        uint32_t before = find_previous(from, to->ids[vm]);
        size_t count = to->first[vm + 1] - to->first[vm];

        if (before == WORK_NO_VM)
            continue;
        if (count > from->first[before + 1] - from->first[before])
            count = from->first[before + 1] - from->first[before];
        for (size_t i = 0; i < count; i++) {
            const struct planner_vcpu *a = &from->vcpus[from->first[before] + i];
            const struct planner_vcpu *b = &to->vcpus[to->first[vm] + i];

            moved += a->cpus == 1 && b->cpus == 1 && a->cpu != b->cpu;
        }
    }
    return moved;
}
