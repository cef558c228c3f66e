/* SPDX-License-Identifier: MIT */
/*
 * What a VM wanted of the CPU time that it is promised, second by second, and whether it got it: a
 * history that cleaved keeps in the VM's folder. Overbooking predicts from it.
 */
#ifndef LIBCLEAVE_USAGE_H
#define LIBCLEAVE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "cleave.h"
#include "demand.h"

#define USAGE_SECONDS 60
#define USAGE_MINUTES 60

/* Seconds in which it wanted time, and those of them in which its promise was kept. */
struct usage_kept {
    uint32_t wanted, kept;
};

struct usage {
    struct demand demand;
    struct usage_kept minute, hour; /* sums of the last so many */
    struct usage_kept seconds[USAGE_SECONDS], minutes[USAGE_MINUTES];
    uint32_t second; /* in all; the index of the next one in seconds, modulo */
};

/* What a vCPU did between two answers of the core. */
struct usage_time {
    uint64_t ran, wanted, elapsed; /* ns; wanted: ran, or was runnable */
    /*
     * It lacks this of what it is promised. While it slept its slots passed unused, and nobody
     * knows which, so that counts for the core: a vCPU that never sleeps is judged exactly.
     */
    uint64_t lack;
};

/* mhz: promised, of a CPU with so many in clock. */
struct usage_time usage_between(const struct cleave_time *before, const struct cleave_time *after,
                                uint32_t mhz, uint32_t clock);

/* Adds a second. wanted_mhz: of all vCPUs, at most what is reserved. */
void usage_add(struct usage *usage, uint32_t wanted_mhz, bool kept);

/* Reads a VM's history; without one, or with one that cannot be read, it is empty. */
void usage_load(const char *uuid, struct usage *usage);

/* Returns 0 or a negative errno, and reports nothing: a lost history counts as none. */
int usage_save(const char *uuid, const struct usage *usage);

#endif
