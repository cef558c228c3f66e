/* SPDX-License-Identifier: MIT */
/* The end of a wait, by --timeout. */
#ifndef CLEAVE_DEADLINE_H
#define CLEAVE_DEADLINE_H

#include <stdbool.h>

#include "command.h"

#define DEADLINE_NONE (-1)

struct deadline {
    long seconds;  /* as given; DEADLINE_NONE: wait forever */
    long long end; /* by deadline_now */
};

/*
 * Begins to count the seconds of --timeout, or those of fallback without it. Returns 0, or -EINVAL
 * after an error was reported: no number.
 */
int deadline_begin(const struct call *call, long fallback, struct deadline *deadline);

/* Sleeps for one step between two looks at a VM. False, at once: the time is over. */
bool deadline_step(const struct deadline *deadline);

/* Monotonic time in ms. */
long long deadline_now(void);

#endif
