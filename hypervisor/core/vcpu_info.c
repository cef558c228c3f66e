/* SPDX-License-Identifier: MIT */
/*
 * Registration of vcpu_info, the page shared between a vcpu and its guest (pitfall 8).
 *
 * Writers: vcpu_info.time is written only at registration; event words by atomic operations from
 * any CPU.
 *
 * Read next: evtchn.c.
 */
#include "core/vcpu_info.h"
#include "core/evtchn.h"
#include "core/vcpu.h"
#include "errors.h"
#include "lib.h"
#include "mm/guest.h"
#include "percpu.h"
#include "spinlock.h"

/*
 * Moves v's vcpu_info to a guest frame, once. Events pending at the old place are copied and raised
 * again, because the guest's handler may have checked the old place last. Another vcpu must be
 * down: the caller cannot wait for a vcpu that may be waiting for the caller.
 */
int vcpu_info_register(struct vcpu *v, gfn_t gfn, uint32_t offset)
{
    if (offset > PAGE_SIZE - sizeof(vcpu_info_t) || offset % sizeof(uint64_t))
        return -EINVAL;
    if (v != current_vcpu() && vcpu_is_up(v))
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
