/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1 (<xen/grant_table.h>): a domain names frames that another may map or copy.
 *
 * Locks: a domain's grant.lock (LOCK_GRANT) protects its table frames, its active entries and its maptrack. Granter and
 * mapper: lower id first. It comes before LOCK_P2M.
 */
#ifndef CLV_GRANT_H
#define CLV_GRANT_H

#include "guest_fwd.h"
#include "spinlock.h"
#include "types.h"
#include "xenpub.h"

#define GRANT_DEFAULT_FRAMES 64
#define GRANT_MAX_FRAMES 256           /* 512 entries each */
#define GRANT_DEFAULT_MAPTRACK 1024
#define GRANT_MAX_MAPTRACK 4096        /* frames' worth in Xen's terms; entries are allocated on demand */

struct grant_active;
struct grant_map;

struct grant_domain {
    struct spinlock lock;
    uint32_t frames, max_frames;
    void **shared;                     /* frames of grant_entry_v1_t, CORE frames */
    struct grant_active **active;      /* one array of 512 per shared frame */
    struct grant_map **maptrack;       /* buckets, by handle */
    uint32_t maptrack_size, maptrack_free, maptrack_max;
    uint32_t mapped;                   /* live entries of maptrack */
};

int grant_init(struct domain *d, int32_t max_frames, int32_t max_maptrack); /* -1: default */
/* Unmaps all that d maps of others: -ERESTART while there is more. */
int grant_teardown(struct domain *d);
/* Frees the table, when nobody maps d's frames any more. */
void grant_free(struct domain *d);

/* The frame that holds shared entries idx*512.., growing the table; for add_to_physmap and acquire_resource. MFN_NONE: over the limit. */
mfn_t grant_shared_frame(struct domain *d, uint32_t idx);
unsigned int grant_check(struct domain *d);
void grant_dump(struct domain *d);

#endif
