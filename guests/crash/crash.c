/* SPDX-License-Identifier: MIT */
/*
 * A guest that dies as hard as a CPU can: a triple fault. An empty IDT makes the breakpoint a fault, its #GP
 * a double fault, and the double fault a shutdown (AMD APM vol. 2, 8.2.9, 15.14.3). The hypervisor must
 * report SHUTDOWN_crash for this domain, and nobody else may notice. Other deaths by a word on the command
 * line:
 *   exception  an unexpected #UD; the guest's own handler prints it and reports the crash
 *   panic      the same without an exception
 *   hole       a read where no memory is (real Xen answers with ones)
 *   execute    a jump to where no memory is
 *   mmio       an instruction on the APIC page that nobody emulates
 *   cr3        reserved bits in CR3: in QEMU's emulation no #GP, but a guest state that VMRUN refuses
 * A word that does not end the guest is said so, and the guest powers off.
 */
#include "apic.h"
#include "trap.h"

#define HOLE 0xfd800000UL
#define CR3_RESERVED (1UL << 60)

static void die_exception(void) { asm volatile("ud2"); }
static void die_panic(void) { trap_panic("as asked for"); }
static void die_hole(void) { (void)*(volatile uint64_t *)HOLE; }
static void die_execute(void) { ((void (*)(void))HOLE)(); }

static void die_mmio(void)
{
    asm volatile("push %0; pop %%rax" :: "m"(*(volatile uint64_t *)APIC_MMIO) : "rax");
}

static void die_cr3(void)
{
    uint64_t cr3;

    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    asm volatile("mov %0, %%cr3" :: "r"(cr3 | CR3_RESERVED) : "memory");
}

static void die_triple(void)
{
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none = { 0, 0 };

    asm volatile("lidt %0; int3" :: "m"(none));
}

static const struct { const char *word; void (*die)(void); } deaths[] = {
    { "exception", die_exception }, { "panic", die_panic }, { "hole", die_hole }, { "execute", die_execute },
    { "mmio", die_mmio }, { "cr3", die_cr3 }, { "triple", die_triple },
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
