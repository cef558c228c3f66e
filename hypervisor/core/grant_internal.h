/* SPDX-License-Identifier: MIT */
/* What core/grant*.c share: uses of an entry, and the handles of mappings. */
#ifndef CLV_CORE_GRANT_INTERNAL_H
#define CLV_CORE_GRANT_INTERNAL_H

#include "core/grant.h"

#define GRANT_ENTRIES (PAGE_SIZE / sizeof(grant_entry_v1_t)) /* per shared frame */
#define MAPTRACK_BUCKET 256 /* mappings: a frame, as Xen counts them */
#define MAPTRACK_NONE (~0u)

/*
 * One grant as it is used now, in the granter. While there are uses it holds a reference on the
 * frame.
 */
struct grant_active {
    uint32_t mfn;
    domid_t user;
    uint32_t readers, writers; /* uses of each kind: mappings and copies */
};

enum mapping_state { MAPPING_FREE, MAPPING_CHANGING, MAPPING_LIVE };

/*
 * One mapping, in the mapper; 16 bytes, so that a bucket is a frame. CHANGING: being made or unmade
 * by one CPU, hands off. It has a reference on the granter and one use of the grant; the p2m entry
 * has its own reference on the frame.
 */
struct grant_mapping {
    struct domain *granter;
    uint64_t gfn : 40; /* FREE: the next free handle */
    uint64_t ref : 18;
    uint64_t readonly : 1;
    uint64_t state : 2;
};
_Static_assert(MAPTRACK_BUCKET * sizeof(struct grant_mapping) == PAGE_SIZE, "a bucket is a frame");

/*
 * A use of granter's entry `ref` by domain `user`, until grant_release, and its frame with a
 * reference for the caller: the granter may die, and its table with the use's own reference go, at
 * any time. Returns GNTST_*. Takes granter's lock.
 */
int16_t grant_acquire(struct domain *granter, uint32_t ref, domid_t user, bool write, mfn_t *mfn);
void grant_release(struct domain *granter, uint32_t ref, bool write);

/* p2m_get_frame, but returns GNTST_*. */
int16_t grant_frame(struct domain *d, uint64_t gfn, uint32_t types, mfn_t *mfn);

/* NULL: no such handle. d's lock is held, or it is CHANGING by the caller. */
struct grant_mapping *grant_mapping_at(struct domain *d, uint32_t handle);

#endif
