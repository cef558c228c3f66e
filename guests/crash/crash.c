/* SPDX-License-Identifier: MIT */
/*
 * A guest that ends by a triple fault. An empty IDT turns the breakpoint into #GP, that into a
 * double fault, and that into a shutdown (AMD APM vol. 2, 8.2.9, 15.14.3). The hypervisor must
 * report SHUTDOWN_crash for this domain, and no other domain may be affected. A word on the command
 * line selects another way:
 *   exception  an unexpected #UD; the guest's own handler prints it and reports the crash
 *   panic      the same without an exception
 *   hole       a read of a hole (Xen returns ones)
 *   execute    a jump into a hole
 *   mmio       an instruction on the APIC page that is not emulated
 *   cr3 cr0 dr7  reserved bits: no #GP in QEMU, but a guest state that VMRUN refuses
 *   cr4        reserved bits, which raise #GP
 *   tables apic      page tables in a hole, or in the APIC's registers
 *   own              page tables overwritten by the result of a hypercall
 *   gdt tss          descriptors, or the TSS for the next exception, in a hole
 *   task             a task switch, from 32-bit code without paging
 * If a word does not end the guest, it says so and powers off.
 */
#include "lib.h"

#include <xen/version.h>

#include "apic.h"
#include "hypercall.h"
#include "mem.h"
#include "smp.h"
#include "trap.h"

#define HOLE 0xfd800000UL
#define CR3_RESERVED (1UL << 60)

static void die_exception(void) { asm volatile("ud2"); }
static void die_panic(void) { trap_panic("as asked for"); }
static void die_hole(void) { (void)*(volatile uint64_t *)HOLE; }
static void die_execute(void) { ((void (*)(void))HOLE)(); }

static void die_mmio(void)
{
    asm volatile("push %0; pop %%rax" ::"m"(*(volatile uint64_t *)APIC_MMIO) : "rax");
}

static void die_cr3(void)
{
    uint64_t cr3;

    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    asm volatile("mov %0, %%cr3" ::"r"(cr3 | CR3_RESERVED) : "memory");
}

static void die_cr0(void)
{
    uint64_t cr0;

    asm volatile("mov %%cr0, %0" : "=r"(cr0));
    asm volatile("mov %0, %%cr0" ::"r"(cr0 | 1UL << 29)); /* NW without CD */
}

static void die_cr4(void)
{
    uint64_t cr4;

    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    asm volatile("mov %0, %%cr4" ::"r"(cr4 | 1UL << 40));
}

static void die_dr7(void) { asm volatile("mov %0, %%dr7" ::"r"(1UL << 40)); }

static void die_tables(void) { asm volatile("mov %0, %%cr3" ::"r"(HOLE) : "memory"); }
static void die_apic(void) { asm volatile("mov %0, %%cr3" ::"r"(APIC_MMIO) : "memory"); }

static void die_own(void)
{
    uint64_t cr3;

    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    hypercall(__HYPERVISOR_xen_version, XENVER_capabilities, cr3, 0, 0, 0);
    asm volatile("mov %0, %%cr3" ::"r"(cr3) : "memory");
}

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static void die_gdt(void)
{
    struct table_pointer nowhere = { 0xffff, HOLE };

    asm volatile("lgdt %0; push $0x40; push $0; lretq" ::"m"(nowhere));
}

static void die_tss(void)
{
    uint64_t *gdt = vcpu_this()->gdt;

    gdt[3] = 0x67 | (HOLE & 0xffffff) << 16 | 0x89UL << 40 | (HOLE >> 24 & 0xff) << 56;
    asm volatile("ltr %w0; ud2" ::"r"(0x18));
}

/* Descriptors of 32-bit code and data, and of two TSSs below 16 MiB. */
static uint64_t tasks[] = {
    0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x0000890000000067, 0x0000890000000067,
};
void crash_task(void);
asm(".code64\n"
    "crash_task: push $8; push $1f; lretq\n"
    ".code32\n"
    "1: mov $0x10, %eax; mov %eax, %ds; mov %eax, %ss\n"
    "mov %cr0, %eax; and $0x7fffffff, %eax; mov %eax, %cr0\n" /* no paging, so no long mode */
    "mov $0x18, %eax; ltr %ax\n"
    "ljmp $0x20, $0\n"
    ".code64");

static void die_task(void)
{
    struct table_pointer pointer = { sizeof(tasks) - 1, (uint64_t)tasks };

    for (unsigned i = 3; i < ARRAY_SIZE(tasks); i++)
        tasks[i] |= (uint64_t)mem_page() << 16;
    asm volatile("lgdt %0" ::"m"(pointer));
    crash_task();
}

static void die_triple(void)
{
    struct table_pointer none = { 0, 0 };

    asm volatile("lidt %0; int3" ::"m"(none));
}

static const struct {
    const char *word;
    void (*die)(void);
} deaths[] = {
    { "exception", die_exception },
    { "panic", die_panic },
    { "hole", die_hole },
    { "execute", die_execute },
    { "mmio", die_mmio },
    { "cr3", die_cr3 },
    { "cr0", die_cr0 },
    { "cr4", die_cr4 },
    { "dr7", die_dr7 },
    { "tables", die_tables },
    { "apic", die_apic },
    { "own", die_own },
    { "gdt", die_gdt },
    { "tss", die_tss },
    { "task", die_task },
    { "triple", die_triple },
};

int guest_main(void)
{
    unsigned i = 0;

    while (i < ARRAY_SIZE(deaths) - 1 && !cmdline_has(deaths[i].word))
        i++;
    printf("crash: %s now\n", deaths[i].word);
    deaths[i].die();
    printf("crash: still alive after %s\n", deaths[i].word);
    return 0;
}
