/* SPDX-License-Identifier: MIT */
/* Address space identifiers (svm/asid.c). */
#ifndef CLV_SVM_ASID_H
#define CLV_SVM_ASID_H

struct cpu;
struct vcpu;

/*
 * GIF=0, c->guest_domain set. An entry must follow: it does the flush that this may have asked for.
 */
void asid_prepare(struct cpu *c, struct vcpu *v);

#endif
