/* SPDX-License-Identifier: MIT */
/*
 * The runstate area that a guest registers by virtual address (pitfall 8). It is written only on
 * the vcpu's own CPU: when it is registered, and before the vcpu runs. Read next: vcpu_op.c.
 */
#include "hypercall/runstate.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "hypercall/guest_copy.h"

/*
 * With XEN_RUNSTATE_UPDATE (<xen/vcpu.h>), the top bit of state_entry_time, a reader detects a torn
 * copy. The address may be invalid; failures are ignored.
 */
void runstate_update(struct vcpu *v)
{
    if (!v->runstate_va)
        return;
    bool flag = READ_ONCE(v->d->runstate_update_flag);
    gva_t top_at = v->runstate_va + (v->runstate_compat ? 11 : 15);
    struct vcpu_runstate_info info = sched_runstate(v);
    const uint8_t *top = (const uint8_t *)&info.state_entry_time + 7;
    info.state_entry_time |= flag ? XEN_RUNSTATE_UPDATE : 0;
    int rc = flag ? guest_write(v, top_at, top, 1) : 0;
    if (!rc)
        rc = guest_write_layout(v, v->runstate_va, &info, sizeof(info), LAYOUT_RUNSTATE_INFO,
                                v->runstate_compat);
    info.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
    if (!rc && flag)
        rc = guest_write(v, top_at, top, 1);
}
