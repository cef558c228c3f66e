/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op: a guest's operations on its own vcpus (<xen/vcpu.h>): up and down, runstate,
 * registration of vcpu_info and runstate areas, timers. Linux uses only the single-shot timer.
 *
 * Read next: core/vcpu.c.
 */
#include "core/domain.h"
#include "core/domain_shutdown.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "core/vcpu_info.h"
#include "cpu/clock.h"
#include "cpu/timer.h"
#include "errors.h"
#include "hw.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "hypercall/runstate.h"
#include "lib/log.h"
#include "spinlock.h"
#include "vdev/pvclock.h"

#include <xen/hvm/hvm_vcpu.h>

#define PERIOD_MIN MSEC(1)

/* -EBUSY: the vcpu was stopped by INIT but is still on its CPU. */
static int initialise_vcpu(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_hvm_context start; /* same layout for 32-bit callers */
    int rc = guest_read(hc->v, &start, arg, sizeof(start));

    if (rc != 0)
        return rc;
    spin_lock_scope(&v->d->lock);
    if (v->initialised || v->vdev.sipi_vector >= 0)
        return -EEXIST;
    if (READ_ONCE(v->sched.running))
        return -EBUSY;
    rc = hw_load_start(v, &start);
    if (rc == 0)
        WRITE_ONCE(v->wait, WAIT_DOWN);
    return rc;
}

static int get_runstate(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_runstate_info info = sched_runstate(v);

    return hypercall_write(hc, arg, &info, LAYOUT_RUNSTATE_INFO);
}

static int register_runstate(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_register_runstate_memory_area area;
    int rc = guest_read(hc->v, &area, arg, sizeof(area));

    if (rc != 0)
        return rc;
    v->runstate_compat = hc->compat;
    WRITE_ONCE(v->runstate_va, hc->compat ? (uint32_t)area.addr.p : area.addr.p);
    if (v == hc->v)
        runstate_update(v);
    return 0;
}

static int register_info(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_register_vcpu_info info;
    int rc = guest_read(hc->v, &info, arg, sizeof(info));

    if (rc == 0)
        rc = vcpu_info_register(v, GFN(info.mfn), info.offset);
    if (rc == 0)
        pvclock_update(v);
    return rc;
}

/* --- timers: in ns since boot, as in the guest's PV clock --- */

static int set_periodic(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_set_periodic_timer t;
    int rc = guest_read(hc->v, &t, arg, sizeof(t));

    if (rc != 0)
        return rc;
    if (t.period_ns < PERIOD_MIN || t.period_ns > (uint64_t)TIME_NEVER / 2)
        return -EINVAL;
    v->period = (nsec_t)t.period_ns;
    timer_set(&v->periodic, clock_now() + v->period);
    return 0;
}

static int stop_periodic(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    v->period = 0;
    timer_stop(&v->periodic);
    return 0;
}

static int set_singleshot(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    struct vcpu_set_singleshot_timer t;
    int rc = hypercall_read(hc, &t, arg, LAYOUT_SINGLESHOT_TIMER);

    if (rc != 0)
        return rc;
    if (v != hc->v)
        return -EINVAL;
    nsec_t when = (nsec_t)MIN(t.timeout_abs_ns, (uint64_t)TIME_NEVER);
    if ((t.flags & VCPU_SSHOTTMR_future) && when < clock_now())
        return -ETIME;
    timer_set(&v->singleshot, when);
    return 0;
}

static int stop_singleshot(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    if (v != hc->v)
        return -EINVAL;
    timer_stop(&v->singleshot);
    return 0;
}

/* --- up and down --- */

static int bring_up(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    if (!v->initialised)
        return -EINVAL;
    vcpu_end_wait(v, WAIT_DOWN);
    return 0;
}

static int take_down(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    domain_stop_vcpu(v);
    return 0;
}

static int is_up(struct hypercall *hc, struct vcpu *v, gva_t arg) { return vcpu_is_up(v); }

static int send_nmi(struct hypercall *hc, struct vcpu *v, gva_t arg)
{
    if (arg != 0)
        return -EINVAL;
    WRITE_ONCE(v->vdev.nmi_pending, true);
    vcpu_kick(v);
    return 0;
}

typedef int vcpu_op_fn(struct hypercall *hc, struct vcpu *v, gva_t arg);

static vcpu_op_fn *const vcpu_ops[] = {
    [VCPUOP_initialise] = initialise_vcpu,
    [VCPUOP_up] = bring_up,
    [VCPUOP_down] = take_down,
    [VCPUOP_is_up] = is_up,
    [VCPUOP_get_runstate_info] = get_runstate,
    [VCPUOP_register_runstate_memory_area] = register_runstate,
    [VCPUOP_set_periodic_timer] = set_periodic,
    [VCPUOP_stop_periodic_timer] = stop_periodic,
    [VCPUOP_set_singleshot_timer] = set_singleshot,
    [VCPUOP_stop_singleshot_timer] = stop_singleshot,
    [VCPUOP_register_vcpu_info] = register_info,
    [VCPUOP_send_nmi] = send_nmi,
};

/* (cmd, vcpu, args), for a vcpu of the caller's domain. */
long hypercall_vcpu_op(struct hypercall *hc)
{
    struct vcpu *v = domain_vcpu(hc->v->d, (uint32_t)hc->arg[1]);
    uint32_t op = (uint32_t)hc->arg[0];

    if (v == NULL)
        return -ENOENT;
    if (op >= ARRAY_SIZE(vcpu_ops) || !vcpu_ops[op])
        return -ENOSYS;
    return vcpu_ops[index_nospec(op, ARRAY_SIZE(vcpu_ops))](hc, v, hc->arg[2]);
}
