/* SPDX-License-Identifier: MIT */
/*
 * What this CPU can do, and the control registers as the core wants them.
 * Secondary CPUs are taken to be like the first. (APM vol. 3, appendix E; vol. 2, 3.1)
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

/*
 * QEMU's software emulation, whose faults are worked around nowhere else. A hypervisor says who it
 * is.
 */
static bool emulated(void)
{
    static const char name[] = "TCGTCGTCGTCG";
    uint32_t r[4];

    if (!bit(1, ECX, 31))
        return false;
    cpu_cpuid(0x40000000, 0, r);
    return memcmp(&r[EBX], name, 12) == 0;
}

/*
 * Where a read puts the CPU to sleep (AMD's PPR for family 17h, MSRC001_0073: CstateAddr and the
 * seven ports behind it; 0: nowhere). Older CPUs may lack the register, and emulators do.
 */
static uint16_t cstate_ports(void)
{
    uint32_t signature = leaf(1, 0, EAX),
             family = (signature >> 8 & 0xf) + (signature >> 20 & 0xff);

    if (family < 0x17 || bit(1, ECX, 31))
        return 0;
    uint16_t first = (uint16_t)cpu_rdmsr(MSR_CSTATE_BASE);
    return first <= 0x10000 - CSTATE_PORTS ? first : 0; /* above, it is undefined what happens */
}

void features_init(void)
{
    struct cpu_features *f = &cpu_features;
    uint32_t brand[13] = { 0 };

    for (uint32_t i = 0; i < 3; i++)
        cpu_cpuid(0x80000002 + i, 0, brand + 4 * i);
    f->physical_bits = leaf(0x80000008, 0, EAX) & 0xff;
    f->x2apic = bit(1, ECX, 21);
    f->tcg = emulated();
    log_info("CPU: %s, %u physical address bits, %s\n", (char *)brand, f->physical_bits,
             f->x2apic ? "x2APIC" : "xAPIC");
    for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++)
        if (!bit(needed[i].leaf, needed[i].reg, needed[i].bit))
            panic("this CPU has no %s; Cleave needs an AMD CPU with it. Under QEMU: -cpu "
                  "EPYC,+svm,+npt\n",
                  needed[i].name);
    f->pages_1g = bit(0x80000001, EDX, 26);
    f->rdtscp = bit(0x80000001, EDX, 27);
    f->invariant_tsc = bit(0x80000007, EDX, 8);
    f->ibpb = bit(0x80000008, EBX, 12);
    f->pku = bit(7, ECX, 3);
    f->cstate_ports = cstate_ports();
    f->lbr_virtualization = bit(0x8000000a, EDX, 1);
    f->asid_count = leaf(0x8000000a, 0, EBX);
    f->xcr0_mask = bit(1, ECX, 26) ? leaf(0xd, 0, EAX) & XCR0_SUPPORTED : 0;
    f->xsave_size = f->xcr0_mask & XCR0_AVX ? leaf(0xd, 2, EAX) + leaf(0xd, 2, EBX) : XSAVE_LEGACY;
}

void features_init_cpu(void)
{
    uint64_t cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    uint64_t cr4 = CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT |
                   (cpu_features.xcr0_mask ? CR4_OSXSAVE : 0) | (bit(7, EBX, 7) ? CR4_SMEP : 0) |
                   (bit(7, EBX, 20) ? CR4_SMAP : 0) | (cpu_features.pku ? CR4_PKE : 0);

    mcheck_init_cpu();
    cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | EFER_NXE);
    __asm__ volatile("mov %0, %%cr0; mov %1, %%cr4; fninit" : : "r"(cr0), "r"(cr4) : "memory");
    cpu_wrmsr(MSR_PAT, PAT_DEFAULT);
    if (cpu_features.xcr0_mask)
        cpu_xsetbv(cpu_features.xcr0_mask);
    /*
     * LFENCE waits for all instructions before it, and not for loads only, on CPUs where that is a
     * choice. Guests rely on it: what they write to this register is forgotten. An emulator may
     * lack it.
     */
    if (!bit(1, ECX, 31) && !bit(0x80000021, EAX, 2))
        cpu_wrmsr(MSR_DE_CFG, cpu_rdmsr(MSR_DE_CFG) | DE_CFG_LFENCE);
}
