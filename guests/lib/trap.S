/* SPDX-License-Identifier: MIT */
/*
 * Interrupt and exception entries: 256 stubs and a common path that saves the registers as struct
 * trap_frame (trap.h) and calls trap_handle. Also trap_try, which runs a function that may fault, and
 * trap_unwind, which returns from the fault into it. AMD APM vol. 2, 8.9 (long-mode interrupt stack).
 */
        .section .text, "ax"
        .align 16
        .globl trap_stubs
trap_stubs:
        .set vector, 0
        .rept 256
        .align 16
        /* the CPU pushes an error code for 8, 10-14, 17, 21, 29 and 30; push 0 for the others */
        .if vector > 31
        push $0
        .else
        .if !((0x60227d00 >> vector) & 1)
        push $0
        .endif
        .endif
        push $vector
        jmp trap_common
        .set vector, vector + 1
        .endr

trap_common:
        push %rax
        push %rbx
        push %rcx
        push %rdx
        push %rsi
        push %rdi
        push %rbp
        push %r8
        push %r9
        push %r10
        push %r11
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, %rdi
        mov %rsp, %rbp
        and $-16, %rsp
        cld
        call trap_handle
        mov %rbp, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rbp
        pop %rdi
        pop %rsi
        pop %rdx
        pop %rcx
        pop %rbx
        pop %rax
        add $16, %rsp
        .globl trap_return
trap_return:
        iretq

        /*
         * int trap_try_enter(void (*run)(void *), void *arg, uint64_t *resume): returns -1, or the vector
         * of the exception
         */
        .globl trap_try_enter
trap_try_enter:
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, (%rdx)
        mov %rdi, %rax
        mov %rsi, %rdi
        sub $8, %rsp
        call *%rax
        add $8, %rsp
        mov $-1, %eax
trap_try_leave:
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        ret

        /* noreturn void trap_unwind(uint64_t resume, int vector): makes trap_try_enter return the vector */
        .globl trap_unwind
trap_unwind:
        mov %rdi, %rsp
        mov %esi, %eax
        cld
        jmp trap_try_leave

        .section .note.GNU-stack, "", @progbits
