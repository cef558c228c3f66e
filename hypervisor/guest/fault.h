/* SPDX-License-Identifier: MIT */
/* Nested page faults (guest/fault.c). */
#ifndef CLV_GUEST_FAULT_H
#define CLV_GUEST_FAULT_H

#include "types.h"

struct vcpu;

/*
 * A nested page fault on gpa. 0: retry the instruction; -ENOENT: nothing is mapped here, emulate
 * it; -EACCES: not allowed as `write` or `exec`; -ENOMEM: no memory for a table, or RAM that has no
 * frame now.
 */
int fault_resolve(struct vcpu *v, gpa_t gpa, bool write, bool exec);

#endif
