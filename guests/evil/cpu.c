/* SPDX-License-Identifier: MIT */
/*
 * Everything that a guest can request of its CPU: CPUID leaves, MSRs, ports, privileged
 * instructions with and without prefixes. Values that the guest needs are restored after each try,
 * or left out if that is impossible.
 */
#include "evil.h"

#include "smp.h"
#include "trap.h"
#include "window.h"

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1b
#define MSR_TSC_ADJUST 0x3b
#define MSR_GS_BASE 0xc0000101
#define PORT_DEBUG 0xe9
#define CR0_BIT_NW 29
#define CR0_BIT_CD 30
#define CR0_LAST_BIT 30
#define CR4_BIT_PAE 5
#define VECTOR_DB 1
#define VECTOR_UD 6
#define VECTOR_GP 13
#define VECTOR_PF 14

struct msr_access {
    uint32_t msr;
    uint64_t value;
};

static void run_rdmsr(void *arg)
{
    struct msr_access *access = arg;

    access->value = rdmsr(access->msr);
}

static void run_wrmsr(void *arg)
{
    struct msr_access *access = arg;

    wrmsr(access->msr, access->value);
}

static void write_msr(uint32_t msr, uint64_t value)
{
    struct msr_access access = { msr, value };

    evil_try(run_wrmsr, &access);
}

/*
 * MSRs that the guest needs for time, interrupts or its vCPU structure. skip_msr=NUMBER excludes
 * another one: Xen 4.17 in QEMU's software emulation crashes on a write to 0xc001011f
 * (VIRT_SPEC_CTRL).
 */
static bool msr_needed(uint32_t msr)
{
    return msr == MSR_TSC || msr == MSR_APIC_BASE || msr == MSR_TSC_ADJUST || msr == MSR_GS_BASE ||
           msr == cmdline_number("skip_msr", MSR_TSC);
}

void evil_msrs(void)
{
    static const struct {
        uint32_t from, to;
    } ranges[] = {
        { 0, 0x1fff },
        { 0x40000000, 0x400003ff },
        { 0xc0000000, 0xc0001fff },
        { 0xc0010000, 0xc0011fff },
        { 0x7fffff00, 0x7fffffff },
        { 0xffffff00, 0xfffffffe },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++)
        for (uint32_t msr = ranges[i].from; msr <= ranges[i].to; msr++) {
            struct msr_access access = { msr, 0 };
            bool there = evil_try(run_rdmsr, &access) < 0;

            if (msr_needed(msr))
                continue;
            write_msr(msr, 0);
            write_msr(msr, -1UL);
            write_msr(msr, 1UL << 63);
            write_msr(msr, access.value ^ 1);
            if (there)
                write_msr(msr, access.value);
        }
}

struct port_access {
    uint16_t port;
    uint8_t size;
    bool out;
    uint32_t value;
};

static void run_port(void *arg)
{
    struct port_access *p = arg;
    uint32_t value = p->value;

    if (p->out && p->size == 1)
        asm volatile("outb %b0, %w1" ::"a"(value), "d"(p->port));
    else if (p->out && p->size == 2)
        asm volatile("outw %w0, %w1" ::"a"(value), "d"(p->port));
    else if (p->out)
        asm volatile("outl %0, %w1" ::"a"(value), "d"(p->port));
    else if (p->size == 1)
        asm volatile("inb %w1, %b0" : "=a"(value) : "d"(p->port));
    else if (p->size == 2)
        asm volatile("inw %w1, %w0" : "=a"(value) : "d"(p->port));
    else
        asm volatile("inl %w1, %0" : "=a"(value) : "d"(p->port));
}

static void run_string_port(void *arg)
{
    struct port_access *p = arg;
    static uint8_t buffer[64];
    void *at = buffer;
    uint64_t n = sizeof(buffer) / 4;

    if (p->out)
        asm volatile("rep outsl" : "+S"(at), "+c"(n) : "d"(p->port) : "memory");
    else
        asm volatile("rep insl" : "+D"(at), "+c"(n) : "d"(p->port) : "memory");
}

/*
 * Reads and writes every port; in all sizes where a PC has devices. Port 0xe9 is this guest's
 * output: it and accesses that overlap it are skipped.
 */
void evil_ports(void)
{
    for (uint32_t port = 0; port <= 0xffff; port++) {
        bool devices = port < 0x1100 || port >= 0xff00;

        for (uint8_t size = 1; size <= 4; size *= 2) {
            struct port_access in = { port, size, false, 0 };
            struct port_access out = { port, size, true, port & 1 ? 0xffffffff : 0 };

            if (devices || size == 1)
                evil_try(run_port, &in);
            if ((devices || size == 4) && (port > PORT_DEBUG || port + size <= PORT_DEBUG))
                evil_try(run_port, &out);
        }
        if (port % 64 == 0 && port != (PORT_DEBUG & ~63)) {
            evil_try(run_string_port, &(struct port_access){ port, 4, false, 0 });
            evil_try(run_string_port, &(struct port_access){ port, 4, true, 0 });
        }
    }
}

static void run_cpuid(void *arg)
{
    const uint32_t *leaf = arg;

    cpuid(leaf[0], leaf[1]);
}

void evil_cpuid(void)
{
    static const uint32_t starts[] = {
        0, 0x40000000, 0x40000100, 0x40010000, 0x80000000, 0xc0000000, 0xffffffe0,
    };
    static const uint32_t subleaves[] = { 0, 1, 2, 31, 62, 63, 64, 0x7fffffff, 0xffffffff };

    for (unsigned i = 0; i < ARRAY_SIZE(starts); i++)
        for (uint32_t leaf = 0; leaf < 32; leaf++)
            for (unsigned j = 0; j < ARRAY_SIZE(subleaves); j++)
                evil_try(run_cpuid, (uint32_t[]){ starts[i] + leaf, subleaves[j] });
}

/*
 * Privileged instructions as bytes, followed by NOPs and a RET. If a hypervisor skips too few
 * bytes, execution continues in something harmless or raises an exception. rax = rcx = rdx = value.
 * Writes to CR8 are excluded: QEMU 7.2 aborts by an assertion if a virtual interrupt is pending.
 */
struct instruction {
    uint8_t length, bytes[14];
};

static const struct instruction instructions[] = {
    { 2, { 0x0f, 0x06 } },                   /* clts */
    { 2, { 0x0f, 0x08 } },                   /* invd */
    { 2, { 0x0f, 0x09 } },                   /* wbinvd */
    { 2, { 0x0f, 0x0b } },                   /* ud2 */
    { 3, { 0x0f, 0xff, 0xc0 } },             /* ud0 */
    { 2, { 0x0f, 0x31 } },                   /* rdtsc */
    { 2, { 0x0f, 0x33 } },                   /* rdpmc */
    { 2, { 0x0f, 0x30 } },                   /* wrmsr */
    { 2, { 0x0f, 0x32 } },                   /* rdmsr */
    { 2, { 0x0f, 0xa2 } },                   /* cpuid */
    { 2, { 0x0f, 0xaa } },                   /* rsm */
    { 2, { 0x0f, 0x37 } },                   /* getsec */
    { 3, { 0x0f, 0x01, 0xc1 } },             /* vmcall */
    { 3, { 0x0f, 0x01, 0xd9 } },             /* vmmcall */
    { 3, { 0x0f, 0x01, 0xd8 } },             /* vmrun */
    { 3, { 0x0f, 0x01, 0xda } },             /* vmload */
    { 3, { 0x0f, 0x01, 0xdb } },             /* vmsave */
    { 3, { 0x0f, 0x01, 0xdc } },             /* stgi */
    { 3, { 0x0f, 0x01, 0xdd } },             /* clgi */
    { 3, { 0x0f, 0x01, 0xde } },             /* skinit */
    { 3, { 0x0f, 0x01, 0xdf } },             /* invlpga */
    { 3, { 0x0f, 0x01, 0xc2 } },             /* vmlaunch */
    { 3, { 0x0f, 0x01, 0xc4 } },             /* vmxoff */
    { 3, { 0x0f, 0x01, 0xc8 } },             /* monitor */
    { 3, { 0x0f, 0x01, 0xc9 } },             /* mwait */
    { 3, { 0x0f, 0x01, 0xd0 } },             /* xgetbv */
    { 3, { 0x0f, 0x01, 0xd1 } },             /* xsetbv */
    { 3, { 0x0f, 0x01, 0xf9 } },             /* rdtscp */
    { 3, { 0x0f, 0x01, 0xfa } },             /* monitorx */
    { 3, { 0x0f, 0x01, 0xfb } },             /* mwaitx */
    { 3, { 0x0f, 0x01, 0xca } },             /* clac */
    { 3, { 0x0f, 0x20, 0xc0 } },             /* mov rax, cr0 */
    { 3, { 0x0f, 0x20, 0xc8 } },             /* mov rax, cr1 */
    { 3, { 0x0f, 0x20, 0xd0 } },             /* mov rax, cr2 */
    { 3, { 0x0f, 0x20, 0xd8 } },             /* mov rax, cr3 */
    { 3, { 0x0f, 0x20, 0xe0 } },             /* mov rax, cr4 */
    { 4, { 0x44, 0x0f, 0x20, 0xc0 } },       /* mov rax, cr8 */
    { 3, { 0x0f, 0x22, 0xd0 } },             /* mov cr2, rax */
    { 3, { 0x0f, 0x21, 0xc0 } },             /* mov rax, dr0 */
    { 3, { 0x0f, 0x23, 0xc0 } },             /* mov dr0, rax */
    { 3, { 0x0f, 0x21, 0xf8 } },             /* mov rax, dr7 */
    { 3, { 0x0f, 0x21, 0xe0 } },             /* mov rax, dr4 */
    { 3, { 0x0f, 0x01, 0xe0 } },             /* smsw eax */
    { 3, { 0x0f, 0x01, 0x38 } },             /* invlpg [rax] */
    { 5, { 0x66, 0x0f, 0x38, 0x82, 0x00 } }, /* invpcid rax, [rax] */
    { 5, { 0x66, 0x0f, 0x38, 0x80, 0x00 } }, /* invept rax, [rax] */
    { 3, { 0x0f, 0x00, 0xc0 } },             /* sldt eax */
    { 3, { 0x0f, 0x00, 0xd0 } },             /* lldt ax */
    { 3, { 0x0f, 0x00, 0xd8 } },             /* ltr ax */
    { 3, { 0x0f, 0xc7, 0xf0 } },             /* rdrand eax */
    { 4, { 0x48, 0x0f, 0xae, 0x00 } },       /* fxsave64 [rax] */
    { 4, { 0x48, 0x0f, 0xae, 0x20 } },       /* xsave64 [rax] */
    { 3, { 0x0f, 0x0d, 0x08 } },             /* prefetchw [rax] */
    { 2, { 0xf3, 0x90 } },                   /* pause */
    { 1, { 0xf1 } },                         /* icebp */
    { 1, { 0xcc } },                         /* int3 */
    { 2, { 0xcd, 0x80 } },                   /* int 0x80 */
    { 1, { 0xce } },                         /* into: not in 64-bit mode */
    { 2, { 0x0f, 0x05 } },                   /* syscall, with EFER.SCE clear */
    { 2, { 0x0f, 0x34 } },                   /* sysenter */
    { 3, { 0x0f, 0x18, 0xd8 } },             /* a reserved NOP */
    { 2, { 0xe4, 0x80 } },                   /* in al, 0x80 */
    { 2, { 0xe6, 0x80 } },                   /* out 0x80, al */
    { 1, { 0x9b } },                         /* fwait */
    { 3, { 0x0f, 0x01, 0x10 } },             /* lgdt [rax] */
    { 3, { 0x0f, 0x01, 0x18 } },             /* lidt [rax] */
    { 3, { 0x0f, 0x01, 0x00 } },             /* sgdt [rax] */
    { 3, { 0x0f, 0x01, 0x08 } },             /* sidt [rax] */
    { 3, { 0x0f, 0x01, 0xf0 } },             /* lmsw ax */
    { 3, { 0x0f, 0x01, 0xf8 } },             /* swapgs */
    { 3, { 0x0f, 0x01, 0xee } },             /* rdpkru */
    { 3, { 0x0f, 0x01, 0xef } },             /* wrpkru */
    { 3, { 0x0f, 0x01, 0xfc } },             /* clzero */
    { 3, { 0x0f, 0x01, 0xfe } },             /* invlpgb */
    { 3, { 0x0f, 0x01, 0xff } },             /* tlbsync */
    { 3, { 0x0f, 0x00, 0xc8 } },             /* str eax */
    { 3, { 0x0f, 0x00, 0xe0 } },             /* verr ax */
    { 3, { 0x0f, 0x02, 0xc0 } },             /* lar eax, ax */
    { 2, { 0x0f, 0x07 } },                   /* sysret, with EFER.SCE clear */
    { 2, { 0x0f, 0x35 } },                   /* sysexit */
    { 3, { 0x0f, 0x23, 0xf0 } },             /* mov dr6, rax */
    { 3, { 0x0f, 0x23, 0xe8 } },             /* mov dr5, rax */
    { 3, { 0x0f, 0xc7, 0x18 } },             /* xrstors [rax] */
    { 3, { 0x0f, 0xc7, 0x28 } },             /* xsaves [rax] */
    { 2, { 0xff, 0x28 } },                   /* jmp far [rax] */
    { 2, { 0xff, 0x18 } },                   /* call far [rax] */
    { 4, { 0xfb, 0x0f, 0x01, 0xd9 } },       /* sti; vmmcall: in the interrupt shadow */
    { 3, { 0xfb, 0x0f, 0xa2 } },             /* sti; cpuid */
    { 9, { 0x9c, 0x80, 0x4c, 0x24, 0x01, 0x01, 0x9d, 0x0f, 0xa2 } }, /* single-stepped cpuid */
    /* single-stepped vmmcall */
    { 10, { 0x9c, 0x80, 0x4c, 0x24, 0x01, 0x01, 0x9d, 0x0f, 0x01, 0xd9 } },
};

static const uint8_t prefixes[] = { 0, 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x48, 0x4f };
static uint8_t code[64] __attribute__((aligned(64)));

static void run_code(void *arg)
{
    uint64_t value = *(uint64_t *)arg, other = value, third_value = value, gs = rdmsr(MSR_GS_BASE);

    asm volatile("call *%3; cli"
                 : "+a"(value), "+c"(other), "+d"(third_value)
                 : "r"(code)
                 : "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
    wrmsr(MSR_GS_BASE, gs);
}

static void write_code(uint8_t prefix, const struct instruction *instruction)
{
    unsigned at = 0;

    memset(code, 0x90, sizeof(code));
    if (prefix)
        code[at++] = prefix;
    memcpy(code + at, instruction->bytes, instruction->length);
    code[sizeof(code) - 1] = 0xc3;
}

/* Toggles bits of CR0 and restores them. */
static void run_cr0(void *arg)
{
    uint64_t *bits = arg, old;

    asm volatile("mov %%cr0, %0" : "=r"(old));
    asm volatile("mov %0, %%cr0; mov %1, %%cr0" ::"r"(old ^ bits[0]), "r"(old));
}

/* The same with CR4, from different registers. Records the value read in between. */
static void run_cr4(void *arg)
{
    uint64_t *bits = arg, old, seen;

    asm volatile("mov %%cr4, %0" : "=r"(old));
    asm volatile("mov %2, %%r12; mov %%r12, %%cr4; mov %%cr4, %0; mov %1, %%cr4"
                 : "=&r"(seen)
                 : "r"(old), "r"(old ^ bits[0])
                 : "r12");
    bits[1] = old ^ seen;
}

/*
 * Writes CR4 with a redundant prefix, and from RSP, which is stored apart from the other registers.
 */
static void run_cr4_oddly(void *arg)
{
    (void)arg;
    asm volatile(
        "mov %%cr4, %%rax; .byte 0x66; mov %%rax, %%cr4; xchg %%rax, %%rsp; mov %%rsp, %%cr4;"
        "xchg %%rax, %%rsp" ::
            : "rax");
}

/* CR4 bits and their CPUID features: leaf, register (a b c d), bit. PAE cannot be cleared here. */
static const struct {
    uint8_t cr4_bit, leaf, reg, bit;
} cr4_bits[] = {
    { 0, 1, 3, 1 },   { 1, 1, 3, 1 },   { 2, 1, 3, 4 },   { 3, 1, 3, 2 },   { 4, 1, 3, 3 },
    { 7, 1, 3, 13 },  { 9, 1, 3, 24 },  { 10, 1, 3, 25 }, { 11, 7, 2, 2 },  { 16, 7, 1, 0 },
    { 17, 1, 2, 17 }, { 18, 1, 2, 26 }, { 20, 7, 1, 7 },  { 21, 7, 1, 20 },
};

static uint64_t allowed_in_cr4(void)
{
    uint64_t allowed = 1 << 6 | 1 << 8; /* MCE and PCE are always allowed */

    for (unsigned i = 0; i < ARRAY_SIZE(cr4_bits); i++) {
        struct cpuid r = cpuid(cr4_bits[i].leaf, 0);
        uint32_t regs[] = { r.a, r.b, r.c, r.d };

        if (regs[cr4_bits[i].reg] >> cr4_bits[i].bit & 1)
            allowed |= 1UL << cr4_bits[i].cr4_bit;
    }
    return allowed;
}

static void try_cr4(void)
{
    uint64_t allowed = allowed_in_cr4();
    int vector;

    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t bits[] = { 1UL << bit, 0 };

        if (bit == CR4_BIT_PAE)
            continue;
        vector = evil_try(run_cr4, bits);
        if (allowed >> bit & 1)
            evil_expect(vector < 0 && bits[1] == bits[0], "a bit of CR4 that CPUID offers", bit);
        else
            evil_expect(vector == VECTOR_GP, "a bit of CR4 that there is not", bit);
    }
    vector = evil_try(run_cr4, (uint64_t[]){ 1 << CR4_BIT_PAE, 0 });
    evil_expect(vector == VECTOR_GP, "long mode without PAE", vector);
    evil_expect(evil_try(run_cr4_oddly, NULL) < 0, "other encodings of MOV to CR4", 0);
}

/*
 * Excluded: CR0.PE and PG (clearing them only changes the guest's mode), and values that no CPU
 * allows in CR0 (NW without CD, the upper half). QEMU accepts the latter without #GP, and the next
 * VMRUN fails with an invalid state. guests/crash tries one of these.
 */
static void try_control_registers(void)
{
    try_cr4();
    for (unsigned bit = 1; bit <= CR0_LAST_BIT; bit++)
        if (bit != CR0_BIT_NW)
            evil_try(run_cr0,
                     (uint64_t[]){ 1UL << bit | (bit == CR0_BIT_CD ? 1UL << CR0_BIT_NW : 0) });
}

/* Sets XCRs with unsupported features and invalid combinations. */
static void run_xsetbv(void *arg)
{
    const uint64_t *xcr = arg;

    asm volatile("xsetbv" ::"c"((uint32_t)xcr[0]), "a"((uint32_t)xcr[1]),
                 "d"((uint32_t)(xcr[1] >> 32)));
}

static void try_xcr(void)
{
    for (uint64_t number = 0; number < 3; number++)
        for (unsigned bit = 0; bit < 64; bit++) {
            evil_try(run_xsetbv, (uint64_t[]){ number, 1UL << bit });
            evil_try(run_xsetbv, (uint64_t[]){ number, 1UL << bit | 1 });
            evil_try(run_xsetbv, (uint64_t[]){ number, (1UL << bit) - 1 });
        }
    evil_try(run_xsetbv, (uint64_t[]){ 0, 3 });
}

/*
 * INS and OUTS at CPL 3 with an operand in kernel memory, which must be a page fault even if the
 * port is allowed and emulated.
 */
static void try_strings_as_user(void)
{
    static volatile uint8_t kernels = 0x5a;
    /* mov to edi, esi, edx; insb */
    uint8_t bytes[] = { 0xbf, 0, 0, 0, 0, 0xbe, 0, 0, 0, 0, 0xba, 0x80, 0, 0, 0, 0x6c };
    uint32_t address = (uint32_t)(uint64_t)&kernels;

    memcpy(bytes + 1, &address, sizeof(address));
    memcpy(bytes + 6, &address, sizeof(address));
    evil_expect(evil_user(bytes, sizeof(bytes)) == VECTOR_PF, "insb into the kernel at CPL 3",
                kernels);
    evil_expect(kernels == 0x5a, "the kernel's byte", kernels);
    bytes[sizeof(bytes) - 1] = 0x6e;
    evil_expect(evil_user(bytes, sizeof(bytes)) == VECTOR_PF, "outsb from the kernel at CPL 3", 0);
}

/* Executes all of them at CPL 3, where hypercalls and most others are not allowed. */
static void try_as_user(void)
{
    static const uint8_t vmmcall[] = { 0x0f, 0x01, 0xd9 };
    static const uint8_t step[] = { 0x9c, 0x80, 0x4c, 0x24, 0x01, 0x01, 0x9d, 0x0f, 0xa2 };

    try_strings_as_user();
    evil_expect(evil_user(step, sizeof(step)) == VECTOR_DB,
                "the trap behind a single-stepped cpuid", 0);
    evil_expect(evil_user(vmmcall, sizeof(vmmcall)) == VECTOR_UD, "a hypercall at CPL 3", 0);
    for (unsigned i = 0; i < ARRAY_SIZE(instructions); i++)
        evil_user(instructions[i].bytes, instructions[i].length);
}

static void run_dr7(void *arg) { asm volatile("mov %0, %%dr7" ::"r"(*(uint64_t *)arg)); }

/*
 * MOV to DR5 writes DR7, and 0x7ff0 sets GD: the next access to a debug register is a #DB, whose
 * handler must find GD clear (APM vol. 2, 13.1.1.4), although the core intercepts that #DB. QEMU
 * implements this since 9.2.
 */
static void reset_dr7(void)
{
    uint64_t dr7 = 0x400;
    int vector = evil_try(run_dr7, &dr7);

    evil_expect(vector < 0 || vector == VECTOR_DB, "an access to DR7 that GD may guard", vector);
    if (vector >= 0)
        evil_expect(evil_try(run_dr7, &dr7) < 0, "DR7 once GD has been seen", dr7);
}

void evil_privileged(void)
{
    static const uint64_t values[] = { 0, 0x7ff0, 0x8000000000000000UL, -1UL };

    window_hide(0xffffffff); /* the target of -1 with 32-bit addresses: must be unmapped for lgdt */
    try_control_registers();
    try_xcr();
    try_as_user();
    evil_descriptors();
    for (unsigned i = 0; i < ARRAY_SIZE(instructions); i++)
        for (unsigned j = 0; j < ARRAY_SIZE(prefixes); j++)
            for (unsigned k = 0; k < ARRAY_SIZE(values); k++) {
                write_code(prefixes[j], &instructions[i]);
                evil_try(run_code, (void *)&values[k]);
                reset_dr7();
                trap_init();
            }
}
