/* SPDX-License-Identifier: MIT */
/*
 * Where second CPUs start: smp.c copies this to AP_TRAMPOLINE, below 1 MiB, and a start-up interrupt makes
 * the CPU begin there in real mode. It goes to 64-bit mode on the first page tables (entry.S), which map low
 * memory, then takes the final ones and the stack that smp.c has chosen. One CPU at a time.
 *
 * Read next: cpu/smp.c.
 */
#define TEXT_BASE 0xffffffff80000000
#define PHYSICAL(symbol) (symbol - TEXT_BASE)
#define AP_TRAMPOLINE 0x8000
#define HERE(label) (AP_TRAMPOLINE + label - boot_trampoline)

    .section .rodata, "a"
    .balign 16
    .globl boot_trampoline, boot_trampoline_end
    .code16
boot_trampoline:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl gdt_pointer - boot_trampoline
    movl $0x11, %eax                /* CR0: ET, PE; caching on */
    movl %eax, %cr0
    ljmpl $24, $HERE(1f)

    .code32
1:  movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $0x20, %eax                /* CR4.PAE */
    movl %eax, %cr4
    movl $PHYSICAL(boot_pml4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          /* EFER: LME, NXE */
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl $0x80010011, %eax
    movl %eax, %cr0
    ljmp $8, $HERE(2f)

    .code64
2:  movabsq $second_cpu, %rax
    jmp *%rax

    .balign 4
gdt_pointer:
    .word 31
    .long PHYSICAL(boot_gdt)
boot_trampoline_end:

    .text
second_cpu:
    movq pagetable_root, %rax
    movq %rax, %cr3
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq smp_start_stack, %rsp
    xorl %ebp, %ebp
    call boot_second_cpu
    ud2
