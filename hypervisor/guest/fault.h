/* SPDX-License-Identifier: MIT */
/* Nested page faults (guest/fault.c). */
#ifndef CLV_GUEST_FAULT_H
#define CLV_GUEST_FAULT_H

#include "types.h"

struct vcpu;

/*
 * Resolves a nested page fault on gpa. 0: retry the instruction. -ENOENT: a hole, emulate the
 * access. -EACCES: not permitted as `write` or `exec`. -ENOMEM: no memory for a table, or the frame
 * is absent.
 */
int fault_resolve(struct vcpu *v, gpa_t gpa, bool write, bool exec);

#endif
