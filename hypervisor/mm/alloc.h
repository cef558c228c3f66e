/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator (mm/alloc.c): binary buddies of order 0 to 18 over all RAM, claims, and
 * accounting. free = in the buddy lists; claimed = promised to domains under construction but not
 * yet allocated. A domain's own claim is used up by its memory; everybody else can only have free -
 * claimed.
 */
#ifndef CLV_MM_ALLOC_H
#define CLV_MM_ALLOC_H

#include "mm/frame.h"
#include "types.h"

struct boot_range;
struct domain;

#define ALLOC_MAX_ORDER 18

/*
 * Boot: chooses a place for the frame table at the top of the highest range that is large enough,
 * builds it, and hands the rest of the usable ranges to the allocator. Ranges (platform.h):
 * BOOT_RAM is free; BOOT_CORE and BOOT_DOM0 are in use: state CORE at first; frames of no such
 * range are IO. They are sorted and begin and end with pages. All RAM must be in the direct map.
 */
void mm_init(const struct boot_range *ranges, unsigned int count);
/*
 * Boot: hands a range of usable RAM to the allocator (page numbers, end exclusive). Also gives back
 * what was BOOT_CORE.
 */
void alloc_add_range(uint64_t start_mfn, uint64_t end_mfn);
/*
 * For the core itself: state CORE, zeroed, 2^order frames; MFN_NONE when none. free: the same
 * order. A single frame that a p2m still shows (count above 1) is freed when the last such entry
 * goes.
 */
mfn_t alloc_core(unsigned int order);
void alloc_free(mfn_t m, unsigned int order);

/*
 * As alloc_core, for what the core keeps because of something that d does (nested page tables,
 * grants, ports): charged to d's pool. MFN_NONE also when the pool has no room; dom0's always has,
 * and a reserve.
 */
mfn_t alloc_pool(struct domain *d, unsigned int order);
void alloc_free_pool(struct domain *d, mfn_t m, unsigned int order);
/*
 * Makes d's pool this many frames large, or as many as are in use. -ENOMEM: more than the machine
 * has, or, dom0, than can be reserved.
 */
#define POOL_DEFAULT 256
int must_check alloc_set_pool(struct domain *d, uint64_t size);

/*
 * For a domain: state DOMAIN, count 1 each, owner d, zeroed. Fails with MFN_NONE when memory is
 * short (against others' claims), or when d would pass d->max_pages. Raises d->tot_pages by
 * 2^order. When they are in the p2m, alloc_use_claim: so an attempt that fails leaves the claim as
 * it was.
 */
mfn_t alloc_domain(struct domain *d, unsigned int order);
void alloc_use_claim(struct domain *d, uint64_t pages);
/*
 * Scrubs a part of the block of that order which the next allocation will get, so that this does
 * not take long. false: there is more to scrub, call again.
 */
bool alloc_prepare(unsigned int order);
/* Makes BOOT_DOM0 frames d's (dom0 builder); they are not zeroed. */
void alloc_assign(struct domain *d, uint64_t start_mfn, uint64_t end_mfn);
/*
 * dom0's frames that it gave back, which are kept for it, leave tot_pages or come back: -ENOMEM
 * when full.
 */
int alloc_recount(struct domain *d, int by);
/*
 * Frees frames that nobody has a reference on: one of which frame_put dropped the last, or an
 * allocation that never got into a p2m.
 */
void alloc_release(mfn_t m, unsigned int order);

/*
 * XENMEM_claim_pages: d's whole claim becomes max(0, pages - d->tot_pages); -ENOMEM when not
 * available, -EINVAL: d is dying; 0 drops it.
 */
int alloc_claim(struct domain *d, uint64_t pages);

/* free: what is not reserved for dom0. */
struct alloc_info {
    uint64_t total, free, claimed, core, largest_free_order;
};
void alloc_info(struct alloc_info *info);
/*
 * Debug: free lists, counts and claims agree with the frame table. Logs, and counts what disagrees.
 */
unsigned int alloc_check(void);
/* The same for the frames that the table says d owns, and d's counts. */
unsigned int alloc_check_domain(struct domain *d);

#endif
