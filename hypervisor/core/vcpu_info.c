/* SPDX-License-Identifier: MIT */
/*
 * The state that a vcpu shares with its guest: vcpu_info (registered, copied, pending again: pitfall 8) and
 * runstate.
 *
 * Writers: vcpu_info.time and runstate are written only on the CPU that is about to run the vcpu, or when
 * they are registered; the event words by atomic operations from anywhere.
 *
 * Read next: evtchn.c.
 */
#include "domain.h"
#include "errors.h"
#include "guest.h"
#include "lib.h"
#include "percpu.h"

/*
 * Moves v's vcpu_info into a frame of its own, once. Events that were pending at the old place are copied,
 * and raised again, since the guest's handler may have looked at the old place last. Another vcpu's only
 * while that one is down: the caller cannot wait for a vcpu that may be waiting for the caller.
 */
int vcpu_register_info(struct vcpu *v, gfn_t gfn, uint32_t offset)
{
    if (offset > PAGE_SIZE - sizeof(vcpu_info_t) || offset % sizeof(uint64_t))
        return -EINVAL;
    if (v != current_vcpu() && !v->down)
        return -EINVAL;
    spin_lock_scope(&v->d->lock);
    if (v->info_pin.va)
        return -EBUSY;
    int rc = guest_pin(v->d, gfn, &v->info_pin);
    if (rc)
        return rc;
    vcpu_info_t *info = (vcpu_info_t *)((uint8_t *)v->info_pin.va + offset);
    if (v->info == &v->no_info) {
        memset(info, 0, sizeof(*info));
        info->evtchn_upcall_mask = 1;
    } else {
        memcpy(info, v->info, sizeof(*info));
    }
    __atomic_store_n(&v->info, info, __ATOMIC_SEQ_CST);
    evtchn_vcpu_info_moved(v);
    return 0;
}

/*
 * <xen/vcpu.h>: with the UPDATE flag a reader can tell a torn copy; the flag is the top bit of
 * state_entry_time. The page may be gone, or the address nonsense: the guest's loss.
 */
void vcpu_update_runstate(struct vcpu *v)
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
