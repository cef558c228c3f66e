/* SPDX-License-Identifier: MIT */
/*
 * svm/exits.c, guest/exit.c: intercepts, and the effect of each exit on the guest's registers:
 * CPUID, HLT, MSRs, XSETBV, port accesses and their string forms, nested faults, crashes. Links the
 * real inject.c and state.c; calls from exits are recorded here.
 */
#include "privileged_fake.h"
#include "harness.h"
#include "cpu/softirq.h"
#include "guest/emulate.h"
#include "guest/exit.h"
#include "guest/fault.h"
#include "percpu.h"
#include "svm/exits.h"
#include "svm/switch.h"
#include "svm/vmcb.h"
#include "vdev/bus.h"
#include "vdev/cpuid.h"
#include "vdev/lapic.h"
#include "vdev/msr.h"

#include <stdio.h>

#define INFO_IN 1u
#define INFO_STRING 4u
#define INFO_REP 8u
#define INFO_SIZE(n) ((n) << 4)
#define INFO_ADDRESS(bits) ((bits) << 3) /* 16, 32 or 64 */
#define INFO_SEGMENT(n) ((n) << 10)
#define INFO_PORT(n) ((uint32_t)(n) << 16)
#define DOWN (1ull << 10)
#define LONG_CODE 0xa9b
#define MEMORY 0x10000u

static struct domain domain;
static struct vcpu vcpu;
static struct vmcb vmcb;
static vcpu_info_t info;
struct domain *dom0;           /* of its WBINVD: test_guest_cpu.c */
static uint8_t memory[MEMORY]; /* the guest's memory at virtual addresses from 0 */
static gva_t no_memory;        /* start of a hole, up to the end of that page */
static gva_t faults;           /* the address that its page tables refuse */
static gva_t paged;            /* an address in a paged page; 0: none */
static unsigned int walk_access;
static bool walk_finds_paged; /* a table */
static unsigned int crashes, shutdowns, stops, blocks, windows, hypercalls, unloads, accesses;
static uint8_t shutdown_reason;
static char last_words[200]; /* the crash message to the guest's owner */
static uint32_t port_value, last_port, last_size;
static uint64_t xcr0, msr_value;
static uint32_t last_msr;
static int msr_rc, fault_rc, emulate_rc;
static unsigned int emulated;
static struct {
    gpa_t gpa;
    bool write, exec;
} last_fault;

/* --- calls from exits --- */

void domain_crash(struct vcpu *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(last_words, sizeof(last_words), fmt, ap);
    va_end(ap);
    crashes++;
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    shutdowns++;
    shutdown_reason = reason;
}
void domain_stop_vcpu(struct vcpu *v) { stops++; }
void domain_dump_vcpu(struct vcpu *v) {}
void vcpu_block(struct vcpu *v) { blocks++; }
void vcpu_wait_in_exit(struct vcpu *v, enum vcpu_wait what) {}
bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what) { return false; }
void irq_window(void) { windows++; }
void cpu_wbinvd(void) {}
void softirq_raise(unsigned int cpu, enum softirq s) {}
void hypercall_exit(struct vcpu *v) { hypercalls++; }
void switch_unload(struct vcpu *v) { unloads++; }
void cpu_xsetbv(uint64_t val) { xcr0 = val; }
uint64_t cpuid_guest_xcr0_mask(struct domain *d) { return 7; }
uint64_t cpuid_guest_cr4_mask(struct domain *d) { return CR4_PAE; }
int lapic_highest_pending(struct vcpu *v) { return -1; }
int lapic_highest_request(struct vcpu *v) { return -1; }
void lapic_accept(struct vcpu *v, uint8_t vector) {}
void lapic_return(struct vcpu *v, uint8_t vector) {}
void lapic_reset(struct vcpu *v, bool init) {}
void hw_reset_to_sipi(struct vcpu *v, uint8_t vector) {}

void cpuid_guest(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint64_t cr4,
                 struct cpuid_regs *out)
{
    *out = (struct cpuid_regs){ leaf + 1, subleaf + 2, 0xc, 0xd };
}

int msr_guest_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    last_msr = msr;
    *val = msr_value;
    return msr_rc;
}

int msr_guest_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
    last_msr = msr;
    msr_value = val;
    return msr_rc;
}

uint32_t bus_port_read(struct vcpu *v, uint16_t port, unsigned int size)
{
    last_port = port;
    last_size = size;
    accesses++;
    return port_value;
}

void bus_port_write(struct vcpu *v, uint16_t port, unsigned int size, uint32_t val)
{
    last_port = port;
    last_size = size;
    accesses++;
    port_value = val;
}

bool bus_has_port(const struct vcpu *v, uint16_t port) { return true; }
bool bus_has_memory(const struct vcpu *v, gpa_t gpa) { return true; }
uint64_t bus_memory_read(struct vcpu *v, gpa_t gpa, unsigned int size) { return 0; }
void bus_memory_write(struct vcpu *v, gpa_t gpa, unsigned int size, uint64_t val) {}

int guest_walk(struct domain *d, const struct guest_paging *p, gva_t va, unsigned int access,
               gpa_t *gpa, uint32_t *fault_code)
{
    walk_access = access;
    *fault_code = 0x17;
    if (walk_finds_paged)
        return -ERESTART;
    return faults && va >> PAGE_SHIFT == faults >> PAGE_SHIFT ? -EFAULT : 0;
}

static bool is_memory(gva_t va, uint64_t size)
{
    return va < MEMORY && size <= MEMORY - va && (!no_memory || va + size <= no_memory);
}

int guest_read(struct vcpu *v, void *dst, gva_t src, uint64_t size)
{
    if (paged && src >> PAGE_SHIFT == paged >> PAGE_SHIFT) {
        this_cpu()->paged = GFN(src >> PAGE_SHIFT);
        return -ERESTART;
    }
    if (!is_memory(src, size))
        return -EFAULT;
    memcpy(dst, memory + src, size);
    return 0;
}

int guest_copy(struct domain *d, const struct guest_paging *p, bool write, uint64_t at,
               uint8_t *buffer, uint64_t size)
{
    assert_false(write); /* the bytes at RIP, if they may be a HLT */
    return guest_read(&vcpu, buffer, at, size);
}

int guest_write(struct vcpu *v, gva_t dst, const void *src, uint64_t size)
{
    if (!is_memory(dst, size))
        return -EFAULT;
    memcpy(memory + dst, src, size);
    return 0;
}

int fault_resolve(struct vcpu *v, gpa_t gpa, bool write, bool exec)
{
    last_fault.gpa = gpa;
    last_fault.write = write;
    last_fault.exec = exec;
    return fault_rc;
}

int emulate_access(struct vcpu *v, gpa_t gpa)
{
    emulated++;
    return emulate_rc;
}

/* --- helpers --- */

static int setup(void **state)
{
    memset(&domain, 0, sizeof(domain));
    memset(&vcpu, 0, sizeof(vcpu));
    memset(&vmcb, 0, sizeof(vmcb));
    memset(&last_fault, 0, sizeof(last_fault));
    for (unsigned int i = 0; i < MEMORY; i++)
        memory[i] = (uint8_t)(i * 7 + i / 256);
    vcpu.d = &domain;
    vcpu.hw.vmcb = &vmcb;
    vcpu.info = &info;
    vcpu.vdev.sipi_vector = vcpu.offered = -1;
    vmcb.segment[SEG_CS].attributes = LONG_CODE;
    vmcb.efer = EFER_LMA;
    vmcb.rip = 0x100001000;
    vmcb.exitinfo2 = 0x100001002; /* of an I/O exit: the next instruction */
    vmcb.rflags = RFLAGS_RESERVED | RFLAGS_IF;
    vcpu.regs.rax = vcpu.regs.rbx = vcpu.regs.rcx = vcpu.regs.rdx = 0xaaaaaaaabbbbbbbb;
    crashes = shutdowns = stops = blocks = windows = hypercalls = unloads = accesses = emulated = 0;
    msr_rc = fault_rc = emulate_rc = 0;
    no_memory = faults = 0;
    port_value = 0x12345678;
    xcr0 = 0;
    harness_quiet = true;
    return 0;
}

static void exits_with(uint64_t code)
{
    struct exit e;

    vmcb.exitcode = code;
    exits_decode(&vcpu, &e);
    exit_handle(&vcpu, &e);
}

/* Checks that the exception is pending and the instruction not skipped; clears it. */
static void assert_raised(unsigned int vector)
{
    assert_int_equal(EVENT_VECTOR(vcpu.hw.pending), vector);
    assert_int_equal(EVENT_TYPE(vcpu.hw.pending), EVENT_TYPE_EXCEPTION);
    assert_int_equal(vcpu.hw.pending & EVENT_VALID, EVENT_VALID);
    assert_int_equal(vmcb.rip, 0x100001000);
    vcpu.hw.pending = 0;
}

static void assert_skipped(unsigned int length)
{
    assert_int_equal(vcpu.hw.pending, 0);
    assert_int_equal(vmcb.rip, 0x100001000 + length);
    vmcb.rip = 0x100001000;
}

/* --- what is intercepted --- */

static void intercepts(void **state)
{
    /*
     * APM vol. 2, appendix C: #DB #AC #MC; INTR to INIT; RDPMC CPUID INVD HLT INVLPGA IOIO MSR,
     * task switch, shutdown; VMRUN to SKINIT; WBINVD MONITOR MWAIT MWAIT, XSETBV RDPRU
     */
    static const unsigned int needed[] = {
        0x41, 0x51, 0x52, 0x60, 0x61, 0x62, 0x63, 0x6f, 0x72, 0x76, 0x78, 0x7a, 0x7b, 0x7c, 0x7d,
        0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e,
    };

    exits_set_intercepts(&vmcb);
    for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++)
        if (!bit_test(vmcb.intercepts, needed[i]))
            fail_msg("exit code %#x is not intercepted", needed[i]);
    assert_false(bit_test(vmcb.intercepts, VMEXIT_IRET)); /* only while an NMI is handled */
    assert_int_equal(vmcb.intercepts[2] >> 15, 0);
}

static void what_a_guest_must_not_use(void **state)
{
    static const uint64_t undefined[] = {
        VMEXIT_INVLPGA, VMEXIT_VMRUN,  0x82,           0x83, 0x84,
        0x85,           VMEXIT_SKINIT, VMEXIT_MONITOR, 0x8b, VMEXIT_MWAIT_ARMED,
        VMEXIT_RDPRU
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(undefined); i++) {
        exits_with(undefined[i]);
        assert_raised(EXC_UD);
    }
    exits_with(VMEXIT_RDPMC);
    assert_int_equal(vcpu.hw.pending & EVENT_HAS_ERROR, EVENT_HAS_ERROR);
    assert_raised(EXC_GP);
    exits_with(VMEXIT_EXCEPTION + 1);
    assert_raised(EXC_DB);
    exits_with(VMEXIT_EXCEPTION + 17);
    assert_raised(17);
    assert_int_equal(crashes, 0);
}

/* An exit without a handler crashes the guest. */
static void unknown_exits(void **state)
{
    static const uint64_t codes[] = { 0,
                                      VMEXIT_EXCEPTION,
                                      VMEXIT_EXCEPTION + 14,
                                      VMEXIT_TASK_SWITCH,
                                      VMEXIT_TABLE,
                                      VMEXIT_NPF - 1,
                                      VMEXIT_NPF + 1,
                                      ~0ull,
                                      1ull << 32 | VMEXIT_CPUID };

    for (unsigned int i = 0; i < ARRAY_SIZE(codes); i++) {
        char words[sizeof(last_words)];

        vmcb.exitinfo1 = 0x1234 + i;
        vmcb.exitinfo2 = 0x5678 + i;
        exits_with(codes[i]);
        assert_int_equal(crashes, i + 1);
        snprintf(words, sizeof(words), "exit %#lx is not handled (info %#x %#x)", codes[i],
                 0x1234 + i, 0x5678 + i);
        assert_string_equal(last_words, words);
    }
    assert_int_equal(vmcb.rip, 0x100001000);
}

/* The IRET of an NMI handler is stepped over, and its trap is not delivered. */
static void iret_of_an_nmi(void **state)
{
    vcpu.hw.nmi_blocked = true;
    exits_with(VMEXIT_IRET);
    assert_skipped(0);
    assert_true(vmcb.rflags & RFLAGS_TF);
    assert_true(vcpu.hw.nmi_blocked);
    vmcb.rflags &= ~RFLAGS_TF; /* popped */
    vmcb.dr6 |= DR6_SINGLE_STEP;
    exits_with(VMEXIT_EXCEPTION + 1);
    assert_skipped(0);
    assert_false(vcpu.hw.nmi_blocked);
    assert_int_equal(crashes, 0);
}

/* Host interrupts are taken after each exit, whatever its reason. */
static void interrupts_of_the_host(void **state)
{
    exits_with(VMEXIT_INTR);
    assert_int_equal(windows, 1);
    exits_with(VMEXIT_NMI);
    exits_with(VMEXIT_SMI);
    exits_with(VMEXIT_INIT);
    assert_int_equal(windows, 4);
    exits_with(VMEXIT_VMMCALL);
    assert_int_equal(hypercalls, 1);
    assert_int_equal(windows, 5);
    assert_int_equal(vcpu.hw.pending, 0);
    assert_int_equal(crashes, 0);
    assert_panics(exits_with(VMEXIT_EXCEPTION + 18));
}

/* --- instructions --- */

static void cpuid(void **state)
{
    vcpu.regs.rax = 0xffffffff00000010;
    vcpu.regs.rcx = 0xffffffff00000020;
    exits_with(VMEXIT_CPUID);
    assert_int_equal(vcpu.regs.rax, 0x11);
    assert_int_equal(vcpu.regs.rbx, 0x22);
    assert_int_equal(vcpu.regs.rcx, 0xc);
    assert_int_equal(vcpu.regs.rdx, 0xd);
    assert_skipped(2);
    exits_with(VMEXIT_INVD); /* a guest must not discard the host's caches */
    assert_skipped(2);
    exits_with(VMEXIT_WBINVD);
    assert_skipped(2);
}

static void halt(void **state)
{
    exits_with(VMEXIT_HLT);
    assert_skipped(1);
    assert_int_equal(blocks, 1);
    assert_int_equal(stops, 0);
    vmcb.rflags &= ~RFLAGS_IF; /* halts for good */
    exits_with(VMEXIT_HLT);
    assert_skipped(1);
    assert_int_equal(stops, 1);
    vcpu.vdev.nmi_pending = true; /* unless an NMI is pending */
    exits_with(VMEXIT_HLT);
    assert_skipped(1);
    assert_int_equal(stops, 1);
    assert_int_equal(blocks, 3);
    vmcb.rflags |= RFLAGS_TF;
    exits_with(VMEXIT_HLT);
    assert_int_equal(vmcb.rip, 0x100001001);
    assert_int_equal(EVENT_VECTOR(vcpu.hw.pending), EXC_DB);
    assert_int_equal(blocks, 3);
}

static void msrs(void **state)
{
    msr_value = 0x1122334455667788;
    vcpu.regs.rcx = 0xffffffffc0000080;
    vmcb.exitinfo1 = 0;
    exits_with(VMEXIT_MSR);
    assert_int_equal(last_msr, 0xc0000080);
    assert_int_equal(vcpu.regs.rax, 0x55667788);
    assert_int_equal(vcpu.regs.rdx, 0x11223344);
    assert_skipped(2);
    vmcb.exitinfo1 = 1;
    vcpu.regs.rax = 0xffffffff00000001;
    vcpu.regs.rdx = 0xffffffff80000002;
    exits_with(VMEXIT_MSR);
    assert_int_equal(msr_value, 0x8000000200000001);
    assert_int_equal(vcpu.regs.rax, 0xffffffff00000001);
    assert_int_equal(vcpu.regs.rdx, 0xffffffff80000002);
    assert_skipped(2);
    msr_rc = -EFAULT;
    exits_with(VMEXIT_MSR);
    assert_raised(EXC_GP);
    vmcb.exitinfo1 = 0;
    exits_with(VMEXIT_MSR);
    assert_raised(EXC_GP);
    assert_int_equal(vcpu.regs.rax, 0xffffffff00000001);
}

static void xsetbv(void **state)
{
    vcpu.regs.rcx = 1ull << 32; /* ECX counts */
    vcpu.regs.rdx = 0;
    vcpu.regs.rax = 0xffffffff00000003;
    exits_with(VMEXIT_XSETBV);
    assert_int_equal(xcr0, 3);
    assert_skipped(3);
    vcpu.regs.rax = 5; /* AVX without SSE */
    exits_with(VMEXIT_XSETBV);
    assert_raised(EXC_GP);
    vcpu.regs.rax = 7;
    vcpu.regs.rdx = 1;
    exits_with(VMEXIT_XSETBV);
    assert_raised(EXC_GP);
    vcpu.regs.rdx = 0;
    vcpu.regs.rcx = 1;
    exits_with(VMEXIT_XSETBV);
    assert_raised(EXC_GP);
    vcpu.regs.rcx = 0;
    vmcb.cpl = 3;
    exits_with(VMEXIT_XSETBV);
    assert_raised(EXC_GP);
    assert_int_equal(xcr0, 3);
    vmcb.cpl = 0;
    exits_with(VMEXIT_XSETBV);
    assert_int_equal(xcr0, 7);
}

/* --- ports --- */

static void ports(void **state)
{
    static const struct {
        unsigned int size;
        uint64_t in;
        uint32_t out;
    } cases[] = {
        { 1, 0xaaaaaaaabbbbbb78, 0xbb },
        { 2, 0xaaaaaaaabbbb5678, 0xbbbb },
        { 4, 0x12345678, 0xbbbbbbbb },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        port_value = 0x12345678;
        vcpu.regs.rax = 0xaaaaaaaabbbbbbbb;
        vmcb.exitinfo1 = INFO_PORT(0xfff8) | INFO_SIZE(cases[i].size) | INFO_IN;
        exits_with(VMEXIT_IOIO);
        assert_int_equal(vcpu.regs.rax, cases[i].in);
        assert_int_equal(last_port, 0xfff8);
        assert_int_equal(last_size, cases[i].size);
        assert_skipped(2);
        vcpu.regs.rax = 0xaaaaaaaabbbbbbbb;
        vmcb.exitinfo1 = INFO_PORT(0x3f8) | INFO_SIZE(cases[i].size);
        exits_with(VMEXIT_IOIO);
        assert_int_equal(port_value, cases[i].out);
        assert_int_equal(last_port, 0x3f8);
        assert_int_equal(last_size, cases[i].size);
        assert_int_equal(vcpu.regs.rax, 0xaaaaaaaabbbbbbbb);
        assert_skipped(2);
    }
    assert_int_equal(unloads, 0); /* a VMSAVE, which only strings with FS and GS need */
}

static uint32_t word_at(unsigned int at)
{
    uint32_t val;

    memcpy(&val, memory + at, sizeof(val));
    return val;
}

static void string(uint32_t how)
{
    vmcb.exitinfo1 = INFO_PORT(0x1f0) | INFO_STRING | how;
    exits_with(VMEXIT_IOIO);
}

static void string_forms(void **state)
{
    const uint32_t outsd = INFO_SIZE(4) | INFO_ADDRESS(64) | INFO_SEGMENT(SEG_DS);
    const uint32_t insw = INFO_SIZE(2) | INFO_ADDRESS(64) | INFO_IN;

    vmcb.segment[SEG_DS].base = vmcb.segment[SEG_ES].base = 0x8000; /* which 64-bit mode ignores */
    vcpu.regs.rsi = 0x100;
    string(outsd);
    assert_int_equal(port_value, word_at(0x100));
    assert_int_equal(last_port, 0x1f0);
    assert_int_equal(last_size, 4);
    assert_int_equal(vcpu.regs.rsi, 0x104);
    assert_int_equal(vcpu.regs.rcx, 0xaaaaaaaabbbbbbbb);
    assert_int_equal(walk_access, 0);
    assert_int_equal(unloads, 0);
    assert_skipped(2);
    vmcb.rflags |= DOWN;
    vmcb.cpl = 3;
    port_value = 0xcafe1234;
    vcpu.regs.rdi = 0x200;
    string(insw);
    assert_int_equal(word_at(0x200) & 0xffff, 0x1234);
    assert_int_not_equal(word_at(0x200) >> 16, 0xcafe);
    assert_int_equal(vcpu.regs.rdi, 0x1fe);
    assert_int_equal(walk_access, GUEST_WALK_WRITE | GUEST_WALK_USER);
    assert_skipped(2);
    vmcb.rflags &= ~DOWN;
    vmcb.cpl = 2;                       /* counts as supervisor */
    vmcb.segment[SEG_FS].base = 0x1000; /* which it does not ignore */
    vcpu.regs.rsi = 0x10;
    string(INFO_SIZE(4) | INFO_ADDRESS(64) | INFO_SEGMENT(SEG_FS));
    assert_int_equal(unloads, 1);
    assert_int_equal(port_value, word_at(0x1010));
    assert_int_equal(walk_access, 0);
}

/* Nothing has happened when it waits, and RIP stays. */
static void assert_waits(void)
{
    assert_int_equal(vcpu.wait, WAIT_PAGE);
    assert_int_equal(accesses, 0);
    assert_skipped(0);
    vcpu.wait = WAIT_NONE;
}

static void paged_pages_are_waited_for(void **state)
{
    accesses = 0;
    paged = 0x1000;
    vcpu.regs.rsi = vcpu.regs.rdi = 0x1010;
    string(INFO_SIZE(4) | INFO_ADDRESS(64) | INFO_SEGMENT(SEG_DS));
    assert_int_equal(vcpu.awaited.n, 1);
    assert_waits();
    string(INFO_SIZE(4) | INFO_ADDRESS(64) | INFO_IN); /* the port is not read for nothing */
    assert_waits();
    walk_finds_paged = true;
    string(INFO_SIZE(4) | INFO_ADDRESS(64) | INFO_IN);
    assert_waits();
    walk_finds_paged = false;
    assert_int_equal(vcpu.regs.rdi, 0x1010);
    msr_rc = -ERESTART;
    vmcb.exitinfo1 = 1;
    exits_with(VMEXIT_MSR);
    assert_waits();
    msr_rc = 0;
    paged = 0;
    string(INFO_SIZE(4) | INFO_ADDRESS(64) | INFO_IN);
    assert_int_equal(accesses, 1);
    assert_int_equal(vcpu.regs.rdi, 0x1014);
}

/*
 * Outside 64-bit mode all segments have bases, and shorter indexes preserve the rest of their
 * register.
 */
static void string_addresses(void **state)
{
    vmcb.segment[SEG_CS].attributes = 0xc9b;
    vmcb.rip = 0x1000;
    vmcb.exitinfo2 = 0x1002;
    vmcb.segment[SEG_DS].base = 0x2000;
    vmcb.segment[SEG_ES].base = 0x3000;
    vcpu.regs.rsi = 0xabcd00000000fffc;
    /* at the end of memory: no element */
    string(INFO_SIZE(4) | INFO_ADDRESS(16) | INFO_SEGMENT(SEG_DS));
    assert_int_equal(EVENT_VECTOR(vcpu.hw.pending), EXC_GP);
    assert_int_equal(vcpu.regs.rsi, 0xabcd00000000fffc);
    vcpu.hw.pending = 0;
    vmcb.segment[SEG_DS].base = 0;
    string(INFO_SIZE(4) | INFO_ADDRESS(16) | INFO_SEGMENT(SEG_DS));
    assert_int_equal(port_value, word_at(0xfffc));
    assert_int_equal(vcpu.regs.rsi, 0xabcd000000000000);
    assert_int_equal(vmcb.rip, 0x1002);
    vcpu.regs.rdi = 0xabcd000000000400;
    port_value = 0x5a;
    string(INFO_SIZE(1) | INFO_ADDRESS(32) | INFO_IN | INFO_SEGMENT(SEG_DS));
    assert_int_equal(memory[0x3400], 0x5a);
    assert_int_equal(vcpu.regs.rdi, 0xabcd000000000401);
}

/* Address sizes of 16, 32 and 64 bits: which bits form the address and the repeat count. */
static void string_address_sizes(void **state)
{
    static const struct {
        unsigned int bits;
        uint64_t used;
    } cases[] = {
        { 64, 0x87654321fffefff8 },
        { 32, 0xfffefff8 },
        { 16, 0xfff8 },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        vcpu.regs.rdi = 0x87654321fffefff8;
        vcpu.regs.rcx = 0x1111111111110003;
        faults = cases[i].used; /* this page, and no other */
        string(INFO_SIZE(4) | INFO_ADDRESS(cases[i].bits) | INFO_IN | INFO_REP);
        assert_int_equal(vmcb.cr2, cases[i].used);
        assert_raised(EXC_PF);
    }
    faults = 0;
    string(INFO_SIZE(4) | INFO_ADDRESS(16) | INFO_IN | INFO_REP);
    assert_skipped(0);
    string(INFO_SIZE(4) | INFO_ADDRESS(16) | INFO_IN | INFO_REP);
    assert_skipped(0);
    assert_int_equal(vcpu.regs.rdi, 0x87654321fffe0000);
    assert_int_equal(vcpu.regs.rcx, 0x1111111111110001);
}

/* One element per exit; RIP advances with the last. */
static void repeated_strings(void **state)
{
    const uint32_t how = INFO_SIZE(4) | INFO_ADDRESS(32) | INFO_SEGMENT(SEG_DS) | INFO_REP;

    vcpu.regs.rsi = 0x100;
    vcpu.regs.rcx = 0xffffffff00000002;
    string(how);
    assert_int_equal(port_value, word_at(0x100));
    assert_int_equal(vcpu.regs.rcx, 0xffffffff00000001);
    assert_skipped(0);
    string(how);
    assert_int_equal(port_value, word_at(0x104));
    assert_int_equal(vcpu.regs.rcx, 0xffffffff00000000);
    assert_int_equal(vcpu.regs.rsi, 0x108);
    assert_skipped(2);
    assert_int_equal(accesses, 2);
    string(how); /* none */
    assert_int_equal(accesses, 2);
    assert_int_equal(vcpu.regs.rsi, 0x108);
    assert_int_equal(vcpu.regs.rcx, 0xffffffff00000000);
    assert_skipped(2);
}

static void strings_that_fault(void **state)
{
    const uint32_t outsd = INFO_SIZE(4) | INFO_ADDRESS(64) | INFO_SEGMENT(SEG_DS);

    vcpu.regs.rsi = 0x1ffd; /* its last byte is on a refused page */
    faults = 0x2000;
    string(outsd);
    assert_int_equal(vmcb.cr2, 0x2000);
    assert_int_equal(vcpu.hw.pending >> 32, 0x17);
    assert_raised(EXC_PF);
    assert_int_equal(accesses, 0);
    assert_int_equal(vcpu.regs.rsi, 0x1ffd);
    vcpu.regs.rsi = 0x1ffc; /* ends right before it */
    string(outsd);
    assert_int_equal(accesses, 1);
    assert_skipped(2);
    vcpu.regs.rdi = 0x2ffe;
    string(INFO_SIZE(4) | INFO_ADDRESS(64) | INFO_IN);
    assert_int_equal(vmcb.cr2, 0x2ffe);
    assert_raised(EXC_PF);
    faults = 0;
    no_memory = 0x3000; /* mapped, but without RAM */
    vcpu.regs.rsi = vcpu.regs.rdi = 0x2ffe;
    string(outsd);
    assert_raised(EXC_GP);
    assert_int_equal(accesses, 1);
    string(INFO_SIZE(4) | INFO_ADDRESS(64) | INFO_IN);
    assert_raised(EXC_GP);
    assert_int_equal(vcpu.regs.rdi, 0x2ffe);
}

/* --- nested faults and crashes --- */

#define PRESENT 1u
#define WRITE 2u
#define FETCH 16u
#define FINAL (1ull << 32)
#define TABLES (2ull << 32)

static void nested(uint64_t how, int rc, int rc_of_emulation)
{
    fault_rc = rc;
    emulate_rc = rc_of_emulation;
    vmcb.exitinfo1 = how;
    vmcb.exitinfo2 = 0xfee00300;
    exits_with(VMEXIT_NPF);
    assert_int_equal(last_fault.gpa, 0xfee00300);
    assert_int_equal(last_fault.write, (how & WRITE) != 0);
    assert_int_equal(last_fault.exec, (how & FETCH) != 0);
}

static void nested_faults(void **state)
{
    nested(FINAL | WRITE, 0, 0); /* resolved: retried */
    nested(TABLES, 0, 0);
    nested(FINAL | FETCH, 0, 0);
    assert_int_equal(emulated, 0);
    nested(FINAL | WRITE | PRESENT, -EACCES, 0);
    assert_raised(EXC_GP);
    nested(FINAL | WRITE, -ENOENT, 0);
    nested(FINAL, -ENOENT, 0);
    assert_int_equal(emulated, 2);
    assert_int_equal(crashes, 0);
    nested(FINAL, -ENOENT, -ENOENT);
    assert_int_equal(crashes, 1);
    assert_string_equal(last_words,
                        "no memory at guest address 0xfee00300 (read, operand), error 2");
    /* no emulation for a fetch or page-table walk */
    nested(FINAL | FETCH, -ENOENT, 0);
    assert_int_equal(crashes, 2);
    assert_string_equal(last_words,
                        "no memory at guest address 0xfee00300 (fetch, operand), error 2");
    nested(TABLES | WRITE | PRESENT, -ENOENT, 0);
    assert_int_equal(crashes, 3);
    assert_string_equal(last_words, "no memory at guest address 0xfee00300 (write, "
                                    "present, its page tables), error 2");
    assert_int_equal(emulated, 3);
    nested(FINAL | WRITE, -ENOMEM, 0);
    assert_int_equal(crashes, 4);
    assert_int_equal(emulated, 3);
    assert_int_equal(vcpu.hw.pending, 0);
}

static void triple_fault(void **state)
{
    domain.hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_crash;
    exits_with(VMEXIT_SHUTDOWN);
    assert_int_equal(shutdowns, 1);
    assert_int_equal(shutdown_reason, SHUTDOWN_crash);
    assert_int_equal(crashes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(intercepts, setup),
        cmocka_unit_test_setup(what_a_guest_must_not_use, setup),
        cmocka_unit_test_setup(unknown_exits, setup),
        cmocka_unit_test_setup(iret_of_an_nmi, setup),
        cmocka_unit_test_setup(interrupts_of_the_host, setup),
        cmocka_unit_test_setup(cpuid, setup),
        cmocka_unit_test_setup(halt, setup),
        cmocka_unit_test_setup(msrs, setup),
        cmocka_unit_test_setup(xsetbv, setup),
        cmocka_unit_test_setup(ports, setup),
        cmocka_unit_test_setup(string_forms, setup),
        cmocka_unit_test_setup(paged_pages_are_waited_for, setup),
        cmocka_unit_test_setup(string_addresses, setup),
        cmocka_unit_test_setup(string_address_sizes, setup),
        cmocka_unit_test_setup(repeated_strings, setup),
        cmocka_unit_test_setup(strings_that_fault, setup),
        cmocka_unit_test_setup(nested_faults, setup),
        cmocka_unit_test_setup(triple_fault, setup),
    };

    return cmocka_run_group_tests_name("exit", tests, NULL, NULL);
}
