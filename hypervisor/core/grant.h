/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1 (<xen/grant_table.h>): a domain names frames that another may map or
 * copy. core/grant.c has the tables and who uses which entry, core/grant_map.c and
 * core/grant_copy.c the two uses.
 *
 * Locks: a domain's grant.lock (LOCK_GRANT) protects its table frames, its active entries and its
 * maptrack. Nobody holds two of them. It comes before LOCK_P2M.
 */
#ifndef CLV_CORE_GRANT_H
#define CLV_CORE_GRANT_H

#include "mm/p2m.h"
#include "spinlock.h"
#include "types.h"
#include "xenpub.h"

struct domain;

#define GRANT_DEFAULT_FRAMES 64
#define GRANT_MAX_FRAMES 256 /* 512 entries each */
#define GRANT_DEFAULT_MAPTRACK 1024
/* in Xen's terms: frames of 256 mappings; allocated on demand */
#define GRANT_MAX_MAPTRACK 4096

struct grant_active;
struct grant_mapping;

struct grant_domain {
    struct spinlock lock;
    uint32_t frames, max_frames;
    void **shared;                   /* frames of grant_entry_v1_t, CORE frames */
    struct grant_active **active;    /* one array of 512 per shared frame, made with it */
    struct grant_mapping **maptrack; /* buckets, by handle; made when first used */
    uint32_t maptrack_size, maptrack_free, maptrack_max; /* handles: ever used, first free, limit */
    uint32_t next_unmap;                                 /* where teardown goes on */
};

/* Negative: default. What it made before it failed is for grant_free. */
int grant_init(struct domain *d, int32_t max_frames, int32_t max_maptrack);
/* Unmaps all that d maps of others: -ERESTART while there is more. */
int grant_teardown(struct domain *d);
/*
 * Frees the table of a dying domain: -ERESTART as above. A domain that maps d's frames keeps those
 * frames.
 */
int must_check grant_free(struct domain *d);

/*
 * The frame that holds shared entries idx*512.., growing the table; for add_to_physmap and
 * acquire_resource. With a reference for the caller (frame_put, or a p2m entry takes it over).
 * MFN_NONE: over the limit, no memory, or d is dying.
 */
mfn_t grant_shared_frame(struct domain *d, uint32_t idx);

/* The operations on one structure each; they return GNTST_*. */
int16_t grant_map(struct domain *d, struct gnttab_map_grant_ref *op);
int16_t grant_copy(struct domain *d, const struct gnttab_copy *op);

/*
 * Unmapping many with one flush: what was added is gone when finish returns. add returns GNTST_*;
 * only _okay counts.
 */
#define GRANT_UNMAP_BATCH 32
struct grant_unmap {
    struct domain *d;
    struct p2m_batch p2m;
    uint32_t count, handle[GRANT_UNMAP_BATCH];
};
void grant_unmap_init(struct grant_unmap *b, struct domain *d);
int16_t grant_unmap_add(struct grant_unmap *b, const struct gnttab_unmap_grant_ref *op);
void grant_unmap_finish(struct grant_unmap *b);

unsigned int grant_check(struct domain *d);
void grant_dump(struct domain *d);

#endif
