/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator (mm/alloc.c): binary buddies of order 0 to 18 over all RAM, promises, and
 * accounting. free: frames in the buddy lists. claimed: promised to domains that do not have them
 * yet. Others can only get free - claimed.
 */
#ifndef CLV_MM_ALLOC_H
#define CLV_MM_ALLOC_H

#include "mm/frame.h"
#include "types.h"

struct boot_range;
struct domain;

#define ALLOC_MAX_ORDER 18
#define ALLOC_RESERVE 64 /* frames that guests leave to the core */

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
 * 2^order. Returns MFN_NONE if memory is short (given promises to others), or if d would exceed
 * d->max_pages or its budget.
 */
mfn_t alloc_domain(struct domain *d, unsigned int order);
/*
 * The same for absent pages that the guest touches, or the core writes for it (one frame). Only the
 * budget limits them, or max_pages if there is none. The core's writes do not wait: they may exceed
 * the budget a little, and raise SOFTIRQ_MEMORY, which makes the vcpu wait before it runs again.
 */
mfn_t alloc_touched(struct domain *d, unsigned int order);
mfn_t alloc_written(struct domain *d);
/* The same for a page whose contents come back to it: not one that d is owed. */
mfn_t alloc_back(struct domain *d);
/* Whether d could touch so many absent pages, or had to exceed its budget. */
bool alloc_fits(const struct domain *d, uint64_t pages);
bool alloc_is_overdrawn(const struct domain *d);
/* alloc_fits for one page. False: SOFTIRQ_MEMORY is raised when this may have changed. */
bool alloc_has_room(const struct domain *d);
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
/*
 * Promises d frames for so many more absent pages. -ENOMEM: not available, or d would exceed
 * d->max_pages. -EINVAL: d is dying. Then nothing changes.
 */
int alloc_owe(struct domain *d, uint64_t pages);
/* d has only so many absent pages. */
void alloc_owe_at_most(struct domain *d, uint64_t pages);
/*
 * Promises d so many frames as long as it lives, and limits its growth by a budget; 0: none.
 * -ENOMEM: not available. -EINVAL: min is above the budget or max_pages, or d is dying. Then
 * nothing changes.
 */
int alloc_set_memory(struct domain *d, uint64_t min, uint64_t budget);

/* free excludes what is reserved for dom0 and the core. */
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
