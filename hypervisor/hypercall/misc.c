/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls without a family: vm_assist, set_timer_op, and cleave_op (include/public/cleave.h),
 * with which dom0's tests and tools query the core.
 */
#include "core/check.h"
#include "core/vcpu.h"
#include "cpu/timer.h"
#include "cpu/watchdog.h"
#include "errors.h"
#include "hypercall/hypercall.h"
#include "hypercall/operation.h"
#include "lib/log.h"
#include "public/cleave.h"
#include "spinlock.h"

/* arg: command, type. Only one type applies to a guest without PV page tables. */
long hypercall_vm_assist(struct hypercall *hc)
{
    uint32_t cmd = (uint32_t)hc->arg[0];

    if ((uint32_t)hc->arg[1] != VMASST_TYPE_runstate_update_flag)
        return -EINVAL;
    if (cmd != VMASST_CMD_enable && cmd != VMASST_CMD_disable)
        return -ENOSYS;
    WRITE_ONCE(hc->v->d->runstate_update_flag, cmd == VMASST_CMD_enable);
    return 0;
}

/*
 * arg: expiry of VIRQ_TIMER in ns since boot, 0 to cancel; two halves, low first, for a 32-bit
 * caller.
 */
long hypercall_set_timer_op(struct hypercall *hc)
{
    uint64_t when = hc->compat ? hc->arg[0] | hc->arg[1] << 32 : hc->arg[0];

    if (when == 0)
        timer_stop(&hc->v->singleshot);
    else
        timer_set(&hc->v->singleshot, (nsec_t)MIN(when, (uint64_t)TIME_NEVER));
    return 0;
}

/* --- cleave_op, arg: struct cleave_op --- */

static long probe_cleave(struct hypercall *hc, struct domain *d, void *arg) { return 0; }

static long check_all(struct hypercall *hc, struct domain *d, void *arg)
{
    ((struct cleave_op *)arg)->u.check.violations = check_invariants();
    return 0;
}

static long report_stretch(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_op *op = arg;

    op->u.stretch = (struct cleave_stretch){ 0 };
    watchdog_stretch_report(&op->u.stretch);
    return 0;
}

static long report_hold(struct hypercall *hc, struct domain *d, void *arg)
{
    return spin_report_hold(&((struct cleave_op *)arg)->u.hold);
}

static const struct operation cleave_ops[] = {
    [CLEAVE_OP_probe] = { .fn = probe_cleave },
    [CLEAVE_OP_check] = { check_all, .out = OUT_SUCCESS },
    [CLEAVE_OP_stretch] = { report_stretch, .out = OUT_SUCCESS },
    [CLEAVE_OP_hold] = { report_hold, .out = OUT_SUCCESS },
};

long hypercall_cleave_op(struct hypercall *hc)
{
    return operation_run_versioned(hc, cleave_ops, ARRAY_SIZE(cleave_ops), sizeof(struct cleave_op),
                                   CLEAVE_INTERFACE_VERSION);
}
