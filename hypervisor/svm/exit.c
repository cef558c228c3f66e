/* SPDX-License-Identifier: MIT */
/*
 * Why a guest stopped, and what is done about it: one table by exit code (APM vol. 2, appendix C), which also
 * says what is intercepted: what the core must see. What is not in it crashes the guest with a dump: fail
 * closed. Where the CPU does not say where the next instruction is, one is skipped by its plain length; who
 * puts prefixes on VMMCALL there confuses only itself.
 *
 * Read next: ../hypercall/table.c, ../guest/emulate.c, ../mm/p2m.c for what the exits lead to.
 */
#include "cpu.h"
#include "guest.h"
#include "guest/exits.h"
#include "errors.h"
#include "hypercall.h"
#include "vdev/bus.h"
#include "vmcb.h"

#define NPF_PRESENT (1u << 0)
#define NPF_WRITE (1u << 1)
#define NPF_FETCH (1u << 4)
#define NPF_FINAL (1ull << 32) /* the final address, not one of the guest's page tables */

static void inject_gp(struct vcpu *v) { svm_inject_exception(v, EXC_GP, 0); }
static void exit_undefined(struct vcpu *v) { svm_inject_exception(v, EXC_UD, 0); }

/* #DB and #AC are intercepted because a guest can make their delivery loop for ever inside the CPU. */
static void exit_debug(struct vcpu *v)
{
    if (inject_stepped(v))
        return;
    v->vmcb->debugctl &= ~DEBUGCTL_BTF; /* as its delivery does (APM vol. 2, 13.1.1.6); injection may not */
    svm_inject_exception(v, EXC_DB, 0);
}

static void exit_alignment(struct vcpu *v) { svm_inject_exception(v, 17, 0); }

static void exit_machine_check(struct vcpu *v) { panic("machine check while a guest ran\n"); }

static void exit_nothing(struct vcpu *v) {}
static void exit_interrupt(struct vcpu *v) { irq_window(); }

/* Writes this CPU's cache back for those of dom0's vcpus that wait for it. */
void svm_wbinvd_softirq(void)
{
    for_each_vcpu(dom0, v)
        if (bit_test(&v->svm.wbinvd_cpus, this_cpu()->id)) {
            cpu_wbinvd();
            bit_clear(&v->svm.wbinvd_cpus, this_cpu()->id);
        }
}

/*
 * INVD, WBINVD. Caches are coherent, so a guest without devices needs neither. dom0 means all caches that its
 * data may be in: those of all CPUs that it has run on. No lock is held here, and who waits does its part for
 * others who do, so all of them come to an end.
 */
static void exit_cache(struct vcpu *v)
{
    if (v->d->is_dom0) {
        uint64_t all = __atomic_load_n(&v->d->p2m.dirty_cpus, __ATOMIC_SEQ_CST);

        __atomic_store_n(&v->svm.wbinvd_cpus, all, __ATOMIC_SEQ_CST);
        for (; all; all &= all - 1)
            softirq_raise((unsigned int)__builtin_ctzll(all), SOFTIRQ_WBINVD);
        while (svm_wbinvd_softirq(), READ_ONCE(v->svm.wbinvd_cpus))
            cpu_pause();
    }
    svm_skip(v, 2);
}

static void exit_cpuid(struct vcpu *v)
{
    struct cpuid_regs r;

    if (unlikely(v->vdev.cpuid_faulting) && v->vmcb->cpl) {
        inject_gp(v);
        return;
    }
    cpuid_guest(v, (uint32_t)v->vmcb->rax, (uint32_t)v->regs.rcx, v->vmcb->cr4, &r);
    v->vmcb->rax = r.a;
    v->regs.rbx = r.b;
    v->regs.rcx = r.c;
    v->regs.rdx = r.d;
    svm_skip(v, 2);
}

/*
 * The register of MOV to CR4: the CPU says it where it can (APM vol. 2, 15.8.1); else the instruction is
 * read, which has one prefix at most. Bytes that do not fit were changed meanwhile.
 */
static bool cr4_operand(struct vcpu *v, unsigned int *reg, unsigned int *length)
{
    uint8_t code[4];
    unsigned int n = sizeof(code);

    if (v->vmcb->exitinfo1 >> 63) {
        *reg = v->vmcb->exitinfo1 & 15;
        *length = 3; /* and the CPU gives the next RIP, too */
        return true;
    }
    while (n && guest_read(v, code, svm_code_address(v), n))
        n--; /* the page may end */
    unsigned int at = code[0] != 0x0f;
    if (n < at + 3 || code[at] != 0x0f || code[at + 1] != 0x22)
        return false;
    *reg = (code[at + 2] & 7) | (at && svm_mode_64(v) && (code[0] & 0xf1) == 0x41 ? 8 : 0);
    *length = at + 3;
    return true;
}

static void exit_write_cr4(struct vcpu *v)
{
    unsigned int reg, length;

    if (!cr4_operand(v, &reg, &length)) {
        exit_undefined(v);
        return;
    }
    uint64_t val = *svm_gpr(v, reg);

    if (svm_set_cr4(v, svm_mode_64(v) ? val : (uint32_t)val))
        inject_gp(v);
    else
        svm_skip(v, length);
}

static void exit_hlt(struct vcpu *v)
{
    svm_skip(v, 1);
    if (v->svm.pending)
        return; /* single-stepped: that trap ends the halt */
    if (!(v->vmcb->rflags & RFLAGS_IF) && !v->vdev.nmi_pending)
        vcpu_stop(v); /* a CPU that Linux took offline, or the last one at power-off */
    sched_block(v);
}

static void exit_msr(struct vcpu *v)
{
    uint64_t val = v->regs.rdx << 32 | (uint32_t)v->vmcb->rax;
    bool write = v->vmcb->exitinfo1 & 1;
    uint32_t msr = (uint32_t)v->regs.rcx;
    int rc = write ? msr_guest_write(v, msr, val) : msr_guest_read(v, msr, &val);

    if (rc == -ENOENT)
        rc = write ? svm_set_msr(v, msr, val) : svm_get_msr(v, msr, &val);
    if (rc) {
        log_debug("d%u vcpu %u: %s of MSR %#x refused\n", v->d->id, v->id, write ? "write" : "read", msr);
        inject_gp(v);
        return;
    }
    if (!write) {
        v->vmcb->rax = (uint32_t)val;
        v->regs.rdx = val >> 32;
    }
    svm_skip(v, 2);
}

static void exit_xsetbv(struct vcpu *v)
{
    uint64_t val = v->regs.rdx << 32 | (uint32_t)v->vmcb->rax;

    if (v->vmcb->cpl || (uint32_t)v->regs.rcx || !svm_xcr0_allowed(v->d, val)) {
        inject_gp(v);
        return;
    }
    cpu_xsetbv(val);
    svm_skip(v, 3);
}

/*
 * The operand of INS or OUTS is the guest's, whom its own tables may refuse it: then that is a page fault,
 * before anything has happened.
 */
static bool operand_faults(struct vcpu *v, gva_t va, unsigned int size, bool write)
{
    unsigned int access = (write ? GUEST_WALK_WRITE : 0) | (v->vmcb->cpl == 3 ? GUEST_WALK_USER : 0);
    struct guest_paging paging = svm_get_paging(v);
    uint32_t fault;
    gpa_t gpa;

    for (gva_t at = va; at < va + size; at = (at | ~PAGE_MASK) + 1)
        if (guest_walk(v->d, &paging, at, access, &gpa, &fault)) {
            svm_inject_page_fault(v, at, fault);
            return true;
        }
    return false;
}

/* One element of INS or OUTS through the string's memory operand; RIP stays while a REP has more to do. */
static void exit_io_string(struct vcpu *v, uint16_t port, unsigned int size, bool in, bool rep)
{
    uint64_t info = v->vmcb->exitinfo1;
    uint64_t mask = info & 1u << 9 ? ~0ull : info & 1u << 8 ? 0xffffffff : 0xffff;
    uint64_t *index = in ? &v->regs.rdi : &v->regs.rsi, count = rep ? v->regs.rcx & mask : 1;
    unsigned int segment = in ? SEG_ES : info >> 10 & 7;
    uint32_t val = 0;
    int rc = 0;

    switch_unload(v);
    gva_t base = svm_mode_64(v) && segment < SEG_FS ? 0 : v->vmcb->segment[segment].base;
    gva_t va = base + (*index & mask);
    if (count) {
        if (operand_faults(v, va, size, in))
            return;
        if (in) {
            val = bus_port_read(v, port, size);
            rc = guest_write(v, va, &val, size);
        } else {
            rc = guest_read(v, &val, va, size);
            if (!rc)
                bus_port_write(v, port, size, val);
        }
        if (rc) {
            inject_gp(v); /* there is no RAM */
            return;
        }
        uint64_t next = v->vmcb->rflags & 1u << 10 ? *index - size : *index + size;
        *index = (*index & ~mask) | (next & mask);
        count--;
        if (rep)
            v->regs.rcx = (v->regs.rcx & ~mask) | count;
    }
    if (!count)
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
    memcpy(&val, &v->vmcb->rax, size);
    if (!in)
        bus_port_write(v, port, size, val);
    else
        val = bus_port_read(v, port, size);
    if (in && size == 4)
        v->vmcb->rax = val;
    else if (in)
        memcpy(&v->vmcb->rax, &val, size);
    svm_set_rip(v, v->vmcb->exitinfo2);
}

static void exit_nested_fault(struct vcpu *v)
{
    uint64_t info = v->vmcb->exitinfo1;
    const char *access = info & NPF_WRITE ? "write" : info & NPF_FETCH ? "fetch" : "read";
    gpa_t gpa = v->vmcb->exitinfo2;
    int rc = fault_resolve(v, gpa, info & NPF_WRITE, info & NPF_FETCH);

    if (rc == -EACCES) {
        inject_gp(v); /* a write to a read-only grant, or such */
        return;
    }
    if (rc == -ENOENT && (info & NPF_FINAL) && !(info & NPF_FETCH))
        rc = emulate_access(v, gpa);
    if (rc)
        domain_crash(v, "no memory at guest address %#lx (%s%s, %s), error %d", gpa, access,
                     info & NPF_PRESENT ? ", present" : "", info & NPF_FINAL ? "operand" : "its page tables",
                     -rc);
}

static void exit_shutdown(struct vcpu *v)
{
    guest_log(v->d, "vcpu %u: triple fault\n", v->id);
    svm_dump(v);
    domain_shutdown(v->d, (uint8_t)v->d->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON]);
}

static void exit_unknown(struct vcpu *v)
{
    const struct vmcb *vmcb = v->vmcb;

    domain_crash(v, "exit %#lx is not handled (info %#lx %#lx)", vmcb->exitcode, vmcb->exitinfo1,
                 vmcb->exitinfo2);
}

typedef void exit_fn(struct vcpu *v);

static exit_fn *const exit_table[EXIT_TABLE] = {
    [EXIT_WRITE_CR4] = exit_write_cr4,
    [EXIT_EXCEPTION + 1] = exit_debug,
    [EXIT_EXCEPTION + 17] = exit_alignment,
    [EXIT_EXCEPTION + 18] = exit_machine_check,
    [EXIT_INTR] = exit_interrupt,
    [EXIT_NMI] = exit_nothing,          /* taken when GIF was set again */
    [EXIT_SMI] = exit_nothing,
    [EXIT_INIT] = exit_nothing,
    [EXIT_RDPMC] = inject_gp,
    [EXIT_CPUID] = exit_cpuid,
    [EXIT_IRET] = inject_iret,
    [EXIT_INVD] = exit_cache,
    [EXIT_HLT] = exit_hlt,
    [EXIT_INVLPGA] = exit_undefined,
    [EXIT_IOIO] = exit_io,
    [EXIT_MSR] = exit_msr,
    [EXIT_TASK_SWITCH] = exit_unknown,
    [EXIT_SHUTDOWN] = exit_shutdown,
    [EXIT_VMRUN] = exit_undefined,
    [EXIT_VMMCALL] = hypercall_exit,
    [EXIT_VMMCALL + 1 ... EXIT_SKINIT] = exit_undefined,
    [EXIT_WBINVD] = exit_cache,
    [EXIT_MONITOR ... EXIT_MWAIT_ARMED] = exit_undefined,
    [EXIT_XSETBV] = exit_xsetbv,
    [EXIT_RDPRU] = exit_undefined,
};

/* What the table has; IRET only while a guest handles an NMI (inject.c). */
void exit_set_intercepts(struct vmcb *vmcb)
{
    for (unsigned int code = 0; code < EXIT_TABLE; code++)
        if (exit_table[code] && code != EXIT_IRET)
            bit_set(vmcb->intercepts, code);
}

void exit_handle(struct vcpu *v)
{
    uint64_t code = v->vmcb->exitcode;

    if (likely(code < EXIT_TABLE && exit_table[code]))
        exit_table[code](v);
    else if (code == EXIT_NPF)
        exit_nested_fault(v);
    else
        exit_unknown(v);
}
