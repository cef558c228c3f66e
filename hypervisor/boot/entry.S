/* SPDX-License-Identifier: MIT */
/*
 * From the loader to C. A multiboot1 loader (QEMU -kernel) or multiboot2 loader (GRUB, from BIOS or
 * UEFI) jumps to boot_start in 32-bit mode with paging off. The image is at its physical address.
 * Both headers contain the load addresses: QEMU accepts an ELF64 file only with them, and the image
 * is one contiguous segment of the file. Xen, when Cleave is its PVH guest, reads the ELF file and
 * a note in it, and jumps to pvh_start in the same state.
 *
 * Secondary CPUs start in real mode at boot_trampoline, which secondary.c copies below 1 MiB. They
 * start one at a time, and use the final page tables and the stack that secondary.c has chosen.
 * Stale segment registers do not matter in 64-bit mode; traps.c loads them.
 *
 * The first page tables map physical memory three times, writable and executable: the low 4 GiB at
 * 0 for this code and at DIRECTMAP_BASE, and the first GiB at TEXT_BASE. mm/pagetable.c replaces
 * them.
 *
 * Read next: main.c. Multiboot specification 0.6.96, sections 3.1 and 3.2; Multiboot2 2.0, the same
 * sections.
 */
#define TEXT_BASE 0xffffffff80000000
#define PHYSICAL(symbol) (symbol - TEXT_BASE)

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x10003     /* page-aligned modules, memory map, load addresses valid */
#define MULTIBOOT2_MAGIC 0xe85250d6
#define MULTIBOOT2_I386 0           /* entry in 32-bit protected mode */

#define ELFNOTE_PHYS32_ENTRY 18     /* <xen/elfnote.h> */
#define PVH_MAGIC 0x336ec578        /* magic of start_info (multiboot.c) */

#define PTE_TABLE 0x003             /* present, writable */
#define PTE_2M 0x083

    .section .multiboot, "a"
    .balign 8
multiboot_header:                   /* load start, load end, bss end, entry */
    .long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS), PHYSICAL(multiboot_header)
    .long PHYSICAL(image_start), PHYSICAL(data_end), PHYSICAL(image_end), PHYSICAL(boot_start)

    .balign 8
multiboot2_header:                  /* the same as tags: type, flags, size */
    .long MULTIBOOT2_MAGIC, MULTIBOOT2_I386, multiboot2_end - multiboot2_header
    .long -(MULTIBOOT2_MAGIC + MULTIBOOT2_I386 + multiboot2_end - multiboot2_header)
    .short 2, 0                     /* addresses */
    .long 24, PHYSICAL(multiboot2_header), PHYSICAL(image_start), PHYSICAL(data_end), PHYSICAL(image_end)
    .short 3, 0                     /* entry */
    .long 12, PHYSICAL(boot_start)
    .balign 8
    .short 6, 0                     /* page-aligned modules */
    .long 8
    .short 5, 1                     /* optional: a frame buffer of any size */
    .long 20, 0, 0, 0
    .balign 8
    .short 0, 0                     /* end */
    .long 8
multiboot2_end:

    .section .note.pvh, "a", @note
    .long 4, 4, ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long PHYSICAL(pvh_start)

    .section .boot, "ax"
    .code16
    .globl boot_trampoline, boot_trampoline_end
boot_trampoline:
    movw %cs, %ax
    movw %ax, %ds
    lgdtl gdt_pointer - boot_trampoline
    movl $0x11, %eax                /* CR0: ET, PE; caching on */
    movl %eax, %cr0
    movl $PHYSICAL(second_cpu), %edi
    ljmpl $16, $PHYSICAL(enter_64_bit_mode)
gdt_pointer:
    .word gdt_end - gdt - 1
    .long PHYSICAL(gdt)
boot_trampoline_end:

    .code32
    .globl boot_start
pvh_start:
    movl $PVH_MAGIC, %eax           /* PVH passes no magic; %ebx has start_info */
boot_start:
    cli
    cld
    movl %eax, %ebp                 /* the loader's magic */
    movl %ebx, %esi                 /* the loader's information */
    movl $PHYSICAL(first_cpu), %edi
    lgdt PHYSICAL(gdt_pointer)
enter_64_bit_mode:                  /* then jump to %edi + TEXT_BASE */
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
    ljmp $8, $PHYSICAL(1f)
    .code64
1:  movl %edi, %eax
    orq $TEXT_BASE, %rax
    jmp *%rax

first_cpu:
    movq $boot_stack_top - 16, %rsp /* top word: this CPU's struct cpu (percpu.h) */
    movq $cpus, 8(%rsp)
    movl %ebp, %edi                 /* boot_main(magic, information) */
    xorl %ebp, %ebp                 /* end of the frame chain */
    call boot_main

second_cpu:
    rdmsr                           /* %ecx is still EFER: set NXE */
    orl $0x800, %eax
    wrmsr
    movq pagetable_root, %rax
    movq %rax, %cr3
    movq secondary_stack, %rsp
    xorl %ebp, %ebp
    call secondary_main

    .section .rodata, "a"
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff        /* 8: 64-bit code */
    .quad 0x00cf9b000000ffff        /* 16: 32-bit code, for the trampoline */
gdt_end:

    .data
    .balign 4096
boot_pml4:                          /* entries for 0, DIRECTMAP_BASE and TEXT_BASE */
    .quad PHYSICAL(boot_pdpt) + PTE_TABLE
    .skip 255 * 8
    .quad PHYSICAL(boot_pdpt) + PTE_TABLE
    .skip 254 * 8
    .quad PHYSICAL(boot_pdpt) + PTE_TABLE
boot_pdpt:                          /* 4 GiB; entry 510: the first GiB at TEXT_BASE */
    .irp directory, 0, 1, 2, 3
    .quad PHYSICAL(boot_directories) + \directory * 4096 + PTE_TABLE
    .endr
    .skip 506 * 8
    .quad PHYSICAL(boot_directories) + PTE_TABLE
    .skip 8
boot_directories:
    .set address, 0
    .rept 4 * 512
    .quad address + PTE_2M
    .set address, address + 0x200000
    .endr

    .section .bss.boot, "aw", @nobits
    .globl boot_stack_guard, boot_stack_top
    .skip 16384 - 4096              /* core.lds aligns this to 16384 */
boot_stack_guard:                   /* left unmapped by pagetable.c */
    .skip 4096
    .skip 16384                     /* STACK_SIZE, and aligned to it */
boot_stack_top:
