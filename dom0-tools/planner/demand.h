/* SPDX-License-Identifier: MIT */
/*
 * Overbooking of relaxed VMs: what they wanted before predicts how often they will together want
 * more than there is. Integers only; VMs are taken to be independent of each other (README.md).
 */
#ifndef PLANNER_DEMAND_H
#define PLANNER_DEMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planner.h"

#define DEMAND_BUCKETS 32
#define DEMAND_SECONDS_MAX 8192        /* older history is halved, so that it fades */
#define DEMAND_SECONDS_MIN 60          /* less history counts as none */
#define DEMAND_ONE (UINT64_C(1) << 44) /* probability 1 */

/* What one VM wanted in each second, at most its reservation. Zero-initialised but for reserved. */
struct demand {
    uint32_t reserved_mhz;              /* of all its vCPUs */
    uint32_t seconds, active;           /* in all; those in which it wanted anything */
    uint32_t count[DEMAND_BUCKETS + 1]; /* seconds; bucket 0: wanted nothing */
    uint64_t sum[DEMAND_BUCKETS + 1];   /* MHz of these seconds, added */
};

/* Adds a second in which the VM's run time and its wait to run were worth this many MHz. */
void demand_add(struct demand *demand, uint32_t wanted_mhz);

/* The distribution of what several VMs want together. */
struct demand_sum {
    uint64_t capacity_mhz;
    uint32_t step_mhz;
    size_t count;   /* of mass */
    uint64_t *mass; /* probability of index x step_mhz; what is missing is above the capacity */
    uint64_t mean_mhz, variance; /* for the estimate by standard deviations */
};

/* All return 0 or -ENOMEM. Call demand_sum_free in any case. */
int demand_sum_begin(struct demand_sum *sum, uint64_t capacity_mhz);
int demand_sum_add(struct demand_sum *sum, const struct demand *demand);
int demand_sum_copy(struct demand_sum *to, const struct demand_sum *from);
void demand_sum_free(struct demand_sum *sum);

/* Returns the probability that the VMs want more than the capacity; never too small. */
uint64_t demand_violation(const struct demand_sum *sum);

/* Returns the MHz exceeded with at most this probability, or the capacity plus one step. */
uint64_t demand_peak(const struct demand_sum *sum, uint64_t probability);

/* Returns the mean plus so many standard deviations, in MHz. */
uint64_t demand_sigmas(const struct demand_sum *sum, uint32_t sigmas);

/*
 * True if the VM's reservation holds in slo percent of the seconds in which it wants anything, if a
 * violation has this probability in any second.
 */
bool demand_keeps(const struct demand *demand, uint32_t slo, uint64_t violation);

/* What was predicted. */
struct demand_forecast {
    uint64_t reserved_mhz; /* of all relaxed VMs */
    uint64_t capacity_mhz; /* that guaranteed VMs leave */
    uint64_t elastic_mhz;  /* of relaxed VMs with a history: they have slots for a part of it */
    uint32_t share; /* percent; of the slots' time that they leave, they get at least so much */
    uint64_t violation;
    uint64_t peak_mhz;   /* exceeded in 1 % of the seconds, with what others may take */
    uint64_t sigmas_mhz; /* mean plus three standard deviations */
    size_t refused;      /* the first VM whose SLO would not be kept; vm_count: none */
};

/*
 * Predicts anew for VMs that were admitted: holds gets whether each VM's SLO still holds, as it
 * always does while relaxed VMs do not reserve more than there is. demands and slos: as below.
 * Returns 0 or -ENOMEM.
 */
int demand_predict(const struct planner_input *input, const struct demand *const *demands,
                   const uint32_t *slos, bool *holds, struct demand_forecast *forecast);

/*
 * Overbooks: writes the input's VMs to vms, with less MHz for relaxed ones with a history, so that
 * planner_make can place them; the rest of what they want comes from time that others leave.
 * demands and slos: for each VM; a demand of NULL is no history. Returns 0, -ENOSPC if an SLO would
 * not be kept, or -ENOMEM.
 */
int demand_shrink(const struct planner_input *input, const struct demand *const *demands,
                  const uint32_t *slos, struct planner_vm *vms, struct demand_forecast *forecast);

#endif
