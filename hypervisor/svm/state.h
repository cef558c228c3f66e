/* SPDX-License-Identifier: MIT */
/* Registers in the control block (svm/state.c). */
#ifndef CLV_SVM_STATE_H
#define CLV_SVM_STATE_H

struct vcpu;

void state_dump(struct vcpu *v); /* prints them on the console */

#endif
