/* SPDX-License-Identifier: MIT */
/*
 * From the loader to C. A multiboot1 loader (QEMU -kernel) or a multiboot2 loader (GRUB, from BIOS or UEFI)
 * jumps to boot_start in 32-bit mode, paging off, with the image at its physical address. Both headers give
 * the load addresses themselves: QEMU takes an ELF64 file only so, and the file's image segment is one piece.
 * Here: first page tables, 64-bit mode, the jump to the linked address, boot_main().
 *
 * The first page tables map the low 4 GiB three times, writable and executable: at 0 for this code and the
 * second CPUs' trampoline, at DIRECTMAP_BASE, and its first GiB at TEXT_BASE. mm/pagetable.c replaces them.
 *
 * Read next: main.c. Multiboot specification 0.6.96, sections 3.1 and 3.2; Multiboot2 2.0, the same sections.
 */
#define TEXT_BASE 0xffffffff80000000
#define PHYSICAL(symbol) (symbol - TEXT_BASE)

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x10003     /* modules on page borders, memory map wanted, addresses valid */
#define MULTIBOOT2_MAGIC 0xe85250d6
#define MULTIBOOT2_I386 0           /* the state at the jump */

#define PTE_TABLE 0x003             /* present, writable */
#define PTE_2M 0x083

    .section .multiboot, "a"
    .balign 8
multiboot_header:
    .long MULTIBOOT_MAGIC
    .long MULTIBOOT_FLAGS
    .long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
    .long PHYSICAL(multiboot_header)
    .long PHYSICAL(image_start)     /* load from here .. */
    .long PHYSICAL(data_end)        /* .. to here, */
    .long PHYSICAL(image_end)       /* clear up to here, */
    .long PHYSICAL(boot_start)      /* and jump */

    .balign 8
multiboot2_header:                  /* the same in tags: type, flags, size */
    .long MULTIBOOT2_MAGIC
    .long MULTIBOOT2_I386
    .long multiboot2_end - multiboot2_header
    .long -(MULTIBOOT2_MAGIC + MULTIBOOT2_I386 + multiboot2_end - multiboot2_header)
    .short 2, 0                     /* addresses */
    .long 24, PHYSICAL(multiboot2_header), PHYSICAL(image_start), PHYSICAL(data_end), PHYSICAL(image_end)
    .short 3, 0                     /* entry */
    .long 12, PHYSICAL(boot_start)
    .balign 8
    .short 6, 0                     /* modules on page borders */
    .long 8
    .short 0, 0                     /* end */
    .long 8
multiboot2_end:

    .section .boot, "ax"
    .code32
    .globl boot_start
boot_start:
    cli
    cld
    movl $PHYSICAL(boot_stack_top), %esp
    movl %eax, %ebp                 /* the loader's magic */
    movl %ebx, %esi                 /* its information */

    /* 4 page directories of 512 x 2 MiB */
    movl $PHYSICAL(boot_directories), %edi
    movl $PTE_2M, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b

    /*
     * They hang below one directory pointer table for low addresses, and the first also below the one for
     * TEXT_BASE.
     */
    movl $PHYSICAL(boot_directories) + PTE_TABLE, %eax
    movl %eax, PHYSICAL(boot_pdpt_high) + 510 * 8
    movl %eax, PHYSICAL(boot_pdpt_low)
    addl $0x1000, %eax
    movl %eax, PHYSICAL(boot_pdpt_low) + 8
    addl $0x1000, %eax
    movl %eax, PHYSICAL(boot_pdpt_low) + 16
    addl $0x1000, %eax
    movl %eax, PHYSICAL(boot_pdpt_low) + 24
    movl $PHYSICAL(boot_pdpt_low) + PTE_TABLE, PHYSICAL(boot_pml4)
    movl $PHYSICAL(boot_pdpt_low) + PTE_TABLE, PHYSICAL(boot_pml4) + 256 * 8
    movl $PHYSICAL(boot_pdpt_high) + PTE_TABLE, PHYSICAL(boot_pml4) + 511 * 8

    movl $PHYSICAL(boot_pml4), %eax
    movl %eax, %cr3
    movl $0x20, %eax                /* CR4.PAE */
    movl %eax, %cr4
    movl $0xc0000080, %ecx          /* EFER: LME; NXE comes with the final page tables */
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl $0x80010011, %eax          /* CR0: PG, WP, ET, PE */
    movl %eax, %cr0
    lgdt PHYSICAL(boot_gdt_pointer)
    ljmp $8, $PHYSICAL(1f)

    .code64
1:  movabsq $2f, %rax
    jmp *%rax
2:  movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_top - 16, %rsp /* percpu.h: its last word leads to the CPU's data */
    movq $cpus, 8(%rsp)
    movl %ebp, %edi                 /* boot_main(magic, information) */
    xorl %ebp, %ebp                 /* the first frame */
    call boot_main
    ud2

    .section .rodata, "a"
    .balign 8
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long PHYSICAL(boot_gdt)
    .balign 8
    .globl boot_gdt
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff        /* 8: 64-bit code */
    .quad 0x00cf93000000ffff        /* 16: data */
    .quad 0x00cf9b000000ffff        /* 24: 32-bit code, for the trampoline */
boot_gdt_end:

    .section .bss.boot, "aw", @nobits
    .balign 4096                    /* core.lds aligns its start to 16384 */
    .globl boot_pml4, boot_stack_guard, boot_stack_top
boot_directories:
    .skip 4 * 4096
boot_pml4:
    .skip 4096
boot_pdpt_low:
    .skip 4096
boot_pdpt_high:
    .skip 4096
boot_stack_guard:                   /* pagetable.c leaves it unmapped */
    .skip 4096
    .skip 16384                     /* STACK_SIZE, and aligned to it */
boot_stack_top:
