/* SPDX-License-Identifier: MIT */
/*
 * What this CPU can do, and the control registers as the core wants them. SVM itself is svm/svm.c's.
 * Secondary CPUs are taken to be like the first. (APM vol. 3, appendix E; vol. 2, 3.1)
 */
#include "cpu.h"
#include "lib.h"

#define MSR_EFER 0xc0000080u
#define EFER_NXE (1ull << 11)
#define MSR_PAT 0x277u
#define PAT_DEFAULT 0x0007040600070406ull /* WB WT UC- UC, as after reset */

#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR4_PAE (1ull << 5)
#define CR4_MCE (1ull << 6)
#define CR4_PGE (1ull << 7)
#define CR4_OSFXSR (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)

#define XCR0_SUPPORTED 7u   /* x87, SSE, AVX */
#define XCR0_AVX 4u
#define XSAVE_LEGACY 576u   /* FXSAVE area and XSAVE header */

struct cpu_features cpu_features;

enum reg { EAX, EBX, ECX, EDX };

/* A register of a CPUID leaf; 0 for a leaf that this CPU does not have. */
static uint32_t leaf(uint32_t n, uint32_t sub, enum reg reg)
{
    uint32_t r[4];

    cpu_cpuid(n & 0x80000000, 0, r);
    if (n > r[EAX])
        return 0;
    cpu_cpuid(n, sub, r);
    return r[reg];
}

static bool bit(uint32_t n, enum reg reg, unsigned int which)
{
    return leaf(n, 0, reg) >> which & 1;
}

static void read_names(void)
{
    uint32_t r[4];

    cpu_cpuid(0, 0, r);
    memcpy(cpu_features.vendor, &r[EBX], 4);
    memcpy(cpu_features.vendor + 4, &r[EDX], 4);
    memcpy(cpu_features.vendor + 8, &r[ECX], 4);
    for (uint32_t i = 0; i < 3; i++) {
        cpu_cpuid(0x80000002 + i, 0, r);
        memcpy(cpu_features.brand + i * 16, r, 16);
    }
}

static void read_xsave(struct cpu_features *f)
{
    f->xsave = bit(1, ECX, 26);
    f->xcr0_mask = f->xsave ? leaf(0xd, 0, EAX) & XCR0_SUPPORTED : 0;
    f->xsave_size = f->xsave ? XSAVE_LEGACY : 512;
    if (f->xcr0_mask & XCR0_AVX)
        f->xsave_size = leaf(0xd, 2, EAX) + leaf(0xd, 2, EBX);
}

void features_init(void)
{
    struct cpu_features *f = &cpu_features;

    read_names();
    f->x2apic = bit(1, ECX, 21);
    f->smep = bit(7, EBX, 7);
    f->smap = bit(7, EBX, 20);
    f->nx = bit(0x80000001, EDX, 20);
    f->pages_1g = bit(0x80000001, EDX, 26);
    f->rdtscp = bit(0x80000001, EDX, 27);
    f->invariant_tsc = bit(0x80000007, EDX, 8);
    f->physical_bits = leaf(0x80000008, 0, EAX) & 0xff;
    f->ibpb = bit(0x80000008, EBX, 12);
    f->asid_count = leaf(0x8000000a, 0, EBX);
    read_xsave(f);
    if (!f->nx)
        panic("this CPU has no no-execute pages; Cleave needs them\n");
    log_info("CPU: %s (%s), %u physical address bits\n", f->brand, f->vendor, f->physical_bits);
}

void features_init_cpu(void)
{
    uint64_t cr0, cr4 = CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    cr4 |= (cpu_features.xsave ? CR4_OSXSAVE : 0);
    cr4 |= (cpu_features.smep ? CR4_SMEP : 0) | (cpu_features.smap ? CR4_SMAP : 0);
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    cr0 = (cr0 | CR0_MP | CR0_NE | CR0_WP) & ~(CR0_EM | CR0_TS | CR0_NW | CR0_CD);
    cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | EFER_NXE);
    __asm__ volatile("mov %0, %%cr0; mov %1, %%cr4; fninit" : : "r"(cr0), "r"(cr4) : "memory");
    cpu_wrmsr(MSR_PAT, PAT_DEFAULT);
    if (cpu_features.xsave)
        __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)cpu_features.xcr0_mask), "d"(0));
}
