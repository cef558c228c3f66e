/* SPDX-License-Identifier: MIT */
/*
 * Device models. An access that no device of the core has (../vdev/bus.c) goes to the server that
 * has the address. Of several, the one with the highest id gets it, as in Xen.
 *
 * A server and the core share two pages (<xen/hvm/ioreq.h>). One has a slot for each vcpu: the core
 * writes a request and sets it READY; the server sets it INPROCESS, then RESP_READY with the
 * answer. Each side notifies the other by an event channel, of which the core owns the guest's end.
 * The vcpu waits in its exit, which is handled again when the answer is there. The other page is a
 * ring of writes to VGA memory, for which nobody waits.
 *
 * A server is not trusted with more than its domain: it may write anything into these pages at any
 * time, so each word is read once. A state that does not exist crashes the domain. When a server
 * ends, its requests are answered by all ones. One that does not answer keeps the vcpu waiting.
 *
 * Lock: ioreq_domain.lock (LOCK_IOREQ) protects servers, their ranges, and each vcpu's
 * ioreq.server. Read next: ../guest/access.c, ../hypercall/dm_op.c.
 */
#include "core/ioreq.h"
#include "core/domain.h"
#include "core/domain_shutdown.h"
#include "core/evtchn.h"
#include "core/vcpu.h"
#include "directmap.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/heap.h"
#include "spinlock.h"

#include <xen/hvm/ioreq.h>

#define SERVERS 8 /* as in Xen */
#define RANGES 256
#define RANGE_TYPES 3
#define SLOT_DIR_READ 0x20u /* in the byte of struct ioreq that begins with `state` */
#define SLOT_DATA_IS_PTR 0x10u
#define SLOT_DOWN 0x40u
#define SLOT_STATE 0x0fu
#define BUFFERED_FIRST 0xa0000u /* VGA memory, the only addresses that stock models want so */
#define BUFFERED_LAST 0xbffffu

_Static_assert(MAX_VCPUS * sizeof(struct ioreq) <= PAGE_SIZE, "one page has a slot for each vcpu");

struct range {
    uint64_t first, last;
    uint32_t type;
};

struct ioreq_server {
    bool enabled;
    /* IOREQ_FRAMES: the core's, and mapped by the server; the first one may be missing */
    mfn_t frame[IOREQ_FRAMES];
    uint32_t port[MAX_VCPUS]; /* of the guest's domain; 0: none */
    uint32_t buffered_port;
    unsigned int ranges;
    struct range range[RANGES];
};

struct ioreq_domain {
    struct spinlock lock;
    struct ioreq_server *server[SERVERS]; /* by id */
};

/* The ring, whose indexes count up. */
struct ring {
    uint32_t read, write;
    struct buf_ioreq slot[IOREQ_BUFFER_SLOT_NUM];
};
_Static_assert(sizeof(struct ring) <= PAGE_SIZE, "it is one page");

/* --- requests --- */

static struct ioreq *request_slot(const struct ioreq_server *s, const struct vcpu *v)
{
    return (struct ioreq *)mfn_to_virt(s->frame[1]) + v->id;
}

/* The byte that has the state, which is written last and read once. */
static uint8_t *state_of(struct ioreq *slot) { return (uint8_t *)&slot->type - 1; }
_Static_assert(offsetof(struct ioreq, type) == 31, "the state is in the byte before the type");

/* Returns the enabled server with the highest id that has all of the access, or NULL. */
static struct ioreq_server *server_of_locked(struct ioreq_domain *i, uint32_t type, uint64_t first,
                                             uint64_t last)
{
    ASSERT(spin_lock_held(&i->lock));
    for (unsigned int id = SERVERS; id-- > 0;) {
        struct ioreq_server *s = i->server[id];

        if (!s || !s->enabled)
            continue;
        for (const struct range *r = s->range; r < s->range + s->ranges; r++)
            if (r->type == type && r->first <= first && last <= r->last)
                return s;
    }
    return NULL;
}

static struct ioreq_server *find_for(struct ioreq_domain *i, const struct ioreq_access *a)
{
    static const uint8_t type_of[] = {
        [IOREQ_TYPE_PIO] = XEN_DMOP_IO_RANGE_PORT,
        [IOREQ_TYPE_COPY] = XEN_DMOP_IO_RANGE_MEMORY,
        [IOREQ_TYPE_PCI_CONFIG] = XEN_DMOP_IO_RANGE_PCI,
    };
    uint64_t first = a->addr, last = a->addr + a->size - 1;
    uint64_t more = (uint64_t)(a->count - 1) * a->size;

    if (a->type == IOREQ_TYPE_PCI_CONFIG)
        first = last = a->addr >> 32;
    else if (a->type == IOREQ_TYPE_COPY && a->down)
        first -= more;
    else if (a->type == IOREQ_TYPE_COPY)
        last += more;
    return server_of_locked(i, type_of[a->type], first, last);
}

/* Returns false if the ring is full: the server then gets the write as a request. */
static bool write_buffered(struct domain *d, struct ioreq_server *s, const struct ioreq_access *a)
{
    if (!mfn_valid_number(s->frame[0]) || a->type != IOREQ_TYPE_COPY || !a->write ||
        a->count != 1 || a->data_is_ptr || a->addr < BUFFERED_FIRST ||
        a->addr + a->size - 1 > BUFFERED_LAST)
        return false;
    struct ring *ring = mfn_to_virt(s->frame[0]);
    uint32_t write = READ_ONCE(ring->write), used = write - READ_ONCE(ring->read);
    unsigned int slots = a->size == 8 ? 2 : 1;

    if (used > IOREQ_BUFFER_SLOT_NUM - slots)
        return false;
    for (unsigned int n = 0; n < slots; n++)
        ring->slot[(write + n) % IOREQ_BUFFER_SLOT_NUM] =
            (struct buf_ioreq){ .type = a->type,
                                .size = (uint8_t)__builtin_ctz(a->size),
                                .addr = (uint32_t)a->addr,
                                .data = (uint32_t)(a->data >> (32 * n)) };
    __atomic_store_n(&ring->write, write + slots, __ATOMIC_RELEASE);
    /* Both indexes back before they wrap: the number of slots does not divide 2^32. */
    while (READ_ONCE(ring->read) >= IOREQ_BUFFER_SLOT_NUM) {
        uint64_t *both = (uint64_t *)ring, old = READ_ONCE(*both);
        uint32_t by = (uint32_t)old / IOREQ_BUFFER_SLOT_NUM * IOREQ_BUFFER_SLOT_NUM;

        if (!by || __atomic_compare_exchange_n(both, &old, old - by - ((uint64_t)by << 32), false,
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            break;
    }
    evtchn_send_core(d, s->buffered_port);
    return true;
}

/* Writes v's request and notifies the server. */
static void send_locked(struct vcpu *v, struct ioreq_server *s, const struct ioreq_access *a)
{
    struct ioreq *slot = request_slot(s, v);
    uint8_t flags = (a->write ? 0 : SLOT_DIR_READ) | (a->data_is_ptr ? SLOT_DATA_IS_PTR : 0) |
                    (a->down ? SLOT_DOWN : 0);

    WRITE_ONCE(*state_of(slot), STATE_IOREQ_NONE);
    slot->addr = a->addr;
    slot->data = a->data;
    slot->count = a->count;
    slot->size = a->size;
    slot->vp_eport = s->port[v->id];
    slot->type = a->type;
    __atomic_store_n(state_of(slot), flags | STATE_IOREQ_READY, __ATOMIC_RELEASE);
    v->ioreq.server = s;
    v->ioreq.sent = true;
    evtchn_send_core(v->d, s->port[v->id]);
}

/*
 * Takes the answer to v's request. -EAGAIN: there is none yet. -EIO: the slot has a state
 * that does not exist.
 */
static int take_answer(struct vcpu *v, uint64_t *val)
{
    spin_lock_scope(&v->d->ioreq->lock);
    struct ioreq_server *s = v->ioreq.server;
    struct ioreq *slot = s ? request_slot(s, v) : NULL;

    *val = ~0ull;
    switch (s ? __atomic_load_n(state_of(slot), __ATOMIC_ACQUIRE) & SLOT_STATE : STATE_IOREQ_NONE) {
    case STATE_IOREQ_READY:
    case STATE_IOREQ_INPROCESS: return -EAGAIN;
    case STATE_IORESP_READY:
        *val = READ_ONCE(slot->data);
        WRITE_ONCE(*state_of(slot), STATE_IOREQ_NONE);
        break;
    case STATE_IOREQ_NONE: break; /* the server has ended, or does not want to answer */
    default: v->ioreq.sent = false; return -EIO;
    }
    v->ioreq.server = NULL;
    v->ioreq.sent = false;
    return 0;
}

/*
 * Sends the request, or makes the access without waiting. 0: done. -ENOENT: no server has all of
 * the elements.
 */
static int send_request(struct vcpu *v, const struct ioreq_access *a)
{
    spin_lock_scope(&v->d->ioreq->lock);
    struct ioreq_server *s = find_for(v->d->ioreq, a);

    if (!s && a->count > 1)
        return -ENOENT;
    if (!s || write_buffered(v->d, s, a))
        return 0;
    send_locked(v, s, a);
    return -EAGAIN;
}

/* Waits for the answer to v's request, which another CPU may have given meanwhile. */
static int await_answer(struct vcpu *v, uint64_t *val)
{
    int rc = take_answer(v, val);

    if (rc != -EAGAIN)
        return rc;
    vcpu_wait_in_exit(v, WAIT_IOREQ);
    rc = take_answer(v, val);
    if (rc == -EAGAIN)
        return rc;
    v->exit_again = false;
    vcpu_end_wait(v, WAIT_IOREQ);
    return rc;
}

void ioreq_begin(struct vcpu *v, bool again)
{
    v->ioreq.at = 0;
    if (again)
        return;
    v->ioreq.done = 0;
    v->ioreq.stale = v->ioreq.sent;
}

/*
 * Whether the next access of the exit has been made, or sent, with another number of elements: then
 * no server had all of them.
 */
static bool was_split(const struct ioreq_vcpu *io, const struct ioreq_access *a)
{
    bool known = io->at < io->done || (io->sent && !io->stale);

    return known && a->count > 1 && io->count[io->at] != a->count;
}

int ioreq_access(struct vcpu *v, const struct ioreq_access *a, uint64_t *val)
{
    struct ioreq_vcpu *io = &v->ioreq;
    uint64_t answer = ~0ull;
    int rc = -EAGAIN;

    if (was_split(io, a))
        return -ENOENT;
    if (io->at < io->done) {
        *val = io->answer[io->at++];
        return 0;
    }
    BUG_ON(io->done == IOREQ_ANSWERS);
    if (io->sent && io->stale) /* the answer to a request of an exit that was not completed */
        rc = await_answer(v, &answer);
    if (rc == 0 || !io->sent) {
        io->stale = false;
        answer = ~0ull;
        rc = send_request(v, a);
        io->count[io->done] = a->count;
    }
    if (rc == -EAGAIN && !io->stale)
        rc = await_answer(v, &answer);
    if (rc == -EIO)
        domain_crash(v, "its device model answers an access to %#lx by a state that does not exist",
                     a->addr);
    if (rc)
        return rc;
    io->answer[io->done++] = answer;
    io->at = io->done;
    *val = answer;
    return 0;
}

bool ioreq_has_memory(struct domain *d, gpa_t gpa)
{
    if (!d->ioreq)
        return false;
    spin_lock_scope(&d->ioreq->lock);
    return server_of_locked(d->ioreq, XEN_DMOP_IO_RANGE_MEMORY, gpa, gpa);
}

/* --- servers --- */

static struct ioreq_server *server_locked(struct domain *d, ioservid_t id)
{
    ASSERT(spin_lock_held(&d->ioreq->lock));
    return id < SERVERS ? d->ioreq->server[index_nospec(id, SERVERS)] : NULL;
}

static void free_server(struct domain *d, struct ioreq_server *s)
{
    for_each_vcpu(d, v)
        if (s->port[v->id])
            evtchn_close_core(d, s->port[v->id]);
    if (s->buffered_port)
        evtchn_close_core(d, s->buffered_port);
    for (unsigned int i = 0; i < IOREQ_FRAMES; i++)
        if (mfn_valid_number(s->frame[i]))
            alloc_free(s->frame[i], 0); /* it stays until the server has unmapped it */
    heap_free(s);
}

/* Allocates all that a server has. -ENOMEM, -ENOSPC (ports), -EINVAL (dying): free_server(). */
static int fill_server(struct domain *d, struct ioreq_server *s, domid_t emulator, bool buffered)
{
    int rc = 0;

    s->frame[0] = buffered ? alloc_core(0) : MFN_NONE;
    s->frame[1] = alloc_core(0);
    if ((buffered && !mfn_valid_number(s->frame[0])) || !mfn_valid_number(s->frame[1]))
        return -ENOMEM;
    for_each_vcpu(d, v) {
        rc = evtchn_alloc_core(d, emulator, v->id, &s->port[v->id]);
        if (rc)
            return rc;
        request_slot(s, v)->vp_eport = s->port[v->id];
    }
    return buffered ? evtchn_alloc_core(d, emulator, 0, &s->buffered_port) : 0;
}

static int insert_server(struct domain *d, struct ioreq_server *s, ioservid_t *id)
{
    spin_lock_scope(&d->ioreq->lock);
    if (READ_ONCE(d->dying) != DOMAIN_ALIVE) /* ioreq_teardown may have passed */
        return -EINVAL;
    for (*id = 0; *id < SERVERS; ++*id)
        if (!d->ioreq->server[*id]) {
            d->ioreq->server[*id] = s;
            return 0;
        }
    return -ENOSPC;
}

int ioreq_create(struct domain *d, domid_t emulator, bool buffered, ioservid_t *id)
{
    struct ioreq_server *s = heap_alloc(sizeof(*s));

    if (!s)
        return -ENOMEM;
    int rc = fill_server(d, s, emulator, buffered);
    if (!rc)
        rc = insert_server(d, s, id);
    if (rc)
        free_server(d, s);
    return rc;
}

int ioreq_destroy(struct domain *d, ioservid_t id)
{
    spin_lock(&d->ioreq->lock);
    struct ioreq_server *s = server_locked(d, id);
    if (s) {
        d->ioreq->server[id] = NULL;
        for_each_vcpu(d, v)
            if (v->ioreq.server == s) {
                v->ioreq.server = NULL;
                vcpu_end_wait(v, WAIT_IOREQ);
            }
    }
    spin_unlock(&d->ioreq->lock);
    if (!s)
        return -ENOENT;
    free_server(d, s);
    return 0;
}

int ioreq_get_port(struct domain *d, ioservid_t id, evtchn_port_t *buffered)
{
    spin_lock_scope(&d->ioreq->lock);
    const struct ioreq_server *s = server_locked(d, id);

    if (!s)
        return -ENOENT;
    *buffered = s->buffered_port;
    return 0;
}

int ioreq_set_enabled(struct domain *d, ioservid_t id, bool enabled)
{
    spin_lock_scope(&d->ioreq->lock);
    struct ioreq_server *s = server_locked(d, id);

    if (!s)
        return -ENOENT;
    s->enabled = enabled;
    return 0;
}

int ioreq_get_frame(struct domain *d, ioservid_t id, uint64_t index, mfn_t *mfn)
{
    spin_lock_scope(&d->ioreq->lock);
    const struct ioreq_server *s = server_locked(d, id);

    if (!s)
        return -ENOENT;
    if (index >= IOREQ_FRAMES || !mfn_valid_number(s->frame[index]))
        return -EINVAL;
    *mfn = s->frame[index];
    return frame_get(*mfn);
}

/* --- ranges --- */

static int check_range(uint32_t type, uint64_t first, uint64_t last)
{
    static const uint64_t limit[RANGE_TYPES] = {
        [XEN_DMOP_IO_RANGE_PORT] = 0xffff,
        [XEN_DMOP_IO_RANGE_MEMORY] = ~0ull,
        [XEN_DMOP_IO_RANGE_PCI] = 0xffffffff,
    };

    return type < RANGE_TYPES && first <= last && last <= limit[type] ? 0 : -EINVAL;
}

int ioreq_map_range(struct domain *d, ioservid_t id, uint32_t type, uint64_t first, uint64_t last)
{
    int rc = check_range(type, first, last);

    if (rc)
        return rc;
    spin_lock_scope(&d->ioreq->lock);
    struct ioreq_server *s = server_locked(d, id);
    if (!s)
        return -ENOENT;
    for (const struct range *r = s->range; r < s->range + s->ranges; r++)
        if (r->type == type && r->first <= last && first <= r->last)
            return -EEXIST;
    if (s->ranges == RANGES)
        return -ENOSPC;
    s->range[s->ranges++] = (struct range){ first, last, type };
    return 0;
}

/* Removes a range, or a part of one. */
int ioreq_unmap_range(struct domain *d, ioservid_t id, uint32_t type, uint64_t first, uint64_t last)
{
    int rc = check_range(type, first, last);

    if (rc)
        return rc;
    spin_lock_scope(&d->ioreq->lock);
    struct ioreq_server *s = server_locked(d, id);
    struct range *r = s ? s->range : NULL;
    while (s && r < s->range + s->ranges && (r->type != type || first < r->first || last > r->last))
        r++;
    if (!s || r == s->range + s->ranges)
        return -ENOENT;
    struct range old = *r, above = { last + 1, old.last, type };
    bool head = old.first < first, tail = last < old.last;
    if (head && tail && s->ranges == RANGES)
        return -ENOSPC;
    if (head)
        r->last = first - 1;
    else if (tail)
        *r = above;
    else
        *r = s->range[--s->ranges];
    if (head && tail)
        s->range[s->ranges++] = above;
    return 0;
}

/* --- life --- */

int ioreq_init(struct domain *d)
{
    d->ioreq = heap_alloc(sizeof(*d->ioreq));
    if (!d->ioreq)
        return -ENOMEM;
    spin_init(&d->ioreq->lock, LOCK_IOREQ);
    return 0;
}

void ioreq_teardown(struct domain *d)
{
    if (!d->ioreq)
        return;
    for (ioservid_t id = 0; id < SERVERS; id++)
        (void)ioreq_destroy(d, id);
}
