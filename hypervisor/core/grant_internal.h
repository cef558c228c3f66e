/* SPDX-License-Identifier: MIT */
/* Shared by core/grant*.c: uses of entries, and mapping handles. */
#ifndef CLV_CORE_GRANT_INTERNAL_H
#define CLV_CORE_GRANT_INTERNAL_H

#include "core/grant.h"

#define GRANT_ENTRIES (PAGE_SIZE / sizeof(grant_entry_v1_t)) /* per shared frame */
#define MAPTRACK_BUCKET 256 /* mappings per bucket, which is one frame */
#define MAPTRACK_NONE (~0u)

/* The use of one grant, kept in the granter. While in use, it holds a reference on the frame. */
struct grant_active {
    uint32_t mfn;
    domid_t user;
    uint32_t readers, writers; /* uses by mappings and copies */
};

enum mapping_state { MAPPING_FREE, MAPPING_CHANGING, MAPPING_LIVE };

/*
 * One mapping, kept in the mapper; 16 bytes, so that a bucket is one frame. CHANGING: one CPU is
 * mapping or unmapping it, and no other may touch it. It holds a reference on the granter and a use
 * of the grant; the p2m entry has its own reference on the frame.
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
 * Begins a use of granter's entry `ref` by domain `user`, until grant_release. Returns GNTST_*, and
 * the frame with a reference for the caller: the granter may die at any time, and its table, with
 * the reference of the use, is then freed. Takes granter's lock.
 */
int16_t grant_acquire(struct domain *granter, uint32_t ref, domid_t user, bool write, mfn_t *mfn);
void grant_release(struct domain *granter, uint32_t ref, bool write);

/* Like p2m_get_frame, but returns GNTST_*. */
int16_t grant_frame(struct domain *d, uint64_t gfn, uint32_t types, mfn_t *mfn);

/* NULL: no such handle. The caller holds d's lock, or has set the mapping to CHANGING. */
struct grant_mapping *grant_mapping_at(struct domain *d, uint32_t handle);

#endif
