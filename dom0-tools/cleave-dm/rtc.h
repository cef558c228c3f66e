/* SPDX-License-Identifier: MIT */
/* The clock with its memory: an MC146818 at ports 70 and 71, with IRQ 8. */
#ifndef DM_RTC_H
#define DM_RTC_H

#include "bus.h"
#include "state.h"

#define RTC_SIZE 128

struct rtc {
    struct bus *bus;
    /* Wakes the device after so many nanoseconds (rtc_tick); 0: never. */
    void (*timer)(void *owner, uint64_t ns);
    /* Returns the time in ns since 1970. */
    uint64_t (*now)(void *owner);
    void *owner;
    uint8_t index, memory[RTC_SIZE];
    int64_t offset;       /* seconds that the guest's clock is ahead */
    int64_t last_second;  /* the last one for which alarms were looked at */
    uint64_t next_period; /* ns: when the periodic interrupt is due */
};

/* low and high: RAM below 4 GiB and from there, in bytes. Returns 0 or a negative errno. */
int rtc_add(struct rtc *rtc, struct bus *bus, uint64_t low, uint64_t high);
/* Writes or loads the clock, which goes on meanwhile: its time is an offset to dom0's. */
void rtc_state(struct rtc *rtc, struct state *state);
/* What is due by now happens. */
void rtc_tick(struct rtc *rtc);

#endif
