/* SPDX-License-Identifier: MIT */
/*
 * References on machine frames (frame.h). Only the count keeps a frame from its next owner, so it
 * is changed by atomic operations alone and never overflows: a guest may grant one page as often as
 * it likes. Read next: alloc.c.
 */
#include "mm/frame.h"
#include "lib.h"
#include "mm/alloc.h"

#define FRAME_COUNT_MAX 0x7fffffffu

struct frame *frame_table;
uint64_t frame_count;

int frame_get(mfn_t m)
{
    struct frame *f = mfn_to_frame(m);

    ASSERT(m.n < frame_count && READ_ONCE(f->count) > 0);
    uint32_t count = READ_ONCE(f->count);
    do {
        if (count == 0 || count >= FRAME_COUNT_MAX)
            return -EINVAL;
    } while (!__atomic_compare_exchange_n(&f->count, &count, count + 1, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return 0;
}

void frame_put(mfn_t m)
{
    ASSERT(m.n < frame_count);
    uint32_t before = __atomic_fetch_sub(&mfn_to_frame(m)->count, 1, __ATOMIC_SEQ_CST);
    BUG_ON(before == 0);
    if (before == 1)
        alloc_release(m, ORDER_4K);
}

/* A count of 1 is stable: only its holder could take another reference. */
void frame_put_block(mfn_t m, unsigned int order)
{
    const struct frame *f = mfn_to_frame(m), *end = f + (1ull << order);

    while (f < end && READ_ONCE(f->count) == 1)
        f++;
    if (f == end)
        alloc_release(m, order);
    else
        for (uint64_t n = 0; n < 1ull << order; n++)
            frame_put(mfn_add(m, n));
}
