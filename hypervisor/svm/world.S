/* SPDX-License-Identifier: MIT */
/*
 * The world switch (APM vol. 2, 15.5 and 15.6): into a guest and back, once.
 *
 *   world_switch(rdi: guest VMCB, rsi: struct guest_regs *, rdx: host VMCB), addresses of VMCBs are physical.
 *
 * Called with GIF=0, so that nothing comes between the last check for work and VMRUN. IF is set only so that
 * a physical interrupt is recognised while the guest runs: it is the host's IF that counts then
 * (V_INTR_MASKING). The guest's FS, GS, TR, LDTR, KERNEL_GS, STAR and SYSENTER are loaded last and saved
 * first; the host's come back before anything uses GS or the TSS. No register of the guest survives into the
 * core.
 *
 * struct guest_regs: rbx rcx rdx rsi rdi rbp r8 .. r15, in this order (domain.h).
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
    pushq %rdx

    movq %rdi, %rax
    movq 0(%rsi), %rbx
    movq 8(%rsi), %rcx
    movq 16(%rsi), %rdx
    movq 32(%rsi), %rdi
    movq 40(%rsi), %rbp
    movq 48(%rsi), %r8
    movq 56(%rsi), %r9
    movq 64(%rsi), %r10
    movq 72(%rsi), %r11
    movq 80(%rsi), %r12
    movq 88(%rsi), %r13
    movq 96(%rsi), %r14
    movq 104(%rsi), %r15
    movq 24(%rsi), %rsi

    sti
    vmload %rax
    vmrun %rax                  /* RAX and RSP are the host's again after the exit */
    vmsave %rax
    movq (%rsp), %rax
    vmload %rax
    cli

    movq 8(%rsp), %rax
    movq %rbx, 0(%rax)
    movq %rcx, 8(%rax)
    movq %rdx, 16(%rax)
    movq %rsi, 24(%rax)
    movq %rdi, 32(%rax)
    movq %rbp, 40(%rax)
    movq %r8, 48(%rax)
    movq %r9, 56(%rax)
    movq %r10, 64(%rax)
    movq %r11, 72(%rax)
    movq %r12, 80(%rax)
    movq %r13, 88(%rax)
    movq %r14, 96(%rax)
    movq %r15, 104(%rax)

    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d

    addq $16, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size world_switch, . - world_switch
