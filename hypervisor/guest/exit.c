/* SPDX-License-Identifier: MIT */
/*
 * Exit handlers, one per kind (struct exit, hw.h). Where the CPU does not report the next RIP, an
 * instruction is skipped by its length without prefixes. A guest that adds prefixes, e.g. to
 * VMMCALL, affects only itself.
 *
 * Read next: ../hypercall/table.c, fault.c, emulate.c.
 */
#include "guest/exit.h"
#include "core/domain_registry.h"
#include "core/domain_shutdown.h"
#include "core/ioreq.h"
#include "core/vcpu.h"
#include "core/vcpu_memory.h"
#include "cpu.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "guest/access.h"
#include "guest/emulate.h"
#include "guest/fault.h"
#include "hw.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "lib.h"
#include "mm/guest.h"
#include "percpu.h"
#include "vdev/cpuid.h"
#include "vdev/msr.h"

#define RFLAGS_DF (1ull << 10)
#define RFLAGS_IF (1ull << 9)

static void inject_gp(struct vcpu *v) { hw_inject_exception(v, EXC_GP, 0); }

static void exit_protection(struct vcpu *v, const struct exit *e) { inject_gp(v); }
static void exit_undefined(struct vcpu *v, const struct exit *e)
{
    hw_inject_exception(v, EXC_UD, 0);
}
static void exit_debug(struct vcpu *v, const struct exit *e) { hw_inject_exception(v, EXC_DB, 0); }
static void exit_alignment(struct vcpu *v, const struct exit *e)
{
    hw_inject_exception(v, EXC_AC, 0);
}
static void exit_nothing(struct vcpu *v, const struct exit *e) {}
static void exit_overdrawn(struct vcpu *v, const struct exit *e) { fault_settle(v); }
static void exit_hypercall(struct vcpu *v, const struct exit *e) { hypercall_exit(v); }

static void exit_machine_check(struct vcpu *v, const struct exit *e)
{
    panic("machine check while a guest ran\n");
}

/* Writes back this CPU's caches for every dom0 vcpu that waits for it. */
void exit_wbinvd_softirq(void)
{
    for_each_vcpu(dom0, v) {
        if (!bit_test(&v->wbinvd_cpus, this_cpu()->id))
            continue;
        cpu_wbinvd();
        bit_clear(&v->wbinvd_cpus, this_cpu()->id);
        if (!cpumask_read(&v->wbinvd_cpus))
            vcpu_end_wait(v, WAIT_CACHE);
    }
}

/*
 * Handles INVD and WBINVD. Caches are coherent, so a guest without devices needs neither. For dom0,
 * the caches of all CPUs that it has run on may hold its data. The vcpu waits until each of these
 * CPUs has written back its own.
 */
static void exit_cache(struct vcpu *v, const struct exit *e)
{
    if (v->d->is_dom0 && !e->again) {
        cpumask_t all = cpumask_read(&v->d->p2m.dirty_cpus);

        v->wbinvd_cpus = all;
        for (; all; all &= all - 1) /* an atomic operation orders the mask before the request */
            softirq_raise(cpumask_first(all), SOFTIRQ_WBINVD);
    }
    if (cpumask_read(&v->wbinvd_cpus)) {
        vcpu_wait_in_exit(v, WAIT_CACHE);
        if (!cpumask_read(&v->wbinvd_cpus))
            vcpu_end_wait(v, WAIT_CACHE);
        return;
    }
    hw_skip(v, 2);
}

static void exit_cpuid(struct vcpu *v, const struct exit *e)
{
    struct cpuid_regs r;

    if (unlikely(v->vdev.cpuid_faulting) && hw_get_cpl(v)) {
        inject_gp(v);
        return;
    }
    cpuid_guest(v, (uint32_t)v->regs.rax, (uint32_t)v->regs.rcx, hw_get_cr4(v), &r);
    v->regs.rax = r.a;
    v->regs.rbx = r.b;
    v->regs.rcx = r.c;
    v->regs.rdx = r.d;
    hw_skip(v, 2);
}

/*
 * Decodes the register operand of MOV to CR4, which has at most one prefix. False: the bytes were
 * changed meanwhile.
 */
static bool read_cr4_operand(struct vcpu *v, unsigned int *reg, unsigned int *length)
{
    uint8_t code[4];
    unsigned int n = sizeof(code);

    while (n && guest_read(v, code, hw_code_address(v), n))
        n--; /* the next page may be unmapped */
    unsigned int at = code[0] != 0x0f;
    if (n < at + 3 || code[at] != 0x0f || code[at + 1] != 0x22)
        return false;
    *reg = (code[at + 2] & 7) | (at && hw_mode_64(v) && (code[0] & 0xf1) == 0x41 ? 8 : 0);
    *length = at + 3;
    return true;
}

static void exit_cr4(struct vcpu *v, const struct exit *e)
{
    unsigned int reg = (unsigned int)e->cr4_register,
                 length = 3; /* unused if the CPU reports the next RIP */

    if (e->cr4_register < 0 && !read_cr4_operand(v, &reg, &length)) {
        exit_undefined(v, e);
        return;
    }
    uint64_t val = *guest_gpr(&v->regs, reg);

    if (hw_set_cr4(v, hw_mode_64(v) ? val : (uint32_t)val))
        inject_gp(v);
    else
        hw_skip(v, length);
}

static void exit_hlt(struct vcpu *v, const struct exit *e)
{
    hw_skip(v, 1);
    if (hw_event_pending(v))
        return; /* single-step trap: it ends the halt */
    if (!(hw_get_rflags(v) & RFLAGS_IF) && !v->vdev.nmi_pending)
        domain_stop_vcpu(v); /* CPU taken offline by Linux, or power-off */
    vcpu_block(v);
}

/* If a copy found a paged page, v waits for it. Nothing has been done, and the exit comes again. */
static bool awaits_page(struct vcpu *v, int rc)
{
    if (rc == -ERESTART)
        vcpu_memory_wait_page(v, this_cpu()->paged);
    return rc == -ERESTART;
}

static void exit_msr(struct vcpu *v, const struct exit *e)
{
    uint64_t val = v->regs.rdx << 32 | (uint32_t)v->regs.rax;
    bool write = e->msr_write;
    uint32_t msr = (uint32_t)v->regs.rcx;
    int rc = write ? msr_guest_write(v, msr, val) : msr_guest_read(v, msr, &val);

    if (rc == -ENOENT)
        rc = write ? hw_set_msr(v, msr, val) : hw_get_msr(v, msr, &val);
    if (awaits_page(v, rc))
        return;
    if (rc) {
        log_debug("d%u vcpu %u: %s of MSR %#x refused\n", v->d->id, v->id, write ? "write" : "read",
                  msr);
        inject_gp(v);
        return;
    }
    if (!write) {
        v->regs.rax = (uint32_t)val;
        v->regs.rdx = val >> 32;
    }
    hw_skip(v, 2);
}

static void exit_xsetbv(struct vcpu *v, const struct exit *e)
{
    uint64_t val = v->regs.rdx << 32 | (uint32_t)v->regs.rax;

    if (hw_get_cpl(v) || (uint32_t)v->regs.rcx || !hw_xcr0_allowed(v->d, val)) {
        inject_gp(v);
        return;
    }
    cpu_xsetbv(val);
    hw_skip(v, 3);
}

/*
 * Checks the memory operand of INS or OUTS against the guest's page tables. If they deny the
 * access, injects a page fault, before any side effect.
 */
static bool operand_faults(struct vcpu *v, gva_t va, unsigned int size, bool write)
{
    unsigned int access = (write ? GUEST_WALK_WRITE : 0) |
                          (hw_get_cpl(v) == 3 ? GUEST_WALK_USER : 0);
    struct guest_paging paging = hw_get_paging(v);
    uint32_t fault;
    gpa_t gpa;

    for (gva_t at = va; at < va + size; at = (at | ~PAGE_MASK) + 1)
        switch (guest_walk(v->d, &paging, at, access, &gpa, &fault)) {
        case 0: break;
        case -ERESTART: vcpu_memory_wait_page(v, this_cpu()->paged); return true;
        default: hw_inject_page_fault(v, at, fault); return true;
        }
    return false;
}

/* Returns the linear address of an offset in a segment. */
static gva_t string_address(struct vcpu *v, enum hw_segment_name segment, uint64_t offset)
{
    if (!hw_mode_64(v))
        return (uint32_t)(hw_get_segment(v, segment).base + offset);
    return (segment < SEG_FS ? 0 : hw_get_segment(v, segment).base) + offset;
}

/*
 * Completes the details of INS or OUTS on a CPU that reports neither the segment nor the size of
 * addresses: both are in the prefixes. False: the bytes were changed meanwhile.
 */
static bool read_string_prefixes(struct vcpu *v, struct exit *e)
{
    uint64_t length = e->io.next_rip - hw_get_rip(v);
    uint8_t code[INSN_LENGTH_MAX];

    if (length > sizeof(code) || guest_read(v, code, hw_code_address(v), length))
        return false;
    return !decode_io_string(code, (unsigned int)length, emulate_code_mode(v), &e->io.address_size,
                             &e->io.segment);
}

/*
 * Transfers up to `count` elements between the port and RAM at va, as many as a device model takes
 * at once. Returns their number, 0: an exit is due again, or -EFAULT: the operand is not RAM.
 */
static int64_t transfer_elements(struct vcpu *v, const struct exit *e, gva_t va, uint64_t count)
{
    struct access_block b = { .size = e->io.size,
                              .write = !e->io.in,
                              .down = hw_get_rflags(v) & RFLAGS_DF };
    uint32_t val = 0, fault;
    struct guest_paging paging = hw_get_paging(v);
    int rc = guest_read(v, &val, va, b.size); /* of INS too: the port is read only once */

    if (awaits_page(v, rc))
        return 0;
    if (!rc && unlikely(v->d->ioreq) && count > 1) {
        uint64_t offset = va & ~PAGE_MASK;

        b.count =
            (uint32_t)MIN(count, b.down ? offset / b.size + 1 : (PAGE_SIZE - offset) / b.size);
        if (offset + b.size > PAGE_SIZE || guest_walk(v->d, &paging, va, 0, &b.data, &fault))
            b.count = 1;
        rc = access_port_block(v, e->io.port, &b);
        if (rc != -ENOENT)
            return rc ? 0 : b.count;
        rc = 0;
    }
    if (!rc)
        rc = access_port(v, e->io.port, b.size, b.write, &val);
    if (!rc && e->io.in)
        rc = guest_write(v, va, &val, b.size);
    if (rc == -EAGAIN || rc == -EIO)
        return 0;
    return rc ?: 1;
}

/* Executes one element of INS or OUTS, or some. RIP stays while REP has more to do. */
static void exit_io_string(struct vcpu *v, struct exit *e)
{
    if (!e->io.address_size && !read_string_prefixes(v, e)) {
        exit_undefined(v, e);
        return;
    }
    unsigned int size = e->io.size;
    uint64_t mask = e->io.address_size == 8 ? ~0ull : (1ull << 8 * e->io.address_size) - 1;
    uint64_t *index = e->io.in ? &v->regs.rdi : &v->regs.rsi,
             count = e->io.rep ? v->regs.rcx & mask : 1;

    if (count) {
        gva_t va = string_address(v, e->io.in ? SEG_ES : e->io.segment, *index & mask);

        if (operand_faults(v, va, size, e->io.in))
            return;
        int64_t n = transfer_elements(v, e, va, count), step = n * size;

        if (n < 0)
            inject_gp(v);
        if (n <= 0)
            return;
        uint64_t next = hw_get_rflags(v) & RFLAGS_DF ? *index - (uint64_t)step
                                                     : *index + (uint64_t)step;
        *index = (*index & ~mask) | (next & mask);
        count -= (uint64_t)n;
        if (e->io.rep)
            v->regs.rcx = (v->regs.rcx & ~mask) | count;
    }
    if (!count)
        hw_set_rip(v, e->io.next_rip);
}

static void exit_io(struct vcpu *v, const struct exit *e)
{
    uint64_t *rax = &v->regs.rax;
    unsigned int size = e->io.size;
    uint32_t val = 0;

    ioreq_begin(v, e->again);
    if (e->io.string) {
        struct exit copy = *e;

        exit_io_string(v, &copy);
        return;
    }
    memcpy(&val, rax, size);
    if (access_port(v, e->io.port, size, !e->io.in, &val))
        return;
    if (e->io.in && size == 4)
        *rax = val;
    else if (e->io.in)
        memcpy(rax, &val, size);
    hw_set_rip(v, e->io.next_rip);
}

static void exit_fault(struct vcpu *v, const struct exit *e)
{
    const char *access = e->fault.fetch ? "fetch" : "read";
    int rc = fault_resolve(v, e->fault.gpa, e->fault.write, e->fault.fetch);

    ioreq_begin(v, e->again);
    if (rc == -EACCES) {
        inject_gp(v); /* e.g. a write to a read-only grant */
        return;
    }
    if (rc == -ENOENT && e->fault.operand && !e->fault.fetch)
        rc = emulate_access(v, e->fault.gpa);
    if (rc)
        domain_crash(v, "no memory at guest address %#lx (%s%s, %s), error %d", e->fault.gpa,
                     e->fault.write ? "write" : access, e->fault.present ? ", present" : "",
                     e->fault.operand ? "operand" : "its page tables", -rc);
}

static void exit_shutdown(struct vcpu *v, const struct exit *e)
{
    log_guest(v->d, "vcpu %u: triple fault\n", v->id);
    domain_dump_vcpu(v);
    domain_shutdown(v->d, (uint8_t)v->d->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON]);
}

static void exit_unknown(struct vcpu *v, const struct exit *e)
{
    domain_crash(v, "exit %#lx is not handled (info %#lx %#lx)", e->unknown.code,
                 e->unknown.info[0], e->unknown.info[1]);
}

typedef void exit_fn(struct vcpu *v, const struct exit *e);

static exit_fn *const exit_ops[EXIT_KINDS] = {
    [EXIT_NOTHING] = exit_nothing,
    [EXIT_INTERRUPT] = exit_nothing, /* see exit_handle */
    [EXIT_ALIGNMENT] = exit_alignment,
    [EXIT_MACHINE_CHECK] = exit_machine_check,
    [EXIT_UNDEFINED] = exit_undefined,
    [EXIT_PROTECTION] = exit_protection,
    [EXIT_CPUID] = exit_cpuid,
    [EXIT_CACHE] = exit_cache,
    [EXIT_HLT] = exit_hlt,
    [EXIT_XSETBV] = exit_xsetbv,
    [EXIT_HYPERCALL] = exit_hypercall,
    [EXIT_SHUTDOWN] = exit_shutdown,
    [EXIT_DEBUG] = exit_debug,
    [EXIT_IO] = exit_io,
    [EXIT_MSR] = exit_msr,
    [EXIT_CR4] = exit_cr4,
    [EXIT_FAULT] = exit_fault,
    [EXIT_UNKNOWN] = exit_unknown,
    [EXIT_OVERDRAWN] = exit_overdrawn,
};

/*
 * Interrupts are taken after each exit: one that came meanwhile would end the next entry at once.
 * Besides, Bochs takes none in a guest that is entered with IF=0, so one that exits again and again
 * would keep them from its CPU.
 */
void exit_handle(struct vcpu *v, const struct exit *e)
{
    exit_ops[e->kind](v, e);
    irq_window();
}
