/* SPDX-License-Identifier: MIT */
/*
 * Event channels: the ports of a domain, what they are bound to (<xen/event_channel.h>), and how they are
 * marked pending in memory that the guest sees.
 *
 * The 2-level ABI (<xen/xen.h>, struct shared_info) has a pending and a mask bit for each of 4096 ports in
 * shared_info, and in each vcpu's vcpu_info a selector with a bit for each word of pending bits. The guest
 * looks at the selector, then at the words. The other ABI is core/evtchn_fifo.c. All of that is the guest's
 * to scribble on: only its own events get lost.
 *
 * A 32-bit guest's words have 32 bits, and there are 32 of them: the masks follow after fewer bits of
 * pending, and the selector is at another place. A bitmap of its words is one of ours, too.
 *
 * Ports are allocated in buckets. Free ones form a queue, first freed first used: a FIFO guest may still have
 * a closed port in a queue of events, and giving it to another vcpu then would bring that vcpu's event to the
 * wrong place.
 *
 * A message between domains takes the sender's lock, then the receiver's, never both. Only binding and
 * closing hold two, and bind_lock before them, so that any order will do. Whoever holds the lock of one end
 * of a binding knows that the other end stays what it is.
 *
 * Read next: core/evtchn_fifo.c, hypercall/event_channel.c.
 */
#include "alloc.h"
#include "errors.h"
#include "evtchn_internal.h"
#include "lib.h"

#define BUSY_PORTS_TRIED 16   /* before a new bucket is taken instead of a port that is still linked */

#define COMPAT_WORD_BITS 32u
#define COMPAT_SELECTOR_BIT 32u /* of vcpu_info: the selector is its second word */
#define COMPAT_PENDING_BYTES (COMPAT_WORD_BITS * COMPAT_WORD_BITS / 8)

static struct spinlock bind_lock = SPINLOCK(LOCK_BIND);

/* --- ports --- */

static struct evtchn *port_at(struct domain *d, uint32_t port)
{
    if (port >= d->evtchn.ports || port > d->evtchn.max_port)
        return NULL;
    port = (uint32_t)index_nospec(port, d->evtchn.ports);
    return &d->evtchn.buckets[port / EVTCHN_BUCKET][port % EVTCHN_BUCKET];
}

struct evtchn *evtchn_used_port(struct domain *d, uint32_t port)
{
    struct evtchn *e = port_at(d, port);

    return e && e->state != EVTCHNSTAT_closed ? e : NULL;
}

static void queue_free(struct domain *d, uint32_t port)
{
    struct evtchn *e = port_at(d, port);

    e->state = EVTCHNSTAT_closed;
    e->next_free = 0;
    if (d->evtchn.free_last)
        port_at(d, d->evtchn.free_last)->next_free = port;
    else
        d->evtchn.free_first = port;
    d->evtchn.free_last = port;
}

static uint32_t unqueue_free(struct domain *d)
{
    uint32_t port = d->evtchn.free_first;

    d->evtchn.free_first = port_at(d, port)->next_free;
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
        port_at(d, port)->next_free = d->evtchn.free_first;
        d->evtchn.free_first = port;
        if (!d->evtchn.free_last)
            d->evtchn.free_last = port;
    }
    return 0;
}

/* --- what the guest sees of a port --- */

#define PENDING EVTCHN_FIFO_PENDING
#define MASKED EVTCHN_FIFO_MASKED
#define LINKED EVTCHN_FIFO_LINKED

static void *pending_2l(const struct domain *d) { return d->shared_info->evtchn_pending; }

static void *masks_2l(const struct domain *d)
{
    return (uint8_t *)pending_2l(d) + (d->compat ? COMPAT_PENDING_BYTES : EVTCHN_2L_NR_CHANNELS / 8);
}

/* The bitmap that has this bit of the port, and at *bit its number there. NULL: there is none. */
static void *find_mark(struct domain *d, uint32_t port, unsigned int mark, unsigned int *bit)
{
    if (d->evtchn.fifo) {
        *bit = port % EVTCHN_FIFO_PAGE_WORDS * 32 + mark;
        return evtchn_fifo_page(d, port);
    }
    *bit = port;
    return mark == PENDING ? pending_2l(d) : mark == MASKED ? masks_2l(d) : NULL;
}

static bool is_marked(struct domain *d, uint32_t port, unsigned int mark)
{
    unsigned int bit;
    const void *map = find_mark(d, port, mark, &bit);

    return map && bit_test(map, bit);
}

/* Returns what it was. */
static bool clear_mark(struct domain *d, uint32_t port, unsigned int mark)
{
    unsigned int bit;
    void *map = find_mark(d, port, mark, &bit);

    return map && bit_test_and_clear(map, bit);
}

/* --- taking and freeing ports --- */

static bool first_is_linked(struct domain *d)
{
    return d->evtchn.free_first && is_marked(d, d->evtchn.free_first, LINKED);
}

/* Takes a free port into use as `as` says. Port number or -E. */
static int take_port(struct domain *d, struct evtchn as)
{
    struct evtchn *e;
    uint32_t port;
    int rc;

    if (d->dying != DOMAIN_ALIVE)
        return -EINVAL;
    for (int i = 0; i < BUSY_PORTS_TRIED && first_is_linked(d); i++)
        queue_free(d, unqueue_free(d));
    if (!d->evtchn.free_first || first_is_linked(d)) {
        rc = add_bucket(d);
        if (rc)
            return rc;
    }
    port = unqueue_free(d);
    e = port_at(d, port);
    as.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    as.last_vcpu = e->last_vcpu;
    as.last_priority = e->last_priority;
    *e = as;
    d->evtchn.active++;
    return port;
}

/* The same with the lock taken here; 0 or -E. */
static int new_port(struct domain *d, struct evtchn as, uint32_t *port)
{
    int p;

    spin_lock(&d->evtchn.lock);
    p = take_port(d, as);
    spin_unlock(&d->evtchn.lock);
    if (p < 0)
        return p;
    *port = p;
    return 0;
}

/* --- delivery --- */

void evtchn_upcall(struct vcpu *v)
{
    if (!__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        vcpu_event_upcall(v);
}

/* A port became pending, masked or not: SCHEDOP_poll looks again. */
static void wake_pollers(struct domain *d)
{
    if (!READ_ONCE(d->evtchn.polled))
        return;
    WRITE_ONCE(d->evtchn.polled, false);
    smp_mb();
    for_each_vcpu(d, v) {
        if (READ_ONCE(v->polling)) {
            WRITE_ONCE(v->polling, false);
            vcpu_unblock(v);
        }
    }
}

static void select_2l(struct domain *d, uint32_t port, struct evtchn *e)
{
    struct vcpu *v = d->vcpu[e->vcpu];
    bool set;

    if (!v)
        return;
    if (d->compat)
        set = bit_test_and_set(v->info, COMPAT_SELECTOR_BIT + port / COMPAT_WORD_BITS);
    else
        set = bit_test_and_set(&v->info->evtchn_pending_sel, port / BITS_PER_LONG);
    if (!set)
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
    if (d->evtchn.fifo ? evtchn_fifo_set_pending(d, port, e) : set_pending_2l(d, port, e))
        wake_pollers(d);
}

/* To d's port, if it is still the other end of sender's. */
static void deliver_from(struct domain *d, uint32_t port, struct domain *sender, uint32_t sender_port)
{
    struct evtchn *e;

    spin_lock_scope(&d->evtchn.lock);
    e = port_at(d, port);
    if (e && e->state == EVTCHNSTAT_interdomain && e->remote == sender && e->remote_port == sender_port)
        evtchn_deliver(d, port, e);
}

int evtchn_send(struct domain *d, uint32_t port)
{
    struct domain *peer = NULL;
    uint32_t peer_port = 0;
    struct evtchn *e;
    int rc = 0;

    spin_lock(&d->evtchn.lock);
    e = port_at(d, port);
    if (e && e->state == EVTCHNSTAT_ipi) {
        evtchn_deliver(d, port, e);
    } else if (e && e->state == EVTCHNSTAT_interdomain) {
        peer = e->remote;
        peer_port = e->remote_port;
        domain_ref(peer);
    } else if (!e || e->state != EVTCHNSTAT_unbound) { /* unbound: nobody listens yet, no error */
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

    spin_lock_scope(&d->evtchn.lock);
    port = v->evtchn.virq_port[virq];
    e = port ? evtchn_used_port(d, port) : NULL;
    if (e)
        evtchn_deliver(d, port, e);
}

void evtchn_raise_global_virq(uint32_t virq)
{
    if (dom0 && dom0->vcpu[0])
        evtchn_raise_virq(dom0->vcpu[0], virq);
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
    spin_lock_scope(&v->d->evtchn.lock);
    /* An event may have been marked at the old place: let the guest look at every word. */
    if (!v->d->evtchn.fifo && v->d->compat)
        __atomic_fetch_or((uint64_t *)v->info, (uint64_t)~0u << COMPAT_SELECTOR_BIT, __ATOMIC_SEQ_CST);
    else if (!v->d->evtchn.fifo)
        __atomic_store_n(&v->info->evtchn_pending_sel, ~0ul, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_event_upcall(v);
}

void evtchn_set_compat(struct domain *d, bool compat)
{
    spin_lock(&d->evtchn.lock);
    d->compat = compat;
    spin_unlock(&d->evtchn.lock);
    for_each_vcpu(d, v)
        evtchn_vcpu_info_moved(v);
}

int evtchn_is_pending(struct domain *d, uint32_t port)
{
    spin_lock_scope(&d->evtchn.lock);
    return evtchn_used_port(d, port) ? is_marked(d, port, PENDING) : -EINVAL;
}

int evtchn_unmask(struct domain *d, uint32_t port)
{
    bool was_masked, pending;
    struct evtchn *e;

    spin_lock_scope(&d->evtchn.lock);
    e = evtchn_used_port(d, port);
    if (!e)
        return -EINVAL;
    was_masked = clear_mark(d, port, MASKED);
    pending = is_marked(d, port, PENDING);
    if (pending && d->evtchn.fifo)
        evtchn_fifo_set_pending(d, port, e);
    else if (pending && was_masked)
        select_2l(d, port, e);
    return 0;
}

/* --- binding --- */

int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
    return new_port(d, (struct evtchn){ .state = EVTCHNSTAT_unbound, .allowed = remote }, port);
}

/* b may be a. */
static void lock_both(struct domain *a, struct domain *b)
{
    spin_lock(&bind_lock);
    spin_lock(&a->evtchn.lock);
    if (b != a)
        spin_lock_second(&b->evtchn.lock);
}

static void unlock_both(struct domain *a, struct domain *b)
{
    if (b != a)
        spin_unlock(&b->evtchn.lock);
    spin_unlock(&a->evtchn.lock);
    spin_unlock(&bind_lock);
}

int evtchn_bind_interdomain(struct domain *d, domid_t remote, uint32_t remote_port, uint32_t *port)
{
    struct domain *peer = domain_get(remote);
    struct evtchn *far;
    int p = -EINVAL;

    if (!peer)
        return -ESRCH;
    lock_both(d, peer);
    far = port_at(peer, remote_port);
    if (far && far->state == EVTCHNSTAT_unbound && far->allowed == d->id)
        p = take_port(d, (struct evtchn){ .state = EVTCHNSTAT_interdomain, .remote = peer,
                                          .remote_port = remote_port });
    if (p > 0) {
        far->state = EVTCHNSTAT_interdomain;
        far->remote = d;
        far->remote_port = p;
        *port = p;
        /* What the peer sent before there was anybody to get it. */
        evtchn_deliver(d, p, port_at(d, p));
    }
    unlock_both(d, peer);
    domain_put(peer);
    return MIN(p, 0);
}

static bool virq_is_global(uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/* Where the port of d's virq is noted. */
static uint32_t *virq_port(struct domain *d, uint32_t virq, uint32_t vcpu)
{
    return &d->vcpu[virq_is_global(virq) ? 0 : vcpu]->evtchn.virq_port[virq];
}

int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    int p;

    if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu != 0))
        return -EINVAL;
    if (virq_is_global(virq) && !d->is_dom0)
        return -EPERM;
    if (!domain_vcpu(d, vcpu))
        return -ENOENT;

    spin_lock_scope(&d->evtchn.lock);
    if (*virq_port(d, virq, vcpu))
        return -EEXIST;
    p = take_port(d, (struct evtchn){ .state = EVTCHNSTAT_virq, .virq = virq, .vcpu = vcpu });
    if (p < 0)
        return p;
    *port = *virq_port(d, virq, vcpu) = p;
    return 0;
}

int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
    if (!domain_vcpu(d, vcpu))
        return -ENOENT;
    return new_port(d, (struct evtchn){ .state = EVTCHNSTAT_ipi, .vcpu = vcpu }, port);
}

int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
    struct evtchn *e;

    if (!domain_vcpu(d, vcpu))
        return -ENOENT;
    spin_lock_scope(&d->evtchn.lock);
    e = evtchn_used_port(d, port);
    if (!e || e->state == EVTCHNSTAT_ipi || (e->state == EVTCHNSTAT_virq && !virq_is_global(e->virq)))
        return -EINVAL;
    e->vcpu = vcpu;
    return 0;
}

int evtchn_close_port(struct domain *d, uint32_t port)
{
    struct domain *peer = d;
    struct evtchn *e, *far;

    spin_lock(&bind_lock);
    spin_lock(&d->evtchn.lock);
    e = evtchn_used_port(d, port);
    if (e && e->state == EVTCHNSTAT_virq)
        *virq_port(d, e->virq, e->vcpu) = 0;
    if (e && e->state == EVTCHNSTAT_interdomain) {
        peer = e->remote;
        if (peer != d)
            spin_lock_second(&peer->evtchn.lock);
        far = port_at(peer, e->remote_port);
        ASSERT(far && far->state == EVTCHNSTAT_interdomain && far->remote == d && far->remote_port == port);
        far->state = EVTCHNSTAT_unbound;
        far->allowed = d->id;
    }
    if (e) {
        clear_mark(d, port, PENDING);
        d->evtchn.active--;
        queue_free(d, port);
    }
    unlock_both(d, peer);
    return e ? 0 : -EINVAL;
}

int evtchn_status_of(struct domain *d, struct evtchn_status *status)
{
    struct evtchn *e;

    spin_lock_scope(&d->evtchn.lock);
    e = port_at(d, status->port);
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

/* --- beginning and end --- */

int evtchn_init(struct domain *d, uint32_t max_port)
{
    spin_init(&d->evtchn.lock, LOCK_EVTCHN);
    d->evtchn.max_port = MIN(max_port, EVTCHN_FIFO_NR_CHANNELS - 1u);
    d->evtchn.next_close = 1;
    d->evtchn.buckets = heap_alloc((d->evtchn.max_port / EVTCHN_BUCKET + 1) * sizeof(d->evtchn.buckets[0]));
    if (!d->evtchn.buckets)
        return -ENOMEM;
    return add_bucket(d);
}

/*
 * Closes all ports and frees them; -ERESTART also when some were bound meanwhile. Then what there is to begin
 * with is there again, unless the domain ends.
 */
static int clear(struct domain *d, bool ends)
{
    while (READ_ONCE(d->evtchn.active) && d->evtchn.next_close < d->evtchn.ports) {
        evtchn_close_port(d, d->evtchn.next_close++);
        if (preempt_pending())
            return -ERESTART;
    }
    d->evtchn.next_close = 1;
    spin_lock_scope(&d->evtchn.lock);
    if (d->evtchn.active)
        return -ERESTART;
    evtchn_fifo_destroy(d);
    d->evtchn.free_first = d->evtchn.free_last = 0;
    while (d->evtchn.ports > 0) {
        d->evtchn.ports -= EVTCHN_BUCKET;
        heap_free(d->evtchn.buckets[d->evtchn.ports / EVTCHN_BUCKET]);
        if (d->evtchn.ports > 0 && preempt_pending())
            return -ERESTART;
    }
    return ends ? 0 : add_bucket(d);
}

int evtchn_reset_all(struct domain *d)
{
    return clear(d, false);
}

int evtchn_teardown(struct domain *d)
{
    int rc = d->evtchn.buckets ? clear(d, true) : 0;

    if (rc)
        return rc;
    heap_free(d->evtchn.buckets);
    d->evtchn.buckets = NULL;
    return 0;
}

/* --- looking at it --- */

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
             is_marked(d, port, PENDING) ? ", pending" : "", is_marked(d, port, MASKED) ? ", masked" : "");
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

/* What it is bound to knows about it. */
static bool is_consistent(struct domain *d, uint32_t port, const struct evtchn *e)
{
    const struct evtchn *far;

    if (e->state == EVTCHNSTAT_interdomain) {
        far = port_at(e->remote, e->remote_port);
        return far && far->state == EVTCHNSTAT_interdomain && far->remote == d && far->remote_port == port;
    }
    if (e->state == EVTCHNSTAT_virq)
        return domain_vcpu(d, e->vcpu) && *virq_port(d, e->virq, e->vcpu) == port;
    return e->state == EVTCHNSTAT_unbound || domain_vcpu(d, e->vcpu);
}

unsigned int evtchn_check(struct domain *d)
{
    uint32_t used = 0, unused = 0, inconsistent = 0, ports;

    spin_lock(&d->evtchn.lock);
    ports = MIN(d->evtchn.ports, d->evtchn.max_port + 1);
    for (uint32_t port = 1; port < ports; port++) {
        struct evtchn *e = evtchn_used_port(d, port);

        used += e != NULL;
        inconsistent += e && !is_consistent(d, port, e);
    }
    for (uint32_t port = d->evtchn.free_first; port && unused <= ports; port = port_at(d, port)->next_free)
        unused++;
    if (used != d->evtchn.active || (ports && used + unused != ports - 1)) {
        log_err("check: d%u has %u ports in use and %u free, of %u; it counts %u in use\n", d->id, used,
                unused, ports, d->evtchn.active);
        inconsistent++;
    }
    spin_unlock(&d->evtchn.lock);
    if (inconsistent)
        log_err("check: d%u has %u inconsistent event channels\n", d->id, inconsistent);
    return inconsistent;
}
