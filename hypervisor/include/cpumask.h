/* SPDX-License-Identifier: MIT */
/* Sets of CPUs, as one number with a bit per CPU. Atomic changes: bit_set, bit_clear (lib.h). */
#ifndef CLV_CPUMASK_H
#define CLV_CPUMASK_H

#include "types.h"

#define MAX_CPUS 128

typedef unsigned __int128 cpumask_t;
_Static_assert(sizeof(cpumask_t) * 8 == MAX_CPUS, "a mask has a bit for each CPU");

#define CPUMASK_ALL (~(cpumask_t)0)

static inline cpumask_t cpumask_of(unsigned int cpu) { return (cpumask_t)1 << cpu; }

static inline bool cpumask_has(const cpumask_t *m, unsigned int cpu)
{
    return ((const uint64_t *)m)[cpu / 64] >> cpu % 64 & 1;
}

/* m: not empty */
static inline unsigned int cpumask_first(cpumask_t m)
{
    uint64_t low = (uint64_t)m;

    return (unsigned int)(low ? __builtin_ctzll(low) : 64 + __builtin_ctzll((uint64_t)(m >> 64)));
}

/* Reads a mask that other CPUs change: each half atomically. */
static inline cpumask_t cpumask_read(const cpumask_t *m)
{
    const uint64_t *half = (const uint64_t *)m;

    return (cpumask_t)__atomic_load_n(&half[1], __ATOMIC_SEQ_CST) << 64 |
           __atomic_load_n(&half[0], __ATOMIC_SEQ_CST);
}

/* Returns the first CPU in m from `from` on, or MAX_CPUS. */
static inline unsigned int cpumask_next(cpumask_t m, unsigned int from)
{
    m = from < MAX_CPUS ? m >> from : 0;
    return m ? from + cpumask_first(m) : MAX_CPUS;
}

/* Iterates over the online CPUs in the mask, which may change meanwhile. */
#define for_each_cpu_in(mask, c) \
    for (unsigned int c = cpumask_next(mask, 0); c < nr_cpus; c = cpumask_next(mask, c + 1))

#endif
