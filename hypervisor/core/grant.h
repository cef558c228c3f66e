/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1 (<xen/grant_table.h>): a domain offers frames that another domain may map
 * or copy. core/grant.c has the tables and the use of entries, core/grant_map.c and
 * core/grant_copy.c the two operations.
 *
 * Lock: grant.lock (LOCK_GRANT) protects a domain's table frames, active entries and maptrack. No
 * CPU holds two of them. Taken before LOCK_P2M.
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
/* in frames of 256 mappings, as in Xen; allocated on demand */
#define GRANT_MAX_MAPTRACK 4096

struct grant_active;
struct grant_mapping;

struct grant_domain {
    struct spinlock lock;
    uint32_t frames, max_frames;
    void **shared;                   /* frames of grant_entry_v1_t, CORE frames */
    struct grant_active **active;    /* one array of 512 per shared frame, allocated with it */
    struct grant_mapping **maptrack; /* buckets, by handle; allocated on first use */
    uint32_t maptrack_size, maptrack_free, maptrack_max; /* handles: ever used, first free, limit */
    uint32_t next_unmap;                                 /* where teardown resumes */
};

/* A negative limit selects the default. On failure, grant_free frees what was allocated. */
int grant_init(struct domain *d, int32_t max_frames, int32_t max_maptrack);
/* Unmaps all grants that d maps. -ERESTART: more to do. */
int grant_teardown(struct domain *d);
/*
 * Frees the table of a dying domain. -ERESTART: more to do. Domains that map d's frames keep those
 * mappings.
 */
int must_check grant_free(struct domain *d);

/*
 * Returns the frame of shared entries from idx*512 on, growing the table, with a reference for the
 * caller (to pass to a p2m entry, or frame_put). For add_to_physmap and acquire_resource. MFN_NONE:
 * over the limit, no memory, or d is dying.
 */
mfn_t grant_shared_frame(struct domain *d, uint32_t idx);

/* Perform one operation. Return GNTST_*. */
int16_t grant_map(struct domain *d, struct gnttab_map_grant_ref *op);
int16_t grant_copy(struct domain *d, const struct gnttab_copy *op);

/*
 * Unmap several grants with one flush. After finish, all added mappings are gone. add returns
 * GNTST_*; only GNTST_okay adds a mapping.
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
