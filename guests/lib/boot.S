/* SPDX-License-Identifier: MIT */
/*
 * Entry points of a guest: PVH entry of the first vCPU, and the page below 1 MiB that starts the others.
 *
 * PVH starts in 32-bit flat mode without paging, with EBX = hvm_start_info (xen/arch-x86/hvm/start_info.h).
 * Both entries continue in boot_long32: page tables (the first 4 GiB, identity, 2 MiB pages), EFER.LME,
 * paging, then 64-bit C. The first vCPU fills in the page tables, which all share. None of their pages is
 * no-execute. EFER.NXE is set for Xen running Cleave as a guest: without it Xen treats no-execute entries
 * in Cleave's nested tables as malformed. AMD APM vol. 2, 14 (long-mode start), 15.27 (INIT, SIPI). Read
 * next: main.c.
 */
#include <xen/elfnote.h>

#define CR0_PE      0x00000001
#define CR0_PG_ON   0x80010011      /* PG WP ET PE; TS and EM clear, so that a guest can use the FPU */
#define CR4_PAE     0x00000020
#define MSR_EFER    0xc0000080
#define EFER_LME    0x100
#define EFER_NXE    0x800
#define PTE_RW      0x003           /* present, writable; never user: SMEP and SMAP may be enabled */
#define PDE_BIG     0x083

        .section .note.Xen, "a", @note
        .align 4
        .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
        .asciz "Xen"
        .long boot_entry

        .section .text.boot, "ax"
        .code32
        .globl boot_entry
boot_entry:
        cld
        cli
        mov $boot_stack_top, %esp
        mov %ebx, boot_start_info

        /* pml4[0] -> pdpt, pdpt[0..3] -> four page directories, 2048 entries of 2 MiB */
        movl $boot_pdpt + PTE_RW, boot_pml4
        mov $boot_pd + PTE_RW, %eax
        mov $boot_pdpt, %edi
        mov $4, %ecx
1:      mov %eax, (%edi)
        add $4096, %eax
        add $8, %edi
        loop 1b
        mov $PDE_BIG, %eax
        mov $boot_pd, %edi
        mov $2048, %ecx
1:      mov %eax, (%edi)
        add $0x200000, %eax
        add $8, %edi
        loop 1b

        lgdt boot_gdt_pointer
        mov $boot_main64, %ebx
        jmp boot_long32

        /*
         * In 32-bit protected mode without paging, with boot_gdt loaded: enters 64-bit code at EBX, with
         * the stack in ESP.
         */
boot_long32:
        mov $CR4_PAE, %eax
        mov %eax, %cr4
        mov $boot_pml4, %eax
        mov %eax, %cr3
        mov $MSR_EFER, %ecx
        rdmsr
        or $EFER_LME | EFER_NXE, %eax
        wrmsr
        mov $CR0_PG_ON, %eax
        mov %eax, %cr0
        ljmp $0x08, $boot_long64

        .code64
boot_long64:
        xor %eax, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov %eax, %fs
        mov %eax, %gs
        mov %ebx, %ebx
        jmp *%rbx

boot_main64:
        mov boot_start_info, %edi
        call main_start
        ud2

        /*
         * Secondary vCPUs: SIPI starts them in real mode at the page that boot_ap_begin..end was copied to,
         * CS:0. They start one at a time: smp.c sets boot_ap_stack and waits.
         */
        .globl boot_ap_begin, boot_ap_end
        .code16
boot_ap_begin:
        cli
        mov %cs, %ax
        mov %ax, %ds
        lgdtl boot_ap_gdt_pointer - boot_ap_begin
        mov $CR0_PE, %eax
        mov %eax, %cr0
        ljmpl $0x18, $boot_ap32
        .align 4
boot_ap_gdt_pointer:
        .word boot_gdt_end - boot_gdt - 1
        .long boot_gdt
boot_ap_end:

        /* Entries for VCPUOP_initialise: in 32-bit mode, or in 64-bit mode with a stack; without a GDT. */
        .code64
        .globl boot_ap_direct64, boot_ap_direct32
boot_ap_direct64:
        lgdt boot_gdt_pointer
        push $0x08
        push $boot_ap_main64
        lretq

        .code32
boot_ap_direct32:
        lgdt boot_gdt_pointer
        ljmp $0x18, $boot_ap32
boot_ap32:
        mov $0x20, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov boot_ap_stack, %esp
        mov $boot_ap_main64, %ebx
        jmp boot_long32

        .code64
boot_ap_main64:
        call smp_ap_start
        ud2

        .section .data
        .align 8
boot_gdt:
        .quad 0
        .quad 0x00af9b000000ffff        /* 0x08: 64-bit code */
        .quad 0x00cf93000000ffff        /* 0x10: data */
        .quad 0x00cf9b000000ffff        /* 0x18: 32-bit code, flat */
        .quad 0x00cf93000000ffff        /* 0x20: data, flat */
boot_gdt_end:
boot_gdt_pointer:
        .word boot_gdt_end - boot_gdt - 1
        .quad boot_gdt               /* 64-bit code reads 8 bytes, 32-bit code 4 */

        .globl boot_ap_stack
boot_ap_stack:
        .quad 0

        .section .bss
        .align 4
boot_start_info:
        .skip 4

        .section .bss.page, "aw", @nobits
        .align 4096
        .globl boot_pml4
boot_pml4:
        .skip 4096
boot_pdpt:
        .skip 4096
boot_pd:
        .skip 4 * 4096
boot_stack:
        .skip 2 * 4096
boot_stack_top:

        .section .note.GNU-stack, "", @progbits
