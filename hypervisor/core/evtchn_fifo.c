/* SPDX-License-Identifier: MIT */
/*
 * The FIFO event ABI (<xen/event_channel.h>; design document "event channels, FIFO-based ABI"): each port has
 * an event word in an array of guest pages; each vcpu has a control block with the heads of 16 queues, one
 * per priority, and a word with a bit for each queue that has something. A queue is a list through the link
 * fields of the event words. We append, the guest takes from the front:
 *
 *   append p: LINKED in p's word, link 0. If the word of the tail that we remember is still LINKED, p goes
 *             into its link; otherwise the guest has taken everything and p becomes the head. A new head also
 *             sets the queue's ready bit, and that, if new, notifies the vcpu.
 *   take:     the guest clears LINKED and link of the head in one step and goes on with the link it read.
 *
 * We never follow a link, remember tails ourselves, and try each compare-and-swap a bounded number of times:
 * a guest that scribbles loses its own events. BUSY asks a well-behaved guest to leave MASKED alone for the
 * moment.
 *
 * Control blocks and array pages are pinned until EVTCHNOP_reset or the domain's death.
 */
#include "alloc.h"
#include "errors.h"
#include "evtchn_internal.h"
#include "guest.h"
#include "lib.h"

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define MAX_PAGES (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define SWAP_TRIES 4

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)
#define BUSY (1u << EVTCHN_FIFO_BUSY)
#define LINK_MASK ((event_word_t)EVTCHN_FIFO_LINK_MASK)

struct evtchn_fifo {
    struct guest_pin page[MAX_PAGES];
};

struct evtchn_fifo_vcpu {
    struct guest_pin pin;
    evtchn_fifo_control_block_t *block;
    uint32_t tail[EVTCHN_FIFO_MAX_QUEUES]; /* port appended last, which the guest may have taken; 0: none */
};

/* NULL: the guest has not given the page yet. */
static event_word_t *word_of(struct domain *d, uint32_t port)
{
    if (port / WORDS_PER_PAGE >= d->evtchn.fifo_pages)
        return NULL;
    return (event_word_t *)d->evtchn.fifo->page[port / WORDS_PER_PAGE].va + port % WORDS_PER_PAGE;
}

static event_word_t word_read(struct domain *d, uint32_t port)
{
    event_word_t *word = word_of(d, port);

    return word ? READ_ONCE(*word) : 0;
}

static event_word_t word_or(event_word_t *word, event_word_t bits)
{
    return __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

static event_word_t word_clear(event_word_t *word, event_word_t bits)
{
    return __atomic_fetch_and(word, ~bits, __ATOMIC_SEQ_CST);
}

/* LINKED with an empty link field. False: it was LINKED already. */
static bool set_linked(event_word_t *word)
{
    event_word_t w = READ_ONCE(*word);

    for (int i = 0; i < SWAP_TRIES && !(w & LINKED); i++)
        if (__atomic_compare_exchange_n(word, &w, (w & ~LINK_MASK) | LINKED, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return !(word_or(word, LINKED) & LINKED);
}

static bool try_set_link(event_word_t *word, uint32_t port)
{
    event_word_t w = READ_ONCE(*word);

    for (int i = 0; i < SWAP_TRIES && (w & LINKED); i++)
        if (__atomic_compare_exchange_n(word, &w, (w & ~(LINK_MASK | BUSY)) | port, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

/* Puts port behind the event with this word. False: the guest has taken that event (or does not let us). */
static bool set_link(event_word_t *word, uint32_t port)
{
    if (try_set_link(word, port))
        return true;
    if (!(READ_ONCE(*word) & LINKED))
        return false;
    word_or(word, BUSY);
    if (try_set_link(word, port))
        return true;
    word_clear(word, BUSY);
    return false;
}

static void append(struct domain *d, uint32_t port, struct evtchn *e, event_word_t *word)
{
    struct vcpu *v = d->vcpu[e->vcpu], *last_v = d->vcpu[e->last_vcpu];
    struct evtchn_fifo_vcpu *f = v ? v->evtchn.fifo : NULL;
    struct evtchn_fifo_vcpu *last = last_v ? last_v->evtchn.fifo : NULL;
    uint32_t priority = e->priority, tail;
    bool behind;

    if (!f || !set_linked(word))
        return;
    /* As the tail of another queue it would make that one's next event part of this queue. */
    if (last && (last != f || e->last_priority != priority) && last->tail[e->last_priority] == port)
        last->tail[e->last_priority] = 0;
    e->last_vcpu = e->vcpu;
    e->last_priority = priority;

    /* If it is this queue's own tail, the guest has taken it, and LINKED is ours of just now. */
    tail = f->tail[priority];
    behind = tail != 0 && tail != port && set_link(word_of(d, tail), port);
    if (!behind)
        __atomic_store_n(&f->block->head[priority], port, __ATOMIC_SEQ_CST);
    f->tail[priority] = port;
    if (!behind && !(word_or(&f->block->ready, 1u << priority) & (1u << priority)))
        evtchn_upcall(v);
}

void evtchn_fifo_set_pending(struct domain *d, uint32_t port, struct evtchn *e)
{
    event_word_t *word = word_of(d, port);
    bool was_pending;

    if (!word) {
        e->missed = 1;
        return;
    }
    was_pending = word_or(word, PENDING) & PENDING;
    if (!(READ_ONCE(*word) & (MASKED | LINKED)))
        append(d, port, e, word);
    if (!was_pending)
        evtchn_wake_pollers(d);
}

void evtchn_fifo_clear_pending(struct domain *d, uint32_t port)
{
    event_word_t *word = word_of(d, port);

    if (word)
        word_clear(word, PENDING);
}

bool evtchn_fifo_is_pending(struct domain *d, uint32_t port)
{
    return word_read(d, port) & PENDING;
}

bool evtchn_fifo_is_masked(struct domain *d, uint32_t port)
{
    return word_read(d, port) & MASKED;
}

bool evtchn_fifo_is_linked(struct domain *d, uint32_t port)
{
    return word_read(d, port) & LINKED;
}

void evtchn_fifo_unmask(struct domain *d, uint32_t port, struct evtchn *e)
{
    event_word_t *word = word_of(d, port);

    if (word && (word_clear(word, MASKED) & PENDING))
        evtchn_fifo_set_pending(d, port, e);
}

/* --- hypercall operations --- */

static int setup_control(struct domain *d, struct vcpu *v, gfn_t gfn, uint32_t offset)
{
    struct evtchn_fifo_vcpu *f = heap_alloc(sizeof(*f));
    int rc;

    if (!f)
        return -ENOMEM;
    rc = guest_pin(d, gfn, &f->pin);
    if (rc) {
        heap_free(f);
        return rc;
    }
    f->block = (evtchn_fifo_control_block_t *)((uint8_t *)f->pin.va + offset);
    memset(f->block, 0, sizeof(*f->block));
    v->evtchn.fifo = f;
    return 0;
}

/* From the 2-level ABI: what is pending there becomes pending when the guest gives the array. */
static int switch_abi(struct domain *d)
{
    struct evtchn_fifo *fifo = heap_alloc(sizeof(*fifo));

    if (!fifo)
        return -ENOMEM;
    for (uint32_t port = 1; port < d->evtchn.ports && port < EVTCHN_2L_NR_CHANNELS; port++)
        evtchn_port(d, port)->missed = evtchn_2l_is_pending(d, port);
    d->evtchn.fifo = fifo;
    d->evtchn.fifo_pages = 0;
    return 0;
}

int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *arg)
{
    struct vcpu *v;
    bool first;
    int rc;

    if (arg->vcpu >= d->max_vcpus || !d->vcpu[arg->vcpu])
        return -ENOENT;
    if (arg->offset > PAGE_SIZE - sizeof(evtchn_fifo_control_block_t) || arg->offset % 8 != 0)
        return -EINVAL;
    v = d->vcpu[arg->vcpu];

    spin_lock(&d->evtchn.lock);
    rc = -EINVAL;
    if (d->dying != DOMAIN_ALIVE || v->evtchn.fifo)
        goto out;
    first = !d->evtchn.fifo;
    rc = first ? switch_abi(d) : 0;
    if (rc)
        goto out;
    rc = setup_control(d, v, GFN(arg->control_gfn), arg->offset);
    if (rc && first)
        evtchn_fifo_destroy(d);
    arg->link_bits = EVTCHN_FIFO_LINK_BITS;
out:
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn)
{
    uint32_t first, end;
    int rc;

    spin_lock(&d->evtchn.lock);
    rc = -EOPNOTSUPP;
    if (!d->evtchn.fifo)
        goto out;
    first = d->evtchn.fifo_pages * WORDS_PER_PAGE;
    rc = -ENOSPC;
    if (d->evtchn.fifo_pages == MAX_PAGES || first > d->evtchn.max_port)
        goto out;
    rc = guest_pin(d, GFN(gfn), &d->evtchn.fifo->page[d->evtchn.fifo_pages]);
    if (rc)
        goto out;
    d->evtchn.fifo_pages++;

    end = MIN(first + WORDS_PER_PAGE, d->evtchn.ports);
    for (uint32_t port = MAX(first, 1); port < end; port++) {
        struct evtchn *e = evtchn_port(d, port);

        if (e && e->missed && e->state != EVTCHN_FREE)
            evtchn_fifo_set_pending(d, port, e);
        if (e)
            e->missed = 0;
    }
out:
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* Holds from the next time that the port is queued. */
int evtchn_fifo_set_priority(struct domain *d, uint32_t port, uint32_t priority)
{
    struct evtchn *e;
    int rc = 0;

    if (priority > EVTCHN_FIFO_PRIORITY_MIN)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    e = evtchn_port(d, port);
    if (!d->evtchn.fifo)
        rc = -ENOSYS;
    else if (!e || e->state == EVTCHN_FREE)
        rc = -EINVAL;
    else
        e->priority = priority;
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* Back to the 2-level ABI. No port is in use, or init_control failed right after the switch. */
void evtchn_fifo_destroy(struct domain *d)
{
    if (!d->evtchn.fifo)
        return;
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        if (v && v->evtchn.fifo) {
            guest_unpin(&v->evtchn.fifo->pin);
            heap_free(v->evtchn.fifo);
            v->evtchn.fifo = NULL;
        }
    }
    for (uint32_t i = 0; i < d->evtchn.fifo_pages; i++)
        guest_unpin(&d->evtchn.fifo->page[i]);
    heap_free(d->evtchn.fifo);
    d->evtchn.fifo = NULL;
    d->evtchn.fifo_pages = 0;
}
