/* SPDX-License-Identifier: MIT */
/*
 * Small hypercalls without a family: vm_assist, set_timer_op, and our own, cleave_op
 * (include/public/cleave.h), by which dom0's tests and tools speak with the core itself.
 */
#include "alloc.h"
#include "cpu.h"
#include "lib.h"
#include "operation.h"
#include "percpu.h"
#include "public/cleave.h"

/* --- vm_assist: arg: command, type --- */

/* The only one that means something to a guest with its own page tables. */
#define ASSISTS (1ull << VMASST_TYPE_runstate_update_flag)

long hypercall_vm_assist(struct hypercall *hc)
{
    uint32_t type = (uint32_t)hc->arg[1];
    uint64_t bit = type < 64 ? 1ull << type : 0;

    if ((bit & ASSISTS) == 0)
        return -EINVAL;
    switch ((uint32_t)hc->arg[0]) {
    case VMASST_CMD_enable:
        __atomic_fetch_or(&hc->v->d->vm_assist, bit, __ATOMIC_SEQ_CST);
        return 0;
    case VMASST_CMD_disable:
        __atomic_fetch_and(&hc->v->d->vm_assist, ~bit, __ATOMIC_SEQ_CST);
        return 0;
    default:
        return -ENOSYS;
    }
}

/*
 * --- set_timer_op: arg: ns since boot at which VIRQ_TIMER shall come, 0: never. 32-bit callers: low and high
 * half ---
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

/* --- cleave_op: arg: struct cleave_op --- */

static long op_check(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_op *op = arg;
    op->u.check.violations = invariants_check();
    watchdog_stretch_begin(this_cpu(), NULL, 0, 0);
    return 0;
}

static long op_stretch(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_op *op = arg;

    op->u.stretch = (struct cleave_stretch){ 0 };
    watchdog_stretch_report(&op->u.stretch);
    return 0;
}

static long op_info(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_op *op = arg;
    struct alloc_info memory;

    alloc_info(&memory);
    op->u.info = (struct cleave_info){
        .version = CLEAVE_VERSION,
        .cpus = nr_cpus,
        .core_pages = memory.core,
        .heap_bytes = heap_used(),
        .flags = CLV_DEBUG ? CLEAVE_INFO_DEBUG : 0,
    };
    return 0;
}

static const struct operation rows[] = {
    [CLEAVE_OP_info] = { .fn = op_info, .out = OUT_SUCCESS },
    [CLEAVE_OP_check] = { .fn = op_check, .out = OUT_SUCCESS },
    [CLEAVE_OP_stretch] = { .fn = op_stretch, .out = OUT_SUCCESS },
};

long hypercall_cleave_op(struct hypercall *hc)
{
    return operation_run_versioned(hc, rows, ARRAY_SIZE(rows), sizeof(struct cleave_op),
                                   CLEAVE_INTERFACE_VERSION);
}
