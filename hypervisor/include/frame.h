/* SPDX-License-Identifier: MIT */
/*
 * The frame table: one entry for each 4 KiB machine frame, at most 24 bytes. A frame has one owner and a count.
 *
 * States: FREE in the allocator; CORE the core's own; DOMAIN belongs to a domain: count 1 for being its memory (in
 * its p2m or parked) plus one for each foreign map, grant map and pin. When the count reaches 0 the frame is scrubbed and goes back
 * to the allocator. IO: not RAM or reserved by firmware, never counted.
 */
#ifndef CLV_FRAME_H
#define CLV_FRAME_H

#include "errors.h"
#include "types.h"
#include "xenpub.h"

struct domain;

enum frame_state { FRAME_IO, FRAME_FREE, FRAME_CORE, FRAME_DOMAIN };

struct frame {
    uint32_t count;     /* references */
    uint16_t owner;     /* domain id when FRAME_DOMAIN */
    uint8_t state;      /* enum frame_state */
    uint8_t order;      /* of the free block that starts here */
    uint32_t next, prev;/* free list, as mfn (0: none) */
    uint32_t gfn;       /* the owner's gfn, or FRAME_GFN_NONE; hint for checks, the p2m is the truth */
    uint32_t flags;     /* FRAME_F_* */
};

#define FRAME_GFN_NONE 0xffffffffu
#define FRAME_F_PARKED 1u   /* dom0's, given back, kept for the same gfn (design.md) */
#define FRAME_F_DIRTY 2u    /* holds a domain's data: scrub before anybody else sees it */

extern struct frame *frame_table;  /* index = mfn */
extern uint64_t frame_count;       /* entries */

static inline struct frame *mfn_to_frame(mfn_t m) { return &frame_table[m.n]; }
static inline mfn_t frame_to_mfn(const struct frame *f) { return MFN((uint64_t)(f - frame_table)); }
static inline bool mfn_is_ram(mfn_t m) { return m.n < frame_count && frame_table[m.n].state != FRAME_IO; }

/*
 * Takes a reference on a frame of d. -EINVAL: not a frame of d (any more), or count would overflow. Safe against
 * concurrent release (compare-and-swap from a non-zero count); callers hold d's p2m lock or another reference so that the
 * frame they name is the one they mean.
 */
int must_check frame_get(mfn_t m, const struct domain *d);
/* Drops a reference; the last one scrubs and frees the frame and lowers the owner's page count. */
void frame_put(mfn_t m);

#endif
