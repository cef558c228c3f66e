/* SPDX-License-Identifier: MIT */
/* How events get into the guest (svm/deliver.c). */
#ifndef CLV_SVM_DELIVER_H
#define CLV_SVM_DELIVER_H

#include "types.h"

struct vcpu;

void deliver_cancel(struct vcpu *v); /* no entry after all: the event waits for the next one */
void deliver_recover(
    struct vcpu *v);               /* after an exit: an interrupted event becomes pending again */
void deliver_iret(struct vcpu *v); /* an NMI handler is about to return: NMIs may follow that */
bool deliver_stepped(struct vcpu *v); /* a #DB was for deliver_iret only, not for the guest */

#endif
