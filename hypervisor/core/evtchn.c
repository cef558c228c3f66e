/* SPDX-License-Identifier: MIT */
/*
 * Event channels: the ports of a domain and what they are bound to (<xen/event_channel.h>). How a port is
 * marked pending in memory that the guest sees is core/evtchn_2l.c or core/evtchn_fifo.c.
 *
 * Ports are allocated in buckets. Free ones form a queue, first freed first used: a FIFO guest may still have
 * a closed port in a queue of events, and giving it to another vcpu then would bring that vcpu's event to the
 * wrong place.
 *
 * A message between domains takes the sender's lock, then the receiver's, never both; only binding and
 * closing hold two, in the order of domain ids.
 *
 * Read next: core/evtchn_2l.c, core/evtchn_fifo.c, hypercall/event_channel.c.
 */
#include "alloc.h"
#include "errors.h"
#include "evtchn_internal.h"
#include "lib.h"

#define BUSY_PORTS_TRIED 16   /* before a new bucket is taken instead of a port that is still linked */
#define PEER_CHANGES 8        /* closing: how often the peer may change under our eyes */

/* --- locks, ports --- */

/* b: another domain, or NULL. */
static void lock_two(struct domain *a, struct domain *b)
{
    struct domain *first = b && b->id < a->id ? b : a;

    spin_lock(&first->evtchn.lock);
    if (b && b != a)
        spin_lock_second(&(first == a ? b : a)->evtchn.lock);
}

static void unlock_two(struct domain *a, struct domain *b)
{
    spin_unlock(&a->evtchn.lock);
    if (b && b != a)
        spin_unlock(&b->evtchn.lock);
}

struct evtchn *evtchn_port(struct domain *d, uint32_t port)
{
    if (port >= d->evtchn.ports || port > d->evtchn.max_port)
        return NULL;
    return &d->evtchn.buckets[port / EVTCHN_BUCKET][port % EVTCHN_BUCKET];
}

/* A port in use, or NULL. */
static struct evtchn *used_port(struct domain *d, uint32_t port)
{
    struct evtchn *e = evtchn_port(d, port);

    return e && e->state != EVTCHN_FREE ? e : NULL;
}

static void queue_free(struct domain *d, uint32_t port)
{
    struct evtchn *e = evtchn_port(d, port);

    e->state = EVTCHN_FREE;
    e->next_free = 0;
    if (d->evtchn.free_last)
        evtchn_port(d, d->evtchn.free_last)->next_free = port;
    else
        d->evtchn.free_first = port;
    d->evtchn.free_last = port;
}

static uint32_t unqueue_free(struct domain *d)
{
    uint32_t port = d->evtchn.free_first;

    d->evtchn.free_first = evtchn_port(d, port)->next_free;
    if (!d->evtchn.free_first)
        d->evtchn.free_last = 0;
    return port;
}

/* What the guest's ABI can name. */
static uint32_t highest_port(const struct domain *d)
{
    uint32_t in_words = d->compat ? EVTCHN_2L_NR_CHANNELS / 4 : EVTCHN_2L_NR_CHANNELS;

    return d->evtchn.fifo ? d->evtchn.max_port : MIN(d->evtchn.max_port, in_words - 1);
}

static int add_bucket(struct domain *d)
{
    uint32_t first = d->evtchn.ports;

    if (first > highest_port(d))
        return -ENOSPC;
    d->evtchn.buckets[first / EVTCHN_BUCKET] = heap_alloc(EVTCHN_BUCKET * sizeof(struct evtchn));
    if (!d->evtchn.buckets[first / EVTCHN_BUCKET])
        return -ENOMEM;
    d->evtchn.ports += EVTCHN_BUCKET;
    /* In front of the queue, lowest number first. */
    for (uint32_t port = MIN(d->evtchn.ports - 1, d->evtchn.max_port); port >= MAX(first, 1); port--) {
        evtchn_port(d, port)->next_free = d->evtchn.free_first;
        d->evtchn.free_first = port;
        if (!d->evtchn.free_last)
            d->evtchn.free_last = port;
    }
    return 0;
}

static bool first_is_linked(struct domain *d)
{
    return d->evtchn.fifo && evtchn_fifo_is_linked(d, d->evtchn.free_first);
}

/* Takes a free port into use; the caller sets its state before it unlocks. Port number or -E. */
static int take_port(struct domain *d)
{
    uint32_t port;
    struct evtchn *e;
    int rc;

    if (d->dying != DOMAIN_ALIVE)
        return -EINVAL;
    for (int i = 0; i < BUSY_PORTS_TRIED && d->evtchn.free_first && first_is_linked(d); i++)
        queue_free(d, unqueue_free(d));
    if (!d->evtchn.free_first || first_is_linked(d)) {
        rc = add_bucket(d);
        if (rc)
            return rc;
    }
    port = unqueue_free(d);
    e = evtchn_port(d, port);
    e->vcpu = 0;
    e->missed = 0;
    e->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    d->evtchn.active++;
    return port;
}

static void clear_pending(struct domain *d, uint32_t port)
{
    if (d->evtchn.fifo)
        evtchn_fifo_clear_pending(d, port);
    else
        evtchn_2l_clear_pending(d, port);
}

static void release_port(struct domain *d, uint32_t port)
{
    clear_pending(d, port);
    d->evtchn.active--;
    queue_free(d, port);
}

static struct vcpu *vcpu_by_id(struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

/* --- delivery --- */

void evtchn_upcall(struct vcpu *v)
{
    if (!__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        vcpu_event_upcall(v);
}

void evtchn_wake_pollers(struct domain *d)
{
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        if (v && READ_ONCE(v->polling)) {
            WRITE_ONCE(v->polling, false);
            vcpu_unblock(v);
        }
    }
}

void evtchn_deliver(struct domain *d, uint32_t port, struct evtchn *e)
{
    ASSERT(spin_lock_held(&d->evtchn.lock));
    if (d->evtchn.fifo)
        evtchn_fifo_set_pending(d, port, e);
    else
        evtchn_2l_set_pending(d, port, e);
}

/* To d's port, if it is still the other end of sender's. */
static void deliver_from(struct domain *d, uint32_t port, struct domain *sender, uint32_t sender_port)
{
    struct evtchn *e;

    spin_lock(&d->evtchn.lock);
    e = evtchn_port(d, port);
    if (e && e->state == EVTCHN_INTERDOMAIN && e->remote == sender && e->remote_port == sender_port)
        evtchn_deliver(d, port, e);
    spin_unlock(&d->evtchn.lock);
}

int evtchn_send(struct domain *d, uint32_t port)
{
    struct domain *peer = NULL;
    uint32_t peer_port = 0;
    struct evtchn *e;
    int rc = 0;

    spin_lock(&d->evtchn.lock);
    e = evtchn_port(d, port);
    if (e && e->state == EVTCHN_IPI) {
        evtchn_deliver(d, port, e);
    } else if (e && e->state == EVTCHN_INTERDOMAIN) {
        peer = e->remote;
        peer_port = e->remote_port;
        domain_ref(peer);
    } else if (!e || e->state != EVTCHN_UNBOUND) { /* unbound: nobody listens yet, no error */
        rc = -EINVAL;
    }
    spin_unlock(&d->evtchn.lock);

    if (peer) {
        deliver_from(peer, peer_port, d, port);
        domain_put(peer);
    }
    return rc;
}

void evtchn_raise_virq(struct vcpu *v, uint32_t virq)
{
    struct domain *d = v->d;
    struct evtchn *e;
    uint32_t port;

    spin_lock(&d->evtchn.lock);
    port = v->evtchn.virq_port[virq];
    e = port ? used_port(d, port) : NULL;
    if (e)
        evtchn_deliver(d, port, e);
    spin_unlock(&d->evtchn.lock);
}

void evtchn_raise_global_virq(uint32_t virq)
{
    if (dom0 && dom0->vcpu[0])
        evtchn_raise_virq(dom0->vcpu[0], virq);
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
    spin_lock(&v->d->evtchn.lock);
    if (!v->d->evtchn.fifo)
        evtchn_2l_resend_all(v);
    __atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_event_upcall(v);
    spin_unlock(&v->d->evtchn.lock);
}

void evtchn_set_compat(struct domain *d, bool compat)
{
    spin_lock(&d->evtchn.lock);
    d->compat = compat;
    spin_unlock(&d->evtchn.lock);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (d->vcpu[i])
            evtchn_vcpu_info_moved(d->vcpu[i]);
}

int evtchn_is_pending(struct domain *d, uint32_t port)
{
    int rc = -EINVAL;

    spin_lock(&d->evtchn.lock);
    if (used_port(d, port))
        rc = d->evtchn.fifo ? evtchn_fifo_is_pending(d, port) : evtchn_2l_is_pending(d, port);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_unmask(struct domain *d, uint32_t port)
{
    struct evtchn *e;
    int rc = 0;

    spin_lock(&d->evtchn.lock);
    e = used_port(d, port);
    if (!e)
        rc = -EINVAL;
    else if (d->evtchn.fifo)
        evtchn_fifo_unmask(d, port, e);
    else
        evtchn_2l_unmask(d, port, e);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* --- binding --- */

int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
    struct evtchn *e;
    int p;

    spin_lock(&d->evtchn.lock);
    p = take_port(d);
    if (p > 0) {
        e = evtchn_port(d, p);
        e->state = EVTCHN_UNBOUND;
        e->allowed = remote;
        *port = p;
    }
    spin_unlock(&d->evtchn.lock);
    return MIN(p, 0);
}

int evtchn_bind_interdomain(struct domain *d, domid_t remote, uint32_t remote_port, uint32_t *port)
{
    struct domain *peer = domain_get(remote);
    struct evtchn *e, *far;
    int p;

    if (!peer)
        return -ESRCH;
    lock_two(d, peer);
    p = -EINVAL;
    far = evtchn_port(peer, remote_port);
    if (!far || far->state != EVTCHN_UNBOUND || far->allowed != d->id)
        goto out;
    p = take_port(d);
    if (p < 0)
        goto out;
    e = evtchn_port(d, p);
    e->state = EVTCHN_INTERDOMAIN;
    e->remote = peer;
    e->remote_port = remote_port;
    far->state = EVTCHN_INTERDOMAIN;
    far->remote = d;
    far->remote_port = p;
    *port = p;
    /* What the peer sent before there was anybody to get it. */
    evtchn_deliver(d, p, e);
out:
    unlock_two(d, peer);
    domain_put(peer);
    return MIN(p, 0);
}

static bool virq_is_global(uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    struct vcpu *v = vcpu_by_id(d, vcpu);
    struct evtchn *e;
    int p;

    if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu != 0))
        return -EINVAL;
    if (virq_is_global(virq) && !d->is_dom0)
        return -EPERM;
    if (!v)
        return -ENOENT;

    spin_lock(&d->evtchn.lock);
    p = v->evtchn.virq_port[virq] ? -EEXIST : take_port(d);
    if (p > 0) {
        e = evtchn_port(d, p);
        e->state = EVTCHN_VIRQ;
        e->virq = virq;
        e->vcpu = vcpu;
        v->evtchn.virq_port[virq] = p;
        *port = p;
    }
    spin_unlock(&d->evtchn.lock);
    return MIN(p, 0);
}

int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
    struct evtchn *e;
    int p;

    if (!vcpu_by_id(d, vcpu))
        return -ENOENT;
    spin_lock(&d->evtchn.lock);
    p = take_port(d);
    if (p > 0) {
        e = evtchn_port(d, p);
        e->state = EVTCHN_IPI;
        e->vcpu = vcpu;
        *port = p;
    }
    spin_unlock(&d->evtchn.lock);
    return MIN(p, 0);
}

int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
    struct evtchn *e;
    int rc = -EINVAL;

    if (!vcpu_by_id(d, vcpu))
        return -ENOENT;
    spin_lock(&d->evtchn.lock);
    e = used_port(d, port);
    if (e && e->state != EVTCHN_IPI && !(e->state == EVTCHN_VIRQ && !virq_is_global(e->virq))) {
        e->vcpu = vcpu;
        rc = 0;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* Both locks are held if it is an interdomain port. */
static void close_locked(struct domain *d, uint32_t port, struct evtchn *e)
{
    struct evtchn *far;

    if (e->state == EVTCHN_VIRQ) {
        d->vcpu[virq_is_global(e->virq) ? 0 : e->vcpu]->evtchn.virq_port[e->virq] = 0;
    } else if (e->state == EVTCHN_INTERDOMAIN) {
        far = evtchn_port(e->remote, e->remote_port);
        ASSERT(far && far->state == EVTCHN_INTERDOMAIN && far->remote == d && far->remote_port == port);
        far->state = EVTCHN_UNBOUND;
        far->allowed = d->id;
    }
    release_port(d, port);
}

/* -EAGAIN: other vcpus re-bind the port to one domain after the other while we close it. */
int evtchn_close_port(struct domain *d, uint32_t port)
{
    struct domain *peer = NULL;
    int rc = -EAGAIN;

    for (int i = 0; i < PEER_CHANGES && rc == -EAGAIN; i++) {
        struct domain *next = NULL;
        struct evtchn *e;

        lock_two(d, peer);
        e = used_port(d, port);
        if (!e) {
            rc = -EINVAL;
        } else if (e->state == EVTCHN_INTERDOMAIN && e->remote != d && e->remote != peer) {
            next = e->remote;
            domain_ref(next);
        } else {
            close_locked(d, port, e);
            rc = 0;
        }
        unlock_two(d, peer);
        if (peer)
            domain_put(peer);
        peer = next;
    }
    if (peer)
        domain_put(peer);
    return rc;
}

int evtchn_status_of(struct domain *d, struct evtchn_status *status)
{
    struct evtchn *e;
    int rc = 0;

    spin_lock(&d->evtchn.lock);
    e = evtchn_port(d, status->port);
    if (!e) {
        rc = -EINVAL;
        goto out;
    }
    status->vcpu = e->vcpu;
    switch ((enum evtchn_state)e->state) {
    case EVTCHN_FREE:
        status->status = EVTCHNSTAT_closed;
        break;
    case EVTCHN_UNBOUND:
        status->status = EVTCHNSTAT_unbound;
        status->u.unbound.dom = e->allowed;
        break;
    case EVTCHN_INTERDOMAIN:
        status->status = EVTCHNSTAT_interdomain;
        status->u.interdomain.dom = e->remote->id;
        status->u.interdomain.port = e->remote_port;
        break;
    case EVTCHN_VIRQ:
        status->status = EVTCHNSTAT_virq;
        status->u.virq = e->virq;
        break;
    case EVTCHN_IPI:
        status->status = EVTCHNSTAT_ipi;
        break;
    }
out:
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* --- beginning and end --- */

int evtchn_init(struct domain *d, uint32_t max_port)
{
    int rc;

    spin_init(&d->evtchn.lock, LOCK_EVTCHN);
    d->evtchn.max_port = MIN(max_port, EVTCHN_FIFO_NR_CHANNELS - 1u);
    d->evtchn.next_close = 1;
    d->evtchn.buckets = heap_alloc((d->evtchn.max_port / EVTCHN_BUCKET + 1) * sizeof(d->evtchn.buckets[0]));
    if (!d->evtchn.buckets)
        return -ENOMEM;
    spin_lock(&d->evtchn.lock);
    rc = add_bucket(d);
    spin_unlock(&d->evtchn.lock);
    if (rc) {
        heap_free(d->evtchn.buckets);
        d->evtchn.buckets = NULL;
    }
    return rc;
}

/*
 * Closes all ports but those that are bound meanwhile; 0: none was in use when it looked last, and the lock
 * is held.
 */
static int close_all(struct domain *d)
{
    while (d->evtchn.next_close < d->evtchn.ports) {
        evtchn_close_port(d, d->evtchn.next_close++);
        if (preempt_pending())
            return -ERESTART;
    }
    d->evtchn.next_close = 1;
    spin_lock(&d->evtchn.lock);
    if (d->evtchn.active == 0)
        return 0;
    spin_unlock(&d->evtchn.lock);
    return -ERESTART;
}

static void free_ports(struct domain *d)
{
    evtchn_fifo_destroy(d);
    for (uint32_t i = 0; i < d->evtchn.ports / EVTCHN_BUCKET; i++)
        heap_free(d->evtchn.buckets[i]);
    d->evtchn.ports = d->evtchn.free_first = d->evtchn.free_last = 0;
}

int evtchn_reset_all(struct domain *d)
{
    int rc = close_all(d);

    if (rc)
        return rc;
    free_ports(d);
    rc = add_bucket(d);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_teardown(struct domain *d)
{
    int rc = close_all(d);

    if (rc)
        return rc;
    free_ports(d);
    heap_free(d->evtchn.buckets);
    d->evtchn.buckets = NULL;
    d->evtchn.max_port = 0;
    spin_unlock(&d->evtchn.lock);
    return 0;
}

/* --- looking at it --- */

static void dump_port(struct domain *d, uint32_t port, const struct evtchn *e)
{
    bool pending = d->evtchn.fifo ? evtchn_fifo_is_pending(d, port) : evtchn_2l_is_pending(d, port);
    bool masked = d->evtchn.fifo ? evtchn_fifo_is_masked(d, port) : evtchn_2l_is_masked(d, port);
    char what[40] = "ipi";

    if (e->state == EVTCHN_UNBOUND)
        snprintf(what, sizeof(what), "unbound, for d%u", e->allowed);
    else if (e->state == EVTCHN_INTERDOMAIN)
        snprintf(what, sizeof(what), "to d%u port %u", e->remote->id, e->remote_port);
    else if (e->state == EVTCHN_VIRQ)
        snprintf(what, sizeof(what), "virq %u", e->virq);
    log_info("  port %u: %s, vcpu %u%s%s\n", port, what, e->vcpu, pending ? ", pending" : "",
             masked ? ", masked" : "");
}

void evtchn_dump(struct domain *d)
{
    spin_lock(&d->evtchn.lock);
    log_info("d%u: %u ports in use of %u, %s\n", d->id, d->evtchn.active, d->evtchn.ports,
             d->evtchn.fifo ? "FIFO" : "2-level");
    for (uint32_t port = 1; port < d->evtchn.ports; port++)
        if (used_port(d, port))
            dump_port(d, port, used_port(d, port));
    spin_unlock(&d->evtchn.lock);
}

static bool port_is_consistent(struct domain *d, uint32_t port, struct evtchn *e)
{
    struct vcpu *v = vcpu_by_id(d, e->vcpu);

    if (e->state != EVTCHN_UNBOUND && e->state != EVTCHN_INTERDOMAIN && !v)
        return false;
    if (e->state == EVTCHN_VIRQ)
        return d->vcpu[virq_is_global(e->virq) ? 0 : e->vcpu]->evtchn.virq_port[e->virq] == port;
    return true;
}

/* Are the two ends of d's port agreed on each other? */
static bool peer_is_consistent(struct domain *d, uint32_t port)
{
    struct domain *peer = NULL;
    struct evtchn *e, *far;
    bool good;

    spin_lock(&d->evtchn.lock);
    e = used_port(d, port);
    if (e && e->state == EVTCHN_INTERDOMAIN) {
        peer = e->remote;
        domain_ref(peer);
    }
    spin_unlock(&d->evtchn.lock);
    if (!peer)
        return true;

    lock_two(d, peer);
    e = used_port(d, port);
    if (e && e->state == EVTCHN_INTERDOMAIN && e->remote == peer) {
        far = evtchn_port(peer, e->remote_port);
        good = far && far->state == EVTCHN_INTERDOMAIN && far->remote == d && far->remote_port == port;
    } else {
        good = true; /* closed meanwhile */
    }
    unlock_two(d, peer);
    domain_put(peer);
    return good;
}

unsigned int evtchn_check(struct domain *d)
{
    uint32_t used = 0, unused = 0, inconsistent = 0, ports;

    spin_lock(&d->evtchn.lock);
    ports = MIN(d->evtchn.ports, d->evtchn.max_port + 1);
    for (uint32_t port = 1; port < ports; port++) {
        struct evtchn *e = used_port(d, port);

        used += e != NULL;
        inconsistent += e && !port_is_consistent(d, port, e);
    }
    for (uint32_t port = d->evtchn.free_first; port && unused <= ports;) {
        unused++;
        port = evtchn_port(d, port)->next_free;
    }
    if (used != d->evtchn.active || (ports && used + unused != ports - 1)) {
        log_err("check: d%u has %u ports in use and %u free, of %u; it counts %u in use\n", d->id, used,
                unused, ports, d->evtchn.active);
        inconsistent++;
    }
    spin_unlock(&d->evtchn.lock);

    for (uint32_t port = 1; port < ports; port++)
        inconsistent += !peer_is_consistent(d, port);
    if (inconsistent)
        log_err("check: d%u has %u inconsistent event channels\n", d->id, inconsistent);
    return inconsistent;
}
