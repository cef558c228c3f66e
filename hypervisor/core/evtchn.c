/* SPDX-License-Identifier: MIT */
/*
 * Event channels: the ports of a domain, their bindings (<xen/event_channel.h>), and their pending
 * state in memory shared with the guest.
 *
 * The 2-level ABI (<xen/xen.h>, struct shared_info) has a pending and a mask bit for each of 4096
 * ports in shared_info. In each vcpu_info, a selector has a bit for each word of pending bits. The
 * guest scans the selector, then the words. The FIFO ABI is in core/evtchn_fifo.c. The guest may
 * corrupt all of this memory, but loses only its own events.
 *
 * A 32-bit guest has 32 words of 32 bits: the mask bits follow after fewer pending bits, and the
 * selector has another offset. Its bitmaps have the same bit order as 64-bit ones.
 *
 * Ports are allocated in buckets. Free ports form a queue from port 0, which is never used, to
 * free_last. A FIFO guest may still have a closed port in an event queue. Reusing that port for
 * another vcpu would deliver the event to the wrong queue, so the next free port is tried, or one
 * that was never used.
 *
 * evtchn_send takes the sender's lock, then the receiver's, never both. Only binding and unbinding
 * of two domains holds both locks. They take bind_lock first, so the order of the two does not
 * matter. Calls that fail, or close a port of another kind, do not take bind_lock. While the lock
 * of one end of a binding is held, the other end cannot change.
 *
 * Read next: core/evtchn_fifo.c, hypercall/event_channel.c.
 */
#include "core/evtchn.h"
#include "core/domain.h"
#include "core/domain_registry.h"
#include "core/evtchn_internal.h"
#include "core/vcpu.h"
#include "cpu/softirq.h"
#include "cpu/watchdog.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/heap.h"
#include "mm/owner.h"

/* free ports still linked by the guest to skip before a never used one is taken */
#define BUSY_PORTS_TRIED 16
#define CHECK_BATCH 256 /* ports checked per acquisition of the lock */
#define CHECK_TRIES 8

static struct spinlock bind_lock = SPINLOCK(LOCK_BIND);

/* --- ports --- */

static struct evtchn *port_at(struct domain *d, uint32_t port)
{
    if (port >= d->evtchn.ports)
        return NULL;
    port = (uint32_t)index_nospec(port, d->evtchn.ports);
    return &d->evtchn.buckets[port / EVTCHN_BUCKET][port % EVTCHN_BUCKET];
}

struct evtchn *evtchn_used_port(struct domain *d, uint32_t port)
{
    struct evtchn *e = port_at(d, port);

    return e && e->state != EVTCHNSTAT_closed ? e : NULL;
}

static uint32_t first_free(struct domain *d) { return port_at(d, 0)->next_free; }

static void queue_free(struct domain *d, uint32_t port)
{
    struct evtchn *e = port_at(d, port);

    e->state = EVTCHNSTAT_closed;
    e->next_free = 0;
    port_at(d, d->evtchn.free_last)->next_free = port;
    d->evtchn.free_last = port;
}

static uint32_t unqueue_free(struct domain *d)
{
    uint32_t port = first_free(d);

    port_at(d, 0)->next_free = port_at(d, port)->next_free;
    if (d->evtchn.free_last == port)
        d->evtchn.free_last = 0;
    return port;
}

/* Bits per word of the 2-level ABI, and also the number of words. */
static unsigned int word_bits(const struct domain *d) { return d->compat ? 32 : 64; }

/* Returns a port that was never used, within the limit of the guest's ABI, or a negative errno. */
static int fresh_port(struct domain *d)
{
    uint32_t port = d->evtchn.ports, end = word_bits(d) * word_bits(d);
    struct evtchn **bucket = &d->evtchn.buckets[port / EVTCHN_BUCKET];

    if (port > d->evtchn.max_port || (!d->evtchn.fifo && port >= end))
        return -ENOSPC;
    if (!*bucket) {
        mfn_t m = alloc_pool(d, 0);

        if (!mfn_valid_number(m))
            return -ENOMEM;
        *bucket = mfn_to_virt(m);
    }
    d->evtchn.ports++;
    return port;
}

/* --- state shared with the guest --- */

#define PENDING EVTCHN_FIFO_PENDING
#define MASKED EVTCHN_FIFO_MASKED
#define LINKED EVTCHN_FIFO_LINKED

static void *pending_2l(const struct domain *d) { return d->shared_info->evtchn_pending; }

static void *masks_2l(const struct domain *d)
{
    return (uint8_t *)pending_2l(d) + word_bits(d) * word_bits(d) / 8;
}

/* Returns the bitmap that holds this mark of the port, and its bit number in *bit. NULL: none. */
static void *find_mark(struct domain *d, uint32_t port, unsigned int mark, unsigned int *bit)
{
    if (d->evtchn.fifo) {
        event_word_t *word = evtchn_fifo_word(d, port);

        *bit = port % 2 * 32 + mark; /* within the enclosing 64-bit word */
        return word ? word - port % 2 : NULL;
    }
    *bit = port;
    if (mark == PENDING)
        return pending_2l(d);
    return mark == MASKED ? masks_2l(d) : NULL;
}

static bool is_marked(struct domain *d, uint32_t port, unsigned int mark)
{
    unsigned int bit;
    const void *map = find_mark(d, port, mark, &bit);

    return map && bit_test(map, bit);
}

/* Returns the old value. */
static bool clear_mark(struct domain *d, uint32_t port, unsigned int mark)
{
    unsigned int bit;
    void *map = find_mark(d, port, mark, &bit);

    return map && bit_test_and_clear(map, bit);
}

/* --- allocation --- */

/* Allocates a port and initialises it from `as`. The lock is held. */
static int take_port(struct domain *d, struct evtchn as, uint32_t *port)
{
    ASSERT(spin_lock_held(&d->evtchn.lock));
    if (READ_ONCE(d->dying) != DOMAIN_ALIVE)
        return -EINVAL;
    d->evtchn.changes++;
    for (unsigned int i = 0; i < BUSY_PORTS_TRIED && is_marked(d, first_free(d), LINKED); i++)
        queue_free(d, unqueue_free(d));
    bool reuse = first_free(d) && !is_marked(d, first_free(d), LINKED);
    int p = reuse ? (int)unqueue_free(d) : fresh_port(d);
    if (p < 0)
        return p;
    struct evtchn *e = port_at(d, p);
    as.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    as.last_vcpu = e->last_vcpu;
    as.last_priority = e->last_priority;
    *e = as;
    d->evtchn.active++;
    *port = p;
    return 0;
}

/* --- delivery --- */

void evtchn_upcall(struct vcpu *v)
{
    if (v->info != &v->no_info &&
        !__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        vcpu_event_upcall(v);
}

/* Called when a port becomes pending, masked or not: vcpus in SCHEDOP_poll check their ports. */
static void wake_pollers(struct domain *d)
{
    if (!READ_ONCE(d->evtchn.polled))
        return;
    WRITE_ONCE(d->evtchn.polled, false);
    smp_mb();
    for_each_vcpu(d, v)
        if (READ_ONCE(v->wait) == WAIT_POLL)
            vcpu_end_wait(v, WAIT_POLL);
}

static void select_2l(struct domain *d, uint32_t port, struct evtchn *e)
{
    struct vcpu *v = d->vcpu[e->vcpu];
    /* the second word of vcpu_info */
    unsigned int selector = d->compat ? 32 + port / 32 : 64 + port / 64;

    if (v && !bit_test_and_set(v->info, selector))
        evtchn_upcall(v);
}

static bool set_pending_2l(struct domain *d, uint32_t port, struct evtchn *e)
{
    if (bit_test_and_set(pending_2l(d), port))
        return false;
    if (!bit_test(masks_2l(d), port))
        select_2l(d, port, e);
    return true;
}

void evtchn_deliver(struct domain *d, uint32_t port, struct evtchn *e)
{
    ASSERT(spin_lock_held(&d->evtchn.lock));
    if (unlikely(e->core)) {
        vcpu_end_wait(d->vcpu[e->vcpu], WAIT_IOREQ);
        return;
    }
    if (d->evtchn.fifo ? evtchn_fifo_set_pending(d, port, e) : set_pending_2l(d, port, e))
        wake_pollers(d);
}

/*
 * Returns the other end of e, which is or was d's port; NULL if that end is no longer bound to it.
 * The lock of either end is held.
 */
static struct evtchn *other_end(const struct domain *d, uint32_t port, const struct evtchn *e)
{
    ASSERT(spin_lock_held(&d->evtchn.lock) || spin_lock_held(&e->remote->evtchn.lock));
    struct evtchn *far = port_at(e->remote, e->remote_port);
    bool bound = far && far->state == EVTCHNSTAT_interdomain && far->remote == d &&
                 far->remote_port == port;

    return bound ? far : NULL;
}

/* core: on a port of the core, or else of the guest. */
static int send_as(struct domain *d, uint32_t port, bool core)
{
    spin_lock(&d->evtchn.lock);
    struct evtchn *here = port_at(d, port),
                  e = here ? *here : (struct evtchn){ .state = EVTCHNSTAT_closed };
    if (unlikely(e.core != core))
        e.state = EVTCHNSTAT_closed;
    if (e.state == EVTCHNSTAT_ipi)
        evtchn_deliver(d, port, here);
    else if (e.state == EVTCHNSTAT_interdomain)
        domain_ref(e.remote);
    spin_unlock(&d->evtchn.lock);

    if (e.state == EVTCHNSTAT_interdomain) {
        struct domain *domain_scope peer = e.remote;

        spin_lock_scope(&peer->evtchn.lock);
        struct evtchn *far = other_end(d, port, &e);
        if (far)
            evtchn_deliver(peer, e.remote_port, far);
        return 0;
    }
    /* sending on an unbound port is not an error */
    return e.state == EVTCHNSTAT_ipi || e.state == EVTCHNSTAT_unbound ? 0 : -EINVAL;
}

int evtchn_send(struct domain *d, uint32_t port) { return send_as(d, port, false); }
void evtchn_send_core(struct domain *d, uint32_t port) { (void)send_as(d, port, true); }

void evtchn_raise_virq(struct vcpu *v, uint32_t virq)
{
    spin_lock_scope(&v->d->evtchn.lock);
    uint32_t port = v->evtchn.virq_port[virq];
    struct evtchn *e = evtchn_used_port(v->d, port);
    if (e)
        evtchn_deliver(v->d, port, e);
}

void evtchn_raise_global_virq(uint32_t virq)
{
    if (dom0 && dom0->vcpu[0])
        evtchn_raise_virq(dom0->vcpu[0], virq);
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
    spin_lock_scope(&v->d->evtchn.lock);
    if (v->info == &v->no_info)
        return;
    /* An event may have been marked at the old place: make the guest scan every word. */
    unsigned int bits = v->d->evtchn.fifo ? 0 : word_bits(v->d);
    for (unsigned int bit = bits; bit < 2 * bits; bit++)
        bit_set(v->info, bit);
    __atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_event_upcall(v);
}

int evtchn_is_pending(struct domain *d, uint32_t port)
{
    spin_lock_scope(&d->evtchn.lock);
    return evtchn_used_port(d, port) ? is_marked(d, port, PENDING) : -EINVAL;
}

int evtchn_unmask(struct domain *d, uint32_t port)
{
    spin_lock_scope(&d->evtchn.lock);
    struct evtchn *e = evtchn_used_port(d, port);
    if (!e || e->core)
        return -EINVAL;
    bool was_masked = clear_mark(d, port, MASKED), pending = is_marked(d, port, PENDING);
    if (pending && d->evtchn.fifo)
        evtchn_fifo_set_pending(d, port, e);
    else if (pending && was_masked)
        select_2l(d, port, e);
    return 0;
}

/* --- binding --- */

int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
    spin_lock_scope(&d->evtchn.lock);
    return take_port(d, (struct evtchn){ .state = EVTCHNSTAT_unbound, .allowed = remote }, port);
}

int evtchn_alloc_core(struct domain *d, domid_t remote, uint32_t vcpu, uint32_t *port)
{
    struct evtchn as = {
        .state = EVTCHNSTAT_unbound, .core = true, .vcpu = (uint8_t)vcpu, .allowed = remote
    };

    spin_lock_scope(&d->evtchn.lock);
    int rc = take_port(d, as, port);
    d->evtchn.core += rc == 0;
    return rc;
}

/* Returns peer's port if it is unbound and allows d, else NULL. */
static struct evtchn *offered_to(const struct domain *d, struct domain *peer, uint32_t port)
{
    struct evtchn *e = port_at(peer, port);

    ASSERT(spin_lock_held(&peer->evtchn.lock));
    return e && e->state == EVTCHNSTAT_unbound && e->allowed == d->id ? e : NULL;
}

int evtchn_bind_interdomain(struct domain *d, domid_t remote, uint32_t remote_port, uint32_t *port)
{
    struct domain *domain_scope peer = domain_get(remote);
    int rc = -EINVAL;

    if (!peer)
        return -ESRCH;
    spin_lock(&peer->evtchn.lock);
    bool offered = offered_to(d, peer, remote_port);
    spin_unlock(&peer->evtchn.lock);
    if (!offered)
        return -EINVAL;
    spin_lock_scope(&bind_lock);
    spin_lock(&d->evtchn.lock);
    if (peer != d)
        spin_lock_second(&peer->evtchn.lock);
    struct evtchn *far = offered_to(d, peer, remote_port); /* recheck under both locks */
    if (far)
        rc = take_port(d,
                       (struct evtchn){ .state = EVTCHNSTAT_interdomain,
                                        .remote = peer,
                                        .remote_port = remote_port },
                       port);
    if (!rc) {
        far->state = EVTCHNSTAT_interdomain;
        far->remote = d;
        far->remote_port = *port;
        /* Deliver events that the peer sent before the binding. */
        evtchn_deliver(d, *port, port_at(d, *port));
    }
    if (peer != d)
        spin_unlock(&peer->evtchn.lock);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

static bool virq_is_global(uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/* Returns the slot that holds the port of d's virq. */
static uint32_t *virq_port(struct domain *d, uint32_t virq, uint32_t vcpu)
{
    return &d->vcpu[virq_is_global(virq) ? 0 : vcpu]->evtchn.virq_port[virq];
}

int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu != 0))
        return -EINVAL;
    if (virq_is_global(virq) && !d->is_dom0)
        return -EPERM;
    if (!domain_vcpu(d, vcpu))
        return -ENOENT;

    spin_lock_scope(&d->evtchn.lock);
    if (*virq_port(d, virq, vcpu))
        return -EEXIST;
    int rc =
        take_port(d, (struct evtchn){ .state = EVTCHNSTAT_virq, .virq = virq, .vcpu = vcpu }, port);
    if (!rc)
        *virq_port(d, virq, vcpu) = *port;
    return rc;
}

int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
    if (!domain_vcpu(d, vcpu))
        return -ENOENT;
    spin_lock_scope(&d->evtchn.lock);
    return take_port(d, (struct evtchn){ .state = EVTCHNSTAT_ipi, .vcpu = vcpu }, port);
}

int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
    if (!domain_vcpu(d, vcpu))
        return -ENOENT;
    spin_lock_scope(&d->evtchn.lock);
    struct evtchn *e = evtchn_used_port(d, port);
    if (!e || e->core || e->state == EVTCHNSTAT_ipi ||
        (e->state == EVTCHNSTAT_virq && !virq_is_global(e->virq)))
        return -EINVAL;
    e->vcpu = vcpu;
    return 0;
}

/* Frees e, which is d's port. If it was bound to a domain, the other end is already unbound. */
static void close_locked(struct domain *d, uint32_t port, const struct evtchn *e)
{
    ASSERT(spin_lock_held(&d->evtchn.lock));
    if (e->state == EVTCHNSTAT_virq)
        *virq_port(d, e->virq, e->vcpu) = 0;
    clear_mark(d, port, PENDING);
    d->evtchn.changes++;
    d->evtchn.active--;
    d->evtchn.core -= e->core;
    queue_free(d, port);
}

/* Makes the other end of e, d's port, unbound: d may bind it again. */
static void unbind_locked(struct domain *d, uint32_t port, const struct evtchn *e)
{
    struct domain *peer = e->remote;

    ASSERT(spin_lock_held(&bind_lock) && spin_lock_held(&d->evtchn.lock));
    if (peer != d)
        spin_lock_second(&peer->evtchn.lock);
    struct evtchn *far = other_end(d, port, e);
    ASSERT(far);
    far->state = EVTCHNSTAT_unbound;
    far->allowed = d->id;
    if (peer != d)
        spin_unlock(&peer->evtchn.lock);
}

/*
 * Closes a port of the guest, or with core also one of the core. Only an interdomain port needs
 * bind_lock; the port is looked up again once it is held.
 */
static int close_as(struct domain *d, uint32_t port, bool core)
{
    spin_lock(&d->evtchn.lock);
    struct evtchn *e = evtchn_used_port(d, port);
    if (e && e->core && !core)
        e = NULL;
    bool bound = e && e->state == EVTCHNSTAT_interdomain;
    if (e && !bound)
        close_locked(d, port, e);
    spin_unlock(&d->evtchn.lock);
    if (!bound)
        return e ? 0 : -EINVAL;

    spin_lock_scope(&bind_lock);
    spin_lock(&d->evtchn.lock);
    e = evtchn_used_port(d, port);
    if (e && e->state == EVTCHNSTAT_interdomain)
        unbind_locked(d, port, e);
    if (e)
        close_locked(d, port, e);
    spin_unlock(&d->evtchn.lock);
    return e ? 0 : -EINVAL;
}

int evtchn_close_port(struct domain *d, uint32_t port) { return close_as(d, port, false); }
void evtchn_close_core(struct domain *d, uint32_t port) { (void)close_as(d, port, true); }

int evtchn_status_of(struct domain *d, struct evtchn_status *status)
{
    spin_lock_scope(&d->evtchn.lock);
    const struct evtchn *e = port_at(d, status->port);
    if (!e)
        return -EINVAL;
    status->status = e->state;
    status->vcpu = e->vcpu;
    if (e->state == EVTCHNSTAT_unbound) {
        status->u.unbound.dom = e->allowed;
    } else if (e->state == EVTCHNSTAT_interdomain) {
        status->u.interdomain.dom = e->remote->id;
        status->u.interdomain.port = e->remote_port;
    } else if (e->state == EVTCHNSTAT_virq) {
        status->u.virq = e->virq;
    }
    return 0;
}

/* --- initialisation and teardown --- */

int evtchn_init(struct domain *d, uint32_t max_port)
{
    spin_init(&d->evtchn.lock, LOCK_EVTCHN);
    d->evtchn.max_port = MIN(max_port, EVTCHN_FIFO_NR_CHANNELS - 1u);
    d->evtchn.next_close = 1;
    d->evtchn.buckets =
        heap_alloc((d->evtchn.max_port / EVTCHN_BUCKET + 1) * sizeof(d->evtchn.buckets[0]));
    return d->evtchn.buckets ? fresh_port(d) : -ENOMEM; /* port 0 */
}

/*
 * Closes all ports and leaves `left` of them: port 0, or none. -ERESTART: more to do, or ports were
 * bound meanwhile.
 */
static int close_all(struct domain *d, uint32_t left)
{
    while (READ_ONCE(d->evtchn.active) && d->evtchn.next_close < d->evtchn.ports) {
        (void)close_as(d, d->evtchn.next_close++, true);
        if (softirq_preempt_pending())
            return -ERESTART;
    }
    d->evtchn.next_close = 1;
    spin_lock_scope(&d->evtchn.lock);
    if (d->evtchn.active)
        return -ERESTART;
    evtchn_fifo_destroy(d);
    d->evtchn.changes++;
    if (d->evtchn.ports)
        port_at(d, 0)->next_free = d->evtchn.free_last = 0;
    d->evtchn.ports = MIN(d->evtchn.ports, left);
    return 0;
}

int evtchn_reset_all(struct domain *d)
{
    return READ_ONCE(d->evtchn.core) ? -EBUSY : close_all(d, 1);
}

int evtchn_teardown(struct domain *d)
{
    if (!d->evtchn.buckets)
        return 0;
    int rc = close_all(d, 0);
    for (uint32_t i = 0; !rc && i <= d->evtchn.max_port / EVTCHN_BUCKET; i++) {
        if (!d->evtchn.buckets[i])
            continue;
        rc = softirq_preempt_pending() ? -ERESTART : 0;
        alloc_free_pool(d, virt_to_mfn(d->evtchn.buckets[i]), 0);
        d->evtchn.buckets[i] = NULL;
    }
    if (!rc) {
        heap_free(d->evtchn.buckets);
        d->evtchn.buckets = NULL;
    }
    return rc;
}

/* --- dump and check --- */

static void dump_port(struct domain *d, uint32_t port, const struct evtchn *e)
{
    char what[40] = "ipi";

    if (e->state == EVTCHNSTAT_unbound)
        snprintf(what, sizeof(what), "unbound, for d%u", e->allowed);
    else if (e->state == EVTCHNSTAT_interdomain)
        snprintf(what, sizeof(what), "to d%u port %u", e->remote->id, e->remote_port);
    else if (e->state == EVTCHNSTAT_virq)
        snprintf(what, sizeof(what), "virq %u", e->virq);
    log_info("  port %u: %s, vcpu %u%s%s\n", port, what, e->vcpu,
             is_marked(d, port, PENDING) ? ", pending" : "",
             is_marked(d, port, MASKED) ? ", masked" : "");
}

void evtchn_dump(struct domain *d)
{
    spin_lock_scope(&d->evtchn.lock);
    log_info("d%u: %u ports in use of %u, %s\n", d->id, d->evtchn.active, d->evtchn.ports,
             d->evtchn.fifo ? "FIFO" : "2-level");
    for (uint32_t port = 1; port < d->evtchn.ports; port++)
        if (evtchn_used_port(d, port))
            dump_port(d, port, evtchn_used_port(d, port));
}

/* The peer, or the VIRQ slot, points back at this port. */
static bool is_consistent(struct domain *d, uint32_t port, const struct evtchn *e)
{
    if (e->state == EVTCHNSTAT_interdomain)
        return other_end(d, port, e);
    if (e->state == EVTCHNSTAT_virq)
        return domain_vcpu(d, e->vcpu) && *virq_port(d, e->virq, e->vcpu) == port;
    return e->state == EVTCHNSTAT_unbound || domain_vcpu(d, e->vcpu);
}

/* Results of one pass. The pass restarts if a port was allocated or freed meanwhile. */
struct port_sums {
    uint64_t changes;
    /* next port; then position in the queue of free ports */
    uint32_t at, last_free;
    uint32_t used, unused, inconsistent;
    bool miscounted;
};

/* Checks a batch of ports, then of the free queue. False: done, or the ports have changed. */
static bool check_ports(struct domain *d, struct port_sums *s)
{
    const struct evtchn *e;

    spin_lock_scope(&d->evtchn.lock);
    for (unsigned int i = 0; i < CHECK_BATCH && s->changes == d->evtchn.changes; i++) {
        if (s->at < d->evtchn.ports) {
            e = evtchn_used_port(d, s->at);
            s->used += e != NULL;
            s->inconsistent += e && !is_consistent(d, s->at, e);
            s->at++;
        } else if ((e = port_at(d, s->last_free)) && e->next_free && s->unused <= d->evtchn.ports) {
            s->last_free = e->next_free;
            s->unused++;
        } else {
            s->miscounted = s->used != d->evtchn.active ||
                            s->used + s->unused + 1 != MAX(d->evtchn.ports, 1);
            return false;
        }
    }
    return s->changes == d->evtchn.changes;
}

unsigned int evtchn_check(struct domain *d)
{
    struct port_sums s;
    unsigned int tries = 0;

    do {
        s = (struct port_sums){ .changes = READ_ONCE(d->evtchn.changes), .at = 1 };
        while (check_ports(d, &s))
            watchdog_pause();
    } while (s.changes != READ_ONCE(d->evtchn.changes) && ++tries < CHECK_TRIES);
    if (s.inconsistent || s.miscounted)
        log_err("check: d%u has %u inconsistent event channels, %u ports in use, %u free, of %u; "
                "active count %u\n",
                d->id, s.inconsistent, s.used, s.unused, d->evtchn.ports, d->evtchn.active);
    return s.inconsistent + s.miscounted;
}
