/* SPDX-License-Identifier: MIT */
/*
 * Creation and destruction of domains.
 *
 * Creation builds everything, then inserts the domain in the registry. Destruction is one resumable
 * sequence of idempotent steps, used by domctl destroydomain and by a creation that failed
 * half-way. The structure is freed with the last reference. The creator's reference is dropped when
 * the kill is complete; each frame still mapped elsewhere holds one until it is freed (mm/alloc.c).
 * Until then the dying domain is found by its id, and its vcpus have released their resources.
 *
 * Lock: the callers hold LOCK_DOMCTL. Read next: check.c.
 */
#include "core/domain.h"
#include "core/domain_registry.h"
#include "core/domain_shutdown.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "core/vcpu_timer.h"
#include "cpu/softirq.h"
#include "directmap.h"
#include "errors.h"
#include "mm/alloc.h"
#include "mm/heap.h"
#include "mm/p2m_sample.h"

#include <xen/domctl.h>

/* Frees d in steps, one vcpu per call. Returns false until done. */
static bool domain_free(struct domain *d)
{
    if (d->max_vcpus > 0) {
        d->max_vcpus--;
        if (d->vcpu[d->max_vcpus])
            vcpu_destroy(d->vcpu[d->max_vcpus]);
        return false;
    }
    BUG_ON(d->pool.used);
    domain_remove(d);
    for_each_domain_part(part)
        if (part->destroy_domain)
            part->destroy_domain(d);
    if (mfn_valid_number(d->shared_info_mfn))
        alloc_free(d->shared_info_mfn, 0);
    heap_free(d->memory_map);
    heap_free(d->ioreq);
    p2m_sample_free(d);
    heap_free(d);
    evtchn_raise_global_virq(VIRQ_DOM_EXC);
    return true;
}

/*
 * Frees dead domains, one step per call. Runs on CPU 0 only, so two CPUs never free the same
 * domain.
 */
void domain_reap(void)
{
    struct domain *d = domain_find_dead();

    if (d) {
        (void)domain_free(d);
        softirq_raise(0, SOFTIRQ_REAP);
    }
}

static void watchdog_expired(void *data)
{
    struct domain *d = data;

    log_guest(d, "watchdog expired\n");
    domain_shutdown(d, SHUTDOWN_watchdog);
}

/*
 * Releases everything that d holds of other domains and of its guest. Any part may be missing or
 * already released.
 */
static int dismantle_domain(struct domain *d)
{
    ioreq_teardown(d);
    int rc = grant_teardown(d) ?: evtchn_teardown(d);

    if (rc)
        return rc;
    for_each_vcpu(d, v)
        if (vcpu_release(v) && softirq_preempt_pending())
            return -ERESTART;
    return p2m_teardown(d) ?: grant_free(d);
}

static int init_domain_parts(struct domain *d)
{
    for_each_domain_part(part) {
        int rc = part->init_domain ? part->init_domain(d) : 0;

        if (rc)
            return rc;
    }
    return 0;
}

int domain_create(struct xen_domctl_createdomain *config, domid_t id, struct domain **out)
{
    if (!config->max_vcpus || config->max_vcpus > MAX_VCPUS)
        return -EINVAL;
    struct domain *d = heap_alloc(sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->is_dom0 = id == DOMID_DOM0;
    d->hvm = config->arch.emulation_flags & XEN_X86_EMU_PIC;
    d->refs = 1;
    d->id = id;
    spin_init(&d->lock, LOCK_DOMAIN);
    memcpy(d->handle, config->handle, sizeof(d->handle));
    d->max_vcpus = config->max_vcpus;
    d->pool.size = POOL_DEFAULT;
    d->weight = SCHED_WEIGHT_DEFAULT;
    spin_init(&d->cap_budget.lock, LOCK_CAP);
    d->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
    d->pause_count = d->controller_pauses = 1; /* starts paused */
    for (int i = 0; i < 2; i++)
        timer_setup(&d->watchdog[i], watchdog_expired, d, TIMER_ANY_CPU);
    d->shared_info_mfn = alloc_core(0);
    if (mfn_valid_number(d->shared_info_mfn))
        d->shared_info = mfn_to_virt(d->shared_info_mfn);
    int rc = p2m_init(d);
    if (!rc && !d->shared_info)
        rc = -ENOMEM;
    if (!rc && d->hvm)
        rc = ioreq_init(d);
    if (!rc)
        rc = init_domain_parts(d);
    if (!rc)
        rc = evtchn_init(d, config->max_evtchn_port);
    if (!rc)
        rc = grant_init(d, config->max_grant_frames, config->max_maptrack_frames);
    if (!rc)
        rc = domain_insert(d);
    if (rc) {
        WRITE_ONCE(d->dying, DOMAIN_DYING); /* never visible to others */
        while (dismantle_domain(d) == -ERESTART)
            ;
        while (!domain_free(d))
            ;
        return rc;
    }
    *out = d;
    return 0;
}

int domain_alloc_vcpus(struct domain *d, unsigned int n)
{
    if (n != d->max_vcpus)
        return -EINVAL;
    for (unsigned int i = 0; i < n; i++) {
        if (d->vcpu[i])
            continue;
        struct vcpu *v = vcpu_create(d, i);
        if (!v)
            /* vcpus created so far stay, for the next call or for domain_kill */
            return -ENOMEM;
        vcpu_timer_init(v);
        d->vcpu[i] = v;
        if (i + 1 < n && softirq_preempt_pending())
            return -ERESTART;
    }
    return 0;
}

void domain_set_compat(struct domain *d, bool compat)
{
    if (d->compat == compat)
        return;
    spin_lock(&d->evtchn.lock);
    d->compat = compat;
    spin_unlock(&d->evtchn.lock);
    for_each_vcpu(d, v)
        evtchn_vcpu_info_moved(v);
}

int domain_kill(struct domain *d)
{
    if (d->is_dom0)
        return -EINVAL;
    if (READ_ONCE(d->dying) == DOMAIN_DEAD)
        return 0;
    if (READ_ONCE(d->dying) == DOMAIN_ALIVE) {
        WRITE_ONCE(d->dying, DOMAIN_DYING);
        domain_pause_sync(d);
        for (int i = 0; i < 2; i++)
            timer_finish(&d->watchdog[i]);
        for_each_vcpu(d, v)
            vcpu_stop_timers(v);
        if (softirq_preempt_pending())
            return -ERESTART;
    }
    int rc = dismantle_domain(d);
    if (rc)
        return rc;
    WRITE_ONCE(d->dying, DOMAIN_DEAD);
    evtchn_raise_global_virq(VIRQ_DOM_EXC);
    domain_put(d);
    return 0;
}
