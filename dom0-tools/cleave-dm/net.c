/* SPDX-License-Identifier: MIT */
/*
 * Each frame goes directly between the tap and the guest's frames. No offload is offered, so the
 * header of what the guest sends has nothing to say, and is replaced by zeroes: dom0's kernel never
 * sees the guest's. Read next: host.h, main.c.
 */
#include "net.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>

#define ETHERNET 0x020000
enum { RECEIVE, SEND };
#define PIECES_MAX 64
/* At most so many frames before others have their turn. */
#define BURST 64
#define FRAME_MIN 14
#define FRAME_MAX 65550

static void set_listens(struct net *n, bool listens)
{
    if (n->listens == listens)
        return;
    n->listens = listens;
    n->listens_changed(n);
}

/* Sends a frame. One that is malformed, or that dom0 cannot take now, is lost, as on a wire. */
static void send_frame(struct net *n, const struct queue_chain *chain)
{
    static const uint8_t header[NET_HEADER_SIZE];
    struct iovec pieces[PIECES_MAX] = { { (void *)header, sizeof(header) } };
    uint64_t length;
    int count;

    if (chain->readable_bytes < NET_HEADER_SIZE + FRAME_MIN ||
        chain->readable_bytes > NET_HEADER_SIZE + FRAME_MAX)
        return;
    length = chain->readable_bytes - NET_HEADER_SIZE;
    count = queue_pieces(&n->virtio.queues[SEND], chain, false, NET_HEADER_SIZE, length, pieces + 1,
                         PIECES_MAX - 1);
    if (count > 0 && writev(n->tap, pieces, count + 1) < 0)
        return;
}

static void send_all(struct net *n)
{
    struct queue *queue = &n->virtio.queues[SEND];
    struct queue_chain chain;

    while (queue_take(queue, &chain)) {
        send_frame(n, &chain);
        queue_return(queue, chain.head, 0);
    }
    virtio_notify(&n->virtio, SEND);
}

static void kick(struct virtio *virtio, unsigned int queue)
{
    struct net *n = (struct net *)virtio;

    if (queue == SEND)
        send_all(n);
    else
        set_listens(n, queue_has(&virtio->queues[RECEIVE]));
}

/* Reads a frame into a buffer of the guest. Returns its length with header, or a negative errno. */
static ssize_t read_frame(struct net *n, const struct queue_chain *chain)
{
    static const uint16_t buffers = 1; /* that hold the frame: num_buffers in its header */
    struct queue *queue = &n->virtio.queues[RECEIVE];
    struct iovec pieces[PIECES_MAX];
    uint64_t room = chain->writable_bytes;
    int count;
    ssize_t length;

    if (room > NET_HEADER_SIZE + FRAME_MAX)
        room = NET_HEADER_SIZE + FRAME_MAX;
    count = queue_pieces(queue, chain, true, 0, room, pieces, PIECES_MAX);
    if (count < 0 || room < NET_HEADER_SIZE + FRAME_MIN)
        return -EINVAL;
    length = readv(n->tap, pieces, count);
    if (length < 0)
        return -errno;
    queue_write(queue, chain, offsetof(struct virtio_net_hdr_v1, num_buffers), &buffers,
                sizeof(buffers));
    return length;
}

void net_receive(struct net *net)
{
    struct queue *queue = &net->virtio.queues[RECEIVE];
    struct queue_chain chain;
    int burst = 0;

    while (virtio_is_live(&net->virtio) && burst++ < BURST && queue_take(queue, &chain)) {
        ssize_t length = read_frame(net, &chain);

        if (length == -EINVAL) {
            queue->broken = true;
        } else if (length < 0) {
            queue_untake(queue);
            break;
        } else {
            queue_return(queue, chain.head, length);
        }
    }
    virtio_notify(&net->virtio, RECEIVE);
    virtio_check(&net->virtio);
    set_listens(net, virtio_is_live(&net->virtio) && queue_has(queue));
}

static void reset(struct virtio *virtio)
{
    struct net *n = (struct net *)virtio;

    set_listens(n, false);
}

int net_add(struct net *net, struct pci_bus *bus, unsigned int slot, struct memory *memory)
{
    static const struct virtio_kind kind = {
        .id = 1,
        .class = ETHERNET,
        .queues = 2,
        .features = 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS,
        .kick = kick,
        .reset = reset,
    };
    struct virtio_net_config config = { .status = VIRTIO_NET_S_LINK_UP };
    int rc = virtio_add(&net->virtio, &kind, bus, slot, memory);

    memcpy(config.mac, net->mac, NET_MAC_SIZE);
    memcpy(net->virtio.config, &config, sizeof(config));
    return rc;
}
