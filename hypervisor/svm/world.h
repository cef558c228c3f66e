/* SPDX-License-Identifier: MIT */
/* VMRUN and what surrounds it (svm/world.S). */
#ifndef CLV_SVM_WORLD_H
#define CLV_SVM_WORLD_H

#include "types.h"

struct guest_regs;

/*
 * GIF=0 on entry and on return; interrupts are recognised by the intercept only. Physical
 * addresses.
 */
void world_switch(paddr_t vmcb, struct guest_regs *regs);

#endif
