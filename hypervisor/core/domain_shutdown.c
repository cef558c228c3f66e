/* SPDX-License-Identifier: MIT */
/*
 * Stops a domain, perhaps temporarily: pause, shutdown, crash, and power-off when its last vcpu
 * goes down.
 *
 * Pauses nest: each reason (the tools, a shutdown, an operation that needs the vcpus off their
 * CPUs) adds one and later removes it.
 *
 * Lock: d->lock (LOCK_DOMAIN) protects the shutdown state; the pause count is atomic. Read next:
 * domain.c.
 */
#include "core/domain_shutdown.h"
#include "core/domain.h"
#include "core/evtchn.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "percpu.h"
#include "platform/power.h"
#include "spinlock.h"

static void add_pauses(struct domain *d, int by)
{
    __atomic_add_fetch(&d->pause_count, by, __ATOMIC_SEQ_CST);
    for_each_vcpu(d, v)
        sched_wake(v);
}

void domain_pause(struct domain *d) { add_pauses(d, 1); }
void domain_unpause(struct domain *d) { add_pauses(d, -1); }

void domain_pause_sync(struct domain *d)
{
    domain_pause(d);
    for_each_vcpu(d, v) {
        ASSERT(v != current_vcpu());
        while (sched_on_cpu(v))
            cpu_pause();
    }
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    if (d->is_dom0)
        power_stop(reason);
    spin_lock_scope(&d->lock);
    if (d->shut_down)
        return;
    d->shutdown_code = reason;
    domain_pause(d);
    WRITE_ONCE(d->shut_down, true);
    evtchn_raise_global_virq(VIRQ_DOM_EXC);
}

void domain_resume(struct domain *d)
{
    spin_lock_scope(&d->lock);
    if (d->shut_down)
        domain_unpause(d);
    WRITE_ONCE(d->shut_down, false);
    d->shutdown_code = 0;
}

void domain_dump_vcpu(struct vcpu *v)
{
    for_each_domain_part(part)
        if (part->dump_vcpu)
            part->dump_vcpu(v);
}

void domain_crash(struct vcpu *v, const char *fmt, ...)
{
    char why[160];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    log_guest(v->d, "vcpu %u crashed: %s\n", v->id, why);
    domain_dump_vcpu(v);
    domain_shutdown(v->d, SHUTDOWN_crash);
}

static bool has_vcpu_up(const struct domain *d)
{
    for_each_vcpu(d, v)
        if (vcpu_is_up(v))
            return true;
    return false;
}

void domain_stop_vcpu(struct vcpu *v)
{
    vcpu_stop(v);
    if (!has_vcpu_up(v->d))
        domain_shutdown(v->d, SHUTDOWN_poweroff);
}
