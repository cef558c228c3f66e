/* SPDX-License-Identifier: MIT */
/*
 * A chain of descriptors may loop, so its length is bounded by the size of its table; its bytes may
 * wrap or add up to more than any device takes. Whatever breaks the rules breaks the queue: the
 * device then asks for a reset (virtio.c). Read next: virtio.c.
 */
#include "queue.h"

#include <linux/virtio_ring.h>

/* A request of more than this is an attack: no device takes it. */
#define BYTES_MAX (1ull << 30)
#define INDIRECT_MAX 65536u

bool queue_is_valid(const struct queue *queue)
{
    return queue->size && queue->size <= queue->size_max && !(queue->size & (queue->size - 1)) &&
           queue->descriptors % 16 == 0 && queue->available % 2 == 0 && queue->used % 4 == 0;
}

static bool breaks(struct queue *queue)
{
    queue->broken = true;
    return false;
}

/* Adds a descriptor's span. The device reads first: a readable one behind a writable is wrong. */
static bool add(struct queue_chain *chain, const struct vring_desc *d)
{
    unsigned int count = chain->readable + chain->writable;
    bool write = d->flags & VRING_DESC_F_WRITE;

    if (count == QUEUE_SPANS_MAX || (!write && chain->writable) || !d->len ||
        d->addr + d->len < d->addr)
        return false;
    chain->spans[count] = (struct queue_span){ d->addr, d->len };
    if (write) {
        chain->writable++;
        chain->writable_bytes += d->len;
    } else {
        chain->readable++;
        chain->readable_bytes += d->len;
    }
    return chain->readable_bytes + chain->writable_bytes <= BYTES_MAX;
}

/* Follows a chain in a table of size descriptors. indirect: the table is one descriptor's. */
static bool follow(struct queue *queue, struct queue_chain *chain, uint64_t table, uint32_t size,
                   uint32_t index, bool indirect)
{
    for (uint32_t steps = 0; steps < size; steps++) {
        struct vring_desc d;

        if (index >= size || !memory_read(queue->memory, table + index * sizeof(d), &d, sizeof(d)))
            return false;
        if (d.flags & VRING_DESC_F_INDIRECT) {
            if (indirect || d.flags & VRING_DESC_F_NEXT || !d.len || d.len % sizeof(d) ||
                d.len / sizeof(d) > INDIRECT_MAX)
                return false;
            return follow(queue, chain, d.addr, d.len / sizeof(d), 0, true);
        }
        if (!add(chain, &d))
            return false;
        if (!(d.flags & VRING_DESC_F_NEXT))
            return true;
        index = d.next;
    }
    return false; /* it loops */
}

/* Returns how many requests wait, or -1. */
static int waiting(struct queue *queue)
{
    uint16_t index, count;

    if (!queue->ready || queue->broken)
        return -1;
    if (!memory_load16(queue->memory, queue->available + 2, &index)) {
        breaks(queue);
        return -1;
    }
    count = index - queue->taken;
    if (count > queue->size) {
        breaks(queue);
        return -1;
    }
    return count;
}

bool queue_has(struct queue *queue) { return waiting(queue) > 0; }

bool queue_take(struct queue *queue, struct queue_chain *chain)
{
    uint64_t entry = queue->available + 4 + queue->taken % (queue->size ? queue->size : 1) * 2ull;

    if (waiting(queue) <= 0)
        return false;
    chain->readable = chain->writable = 0;
    chain->readable_bytes = chain->writable_bytes = 0;
    if (!memory_load16(queue->memory, entry, &chain->head) ||
        !follow(queue, chain, queue->descriptors, queue->size, chain->head, false))
        return breaks(queue);
    queue->taken++;
    return true;
}

void queue_untake(struct queue *queue) { queue->taken--; }

void queue_return(struct queue *queue, uint16_t head, uint32_t length)
{
    struct vring_used_elem element = { head, length };
    uint64_t at;

    if (!queue->ready || queue->broken)
        return;
    at = queue->used + 4 + queue->returned % queue->size * sizeof(element);
    queue->returned++;
    if (!memory_write(queue->memory, at, &element, sizeof(element)) ||
        !memory_store16(queue->memory, queue->used + 2, queue->returned))
        breaks(queue);
}

bool queue_interrupts(struct queue *queue)
{
    uint16_t flags = 0;

    if (queue->announced == queue->returned)
        return false;
    queue->announced = queue->returned;
    /* the guest enables interrupts, then looks at the index: here it is the other way round */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return queue->ready && !queue->broken &&
           memory_load16(queue->memory, queue->available, &flags) &&
           !(flags & VRING_AVAIL_F_NO_INTERRUPT);
}

static size_t copy(struct queue *queue, const struct queue_chain *chain, bool write,
                   uint64_t offset, char *bytes, size_t length)
{
    unsigned int first = write ? chain->readable : 0;
    unsigned int count = write ? chain->writable : chain->readable;
    size_t done = 0;

    for (unsigned int i = first; i < first + count && done < length; i++) {
        const struct queue_span *span = &chain->spans[i];
        uint64_t part;

        if (offset >= span->length) {
            offset -= span->length;
            continue;
        }
        part = span->length - offset;
        if (part > length - done)
            part = length - done;
        if (write ? !memory_write(queue->memory, span->address + offset, bytes + done, part)
                  : !memory_read(queue->memory, span->address + offset, bytes + done, part))
            break;
        done += part;
        offset = 0;
    }
    return done;
}

size_t queue_read(struct queue *queue, const struct queue_chain *chain, uint64_t offset,
                  void *bytes, size_t length)
{
    return copy(queue, chain, false, offset, bytes, length);
}

size_t queue_write(struct queue *queue, const struct queue_chain *chain, uint64_t offset,
                   const void *bytes, size_t length)
{
    return copy(queue, chain, true, offset, (char *)bytes, length);
}

int queue_pieces(struct queue *queue, const struct queue_chain *chain, bool write, uint64_t offset,
                 uint64_t length, struct iovec *pieces, int max)
{
    unsigned int first = write ? chain->readable : 0;
    unsigned int end = first + (write ? chain->writable : chain->readable);
    int count = 0;

    for (unsigned int i = first; i < end && length; i++) {
        const struct queue_span *span = &chain->spans[i];
        uint64_t part;
        int more;

        if (offset >= span->length) {
            offset -= span->length;
            continue;
        }
        part = span->length - offset < length ? span->length - offset : length;
        more =
            memory_pieces(queue->memory, span->address + offset, part, pieces + count, max - count);
        if (more < 0)
            return -1;
        count += more;
        length -= part;
        offset = 0;
    }
    return length ? -1 : count;
}

void queue_state(struct queue *queue, struct state *state)
{
    STATE_FIELD(state, queue->size);
    state_flag(state, &queue->ready);
    state_flag(state, &queue->broken);
    STATE_FIELD(state, queue->descriptors);
    STATE_FIELD(state, queue->available);
    STATE_FIELD(state, queue->used);
    STATE_FIELD(state, queue->vector);
    STATE_FIELD(state, queue->taken);
    STATE_FIELD(state, queue->returned);
    STATE_FIELD(state, queue->announced);
    state_check(state, !queue->ready || queue_is_valid(queue));
}
