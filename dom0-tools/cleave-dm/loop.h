/* SPDX-License-Identifier: MIT */
/* Waits for descriptors, and calls who is concerned. */
#ifndef DM_LOOP_H
#define DM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_source {
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT; 0: none for now */
    void (*ready)(struct loop_source *source, uint32_t events);
    void *owner;
    bool added;
};

/* Ends the process after an error line if there is no memory for it. */
void loop_begin(void);
/* Adds a source, or changes what it waits for. */
void loop_watch(struct loop_source *source, uint32_t events);

/* A timer: its descriptor is for a loop_source, whose ready calls loop_timer_take first. */
int loop_timer(void);
void loop_timer_set(int timer, uint64_t ns); /* from now; 0: never */
void loop_timer_take(int timer);

/* Waits until something is ready, and calls it. */
void loop_once(void);

#endif
