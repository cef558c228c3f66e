/* SPDX-License-Identifier: MIT */
/* Copies to and from the guest's memory, frame by frame. Read next: xen.c, which maps frames. */
#include "memory.h"

#include <string.h>

static uint64_t left_in_page(uint64_t address) { return MEMORY_PAGE - address % MEMORY_PAGE; }

void *memory_at(struct memory *memory, uint64_t address, uint64_t *length)
{
    uint64_t frame = address / MEMORY_PAGE, has = left_in_page(address);
    char *page = memory->map(memory, frame);

    if (!page || address + *length < address)
        return NULL;
    while (has < *length) {
        frame++;
        if (memory->map(memory, frame) !=
            page + (frame - address / MEMORY_PAGE) * (size_t)MEMORY_PAGE)
            break;
        has += MEMORY_PAGE;
    }
    if (has < *length)
        *length = has;
    return page + address % MEMORY_PAGE;
}

static bool copy(struct memory *memory, uint64_t address, char *bytes, size_t length, bool write)
{
    while (length) {
        uint64_t part = length;
        char *at = memory_at(memory, address, &part);

        if (!at)
            return false;
        if (write)
            memcpy(at, bytes, part);
        else
            memcpy(bytes, at, part);
        address += part;
        bytes += part;
        length -= part;
    }
    return true;
}

bool memory_read(struct memory *memory, uint64_t address, void *bytes, size_t length)
{
    return copy(memory, address, bytes, length, false);
}

bool memory_write(struct memory *memory, uint64_t address, const void *bytes, size_t length)
{
    return copy(memory, address, (char *)bytes, length, true);
}

bool memory_load16(struct memory *memory, uint64_t address, uint16_t *value)
{
    uint64_t length = sizeof(*value);
    uint16_t *at = address % sizeof(*value) ? NULL : memory_at(memory, address, &length);

    if (at)
        *value = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    return at;
}

bool memory_store16(struct memory *memory, uint64_t address, uint16_t value)
{
    uint64_t length = sizeof(value);
    uint16_t *at = address % sizeof(value) ? NULL : memory_at(memory, address, &length);

    if (at)
        __atomic_store_n(at, value, __ATOMIC_RELEASE);
    return at;
}

int memory_pieces(struct memory *memory, uint64_t address, uint64_t length, struct iovec *pieces,
                  int max)
{
    int count = 0;

    while (length) {
        uint64_t part = length;
        void *at = memory_at(memory, address, &part);

        if (!at || count == max)
            return -1;
        pieces[count++] = (struct iovec){ at, part };
        address += part;
        length -= part;
    }
    return count;
}
