/* SPDX-License-Identifier: MIT */
/* Nested page faults (guest/fault.c). */
#ifndef CLV_GUEST_FAULT_H
#define CLV_GUEST_FAULT_H

#include "types.h"

struct vcpu;

/*
 * Resolves a nested page fault on gpa. 0: retry the instruction. -ENOENT: a hole, emulate the
 * access. -EACCES: not permitted as `write` or `exec`. -ENOMEM: no memory for a table.
 */
int fault_resolve(struct vcpu *v, gpa_t gpa, bool write, bool exec);
/* EXIT_OVERDRAWN: v goes on when its domain is within its budget again. */
void fault_settle(struct vcpu *v);

#endif
