/* SPDX-License-Identifier: MIT */
/*
 * The life of a vcpu, and its wait states: HLT and poll, the event upcall that ends them, INIT and
 * SIPI.
 *
 * v->wait is set before the vcpu checks for pending work again. The other side makes work pending,
 * then checks v->wait. So at least one of the two sees the other. A vcpu that waits in an exit
 * handles the same exit again afterwards, from the unchanged VMCB (guest/run.c). INIT and SIPI set
 * flags that the vcpu's own CPU acts on (guest/inject.c).
 *
 * Read next: vcpu_info.c, vcpu_timer.c.
 */
#include "core/vcpu.h"
#include "cpu/softirq.h"
#include "lib.h"
#include "mm/heap.h"
#include "percpu.h"
#include "vdev/lapic.h"

/* The timer may still be armed after a poll that ended for another reason: then it is ignored. */
static void poll_timed_out(void *data)
{
    struct vcpu *v = data;

    vcpu_end_wait(v, WAIT_POLL);
}

/* Initialises v in each part; on error, in none. */
static int init_vcpu_parts(struct vcpu *v)
{
    for_each_domain_part(part) {
        int rc = part->init_vcpu(v);

        if (!rc)
            continue;
        for_each_domain_part(before) {
            if (before == part)
                return rc;
            if (before->release_vcpu)
                before->release_vcpu(v);
        }
    }
    return 0;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = heap_alloc(sizeof(*v));

    if (!v)
        return NULL;
    v->d = d;
    v->id = id;
    v->wait = WAIT_SIPI;
    v->offered = -1;
    v->info = id < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[id] : &v->no_info;
    timer_setup(&v->poll_timer, poll_timed_out, v, TIMER_ANY_CPU);
    if (init_vcpu_parts(v)) {
        heap_free(v);
        return NULL;
    }
    sched_add_vcpu(v);
    return v;
}

void vcpu_destroy(struct vcpu *v)
{
    timer_finish(&v->singleshot);
    timer_finish(&v->periodic);
    timer_finish(&v->poll_timer);
    sched_remove_vcpu(v);
    for_each_domain_part(part)
        if (part->destroy_vcpu)
            part->destroy_vcpu(v);
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
    if (v->released)
        return false;
    v->released = true;
    v->info = &v->no_info;
    v->runstate_va = 0;
    guest_unpin(&v->info_pin);
    for_each_domain_part(part)
        if (part->release_vcpu)
            part->release_vcpu(v);
    return true;
}

bool vcpu_has_pending(struct vcpu *v)
{
    if (v->d->vdev.callback_vector && !v->vdev.upcall_vector &&
        READ_ONCE(v->info->evtchn_upcall_pending))
        return true;
    return v->vdev.nmi_pending || lapic_highest_pending(v) >= 0 || lapic_has_extint(&v->vdev.lapic);
}

static bool change_wait(struct vcpu *v, enum vcpu_wait from, enum vcpu_wait to)
{
    return __atomic_compare_exchange_n(&v->wait, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

bool vcpu_wait(struct vcpu *v, enum vcpu_wait what)
{
    softirq_raise(this_cpu()->id, SOFTIRQ_SCHED);
    return change_wait(v, WAIT_NONE, what);
}

void vcpu_wait_in_exit(struct vcpu *v, enum vcpu_wait what)
{
    v->exit_again = true;
    vcpu_wait(v, what);
}

bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what)
{
    if (!change_wait(v, what, WAIT_NONE))
        return false;
    sched_wake(v);
    return true;
}

void vcpu_block(struct vcpu *v)
{
    if (!change_wait(v, WAIT_NONE, WAIT_HALT))
        return;
    if (!vcpu_has_pending(v) || !change_wait(v, WAIT_HALT, WAIT_NONE))
        softirq_raise(this_cpu()->id, SOFTIRQ_SCHED);
}

void vcpu_unblock(struct vcpu *v)
{
    if (!vcpu_end_wait(v, WAIT_HALT))
        vcpu_end_wait(v, WAIT_POLL);
}

void vcpu_kick(struct vcpu *v)
{
    enum vcpu_wait wait = __atomic_load_n(&v->wait, __ATOMIC_SEQ_CST);

    if (wait == WAIT_HALT || wait == WAIT_POLL) {
        if (vcpu_has_pending(v))
            vcpu_unblock(v);
    } else if (sched_on_cpu(v) && v->sched.cpu != this_cpu()->id) {
        softirq_kick(v->sched.cpu);
    }
}

void vcpu_stop(struct vcpu *v)
{
    enum vcpu_wait wait = READ_ONCE(v->wait);

    while (wait < WAIT_DOWN && !change_wait(v, wait, WAIT_DOWN))
        wait = READ_ONCE(v->wait);
    sched_wake(v); /* deschedules it */
}

void vcpu_event_upcall(struct vcpu *v)
{
    if (v->vdev.upcall_vector)
        lapic_set_irq(v, v->vdev.upcall_vector, false);
    else
        vcpu_kick(v);
}

void vcpu_init_received(struct vcpu *v)
{
    __atomic_store_n(&v->wait, WAIT_SIPI, __ATOMIC_SEQ_CST);
    v->initialised = false;
    v->vdev.sipi_vector = -1;
    lapic_reset(v, true);
    sched_wake(v); /* deschedules it */
}

void vcpu_sipi_received(struct vcpu *v, uint8_t vector)
{
    if (v->initialised || v->vdev.sipi_vector >= 0)
        return; /* ignored unless waiting for it (APM vol. 2, 14.1) */
    v->vdev.sipi_vector = vector;
    if (!vcpu_end_wait(v, WAIT_SIPI))
        vcpu_end_wait(v, WAIT_DOWN);
}
