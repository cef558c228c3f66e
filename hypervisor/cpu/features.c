/* SPDX-License-Identifier: MIT */
/*
 * CPU features, and the control registers as the core needs them. Secondary CPUs are assumed to
 * equal the boot CPU. (APM vol. 3, appendix E; vol. 2, 3.1)
 */
#include "cpu/features.h"
#include "cpu.h"
#include "cpu/mcheck.h"
#include "errors.h"
#include "lib.h"

#define XCR0_SUPPORTED 7u /* x87, SSE, AVX */
#define XCR0_AVX 4u
#define XSAVE_LEGACY 576u /* FXSAVE area and XSAVE header */

struct cpu_features cpu_features;

enum reg { EAX, EBX, ECX, EDX };

static const struct {
    uint32_t leaf;
    enum reg reg;
    unsigned int bit;
    const char *name;
} needed[] = {
    { 0x80000001, EDX, 20, "no-execute pages" },
    { 0x80000001, ECX, 2, "SVM" },
    { 0x8000000a, EDX, 0, "nested paging (NPT)" },
};

/* Returns a register of a CPUID leaf, or 0 if the CPU lacks the leaf. */
static uint32_t cpuid_leaf(uint32_t n, uint32_t sub, enum reg reg)
{
    uint32_t r[4];

    cpu_cpuid(n & 0x80000000, 0, r);
    if (n > r[EAX])
        return 0;
    cpu_cpuid(n, sub, r);
    return r[reg];
}

static bool cpuid_bit(uint32_t n, enum reg reg, unsigned int which)
{
    return cpuid_leaf(n, 0, reg) >> which & 1;
}

/* Detects QEMU's TCG by the hypervisor leaf. Workarounds for its bugs apply only there. */
static bool is_tcg(void)
{
    static const char name[] = "TCGTCGTCGTCG";
    uint32_t r[4];

    if (!cpuid_bit(1, ECX, 31))
        return false;
    cpu_cpuid(0x40000000, 0, r);
    return memcmp(&r[EBX], name, 12) == 0;
}

/*
 * Returns the first of the eight I/O ports whose reads enter a C-state, or 0 for none (AMD's PPR
 * for family 17h, MSRC001_0073 CstateAddr). Older CPUs may lack the register, and so do emulators.
 */
static uint16_t cstate_ports(void)
{
    uint32_t signature = cpuid_leaf(1, 0, EAX),
             family = (signature >> 8 & 0xf) + (signature >> 20 & 0xff);

    if (family < 0x17 || cpuid_bit(1, ECX, 31))
        return 0;
    uint16_t first = (uint16_t)cpu_rdmsr(MSR_CSTATE_BASE);
    return first <= 0x10000 - CSTATE_PORTS ? first : 0; /* higher values are undefined */
}

void features_init(void)
{
    struct cpu_features *f = &cpu_features;
    uint32_t brand[13] = { 0 };

    for (uint32_t i = 0; i < 3; i++)
        cpu_cpuid(0x80000002 + i, 0, brand + 4 * i);
    f->physical_bits = cpuid_leaf(0x80000008, 0, EAX) & 0xff;
    f->x2apic = cpuid_bit(1, ECX, 21);
    f->tcg = is_tcg();
    log_info("CPU: %s, %u physical address bits, %s\n", (char *)brand, f->physical_bits,
             f->x2apic ? "x2APIC" : "xAPIC");
    for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++)
        if (!cpuid_bit(needed[i].leaf, needed[i].reg, needed[i].bit))
            panic("this CPU has no %s; Cleave needs an AMD CPU with it. Under QEMU: -cpu "
                  "EPYC,+svm,+npt\n",
                  needed[i].name);
    f->pages_1g = cpuid_bit(0x80000001, EDX, 26);
    f->rdtscp = cpuid_bit(0x80000001, EDX, 27);
    f->invariant_tsc = cpuid_bit(0x80000007, EDX, 8);
    f->ibpb = cpuid_bit(0x80000008, EBX, 12);
    f->pku = cpuid_bit(7, ECX, 3);
    f->cstate_ports = cstate_ports();
    f->lbr_virtualization = cpuid_bit(0x8000000a, EDX, 1);
    f->asid_count = cpuid_leaf(0x8000000a, 0, EBX);
    f->xcr0_mask = cpuid_bit(1, ECX, 26) ? cpuid_leaf(0xd, 0, EAX) & XCR0_SUPPORTED : 0;
    f->xsave_size = f->xcr0_mask & XCR0_AVX ? cpuid_leaf(0xd, 2, EAX) + cpuid_leaf(0xd, 2, EBX)
                                            : XSAVE_LEGACY;
}

void features_init_cpu(void)
{
    uint64_t cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    uint64_t cr4 = CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT |
                   (cpu_features.xcr0_mask ? CR4_OSXSAVE : 0) |
                   (cpuid_bit(7, EBX, 7) ? CR4_SMEP : 0) | (cpuid_bit(7, EBX, 20) ? CR4_SMAP : 0) |
                   (cpu_features.pku ? CR4_PKE : 0);

    mcheck_init_cpu();
    cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | EFER_NXE);
    __asm__ volatile("mov %0, %%cr0; mov %1, %%cr4; fninit" : : "r"(cr0), "r"(cr4) : "memory");
    cpu_wrmsr(MSR_PAT, PAT_DEFAULT);
    if (cpu_features.xcr0_mask)
        cpu_xsetbv(cpu_features.xcr0_mask);
    /*
     * Makes LFENCE dispatch-serializing where that is configurable. Guests rely on it, and their
     * own writes to this MSR are discarded. An emulator may lack the MSR.
     */
    if (!cpuid_bit(1, ECX, 31) && !cpuid_bit(0x80000021, EAX, 2))
        cpu_wrmsr(MSR_DE_CFG, cpu_rdmsr(MSR_DE_CFG) | DE_CFG_LFENCE);
}
