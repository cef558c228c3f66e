/* SPDX-License-Identifier: MIT */
/* VMRUN and what surrounds it (svm/world.S). */
#ifndef CLV_SVM_WORLD_H
#define CLV_SVM_WORLD_H

#ifndef __ASSEMBLY__
#include "hw.h"
#include "types.h"

/*
 * GIF=0 on entry and on return; interrupts are recognised by the intercept only. Physical
 * addresses.
 */
void world_switch(paddr_t vmcb, struct guest_regs *regs);
#endif

/* Where world.S finds them in struct guest_regs. RAX and RSP are in the VMCB then. */
#define REGS_RCX 8
#define REGS_RDX 16
#define REGS_RBX 24
#define REGS_RBP 40
#define REGS_RSI 48
#define REGS_RDI 56
#define REGS_R8 64

#endif
