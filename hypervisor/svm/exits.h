/* SPDX-License-Identifier: MIT */
/* Intercepts and exit reasons (svm/exits.c). */
#ifndef CLV_SVM_EXITS_H
#define CLV_SVM_EXITS_H

struct exit;
struct vcpu;
struct vmcb;

void exits_decode(struct vcpu *v, struct exit *e);
void exits_set_intercepts(struct vmcb *vmcb);

#endif
