/* SPDX-License-Identifier: MIT */
/* Chooses what an entry delivers to the guest (guest/inject.c). */
#ifndef CLV_GUEST_INJECT_H
#define CLV_GUEST_INJECT_H

struct vcpu;

void inject_prepare(struct vcpu *v); /* before each entry */
void inject_finish(struct vcpu *v);  /* after each attempt, entered or not */

#endif
