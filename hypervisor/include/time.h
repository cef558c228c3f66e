/* SPDX-License-Identifier: MIT */
/*
 * Time: nanoseconds since boot, from the TSC (cpu/clock.c), and one-shot timers on each CPU (cpu/timer.c).
 */
#ifndef CLV_TIME_H
#define CLV_TIME_H

#include "types.h"

#define MSEC(x) ((nsec_t)(x) * 1000000)
#define USEC(x) ((nsec_t)(x) * 1000)
#define SEC(x) ((nsec_t)(x) * 1000000000)
#define TIME_NEVER INT64_MAX

/* ns = (((tsc - tsc0) << shift) * mul) >> 32: the numbers that a guest's pvclock gets, too. */
struct clock_scale { uint64_t tsc0; uint32_t mul; int8_t shift; };
extern struct clock_scale clock_scale;
extern uint64_t tsc_khz;

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return ((uint64_t)hi << 32) | lo;
}

nsec_t clock_now(void);                 /* monotonic, ns since boot */
nsec_t clock_scaled(const struct clock_scale *s, uint64_t tsc);
uint64_t clock_wall_at_boot(void);      /* ns since 1970 at boot (RTC, or as dom0 last set it by settime) */
void clock_set_wall(uint64_t sec, uint32_t nsec, nsec_t system_time);

/* The arithmetic behind them, which nobody else but unit tests calls. */
void clock_compute_scale(uint64_t khz, uint32_t *mul, int8_t *shift);
uint64_t clock_seconds_since_1970(unsigned int year, unsigned int month, unsigned int day, unsigned int hour,
                                  unsigned int minute, unsigned int second);

/*
 * A timer waits on the CPU that set it last, or always on the one that it was made for. Its function runs
 * there, from softirq_run(), with no lock held, once per set. set may be called from any CPU and again while
 * armed (then only the new time counts); stop returns after which fn is not started (it may be running on
 * another CPU). finish waits for that, too, and makes later sets do nothing: then t's memory may go. Who
 * calls finish holds no lock that fn takes. `expires` in the past fires at once.
 */
#define TIMER_ANY_CPU UINT32_MAX
struct timer {
    struct timer *parent, *left, *right; /* in its CPU's heap, while it is armed */
    uint32_t rank;
    nsec_t expires;
    void (*fn)(void *data);
    void *data;
    unsigned int cpu;             /* whose heap it is in, if it is in one */
    bool pinned;                  /* there always */
    bool armed, finished;
};

void timer_setup(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu);
void timer_set(struct timer *t, nsec_t expires);
void timer_stop(struct timer *t);
void timer_finish(struct timer *t);

#endif
