/* SPDX-License-Identifier: MIT */
/*
 * Why a guest stopped, and what is done about it: one table by exit code (APM vol. 2, appendix C). What is
 * not in the table crashes the guest with a dump: fail closed. A guest's instruction is skipped by its plain
 * length, because next-RIP is not there everywhere; a guest that puts prefixes on VMMCALL confuses only
 * itself (pitfall 3).
 *
 * Read next: ../hypercall/table.c, ../vdev/io.c, ../mm/p2m.c for what the exits lead to.
 */
#include "cpu.h"
#include "guest.h"
#include "hypercall.h"
#include "vmcb.h"

#define EXIT_EXCEPTION 0x40
#define EXIT_INTR 0x60
#define EXIT_NMI 0x61
#define EXIT_SMI 0x62
#define EXIT_INIT 0x63
#define EXIT_RDPMC 0x6f
#define EXIT_CPUID 0x72
#define EXIT_IRET 0x74
#define EXIT_INVD 0x76
#define EXIT_HLT 0x78
#define EXIT_INVLPGA 0x7a
#define EXIT_IOIO 0x7b
#define EXIT_MSR 0x7c
#define EXIT_SHUTDOWN 0x7f
#define EXIT_VMRUN 0x80
#define EXIT_VMMCALL 0x81
#define EXIT_SKINIT 0x86
#define EXIT_WBINVD 0x89
#define EXIT_MONITOR 0x8a
#define EXIT_MWAIT_ARMED 0x8c
#define EXIT_XSETBV 0x8d
#define EXIT_TABLE 0x8e
#define EXIT_NPF 0x400

#define NPF_PRESENT (1u << 0)
#define NPF_WRITE (1u << 1)
#define NPF_FETCH (1u << 4)
#define NPF_FINAL (1ull << 32) /* the final address, not one of the guest's page tables */

static void inject_gp(struct vcpu *v) { svm_inject_exception(v, EXC_GP, true, 0); }

static void exit_nothing(struct vcpu *v) { (void)v; }

static void exit_interrupt(struct vcpu *v)
{
    (void)v;
    irq_window();
}

static void exit_undefined(struct vcpu *v) { svm_inject_exception(v, EXC_UD, false, 0); }

/* #DB and #AC are intercepted because a guest can make their delivery loop for ever inside the CPU. */
static void exit_debug(struct vcpu *v) { svm_inject_exception(v, 1, false, 0); }
static void exit_alignment(struct vcpu *v) { svm_inject_exception(v, 17, true, 0); }

static void exit_machine_check(struct vcpu *v)
{
    (void)v;
    panic("machine check while a guest ran\n");
}

static void exit_cpuid(struct vcpu *v)
{
    struct cpuid_regs r;

    cpuid_guest(v, (uint32_t)v->vmcb->rax, (uint32_t)v->regs.rcx, &r);
    v->vmcb->rax = r.a;
    v->regs.rbx = r.b;
    v->regs.rcx = r.c;
    v->regs.rdx = r.d;
    svm_skip(v, 2);
}

static void exit_iret(struct vcpu *v) { inject_nmi_window(v); }

/* INVD, WBINVD: caches are coherent, nothing to do. */
static void exit_cache(struct vcpu *v)
{
    svm_skip(v, 2);
}

static void exit_hlt(struct vcpu *v)
{
    svm_skip(v, 1);
    if (!(v->vmcb->rflags & RFLAGS_IF) && !v->vdev.nmi_pending)
        vcpu_stop(v); /* a CPU that Linux took offline, or the last one at power-off */
    sched_block(v);
}

static void exit_msr(struct vcpu *v)
{
    uint32_t msr = (uint32_t)v->regs.rcx;
    uint64_t val;

    if (v->vmcb->exitinfo1 & 1) {
        val = (v->regs.rdx << 32) | (uint32_t)v->vmcb->rax;
        if (msr_guest_write(v, msr, val)) {
            inject_gp(v);
            return;
        }
    } else {
        if (msr_guest_read(v, msr, &val)) {
            inject_gp(v);
            return;
        }
        v->vmcb->rax = (uint32_t)val;
        v->regs.rdx = val >> 32;
    }
    svm_skip(v, 2);
}

static void exit_xsetbv(struct vcpu *v)
{
    uint64_t val = (v->regs.rdx << 32) | (uint32_t)v->vmcb->rax;

    if (v->vmcb->cpl || (uint32_t)v->regs.rcx || !svm_xcr0_allowed(v->d, val)) {
        inject_gp(v);
        return;
    }
    __asm__ volatile("xsetbv" : : "a"((uint32_t)val), "d"((uint32_t)(val >> 32)), "c"(0));
    svm_skip(v, 3);
}

/* One element of INS or OUTS through the string's memory operand; RIP stays while a REP has more to do. */
static void exit_io_string(struct vcpu *v, uint16_t port, unsigned int size, bool in, bool rep)
{
    unsigned int address_bits = (v->vmcb->exitinfo1 >> 7 & 7) * 16;
    uint64_t mask = address_bits >= 64 ? ~0ull : (1ull << address_bits) - 1;
    uint64_t *index = in ? &v->regs.rdi : &v->regs.rsi;
    unsigned int segment = in ? SEG_ES : (unsigned int)(v->vmcb->exitinfo1 >> 10 & 7);
    uint64_t base;
    int64_t step = v->vmcb->rflags & (1u << 10) ? -(int64_t)size : (int64_t)size;
    uint32_t val = 0;
    int rc;

    switch_unload(v);
    base = v->vmcb->segment[segment < SEG_GDTR ? segment : SEG_DS].base;
    if (svm_mode_64(v) && segment < SEG_FS)
        base = 0;
    if (rep && !(v->regs.rcx & mask)) {
        svm_set_rip(v, v->vmcb->exitinfo2);
        return;
    }
    if (in) {
        io_port_read(v, port, size, &val);
        rc = guest_write(v, base + (*index & mask), &val, size);
    } else {
        rc = guest_read(v, &val, base + (*index & mask), size);
        if (!rc)
            io_port_write(v, port, size, val);
    }
    if (rc) {
        svm_inject_page_fault(v, base + (*index & mask), in ? 2 : 0);
        return;
    }
    *index = (*index & ~mask) | ((*index + (uint64_t)step) & mask);
    if (rep)
        v->regs.rcx = (v->regs.rcx & ~mask) | ((v->regs.rcx - 1) & mask);
    if (!rep || !(v->regs.rcx & mask))
        svm_set_rip(v, v->vmcb->exitinfo2);
}

static void exit_io(struct vcpu *v)
{
    uint64_t info = v->vmcb->exitinfo1;
    uint16_t port = (uint16_t)(info >> 16);
    unsigned int size = info >> 4 & 7;
    bool in = info & 1;
    uint32_t val = 0;

    if (info & 4) {
        exit_io_string(v, port, size, in, info & 8);
        return;
    }
    if (in) {
        io_port_read(v, port, size, &val);
        if (size == 4)
            v->vmcb->rax = val;
        else
            memcpy(&v->vmcb->rax, &val, size);
    } else {
        memcpy(&val, &v->vmcb->rax, size);
        io_port_write(v, port, size, val);
    }
    svm_set_rip(v, v->vmcb->exitinfo2);
}

static void exit_nested_fault(struct vcpu *v)
{
    uint64_t info = v->vmcb->exitinfo1;
    const char *access = info & NPF_WRITE ? "write" : info & NPF_FETCH ? "fetch" : "read";
    gpa_t gpa = v->vmcb->exitinfo2;
    int rc = p2m_fault(v, gpa, info & NPF_WRITE, info & NPF_FETCH);

    if (!rc)
        return;
    if (rc == -EACCES) {
        inject_gp(v); /* a write to a read-only grant, or such */
        return;
    }
    if (rc == -ENOENT && (info & NPF_FINAL) && !(info & NPF_FETCH))
        rc = io_emulate(v, gpa);
    if (rc)
        domain_crash(v, "no memory at guest address %#lx (%s%s, %s), error %d", gpa, access,
                     info & NPF_PRESENT ? ", present" : "", info & NPF_FINAL ? "operand" : "its page tables",
                     -rc);
}

static void exit_shutdown(struct vcpu *v)
{
    uint64_t reason = v->d->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON];

    guest_log(v->d, "vcpu %u: triple fault\n", v->id);
    svm_dump(v);
    domain_shutdown(v->d, (uint8_t)reason);
}

typedef void exit_fn(struct vcpu *v);

static exit_fn *const exit_table[EXIT_TABLE] = {
    [EXIT_EXCEPTION + 1] = exit_debug,
    [EXIT_EXCEPTION + 17] = exit_alignment,
    [EXIT_EXCEPTION + 18] = exit_machine_check,
    [EXIT_INTR] = exit_interrupt,
    [EXIT_NMI] = exit_nothing,          /* taken when GIF was set again */
    [EXIT_SMI] = exit_nothing,
    [EXIT_INIT] = exit_nothing,
    [EXIT_RDPMC] = inject_gp,
    [EXIT_CPUID] = exit_cpuid,
    [EXIT_IRET] = exit_iret,
    [EXIT_INVD] = exit_cache,
    [EXIT_HLT] = exit_hlt,
    [EXIT_INVLPGA] = exit_undefined,
    [EXIT_IOIO] = exit_io,
    [EXIT_MSR] = exit_msr,
    [EXIT_SHUTDOWN] = exit_shutdown,
    [EXIT_VMRUN] = exit_undefined,
    [EXIT_VMMCALL] = hypercall_exit,
    [EXIT_VMMCALL + 1 ... EXIT_SKINIT] = exit_undefined,
    [EXIT_WBINVD] = exit_cache,
    [EXIT_MONITOR ... EXIT_MWAIT_ARMED] = exit_undefined,
    [EXIT_XSETBV] = exit_xsetbv,
};

void exit_handle(struct vcpu *v)
{
    uint64_t code = v->vmcb->exitcode;

    if (likely(code < EXIT_TABLE && exit_table[code]))
        exit_table[code](v);
    else if (code == EXIT_NPF)
        exit_nested_fault(v);
    else
        domain_crash(v, "exit %#lx is not handled (info %#lx %#lx)", code, v->vmcb->exitinfo1,
                     v->vmcb->exitinfo2);
}
