/* SPDX-License-Identifier: MIT */
/* Checks a file of `cleave trace` by Chrome's format, and by what the core charged meanwhile. */
#ifndef TESTS_TOOLS_TRACECHECK_H
#define TESTS_TOOLS_TRACECHECK_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Each event has ph, ts, pid, tid and name; slices have a dur. On each track, slices are in order
 * and do not overlap, instants are in order, and all lie within the duration. What ran by the
 * CPUs' tracks ran by the vCPUs' tracks. Between two readings of the core's charge, each vCPU ran
 * as long as it was charged, within 1 % of the time. False: problem has the reason.
 */
bool tracecheck(const json_t *trace, char problem[256]);

/* Returns the time of all slices of this name on the tracks of a process (a VM, or CPUs), in ns. */
double tracecheck_time(const json_t *trace, const char *process, const char *slice);

/* Returns the number of instants whose names begin with this. */
unsigned int tracecheck_instants(const json_t *trace, const char *name);

#endif
