/* SPDX-License-Identifier: MIT */
/*
 * Predicts the peak of what VMs want together, by convolution of their histograms. All rounding
 * loses probability, and lost probability counts as a violation. Read next: simulate.c.
 */
#include "demand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 512 /* in the capacity */
#define PARTS 64  /* of a second, to share out between two steps */

/* --- histograms ------------------------------------------------------------------------------- */

static void halve(struct demand *demand)
{
    demand->seconds = 0;
    for (size_t i = 0; i <= DEMAND_BUCKETS; i++) {
        uint32_t count = demand->count[i] / 2;

        demand->sum[i] = count ? demand->sum[i] * count / demand->count[i] : 0;
        demand->count[i] = count;
        demand->seconds += count;
    }
    demand->active = demand->seconds - demand->count[0];
}

void demand_add(struct demand *demand, uint32_t wanted_mhz)
{
    uint64_t wanted = wanted_mhz < demand->reserved_mhz ? wanted_mhz : demand->reserved_mhz;
    size_t bucket = 0;

    if (wanted > 0)
        bucket = 1 + (wanted - 1) * DEMAND_BUCKETS / demand->reserved_mhz;
    if (demand->seconds == DEMAND_SECONDS_MAX)
        halve(demand);
    demand->count[bucket]++;
    demand->sum[bucket] += wanted;
    demand->seconds++;
    demand->active += wanted > 0;
}

/* --- the distribution of a sum ---------------------------------------------------------------- */

int demand_sum_begin(struct demand_sum *sum, uint64_t capacity_mhz)
{
    *sum = (struct demand_sum){ .capacity_mhz = capacity_mhz };
    sum->step_mhz = capacity_mhz / STEPS + 1;
    sum->count = capacity_mhz / sum->step_mhz + 1;
    sum->mass = calloc(sum->count, sizeof(*sum->mass));
    if (!sum->mass)
        return -ENOMEM;
    sum->mass[0] = DEMAND_ONE;
    return 0;
}

int demand_sum_copy(struct demand_sum *to, const struct demand_sum *from)
{
    *to = *from;
    to->mass = malloc(from->count * sizeof(*to->mass));
    if (!to->mass)
        return -ENOMEM;
    memcpy(to->mass, from->mass, from->count * sizeof(*to->mass));
    return 0;
}

void demand_sum_free(struct demand_sum *sum)
{
    free(sum->mass);
    sum->mass = NULL;
}

/* A VM on the grid of a sum: so many of all parts are at each step. */
struct point {
    uint64_t step;
    uint64_t parts;
};

/*
 * Puts a value between two steps on both, so that the mean stays: rounding all up would add half a
 * step for each VM. Returns the number of points.
 */
static size_t put(const struct demand_sum *sum, uint64_t mhz, uint32_t count, struct point *points)
{
    uint64_t rest = mhz % sum->step_mhz, step = mhz / sum->step_mhz;
    uint64_t parts = (rest * PARTS + sum->step_mhz - 1) / sum->step_mhz;

    points[0] = (struct point){ step, count * (PARTS - parts) };
    points[1] = (struct point){ step + 1, count * parts };
    return parts ? 2 : 1;
}

static bool has_history(const struct demand *demand)
{
    return demand->seconds >= DEMAND_SECONDS_MIN;
}

/* Adds mean and variance. A bucket's values are taken to be its mean. */
static void add_moments(struct demand_sum *sum, const struct demand *demand)
{
    uint64_t total = 0, mean, squares = 0;

    if (!has_history(demand)) {
        sum->mean_mhz += demand->reserved_mhz;
        return;
    }
    for (size_t i = 0; i <= DEMAND_BUCKETS; i++)
        total += demand->sum[i];
    mean = (total + demand->seconds - 1) / demand->seconds;
    for (size_t i = 0; i <= DEMAND_BUCKETS; i++) {
        uint64_t value = demand->count[i] ? demand->sum[i] / demand->count[i] : 0;
        uint64_t distance = value > mean ? value - mean : mean - value;

        squares += demand->count[i] * distance * distance;
    }
    sum->mean_mhz += mean;
    sum->variance += squares / demand->seconds;
}

int demand_sum_add(struct demand_sum *sum, const struct demand *demand)
{
    struct point points[2 * (DEMAND_BUCKETS + 1)];
    uint64_t parts, *mass = calloc(sum->count, sizeof(*mass));
    size_t count = 0;

    if (!mass)
        return -ENOMEM;
    if (!has_history(demand))
        count = put(sum, demand->reserved_mhz, 1, points);
    for (size_t i = 0; has_history(demand) && i <= DEMAND_BUCKETS; i++)
        if (demand->count[i])
            count += put(sum, (demand->sum[i] + demand->count[i] - 1) / demand->count[i],
                         demand->count[i], points + count);
    /* At most DEMAND_ONE * PARTS * DEMAND_SECONDS_MAX is added up, which is 2^63. */
    parts = PARTS * (has_history(demand) ? demand->seconds : 1);
    for (size_t i = 0; i < count; i++)
        for (size_t to = points[i].step; to < sum->count; to++)
            mass[to] += sum->mass[to - points[i].step] * points[i].parts;
    for (size_t i = 0; i < sum->count; i++)
        mass[i] /= parts;
    free(sum->mass);
    sum->mass = mass;
    add_moments(sum, demand);
    return 0;
}

uint64_t demand_violation(const struct demand_sum *sum)
{
    uint64_t held = 0;

    for (size_t i = 0; i < sum->count; i++)
        held += sum->mass[i];
    return DEMAND_ONE - held;
}

uint64_t demand_peak(const struct demand_sum *sum, uint64_t probability)
{
    uint64_t above = DEMAND_ONE;

    for (size_t i = 0; i < sum->count; i++) {
        above -= sum->mass[i];
        if (above <= probability)
            return i * sum->step_mhz;
    }
    return sum->capacity_mhz + sum->step_mhz;
}

/* Returns the square root, rounded up. */
static uint64_t root(uint64_t number)
{
    uint64_t low = 0, high = UINT32_MAX;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (middle * middle < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t demand_sigmas(const struct demand_sum *sum, uint32_t sigmas)
{
    return sum->mean_mhz + sigmas * root(sum->variance);
}

/*
 * Of the seconds in which the VM wants anything, at most violation / P(it wants) are violated: the
 * worst case is that all violations fall into them.
 */
bool demand_keeps(const struct demand *demand, uint32_t slo, uint64_t violation)
{
    uint64_t shift = 14, part = (violation + (1 << shift) - 1) >> shift;

    if (!has_history(demand))
        return part * 100 <= (DEMAND_ONE >> shift) * (100 - slo);
    if (demand->active == 0 || slo == 0) /* nothing is asked, however rarely it wants anything */
        return true;
    return part * 100 * demand->seconds <= (DEMAND_ONE >> shift) * (100 - slo) * demand->active;
}

/* --- admission -------------------------------------------------------------------------------- */

static uint64_t reserved(const struct planner_vm *vm) { return (uint64_t)vm->vcpus * vm->mhz; }

/* The time of CPUs that are not dom0's, less what is guaranteed. */
static uint64_t capacity_of(const struct planner_input *input)
{
    uint64_t capacity = 0;

    for (uint32_t cpu = 0; cpu < input->cpus; cpu++)
        if (planner_allowed(input, &(struct planner_vm){ .cpus = NULL }, cpu))
            capacity += input->mhz;
    for (size_t i = 0; i < input->vm_count; i++)
        if (input->vms[i].class == PLANNER_GUARANTEED)
            capacity -= reserved(&input->vms[i]) < capacity ? reserved(&input->vms[i]) : capacity;
    return capacity;
}

/*
 * Returns the percent of the time left in slots that relaxed VMs get for sure: the core shares it
 * by weight, so at worst the lightest of them wants it beside all who are not relaxed.
 */
static uint32_t share_of(const struct planner_input *input)
{
    uint64_t least = UINT64_MAX, others = input->spare_weight;

    for (size_t i = 0; i < input->vm_count; i++) {
        const struct planner_vm *vm = &input->vms[i];
        uint64_t weight = (uint64_t)vm->vcpus * vm->weight;
        bool capped = vm->class == PLANNER_GUARANTEED && vm->limit_mhz == vm->mhz;

        if (vm->class != PLANNER_RELAXED)
            others += capped ? 0 : weight;
        else if (weight < least)
            least = weight;
    }
    if (others == 0 || least == UINT64_MAX)
        return 100;
    return least * 100 / (least + others);
}

static bool is_elastic(const struct planner_vm *vm, const struct demand *demand)
{
    return vm->class == PLANNER_RELAXED && demand && has_history(demand);
}

/* Returns the MHz of a vCPU's slots: what all reserve above the capacity is taken in proportion. */
static uint32_t slots_of(const struct planner_vm *vm, const struct demand_forecast *forecast)
{
    uint64_t fixed = forecast->reserved_mhz - forecast->elastic_mhz;

    if (forecast->reserved_mhz <= forecast->capacity_mhz)
        return vm->mhz;
    if (fixed > forecast->capacity_mhz)
        return 0;
    return vm->mhz * (forecast->capacity_mhz - fixed) / forecast->elastic_mhz;
}

/*
 * Takes a VM without a history for one that always wants its reservation. One with a history takes,
 * of the time that it leaves in its slots, what others take from the relaxed ones.
 */
static struct demand demand_of(const struct planner_vm *vm, const struct demand *demand,
                               const struct demand_forecast *forecast)
{
    struct demand taken = { .reserved_mhz = reserved(vm) };
    uint64_t slots, mean;

    if (!is_elastic(vm, demand))
        return taken;
    taken = *demand;
    slots = (uint64_t)vm->vcpus * slots_of(vm, forecast);
    for (size_t i = 0; i <= DEMAND_BUCKETS; i++) {
        mean = taken.count[i] ? (taken.sum[i] + taken.count[i] - 1) / taken.count[i] : slots;
        if (mean < slots)
            taken.sum[i] = taken.count[i] * (slots - (slots - mean) * forecast->share / 100);
    }
    return taken;
}

/* holds: as demand_predict's, or NULL. Returns -ENOSPC if one SLO does not hold. */
static int predict(const struct planner_input *input, const struct demand *const *demands,
                   const uint32_t *slos, bool *holds, struct demand_forecast *forecast)
{
    bool overbooked = forecast->reserved_mhz > forecast->capacity_mhz;
    struct demand_sum sum;
    int rc = demand_sum_begin(&sum, forecast->capacity_mhz);

    for (size_t i = 0; rc == 0 && i < input->vm_count; i++) {
        struct demand demand = demand_of(&input->vms[i], demands[i], forecast);

        if (input->vms[i].class == PLANNER_RELAXED)
            rc = demand_sum_add(&sum, &demand);
    }
    if (rc == 0) {
        forecast->violation = demand_violation(&sum);
        forecast->peak_mhz = demand_peak(&sum, DEMAND_ONE / 100);
        forecast->sigmas_mhz = demand_sigmas(&sum, 3);
    }
    demand_sum_free(&sum);
    for (size_t i = 0; rc != -ENOMEM && i < input->vm_count; i++) {
        struct demand demand = demand_of(&input->vms[i], demands[i], forecast);
        bool kept = input->vms[i].class != PLANNER_RELAXED ||
                    demand_keeps(&demand, slos[i], forecast->violation);

        if (holds)
            holds[i] = kept || !overbooked;
        if (kept || rc == -ENOSPC)
            continue;
        forecast->refused = i;
        rc = -ENOSPC;
    }
    return rc;
}

static void begin_forecast(const struct planner_input *input, const struct demand *const *demands,
                           struct demand_forecast *forecast)
{
    *forecast = (struct demand_forecast){ .capacity_mhz = capacity_of(input),
                                          .share = share_of(input),
                                          .refused = input->vm_count };
    for (size_t i = 0; i < input->vm_count; i++) {
        if (input->vms[i].class == PLANNER_RELAXED)
            forecast->reserved_mhz += reserved(&input->vms[i]);
        if (is_elastic(&input->vms[i], demands[i]))
            forecast->elastic_mhz += reserved(&input->vms[i]);
    }
}

int demand_predict(const struct planner_input *input, const struct demand *const *demands,
                   const uint32_t *slos, bool *holds, struct demand_forecast *forecast)
{
    int rc;

    begin_forecast(input, demands, forecast);
    rc = predict(input, demands, slos, holds, forecast);
    return rc == -ENOMEM ? rc : 0;
}

/* Takes from VMs with a history what all reserve above the capacity. */
static int shrink(const struct planner_input *input, const struct demand *const *demands,
                  struct planner_vm *vms, const struct demand_forecast *forecast)
{
    if (forecast->reserved_mhz - forecast->elastic_mhz > forecast->capacity_mhz)
        return -ENOSPC;
    for (size_t i = 0; i < input->vm_count; i++)
        if (is_elastic(&vms[i], demands[i]))
            vms[i].mhz = slots_of(&input->vms[i], forecast);
    return 0;
}

int demand_shrink(const struct planner_input *input, const struct demand *const *demands,
                  const uint32_t *slos, struct planner_vm *vms, struct demand_forecast *forecast)
{
    int rc;

    begin_forecast(input, demands, forecast);
    memcpy(vms, input->vms, input->vm_count * sizeof(*vms));
    rc = predict(input, demands, slos, NULL, forecast);
    if (forecast->reserved_mhz <= forecast->capacity_mhz)
        return rc == -ENOMEM ? rc : 0;
    return rc < 0 ? rc : shrink(input, demands, vms, forecast);
}
