/* SPDX-License-Identifier: MIT */
/* A virtual CPU and its life (core/vcpu.c). */
#ifndef CLV_CORE_VCPU_H
#define CLV_CORE_VCPU_H

#include "core/domain.h"
#include "core/evtchn.h"
#include "core/ioreq.h"
#include "core/sched.h"
#include "cpu/timer.h"
#include "hw.h"
#include "mm/guest.h"
#include "types.h"
#include "vdev/vdev.h"
#include "xenpub.h"

/* The wait state of a vcpu. It runs only in WAIT_NONE. */
enum vcpu_wait {
    WAIT_NONE,
    WAIT_HALT,   /* HLT or SCHEDOP_block: until an interrupt or event */
    WAIT_POLL,   /* SCHEDOP_poll: until a port is pending, an interrupt, or the timeout */
    WAIT_CACHE,  /* in the exit for WBINVD: until all CPUs have written back their caches */
    WAIT_MEMORY, /* in an exit, for memory of its domain */
    WAIT_PAGE,   /* in an exit, for a page that dom0 keeps */
    WAIT_IOREQ,  /* in an exit, for a device model's answer */
    WAIT_DOWN,   /* until VCPUOP_up, or INIT and SIPI */
    WAIT_SIPI,   /* until SIPI or VCPUOP_initialise: has no register state */
};

struct vcpu {
    /* set once */
    struct domain *d;
    unsigned int id; /* index in d->vcpu */
    void *xsave;     /* FPU state, switched eagerly (cpu/fpu.c) */

    /* accessed on its own CPU, or while it is paused (domain_pause_sync) */
    struct guest_regs regs;
    struct hw_vcpu hw;       /* vendor-specific state (hw.h) */
    struct exit exit;        /* the last exit */
    gfn_t awaited;           /* in WAIT_PAGE */
    struct ioreq_vcpu ioreq; /* accesses of this exit to devices of a device model */
    bool exit_again; /* it waited in that exit, which is handled again before the next entry */
    int offered;     /* interrupt offered at the entry (guest/inject.c); -1: none */
    struct vdev_vcpu vdev; /* local APIC, MSRs ...; requests are atomic */
    bool initialised;      /* has register state (boot vcpu, or after INIT/SIPI) */
    gva_t runstate_va;     /* 0: none; walked at each update (pitfall 8) */
    bool runstate_compat;  /* 32-bit layout */
    bool released;         /* vcpu_release has run */

    /* its CPU's group (sched.h) */
    struct sched_unit sched;

    /* atomic: set before the vcpu checks a last time whether its wait is over */
    enum vcpu_wait wait;
    cpumask_t wbinvd_cpus; /* CPUs that dom0's WBINVD still waits for */

    /* changed under d->lock, once; read without it */
    /* in shared_info, in a pinned guest frame, or no_info: never NULL */
    vcpu_info_t *info;
    /* used before registration and after release: its events are lost */
    vcpu_info_t no_info;
    struct guest_pin info_pin;

    /* each has its own lock */
    struct evtchn_vcpu evtchn; /* d->evtchn.lock */
    struct timer poll_timer;
    struct timer singleshot; /* VCPUOP_set_singleshot_timer -> VIRQ_TIMER */
    struct timer periodic;
    nsec_t period; /* 0: stopped */
};

/* Iterates over the allocated vcpus, which have consecutive ids. */
#define for_each_vcpu(d, v) \
    for (struct vcpu *v = domain_vcpu((d), 0); v; v = domain_vcpu((d), v->id + 1))

struct vcpu *vcpu_create(struct domain *d, unsigned int id);
void vcpu_destroy(struct vcpu *v);
/*
 * Stops the timers of v, which never runs again. Without it none is re-armed, so none fires later.
 */
void vcpu_stop_timers(struct vcpu *v);
/*
 * Releases v's resources and the pages registered by the guest (vcpu_info), before the domain's
 * memory is freed. v never runs again, though the structure may stay for long. False: already
 * released.
 */
bool vcpu_release(struct vcpu *v);
static inline bool vcpu_runnable(const struct vcpu *v)
{
    return READ_ONCE(v->wait) == WAIT_NONE && !READ_ONCE(v->d->pause_count);
}

static inline bool vcpu_is_up(const struct vcpu *v)
{
    return __atomic_load_n(&v->wait, __ATOMIC_SEQ_CST) < WAIT_DOWN;
}

static inline bool vcpu_is_blocked(const struct vcpu *v)
{
    return READ_ONCE(v->wait) != WAIT_NONE && READ_ONCE(v->wait) < WAIT_DOWN;
}

/*
 * Makes v, which must be current, wait. The caller must then check whether the awaited condition
 * already holds, and end the wait if so. False: another vcpu has stopped v.
 */
bool vcpu_wait(struct vcpu *v, enum vcpu_wait what);
/* The same in an exit handler, which is called again after the wait (struct exit, again). */
void vcpu_wait_in_exit(struct vcpu *v, enum vcpu_wait what);
/* Ends a wait of this kind. False: v is not in that state. */
bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what);
/* Stops v until VCPUOP_up, or INIT and SIPI. */
void vcpu_stop(struct vcpu *v);
/*
 * Blocks v (HLT, poll) unless work is pending: marks it first, then checks again (pitfall 2). On
 * v's CPU.
 */
void vcpu_block(struct vcpu *v);
/* Makes a running v exit soon and check its interrupts; wakes a blocked v if work is pending. */
void vcpu_kick(struct vcpu *v);
/* Ends HLT or poll unconditionally. */
void vcpu_unblock(struct vcpu *v);
/*
 * True if there is something to deliver: interrupt in the local APIC, unmasked event upcall, NMI.
 */
bool vcpu_has_pending(struct vcpu *v);
/* Delivers an event upcall by the method that the guest chose, and kicks or wakes v. */
void vcpu_event_upcall(struct vcpu *v);
/* INIT and SIPI from a local APIC (vdev/lapic.c). */
void vcpu_init_received(struct vcpu *v);
void vcpu_sipi_received(struct vcpu *v, uint8_t vector);

#endif
