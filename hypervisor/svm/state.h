/* SPDX-License-Identifier: MIT */
/* Register state of a vcpu (svm/state.c). */
#ifndef CLV_SVM_STATE_H
#define CLV_SVM_STATE_H

struct vcpu;

void state_dump(struct vcpu *v); /* prints registers on the console */

#endif
