/* SPDX-License-Identifier: MIT */
/*
 * domctl: single vcpus. What one is doing, its registers, where it may run, its domain's share of the CPUs (as "credit2", whose
 * weight and cap mean what ours do), and signals from outside.
 *
 * Read next: core/sched.c.
 */
#include "alloc.h"
#include "domctl.h"
#include "lib.h"
#include "percpu.h"
#include "svm.h"

struct vcpu *domctl_vcpu_find(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus && id < MAX_VCPUS ? READ_ONCE(d->vcpu[id]) : NULL;
}

static uint64_t online_cpus(void)
{
    return nr_cpus >= 64 ? ~0ull : (1ull << nr_cpus) - 1;
}

int domctl_vcpu_info(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    struct vcpu *v = domctl_vcpu_find(d, info->vcpu);
    struct runstate rs;

    (void)hc;
    if (v == NULL)
        return -ESRCH;
    sched_runstate(v, &rs);
    info->online = v->initialised && !v->down;
    info->blocked = v->blocked;
    info->running = rs.state == RUNSTATE_running;
    info->cpu_time = (uint64_t)rs.time[RUNSTATE_running];
    info->cpu = v->sched.cpu;
    return 0;
}

/* --- registers --- */

static void context_fill(struct vcpu *v, const struct hvm_hw_cpu *c, vcpu_guest_context_t *out)
{
    struct cpu_user_regs *r = &out->user_regs;

    memcpy(&out->fpu_ctxt, c->fpu_regs, sizeof(out->fpu_ctxt));
    out->flags = (c->flags & XEN_X86_FPU_INITIALISED ? VGCF_i387_valid : 0) | (v->down ? 0 : VGCF_online);
    r->rax = c->rax, r->rbx = c->rbx, r->rcx = c->rcx, r->rdx = c->rdx;
    r->rsi = c->rsi, r->rdi = c->rdi, r->rbp = c->rbp, r->rsp = c->rsp;
    r->r8 = c->r8, r->r9 = c->r9, r->r10 = c->r10, r->r11 = c->r11;
    r->r12 = c->r12, r->r13 = c->r13, r->r14 = c->r14, r->r15 = c->r15;
    r->rip = c->rip, r->rflags = c->rflags;
    r->cs = (uint16_t)c->cs_sel, r->ss = (uint16_t)c->ss_sel, r->ds = (uint16_t)c->ds_sel;
    r->es = (uint16_t)c->es_sel, r->fs = (uint16_t)c->fs_sel, r->gs = (uint16_t)c->gs_sel;
    out->ctrlreg[0] = c->cr0, out->ctrlreg[2] = c->cr2, out->ctrlreg[3] = c->cr3, out->ctrlreg[4] = c->cr4;
    out->debugreg[0] = c->dr0, out->debugreg[1] = c->dr1, out->debugreg[2] = c->dr2, out->debugreg[3] = c->dr3;
    out->debugreg[6] = c->dr6, out->debugreg[7] = c->dr7;
    out->fs_base = c->fs_base, out->gs_base_kernel = c->gs_base, out->gs_base_user = c->shadow_gs;
    out->vm_assist = v->d->vm_assist;
}

int domctl_vcpu_context(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domctl_vcpu_find(d, op->u.vcpucontext.vcpu);
    vcpu_guest_context_t *context;
    struct hvm_hw_cpu registers;
    int rc;

    if (v == NULL)
        return -ESRCH;
    if (!v->initialised)
        return -ENODATA;
    context = heap_alloc(sizeof(*context));
    if (context == NULL)
        return -ENOMEM;
    memset(&registers, 0, sizeof(registers));
    vcpu_pause_sync(v);
    svm_save_context(v, &registers);
    context_fill(v, &registers, context);
    vcpu_unpause(v);
    rc = guest_write_array(hc->v, op->u.vcpucontext.ctxt, 0, context, 1);
    heap_free(context);
    return rc;
}

/* --- where and how much it runs --- */

int domctl_vcpu_get_affinity(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v = domctl_vcpu_find(d, a->vcpu);
    int rc = 0;

    if (v == NULL)
        return -ESRCH;
    if ((a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) == 0)
        return -EINVAL;
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = xenctl_bitmap_write(hc->v, &a->cpumap_hard, v->sched.affinity);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = xenctl_bitmap_write(hc->v, &a->cpumap_soft, v->sched.soft_affinity);
    return rc;
}

/* Gives back the masks as they take effect; soft ones that no CPU is left of are no error, hard ones are. */
int domctl_vcpu_set_affinity(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v = domctl_vcpu_find(d, a->vcpu);
    uint64_t hard, soft;
    int rc = 0;

    if (v == NULL)
        return -ESRCH;
    if ((a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) == 0 ||
        (a->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)) != 0)
        return -EINVAL;
    hard = v->sched.affinity;
    soft = v->sched.soft_affinity;
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = xenctl_bitmap_read(hc->v, &a->cpumap_hard, &hard);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = xenctl_bitmap_read(hc->v, &a->cpumap_soft, &soft);
    if (rc == 0)
        rc = sched_set_affinity(v, hard, soft);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_HARD))
        rc = xenctl_bitmap_write(hc->v, &a->cpumap_hard, hard & online_cpus());
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = xenctl_bitmap_write(hc->v, &a->cpumap_soft, soft & hard & online_cpus());
    return rc;
}

int domctl_vcpu_scheduler(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;

    (void)hc;
    if (s->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    switch (s->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        s->u.credit2.weight = (uint16_t)d->weight;
        s->u.credit2.cap = (uint16_t)d->cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo: /* weight 0: as it is */
        return sched_set_params(d, s->u.credit2.weight != 0 ? s->u.credit2.weight : d->weight, s->u.credit2.cap);
    default: /* parameters are a domain's, not a vcpu's */
        return -EINVAL;
    }
}

int domctl_vcpu_trigger(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domctl_vcpu_find(d, op->u.sendtrigger.vcpu);

    (void)hc;
    if (v == NULL)
        return -ESRCH;
    if (op->u.sendtrigger.trigger > XEN_DOMCTL_SENDTRIGGER_SLEEP)
        return -EINVAL;
    if (op->u.sendtrigger.trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
        return -EOPNOTSUPP; /* a PVH guest has no buttons */
    WRITE_ONCE(v->vdev.nmi_pending, true);
    vcpu_kick(v);
    return 0;
}
