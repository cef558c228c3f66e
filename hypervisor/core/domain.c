/* SPDX-License-Identifier: MIT */
/*
 * Domains: created, found, shut down, killed.
 *
 * Creation builds everything, then inserts the domain in the list. Killing is one resumable sequence of
 * steps, used by domctl destroydomain and by a creation that failed half-way; each step is idempotent. The
 * structure goes with the last reference: the creator's is dropped when the kill is
 * complete, and a domain that still owns frames (somebody has them mapped) keeps one until they are back
 * (mm/alloc.c); until then it is found by its id, dying.
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

#define VCPUS_AT_ONCE 32       /* freed without a preemption point */

struct domain *dom0;

static struct spinlock domlist_lock = SPINLOCK(LOCK_DOMLIST);
static struct list domlist = LIST_INIT(domlist);
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
    list_for_each(p, &domlist) {
        struct domain *d = list_entry(p, struct domain, link);

        if (d->id >= first && try_ref(d))
            return d;
    }
    return NULL;
}

struct domain *domain_get(domid_t id)
{
    struct domain *d = domain_get_next(id);

    if (d && d->id != id) {
        domain_put(d);
        d = NULL;
    }
    return d;
}

void domain_ref(struct domain *d) { __atomic_add_fetch(&d->refs, 1, __ATOMIC_SEQ_CST); }

/* False: call again, there are more vcpus than should go at a time. */
static bool domain_free(struct domain *d)
{
    for (unsigned int n = 0; d->max_vcpus > 0; n++) {
        struct vcpu *v = d->vcpu[d->max_vcpus - 1];

        if (n == VCPUS_AT_ONCE)
            return false;
        d->max_vcpus--;
        if (v)
            vcpu_destroy(v);
    }
    spin_lock(&domlist_lock);
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
    list_for_each(p, &domlist)
        if (!READ_ONCE(list_entry(p, struct domain, link)->refs))
            return list_entry(p, struct domain, link);
    return NULL;
}

/* One part of one domain at a time; only on CPU 0, so that nobody else takes it. */
void domain_reap(void)
{
    struct domain *d = first_dead();

    if (!d)
        return;
    (void)domain_free(d);
    softirq_raise(0, SOFTIRQ_REAP);
}

/* The last reference may go under any lock, so the structure is freed from a softirq. */
void domain_put(struct domain *d)
{
    ASSERT(READ_ONCE(d->refs) > 1 || d->dying == DOMAIN_DEAD);
    if (!__atomic_sub_fetch(&d->refs, 1, __ATOMIC_SEQ_CST))
        softirq_raise(0, SOFTIRQ_REAP);
}

/* --- creation --- */

/* The first domain in the list with this id or a higher one, or the list's head. */
static struct list *place_of(domid_t id)
{
    list_for_each(p, &domlist)
        if (list_entry(p, struct domain, link)->id >= id)
            return p;
    return &domlist;
}

static bool is_taken(domid_t id)
{
    struct list *at = place_of(id);

    return at != &domlist && list_entry(at, struct domain, link)->id == id;
}

/* Inserts d, sorted, under its id or a fresh one. -EEXIST, -ENOMEM: ids are used up. */
static int insert(struct domain *d)
{
    bool any = d->id == DOMID_INVALID, taken;
    unsigned int tries = 0;

    spin_lock_scope(&domlist_lock);
    do {
        if (any)
            d->id = last_id = last_id < DOMID_FIRST_RESERVED - 1 ? last_id + 1 : 1;
        taken = is_taken(d->id);
    } while (any && taken && ++tries < DOMID_FIRST_RESERVED);
    if (!taken)
        list_add_before(&d->link, place_of(d->id));
    return !taken ? 0 : any ? -ENOMEM : -EEXIST;
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
    int rc = grant_teardown(d);

    if (!rc)
        rc = evtchn_teardown(d);
    if (rc)
        return rc;
    for_each_vcpu(d, v)
        vcpu_release_guest_frames(v);
    rc = p2m_teardown(d);
    return rc ? rc : grant_free(d);
}

int domain_create(struct xen_domctl_createdomain *config, domid_t id, struct domain **out)
{
    struct domain *d;
    int rc;

    if (!config->max_vcpus || config->max_vcpus > MAX_VCPUS)
        return -EINVAL;
    d = heap_alloc(sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->is_dom0 = id == DOMID_DOM0;
    d->refs = 1;
    d->id = id;
    list_init(&d->link);
    spin_init(&d->lock, LOCK_DOMAIN);
    memcpy(d->handle, config->handle, sizeof(d->handle));
    d->max_vcpus = config->max_vcpus;
    d->weight = SCHED_WEIGHT_DEFAULT;
    d->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
    d->pause_count = d->controller_pauses = 1; /* starts paused */
    for (int i = 0; i < 2; i++)
        timer_setup(&d->watchdog[i], watchdog_expired, d, this_cpu()->id);
    d->shared_info_mfn = alloc_core(0);
    rc = p2m_init(d);
    if (!rc && !mfn_valid_number(d->shared_info_mfn))
        rc = -ENOMEM;
    if (!rc)
        rc = vdev_init_domain(d);
    if (!rc)
        rc = evtchn_init(d, config->max_evtchn_port);
    if (!rc)
        rc = grant_init(d, config->max_grant_frames, config->max_maptrack_frames);
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
    bool news;

    if (d->is_dom0)
        machine_stop(reason);
    spin_lock(&d->lock);
    news = !d->shut_down;
    if (news) {
        d->shutdown_code = reason;
        domain_pause(d);
        d->shut_down = true;
    }
    spin_unlock(&d->lock);
    if (news)
        evtchn_raise_global_virq(VIRQ_DOM_EXC);
}

void domain_resume(struct domain *d)
{
    bool was;

    spin_lock(&d->lock);
    was = d->shut_down;
    d->shut_down = false;
    d->shutdown_code = 0;
    spin_unlock(&d->lock);
    if (was)
        domain_unpause(d);
}

void domain_set_compat(struct domain *d, bool compat)
{
    if (d->compat == compat)
        return;
    evtchn_set_compat(d, compat);
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
    int rc;

    if (d->is_dom0)
        return -EINVAL;
    if (d->dying == DOMAIN_DEAD)
        return 0;
    if (d->dying == DOMAIN_ALIVE) {
        d->dying = DOMAIN_DYING;
        domain_pause_sync(d);
        for (int i = 0; i < 2; i++)
            timer_stop(&d->watchdog[i]);
        alloc_claim(d, 0);
    }
    rc = dismantle(d);
    if (rc)
        return rc;
    d->dying = DOMAIN_DEAD;
    evtchn_raise_global_virq(VIRQ_DOM_EXC);
    domain_put(d);
    return 0;
}
