/* SPDX-License-Identifier: MIT */
/* The runstate area in guest memory (hypercall/runstate.c). */
#ifndef CLV_HYPERCALL_RUNSTATE_H
#define CLV_HYPERCALL_RUNSTATE_H

struct vcpu;

/* Writes the registered area, ignoring failure. Must run on v's CPU. */
void runstate_update(struct vcpu *v);

#endif
