/* SPDX-License-Identifier: MIT */
/* Address space identifiers (svm/asid.c). */
#ifndef CLV_SVM_ASID_H
#define CLV_SVM_ASID_H

struct cpu;
struct vcpu;

/*
 * Called with GIF=0 and c->guest_domain set. VMRUN must follow, to perform a flush requested here.
 */
void asid_prepare(struct cpu *c, struct vcpu *v);

#endif
