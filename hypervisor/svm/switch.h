/* SPDX-License-Identifier: MIT */
/* State that VMRUN does not switch (svm/switch.c): what VMLOAD and VMSAVE move. */
#ifndef CLV_SVM_SWITCH_H
#define CLV_SVM_SWITCH_H

struct vcpu;

/* into the CPU, unless it is there; right before each entry */
void switch_load(struct vcpu *v);
/* the VMCB has it, to be read and written until the next entry */
void switch_unload(struct vcpu *v);

#endif
