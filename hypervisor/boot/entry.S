/* SPDX-License-Identifier: MIT */
/*
 * From the loader to C. A multiboot1 loader (QEMU -kernel) or a multiboot2 loader (GRUB, from BIOS or UEFI)
 * jumps to boot_start in 32-bit mode, paging off, with the image at its physical address. Both headers give
 * the load addresses themselves: QEMU takes an ELF64 file only so, and the file's image segment is one piece.
 * Another Xen, whose PVH guest we are, reads the ELF and a note in it, and jumps to pvh_start in that state.
 * Second CPUs begin in real mode at boot_trampoline, of which secondary.c has put a copy below 1 MiB, one at
 * a time; they take the final page tables and the stack that secondary.c has chosen. What is left in the
 * segment registers does not matter in 64-bit mode; traps.c loads them.
 *
 * The first page tables map the low 4 GiB three times, writable and executable: at 0 for this code, at
 * DIRECTMAP_BASE, and the first GiB at TEXT_BASE. mm/pagetable.c replaces them.
 *
 * Read next: main.c. Multiboot specification 0.6.96, sections 3.1 and 3.2; Multiboot2 2.0, the same sections.
 */
#define TEXT_BASE 0xffffffff80000000
#define PHYSICAL(symbol) (symbol - TEXT_BASE)

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x10003     /* modules on page borders, memory map wanted, addresses valid */
#define MULTIBOOT2_MAGIC 0xe85250d6
#define MULTIBOOT2_I386 0           /* the state at the jump */

#define ELFNOTE_PHYS32_ENTRY 18     /* <xen/elfnote.h> */
#define PVH_MAGIC 0x336ec578        /* what start_info begins with (multiboot.c) */

#define PTE_TABLE 0x003             /* present, writable */
#define PTE_2M 0x083

    .section .multiboot, "a"
    .balign 8
multiboot_header:                   /* load from .. to, clear up to, and jump to */
    .long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS), PHYSICAL(multiboot_header)
    .long PHYSICAL(image_start), PHYSICAL(data_end), PHYSICAL(image_end), PHYSICAL(boot_start)

    .balign 8
multiboot2_header:                  /* the same in tags: type, flags, size */
    .long MULTIBOOT2_MAGIC, MULTIBOOT2_I386, multiboot2_end - multiboot2_header
    .long -(MULTIBOOT2_MAGIC + MULTIBOOT2_I386 + multiboot2_end - multiboot2_header)
    .short 2, 0                     /* addresses */
    .long 24, PHYSICAL(multiboot2_header), PHYSICAL(image_start), PHYSICAL(data_end), PHYSICAL(image_end)
    .short 3, 0                     /* entry */
    .long 12, PHYSICAL(boot_start)
    .balign 8
    .short 6, 0                     /* modules on page borders */
    .long 8
    .short 5, 1                     /* a frame buffer of any size, if there is one */
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
    movl $PVH_MAGIC, %eax           /* such a loader leaves it unsaid; %ebx has the information, too */
boot_start:
    cli
    cld
    movl %eax, %ebp                 /* the loader's magic */
    movl %ebx, %esi                 /* its information */
    movl $PHYSICAL(first_cpu), %edi
    lgdt PHYSICAL(gdt_pointer)
enter_64_bit_mode:                  /* and go on at the linked address of %edi */
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
    movq $boot_stack_top - 16, %rsp /* percpu.h: its last word leads to the CPU's data */
    movq $cpus, 8(%rsp)
    movl %ebp, %edi                 /* boot_main(magic, information) */
    xorl %ebp, %ebp                 /* the first frame */
    call boot_main

second_cpu:
    rdmsr                           /* EFER still: NXE */
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
boot_pml4:                          /* at 0, DIRECTMAP_BASE and the end */
    .quad PHYSICAL(boot_pdpt) + PTE_TABLE
    .skip 255 * 8
    .quad PHYSICAL(boot_pdpt) + PTE_TABLE
    .skip 254 * 8
    .quad PHYSICAL(boot_pdpt) + PTE_TABLE
boot_pdpt:                          /* 4 GiB; and the first where TEXT_BASE is in the last 512 GiB */
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
boot_stack_guard:                   /* pagetable.c leaves it unmapped */
    .skip 4096
    .skip 16384                     /* STACK_SIZE, and aligned to it */
boot_stack_top:
