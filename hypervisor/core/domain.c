/* SPDX-License-Identifier: MIT */
/*
 * Domains: created, found, shut down, killed.
 *
 * Creation builds everything, then inserts the domain in the list. Killing is one resumable sequence of
 * steps, used by domctl destroydomain and by a creation that failed half-way; each step is idempotent. The
 * structure goes with the last reference: the creator's is dropped when the kill is complete, and a domain
 * that still owns frames (somebody has them mapped) keeps one until they are back (mm/alloc.c); until then it
 * is found by its id, dying, and its vcpus have given back what they ran with. Nobody else gets that id: who
 * maps those frames would take the new domain for their owner.
 *
 * Lock: domlist_lock (LOCK_DOMLIST) protects the list and ids; each domain's lock (LOCK_DOMAIN) its shutdown
 * state, parameters and memory map. Read next: vcpu.c, sched.c.
 */
#include "domain.h"
#include "alloc.h"
#include "cpu.h"
#include "directmap.h"
#include "errors.h"
#include "guest.h"
#include "lib.h"
#include "platform.h"
#include "svm.h"
#include "xenpub.h"

#include <xen/domctl.h>

struct domain *dom0;

static struct spinlock domlist_lock = SPINLOCK(LOCK_DOMLIST);
static struct list domlist = LIST_INIT(domlist);
static struct domain *by_id[256]; /* chains of ids with the same remainder: guests look up often */
static domid_t last_id;

/* --- references --- */

/* A reference, unless the last one is gone and the structure about to be freed. */
static bool try_ref(struct domain *d)
{
    uint32_t refs = READ_ONCE(d->refs);

    while (refs)
        if (__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    return false;
}

struct domain *domain_get_next(domid_t first)
{
    spin_lock_scope(&domlist_lock);
    list_for_each(struct domain, d, &domlist, link)
        if (d->id >= first && try_ref(d))
            return d;
    return NULL;
}

/* Where the chain says who has this id, or that nobody has. */
static struct domain **find_locked(domid_t id)
{
    struct domain **at = &by_id[id % ARRAY_SIZE(by_id)];

    ASSERT(spin_lock_held(&domlist_lock));
    while (*at && (*at)->id != id)
        at = &(*at)->next_by_id;
    return at;
}

struct domain *domain_get(domid_t id)
{
    spin_lock_scope(&domlist_lock);
    struct domain *d = *find_locked(id);

    return d && try_ref(d) ? d : NULL;
}

void domain_ref(struct domain *d) { __atomic_add_fetch(&d->refs, 1, __ATOMIC_SEQ_CST); }

/* False: call again. One vcpu goes at a time. */
static bool domain_free(struct domain *d)
{
    if (d->max_vcpus > 0) {
        d->max_vcpus--;
        if (d->vcpu[d->max_vcpus])
            vcpu_destroy(d->vcpu[d->max_vcpus]);
        return false;
    }
    BUG_ON(d->pool.used);
    spin_lock(&domlist_lock);
    if (*find_locked(d->id) == d) /* not one that was never inserted */
        *find_locked(d->id) = d->next_by_id;
    list_del(&d->link);
    spin_unlock(&domlist_lock);
    vdev_destroy_domain(d);
    if (mfn_valid_number(d->shared_info_mfn))
        free_core(d->shared_info_mfn, 0);
    heap_free(d->memory_map);
    heap_free(d);
    evtchn_raise_global_virq(VIRQ_DOM_EXC);
    return true;
}

/* One without a reference. */
static struct domain *first_dead(void)
{
    spin_lock_scope(&domlist_lock);
    list_for_each(struct domain, d, &domlist, link)
        if (!READ_ONCE(d->refs))
            return d;
    return NULL;
}

/* One part of one domain at a time; only on CPU 0, so that nobody else takes it. */
void domain_reap(void)
{
    struct domain *d = first_dead();

    if (d) {
        (void)domain_free(d);
        softirq_raise(0, SOFTIRQ_REAP);
    }
}

/* The last reference may go under any lock, so the structure is freed from a softirq. */
void domain_put(struct domain *d)
{
    ASSERT(READ_ONCE(d->refs) > 1 || d->dying == DOMAIN_DEAD);
    if (!__atomic_sub_fetch(&d->refs, 1, __ATOMIC_SEQ_CST))
        softirq_raise(0, SOFTIRQ_REAP);
}

/* --- creation --- */

/* Inserts d, sorted, under its id or a fresh one. -EEXIST, -ENOMEM: ids are used up. */
static int insert(struct domain *d)
{
    bool any = d->id == DOMID_INVALID;

    spin_lock_scope(&domlist_lock);
    for (unsigned int tries = any ? DOMID_FIRST_RESERVED : 1; tries > 0; tries--) {
        if (any)
            d->id = last_id = last_id % (DOMID_FIRST_RESERVED - 1) + 1;
        if (*find_locked(d->id))
            continue;
        struct list *at = domlist.next;
        while (at != &domlist && list_entry(at, struct domain, link)->id < d->id)
            at = at->next;
        list_add_before(&d->link, at);
        *find_locked(d->id) = d;
        return 0;
    }
    return any ? -ENOMEM : -EEXIST;
}

static void watchdog_expired(void *data)
{
    struct domain *d = data;

    guest_log(d, "its watchdog expired: it did not ping in time\n");
    domain_shutdown(d, SHUTDOWN_watchdog);
}

/* Gives back all that d has of others and of its guest. Any part may be missing, or gone already. */
static int dismantle(struct domain *d)
{
    int rc = grant_teardown(d) ?: evtchn_teardown(d);

    if (rc)
        return rc;
    for_each_vcpu(d, v)
        if (vcpu_release(v) && preempt_pending())
            return -ERESTART;
    return p2m_teardown(d) ?: grant_free(d);
}

int domain_create(struct xen_domctl_createdomain *config, domid_t id, struct domain **out)
{
    if (!config->max_vcpus || config->max_vcpus > MAX_VCPUS)
        return -EINVAL;
    struct domain *d = heap_alloc(sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->is_dom0 = id == DOMID_DOM0;
    d->refs = 1;
    d->id = id;
    list_init(&d->link);
    spin_init(&d->lock, LOCK_DOMAIN);
    memcpy(d->handle, config->handle, sizeof(d->handle));
    d->max_vcpus = config->max_vcpus;
    d->pool.size = POOL_DEFAULT;
    d->weight = SCHED_WEIGHT_DEFAULT;
    d->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
    d->pause_count = d->controller_pauses = 1; /* starts paused */
    for (int i = 0; i < 2; i++)
        timer_setup(&d->watchdog[i], watchdog_expired, d, TIMER_ANY_CPU);
    d->shared_info_mfn = alloc_core(0);
    int rc = p2m_init(d) ?: vdev_init_domain(d) ?: evtchn_init(d, config->max_evtchn_port) ?:
             grant_init(d, config->max_grant_frames, config->max_maptrack_frames);
    if (!mfn_valid_number(d->shared_info_mfn))
        rc = -ENOMEM;
    if (!rc) {
        d->shared_info = mfn_to_virt(d->shared_info_mfn);
        pvclock_update_wallclock(d);
        rc = insert(d);
    }
    if (rc) {
        d->dying = DOMAIN_DYING; /* nobody has seen it alive */
        while (dismantle(d) == -ERESTART)
            ;
        while (!domain_free(d))
            ;
        return rc;
    }
    if (d->is_dom0)
        dom0 = d;
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
        d->vcpu[i] = vcpu_create(d, i);
        if (!d->vcpu[i])
            return -ENOMEM; /* those that exist stay; the next call or the destroyer deals with them */
        if (i + 1 < n && preempt_pending())
            return -ERESTART;
    }
    return 0;
}

/* --- the end --- */

void domain_shutdown(struct domain *d, uint8_t reason)
{
    if (d->is_dom0)
        machine_stop(reason);
    spin_lock_scope(&d->lock);
    if (d->shut_down)
        return;
    d->shutdown_code = reason;
    domain_pause(d);
    d->shut_down = true;
    evtchn_raise_global_virq(VIRQ_DOM_EXC);
}

void domain_resume(struct domain *d)
{
    spin_lock_scope(&d->lock);
    if (d->shut_down)
        domain_unpause(d);
    d->shut_down = false;
    d->shutdown_code = 0;
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
    pvclock_update_wallclock(d);
}

void domain_crash(struct vcpu *v, const char *fmt, ...)
{
    char why[160];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    guest_log(v->d, "vcpu %u crashed: %s\n", v->id, why);
    svm_dump(v);
    domain_shutdown(v->d, SHUTDOWN_crash);
}

int domain_kill(struct domain *d)
{
    if (d->is_dom0)
        return -EINVAL;
    if (d->dying == DOMAIN_DEAD)
        return 0;
    if (d->dying == DOMAIN_ALIVE) {
        d->dying = DOMAIN_DYING;
        domain_pause_sync(d);
        for (int i = 0; i < 2; i++)
            timer_finish(&d->watchdog[i]);
        for_each_vcpu(d, v)
            vcpu_stop_timers(v);
        if (preempt_pending())
            return -ERESTART;
    }
    int rc = dismantle(d);
    if (rc)
        return rc;
    d->dying = DOMAIN_DEAD;
    evtchn_raise_global_virq(VIRQ_DOM_EXC);
    domain_put(d);
    return 0;
}
