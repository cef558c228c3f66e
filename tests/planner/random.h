/* SPDX-License-Identifier: MIT */
/* A seeded generator for tests: the same seed gives the same plans on any machine. */
#ifndef TESTS_PLANNER_RANDOM_H
#define TESTS_PLANNER_RANDOM_H

#include <stdint.h>

/* SplitMix64. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Returns a number in [low, high]. */
static inline uint32_t random_in(uint64_t *state, uint32_t low, uint32_t high)
{
    return low + random_next(state) % (high - low + UINT64_C(1));
}

#endif
