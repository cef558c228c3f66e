/* SPDX-License-Identifier: MIT */
/*
 * The invariant checker: verifies data that is kept twice (counts, back references) and reports
 * differences. dom0 calls it (cleave_op, debug key 'I'), and so do tests. It changes nothing. Each
 * module checks its own data; this file calls them all.
 */
#include "core/check.h"
#include "core/domain_registry.h"
#include "core/evtchn.h"
#include "core/grant.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "cpu/traps.h"
#include "cpu/watchdog.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/p2m.h"
#include "spinlock.h"

static unsigned int check_vcpu(struct vcpu *v)
{
    unsigned int errors = sched_check(v);

    spin_lock_scope(&v->d->lock);
    if (v->info_pin.va && (uint8_t *)v->info < (uint8_t *)v->info_pin.va)
        errors += check_failed("d%uv%u's vcpu_info is outside its pinned frame\n", v->d->id, v->id);
    return errors;
}

unsigned int check_invariants(void)
{
    unsigned int errors = alloc_check(), domains = 0;

    for_each_domain(d) {
        errors += p2m_check(d) + alloc_check_domain(d) + grant_check(d) + evtchn_check(d);
        for_each_vcpu(d, v)
            errors += check_vcpu(v);
        watchdog_pause();
        domains++;
    }
    errors += traps_check_stacks();
    if (errors)
        log_err("check: %u violations in %u domains\n", errors, domains);
    return errors;
}
