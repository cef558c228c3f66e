/* SPDX-License-Identifier: MIT */
/*
 * The hypercall table: the whole surface of the core, one line each. Numbers are those of <xen/xen.h>.
 *
 * Registers (<xen/arch-x86/xen-x86_64.h>): number in RAX, arguments in RDI RSI RDX R10 R8 R9, result in RAX;
 * a 32-bit caller: EAX; EBX ECX EDX ESI EDI EBP. A handler that returns -ERESTART has put its progress into
 * its arguments; they go back to the registers, RIP stays, and the guest executes the instruction again,
 * after whatever this CPU has to do in between.
 *
 * Only the kernel of a guest may call: CPL 0. Read next: the family you are interested in, one file each.
 */
#include "hypercall.h"
#include "lib.h"
#include "percpu.h"
#include "svm.h"
#include "time.h"

struct entry {
    hypercall_fn *fn;
    enum hypercall_caller caller;
};

static const struct entry table[64] = {
    [__HYPERVISOR_platform_op]          = { hypercall_platform_op, CALLER_DOM0 },
    [__HYPERVISOR_memory_op]            = { hypercall_memory_op, CALLER_ANY },
    [__HYPERVISOR_multicall]            = { hypercall_multicall, CALLER_ANY },
    [__HYPERVISOR_set_timer_op]         = { hypercall_set_timer_op, CALLER_ANY },
    [__HYPERVISOR_xen_version]          = { hypercall_xen_version, CALLER_ANY },
    [__HYPERVISOR_console_io]           = { hypercall_console_io, CALLER_ANY },
    [__HYPERVISOR_grant_table_op]       = { hypercall_grant_table_op, CALLER_ANY },
    [__HYPERVISOR_vm_assist]            = { hypercall_vm_assist, CALLER_ANY },
    [__HYPERVISOR_vcpu_op]              = { hypercall_vcpu_op, CALLER_ANY },
    [__HYPERVISOR_sched_op]             = { hypercall_sched_op, CALLER_ANY },
    [__HYPERVISOR_event_channel_op]     = { hypercall_event_channel_op, CALLER_ANY },
    [__HYPERVISOR_physdev_op]           = { hypercall_physdev_op, CALLER_DOM0 },
    [__HYPERVISOR_hvm_op]               = { hypercall_hvm_op, CALLER_ANY },
    [__HYPERVISOR_sysctl]               = { hypercall_sysctl, CALLER_DOM0 },
    [__HYPERVISOR_domctl]               = { hypercall_domctl, CALLER_DOM0 },
    [__HYPERVISOR_arch_7]               = { hypercall_cleave_op, CALLER_DOM0 },
};

long hypercall_dispatch(struct hypercall *hc)
{
    const struct entry *e;

    if (hc->nr >= ARRAY_SIZE(table))
        return -ENOSYS;
    e = &table[index_nospec(hc->nr, ARRAY_SIZE(table))];
    if (!e->fn)
        return -ENOSYS;
    if (e->caller == CALLER_DOM0 && !hc->v->d->is_dom0)
        return -EPERM;
    return e->fn(hc);
}

static void arguments_get(struct hypercall *hc)
{
    const struct guest_regs *r = &hc->v->regs;

    if (likely(!hc->compat)) {
        hc->arg[0] = r->rdi, hc->arg[1] = r->rsi, hc->arg[2] = r->rdx;
        hc->arg[3] = r->r10, hc->arg[4] = r->r8, hc->arg[5] = r->r9;
    } else {
        hc->arg[0] = (uint32_t)r->rbx, hc->arg[1] = (uint32_t)r->rcx, hc->arg[2] = (uint32_t)r->rdx;
        hc->arg[3] = (uint32_t)r->rsi, hc->arg[4] = (uint32_t)r->rdi, hc->arg[5] = (uint32_t)r->rbp;
    }
}

static void arguments_put(const struct hypercall *hc)
{
    struct guest_regs *r = &hc->v->regs;

    if (likely(!hc->compat)) {
        r->rdi = hc->arg[0], r->rsi = hc->arg[1], r->rdx = hc->arg[2];
        r->r10 = hc->arg[3], r->r8 = hc->arg[4], r->r9 = hc->arg[5];
    } else {
        r->rbx = hc->arg[0], r->rcx = hc->arg[1], r->rdx = hc->arg[2];
        r->rsi = hc->arg[3], r->rdi = hc->arg[4], r->rbp = hc->arg[5];
    }
}

void hypercall_exit(struct vcpu *v)
{
    struct hypercall hc;
    long rc;

    if (unlikely(svm_get_cpl(v))) {
        svm_inject_exception(v, EXC_UD, 0);
        return;
    }
    hc.v = v;
    hc.compat = !svm_mode_64(v);
    hc.nr = (uint32_t)*svm_gpr(v, 0);
    arguments_get(&hc);
    this_cpu()->hypercall_start = 0;
    rc = hypercall_dispatch(&hc);
    if (rc == -ERESTART) {
        arguments_put(&hc);
        return;
    }
    *svm_gpr(v, 0) = hc.compat ? (uint32_t)rc : (uint64_t)rc;
    svm_skip(v, 3);
}

struct domain *hypercall_target(struct hypercall *hc, domid_t id, int *rc)
{
    struct domain *self = hc->v->d, *d;

    if (id == DOMID_SELF || id == self->id) {
        domain_ref(self);
        return self;
    }
    if (!self->is_dom0) {
        *rc = -EPERM;
        return NULL;
    }
    d = domain_get(id);
    if (!d)
        *rc = -ESRCH;
    return d;
}
