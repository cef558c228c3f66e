/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues (virtio 1.2, 2.7), on the device's side. The guest owns all of it and changes it
 * at any time: each descriptor is copied once, checked, and only the copy used.
 */
#ifndef DM_QUEUE_H
#define DM_QUEUE_H

#include "memory.h"
#include "state.h"

#define QUEUE_SIZE_MAX 256
/* Pieces of a request; a driver is told less where a device can tell it. */
#define QUEUE_SPANS_MAX 258

struct queue {
    struct memory *memory;
    uint16_t size, size_max;
    bool ready;
    bool broken; /* the guest broke the rules: nothing is taken from it until it resets */
    uint64_t descriptors, available, used;
    uint16_t vector;
    uint16_t taken, returned; /* indexes of the rings, that wrap */
    uint16_t announced;       /* returned, as of the last queue_interrupts */
};

struct queue_span {
    uint64_t address;
    uint32_t length;
};

/* A request: first what the device reads, then what it writes. */
struct queue_chain {
    uint16_t head;
    unsigned int readable, writable; /* numbers of spans */
    uint64_t readable_bytes, writable_bytes;
    struct queue_span spans[QUEUE_SPANS_MAX];
};

/* Whether the rings are where they may be. */
bool queue_is_valid(const struct queue *queue);

/* Writes or loads how far guest and device are in the rings. No request may be under way. */
void queue_state(struct queue *queue, struct state *state);

/* Takes the next request. False: there is none, or the queue is broken. */
bool queue_take(struct queue *queue, struct queue_chain *chain);
/* Takes it back: the next queue_take finds it again. Only for the last one that was taken. */
void queue_untake(struct queue *queue);
/* Whether there is a request to take. */
bool queue_has(struct queue *queue);

/* Returns a request, of which length bytes were written. */
void queue_return(struct queue *queue, uint16_t head, uint32_t length);
/* Whether the guest wants an interrupt for what was returned since the last call. */
bool queue_interrupts(struct queue *queue);

/*
 * Copies bytes from offset of what the device reads, or to offset of what it writes. Returns how
 * many there are: less than length, if the request ends there or its memory does not exist.
 */
size_t queue_read(struct queue *queue, const struct queue_chain *chain, uint64_t offset,
                  void *bytes, size_t length);
size_t queue_write(struct queue *queue, const struct queue_chain *chain, uint64_t offset,
                   const void *bytes, size_t length);

/*
 * Describes length bytes from offset of what the device reads or writes by at most max pieces.
 * Returns their number, or -1: the request is shorter, too many pieces, or memory that is not
 * there.
 */
int queue_pieces(struct queue *queue, const struct queue_chain *chain, bool write, uint64_t offset,
                 uint64_t length, struct iovec *pieces, int max);

#endif
