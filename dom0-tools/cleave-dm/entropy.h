/* SPDX-License-Identifier: MIT */
/* A source of random bytes for the guest: virtio-rng (virtio 1.2, 5.4). */
#ifndef DM_ENTROPY_H
#define DM_ENTROPY_H

#include "virtio.h"

int entropy_add(struct virtio *entropy, struct pci_bus *bus, unsigned int slot,
                struct memory *memory);

#endif
