/* SPDX-License-Identifier: MIT */
/* The area in guest memory that shows a vcpu's runstate (hypercall/runstate.c). */
#ifndef CLV_HYPERCALL_RUNSTATE_H
#define CLV_HYPERCALL_RUNSTATE_H

struct vcpu;

/* Writes the registered area, tolerating failure. On v's own CPU. */
void runstate_update(struct vcpu *v);

#endif
