/* SPDX-License-Identifier: MIT */
/*
 * The frame table: one entry per 4 KiB machine frame, at most 24 bytes. A frame has one owner and a
 * reference count.
 *
 * States. FREE: in the allocator. CORE: used by the core; count 1, plus one per p2m entry that maps
 * it for a guest. DOMAIN: belongs to a domain; count 1 for being its memory (in its p2m or parked),
 * plus one per foreign map, grant map and pin. A frame whose count drops to 0 returns to the
 * allocator, which scrubs it before the next use. IO: not RAM or reserved by firmware, never
 * counted.
 */
#ifndef CLV_MM_FRAME_H
#define CLV_MM_FRAME_H

#include "errors.h"
#include "types.h"
#include "xenpub.h"

struct domain;

enum frame_state { FRAME_IO, FRAME_FREE, FRAME_CORE, FRAME_DOMAIN };

struct frame {
    uint32_t count; /* references */
    /* gfn in the p2m of its owner, or FRAME_GFN_NONE; a hint, the p2m is authoritative */
    uint32_t gfn;
    union {
        struct domain *owner; /* FRAME_DOMAIN */
        /* FREE: list of blocks; CORE: lists of its user; by mfn, 0: none */
        struct {
            uint32_t next, prev;
        };
    };
    uint8_t state; /* enum frame_state */
    /* order of the free or CORE block that starts here, else FRAME_ORDER_NONE */
    uint8_t order;
    uint8_t flags; /* FRAME_F_* */
};
_Static_assert(sizeof(struct frame) <= 24, "the frame table's budget");

#define FRAME_ORDER_NONE 0xff
#define FRAME_GFN_NONE 0xffffffffu
#define FRAME_F_PARKED 1u /* given back by dom0, kept for the same gfn (hypervisor/README.md) */
#define FRAME_F_DIRTY 2u  /* FREE: holds old data, scrub before use */
#define FRAME_F_SLAB 4u   /* CORE: cut into small objects by mm/heap.c */

extern struct frame *frame_table; /* index = mfn */
extern uint64_t frame_count;      /* entries */

static inline struct frame *mfn_to_frame(mfn_t m) { return &frame_table[m.n]; }
static inline mfn_t frame_to_mfn(const struct frame *f) { return MFN((uint64_t)(f - frame_table)); }
static inline bool mfn_is_ram(mfn_t m)
{
    return m.n < frame_count && frame_table[m.n].state != FRAME_IO;
}

/* Lists of FREE or CORE frames, by next and prev; *head: the first, 0: none. */
static inline void frame_link(uint32_t *head, uint32_t n)
{
    frame_table[n].prev = 0;
    frame_table[n].next = *head;
    if (*head)
        frame_table[*head].prev = n;
    *head = n;
}

static inline void frame_unlink(uint32_t *head, uint32_t n)
{
    const struct frame *f = &frame_table[n];

    if (f->next)
        frame_table[f->next].prev = f->prev;
    *(f->prev ? &frame_table[f->prev].next : head) = f->next;
}

/*
 * Takes another reference, whoever owns the frame. The caller holds one, or the lock of the p2m or
 * grant table that does. -EINVAL: the count would overflow.
 */
int must_check frame_get(mfn_t m);
/*
 * Drops a reference. The last one frees the frame and lowers the owner's page count. A domain's
 * last frame drops the reference on the domain that its first frame took. So domain_put() must be
 * callable wherever this is, with p2m and grant locks held.
 */
void frame_put(mfn_t m);
/* Drops a reference on each frame of a block with one owner. */
void frame_put_block(mfn_t m, unsigned int order);

#endif
