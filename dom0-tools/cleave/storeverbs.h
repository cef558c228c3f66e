/* SPDX-License-Identifier: MIT */
/* The verbs below `cleave store` that have files of their own. */
#ifndef CLEAVE_STOREVERBS_H
#define CLEAVE_STOREVERBS_H

#include "command.h"

/* Each returns 0, or a negative errno after an error line. */
int storecheck_run(struct call *call, struct session *session);
int storetop_run(struct call *call, struct session *session);

/*
 * Reads the argument of --count, from 1 on, or fallback without it. False after an error line.
 */
bool storeverbs_count(const struct call *call, unsigned long fallback, unsigned long *count);

#endif
