/* SPDX-License-Identifier: MIT */
/* How many machines do VMs need with and without overbooking, and which SLOs would break? */
#ifndef PLANNER_SIMULATE_H
#define PLANNER_SIMULATE_H

#include <stddef.h>
#include <stdint.h>

struct simulate_vm {
    uint32_t reserved_mhz; /* of all its vCPUs */
    uint32_t slo;          /* percent */
    uint32_t *wanted;      /* MHz in each second */
};

struct simulate_input {
    const struct simulate_vm *vms;
    size_t count;
    size_t seconds; /* length of each wanted */
    size_t
        history; /* the first so many are known when the VMs are placed; the others are replayed */
    uint64_t capacity_mhz; /* of a machine */
};

enum simulate_policy {
    SIMULATE_RESERVED,  /* no overbooking: the sum of reservations fits */
    SIMULATE_PREDICTED, /* demand.h, from the history */
    SIMULATE_ORACLE     /* knows the replay, and keeps each SLO in it */
};

struct simulate_result {
    size_t machines;
    size_t broken;     /* VMs whose SLO did not hold in the replay */
    uint64_t wanted;   /* seconds in which a VM wanted time, of all VMs */
    uint64_t violated; /* those in which the VMs of its machine wanted more than there is */
};

/*
 * Puts each VM, in order, on the first machine that takes it; a VM larger than a machine gets one
 * of its own. Returns 0 or -ENOMEM.
 */
int simulate_pack(const struct simulate_input *input, enum simulate_policy policy,
                  struct simulate_result *result);

/* Fills in bursty demand for a VM: on and off for random times, from a seed. */
void simulate_synthesize(struct simulate_vm *vm, size_t seconds, uint64_t *seed);

#endif
