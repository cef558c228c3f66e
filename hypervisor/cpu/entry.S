/* SPDX-License-Identifier: MIT */
/*
 * The way into the core from an exception or interrupt on this CPU while it runs the core (guests' exceptions
 * do not come here). 256 stubs bring each vector to one layout, struct trap_frame, and call traps_enter().
 * (APM vol. 2, 8.9)
 *
 * Read next: traps.c.
 */
#define ERROR_CODES 0x60227d00      /* the exceptions for which the CPU pushes one: 8 10-14 17 21 29 30 */

    .text
    .balign 16
    .globl traps_stubs
traps_stubs:                        /* 16 bytes each */
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector > 31) || ((ERROR_CODES >> (vector & 31)) & 1) == 0
    pushq $0                        /* the CPU pushes no error code for this one */
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

trap_common:
    cld
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    call traps_enter
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq
