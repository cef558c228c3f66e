/* SPDX-License-Identifier: MIT */
/* A network interface of the guest: virtio-net (virtio 1.2, 5.1) on a tap of dom0. */
#ifndef DM_NET_H
#define DM_NET_H

#include "virtio.h"

#define NET_MAC_SIZE 6

struct net {
    struct virtio virtio;
    int tap; /* in packets, with headers of NET_HEADER_SIZE bytes (TUNSETVNETHDRSZ) */
    uint8_t mac[NET_MAC_SIZE];
    /* Whether frames are wanted from the tap has changed (net_listens). */
    void (*listens_changed)(struct net *net);
    bool listens;
};

#define NET_HEADER_SIZE 12

/* The net is zeroed but for tap, mac and listens_changed. Returns 0 or a negative errno. */
int net_add(struct net *net, struct pci_bus *bus, unsigned int slot, struct memory *memory);
/* Passes frames on to the guest; to be called when the tap is readable. */
void net_receive(struct net *net);

#endif
