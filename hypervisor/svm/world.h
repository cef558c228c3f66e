/* SPDX-License-Identifier: MIT */
/* The world switch (svm/world.S). */
#ifndef CLV_SVM_WORLD_H
#define CLV_SVM_WORLD_H

#ifndef __ASSEMBLY__
#include "hw.h"
#include "types.h"

/* Enters the guest once. GIF=0 on entry and return. vmcb: its physical address. */
void world_switch(paddr_t vmcb, struct guest_regs *regs);
extern char world_switch_back[]; /* the instruction after VMRUN */
#endif

/* Offsets in struct guest_regs, for world.S. RAX and RSP are in the VMCB. */
#define REGS_RCX 8
#define REGS_RDX 16
#define REGS_RBX 24
#define REGS_RBP 40
#define REGS_RSI 48
#define REGS_RDI 56
#define REGS_R8 64

#endif
