/* SPDX-License-Identifier: MIT */
/*
 * sched_op: a guest yields its CPU, waits for event channels, shuts down, arms its watchdogs
 * (<xen/sched.h>).
 *
 * No handler waits. block and poll mark the vcpu blocked and return 0. The run loop then
 * deschedules the vcpu, which resumes with that result once woken. poll may return spuriously,
 * which the ABI allows.
 *
 * Read next: core/sched.c, core/evtchn.c (wake_pollers).
 */
#include "core/domain_registry.h"
#include "core/domain_shutdown.h"
#include "core/evtchn.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "cpu/timer.h"
#include "errors.h"
#include "hw.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "hypercall/operation.h"
#include "lib.h"
#include "lib/log.h"
#include "percpu.h"
#include "spinlock.h"

#define POLL_PORTS_MAX 128u

static long op_yield(struct hypercall *hc, struct domain *d, void *arg)
{
    sched_yield(hc->v);
    return 0;
}

/*
 * Like HLT with interrupts enabled: upcalls are unmasked, else the caller would sleep through them.
 */
static long op_block(struct hypercall *hc, struct domain *d, void *arg)
{
    hc->v->info->evtchn_upcall_mask = 0;
    vcpu_block(hc->v);
    return 0;
}

/* --- poll --- */

/* Returns 1 if one of the ports is pending, 0 if none is, -EINVAL for an invalid port. */
static int poll_pending(struct domain *d, const evtchn_port_t *ports, uint32_t n)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = evtchn_is_pending(d, ports[i]);
    return rc;
}

/*
 * A sender sets its port pending, then looks for pollers. This sets the wait state, then checks the
 * ports again. So at least one side sees the other.
 */
static void poll_wait(struct vcpu *v, const struct sched_poll *p, const evtchn_port_t *ports)
{
    vcpu_wait(v, WAIT_POLL);
    __atomic_store_n(&v->d->evtchn.polled, true, __ATOMIC_SEQ_CST);
    if (p->timeout != 0)
        timer_set(&v->poll_timer, (nsec_t)MIN(p->timeout, (uint64_t)TIME_NEVER));
    if (poll_pending(v->d, ports, p->nr_ports) != 0 ||
        (hw_interrupts_enabled(v) && vcpu_has_pending(v)))
        vcpu_end_wait(v, WAIT_POLL);
    if (READ_ONCE(v->wait) != WAIT_POLL)
        timer_stop(&v->poll_timer);
}

static long op_poll(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct sched_poll *p = arg; /* timeout: absolute, in ns since boot; 0: none */
    evtchn_port_t ports[POLL_PORTS_MAX];

    if (p->nr_ports > POLL_PORTS_MAX)
        return -EINVAL;
    int rc = guest_read_array(hc->v, ports, p->ports, 0, p->nr_ports);
    if (rc == 0)
        rc = poll_pending(d, ports, p->nr_ports);
    if (rc == 0 && (p->timeout == 0 || p->timeout > (uint64_t)clock_now()))
        poll_wait(hc->v, p, ports);
    return MIN(rc, 0);
}

/* --- shutdown and watchdogs --- */

static long op_shutdown(struct hypercall *hc, struct domain *d, void *arg)
{
    bool remote = (uint32_t)hc->arg[0] == SCHEDOP_remote_shutdown;
    uint32_t reason = remote ? ((struct sched_remote_shutdown *)arg)->reason
                             : ((struct sched_shutdown *)arg)->reason;

    if (reason > SHUTDOWN_MAX)
        return -EINVAL;
    domain_shutdown(d, (uint8_t)reason);
    return 0;
}

/*
 * id 0 allocates a free watchdog and returns its id, from 1. A timeout, in seconds, of 0 stops and
 * frees one.
 */
static long op_watchdog(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct sched_watchdog *w = arg;

    if (w->id > ARRAY_SIZE(d->watchdog) || (w->id == 0 && w->timeout == 0))
        return -EINVAL;
    spin_lock_scope(&d->lock);
    uint32_t slot = w->id == 0 ? 0 : w->id - 1;
    while (w->id == 0 && slot < ARRAY_SIZE(d->watchdog) && READ_ONCE(d->watchdog[slot].armed))
        slot++;
    if (slot == ARRAY_SIZE(d->watchdog))
        return -ENOSPC;
    if (w->id != 0 && !READ_ONCE(d->watchdog[slot].armed))
        return -EINVAL;
    if (w->timeout != 0)
        timer_set(&d->watchdog[slot], clock_now() + SEC(w->timeout));
    else
        timer_stop(&d->watchdog[slot]);
    return w->id == 0 ? (long)slot + 1 : 0;
}

static const struct operation sched_ops[] = {
    [SCHEDOP_yield] = { .fn = op_yield },
    [SCHEDOP_block] = { .fn = op_block },
    [SCHEDOP_shutdown] = { op_shutdown, OPERATION_ARG(struct sched_shutdown) },
    [SCHEDOP_poll] = { op_poll, LAYOUT_SCHED_POLL, OPERATION_ARG(struct sched_poll) },
    [SCHEDOP_remote_shutdown] = { op_shutdown, .dom0 = true,
                                  OPERATION_TARGET(struct sched_remote_shutdown, domain_id) },
    [SCHEDOP_watchdog] = { op_watchdog, OPERATION_ARG(struct sched_watchdog) },
};

long hypercall_sched_op(struct hypercall *hc)
{
    return operation_run(hc, sched_ops, ARRAY_SIZE(sched_ops), (uint32_t)hc->arg[0], hc->arg[1]);
}
