/* SPDX-License-Identifier: MIT */
/*
 * Small hypercalls without a family: vm_assist, set_timer_op, and our own, cleave_op
 * (include/public/cleave.h), by which dom0's tests and tools speak with the core itself.
 */
#include "cpu.h"
#include "lib.h"
#include "operation.h"
#include "percpu.h"
#include "public/cleave.h"

/* arg: command, type. One type means something to a guest with its own page tables. */
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

/* arg: ns since boot at which VIRQ_TIMER shall come, 0: never. 32-bit callers: low and high half. */
long hypercall_set_timer_op(struct hypercall *hc)
{
    uint64_t when = hc->compat ? hc->arg[0] | hc->arg[1] << 32 : hc->arg[0];

    if (when == 0)
        timer_stop(&hc->v->singleshot);
    else
        timer_set(&hc->v->singleshot, (nsec_t)MIN(when, (uint64_t)TIME_NEVER));
    return 0;
}

/* arg: struct cleave_op */
static long cleave_op(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_op *op = arg;

    switch (op->cmd) {
    case CLEAVE_OP_check:
        op->u.check.violations = invariants_check();
        return 0;
    case CLEAVE_OP_stretch:
        op->u.stretch = (struct cleave_stretch){ 0 };
        watchdog_stretch_report(&op->u.stretch);
        return 0;
    case CLEAVE_OP_hold:
        return spin_report_hold(&op->u.hold);
    default: /* probe */
        return 0;
    }
}

static const struct operation rows[] = {
    [CLEAVE_OP_probe] = { .fn = cleave_op },
    [CLEAVE_OP_check] = { cleave_op, .out = OUT_SUCCESS },
    [CLEAVE_OP_stretch] = { cleave_op, .out = OUT_SUCCESS },
    [CLEAVE_OP_hold] = { cleave_op, .out = OUT_SUCCESS },
};

long hypercall_cleave_op(struct hypercall *hc)
{
    return operation_run_versioned(hc, rows, ARRAY_SIZE(rows), sizeof(struct cleave_op),
                                   CLEAVE_INTERFACE_VERSION);
}
