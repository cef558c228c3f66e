/* SPDX-License-Identifier: MIT */
/* What the next entry injects (svm/inject.c). */
#ifndef CLV_SVM_INJECT_H
#define CLV_SVM_INJECT_H

#include "types.h"

struct vcpu;

void inject_prepare(struct vcpu *v); /* chooses what the next entry delivers */
/* no entry after all: what was chosen waits for the next */
void inject_cancel(struct vcpu *v);
/* after an exit: what a fault interrupted is delivered again */
void inject_recover(struct vcpu *v);
/* an NMI handler is about to return: NMIs may come behind that */
void inject_iret(struct vcpu *v);
/* at a #DB: it was for inject_iret only, not for the guest */
bool inject_stepped(struct vcpu *v);

#endif
