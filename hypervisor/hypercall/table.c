/* SPDX-License-Identifier: MIT */
/*
 * The hypercall table: every hypercall of the core, one line each. Numbers as in <xen/xen.h>.
 *
 * Registers (<xen/arch-x86/xen-x86_64.h>): number in RAX, arguments in RDI RSI RDX R10 R8 R9,
 * result in RAX. A 32-bit caller uses EAX, and EBX ECX EDX ESI EDI EBP for arguments. If a handler
 * returns -ERESTART, its updated arguments are written back to the registers and RIP stays. The
 * guest executes the instruction again, after any other work of this CPU.
 *
 * Only CPL 0 may make hypercalls. Read next: a family, one file each.
 */
#include "core/domain_registry.h"
#include "core/vcpu.h"
#include "core/vcpu_memory.h"
#include "cpu/trace.h"
#include "cpu/watchdog.h"
#include "errors.h"
#include "hw.h"
#include "hypercall/hypercall.h"
#include "percpu.h"

static const struct entry {
    hypercall_fn *fn;
    bool dom0; /* for dom0 only */
} table[64] = {
    [__HYPERVISOR_platform_op] = { hypercall_platform_op, .dom0 = true },
    [__HYPERVISOR_memory_op] = { .fn = hypercall_memory_op },
    [__HYPERVISOR_multicall] = { .fn = hypercall_multicall },
    [__HYPERVISOR_set_timer_op] = { .fn = hypercall_set_timer_op },
    [__HYPERVISOR_xen_version] = { .fn = hypercall_xen_version },
    [__HYPERVISOR_console_io] = { .fn = hypercall_console_io },
    [__HYPERVISOR_grant_table_op] = { .fn = hypercall_grant_table_op },
    [__HYPERVISOR_vm_assist] = { .fn = hypercall_vm_assist },
    [__HYPERVISOR_vcpu_op] = { .fn = hypercall_vcpu_op },
    [__HYPERVISOR_sched_op] = { .fn = hypercall_sched_op },
    [__HYPERVISOR_event_channel_op] = { .fn = hypercall_event_channel_op },
    [__HYPERVISOR_physdev_op] = { hypercall_physdev_op, .dom0 = true },
    [__HYPERVISOR_hvm_op] = { .fn = hypercall_hvm_op },
    [__HYPERVISOR_dm_op] = { hypercall_dm_op, .dom0 = true },
    [__HYPERVISOR_sysctl] = { hypercall_sysctl, .dom0 = true },
    [__HYPERVISOR_domctl] = { hypercall_domctl, .dom0 = true },
    [__HYPERVISOR_arch_7] = { hypercall_cleave_op, .dom0 = true },
};

long hypercall_dispatch(struct hypercall *hc)
{
    if (trace_on(CLEAVE_TRACE_hypercall))
        trace_write(&(struct cleave_trace_record){ .event = CLEAVE_TRACE_hypercall,
                                                   .domain = hc->v->d->id,
                                                   .vcpu = (uint16_t)hc->v->id,
                                                   .words = { hc->nr, hc->arg[0] } });
    if (hc->nr >= ARRAY_SIZE(table))
        return -ENOSYS;
    const struct entry *e = &table[index_nospec(hc->nr, ARRAY_SIZE(table))];
    if (!e->fn)
        return -ENOSYS;
    return e->dom0 && !hc->v->d->is_dom0 ? -EPERM : e->fn(hc);
}

/* Register numbers of the arguments, for 64-bit and 32-bit callers. */
static const uint8_t registers[2][HYPERCALL_ARGS] = { { 7, 6, 2, 10, 8, 9 }, { 3, 1, 2, 6, 7, 5 } };

void hypercall_exit(struct vcpu *v)
{
    if (unlikely(hw_get_cpl(v))) {
        hw_inject_exception(v, EXC_UD, 0);
        return;
    }
    const struct guest_regs *r = &v->regs;
    struct hypercall hc = {
        .v = v,
        .nr = (uint32_t)v->regs.rax,
        .compat = !hw_mode_64(v),
        .arg = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 },
    };
    for (int i = 0; unlikely(hc.compat) && i < HYPERCALL_ARGS; i++)
        hc.arg[i] = (uint32_t)*guest_gpr(&v->regs, registers[1][i]);
    this_cpu()->hypercall_start = 0;
    this_cpu()->paged = GFN(~0ull);
    long rc = hypercall_dispatch(&hc);
    if (rc == -ERESTART) {
        for (int i = 0; i < HYPERCALL_ARGS; i++)
            *guest_gpr(&v->regs, registers[hc.compat][i]) = hc.arg[i];
        if (unlikely(this_cpu()->paged.n != ~0ull))
            vcpu_memory_wait_page(v, this_cpu()->paged);
        return;
    }
    v->regs.rax = hc.compat ? (uint32_t)rc : (uint64_t)rc;
    hw_skip(v, 3);
}
