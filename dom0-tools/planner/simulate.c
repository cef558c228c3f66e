/* SPDX-License-Identifier: MIT */
/*
 * First fit of VMs on machines under three policies, and a replay that counts violations. A second
 * violates each VM that wants anything, if the VMs of its machine want more than it has.
 */
#include "simulate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "demand.h"

struct machine {
    size_t *members;
    size_t count;
    uint64_t reserved;
    uint64_t *wanted; /* in each second of the replay, by all members */
    struct demand_sum sum;
};

struct simulation {
    const struct simulate_input *input;
    struct demand *demands; /* of each VM, from the history */
    struct machine *machines;
    size_t machine_count;
};

static uint64_t wanted_by(const struct simulate_vm *vm, size_t second)
{
    return vm->wanted[second] < vm->reserved_mhz ? vm->wanted[second] : vm->reserved_mhz;
}

/* --- policies --------------------------------------------------------------------------------- */

/* Returns 1 if the prediction keeps each SLO with the VM added, 0 if not, or -ENOMEM. */
static int predicts(const struct simulation *simulation, const struct machine *machine, size_t vm)
{
    const struct simulate_vm *vms = simulation->input->vms;
    struct demand_sum sum;
    uint64_t violation;
    int rc = demand_sum_copy(&sum, &machine->sum);

    if (rc == 0)
        rc = demand_sum_add(&sum, &simulation->demands[vm]);
    if (rc == 0) {
        violation = demand_violation(&sum);
        rc = demand_keeps(&simulation->demands[vm], vms[vm].slo, violation);
        for (size_t i = 0; rc == 1 && i < machine->count; i++)
            rc = demand_keeps(&simulation->demands[machine->members[i]],
                              vms[machine->members[i]].slo, violation);
    }
    demand_sum_free(&sum);
    return rc;
}

/* Counts one VM's seconds in the replay, if its machine has extra MHz more to do in each. */
static void count_seconds(const struct simulate_input *input, const struct machine *machine,
                          const struct simulate_vm *vm, const struct simulate_vm *extra,
                          struct simulate_result *seconds)
{
    *seconds = (struct simulate_result){ .machines = 0 };
    for (size_t at = input->history; at < input->seconds; at++) {
        uint64_t all = machine->wanted[at - input->history];

        if (wanted_by(vm, at) == 0)
            continue;
        if (extra)
            all += wanted_by(extra, at);
        seconds->wanted++;
        seconds->violated += all > input->capacity_mhz;
    }
    seconds->broken = seconds->violated * 100 > seconds->wanted * (100 - vm->slo);
}

static bool foresees(const struct simulation *simulation, const struct machine *machine, size_t vm)
{
    const struct simulate_input *input = simulation->input;
    const struct simulate_vm *extra = &input->vms[vm];
    struct simulate_result seconds;

    count_seconds(input, machine, extra, extra, &seconds);
    for (size_t i = 0; !seconds.broken && i < machine->count; i++)
        count_seconds(input, machine, &input->vms[machine->members[i]], extra, &seconds);
    return !seconds.broken;
}

/* Returns 1 if the machine takes the VM, 0 if not, or -ENOMEM. */
static int takes(const struct simulation *simulation, enum simulate_policy policy,
                 const struct machine *machine, size_t vm)
{
    const struct simulate_input *input = simulation->input;

    if (machine->reserved + input->vms[vm].reserved_mhz <= input->capacity_mhz)
        return 1;
    if (policy == SIMULATE_PREDICTED)
        return predicts(simulation, machine, vm);
    return policy == SIMULATE_ORACLE && foresees(simulation, machine, vm);
}

/* --- packing ---------------------------------------------------------------------------------- */

static int add_machine(struct simulation *simulation)
{
    const struct simulate_input *input = simulation->input;
    struct machine *machine = &simulation->machines[simulation->machine_count++];

    machine->members = calloc(input->count, sizeof(*machine->members));
    machine->wanted = calloc(input->seconds - input->history + 1, sizeof(*machine->wanted));
    if (!machine->members || !machine->wanted)
        return -ENOMEM;
    return demand_sum_begin(&machine->sum, input->capacity_mhz);
}

static int add_member(struct simulation *simulation, struct machine *machine, size_t vm)
{
    const struct simulate_input *input = simulation->input;

    machine->members[machine->count++] = vm;
    machine->reserved += input->vms[vm].reserved_mhz;
    for (size_t at = input->history; at < input->seconds; at++)
        machine->wanted[at - input->history] += wanted_by(&input->vms[vm], at);
    return demand_sum_add(&machine->sum, &simulation->demands[vm]);
}

static int place_vm(struct simulation *simulation, enum simulate_policy policy, size_t vm)
{
    size_t at;
    int rc = 0;

    for (at = 0; at < simulation->machine_count; at++) {
        rc = takes(simulation, policy, &simulation->machines[at], vm);
        if (rc < 0)
            return rc;
        if (rc == 1)
            break;
    }
    if (at == simulation->machine_count)
        rc = add_machine(simulation);
    return rc < 0 ? rc : add_member(simulation, &simulation->machines[at], vm);
}

static void count_all(const struct simulation *simulation, struct simulate_result *result)
{
    const struct simulate_input *input = simulation->input;

    *result = (struct simulate_result){ .machines = simulation->machine_count };
    for (size_t i = 0; i < simulation->machine_count; i++) {
        const struct machine *machine = &simulation->machines[i];

        for (size_t vm = 0; vm < machine->count; vm++) {
            struct simulate_result seconds;

            count_seconds(input, machine, &input->vms[machine->members[vm]], NULL, &seconds);
            result->broken += seconds.broken;
            result->wanted += seconds.wanted;
            result->violated += seconds.violated;
        }
    }
}

int simulate_pack(const struct simulate_input *input, enum simulate_policy policy,
                  struct simulate_result *result)
{
    struct simulation simulation = { .input = input };
    int rc = 0;

    simulation.demands = calloc(input->count + 1, sizeof(*simulation.demands));
    simulation.machines = calloc(input->count + 1, sizeof(*simulation.machines));
    if (!simulation.demands || !simulation.machines)
        rc = -ENOMEM;
    for (size_t vm = 0; rc == 0 && vm < input->count; vm++) {
        simulation.demands[vm].reserved_mhz = input->vms[vm].reserved_mhz;
        for (size_t at = 0; at < input->history; at++)
            demand_add(&simulation.demands[vm], input->vms[vm].wanted[at]);
        rc = place_vm(&simulation, policy, vm);
    }
    if (rc == 0)
        count_all(&simulation, result);
    for (size_t i = 0; i < simulation.machine_count; i++) {
        free(simulation.machines[i].members);
        free(simulation.machines[i].wanted);
        demand_sum_free(&simulation.machines[i].sum);
    }
    free(simulation.machines);
    free(simulation.demands);
    return rc;
}

/* --- synthetic demand ------------------------------------------------------------------------- */

/* SplitMix64. Returns a number in [low, high]. */
static uint32_t draw(uint64_t *seed, uint32_t low, uint32_t high)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return low + (z ^ z >> 31) % (high - low + UINT64_C(1));
}

void simulate_synthesize(struct simulate_vm *vm, size_t seconds, uint64_t *seed)
{
    uint32_t burst = draw(seed, 1, 20), pause = draw(seed, 2, 80), level = 0;
    size_t left = draw(seed, 0, burst + pause);

    for (size_t at = 0; at < seconds; at++) {
        if (left == 0) {
            level = level ? 0 : draw(seed, 30, 100);
            left = level ? draw(seed, 1, 2 * burst) : draw(seed, 1, 2 * pause);
        }
        left--;
        vm->wanted[at] = (uint64_t)vm->reserved_mhz * level / 100;
    }
}
