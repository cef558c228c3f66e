/* SPDX-License-Identifier: MIT */
/*
 * A request is an array of 32-bit frame numbers. Frames that the guest gives go to the hypervisor
 * at once. For those that it wants again it waits until this device has answered (MUST_TELL_HOST):
 * the frames are populated first, and if the machine has none, the request stays, and the guest
 * with it. Read next: keeper.c, which does the hypercalls.
 */
#include "balloon.h"

#include <linux/virtio_balloon.h>
#include <string.h>

enum { GIVE, TAKE };
#define MEMORY_DEVICE 0x00ff00
#define BATCH 256
#define HIGH (1ull << 32)

/* The config is two numbers: what is asked, and what the guest says that it has given. */
#define ASKED offsetof(struct virtio_balloon_config, num_pages)
#define GIVEN offsetof(struct virtio_balloon_config, actual)

static struct host *host_of(struct balloon *b) { return b->virtio.pci.bus->bus->host; }

static bool is_ram(const struct balloon *b, uint64_t address)
{
    return address < b->low || (address >= HIGH && address - HIGH < b->high);
}

/* Copies a batch of frame numbers. A number outside RAM breaks the queue. */
static size_t read_batch(struct balloon *b, struct queue *queue, const struct queue_chain *chain,
                         uint64_t from, uint64_t frames[BATCH])
{
    uint32_t numbers[BATCH];
    size_t count = queue_read(queue, chain, from * sizeof(numbers[0]), numbers, sizeof(numbers)) /
                   sizeof(numbers[0]);

    for (size_t i = 0; i < count; i++) {
        frames[i] = numbers[i];
        if (!is_ram(b, frames[i] * MEMORY_PAGE)) {
            queue->broken = true;
            return 0;
        }
    }
    return count;
}

static void give_all(struct balloon *b)
{
    struct queue *queue = &b->virtio.queues[GIVE];
    struct host *host = host_of(b);
    struct queue_chain chain;
    uint64_t frames[BATCH];

    while (queue_take(queue, &chain)) {
        size_t count;

        for (uint64_t at = 0; (count = read_batch(b, queue, &chain, at, frames)) > 0; at += count) {
            for (size_t i = 0; i < count; i++)
                queue->memory->forget(queue->memory, frames[i]);
            host->balloon(host, true, frames, count);
        }
        queue_return(queue, chain.head, 0);
    }
    virtio_notify(&b->virtio, GIVE);
}

/* Populates what the request asks for. False: some of it must wait. */
static bool take(struct balloon *b)
{
    struct queue *queue = &b->virtio.queues[TAKE];
    struct host *host = host_of(b);
    uint64_t frames[BATCH];
    size_t count;

    while ((count = read_batch(b, queue, &b->chain, b->done, frames)) > 0) {
        size_t got = host->balloon(host, false, frames, count);

        for (size_t i = 0; i < got; i++)
            queue->memory->forget(queue->memory, frames[i]);
        b->done += got;
        if (got < count)
            return false;
    }
    return true;
}

bool balloon_retry(struct balloon *balloon)
{
    struct queue *queue = &balloon->virtio.queues[TAKE];

    if (balloon->waits && !take(balloon))
        return true;
    if (balloon->waits)
        queue_return(queue, balloon->chain.head, 0);
    balloon->waits = false;
    while (queue_take(queue, &balloon->chain)) {
        balloon->done = 0;
        balloon->waits = !take(balloon);
        if (balloon->waits)
            break;
        queue_return(queue, balloon->chain.head, 0);
    }
    virtio_notify(&balloon->virtio, TAKE);
    return balloon->waits;
}

static void kick(struct virtio *virtio, unsigned int queue)
{
    struct balloon *b = (struct balloon *)virtio;

    if (queue == GIVE)
        give_all(b);
    else if (!b->waits)
        balloon_retry(b);
}

static void reset(struct virtio *virtio)
{
    struct balloon *b = (struct balloon *)virtio;

    b->waits = false;
}

static uint32_t number_at(const struct balloon *b, size_t offset)
{
    uint32_t number;

    memcpy(&number, b->virtio.config + offset, sizeof(number));
    return number;
}

void balloon_ask(struct balloon *balloon, uint32_t pages)
{
    if (number_at(balloon, ASKED) == pages)
        return;
    memcpy(balloon->virtio.config + ASKED, &pages, sizeof(pages));
    virtio_config_changed(&balloon->virtio);
}

uint32_t balloon_given(const struct balloon *balloon) { return number_at(balloon, GIVEN); }

int balloon_add(struct balloon *balloon, struct pci_bus *bus, unsigned int slot,
                struct memory *memory)
{
    static const struct virtio_kind kind = {
        .id = 5,
        .class = MEMORY_DEVICE,
        .queues = 2,
        .features = 1ull << VIRTIO_BALLOON_F_MUST_TELL_HOST,
        .kick = kick,
        .reset = reset,
    };
    int rc = virtio_add(&balloon->virtio, &kind, bus, slot, memory);

    memset(balloon->virtio.writable + GIVEN, 0xff, sizeof(uint32_t));
    return rc;
}

void balloon_state(struct balloon *balloon, struct state *state)
{
    struct queue *queue = &balloon->virtio.queues[TAKE];

    /* one that waits is taken again */
    queue->taken -= balloon->waits;
    virtio_state(&balloon->virtio, state);
    STATE_FIELD(state, balloon->virtio.config);
    state_flag(state, &balloon->waits);
    STATE_FIELD(state, balloon->done);
    if (balloon->waits)
        state_check(state, queue_take(queue, &balloon->chain));
}
