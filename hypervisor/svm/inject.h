/* SPDX-License-Identifier: MIT */
/* Injection of events (svm/inject.c). */
#ifndef CLV_SVM_INJECT_H
#define CLV_SVM_INJECT_H

#include "types.h"

struct vcpu;

void inject_prepare(struct vcpu *v); /* chooses what the next entry delivers */
/* entry cancelled: keeps the chosen events for the next one */
void inject_cancel(struct vcpu *v);
/* after an exit: keeps an event whose delivery was interrupted */
void inject_recover(struct vcpu *v);
/* an NMI handler is about to return: unblocks NMIs after its IRET */
void inject_iret(struct vcpu *v);
/* at a #DB: true if it belongs to inject_iret only, not to the guest */
bool inject_stepped(struct vcpu *v);

#endif
