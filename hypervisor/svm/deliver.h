/* SPDX-License-Identifier: MIT */
/* Delivery of events into the guest (svm/deliver.c). */
#ifndef CLV_SVM_DELIVER_H
#define CLV_SVM_DELIVER_H

#include "types.h"

struct vcpu;

void deliver_cancel(struct vcpu *v);  /* entry cancelled: keeps the event */
void deliver_recover(struct vcpu *v); /* after an exit: keeps an interrupted event */
void deliver_iret(struct vcpu *v);    /* an NMI handler returns: unblocks NMIs after its IRET */
/* True if a #DB belongs to deliver_iret only, not to the guest. */
bool deliver_stepped(struct vcpu *v);

#endif
