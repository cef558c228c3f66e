/* SPDX-License-Identifier: MIT */
/*
 * The world switch (APM vol. 2, 15.5): enters a guest and returns at its exit.
 *
 *   world_switch(rdi: physical address of the VMCB, rsi: struct guest_regs *)
 *
 * Called with GIF=0, so that no interrupt comes between the last check for work and VMRUN. IF is set only
 * so that a physical interrupt causes an exit: with V_INTR_MASKING the host's IF applies while the guest
 * runs. No general-purpose register of the guest stays live in the core. FS, GS, TR, LDTR and the MSRs of
 * VMLOAD do, and the core uses none of them (switch.c).
 */
#include "svm/world.h"

    .text
    .globl world_switch
    .type world_switch, @function
world_switch:
    .irp r, rbp, rbx, r12, r13, r14, r15, rsi
    pushq %\r
    .endr

    sti                         /* not directly before VMRUN: QEMU would carry its shadow into the guest */
    movq %rdi, %rax
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    movq REGS_R8 + 8*(\n - 8)(%rsi), %r\n
    .endr
    movq REGS_RBX(%rsi), %rbx
    movq REGS_RCX(%rsi), %rcx
    movq REGS_RDX(%rsi), %rdx
    movq REGS_RDI(%rsi), %rdi
    movq REGS_RBP(%rsi), %rbp
    movq REGS_RSI(%rsi), %rsi

    verw data_selector(%rip)    /* clears buffers against TSA, if the microcode supports it */
    vmrun %rax                  /* the exit restores the host's RAX and RSP */
    .globl world_switch_back
world_switch_back:
    cli

    popq %rax
    movq %rbx, REGS_RBX(%rax)
    movq %rcx, REGS_RCX(%rax)
    movq %rdx, REGS_RDX(%rax)
    movq %rsi, REGS_RSI(%rax)
    movq %rdi, REGS_RDI(%rax)
    movq %rbp, REGS_RBP(%rax)
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    movq %r\n, REGS_R8 + 8*(\n - 8)(%rax)
    .endr

    .irp r, ecx, edx, esi, edi, r8d, r9d, r10d, r11d
    xorl %\r, %\r
    .endr

    .irp r, r15, r14, r13, r12, rbx, rbp
    popq %\r
    .endr
    ret
    .size world_switch, . - world_switch

    .section .rodata, "a"
data_selector:
    .word 16                    /* cpu/traps.c */
