/* SPDX-License-Identifier: MIT */
/*
 * The host CPU: wrappers for instructions, and bits of its registers.
 *
 * Interrupts: the core runs with IF=0. Interrupts are taken only at the idle loop's HLT and in
 * irq_window(), which follows each exit of a guest (guest/exit.c). So a handler never interrupts a
 * lock holder. Handlers may take locks, must be short, and defer longer work to a softirq.
 */
#ifndef CLV_CPU_H
#define CLV_CPU_H

#include "percpu.h"
#include "types.h"

static inline void cpu_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(sub));
}

static inline uint64_t cpu_rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return ((uint64_t)hi << 32) | lo;
}

static inline void cpu_wrmsr(uint32_t msr, uint64_t val)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32))
                     : "memory");
}

static inline uint64_t cpu_xgetbv(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static inline void cpu_xsetbv(uint64_t val)
{
    __asm__ volatile("xsetbv"
                     :
                     : "c"(0), "a"((uint32_t)val), "d"((uint32_t)(val >> 32))
                     : "memory");
}

static inline void cpu_wbinvd(void) { __asm__ volatile("wbinvd" ::: "memory"); }
static inline void cpu_pause(void) { __asm__ volatile("pause" ::: "memory"); }
static inline noreturn void cpu_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}
static inline void irq_window(void) { __asm__ volatile("sti; nop; cli" ::: "memory"); }

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void outb(uint16_t p, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p));
}
static inline void outw(uint16_t p, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p));
}
static inline void outl(uint16_t p, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(p));
}

/* Bits of control registers, and MSRs (APM vol. 2, 3.1 and appendix A). */
/* clang-format off */
enum { CR0_PE = 1 << 0, CR0_MP = 1 << 1, CR0_ET = 1 << 4, CR0_NE = 1 << 5, CR0_WP = 1 << 16 };
#define CR0_PG (1ull << 31)
enum { CR4_VME = 1 << 0, CR4_PVI = 1 << 1, CR4_TSD = 1 << 2, CR4_DE = 1 << 3, CR4_PSE = 1 << 4,
       CR4_PAE = 1 << 5, CR4_MCE = 1 << 6, CR4_PGE = 1 << 7, CR4_PCE = 1 << 8, CR4_OSFXSR = 1 << 9,
       CR4_OSXMMEXCPT = 1 << 10, CR4_UMIP = 1 << 11, CR4_FSGSBASE = 1 << 16, CR4_PCIDE = 1 << 17,
       CR4_OSXSAVE = 1 << 18, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21, CR4_PKE = 1 << 22 };
enum { EFER_SCE = 1 << 0, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11,
       EFER_SVME = 1 << 12 };
/* clang-format on */
#define MSR_EFER 0xc0000080u
#define MSR_TSC_AUX 0xc0000103u
#define MSR_PRED_CMD 0x49u
#define MSR_PLATFORM_INFO 0xceu
#define PLATFORM_INFO_CPUID_FAULTING (1u << 31)
#define MSR_PAT 0x277u
#define MSR_DEBUGCTL 0x1d9u
#define MSR_LAST_BRANCH 0x1dbu /* from, to, and both for the last exception */
#define MSR_DE_CFG 0xc0011029u
#define MSR_CSTATE_BASE 0xc0010073u
#define DE_CFG_LFENCE 2ull
#define PAT_DEFAULT 0x0007040600070406ull /* WB WT UC- UC, as after reset */

#endif
