/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator: a binary buddy allocator over the frame table, claims, and accounting per
 * domain.
 *
 * A free block of order k is 2^k frames at a number divisible by 2^k. Its first frame links it in
 * the list of its order; the others have FRAME_ORDER_NONE. Freed frames keep their contents, are
 * marked dirty, and are zeroed when allocated. So freeing is quick, and no frame is scrubbed twice.
 *
 * Promises: a domain under construction may claim frames, and dom0 may promise it a least number
 * for its life (min_pages). It is owed a frame for each absent page of RAM that was populated for
 * it. d->claimed is what it lacks of the largest of the three, mem.claimed the sum of all. These
 * frames are free, and given only to that domain. Other guests must leave a further margin
 * (margin_of) for the nested page tables of this memory, and for the core.
 *
 * Growth: the tools limit what a domain populates by max_pages. A budget also limits what its
 * touches of absent pages fill, by d->page_ceiling. This is the budget, or, where a domain had more
 * when the budget was set, the least that it has had since and CLEAVE_MEMORY_SLACK.
 *
 * Pools: d->pool.used counts the frames that the core keeps because of what the domain does. A
 * guest's pool has a limit. dom0's has none, but the unused rest of its size is reserved for it
 * (mem.reserved), whatever guests take.
 *
 * Lock: mem.lock (LOCK_MEM) protects the lists, the counters here, tot_pages, claimed and pool of
 * each domain, and each frame that changes owners. Frames are scrubbed after the lock is released.
 * Read next: heap.c, p2m.c.
 */
#include "mm/alloc.h"
#include "core/domain.h"
#include "cpu/softirq.h"
#include "cpu/watchdog.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/owner.h"
#include "percpu.h"
#include "platform/boot_info.h"
#include "public/cleave.h"
#include "spinlock.h"

static struct {
    struct spinlock lock;
    /* first block of each order, 0: none (frame 0 is never free) */
    uint32_t head[ALLOC_MAX_ORDER + 1];
    uint64_t total, free, claimed, core; /* frames */
    uint64_t reserved;                   /* free frames reserved for dom0's pool */
    bool watched;                        /* somebody waits for memory */
    struct {
        uint64_t first, end;
    } clean;          /* frames scrubbed by alloc_prepare; reset when a block is taken */
    uint64_t changes; /* number of changes to frame states and counts */
} mem = { .lock = SPINLOCK(LOCK_MEM) };

/* Frames that alloc_prepare zeroes per call, and per hold of the lock: about 5 us. */
#define SCRUB_BATCH 32
#define SCRUB_HELD 16

/* The checker: frames checked per hold of the lock, and passes before it gives up. */
#define CHECK_BATCH 512
#define CHECK_TRIES 8

/* Frames that guests leave free: for the core, and for the tables of what is promised. */
static uint64_t margin_of(uint64_t claimed) { return claimed / 256 + ALLOC_RESERVE; }

/* By which the core's writes for a guest may exceed its ceiling. */
#define OVERDRAFT 64

/* --- the lists of free blocks; mem.lock is held --- */

static void link_block(uint64_t n, unsigned int order)
{
    frame_table[n].order = order;
    frame_link(&mem.head[order], n);
}

static void unlink_block(uint64_t n)
{
    frame_unlink(&mem.head[frame_table[n].order], n);
    frame_table[n].order = FRAME_ORDER_NONE;
}

static bool is_free_block(uint64_t n, unsigned int order)
{
    return n < frame_count && frame_table[n].state == FRAME_FREE && frame_table[n].order == order;
}

/* Frees a block and merges it with free buddies. Its frames are in state FREE already. */
static void free_block(uint64_t n, unsigned int order)
{
    mem.changes++;
    mem.free += 1ull << order;
    for (; order < ALLOC_MAX_ORDER; order++) {
        uint64_t buddy = n ^ (1ull << order);

        if (!is_free_block(buddy, order))
            break;
        unlink_block(buddy);
        n &= ~(1ull << order);
    }
    link_block(n, order);
}

/* Sets the state of a frame, with one reference unless it is free; mem.lock is held. */
static void set_frame_state(struct frame *f, enum frame_state state, struct domain *owner)
{
    mem.core += (state == FRAME_CORE) - (f->state == FRAME_CORE);
    f->state = state;
    f->order = FRAME_ORDER_NONE;
    f->gfn = FRAME_GFN_NONE;
    f->owner = owner;
    if (state == FRAME_FREE)
        f->flags = FRAME_F_DIRTY;
    f->count = state != FRAME_FREE;
}

/* Frees frames of any state, in blocks as large as possible. */
static void free_range(uint64_t n, uint64_t end)
{
    for (unsigned int order; n < end; n += 1ull << order) {
        order = MIN((unsigned int)__builtin_ctzll(n), ALLOC_MAX_ORDER);
        while (n + (1ull << order) > end)
            order--;
        for (uint64_t i = 0; i < 1ull << order; i++)
            set_frame_state(&frame_table[n + i], FRAME_FREE, NULL);
        free_block(n, order);
    }
}

/* Returns the lowest sufficient order with a free block; above ALLOC_MAX_ORDER: none. */
static unsigned int fitting_order(unsigned int order)
{
    while (order <= ALLOC_MAX_ORDER && !mem.head[order])
        order++;
    return order;
}

/*
 * Takes 2^order frames: the upper end of the smallest sufficient block, whose rest stays free.
 * Returns 0 if there is none.
 */
static uint64_t take_block(unsigned int order)
{
    unsigned int o = fitting_order(order);

    if (o > ALLOC_MAX_ORDER)
        return 0;
    uint64_t n = mem.head[o];
    mem.clean.first = 0;
    unlink_block(n);
    while (o-- > order) {
        link_block(n, o);
        n += 1ull << o;
    }
    mem.changes++;
    mem.free -= 1ull << order;
    return n;
}

/*
 * Zeroes at most `budget` dirty frames, and returns where it stopped. The frames must belong to the
 * caller, or be free with the lock held.
 */
static uint64_t scrub_frames(uint64_t n, uint64_t end, uint64_t budget)
{
    for (; n < end; n++) {
        struct frame *f = &frame_table[n];

        if (!(f->flags & FRAME_F_DIRTY))
            continue;
        if (budget-- == 0)
            break;
        memset(mfn_to_virt(MFN(n)), 0, PAGE_SIZE);
        f->flags = 0;
    }
    return n;
}

/* --- boot --- */

/* What a domain with so many frames lacks of such promises. */
static uint64_t lacks(uint64_t frames, uint64_t claim, uint64_t min, uint64_t owed)
{
    uint64_t promised = MIN(MAX(claim, min), frames + mem.total);

    return MAX(promised > frames ? promised - frames : 0, owed);
}

/* What counts for its limits: its frames, and those that it is owed. */
static uint64_t has(const struct domain *d) { return d->tot_pages + d->owed; }

/* Recomputes what follows from d's frames, promises and budget. */
static void settle(struct domain *d)
{
    uint64_t now = lacks(d->tot_pages, d->claim, d->min_pages, d->owed);

    mem.claimed += now - d->claimed;
    d->claimed = now;
    d->page_ceiling = MAX(d->page_budget, MIN(d->page_ceiling, has(d) + CLEAVE_MEMORY_SLACK));
}

/* A domain's first frame takes a reference on the domain. */
static void add_pages(struct domain *d, uint64_t pages)
{
    if (d->tot_pages == 0)
        domain_ref(d);
    d->tot_pages += pages;
    settle(d);
}

/* Vcpus that wait for memory look again (core/vcpu_memory.c). */
static void tell_waiters(void)
{
    if (!mem.watched)
        return;
    mem.watched = false;
    softirq_raise(this_cpu()->id, SOFTIRQ_MEMORY);
}

/* Gives frames a new state: unowned ones (IO), or ones that the core no longer uses. */
static void assign_range(uint64_t start_mfn, uint64_t end_mfn, enum frame_state state,
                         struct domain *d)
{
    spin_lock_scope(&mem.lock);
    mem.changes++;
    for (uint64_t n = start_mfn; n < end_mfn; n++) {
        struct frame *f = &frame_table[n];

        BUG_ON(n >= frame_count || (f->state != FRAME_CORE && (d || f->state != FRAME_IO)));
        mem.total += f->state == FRAME_IO;
        if (state != FRAME_FREE)
            set_frame_state(f, state, d);
        if (d)
            add_pages(d, 1);
    }
    if (state == FRAME_FREE)
        free_range(start_mfn, end_mfn);
}

void alloc_add_range(uint64_t start_mfn, uint64_t end_mfn)
{
    assign_range(MAX(start_mfn, 1), end_mfn, FRAME_FREE, NULL);
}

void alloc_assign(struct domain *d, uint64_t start_mfn, uint64_t end_mfn)
{
    assign_range(start_mfn, end_mfn, FRAME_DOMAIN, d);
}

void mm_init(const struct boot_range *ranges, unsigned int count)
{
    const struct boot_range *place = NULL;

    for (unsigned int i = 0; i < count; i++)
        if (ranges[i].type == BOOT_RAM || ranges[i].type >= BOOT_CORE)
            frame_count = MAX(frame_count, ranges[i].end >> PAGE_SHIFT);
    uint64_t pages = ROUND_UP(frame_count * sizeof(struct frame), PAGE_SIZE) >> PAGE_SHIFT;
    for (unsigned int i = 0; i < count; i++)
        if (ranges[i].type == BOOT_RAM && ranges[i].end - ranges[i].start >= pages << PAGE_SHIFT)
            place = &ranges[i];
    if (!place)
        panic("no range of RAM holds the frame table of %lu KiB: lower dom0_mem, or give the "
              "machine more memory\n",
              pages * 4);
    uint64_t table = (place->end >> PAGE_SHIFT) - pages;
    frame_table = mfn_to_virt(MFN(table));
    memset(frame_table, 0, pages << PAGE_SHIFT);
    assign_range(table, table + pages, FRAME_CORE, NULL);

    for (unsigned int i = 0; i < count; i++) {
        uint64_t start = ranges[i].start >> PAGE_SHIFT, end = ranges[i].end >> PAGE_SHIFT;

        if (ranges[i].type >= BOOT_CORE)
            assign_range(start, end, FRAME_CORE, NULL);
        else if (ranges[i].type == BOOT_RAM)
            alloc_add_range(start, &ranges[i] == place ? table : end);
    }
    log_info("memory: %lu MiB, %lu MiB free; frame table %lu KiB\n", mem.total >> 8, mem.free >> 8,
             pages * 4);
}

/* --- allocating and freeing --- */

/* What d's promises lack when it has taken so many frames, of which it is `owed` so many. */
static uint64_t left_after(const struct domain *d, uint64_t pages, uint64_t owed)
{
    return lacks(d->tot_pages + pages, d->claim, d->min_pages, d->owed - owed);
}

/*
 * Returns whether so many frames are there for d (NULL: the core), given all promises. What d does
 * not take from its own needs a margin.
 */
static bool are_free(const struct domain *d, uint64_t pages, uint64_t owed)
{
    uint64_t own = d ? d->claimed : 0, others = mem.claimed - own;
    uint64_t left = d ? left_after(d, pages, owed) : 0;

    return mem.free >=
           pages + others + left + mem.reserved + (d && pages > own - left ? margin_of(others) : 0);
}

static uint64_t touch_limit(const struct domain *d)
{
    return d->page_budget ? d->page_ceiling : d->max_pages;
}

static uint64_t growth_limit(const struct domain *d) { return MIN(d->max_pages, touch_limit(d)); }

/* Returns whether d may populate so many more frames. mem.lock is held. */
static bool may_have(const struct domain *d, uint64_t pages)
{
    return are_free(d, pages, 0) && has(d) + pages <= growth_limit(d);
}

/* The same for absent pages. Those that d is owed fill whatever its budget has become. */
static bool may_touch(const struct domain *d, uint64_t pages)
{
    return are_free(d, pages, MIN(d->owed, pages)) &&
           (pages <= d->owed || has(d) + pages <= touch_limit(d));
}

/* The same for d's pool. The margin is there for claimers, the reserve for dom0. */
static bool may_charge(const struct domain *d, uint64_t pages)
{
    uint64_t kept = mem.claimed + (d->claimed ? 0 : margin_of(mem.claimed)) + mem.reserved;

    if (d->is_dom0)
        return mem.free >= pages + (mem.reserved ? 0 : mem.claimed);
    return mem.free >= pages + kept && d->pool.used + pages <= d->pool.size;
}

static void charge_pool(struct domain *d, int64_t pages)
{
    d->pool.used += pages;
    if (d->is_dom0)
        mem.reserved = d->pool.size > d->pool.used ? d->pool.size - d->pool.used : 0;
}

/*
 * Takes a block for owner (NULL: the core) if `allowed`, which was evaluated in this hold of
 * mem.lock.
 */
static mfn_t take_locked(struct domain *owner, unsigned int order, bool allowed)
{
    uint64_t n = allowed ? take_block(order) : 0;

    for (uint64_t i = 0; n && i < 1ull << order; i++)
        set_frame_state(&frame_table[n + i], owner ? FRAME_DOMAIN : FRAME_CORE, owner);
    return n ? MFN(n) : MFN_NONE;
}

/* With mem.lock, which it releases. `absent`: what d is owed becomes less. */
static mfn_t take_for_domain(struct domain *d, unsigned int order, bool allowed, bool absent)
{
    mfn_t m = take_locked(d, order, allowed);

    if (mfn_valid_number(m)) {
        d->owed -= absent ? MIN(d->owed, 1ull << order) : 0;
        add_pages(d, 1ull << order);
    }
    spin_unlock(&mem.lock);
    if (mfn_valid_number(m))
        (void)scrub_frames(m.n, m.n + (1ull << order), ~0ull);
    return m;
}

mfn_t alloc_domain(struct domain *d, unsigned int order)
{
    spin_lock(&mem.lock);
    return take_for_domain(d, order, may_have(d, 1ull << order), false);
}

mfn_t alloc_touched(struct domain *d, unsigned int order)
{
    spin_lock(&mem.lock);
    return take_for_domain(d, order, may_touch(d, 1ull << order), true);
}

mfn_t alloc_back(struct domain *d)
{
    spin_lock(&mem.lock);
    bool allowed = are_free(d, 1, 0) && has(d) + 1 <= touch_limit(d);
    return take_for_domain(d, ORDER_4K, allowed, false);
}

mfn_t alloc_written(struct domain *d)
{
    spin_lock(&mem.lock);
    bool overdraws = !may_touch(d, 1);
    if (overdraws)
        softirq_raise(this_cpu()->id, SOFTIRQ_MEMORY);
    return take_for_domain(d, ORDER_4K,
                           !overdraws || (mem.free > mem.claimed - d->claimed +
                                                         left_after(d, 1, 0) + mem.reserved &&
                                          has(d) < touch_limit(d) + OVERDRAFT),
                           true);
}

bool alloc_fits(const struct domain *d, uint64_t pages)
{
    spin_lock_scope(&mem.lock);
    return may_touch(d, pages);
}

bool alloc_has_room(const struct domain *d)
{
    spin_lock_scope(&mem.lock);
    bool room = may_touch(d, 1);
    mem.watched |= !room;
    return room;
}

bool alloc_is_overdrawn(const struct domain *d)
{
    spin_lock_scope(&mem.lock);
    return d->page_budget && has(d) > d->page_ceiling;
}

mfn_t alloc_pool(struct domain *d, unsigned int order)
{
    uint64_t pages = 1ull << order;

    spin_lock(&mem.lock);
    mfn_t m = take_locked(NULL, order, d ? may_charge(d, pages) : are_free(NULL, pages, 0));
    if (d && mfn_valid_number(m))
        charge_pool(d, (int64_t)pages);
    spin_unlock(&mem.lock);
    if (mfn_valid_number(m)) {
        (void)scrub_frames(m.n, m.n + pages, ~0ull);
        mfn_to_frame(m)->order = order;
    }
    return m;
}

mfn_t alloc_core(unsigned int order) { return alloc_pool(NULL, order); }

void alloc_free(mfn_t m, unsigned int order)
{
    BUG_ON(mfn_to_frame(m)->state != FRAME_CORE || mfn_to_frame(m)->order != order);
    for (uint64_t i = 0; i < 1ull << order; i++) {
        BUG_ON(order > 0 && mfn_to_frame(mfn_add(m, i))->count != 1);
        frame_put(mfn_add(m, i));
    }
}

/*
 * Returns frames to the pool before they become free, so that dom0's reserve cannot be taken in
 * between.
 */
void alloc_free_pool(struct domain *d, mfn_t m, unsigned int order)
{
    spin_lock(&mem.lock);
    BUG_ON(d->pool.used < 1ull << order);
    charge_pool(d, -(1ll << order));
    spin_unlock(&mem.lock);
    alloc_free(m, order);
}

int alloc_set_pool(struct domain *d, uint64_t size)
{
    spin_lock_scope(&mem.lock);
    size = MAX(size, d->pool.used);
    uint64_t left = size - d->pool.used;
    if (size > mem.total)
        return -ENOMEM;
    if (d->is_dom0 && left > mem.reserved && mem.free < mem.claimed + margin_of(mem.claimed) + left)
        return -ENOMEM;
    d->pool.size = size;
    charge_pool(d, 0);
    return 0;
}

bool alloc_prepare(unsigned int order)
{
    for (unsigned int done = 0; done < SCRUB_BATCH; done += SCRUB_HELD) {
        spin_lock_scope(&mem.lock);
        unsigned int o = fitting_order(order);
        if (o > ALLOC_MAX_ORDER)
            return true;
        /* the frames that take_block would take */
        uint64_t end = mem.head[o] + (1ull << o), first = end - (1ull << order);
        if (mem.clean.first != first)
            mem.clean.end = mem.clean.first = first;
        mem.clean.end = scrub_frames(mem.clean.end, end, SCRUB_HELD);
        if (mem.clean.end >= end)
            return true;
    }
    return false;
}

void alloc_release(mfn_t m, unsigned int order)
{
    struct frame *f = mfn_to_frame(m);
    struct domain *d = f->state == FRAME_DOMAIN ? f->owner : NULL;
    uint64_t pages = 1ull << order;

    spin_lock(&mem.lock);
    BUG_ON(d ? d->tot_pages < pages || (f->flags & FRAME_F_PARKED)
             : f->state != FRAME_CORE || order);
    free_range(m.n, m.n + pages);
    if (d) {
        d->tot_pages -= pages;
        settle(d);
    }
    bool last = d && d->tot_pages == 0;
    tell_waiters();
    spin_unlock(&mem.lock);
    if (last)
        domain_put(d);
}

int alloc_recount(struct domain *d, int by)
{
    spin_lock_scope(&mem.lock);
    if (by > 0 && d->tot_pages + by > d->max_pages)
        return -ENOMEM;
    mem.changes++;
    d->tot_pages += by;
    return 0;
}

/* Promises d this instead of what it was promised, with mem.lock held. */
static int promise(struct domain *d, uint64_t claim, uint64_t min, uint64_t owed)
{
    uint64_t then = lacks(d->tot_pages, claim, min, owed), total = mem.claimed - d->claimed + then;

    if ((claim > d->claim || min > d->min_pages || owed > d->owed) &&
        READ_ONCE(d->dying) != DOMAIN_ALIVE)
        return -EINVAL; /* p2m_teardown has dropped it */
    if (then > d->claimed && total + margin_of(total) + mem.reserved > mem.free)
        return -ENOMEM;
    d->claim = claim;
    d->min_pages = min;
    d->owed = owed;
    settle(d);
    return 0;
}

int alloc_claim(struct domain *d, uint64_t pages)
{
    spin_lock_scope(&mem.lock);
    return promise(d, pages, d->min_pages, d->owed);
}

int alloc_owe(struct domain *d, uint64_t pages)
{
    spin_lock_scope(&mem.lock);
    return has(d) + pages > growth_limit(d) ? -ENOMEM
                                            : promise(d, d->claim, d->min_pages, d->owed + pages);
}

void alloc_owe_at_most(struct domain *d, uint64_t pages)
{
    if (READ_ONCE(d->owed) <= pages)
        return;
    spin_lock_scope(&mem.lock);
    (void)promise(d, d->claim, d->min_pages, MIN(d->owed, pages));
    tell_waiters();
}

int alloc_set_memory(struct domain *d, uint64_t min, uint64_t budget)
{
    spin_lock_scope(&mem.lock);
    bool possible = min <= d->max_pages && (min <= budget || !budget);
    int rc = possible ? promise(d, d->claim, min, d->owed) : -EINVAL;
    if (rc)
        return rc;
    if (!d->page_budget)
        d->page_ceiling = ~0ull;
    d->page_budget = budget;
    settle(d);
    tell_waiters();
    return 0;
}

void alloc_info(struct alloc_info *info)
{
    spin_lock_scope(&mem.lock);
    *info = (struct alloc_info){ .total = mem.total,
                                 .free = mem.free - MIN(mem.reserved + ALLOC_RESERVE, mem.free),
                                 .claimed = mem.claimed,
                                 .core = mem.core };
    for (unsigned int o = 0; o <= ALLOC_MAX_ORDER; o++)
        if (mem.head[o])
            info->largest_free_order = o;
}

/* --- the invariant checker --- */

/* The results of one pass over the frame table, which restarts if anything changed meanwhile. */
struct sums {
    const struct domain *d; /* owner of the frames to sum; NULL: all */
    uint64_t by_state[4], listed;
    uint64_t owned, parked, unused; /* counts of d's frames */
    /* mem.changes at the start; the current frame; the end of its free block */
    uint64_t changes, at, block_end;
    unsigned int errors;
};

/* Checks that a free block is aligned to its order and correctly linked. */
static bool good_block(uint64_t n)
{
    const struct frame *f = &frame_table[n];

    return f->order <= ALLOC_MAX_ORDER && !(n & ((1ull << f->order) - 1)) &&
           (f->prev ? frame_table[f->prev].next : mem.head[f->order]) == n &&
           (!f->next || frame_table[f->next].prev == n);
}

/* Checks that exactly the free frames are in a block, each in one. */
static void sum_frame(struct sums *s, const struct frame *f)
{
    bool free = f->state == FRAME_FREE, first = free && f->order != FRAME_ORDER_NONE;

    s->by_state[f->state & 3]++;
    if (free != (first || s->at < s->block_end) ||
        (first && (s->at < s->block_end || !good_block(s->at))) || (free && f->count))
        s->errors += check_failed("free lists: frame %lx has state %u, order %u, count %u\n", s->at,
                                  f->state, f->order, f->count);
    if (first && f->order <= ALLOC_MAX_ORDER) {
        s->block_end = s->at + (1ull << f->order);
        s->listed += 1ull << f->order;
    }
}

static void sum_frame_of_domain(struct sums *s, const struct frame *f)
{
    if (f->state != FRAME_DOMAIN || f->owner != s->d)
        return;
    s->owned++;
    s->parked += (f->flags & FRAME_F_PARKED) != 0;
    s->unused += (int32_t)f->count <= 0;
}

/* Sums a batch of frames. Returns false after the last one, or if something has changed. */
static bool sum_batch(struct sums *s)
{
    spin_lock_scope(&mem.lock);
    uint64_t end = mem.changes == s->changes ? MIN(s->at + CHECK_BATCH, frame_count) : 0;
    for (; s->at < end; s->at++)
        (s->d ? sum_frame_of_domain : sum_frame)(s, &frame_table[s->at]);
    return s->at < frame_count && end;
}

/* Computes consistent sums. Returns false if changes were too frequent. mem.lock is not held. */
static bool sum_all(struct sums *s, const struct domain *d)
{
    for (unsigned int i = 0; i < CHECK_TRIES; i++) {
        *s = (struct sums){ .d = d, .changes = READ_ONCE(mem.changes) };
        while (sum_batch(s))
            watchdog_pause();
        if (s->at == frame_count || s->errors)
            return true;
    }
    return false;
}

unsigned int alloc_check(void)
{
    struct sums s;

    if (!sum_all(&s, NULL))
        return 0;
    spin_lock_scope(&mem.lock);
    if (mem.changes == s.changes &&
        (s.listed != mem.free || s.by_state[FRAME_FREE] != mem.free ||
         s.by_state[FRAME_CORE] != mem.core || frame_count - s.by_state[FRAME_IO] != mem.total ||
         mem.claimed + mem.reserved > mem.free))
        s.errors +=
            check_failed("%lu frames free, %lu in lists, %lu counted, %lu claimed, %lu reserved; "
                         "core %lu, counted %lu; total %lu, counted %lu\n",
                         s.by_state[FRAME_FREE], s.listed, mem.free, mem.claimed, mem.reserved,
                         s.by_state[FRAME_CORE], mem.core, frame_count - s.by_state[FRAME_IO],
                         mem.total);
    return s.errors;
}

/*
 * With both locks held no frame changes owners. Each other CPU may be about to free a frame without
 * references.
 */
unsigned int alloc_check_domain(struct domain *d)
{
    struct sums s;

    if (!sum_all(&s, d))
        return 0;
    spin_lock_scope(&d->p2m.lock);
    spin_lock(&mem.lock);
    bool changed = mem.changes != s.changes;
    uint64_t counted = d->tot_pages + d->p2m.parked;
    spin_unlock(&mem.lock);
    if (changed || (s.owned == counted && s.parked == d->p2m.parked && s.unused < nr_cpus))
        return 0;
    return check_failed(
        "d%u owns %lu frames, %lu of them parked, %lu without references; its counts say %lu "
        "and %lu\n",
        d->id, s.owned, s.parked, s.unused, counted, d->p2m.parked);
}
