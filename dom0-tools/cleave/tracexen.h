/* SPDX-License-Identifier: MIT */
/*
 * A trace of the core as a file of Xen's xentrace, which the stock xenalyze and xentrace_format
 * read (public/trace.h has the records). Its clock is in nanoseconds: xenalyze --cpu-hz 1G.
 */
#ifndef CLEAVE_TRACEXEN_H
#define CLEAVE_TRACEXEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cleave.h"

#define TRACEXEN_WORDS 8192 /* of a block */
#define TRACEXEN_CPUS 256   /* as many as xenalyze takes */

/* The occupant of a CPU, as the records tell. */
enum tracexen_who { TRACEXEN_UNKNOWN, TRACEXEN_IDLE, TRACEXEN_VCPU };

struct tracexen {
    FILE *out;
    uint32_t cpu; /* whose records these are */
    size_t count;
    uint32_t words[TRACEXEN_WORDS];
    enum tracexen_who who[TRACEXEN_CPUS];
};

/* Begins a file of `cpus` CPUs. */
void tracexen_begin(struct tracexen *file, FILE *out, uint32_t cpus);

/*
 * Adds a record of a CPU; those of each CPU come in the order of their time. Timers and tables of
 * slots have no record in Xen's format, and are left out. In Xen an idle CPU runs a vcpu of its
 * own, and readers rely on its records: they are made up.
 */
void tracexen_record(struct tracexen *file, uint32_t cpu, const struct cleave_trace_record *record);

/* Completes the file, which stays open. False: it is not complete. */
bool tracexen_end(struct tracexen *file);

#endif
