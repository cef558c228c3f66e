/* SPDX-License-Identifier: MIT */
/* Bytes in, bytes out. Read next: terminal.c. */
#include "console.h"

#include <linux/virtio_console.h>

enum { RECEIVE, SEND };
#define COMMUNICATION 0x078000
#define PART 512

static void send_all(struct console *c)
{
    struct queue *queue = &c->virtio.queues[SEND];
    struct queue_chain chain;
    char bytes[PART];

    while (queue_take(queue, &chain)) {
        size_t part, at = 0;

        while ((part = queue_read(queue, &chain, at, bytes, sizeof(bytes))) > 0) {
            c->send(c->owner, bytes, part);
            at += part;
        }
        queue_return(queue, chain.head, 0);
    }
    virtio_notify(&c->virtio, SEND);
}

static void kick(struct virtio *virtio, unsigned int queue)
{
    struct console *c = (struct console *)virtio;

    if (queue == SEND)
        send_all(c);
    else if (c->ready)
        c->ready(c->owner);
}

bool console_room(struct console *console)
{
    return virtio_is_live(&console->virtio) && queue_has(&console->virtio.queues[RECEIVE]);
}

size_t console_receive(struct console *console, const void *bytes, size_t length)
{
    struct queue *queue = &console->virtio.queues[RECEIVE];
    struct queue_chain chain;
    size_t done = 0;

    if (!virtio_is_live(&console->virtio))
        return 0;
    while (done < length && queue_take(queue, &chain)) {
        size_t part = queue_write(queue, &chain, 0, (const char *)bytes + done, length - done);

        queue_return(queue, chain.head, part);
        done += part;
    }
    if (done)
        virtio_notify(&console->virtio, RECEIVE);
    virtio_check(&console->virtio);
    return done;
}

int console_add(struct console *console, struct pci_bus *bus, unsigned int slot,
                struct memory *memory)
{
    static const struct virtio_kind kind = {
        .id = 3, .class = COMMUNICATION, .queues = 2, .kick = kick
    };

    return virtio_add(&console->virtio, &kind, bus, slot, memory);
}
