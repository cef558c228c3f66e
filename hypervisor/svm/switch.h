/* SPDX-License-Identifier: MIT */
/* State switched by VMLOAD and VMSAVE (svm/switch.c). */
#ifndef CLV_SVM_SWITCH_H
#define CLV_SVM_SWITCH_H

struct vcpu;

/* loads it into the CPU unless loaded; before each entry */
void switch_load(struct vcpu *v);
/* saves it to the VMCB, for access until the next entry */
void switch_unload(struct vcpu *v);

#endif
