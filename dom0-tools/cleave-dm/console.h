/* SPDX-License-Identifier: MIT */
/* A second console of the guest: virtio-console with one port (virtio 1.2, 5.3). */
#ifndef DM_CONSOLE_H
#define DM_CONSOLE_H

#include "virtio.h"

struct console {
    struct virtio virtio;
    void (*send)(void *owner, const void *bytes, size_t length);
    /* Tells that the guest can receive (console_room); may be NULL. */
    void (*ready)(void *owner);
    void *owner;
};

int console_add(struct console *console, struct pci_bus *bus, unsigned int slot,
                struct memory *memory);
bool console_room(struct console *console);
/* Returns how many of the bytes the guest has taken. */
size_t console_receive(struct console *console, const void *bytes, size_t length);

#endif
