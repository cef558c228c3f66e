/* SPDX-License-Identifier: MIT */
/*
 * A vcpu's life and the state that it shares with its guest: vcpu_info (registered, copied, pending again:
 * pitfall 8), runstate, the event upcall, INIT and SIPI.
 *
 * Who writes what: vcpu_info.time and runstate only on the CPU that is about to run the vcpu, or when it is
 * registered; the event words by atomic operations from anywhere. INIT and SIPI leave a note that the vcpu's
 * own CPU acts on (svm/inject.c).
 *
 * Read next: evtchn.c.
 */
#include "alloc.h"
#include "cpu.h"
#include "domain.h"
#include "errors.h"
#include "guest.h"
#include "lib.h"
#include "svm.h"

static void singleshot_fired(void *data) { evtchn_raise_virq(data, VIRQ_TIMER); }

/*
 * It goes on only while v has a CPU, as under Xen; when v gets one again, what was due meanwhile comes at
 * once (sched_pick).
 */
static void periodic_fired(void *data)
{
    struct vcpu *v = data;

    evtchn_raise_virq(v, VIRQ_TIMER);
    if (v->period && READ_ONCE(v->sched.running))
        timer_set(&v->periodic, clock_now() + v->period);
}

/* Of a poll that ended otherwise the timer may still be armed: then it says nothing. */
static void poll_timed_out(void *data)
{
    struct vcpu *v = data;

    if (READ_ONCE(v->polling))
        vcpu_unblock(v);
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = heap_alloc(sizeof(*v));

    if (!v)
        return NULL;
    v->d = d;
    v->id = id;
    v->down = true;
    v->blocked = true;
    v->info = id < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[id] : &v->no_info;
    timer_setup(&v->singleshot, singleshot_fired, v, TIMER_ANY_CPU);
    timer_setup(&v->periodic, periodic_fired, v, TIMER_ANY_CPU);
    timer_setup(&v->poll_timer, poll_timed_out, v, TIMER_ANY_CPU);
    if (svm_init_vcpu(v)) {
        heap_free(v);
        return NULL;
    }
    vdev_init_vcpu(v);
    pvclock_update(v);
    sched_add_vcpu(v);
    return v;
}

void vcpu_destroy(struct vcpu *v)
{
    timer_finish(&v->singleshot);
    timer_finish(&v->periodic);
    timer_finish(&v->poll_timer);
    sched_remove_vcpu(v);
    vdev_destroy_vcpu(v);
    heap_free(v);
}

void vcpu_stop_timers(struct vcpu *v)
{
    timer_stop(&v->singleshot);
    timer_stop(&v->periodic);
    timer_stop(&v->poll_timer);
    timer_stop(&v->vdev.lapic.timer);
}

bool vcpu_release(struct vcpu *v)
{
    ASSERT(!v->sched.running);
    if (!v->vmcb)
        return false;
    v->info = &v->no_info;
    v->runstate_va = 0;
    guest_unpin(&v->info_pin);
    svm_destroy_vcpu(v);
    return true;
}

bool vcpu_runnable(const struct vcpu *v)
{
    return !READ_ONCE(v->blocked) && !v->down && !READ_ONCE(v->d->pause_count) &&
           (v->initialised || v->vdev.sipi_vector >= 0);
}

bool vcpu_has_pending(struct vcpu *v)
{
    if (v->down)
        return v->vdev.nmi_pending;
    if (v->d->vdev.callback_vector && !v->vdev.upcall_vector && READ_ONCE(v->info->evtchn_upcall_pending))
        return true;
    return v->vdev.nmi_pending || lapic_highest_pending(v) >= 0;
}

void vcpu_event_upcall(struct vcpu *v)
{
    if (v->vdev.upcall_vector)
        lapic_set_irq(v, v->vdev.upcall_vector, false);
    else
        vcpu_kick(v);
}

/*
 * Moves v's vcpu_info into a frame of its own, once. Events that were pending at the old place are copied,
 * and raised again, since the guest's handler may have looked at the old place last. Another's only while
 * that one is off: nobody waits here for a vcpu that may be waiting for its caller.
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
    pvclock_update(v);
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

void vcpu_init_received(struct vcpu *v)
{
    v->down = true;
    v->initialised = false;
    v->vdev.sipi_vector = -1;
    lapic_reset(v, true);
    __atomic_store_n(&v->blocked, true, __ATOMIC_SEQ_CST);
    sched_wake(v); /* takes it off its CPU */
}

void vcpu_sipi_received(struct vcpu *v, uint8_t vector)
{
    if (v->initialised || v->vdev.sipi_vector >= 0)
        return; /* only a CPU that waits for it listens (APM vol. 2, 14.1) */
    v->vdev.sipi_vector = vector;
    v->down = false;
    vcpu_unblock(v);
}
