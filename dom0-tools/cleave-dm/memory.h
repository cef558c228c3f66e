/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory. It changes while it is looked at: whoever decides by what is in it copies it
 * first (memory_read), and decides by the copy.
 */
#ifndef DM_MEMORY_H
#define DM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define MEMORY_PAGE 4096u

struct memory {
    /*
     * Returns where the frame is mapped, or NULL if the guest has none there. It stays mapped until
     * forget.
     */
    void *(*map)(struct memory *memory, uint64_t frame);
    void (*forget)(struct memory *memory, uint64_t frame);
};

/*
 * Returns where the guest-physical address is mapped, and shortens *length, which is at least 1, to
 * what follows there without a gap. NULL: the guest has no memory there.
 */
void *memory_at(struct memory *memory, uint64_t address, uint64_t *length);

/* Copy. False: some of it is not there; then any part may have been copied. */
bool memory_read(struct memory *memory, uint64_t address, void *bytes, size_t length);
bool memory_write(struct memory *memory, uint64_t address, const void *bytes, size_t length);

/* Read or write 16 bits at once, at an even address: another CPU may access them meanwhile. */
bool memory_load16(struct memory *memory, uint64_t address, uint16_t *value);
bool memory_store16(struct memory *memory, uint64_t address, uint16_t value);

/*
 * Describes length bytes from address by at most max pieces. Returns their number, or -1: too many,
 * or some of it is not there.
 */
int memory_pieces(struct memory *memory, uint64_t address, uint64_t length, struct iovec *pieces,
                  int max);

#endif
