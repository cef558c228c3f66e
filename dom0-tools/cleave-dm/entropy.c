/* SPDX-License-Identifier: MIT */
/* Bytes of dom0's kernel, at most PART for each request. */
#include "entropy.h"

#include <sys/random.h>

#define OTHER_DEVICE 0x00ff00
#define PART 256

static void kick(struct virtio *virtio, unsigned int queue)
{
    struct queue *requests = &virtio->queues[queue];
    struct queue_chain chain;
    uint8_t bytes[PART];

    while (queue_take(requests, &chain)) {
        ssize_t has = getrandom(bytes, sizeof(bytes), 0);

        queue_return(requests, chain.head,
                     queue_write(requests, &chain, 0, bytes, has < 0 ? 0 : has));
    }
    virtio_notify(virtio, queue);
}

int entropy_add(struct virtio *entropy, struct pci_bus *bus, unsigned int slot,
                struct memory *memory)
{
    static const struct virtio_kind kind = {
        .id = 4, .class = OTHER_DEVICE, .queues = 1, .kick = kick
    };

    return virtio_add(entropy, &kind, bus, slot, memory);
}
