/* SPDX-License-Identifier: MIT */
#include "balloon.h"

#include "cleave-schema.h"
#include "mem.h"
#include "store.h"

#define BATCH 512
#define KIB_PER_PAGE 4

static uint64_t first, room, given;
static uint64_t gfns[BATCH];

void balloon_init(uint64_t start, uint64_t pages)
{
    first = start >> PAGE_SHIFT;
    room = pages;
}

uint64_t balloon_size(void) { return given; }

static uint64_t wanted(void)
{
    char text[24];
    int length = store_read(SCHEMA_MEMORY_TARGET, text, sizeof(text));
    uint64_t target = length > 0 ? string_number(text) / KIB_PER_PAGE : mem_total();

    return target < mem_total() ? mem_total() - target : 0;
}

int64_t balloon_step(void)
{
    uint64_t want = wanted();
    uint64_t n = want > given ? want - given : given - want;
    long done;

    if (want > room)
        n = room > given ? room - given : 0;
    if (n > BATCH)
        n = BATCH;
    for (uint64_t i = 0; i < n; i++)
        gfns[i] = want > given ? first + given + i : first + given - 1 - i;
    if (n && want > given) {
        done = mem_give(gfns, (unsigned)n);
        given += done > 0 ? (uint64_t)done : 0;
    } else if (n) {
        done = mem_take(gfns, (unsigned)n);
        given -= done > 0 ? (uint64_t)done : 0;
    }
    return (int64_t)(want - given);
}
