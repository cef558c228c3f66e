/* SPDX-License-Identifier: MIT */
/* Nanoseconds since boot, from the TSC (cpu/clock.c). */
#ifndef CLV_CPU_CLOCK_H
#define CLV_CPU_CLOCK_H

#include "types.h"

/* ns = (((tsc - tsc0) << shift) * mul) >> 32; a guest's pvclock gets the same numbers. */
struct clock_scale {
    uint64_t tsc0;
    uint32_t mul;
    int8_t shift;
};
extern struct clock_scale clock_scale;
extern uint64_t clock_tsc_khz;

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return ((uint64_t)hi << 32) | lo;
}

nsec_t clock_now(void); /* monotonic, ns since boot */
nsec_t clock_scaled(const struct clock_scale *s, uint64_t tsc);
/* Wall clock at boot in ns since 1970: from the RTC, or as dom0 last set it (settime). */
uint64_t clock_wall_at_boot(void);
void clock_set_wall(uint64_t sec, uint32_t nsec, nsec_t system_time);

/*
 * Calibrates the TSC and the APIC timer against the ACPI PM timer. Port 0: there is none, Xen
 * reports the TSC rate.
 */
void clock_init(uint16_t pm_timer_port);

/* Internal arithmetic, exported for unit tests only. */
void clock_compute_scale(uint64_t khz, uint32_t *mul, int8_t *shift);
uint64_t clock_seconds_since_1970(unsigned int year, unsigned int month, unsigned int day,
                                  unsigned int hour, unsigned int minute, unsigned int second);

#endif
