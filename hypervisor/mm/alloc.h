/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator (mm/alloc.c): binary buddies of order 0 to 18 over all RAM, claims, and
 * accounting. free: frames in the buddy lists. claimed: promised to domains under construction but
 * not yet allocated. A domain's memory uses up its own claim; others can only get free - claimed.
 */
#ifndef CLV_MM_ALLOC_H
#define CLV_MM_ALLOC_H

#include "mm/frame.h"
#include "types.h"

struct boot_range;
struct domain;

#define ALLOC_MAX_ORDER 18

/*
 * Boot: builds the frame table at the top of the highest range that is large enough, and gives the
 * rest of the usable RAM to the allocator. Ranges (platform/boot_info.h) are sorted and
 * page-aligned. BOOT_RAM is free; BOOT_CORE and BOOT_DOM0 are in use, with state CORE at first. All
 * other frames are IO. All RAM must be in the direct map.
 */
void mm_init(const struct boot_range *ranges, unsigned int count);
/*
 * Boot: gives a range of usable RAM to the allocator (page numbers, end exclusive); also frees what
 * was BOOT_CORE.
 */
void alloc_add_range(uint64_t start_mfn, uint64_t end_mfn);
/*
 * Allocates 2^order zeroed frames for the core, state CORE; MFN_NONE if there are none. They are
 * freed with the same order. A single frame that a p2m still maps (count above 1) is freed with the
 * last such entry.
 */
mfn_t alloc_core(unsigned int order);
void alloc_free(mfn_t m, unsigned int order);

/*
 * Like alloc_core, for frames that the core keeps because of what d does (nested page tables,
 * grants, ports): charged to d's pool. Also returns MFN_NONE if the pool is full. dom0's pool has
 * no limit, and a reserve.
 */
mfn_t alloc_pool(struct domain *d, unsigned int order);
void alloc_free_pool(struct domain *d, mfn_t m, unsigned int order);
/*
 * Sets the size of d's pool in frames, at least to what is in use. -ENOMEM: more than the machine
 * has, or (dom0) more than can be reserved.
 */
#define POOL_DEFAULT 256
int must_check alloc_set_pool(struct domain *d, uint64_t size);

/*
 * Allocates zeroed frames for d: state DOMAIN, count 1 each, owner d. Raises d->tot_pages by
 * 2^order. Returns MFN_NONE if memory is short (given others' claims), or if d would exceed
 * d->max_pages. Once the frames are in the p2m the caller calls alloc_use_claim(), so a failed
 * attempt leaves the claim intact.
 */
mfn_t alloc_domain(struct domain *d, unsigned int order);
void alloc_use_claim(struct domain *d, uint64_t pages);
/*
 * Scrubs part of the block that the next allocation of this order gets, to bound the time that
 * takes. False: call again, there is more to scrub.
 */
bool alloc_prepare(unsigned int order);
/* Gives BOOT_DOM0 frames to d (dom0 builder), without zeroing them. */
void alloc_assign(struct domain *d, uint64_t start_mfn, uint64_t end_mfn);
/*
 * Adjusts tot_pages when frames of dom0 are parked (by < 0) or unparked. -ENOMEM: max_pages is
 * reached.
 */
int alloc_recount(struct domain *d, int by);
/*
 * Frees frames without references: after frame_put dropped the last one, or after an allocation
 * that never entered a p2m.
 */
void alloc_release(mfn_t m, unsigned int order);

/*
 * XENMEM_claim_pages: sets d's claim to max(0, pages - d->tot_pages); 0 drops it. -ENOMEM: not
 * available, -EINVAL: d is dying.
 */
int alloc_claim(struct domain *d, uint64_t pages);

/* free excludes what is reserved for dom0. */
struct alloc_info {
    uint64_t total, free, claimed, core, largest_free_order;
};
void alloc_info(struct alloc_info *info);
/*
 * Debug: checks free lists, counts and claims against the frame table. Logs and counts mismatches.
 */
unsigned int alloc_check(void);
/* The same for the frames that d owns by the frame table, and for d's counts. */
unsigned int alloc_check_domain(struct domain *d);

#endif
