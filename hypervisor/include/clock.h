/* SPDX-License-Identifier: MIT */
/* The arithmetic of cpu/clock.c, for its unit tests; everybody else: time.h. */
#ifndef CLV_CLOCK_H
#define CLV_CLOCK_H

#include "time.h"

void clock_compute_scale(uint64_t khz, uint32_t *mul, int8_t *shift);
nsec_t clock_scaled(const struct clock_scale *s, uint64_t tsc);
uint64_t clock_seconds_since_1970(unsigned int year, unsigned int month, unsigned int day, unsigned int hour,
                                  unsigned int minute, unsigned int second);

#endif
