/* SPDX-License-Identifier: MIT */
/*
 * domctl: operations on a vcpu (state, registers, affinity, NMI) and the domain's scheduling
 * parameters. The scheduler is reported as "credit2": weight and cap have the same meaning here.
 *
 * Read next: core/sched.c.
 */
#include "core/domain.h"
#include "core/domain_shutdown.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "errors.h"
#include "hw.h"
#include "hypercall/domctl.h"
#include "hypercall/guest_copy.h"
#include "hypercall/xenctl_bitmap.h"
#include "lib.h"
#include "vdev/pc.h"

#include <xen/hvm/save.h>

long domctl_vcpu_info(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_getvcpuinfo *info = &DOMCTL(arg)->getvcpuinfo;
    struct vcpu *v = domain_vcpu(d, info->vcpu);

    if (v == NULL)
        return -ESRCH;
    struct vcpu_runstate_info rs = sched_runstate(v);
    info->online = vcpu_is_up(v);
    info->blocked = vcpu_is_blocked(v);
    info->running = rs.state == RUNSTATE_running;
    info->cpu_time = (uint64_t)rs.time[RUNSTATE_running];
    info->cpu = v->sched.cpu;
    return 0;
}

#define PRIVILEGE(ss_attributes) ((ss_attributes) >> 5 & 3)

/* Both views of a vcpu's registers. Serialised by LOCK_DOMCTL, which every caller holds. */
static struct {
    struct hvm_hw_cpu hw;
    struct vcpu_guest_context context;
} registers;

/* clang-format off */
static struct cpu_user_regs user_regs(const struct hvm_hw_cpu *c)
{
    return (struct cpu_user_regs){
        .rax = c->rax, .rbx = c->rbx, .rcx = c->rcx, .rdx = c->rdx, .rsi = c->rsi, .rdi = c->rdi,
        .rbp = c->rbp, .rsp = c->rsp, .r8 = c->r8, .r9 = c->r9, .r10 = c->r10, .r11 = c->r11,
        .r12 = c->r12, .r13 = c->r13, .r14 = c->r14, .r15 = c->r15,
        .rip = c->rip, .rflags = c->rflags,
        .cs = (uint16_t)c->cs_sel, .ss = (uint16_t)c->ss_sel, .ds = (uint16_t)c->ds_sel,
        .es = (uint16_t)c->es_sel, .fs = (uint16_t)c->fs_sel, .gs = (uint16_t)c->gs_sel,
    };
}
/* clang-format on */

/* What only a PV guest has (IDT, frames of the GDT, callbacks) stays zero. */
static void fill_context(struct vcpu_guest_context *to, const struct hvm_hw_cpu *from)
{
    bool kernel = PRIVILEGE(from->ss_arbytes) == 0;
    const uint64_t control[] = { from->cr0, 0, from->cr2, from->cr3, from->cr4 };
    const uint64_t debug[] = { from->dr0, from->dr1, from->dr2, from->dr3,
                               0,         0,         from->dr6, from->dr7 };

    memset(to, 0, sizeof(*to));
    to->flags = VGCF_i387_valid | (kernel ? VGCF_in_kernel : 0);
    to->user_regs = user_regs(from);
    memcpy(&to->fpu_ctxt, from->fpu_regs, sizeof(to->fpu_ctxt));
    memcpy(to->ctrlreg, control, sizeof(control));
    memcpy(to->debugreg, debug, sizeof(debug));
    to->fs_base = from->fs_base;
    to->gs_base_kernel = kernel ? from->gs_base : from->shadow_gs;
    to->gs_base_user = kernel ? from->shadow_gs : from->gs_base;
}

/* What `xl dump-core` writes. -ENODATA: the vcpu has no state, since it was never started. */
long domctl_vcpu_get_context(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_domctl_vcpucontext *c = &DOMCTL(arg)->vcpucontext;
    struct vcpu *v = domain_vcpu(d, c->vcpu);

    if (v == NULL)
        return -EINVAL;
    if (!v->initialised)
        return -ENODATA;
    domain_pause_sync(d);
    hw_save_context(v, &registers.hw);
    fill_context(&registers.context, &registers.hw);
    registers.context.flags |= vcpu_is_up(v) ? VGCF_online : 0;
    domain_unpause(d);
    return guest_write_array(hc->v, c->ctxt, 0, &registers.context, 1);
}

#define AFFINITY_FLAGS (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)

/* Checks the arguments and returns the vcpu, or NULL and an errno in *rc. */
static struct vcpu *affinity_vcpu(struct domain *d, const struct xen_domctl_vcpuaffinity *a,
                                  long *rc)
{
    struct vcpu *v = domain_vcpu(d, a->vcpu);

    *rc = v ? 0 : -ESRCH;
    if (v && (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) ||
              (a->flags & ~AFFINITY_FLAGS)))
        *rc = -EINVAL;
    return *rc ? NULL : v;
}

static long write_affinity(struct vcpu *caller, const struct xen_domctl_vcpuaffinity *a,
                           cpumask_t hard, cpumask_t soft)
{
    long rc = 0;

    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = xenctl_bitmap_write(caller, &a->cpumap_hard, hard);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = xenctl_bitmap_write(caller, &a->cpumap_soft, soft);
    return rc;
}

/* Returns the requested masks. */
long domctl_vcpu_get_affinity(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_domctl_vcpuaffinity *a = &DOMCTL(arg)->vcpuaffinity;
    long rc;
    const struct vcpu *v = affinity_vcpu(d, a, &rc);

    return v ? write_affinity(hc->v, a, v->sched.affinity, v->sched.soft_affinity) : rc;
}

/*
 * Sets the given masks and returns the effective ones. A soft mask without any usable CPU is
 * accepted; a hard one is an error.
 */
long domctl_vcpu_set_affinity(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_domctl_vcpuaffinity *a = &DOMCTL(arg)->vcpuaffinity;
    long rc;
    struct vcpu *v = affinity_vcpu(d, a, &rc);

    if (v == NULL)
        return rc;
    cpumask_t hard = v->sched.affinity, soft = v->sched.soft_affinity;
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = xenctl_bitmap_read(hc->v, &a->cpumap_hard, &hard);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = xenctl_bitmap_read(hc->v, &a->cpumap_soft, &soft);
    if (rc == 0)
        rc = sched_set_affinity(v, hard, soft);
    if (rc != 0)
        return rc;
    hard &= xenctl_bitmap_cpus();
    return write_affinity(hc->v, a, hard, soft & hard);
}

long domctl_vcpu_scheduler(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_scheduler_op *s = &DOMCTL(arg)->scheduler_op;

    if (s->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    switch (s->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        s->u.credit2.weight = (uint16_t)d->weight;
        s->u.credit2.cap = (uint16_t)d->cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo: /* weight 0: unchanged */
        return sched_set_params(d, s->u.credit2.weight ? s->u.credit2.weight : d->weight,
                                s->u.credit2.cap);
    default: /* parameters are per domain, not per vcpu */ return -EINVAL;
    }
}

long domctl_vcpu_trigger(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_domctl_sendtrigger *t = &DOMCTL(arg)->sendtrigger;
    struct vcpu *v = domain_vcpu(d, t->vcpu);

    if (v == NULL)
        return -ESRCH;
    if (d->hvm && (t->trigger == XEN_DOMCTL_SENDTRIGGER_POWER ||
                   t->trigger == XEN_DOMCTL_SENDTRIGGER_SLEEP)) {
        pc_press_button(d, t->trigger == XEN_DOMCTL_SENDTRIGGER_SLEEP);
        return 0;
    }
    if (t->trigger != XEN_DOMCTL_SENDTRIGGER_NMI) /* a PVH guest has no power or reset button */
        return t->trigger > XEN_DOMCTL_SENDTRIGGER_SLEEP ? -EINVAL : -EOPNOTSUPP;
    WRITE_ONCE(v->vdev.nmi_pending, true);
    vcpu_kick(v);
    return 0;
}
