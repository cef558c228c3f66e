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

static bool bit(uint32_t word, unsigned int n)
{
    return (word >> n) & 1;
}

static void read_names(void)
{
    uint32_t r[4];

    cpu_cpuid(0, 0, r);
    memcpy(cpu_features.vendor, &r[1], 4);
    memcpy(cpu_features.vendor + 4, &r[3], 4);
    memcpy(cpu_features.vendor + 8, &r[2], 4);
    for (uint32_t i = 0; i < 3; i++) {
        cpu_cpuid(0x80000002 + i, 0, r);
        memcpy(cpu_features.brand + i * 16, r, 16);
    }
}

static void read_xsave(void)
{
    uint32_t r[4];

    cpu_features.xsave_size = 512;
    if (!cpu_features.xsave)
        return;
    cpu_cpuid(0xd, 0, r);
    cpu_features.xcr0_mask = r[0] & XCR0_SUPPORTED;
    cpu_features.xsave_size = XSAVE_LEGACY;
    if (cpu_features.xcr0_mask & XCR0_AVX) {
        cpu_cpuid(0xd, 2, r);
        cpu_features.xsave_size = r[0] + r[1];
    }
}

void features_init(void)
{
    uint32_t r[4], leaves, extended;

    read_names();
    cpu_cpuid(0, 0, r);
    leaves = r[0];
    cpu_cpuid(1, 0, r);
    cpu_features.x2apic = bit(r[2], 21);
    cpu_features.tsc_deadline = bit(r[2], 24);
    cpu_features.xsave = bit(r[2], 26) && leaves >= 0xd;
    if (leaves >= 7) {
        cpu_cpuid(7, 0, r);
        cpu_features.smep = bit(r[1], 7);
        cpu_features.smap = bit(r[1], 20);
    }
    cpu_cpuid(0x80000000, 0, r);
    extended = r[0];
    cpu_cpuid(0x80000001, 0, r);
    cpu_features.nx = bit(r[3], 20);
    cpu_features.pages_1g = bit(r[3], 26);
    cpu_features.rdtscp = bit(r[3], 27);
    cpu_features.physical_bits = 36;
    if (extended >= 0x80000007) {
        cpu_cpuid(0x80000007, 0, r);
        cpu_features.invariant_tsc = bit(r[3], 8);
    }
    if (extended >= 0x80000008) {
        cpu_cpuid(0x80000008, 0, r);
        cpu_features.physical_bits = r[0] & 0xff;
        cpu_features.ibpb = bit(r[1], 12);
    }
    if (extended >= 0x8000000a) {
        cpu_cpuid(0x8000000a, 0, r);
        cpu_features.asid_count = r[1];
        cpu_features.svm_features = r[3];
        cpu_features.nrips = bit(r[3], 3);
        cpu_features.flush_by_asid = bit(r[3], 6);
        cpu_features.decode_assist = bit(r[3], 7);
    }
    read_xsave();
    if (!cpu_features.nx)
        panic("this CPU has no no-execute pages; Cleave needs them\n");
    log_info("CPU: %s (%s), %u physical address bits\n", cpu_features.brand, cpu_features.vendor,
             cpu_features.physical_bits);
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
