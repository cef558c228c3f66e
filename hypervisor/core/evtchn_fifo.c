/* SPDX-License-Identifier: MIT */
/*
 * The FIFO event ABI (<xen/event_channel.h>; Xen's design document "FIFO-based event channel ABI").
 * Each port has an event word in an array of guest pages. Each vcpu has a control block with the
 * heads of 16 queues, one per priority, and a word with a ready bit per non-empty queue. A queue is
 * a list through the link fields of the event words. The core appends, the guest removes the head:
 *
 *  append: set LINKED and link 0 in the port's word. If the word of the remembered tail is still
 *          LINKED, set its link to the port. Otherwise the guest has consumed the whole queue:
 *          the port becomes the head, and the queue's ready bit is set. If that bit was clear, the
 *          vcpu is notified.
 *  remove: the guest clears LINKED and the link of the head in one step, and continues with the
 *          link it read.
 *
 * The core never follows a link, keeps its own tails, and limits the retries of each
 * compare-and-swap: a guest that corrupts the words loses its own events. A guest that only masks,
 * unmasks and consumes events cannot change a word that often, so the core does not need BUSY to
 * keep it from changing MASKED.
 *
 * Control blocks and array pages stay pinned until EVTCHNOP_reset or the domain's death.
 */
#include "core/domain.h"
#include "core/evtchn.h"
#include "core/evtchn_internal.h"
#include "core/vcpu.h"
#include "errors.h"
#include "lib.h"
#include "mm/guest.h"
#include "mm/heap.h"
#include "spinlock.h"

#define PAGE_WORDS (PAGE_SIZE / sizeof(event_word_t))
#define MAX_PAGES (EVTCHN_FIFO_NR_CHANNELS / PAGE_WORDS)
#define SWAP_TRIES 64

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)
#define LINK_MASK ((event_word_t)EVTCHN_FIFO_LINK_MASK)

struct evtchn_fifo_vcpu {
    struct guest_pin pin;
    evtchn_fifo_control_block_t *block;
    /* last appended port, perhaps already consumed by the guest; 0: none */
    uint32_t tail[EVTCHN_FIFO_MAX_QUEUES];
};

event_word_t *evtchn_fifo_word(struct domain *d, uint32_t port)
{
    uint32_t page = port / PAGE_WORDS;
    event_word_t *words = page < d->evtchn.fifo_pages ? d->evtchn.fifo[page].va : NULL;

    return words ? words + port % PAGE_WORDS : NULL;
}

static event_word_t word_or(event_word_t *word, event_word_t bits)
{
    return __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

/*
 * Sets LINKED and the link of a word whose LINKED bit equals `linked`. False: it differs, or the
 * guest keeps changing the word.
 */
static bool swap_link(event_word_t *word, bool linked, uint32_t link)
{
    event_word_t w = READ_ONCE(*word);

    for (int i = 0; i < SWAP_TRIES && (bool)(w & LINKED) == linked; i++)
        if (__atomic_compare_exchange_n(word, &w, (w & ~LINK_MASK) | LINKED | link, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    return false;
}

static struct evtchn_fifo_vcpu *queues_of(const struct domain *d, unsigned int vcpu)
{
    return d->vcpu[vcpu] ? d->vcpu[vcpu]->evtchn.fifo : NULL;
}

static void append_event(struct domain *d, uint32_t port, struct evtchn *e, event_word_t *word)
{
    struct evtchn_fifo_vcpu *f = queues_of(d, e->vcpu), *last = queues_of(d, e->last_vcpu);
    uint32_t priority = e->priority;

    if (!f)
        return;
    if (!swap_link(word, false, 0) && (word_or(word, LINKED) & LINKED))
        return; /* already in a queue, or the guest set LINKED */
    /*
     * If it stayed the tail of another queue, the next event there would be linked into this one.
     */
    if (last && (last != f || e->last_priority != priority) && last->tail[e->last_priority] == port)
        last->tail[e->last_priority] = 0;
    e->last_vcpu = e->vcpu;
    e->last_priority = priority;

    uint32_t tail = f->tail[priority];
    f->tail[priority] = port;
    /* If port is already this queue's tail, the guest has consumed it, and LINKED was set above. */
    if (tail && tail != port && swap_link(evtchn_fifo_word(d, tail), true, port))
        return;
    __atomic_store_n(&f->block->head[priority], port, __ATOMIC_SEQ_CST);
    if (!(word_or(&f->block->ready, 1u << priority) & (1u << priority)))
        evtchn_upcall(d->vcpu[e->vcpu]);
}

bool evtchn_fifo_set_pending(struct domain *d, uint32_t port, struct evtchn *e)
{
    event_word_t *word = evtchn_fifo_word(d, port);

    if (!word) {
        e->missed = 1;
        return false;
    }
    bool was_pending = word_or(word, PENDING) & PENDING;
    if (!(READ_ONCE(*word) & (MASKED | LINKED)))
        append_event(d, port, e, word);
    return !was_pending;
}

/* --- hypercall operations --- */

int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *arg)
{
    struct vcpu *v = domain_vcpu(d, arg->vcpu);

    if (!v)
        return -ENOENT;
    if (arg->offset > PAGE_SIZE - sizeof(evtchn_fifo_control_block_t) || arg->offset % 8 != 0)
        return -EINVAL;
    spin_lock_scope(&d->evtchn.lock);
    if (READ_ONCE(d->dying) != DOMAIN_ALIVE || v->evtchn.fifo)
        return -EINVAL;
    struct evtchn_fifo_vcpu *f = heap_alloc(sizeof(*f));
    if (!f)
        return -ENOMEM;
    int rc = guest_pin(d, GFN(arg->control_gfn), &f->pin);
    if (!rc && !d->evtchn.fifo)
        d->evtchn.fifo = heap_alloc(MAX_PAGES * sizeof(d->evtchn.fifo[0]));
    if (!rc && !d->evtchn.fifo)
        rc = -ENOMEM;
    if (rc) {
        guest_unpin(&f->pin);
        heap_free(f);
        return rc;
    }
    f->block = (evtchn_fifo_control_block_t *)((uint8_t *)f->pin.va + arg->offset);
    memset(f->block, 0, sizeof(*f->block));
    v->evtchn.fifo = f;
    arg->link_bits = EVTCHN_FIFO_LINK_BITS;
    return 0;
}

int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn)
{
    spin_lock_scope(&d->evtchn.lock);
    if (!d->evtchn.fifo)
        return -EOPNOTSUPP;
    uint32_t first = d->evtchn.fifo_pages * PAGE_WORDS;
    if (d->evtchn.fifo_pages == MAX_PAGES || first > d->evtchn.max_port)
        return -ENOSPC;
    int rc = guest_pin(d, GFN(gfn), &d->evtchn.fifo[d->evtchn.fifo_pages]);
    if (rc)
        return rc;
    d->evtchn.fifo_pages++;

    for (uint32_t port = first; port < MIN(first + PAGE_WORDS, d->evtchn.ports); port++) {
        struct evtchn *e = evtchn_used_port(d, port);
        bool was_2l = port < (d->compat ? EVTCHN_2L_NR_CHANNELS / 4 : EVTCHN_2L_NR_CHANNELS);

        if (e &&
            ((was_2l && bit_test_and_clear(d->shared_info->evtchn_pending, port)) || e->missed)) {
            e->missed = 0;
            evtchn_deliver(d, port, e);
        }
    }
    return 0;
}

/* Takes effect when the port is next queued. */
int evtchn_fifo_set_priority(struct domain *d, uint32_t port, uint32_t priority)
{
    if (priority > EVTCHN_FIFO_PRIORITY_MIN)
        return -EINVAL;
    spin_lock_scope(&d->evtchn.lock);
    if (!d->evtchn.fifo)
        return -ENOSYS;
    struct evtchn *e = evtchn_used_port(d, port);
    if (!e)
        return -EINVAL;
    e->priority = priority;
    return 0;
}

/* Returns to the 2-level ABI. No port may be in use. */
void evtchn_fifo_destroy(struct domain *d)
{
    if (!d->evtchn.fifo)
        return;
    for_each_vcpu(d, v) {
        if (v->evtchn.fifo) {
            guest_unpin(&v->evtchn.fifo->pin);
            heap_free(v->evtchn.fifo);
            v->evtchn.fifo = NULL;
        }
    }
    for (uint32_t i = 0; i < d->evtchn.fifo_pages; i++)
        guest_unpin(&d->evtchn.fifo[i]);
    heap_free(d->evtchn.fifo);
    d->evtchn.fifo = NULL;
    d->evtchn.fifo_pages = 0;
}
