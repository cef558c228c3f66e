/* SPDX-License-Identifier: MIT */
/* A virtio device on the PCI bus, with the modern interface only (virtio 1.2, 4.1). */
#ifndef DM_VIRTIO_H
#define DM_VIRTIO_H

#include "pci.h"
#include "queue.h"

#define VIRTIO_QUEUES_MAX 3
#define VIRTIO_CONFIG_MAX 64

struct virtio;

struct virtio_kind {
    uint16_t id;    /* of the device type */
    uint32_t class; /* of the PCI function */
    unsigned int queues;
    uint64_t features; /* besides VERSION_1 and INDIRECT_DESC */
    /* The guest has put requests into a queue. */
    void (*kick)(struct virtio *virtio, unsigned int queue);
    /* The guest resets the device: nothing of its rings is used any more. May be NULL. */
    void (*reset)(struct virtio *virtio);
    /* The guest has changed the device's configuration from offset. May be NULL. */
    void (*configured)(struct virtio *virtio, unsigned int offset, unsigned int size);
};

struct virtio {
    struct pci_function pci;
    const struct virtio_kind *kind;
    uint64_t offered, accepted;
    uint32_t offered_select, accepted_select;
    uint16_t queue_select, config_vector;
    uint8_t status, generation, isr;
    uint8_t capability; /* of access to BAR 0 by configuration space */
    struct queue queues[VIRTIO_QUEUES_MAX];
    uint8_t config[VIRTIO_CONFIG_MAX];
    uint8_t writable[VIRTIO_CONFIG_MAX]; /* bits of config that the guest can change */
};

/* Puts the device into a slot, with sizes of its queues up to QUEUE_SIZE_MAX. */
int virtio_add(struct virtio *virtio, const struct virtio_kind *kind, struct pci_bus *bus,
               unsigned int slot, struct memory *memory);

/* Returns requests to the guest, then virtio_notify once: it interrupts if the guest wants. */
void virtio_notify(struct virtio *virtio, unsigned int queue);
/* Tells the guest that config has changed. */
void virtio_config_changed(struct virtio *virtio);
/* Whether the driver is ready to use the device. */
bool virtio_is_live(const struct virtio *virtio);
bool virtio_has(const struct virtio *virtio, unsigned int feature);
/* Writes or loads what guest and device have agreed on, without the device's configuration. */
void virtio_state(struct virtio *virtio, struct state *state);
/* Looks at all queues, after the state was loaded. */
void virtio_resume(struct virtio *virtio);
/* To be called after work on queues: a broken one makes the device ask for a reset. */
void virtio_check(struct virtio *virtio);

#endif
