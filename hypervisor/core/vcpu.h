/* SPDX-License-Identifier: MIT */
/* A virtual CPU and its life (core/vcpu.c). */
#ifndef CLV_CORE_VCPU_H
#define CLV_CORE_VCPU_H

#include "core/domain.h"
#include "core/evtchn.h"
#include "core/sched.h"
#include "cpu/timer.h"
#include "hw.h"
#include "mm/guest.h"
#include "types.h"
#include "vdev/vdev.h"
#include "xenpub.h"

struct vcpu {
    /* set once */
    struct domain *d;
    unsigned int id; /* in d */
    void *xsave;     /* FPU state, eagerly switched (cpu/fpu.c) */

    /* its own CPU, or whoever holds it paused (domain_pause_sync) */
    struct guest_regs regs;
    struct hw_vcpu hw;     /* what depends on the CPU's vendor (hw.h) */
    struct vdev_vcpu vdev; /* local APIC, MSRs ...; requests are atomic */
    bool initialised;      /* has register state (boot vcpu, or after INIT/SIPI) */
    gva_t runstate_va;     /* 0: none; walked at each update (pitfall 8) */
    bool runstate_compat;  /* in the layout of 32-bit guests */
    bool released;         /* has given back what it ran with (vcpu_release) */

    /* the scheduler's lock */
    struct sched_unit sched;

    /* atomic: what it waits for. Set before pending work is looked at a last time. */
    bool down;            /* HLT with IF=0, waits for INIT/SIPI; or VCPUOP_down */
    bool blocked;         /* HLT or poll */
    bool polling;         /* in SCHEDOP_poll */
    uint64_t wbinvd_cpus; /* a bit for each CPU that dom0's WBINVD still waits for */

    /* changed under d->lock, once; read by anybody */
    /* in shared_info, in a pinned guest frame, or no_info: never NULL */
    vcpu_info_t *info;
    /* before one is registered, and at the end: nobody sees its events */
    vcpu_info_t no_info;
    struct guest_pin info_pin;

    /* each has its own lock */
    struct evtchn_vcpu evtchn; /* d->evtchn.lock */
    struct timer poll_timer;
    struct timer singleshot; /* VCPUOP_set_singleshot_timer -> VIRQ_TIMER */
    struct timer periodic;
    nsec_t period; /* 0: stopped */
};

/* Each vcpu that has been allocated: those come in order, without holes. */
#define for_each_vcpu(d, v) \
    for (struct vcpu *v = domain_vcpu((d), 0); v; v = domain_vcpu((d), v->id + 1))

struct vcpu *vcpu_create(struct domain *d, unsigned int id);
void vcpu_destroy(struct vcpu *v);
/* v never runs again. None of its timers sets itself anew, so none fires later. */
void vcpu_stop_timers(struct vcpu *v);
/*
 * Gives back what the guest registered (vcpu_info), before its memory goes, and what v ran with: v
 * never runs again, while the structure may stay for long. False: that was done before.
 */
bool vcpu_release(struct vcpu *v);
static inline bool vcpu_runnable(const struct vcpu *v)
{
    return !READ_ONCE(v->blocked) && !READ_ONCE(v->down) && !READ_ONCE(v->d->pause_count) &&
           (v->initialised || v->vdev.sipi_vector >= 0);
}
/*
 * v blocks (HLT, poll) unless work is pending: it is marked first, then looks again (pitfall 2).
 * On v's CPU.
 */
void vcpu_block(struct vcpu *v);
/*
 * Makes a running v leave guest mode soon, so that it looks at its interrupts again; wakes it when
 * blocked.
 */
void vcpu_kick(struct vcpu *v);
/* Ends HLT, poll or wait-for-SIPI, whatever is pending. */
void vcpu_unblock(struct vcpu *v);
/* Something to deliver: interrupt in the local APIC, event upcall not masked, NMI, SIPI. */
bool vcpu_has_pending(struct vcpu *v);
/* An event is pending for v: upcall by whichever way the guest chose, and kick or wake. */
void vcpu_event_upcall(struct vcpu *v);
/* INIT and SIPI from a local APIC (vdev/lapic.c). */
void vcpu_init_received(struct vcpu *v);
void vcpu_sipi_received(struct vcpu *v, uint8_t vector);

#endif
