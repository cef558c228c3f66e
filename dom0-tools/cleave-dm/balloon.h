/* SPDX-License-Identifier: MIT */
/* Memory that the guest gives back and gets again: virtio-balloon (virtio 1.2, 5.5). */
#ifndef DM_BALLOON_H
#define DM_BALLOON_H

#include "virtio.h"

struct balloon {
    struct virtio virtio;
    uint64_t low, high; /* bytes of the guest's RAM from 0 and from 4 GiB */
    /* A request that waits for memory, and how many of its frames it has. */
    struct queue_chain chain;
    bool waits;
    uint64_t done;
};

/* The balloon is zeroed but for low and high. Returns 0 or a negative errno. */
int balloon_add(struct balloon *balloon, struct pci_bus *bus, unsigned int slot,
                struct memory *memory);
/* Writes or loads the virtio device, what is asked and given, and a request that waits. */
void balloon_state(struct balloon *balloon, struct state *state);
/* Asks the guest to give so many pages of 4 KiB in all. */
void balloon_ask(struct balloon *balloon, uint32_t pages);
/* How many it says that it has given. */
uint32_t balloon_given(const struct balloon *balloon);
/* Tries again to populate what the guest waits for. True: it still waits; come again soon. */
bool balloon_retry(struct balloon *balloon);

#endif
