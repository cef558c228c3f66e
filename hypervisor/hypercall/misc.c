/* SPDX-License-Identifier: MIT */
/* Hypercalls without a family: vm_assist and set_timer_op. */
#include "core/vcpu.h"
#include "cpu/timer.h"
#include "errors.h"
#include "hypercall/hypercall.h"

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
