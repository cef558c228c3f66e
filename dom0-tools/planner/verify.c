/* SPDX-License-Identifier: MIT */
/*
 * Checks a plan by its promises alone. It shares no code with the planner, so that an error there
 * is not repeated here.
 */
#include <stdlib.h>

#include "planner.h"

struct verify {
    const struct planner_input *input;
    const struct planner_plan *plan;
    struct planner_slot *slots; /* of all CPUs, sorted by vCPU, then by time */
    size_t count;
};

static bool has_shape(const struct planner_input *input, const struct planner_plan *plan)
{
    size_t at = 0;

    if (plan->cpus != input->cpus || plan->mhz != input->mhz || plan->period_ns == 0 ||
        plan->vm_count != input->vm_count)
        return false;
    for (size_t vm = 0; vm < input->vm_count; vm++) {
        if (plan->ids[vm] != input->vms[vm].id || plan->first[vm] != at)
            return false;
        for (uint32_t i = 0; i < input->vms[vm].vcpus; i++, at++)
            if (at >= plan->vcpu_count || plan->vcpus[at].vm != vm || plan->vcpus[at].vcpu != i)
                return false;
    }
    return at == plan->vcpu_count && plan->first[input->vm_count] == at;
}

static enum verify_fault check_tables(const struct planner_input *input,
                                      const struct planner_plan *plan)
{
    for (uint32_t cpu = 0; cpu < plan->cpus; cpu++) {
        uint64_t end = 0;

        for (size_t i = 0; i < plan->tables[cpu].count; i++) {
            const struct planner_slot *slot = &plan->tables[cpu].slots[i];

            if (slot->vm >= input->vm_count || slot->vcpu >= input->vms[slot->vm].vcpus)
                return VERIFY_SHAPE;
            if (slot->start < end || slot->start >= slot->end || slot->end > plan->period_ns)
                return VERIFY_ORDER;
            if (!planner_allowed(input, &input->vms[slot->vm], cpu))
                return VERIFY_ALLOWED;
            end = slot->end;
        }
    }
    return VERIFY_GOOD;
}

static int by_vcpu_and_time(const void *left, const void *right)
{
    const struct planner_slot *a = left, *b = right;

    if (a->vm != b->vm)
        return a->vm < b->vm ? -1 : 1;
    if (a->vcpu != b->vcpu)
        return a->vcpu < b->vcpu ? -1 : 1;
    return (a->start > b->start) - (a->start < b->start);
}

/* Returns false if memory is missing. */
static bool collect(struct verify *verify)
{
    const struct planner_plan *plan = verify->plan;
    size_t total = 0;

    for (uint32_t cpu = 0; cpu < plan->cpus; cpu++)
        total += plan->tables[cpu].count;
    verify->slots = calloc(total + 1, sizeof(*verify->slots));
    if (!verify->slots)
        return false;
    for (uint32_t cpu = 0; cpu < plan->cpus; cpu++)
        for (size_t i = 0; i < plan->tables[cpu].count; i++)
            verify->slots[verify->count++] = plan->tables[cpu].slots[i];
    qsort(verify->slots, verify->count, sizeof(*verify->slots), by_vcpu_and_time);
    return true;
}

/* True if the time of so many slots is the vCPU's reservation, but for a nanosecond of each. */
static bool is_share(uint64_t time, size_t slots, uint32_t mhz, const struct planner_plan *plan)
{
    uint64_t wanted = mhz * plan->period_ns, got = time * plan->mhz;
    uint64_t off = got > wanted ? got - wanted : wanted - got;

    return mhz == 0 ? time == 0 : off <= slots * plan->mhz;
}

/* Checks one vCPU, whose slots are given. */
static enum verify_fault check_vcpu(const struct verify *verify, const struct planner_vcpu *vcpu,
                                    const struct planner_slot *slots, size_t count)
{
    const struct planner_vm *vm = &verify->input->vms[vcpu->vm];
    uint64_t period = verify->plan->period_ns, time = 0, wait = 0, end;
    uint32_t mhz = vm->class == PLANNER_SPARE ? 0 : vm->mhz;

    for (size_t i = 0; i < count; i++) {
        if (i > 0 && slots[i].start < slots[i - 1].end)
            return VERIFY_TWICE;
        time += slots[i].end - slots[i].start;
    }
    if (!is_share(time, count, mhz, verify->plan) || vcpu->time_ns != time || vcpu->mhz != mhz ||
        (vcpu->cpus == 0) != (mhz == 0))
        return VERIFY_SHARE;
    if (mhz == 0)
        return vcpu->wait_ns == PLANNER_NO_BOUND ? VERIFY_GOOD : VERIFY_WAIT;
    end = slots[count - 1].end;
    wait = slots[0].start + period - end;
    for (size_t i = 1; i < count; i++)
        if (slots[i].start - slots[i - 1].end > wait)
            wait = slots[i].start - slots[i - 1].end;
    if (vcpu->wait_ns != wait || (vm->latency_us && wait > vm->latency_us * UINT64_C(1000)))
        return VERIFY_WAIT;
    return VERIFY_GOOD;
}

/* Compares two vCPUs of a gang, whose slots follow each other from slots on. */
static bool run_together(const struct planner_slot *slots, size_t count, size_t next)
{
    if (count != next)
        return false;
    for (size_t i = 0; i < count; i++)
        if (slots[i].start != slots[count + i].start || slots[i].end != slots[count + i].end)
            return false;
    return true;
}

static size_t count_slots(const struct verify *verify, size_t from, const struct planner_vcpu *vcpu)
{
    size_t count = 0;

    while (from + count < verify->count && verify->slots[from + count].vm == vcpu->vm &&
           verify->slots[from + count].vcpu == vcpu->vcpu)
        count++;
    return count;
}

static enum verify_fault check_vcpus(const struct verify *verify, size_t *vcpu)
{
    const struct planner_plan *plan = verify->plan;
    size_t from = 0;

    for (size_t i = 0; i < plan->vcpu_count; i++) {
        size_t count = count_slots(verify, from, &plan->vcpus[i]);
        enum verify_fault fault = check_vcpu(verify, &plan->vcpus[i], verify->slots + from, count);

        *vcpu = i;
        if (fault != VERIFY_GOOD)
            return fault;
        if (verify->input->vms[plan->vcpus[i].vm].cosched && i + 1 < plan->vcpu_count &&
            plan->vcpus[i + 1].vm == plan->vcpus[i].vm &&
            !run_together(verify->slots + from, count,
                          count_slots(verify, from + count, &plan->vcpus[i + 1])))
            return VERIFY_GANG;
        from += count;
    }
    return VERIFY_GOOD;
}

enum verify_fault verify_plan(const struct planner_input *input, const struct planner_plan *plan,
                              size_t *vcpu)
{
    struct verify verify = { .input = input, .plan = plan };
    enum verify_fault fault;

    *vcpu = 0;
    if (!has_shape(input, plan))
        return VERIFY_SHAPE;
    fault = check_tables(input, plan);
    if (fault == VERIFY_GOOD)
        fault = collect(&verify) ? check_vcpus(&verify, vcpu) : VERIFY_MEMORY;
    free(verify.slots);
    return fault;
}
