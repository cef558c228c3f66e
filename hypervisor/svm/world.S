/* SPDX-License-Identifier: MIT */
/*
 * The world switch (APM vol. 2, 15.5): into a guest and back, once.
 *
 *   world_switch(rdi: the VMCB's physical address, rsi: struct guest_regs *)
 *
 * Called with GIF=0, so that nothing comes between the last check for work and VMRUN. IF is set only so that
 * a physical interrupt is recognised while the guest runs: it is the host's IF that counts then
 * (V_INTR_MASKING). No general register of the guest survives into the core; FS, GS, TR, LDTR and the MSRs
 * that VMLOAD loads do, and the core uses none of them (switch.c).
 *
 * struct guest_regs: in the order of x86's encodings, eight bytes each (domain.h).
 */
    .text
    .globl world_switch
    .type world_switch, @function
world_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rsi

    sti                         /* not right before VMRUN: in QEMU its shadow would go into the guest */
    movq %rdi, %rax
    movq 24(%rsi), %rbx
    movq 8(%rsi), %rcx
    movq 16(%rsi), %rdx
    movq 56(%rsi), %rdi
    movq 40(%rsi), %rbp
    movq 64(%rsi), %r8
    movq 72(%rsi), %r9
    movq 80(%rsi), %r10
    movq 88(%rsi), %r11
    movq 96(%rsi), %r12
    movq 104(%rsi), %r13
    movq 112(%rsi), %r14
    movq 120(%rsi), %r15
    movq 48(%rsi), %rsi

    vmrun %rax                  /* RAX and RSP are the host's again after the exit */
    cli

    popq %rax
    movq %rbx, 24(%rax)
    movq %rcx, 8(%rax)
    movq %rdx, 16(%rax)
    movq %rsi, 48(%rax)
    movq %rdi, 56(%rax)
    movq %rbp, 40(%rax)
    movq %r8, 64(%rax)
    movq %r9, 72(%rax)
    movq %r10, 80(%rax)
    movq %r11, 88(%rax)
    movq %r12, 96(%rax)
    movq %r13, 104(%rax)
    movq %r14, 112(%rax)
    movq %r15, 120(%rax)

    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d

    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size world_switch, . - world_switch
