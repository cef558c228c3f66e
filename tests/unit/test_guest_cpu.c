/* SPDX-License-Identifier: MIT */
/*
 * guest/exit.c, svm/exits.c and context.c: MOV to CR4 in its encodings, CPUID faulting, WBINVD on
 * several CPUs, traps after an NMI's IRET; and which contexts the tools and the guest itself may
 * start a vcpu with.
 */
#include "privileged_fake.h"
#include "harness.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/softirq.h"
#include "guest/emulate.h"
#include "guest/exit.h"
#include "guest/fault.h"
#include "percpu.h"
#include "svm/exits.h"
#include "svm/deliver.h"
#include "svm/switch.h"
#include "svm/vmcb.h"
#include "vdev/bus.h"
#include "vdev/cpuid.h"
#include "vdev/msr.h"

#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/save.h>

#define CR4_OFFERED (CR4_PAE | CR4_PGE | CR4_PSE)
#define CODE 0x1000ull

static struct domain domain;
static struct vcpu vcpu, second;
static struct vmcb vmcb, second_vmcb;
static uint8_t code[16];
static unsigned int code_bytes; /* bytes up to the end of the page */
static int injected;            /* vector; -1: none */
static bool stepped;
static unsigned int raised[4], written_back[4], cpuids;

struct domain *dom0;

int guest_read(struct vcpu *v, void *dst, gva_t src, uint64_t size)
{
    if (src - CODE + size > code_bytes)
        return -EFAULT;
    memcpy(dst, code + (src - CODE), size);
    return 0;
}

int guest_write(struct vcpu *v, gva_t dst, const void *src, uint64_t size) { return -EFAULT; }
int guest_walk(struct domain *d, const struct guest_paging *p, gva_t va, unsigned int access,
               gpa_t *gpa, uint32_t *fault)
{
    return -EFAULT;
}
int guest_read_layout(struct vcpu *v, void *d, gva_t s, uint64_t n, const char *l, bool c)
{
    return -EFAULT;
}
void hw_inject_exception(struct vcpu *v, unsigned int vector, uint32_t error)
{
    injected = (int)vector;
}
void hw_inject_page_fault(struct vcpu *v, uint64_t address, uint32_t error) { injected = EXC_PF; }
void deliver_iret(struct vcpu *v) {}
bool deliver_stepped(struct vcpu *v) { return stepped; }
uint64_t cpuid_guest_cr4_mask(struct domain *d) { return CR4_OFFERED; }
uint64_t cpuid_guest_xcr0_mask(struct domain *d) { return 7; }
void cpuid_guest(struct vcpu *v, uint32_t leaf, uint32_t sub, uint64_t cr4, struct cpuid_regs *out)
{
    cpuids++;
}
int msr_guest_read(struct vcpu *v, uint32_t msr, uint64_t *val) { return 0; }
int msr_guest_write(struct vcpu *v, uint32_t msr, uint64_t val) { return 0; }
uint32_t bus_port_read(struct vcpu *v, uint16_t port, unsigned int size) { return 0; }
void bus_port_write(struct vcpu *v, uint16_t port, unsigned int size, uint32_t val) {}
bool bus_has_port(const struct vcpu *v, uint16_t port) { return true; }
bool bus_has_memory(const struct vcpu *v, gpa_t gpa) { return true; }
uint64_t bus_memory_read(struct vcpu *v, gpa_t gpa, unsigned int size) { return 0; }
void bus_memory_write(struct vcpu *v, gpa_t gpa, unsigned int size, uint64_t val) {}
int emulate_access(struct vcpu *v, gpa_t gpa) { return -EINVAL; }
int fault_resolve(struct vcpu *v, gpa_t gpa, bool write, bool fetch) { return -ENOENT; }
void hypercall_exit(struct vcpu *v) {}
void domain_crash(struct vcpu *v, const char *fmt, ...) { fail_msg("%s", fmt); }
void domain_shutdown(struct domain *d, uint8_t reason) {}
void domain_stop_vcpu(struct vcpu *v) {}
void domain_dump_vcpu(struct vcpu *v) {}
void vcpu_block(struct vcpu *v) {}
void vcpu_wait_in_exit(struct vcpu *v, enum vcpu_wait what)
{
    v->wait = what;
    v->exit_again = true;
}

bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what)
{
    bool ends = v->wait == what;

    v->wait = ends ? WAIT_NONE : v->wait;
    return ends;
}

void switch_unload(struct vcpu *v) {}
void fpu_load(struct vcpu *v, const void *saved, uint32_t size, uint64_t components) {}

/* Other CPUs run theirs at once, as after a kick; the caller's own stays pending. */
void softirq_raise(unsigned int cpu, enum softirq s)
{
    unsigned int self = this_cpu()->id;

    assert_int_equal(s, SOFTIRQ_WBINVD);
    raised[cpu]++;
    if (cpu == self)
        return;
    harness_cpu = cpu;
    exit_wbinvd_softirq();
    harness_cpu = self;
}

void irq_window(void) {}
void cpu_xsetbv(uint64_t val) {}
void cpu_wbinvd(void) { written_back[this_cpu()->id]++; }

static int setup(void **state)
{
    memset(&domain, 0, sizeof(domain));
    memset(&vcpu, 0, sizeof(vcpu));
    memset(&vmcb, 0, sizeof(vmcb));
    memset(raised, 0, sizeof(raised));
    memset(written_back, 0, sizeof(written_back));
    second = vcpu;
    second_vmcb = vmcb;
    domain.max_vcpus = 2;
    domain.vcpu[0] = &vcpu;
    domain.vcpu[1] = &second;
    vcpu.d = second.d = &domain;
    vcpu.hw.vmcb = &vmcb;
    second.hw.vmcb = &second_vmcb;
    second.id = 1;
    dom0 = &domain;
    vmcb.segment[SEG_CS].attributes = 0xa9b;
    vmcb.efer = EFER_LMA;
    vmcb.cr4 = CR4_PAE;
    vmcb.rip = CODE;
    code_bytes = sizeof(code);
    injected = -1;
    stepped = false;
    cpuids = 0;
    cpu_features.physical_bits = 40;
    harness_cpu = 0;
    for (unsigned int i = 0; i < 4; i++)
        cpus[i].id = i;
    return 0;
}

static void exits(uint64_t exitcode)
{
    vmcb.exitcode = exitcode;
    injected = -1;
    exits_decode(&vcpu, &vcpu.exit);
    exit_handle(&vcpu, &vcpu.exit);
}

/* Handles the exit again, as the run loop does after a wait. */
static void exits_again(void)
{
    vcpu.wait = WAIT_NONE;
    vcpu.exit_again = false;
    vcpu.exit.again = true;
    exit_handle(&vcpu, &vcpu.exit);
}

/* --- exits --- */

static void mov_to_cr4(void **state)
{
    static const struct {
        const char *bytes;
        unsigned int length, reg;
    } cases[] = {
        { "\x0f\x22\xe0", 3, 0 },     { "\x0f\x22\xe1", 3, 1 },     { "\x0f\x22\xe4", 3, 4 },
        { "\x0f\x22\xe7", 3, 7 },     { "\x41\x0f\x22\xe0", 4, 8 }, { "\x49\x0f\x22\xe7", 4, 15 },
        { "\x48\x0f\x22\xe3", 4, 3 }, { "\x66\x0f\x22\xe2", 4, 2 },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
        for (unsigned int cut = 0; cut < 2; cut++) {
            for (unsigned int reg = 0; reg < 16; reg++)
                *guest_gpr(&vcpu.regs, reg) = 1ull << 40; /* which is reserved */
            *guest_gpr(&vcpu.regs, cases[i].reg) = CR4_PAE | CR4_PGE;
            memset(code, 0x90, sizeof(code));
            memcpy(code, cases[i].bytes, cases[i].length);
            code_bytes = cut ? cases[i].length : sizeof(code);
            vmcb.rip = CODE;
            vmcb.cr4 = CR4_PAE;
            exits(VMEXIT_WRITE_CR4);
            assert_int_equal(injected, -1);
            assert_int_equal(vmcb.cr4, CR4_PAE | CR4_PGE);
            assert_int_equal(vmcb.rip, CODE + cases[i].length);
        }
}

static void mov_to_cr4_is_refused(void **state)
{
    memcpy(code, "\x0f\x22\xe0", 3);
    vcpu.regs.rax = CR4_PAE | CR4_UMIP; /* not in the policy */
    exits(VMEXIT_WRITE_CR4);
    assert_int_equal(injected, EXC_GP);
    assert_int_equal(vmcb.rip, CODE);
    assert_int_equal(vmcb.cr4, CR4_PAE);
    code_bytes = 2; /* the page was removed meanwhile */
    exits(VMEXIT_WRITE_CR4);
    assert_int_equal(injected, EXC_UD);
    code_bytes = sizeof(code);
    memcpy(code, "\x0f\x20\xe0", 3); /* or its code has changed */
    exits(VMEXIT_WRITE_CR4);
    assert_int_equal(injected, EXC_UD);
    assert_int_equal(vmcb.rip, CODE);

    vcpu.regs.rax = CR4_PAE; /* with decode assists, no code is read */
    vcpu.regs.r9 = CR4_PAE | CR4_PSE;
    vmcb.exitinfo1 = 1ull << 63 | 9;
    vmcb.nrip = CODE + 4;
    exits(VMEXIT_WRITE_CR4);
    assert_int_equal(injected, -1);
    assert_int_equal(vmcb.cr4, CR4_PAE | CR4_PSE);
    assert_int_equal(vmcb.rip, CODE + 4);
    assert_true(bit_test(vmcb.intercepts, VMEXIT_WRITE_CR4) == false);
    exits_set_intercepts(&vmcb);
    assert_true(bit_test(vmcb.intercepts, VMEXIT_WRITE_CR4));
    assert_int_equal(vmcb.intercepts[0] & 0xffff, 0); /* no CR reads: QEMU 10 confuses them */
}

/* Outside 64-bit mode a register has 32 bits, and 0x41 is not a prefix. */
static void mov_to_cr4_in_32_bits(void **state)
{
    vmcb.segment[SEG_CS].attributes = 0xc9b;
    vmcb.segment[SEG_CS].base = 0x800;
    vmcb.rip = CODE - 0x800;
    vmcb.efer = 0;
    vcpu.regs.rax = 1ull << 40 | CR4_PSE;
    memcpy(code, "\x0f\x22\xe0", 3);
    exits(VMEXIT_WRITE_CR4);
    assert_int_equal(injected, -1);
    assert_int_equal(vmcb.cr4, CR4_PSE);
    assert_int_equal(vmcb.rip, CODE - 0x800 + 3);
}

static void cpuid_faults_outside_the_kernel(void **state)
{
    for (uint8_t cpl = 0; cpl < 4; cpl++)
        for (unsigned int on = 0; on < 2; on++) {
            bool faults = on && cpl;

            vmcb.cpl = cpl;
            vmcb.rip = CODE;
            vcpu.vdev.cpuid_faulting = on;
            cpuids = 0;
            exits(VMEXIT_CPUID);
            assert_int_equal(injected, faults ? EXC_GP : -1);
            assert_int_equal(cpuids, !faults);
            assert_int_equal(vmcb.rip, faults ? CODE : CODE + 2);
        }
}

static void traps(void **state)
{
    vmcb.debugctl = DEBUGCTL_BTF | 1;
    stepped = true;
    exits(VMEXIT_EXCEPTION + 1);
    assert_int_equal(injected, -1);
    assert_int_equal(vmcb.debugctl, DEBUGCTL_BTF | 1);
    stepped = false;
    exits(VMEXIT_EXCEPTION + 1);
    assert_int_equal(injected, EXC_DB);
    assert_int_equal(vmcb.debugctl, 1);
}

/*
 * Caches are written back on each CPU that may hold data of dom0, also of a vcpu that waits
 * elsewhere; not for a guest.
 */
static void wbinvd(void **state)
{
    domain.p2m.dirty_cpus = 1u << 0 | 1u << 2 | 1u << 3;
    exits(VMEXIT_WBINVD);
    assert_int_equal(vmcb.rip, CODE + 2);
    assert_int_equal(written_back[0] + written_back[1] + written_back[2] + written_back[3], 0);
    domain.is_dom0 = true;
    vmcb.rip = CODE;
    second.wbinvd_cpus = 1u << 0 | 1u << 1;
    second.wait = WAIT_CACHE;
    exits(VMEXIT_WBINVD);
    assert_int_equal(vmcb.rip, CODE); /* this CPU's own is still pending */
    assert_true(vcpu.wait == WAIT_CACHE && vcpu.exit_again);
    exits_again();
    assert_int_equal(vmcb.rip, CODE); /* VCPUOP_up may end the wait early */
    assert_int_equal(raised[0], 1);
    exit_wbinvd_softirq();
    assert_int_equal(vcpu.wait, WAIT_NONE);
    exits_again();
    assert_int_equal(vmcb.rip, CODE + 2);
    assert_int_equal(vcpu.wbinvd_cpus, 0);
    assert_int_equal(written_back[0], 2); /* for this CPU, and for the other */
    assert_int_equal(second.wait, WAIT_CACHE);
    assert_int_equal(second.wbinvd_cpus, 1u << 1);
    assert_int_equal(written_back[1] + raised[1], 0);
    assert_int_equal(written_back[2], 1);
    assert_int_equal(written_back[3], 1);
    vmcb.rip = CODE;
    exits(VMEXIT_INVD); /* INVD is handled the same */
    assert_int_equal(written_back[3], 2);
}

/* --- contexts --- */

static struct vcpu_hvm_context start_64(void)
{
    return (struct vcpu_hvm_context){
        .mode = VCPU_HVM_MODE_64B,
        .cpu_regs.x86_64 = { .rip = 0x200000,
                             .rsp = 0x8000,
                             .rdi = 7,
                             .rflags = 2,
                             .cr0 = 0x80000011,
                             .cr3 = 0x3000,
                             .cr4 = CR4_PAE,
                             .efer = EFER_LME },
    };
}

static struct vcpu_hvm_context start_32(void)
{
    return (struct vcpu_hvm_context){
        .mode = VCPU_HVM_MODE_32B,
        .cpu_regs.x86_32 = { .eip = 0x1000,
                             .esp = 0x8000,
                             .eflags = 2,
                             .cr0 = 0x11,
                             .cs_limit = ~0u,
                             .ds_limit = ~0u,
                             .ss_limit = ~0u,
                             .es_limit = ~0u,
                             .tr_limit = 0x67,
                             .cs_ar = 0xc9a,
                             .ds_ar = 0xc92,
                             .ss_ar = 0xc92,
                             .es_ar = 0,
                             .tr_ar = 0x89 },
    };
}

#define REFUSED_64(field, value) \
    do { \
        struct vcpu_hvm_context c_ = start_64(); \
        c_.cpu_regs.x86_64.field = (value); \
        assert_int_equal(hw_load_start(&second, &c_), -EINVAL); \
    } while (0)

static void starts_in_long_mode(void **state)
{
    struct vcpu_hvm_context c = start_64();

    REFUSED_64(rip, 1ull << 47);
    REFUSED_64(cr0, 0x11);
    REFUSED_64(cr0, 0x80000010); /* paging without protection */
    REFUSED_64(cr0, 0x100000000 | 0x80000011);
    REFUSED_64(cr0, 0x80000011 | 1u << 29); /* NW without CD */
    REFUSED_64(cr4, 0);
    REFUSED_64(cr4, CR4_PAE | CR4_UMIP);
    REFUSED_64(cr4, CR4_PAE | 1u << 12); /* LA57 */
    REFUSED_64(efer, 0);
    REFUSED_64(efer, EFER_LME | EFER_SVME);
    REFUSED_64(cr3, 1ull << 40);
    c.pad = 1;
    assert_int_equal(hw_load_start(&second, &c), -EINVAL);
    c.pad = 0;
    c.mode = 2;
    assert_int_equal(hw_load_start(&second, &c), -EINVAL);
    assert_false(second.initialised);

    c.mode = VCPU_HVM_MODE_64B;
    assert_int_equal(hw_load_start(&second, &c), 0);
    assert_true(second.initialised);
    assert_int_equal(second_vmcb.rip, 0x200000);
    assert_int_equal(second.regs.rsp, 0x8000);
    assert_int_equal(second.regs.rdi, 7);
    assert_int_equal(second_vmcb.efer, EFER_LME | EFER_LMA | EFER_SVME);
    assert_int_equal(second_vmcb.segment[SEG_CS].attributes, 0xa9b);
    assert_int_equal(second_vmcb.segment[SEG_TR].attributes, 0x8b);
    assert_int_equal(second_vmcb.dr7, 0x400);
    assert_int_equal(second_vmcb.cpl, 0);
    assert_true(hw_mode_64(&second));
}

/* The second vcpu's general registers, in their order: n and up. */
static void assert_registers(uint64_t n)
{
    for (unsigned int reg = 0; reg < 8; reg++)
        assert_int_equal(*guest_gpr(&second.regs, reg), n + reg);
}

static void assert_segment(enum hw_segment_name n, uint64_t base, uint32_t limit,
                           uint16_t attributes)
{
    assert_int_equal(second_vmcb.segment[n].base, base);
    assert_int_equal(second_vmcb.segment[n].limit, limit);
    assert_int_equal(second_vmcb.segment[n].attributes, attributes);
    assert_int_equal(second_vmcb.segment[n].selector, 0);
}

/* State that a start does not set is as after INIT. */
static void assert_rest(void)
{
    for (unsigned int reg = 8; reg < 16; reg++)
        assert_int_equal(*guest_gpr(&second.regs, reg), 0);
    assert_segment(SEG_FS, 0, 0, 0);
    assert_segment(SEG_GS, 0, 0, 0);
    assert_segment(SEG_LDTR, 0, 0, 0x082);
    assert_int_equal(second_vmcb.segment[SEG_GDTR].base | second_vmcb.segment[SEG_GDTR].limit, 0);
    assert_int_equal(second_vmcb.segment[SEG_IDTR].base | second_vmcb.segment[SEG_IDTR].limit, 0);
    assert_int_equal(second_vmcb.dr6, 0xffff0ff0);
    assert_int_equal(second_vmcb.dr7, 0x400);
    assert_int_equal(second.hw.pending, 0);
}

static void all_of_a_start_in_64_bits(void **state)
{
    const uint64_t n = 0x7700000000001000;
    struct vcpu_hvm_context c = {
        .mode = VCPU_HVM_MODE_64B,
        .cpu_regs.x86_64 = { .rax = n,
                             .rcx = n + 1,
                             .rdx = n + 2,
                             .rbx = n + 3,
                             .rsp = n + 4,
                             .rbp = n + 5,
                             .rsi = n + 6,
                             .rdi = n + 7,
                             .rip = 0xffffffff81000000,
                             .rflags = 0x246,
                             .cr0 = 0x80050033,
                             .cr3 = 0x5000,
                             .cr4 = CR4_PAE | CR4_PGE,
                             .efer = EFER_LME | EFER_NXE },
    };

    assert_int_equal(hw_load_start(&second, &c), 0);
    assert_registers(n);
    assert_int_equal(second_vmcb.rip, 0xffffffff81000000);
    assert_int_equal(second_vmcb.rflags, 0x246);
    assert_int_equal(second_vmcb.cr0, 0x80050033);
    assert_int_equal(second_vmcb.cr3, 0x5000);
    assert_int_equal(second_vmcb.cr4, CR4_PAE | CR4_PGE);
    assert_int_equal(second_vmcb.efer, EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME);
    assert_segment(SEG_CS, 0, ~0u, 0xa9b);
    assert_segment(SEG_DS, 0, ~0u, 0xc93);
    assert_segment(SEG_ES, 0, ~0u, 0xc93);
    assert_segment(SEG_SS, 0, ~0u, 0xc93);
    assert_segment(SEG_TR, 0, 0x67, 0x8b);
    assert_rest();
    c.cpu_regs.x86_64.rip = 0x00007fffffffffff; /* up to the end of either half */
    assert_int_equal(hw_load_start(&second, &c), 0);
    c.cpu_regs.x86_64.rip = 0xffff800000000000;
    assert_int_equal(hw_load_start(&second, &c), 0);
    c.cpu_regs.x86_64.rip--;
    assert_int_equal(hw_load_start(&second, &c), -EINVAL);
}

static void all_of_a_start_in_32_bits(void **state)
{
    const uint32_t n = 0x77001000;
    struct vcpu_hvm_context c = {
        .mode = VCPU_HVM_MODE_32B,
        .cpu_regs.x86_32 = { .eax = n,
                             .ecx = n + 1,
                             .edx = n + 2,
                             .ebx = n + 3,
                             .esp = n + 4,
                             .ebp = n + 5,
                             .esi = n + 6,
                             .edi = n + 7,
                             .eip = 0x1234,
                             .eflags = 0x246,
                             .cr0 = 0x11,
                             .cr3 = 0x5000,
                             .cr4 = CR4_PGE,
                             .efer = EFER_NXE,
                             .cs_base = 0x10000,
                             .cs_limit = 0xffff1,
                             .cs_ar = 0xc9a,
                             .ds_base = 0x20000,
                             .ds_limit = 0xffff2,
                             .ds_ar = 0xc92,
                             .ss_base = 0x30000,
                             .ss_limit = 0xffff3,
                             .ss_ar = 0xc96,
                             .es_base = 0x40000,
                             .es_limit = 0xffff4,
                             .es_ar = 0xc9e,
                             .tr_base = 0x50000,
                             .tr_limit = 0x2067,
                             .tr_ar = 0x89 },
    };

    assert_int_equal(hw_load_start(&second, &c), 0);
    assert_registers(n);
    assert_int_equal(second_vmcb.rip, 0x1234);
    assert_int_equal(second_vmcb.rflags, 0x246);
    assert_int_equal(second_vmcb.cr0, 0x11);
    assert_int_equal(second_vmcb.cr3, 0x5000);
    assert_int_equal(second_vmcb.cr4, CR4_PGE);
    assert_int_equal(second_vmcb.efer, EFER_NXE | EFER_SVME);
    assert_segment(SEG_CS, 0x10000, 0xffff1, 0xc9b);
    assert_segment(SEG_DS, 0x20000, 0xffff2, 0xc93);
    assert_segment(SEG_SS, 0x30000, 0xffff3, 0xc97);
    assert_segment(SEG_ES, 0x40000, 0xffff4, 0xc9f);
    assert_segment(SEG_TR, 0x50000, 0x2067, 0x8b);
    assert_rest();
}

#define REFUSED_32(field, value) \
    do { \
        struct vcpu_hvm_context c_ = start_32(); \
        c_.cpu_regs.x86_32.field = (value); \
        assert_int_equal(hw_load_start(&second, &c_), -EINVAL); \
    } while (0)

static void starts_in_32_bits(void **state)
{
    struct vcpu_hvm_context c = start_32();

    REFUSED_32(pad1, 1);
    REFUSED_32(pad2[0], 1);
    REFUSED_32(pad2[1], 1);
    REFUSED_32(pad2[2], 1);
    REFUSED_32(cs_ar, 0);
    REFUSED_32(ss_ar, 0);
    REFUSED_32(tr_ar, 0);
    REFUSED_32(cs_ar, 0x1c9a); /* reserved */
    REFUSED_32(cs_ar, 0xc1a);  /* not present */
    REFUSED_32(cs_ar, 0xc92);  /* data */
    REFUSED_32(cs_ar, 0xc8a);  /* a system segment */
    REFUSED_32(cs_ar, 0xcfa);  /* another DPL than SS */
    REFUSED_32(ss_ar, 0xc90);  /* read-only */
    REFUSED_32(ss_ar, 0xc9a);  /* code */
    REFUSED_32(ds_ar, 0xc98);  /* execute-only code */
    REFUSED_32(ds_ar, 0xcf2);  /* a higher DPL */
    REFUSED_32(es_ar, 0xcf2);
    REFUSED_32(es_ar, 0xc12);
    REFUSED_32(tr_ar, 0x99); /* no system segment */
    REFUSED_32(tr_ar, 0x81); /* a 16-bit TSS */
    REFUSED_32(tr_ar, 0x88); /* no segment at all */
    REFUSED_32(tr_ar, 0x8c); /* a call gate */
    c.cpu_regs.x86_32.cs_ar = 0x49a;
    c.cpu_regs.x86_32.cs_limit = 0xfff; /* EIP exceeds it */
    assert_int_equal(hw_load_start(&second, &c), -EINVAL);
    REFUSED_32(efer, EFER_LMA);
    REFUSED_32(cr4, CR4_UMIP);
    REFUSED_32(cr0, 0x80000000);
    assert_false(second.initialised);

    c.cpu_regs.x86_32.cs_limit = 0x1000;
    c.cpu_regs.x86_32.es_ar = 0xc9a;
    assert_int_equal(hw_load_start(&second, &c), 0);
    assert_true(second.initialised);
    assert_int_equal(second_vmcb.rip, 0x1000);
    assert_int_equal(second_vmcb.efer, EFER_SVME);
    assert_int_equal(second_vmcb.segment[SEG_CS].attributes, 0x49b); /* accessed */
    assert_int_equal(second_vmcb.segment[SEG_ES].attributes, 0xc9b);
    assert_int_equal(second_vmcb.segment[SEG_TR].attributes, 0x8b); /* busy */
    c = start_32();                                                 /* its limit counts pages */
    c.cpu_regs.x86_32.cs_limit = 3;
    c.cpu_regs.x86_32.eip = 0x3fff;
    assert_int_equal(hw_load_start(&second, &c), 0);
    c.cpu_regs.x86_32.eip = 0x4000;
    assert_int_equal(hw_load_start(&second, &c), -EINVAL);
    c = start_32(); /* at CPL 3 */
    c.cpu_regs.x86_32.cs_ar = 0xcfa;
    c.cpu_regs.x86_32.ss_ar = 0xcf2;
    c.cpu_regs.x86_32.ds_ar = 0xcf2;
    assert_int_equal(hw_load_start(&second, &c), 0);
    assert_int_equal(second_vmcb.cpl, 3);
    c = start_32(); /* paging of 32 bits */
    c.cpu_regs.x86_32.cr0 |= 0x80000000;
    assert_int_equal(hw_load_start(&second, &c), 0);
    assert_int_equal(second_vmcb.efer, EFER_SVME);
    c.cpu_regs.x86_32.cr0 &= ~0x80000000;
    c.cpu_regs.x86_32.efer = EFER_LME | EFER_LMA; /* which the CPU controls */
    assert_int_equal(hw_load_start(&second, &c), 0);
    assert_int_equal(second_vmcb.efer, EFER_LME | EFER_SVME);
    c = start_32(); /* compatibility mode; without paging, long mode is not active */
    c.cpu_regs.x86_32.efer = EFER_LME;
    assert_int_equal(hw_load_start(&second, &c), 0);
    assert_int_equal(second_vmcb.efer, EFER_LME | EFER_SVME);
    c.cpu_regs.x86_32.cr0 |= 0x80000000;
    assert_int_equal(hw_load_start(&second, &c), -EINVAL);
    c.cpu_regs.x86_32.cr4 = CR4_PAE;
    assert_int_equal(hw_load_start(&second, &c), 0);
    assert_int_equal(second_vmcb.efer, EFER_LME | EFER_LMA | EFER_SVME);
    assert_false(hw_mode_64(&second));
}

static void contexts_of_the_tools(void **state)
{
    struct hvm_hw_cpu c;

    vmcb.cr0 = 0x11;
    vmcb.efer = EFER_SVME;
    vcpu.hw.stepping = true; /* the core steps over an IRET */
    vmcb.rflags = RFLAGS_TF | RFLAGS_RESERVED;
    vcpu.xsave = &(uint8_t[512]){ 0 };
    hw_save_context(&vcpu, &c);
    assert_int_equal(c.rflags, RFLAGS_RESERVED);
    assert_int_equal(c.cr4, CR4_PAE);
    assert_int_equal(hw_load_context(&second, &c), 0);
    assert_int_equal(second_vmcb.cr4, CR4_PAE);
    c.cr4 |= 1u << 12;
    assert_int_equal(hw_load_context(&second, &c), -EINVAL);
    c.cr4 = CR4_PAE | CR4_UMIP;
    assert_int_equal(hw_load_context(&second, &c), -EINVAL);
    vcpu.hw.step_guests = true;
    hw_save_context(&vcpu, &c);
    assert_int_equal(c.rflags, RFLAGS_TF | RFLAGS_RESERVED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(mov_to_cr4, setup),
        cmocka_unit_test_setup(mov_to_cr4_is_refused, setup),
        cmocka_unit_test_setup(mov_to_cr4_in_32_bits, setup),
        cmocka_unit_test_setup(cpuid_faults_outside_the_kernel, setup),
        cmocka_unit_test_setup(traps, setup),
        cmocka_unit_test_setup(wbinvd, setup),
        cmocka_unit_test_setup(starts_in_long_mode, setup),
        cmocka_unit_test_setup(all_of_a_start_in_64_bits, setup),
        cmocka_unit_test_setup(starts_in_32_bits, setup),
        cmocka_unit_test_setup(all_of_a_start_in_32_bits, setup),
        cmocka_unit_test_setup(contexts_of_the_tools, setup),
    };

    return cmocka_run_group_tests_name("guest_cpu", tests, NULL, NULL);
}
