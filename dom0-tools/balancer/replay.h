/* SPDX-License-Identifier: MIT */
/* How would VMs have fared under the balancer, under simpler policies, and under an oracle? */
#ifndef BALANCER_REPLAY_H
#define BALANCER_REPLAY_H

#include "balancer.h"

#define REPLAY_PERIOD_MS 5000

struct replay_vm {
    uint64_t min, max;
    uint32_t shares, priority;
    bool ignores;   /* its guest never follows */
    uint64_t *need; /* memory that it uses in each period */
};

struct replay_input {
    const struct replay_vm *vms;
    size_t count, periods;
    uint64_t memory; /* of all VMs together */
    uint64_t seed;   /* of errors in what the balancer is told: up to 4 points */
};

enum replay_policy {
    REPLAY_BALANCED,
    REPLAY_FRACTION, /* all have the same part of what is between min and max */
    REPLAY_FIXED,    /* all have the same part of their max */
    REPLAY_ORACLE    /* knows each need, and moves memory in no time */
};

/* Sums over all VMs and periods. */
struct replay_result {
    uint64_t used;       /* memory that VMs wanted to use; KiB x periods */
    uint64_t lacking;    /* of it, what they did not have */
    uint64_t regret;     /* what the oracle would have spared them of that */
    uint64_t moved;      /* KiB by which targets changed */
    uint64_t writes;     /* changes of targets */
    uint64_t turns;      /* of these, in the other direction than the change before */
    uint64_t violations; /* targets below min; periods with more promised than there is */
};

/* Returns 0 or -ENOMEM. */
int replay_run(const struct replay_input *input, enum replay_policy policy,
               struct replay_result *result);

/* Fills in a VM's min, max and needs: idle and busy for random times, from a seed. */
void replay_synthesize(struct replay_vm *vm, size_t periods, uint64_t *seed);

#endif
