/* SPDX-License-Identifier: MIT */
/*
 * Entry from an exception or interrupt taken while this CPU runs the core; guests' exceptions do
 * not come here. 256 stubs build a struct trap_frame for each vector and call traps_enter().
 * (APM vol. 2, 8.9)
 *
 * Read next: traps.c.
 */
#define ERROR_CODES 0x60227d00      /* exceptions with an error code: 8 10-14 17 21 29 30 */

    .text
    .balign 16
    .globl entry_traps
entry_traps:                        /* 16 bytes each */
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
    .irp r, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    pushq %\r
    .endr
    movq %rsp, %rdi
    call traps_enter
    .irp r, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
    popq %\r
    .endr
    addq $16, %rsp
    iretq
