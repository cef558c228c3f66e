/* SPDX-License-Identifier: MIT */
/* The words for a plan that was refused. */
#ifndef LIBCLEAVE_REFUSAL_H
#define LIBCLEAVE_REFUSAL_H

#include "planner.h"

/* Reports why the planner refused; vm and name are those of refusal->vm. */
void refusal_report(const struct planner_refusal *refusal, const struct planner_vm *vm,
                    const char *name);

#endif
