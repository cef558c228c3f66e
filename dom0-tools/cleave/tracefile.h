/* SPDX-License-Identifier: MIT */
/*
 * A trace of the core as a file in the trace-event format of Chrome, which ui.perfetto.dev shows.
 * There is a track for each CPU, with the vCPUs that ran on it, and a track for each vCPU, with its
 * runs and waits; wake-ups, exits, hypercalls, timers and table switches are instants on them.
 */
#ifndef CLEAVE_TRACEFILE_H
#define CLEAVE_TRACEFILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cleave.h"

struct tracefile_track;

struct tracefile {
    FILE *out;
    /* Returns the name of a domain; it is used at once. */
    const char *(*name)(void *data, uint32_t domid);
    void *data;
    uint64_t begin;                 /* ns */
    bool any;                       /* an event was written */
    bool failed;                    /* out of memory */
    struct tracefile_track *tracks; /* of vCPUs, sorted */
    size_t count, room;
};

/*
 * Begins a file of `cpus` tracks; time 0 of the file is begin. out and name must stay valid until
 * tracefile_end.
 */
void tracefile_begin(struct tracefile *file, FILE *out, uint64_t begin, uint32_t cpus,
                     const char *(*name)(void *data, uint32_t domid), void *data);

/*
 * Adds a record of a CPU. Records come in the order of their time. Nothing is kept of them but each
 * vCPU's present state.
 */
void tracefile_record(struct tracefile *file, uint32_t cpu,
                      const struct cleave_trace_record *record);

/*
 * Draws what goes on at `end`, adds `about` (whose reference it takes) as otherData, and completes
 * the file, which stays open. False: it is not complete.
 */
bool tracefile_end(struct tracefile *file, uint64_t end, json_t *about);

#endif
