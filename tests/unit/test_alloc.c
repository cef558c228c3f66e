/* SPDX-License-Identifier: MIT */
/* mm/alloc.c and mm/frame.c: buddies, claims, limits, scrubbing, references. */
#include "harness.h"
#include "directmap.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "percpu.h"
#include "platform/boot_info.h"

#include <string.h>

static uint64_t free_frames(void)
{
    struct alloc_info info;

    alloc_info(&info);
    return info.free;
}

static bool is_zero(mfn_t m, uint64_t frames)
{
    const uint64_t *p = mfn_to_virt(m);

    for (uint64_t i = 0; i < frames * 512; i++)
        if (p[i])
            return false;
    return true;
}

static void fresh_machine_is_consistent(void **state)
{
    struct alloc_info info;

    (void)state;
    alloc_info(&info);
    assert_int_equal(info.total, 64 << 8);
    assert_int_equal(info.free, info.total - info.core - ALLOC_RESERVE);
    assert_int_equal(info.claimed, 0);
    harness_check_memory();
}

/* While memory is used up: a block of the largest order can be allocated, and none of the next. */
static void the_largest_order_can_be_had(void **state)
{
    unsigned int last = ALLOC_MAX_ORDER;
    struct alloc_info info;

    (void)state;
    alloc_info(&info);
    assert_in_range(info.largest_free_order, 12, 13); /* of 64 MiB */
    while (info.free) {
        unsigned int order = (unsigned int)info.largest_free_order;

        assert_true(order <= last);
        assert_false(mfn_valid_number(alloc_core(order + 1)));
        assert_true(mfn_valid_number(alloc_core(order)));
        last = order;
        alloc_info(&info);
    }
    assert_true(last < 12);
}

static void blocks_are_aligned_and_zeroed(void **state)
{
    uint64_t before = free_frames();
    mfn_t block[12];

    (void)state;
    for (unsigned int o = 0; o < 12; o++) {
        block[o] = alloc_core(o);
        assert_true(mfn_valid_number(block[o]));
        assert_int_equal(block[o].n & ((1u << o) - 1), 0);
        assert_true(is_zero(block[o], 1u << o));
        memset(mfn_to_virt(block[o]), 0xee, PAGE_SIZE << o);
    }
    harness_check_memory();
    for (unsigned int o = 0; o < 12; o++)
        alloc_free(block[o], o);
    assert_int_equal(free_frames(), before);
    harness_check_memory();
    /* a block freed with data is zeroed when allocated again */
    block[0] = alloc_core(11);
    assert_true(is_zero(block[0], 1 << 11));
}

static void memory_runs_out_and_comes_back(void **state)
{
    static uint64_t taken[64 << 8];
    uint64_t before = free_frames(), n = 0;

    (void)state;
    for (mfn_t m; mfn_valid_number(m = alloc_core(0)); n++)
        taken[n] = m.n;
    assert_int_equal(n, before + ALLOC_RESERVE);
    assert_int_equal(free_frames(), 0);
    assert_false(mfn_valid_number(alloc_core(3)));
    assert_false(mfn_valid_number(alloc_core(ALLOC_MAX_ORDER)));
    assert_false(mfn_valid_number(alloc_core(ALLOC_MAX_ORDER + 1)));
    harness_check_memory();
    while (n-- > 0)
        alloc_free(MFN(taken[n]), 0);
    assert_int_equal(free_frames(), before);
    harness_check_memory();
    assert_true(mfn_valid_number(alloc_core(12)));
}

/* dom0's frames were withheld from the allocator. */
static void dom0_gets_frames_that_were_kept(void **state)
{
    struct domain *d = harness_domain(0, 8192);
    struct alloc_info before, after;
    uint64_t start = HARNESS_DOM0 >> PAGE_SHIFT, end = HARNESS_DOM0_END >> PAGE_SHIFT;
    mfn_t first = { 0 };

    (void)state;
    alloc_info(&before);
    alloc_assign(d, start, end);
    alloc_info(&after);
    assert_int_equal(d->tot_pages, end - start);
    assert_int_equal(d->refs, 2);
    assert_int_equal(after.free, before.free);
    assert_int_equal(after.core, before.core - (end - start));
    harness_check_memory();
    /* the smallest block that fits */
    alloc_add_range(10, 11);
    alloc_info(&before);
    for (unsigned int n = 0; n < 5 && first.n != 10; n++)
        first = alloc_core(0);
    assert_int_equal(first.n, 10);
    alloc_info(&after);
    assert_int_equal(before.largest_free_order, after.largest_free_order);
    /* 0 means none in the lists */
    alloc_add_range(0, 4);
    assert_int_equal(mfn_to_frame(MFN(0))->state, FRAME_CORE);
    harness_check_memory();
}

static void domain_gets_what_its_limit_allows(void **state)
{
    struct domain *d = harness_domain(1, 20);
    mfn_t m[3];

    (void)state;
    m[0] = alloc_domain(d, 4);
    assert_true(mfn_valid_number(m[0]));
    assert_int_equal(d->tot_pages, 16);
    assert_int_equal(d->refs, 2);
    assert_false(mfn_valid_number(alloc_domain(d, 3)));
    m[1] = alloc_domain(d, 2);
    assert_int_equal(d->tot_pages, 20);
    assert_false(mfn_valid_number(alloc_domain(d, 0)));
    assert_int_equal(alloc_recount(d, 1), -ENOMEM);
    for (unsigned int i = 0; i < 16; i++) {
        const struct frame *f = mfn_to_frame(mfn_add(m[0], i));

        assert_true(f->state == FRAME_DOMAIN && f->owner == d && f->count == 1 &&
                    f->gfn == FRAME_GFN_NONE);
        frame_put(mfn_add(m[0], i));
    }
    assert_int_equal(d->refs, 2);
    for (unsigned int i = 0; i < 4; i++)
        frame_put(mfn_add(m[1], i));
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(d->refs, 1);
    harness_check_memory();
}

static void next_owner_sees_zeroes(void **state)
{
    struct domain *a = harness_domain(1, 100), *b = harness_domain(2, 100000);
    mfn_t m = alloc_domain(a, 0);
    uint64_t secret = m.n;

    (void)state;
    memset(mfn_to_virt(m), 0x5e, PAGE_SIZE);
    frame_put(m);
    do {
        m = alloc_domain(b, 0);
        assert_true(mfn_valid_number(m));
        assert_true(is_zero(m, 1));
    } while (m.n != secret);
}

/* Large blocks are scrubbed piecewise, and the prepared block is allocated next. */
static void prepared_blocks_are_clean(void **state)
{
    struct domain *d = harness_domain(1, 10000);
    unsigned int calls = 1, held = 0, before_call;
    uint64_t before;
    mfn_t m;

    (void)state;
    before = free_frames();
    while (before_call = harness_locks_taken(LOCK_MEM), !alloc_prepare(9)) {
        calls++;
        held += harness_locks_taken(LOCK_MEM) - before_call;
        assert_int_equal(free_frames(), before);
        harness_check_memory();
    }
    assert_int_equal(calls, 16);
    /* the lock is held for zeroing at most 16 frames */
    assert_in_range(held, 2 * 15, 2 * 15 + 2);
    assert_true(alloc_prepare(9));
    m = alloc_domain(d, 9);
    for (unsigned int i = 0; i < 512; i++)
        assert_true(is_zero(mfn_add(m, i), 1));
    assert_int_equal(frame_get(mfn_add(m, 5)), 0);
    frame_put_block(m, 9);
    assert_int_equal(free_frames(), before - 1);
    harness_check_memory();
    frame_put(mfn_add(m, 5));
    assert_int_equal(free_frames(), before);
    assert_false(alloc_prepare(9)); /* still dirty */
    m = alloc_domain(d, 9);
    before_call = harness_locks_taken(LOCK_MEM);
    frame_put_block(m, 9); /* freed as a whole */
    assert_in_range(harness_locks_taken(LOCK_MEM) - before_call, 1, 2);
    /* a prepared block is not scrubbed again */
    for (unsigned int o = 3; o < 12; o++) {
        m = alloc_domain(d, o);
        for (unsigned int i = 0; i < 1u << o; i++)
            frame_put(mfn_add(m, i));
        while (!alloc_prepare(o))
            ;
        *(uint8_t *)mfn_to_virt(m) = 7;
        assert_int_equal(alloc_domain(d, o).n, m.n);
        assert_int_equal(*(uint8_t *)mfn_to_virt(m), 7);
    }
    assert_true(alloc_prepare(0));
    while (mfn_valid_number(alloc_core(0)))
        ;
    assert_true(alloc_prepare(9));
    harness_check_memory();
}

static void dying_domains_claim_nothing(void **state)
{
    struct domain *d = harness_domain(1, 10000);

    (void)state;
    d->dying = DOMAIN_DYING;
    assert_int_equal(alloc_claim(d, 100), -EINVAL);
    assert_int_equal(alloc_claim(d, 0), 0);
}

static void claims_bind_everybody_else(void **state)
{
    struct domain *a = harness_domain(1, 1 << 20), *b = harness_domain(2, 1 << 20);
    uint64_t claim = free_frames() + ALLOC_RESERVE - 256, got = 0;
    struct alloc_info info;

    (void)state;
    assert_int_equal(alloc_claim(a, claim), 0);
    alloc_info(&info);
    assert_int_equal(info.claimed, claim);
    harness_check_memory();
    /* another domain gets the rest, less the claimer's tables */
    for (mfn_t m; mfn_valid_number(m = alloc_domain(b, 0)); got++)
        ;
    assert_in_range(got, 100, 256 - 64);
    assert_int_equal(alloc_claim(b, b->tot_pages + 1), -ENOMEM);
    assert_false(mfn_valid_number(alloc_core(8)));
    assert_true(mfn_valid_number(alloc_core(0)));
    /* the claimer gets its whole claim */
    for (got = 0; got < claim; got++)
        assert_true(mfn_valid_number(alloc_domain(a, 0)));
    assert_int_equal(a->claimed, 0);
    harness_check_memory();
}

static void claims_are_replaced_and_dropped(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);
    uint64_t before = free_frames();
    struct alloc_info info;

    (void)state;
    assert_int_equal(alloc_claim(d, before), -ENOMEM); /* nothing left for its tables */
    assert_int_equal(alloc_claim(d, ~0ull), -ENOMEM);
    /* wraps to a small number with its tables */
    assert_int_equal(alloc_claim(d, ~0ull / 257 * 256), -ENOMEM);
    assert_int_equal(alloc_claim(d, 1ull << 63), -ENOMEM);
    assert_int_equal(d->claimed, 0);
    assert_int_equal(alloc_claim(d, 1000), 0);
    assert_int_equal(alloc_claim(d, 2000), 0);
    assert_int_equal(d->claimed, 2000);
    assert_int_equal(alloc_claim(d, before), -ENOMEM); /* the old claim stays */
    assert_int_equal(d->claimed, 2000);
    assert_true(mfn_valid_number(alloc_domain(d, 9)));
    assert_int_equal(d->claimed, 2000 - 512);
    assert_int_equal(alloc_claim(d, 600), 0);
    assert_int_equal(d->claimed, 600 - 512);
    assert_int_equal(alloc_claim(d, 100), 0);
    assert_int_equal(d->claimed, 0);
    assert_int_equal(alloc_claim(d, 0), 0);
    alloc_info(&info);
    assert_int_equal(info.claimed, 0);
    harness_check_memory();
}

static void references_keep_their_frame(void **state)
{
    struct domain *a = harness_domain(1, 100);
    mfn_t m = alloc_domain(a, 0), core = alloc_core(0);

    (void)state;
    assert_panics((void)!frame_get(MFN_NONE));
    assert_panics((void)!frame_get(MFN(frame_count)));
    assert_int_equal(mfn_to_frame(m)->count, 1);
    assert_int_equal(frame_get(m), 0);
    assert_int_equal(frame_get(m), 0);
    assert_int_equal(mfn_to_frame(m)->count, 3);
    frame_put(m);
    frame_put(m);
    assert_int_equal(a->tot_pages, 1);
    frame_put(m);
    assert_int_equal(a->tot_pages, 0);
    assert_panics((void)!frame_get(m)); /* free: no reference can be taken */
    /* a core frame with a guest's reference outlives alloc_free */
    assert_int_equal(frame_get(core), 0);
    alloc_free(core, 0);
    assert_int_equal(mfn_to_frame(core)->state, FRAME_CORE);
    frame_put(core);
    assert_int_equal(mfn_to_frame(core)->state, FRAME_FREE);
    harness_check_memory();
}

static void count_does_not_overflow(void **state)
{
    struct domain *d = harness_domain(1, 100);
    mfn_t m = alloc_domain(d, 0);

    (void)state;
    mfn_to_frame(m)->count = 0x7ffffffe;
    assert_int_equal(frame_get(m), 0);
    assert_int_equal(frame_get(m), -EINVAL);
    assert_int_equal(mfn_to_frame(m)->count, 0x7fffffff);
}

static void wrong_frees_are_caught(void **state)
{
    mfn_t m = alloc_core(2), single = alloc_core(0);

    (void)state;
    assert_panics(alloc_free(m, 1));
    assert_panics(alloc_free(mfn_add(m, 1), 0));
    alloc_free(single, 0);
    assert_panics(alloc_free(single, 0));
    assert_panics(frame_put(single));
}

static void checker_finds_what_is_broken(void **state)
{
    struct domain *d = harness_domain(1, 100);
    mfn_t m = alloc_domain(d, 0);

    (void)state;
    harness_quiet = true;
    d->tot_pages++;
    assert_int_equal(alloc_check_domain(d), 1);
    d->tot_pages--;
    mfn_to_frame(m)->count = 0;
    assert_int_equal(alloc_check_domain(d), 1);
    mfn_to_frame(m)->count = 1;
    mfn_to_frame(m)->state = FRAME_CORE;
    assert_in_range(alloc_check(), 1, frame_count);
    mfn_to_frame(m)->state = FRAME_DOMAIN;
    harness_check_memory();
    struct frame *first = frame_table; /* of a free block */

    while (first->state != FRAME_FREE || first->order == FRAME_ORDER_NONE)
        first++;
    first->prev ^= 1;
    assert_in_range(alloc_check(), 1, frame_count);
    first->prev ^= 1;
    first->count = 1;
    assert_in_range(alloc_check(), 1, frame_count);
    first->count = 0;
    first->order++;
    assert_in_range(alloc_check(), 1, frame_count);
    first->order--;
    assert_int_equal(alloc_check(), 0);
    mfn_to_frame(m)->flags |= FRAME_F_PARKED;
    assert_int_equal(alloc_check_domain(d), 1);
    mfn_to_frame(m)->flags &= ~FRAME_F_PARKED;
    d->p2m.parked++;
    assert_int_equal(alloc_check_domain(d), 1);
    d->p2m.parked--;
    harness_check_memory();
    frame_table[1024].state = FRAME_CORE;
    assert_in_range(alloc_check(), 1, frame_count);
}

/* The checker's other half: p2m entries that name impossible frames. */
static void checker_finds_broken_entries(void **state)
{
    struct domain *d = harness_domain(1, 1000), *other = harness_domain(2, 1000);
    mfn_t m;

    (void)state;
    harness_populate(d, 5, 1);
    harness_quiet = true;
    m = p2m_lookup(d, GFN(5), NULL, NULL);
    mfn_to_frame(m)->flags |= FRAME_F_PARKED;
    assert_int_equal(p2m_check(d), 1);
    mfn_to_frame(m)->flags &= ~FRAME_F_PARKED;
    mfn_to_frame(m)->state = FRAME_CORE;
    assert_int_equal(p2m_check(d), 1);
    mfn_to_frame(m)->state = FRAME_DOMAIN;
    assert_int_equal(p2m_check(d), 0);
    /* pages of the core, and of another domain */
    m = alloc_core(0);
    assert_int_equal(p2m_set(d, GFN(100), m, ORDER_4K, P2M_XENPAGE), 0);
    assert_int_equal(p2m_check(d), 0);
    mfn_to_frame(m)->state = FRAME_FREE;
    assert_int_equal(p2m_check(d), 1);
    mfn_to_frame(m)->state = FRAME_DOMAIN;
    assert_int_equal(p2m_check(d), 1);
    mfn_to_frame(m)->state = FRAME_CORE;
    assert_int_equal(p2m_remove(d, GFN(100)), 0);
    m = alloc_domain(other, 0);
    assert_int_equal(p2m_set(d, GFN(100), m, ORDER_4K, P2M_FOREIGN), 0);
    assert_int_equal(p2m_check(d), 0);
    mfn_to_frame(m)->state = FRAME_IO;
    assert_int_equal(p2m_check(d), 1);
    mfn_to_frame(m)->state = FRAME_DOMAIN;
    /* an entry of no valid type */
    uint64_t *top = mfn_to_virt(d->p2m.root), entry = top[511];

    top[511] = 1ull << 62;
    mfn_to_frame(d->p2m.root)->count++;
    assert_in_range(p2m_check(d), 1, 20);
    mfn_to_frame(d->p2m.root)->count--;
    top[511] = entry;
    assert_int_equal(p2m_check(d), 0);
}

static unsigned int pauses, changes_left;
static struct domain *changing;

static void count_pause(void)
{
    mfn_t m;

    pauses++;
    assert_int_equal(cpus[0].held[LOCK_MEM], 0);
    if (changes_left == 0)
        return;
    changes_left--;
    /* one more each time, so that a sum over two moments would be wrong */
    m = alloc_domain(changing, 0);
    assert_true(mfn_valid_number(m));
}

/* The checker releases the lock after each batch, and is still correct. */
static void checker_lets_others_in(void **state)
{
    struct domain *d = harness_domain(1, 1000);

    (void)state;
    changing = d;
    pauses = changes_left = 0;
    harness_on_pause = count_pause;
    assert_int_equal(alloc_check(), 0);
    assert_in_range(pauses, frame_count / 512 - 1, frame_count / 512);
    for (unsigned int n = 1; n < 100; n += 7) {
        changes_left = n;
        assert_int_equal(alloc_check(), 0);
        assert_int_equal(alloc_check_domain(d), 0);
    }
    /* a broken entry is found in any batch */
    changes_left = 3;
    harness_quiet = true;
    frame_table[frame_count / 2].state = FRAME_CORE;
    assert_in_range(alloc_check(), 1, frame_count);
    frame_table[frame_count / 2].state = FRAME_FREE;
    changes_left = 3;
    d->tot_pages++;
    assert_int_equal(alloc_check_domain(d), 1);
    d->tot_pages--;
    assert_int_equal(alloc_check() + alloc_check_domain(d), 0);
    harness_on_pause = NULL;
}

/* Corrupt list links, blocks that overlap or have a hole. */
static void checker_finds_broken_lists(void **state)
{
    uint64_t n = 0;
    struct frame *f;

    (void)state;
    harness_quiet = true;
    while (frame_table[n].state != FRAME_FREE || frame_table[n].order < 3 ||
           frame_table[n].order > ALLOC_MAX_ORDER)
        n++;
    f = &frame_table[n];
    f->prev++;
    assert_in_range(alloc_check(), 1, frame_count);
    f->prev--;
    f->order--;
    assert_in_range(alloc_check(), 1, frame_count);
    f->order++;
    f[1].order = 0;
    assert_in_range(alloc_check(), 1, frame_count);
    f[1].order = FRAME_ORDER_NONE;
    f[2].count = 1;
    assert_in_range(alloc_check(), 1, frame_count);
    f[2].count = 0;
    assert_int_equal(alloc_check(), 0);
}

/* Many allocations and frees of all kinds, in random order. */
static void random_use_stays_consistent(void **state)
{
    struct domain *d[2] = { harness_domain(1, 6000), harness_domain(2, 6000) };
    struct {
        mfn_t m;
        unsigned int order;
        struct domain *d;
    } live[300] = { 0 };
    uint64_t before = free_frames();
    uint32_t seed = 12345;

    (void)state;
    for (unsigned int round = 0; round < 20000; round++) {
        unsigned int i, order;

        seed = seed * 1664525 + 1013904223;
        i = (seed >> 8) % ARRAY_SIZE(live);
        order = (seed >> 20) % 10 == 0 ? (seed >> 24) % 10 : (seed >> 24) % 3;
        if (!live[i].m.n) {
            live[i].order = order;
            live[i].d = seed >> 30 == 3 ? NULL : d[seed >> 31];
            live[i].m = live[i].d ? alloc_domain(live[i].d, order) : alloc_core(order);
            if (!mfn_valid_number(live[i].m))
                live[i].m.n = 0;
        } else {
            if (!live[i].d)
                alloc_free(live[i].m, live[i].order);
            for (unsigned int k = 0; live[i].d && k < 1u << live[i].order; k++)
                frame_put(mfn_add(live[i].m, k));
            live[i].m.n = 0;
        }
        if (round % 1000 == 0)
            harness_check_memory();
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(live); i++) {
        if (live[i].m.n && !live[i].d)
            alloc_free(live[i].m, live[i].order);
        for (unsigned int k = 0; live[i].m.n && live[i].d && k < 1u << live[i].order; k++)
            frame_put(mfn_add(live[i].m, k));
    }
    assert_int_equal(free_frames(), before);
    harness_check_memory();
}

/* The frame table may fill a range of RAM exactly. */
static void frame_table_that_just_fits(void **state)
{
    const uint64_t size = ROUND_UP(0x2000 * sizeof(struct frame), PAGE_SIZE);
    struct boot_range ranges[] = {
        { 0x100000, 0x100000 + size, BOOT_RAM },
        { 0x1000000, 0x2000000, BOOT_CORE },
    };
    struct alloc_info info;

    (void)state;
    harness_memory_new(32);
    harness_quiet = true;
    mm_init(ranges, ARRAY_SIZE(ranges));
    assert_ptr_equal(frame_table, harness_memory + 0x100000);
    alloc_info(&info);
    assert_int_equal(info.free, 0);
    harness_memory_new(32);
    harness_quiet = true;
    ranges[0].start += PAGE_SIZE;
    assert_panics(mm_init(ranges, ARRAY_SIZE(ranges)));
}

static void odd_memory_maps(void **state)
{
    struct boot_range ranges[] = {
        { 0x1000, 0x9f000, BOOT_CORE },    { 0x9f000, 0x100000, 2 },   { 0x100000, 0x101000, 1 },
        { 0x200000, 0x301000, BOOT_CORE }, { 0x302000, 0x17ff000, 1 }, { 0x1800000, 0x1900000, 1 },
        { 0x1900000, 0x1a00000, 2 },
    };
    struct alloc_info info;

    (void)state;
    harness_memory_new(32);
    mm_init(ranges, ARRAY_SIZE(ranges));
    assert_int_equal(frame_count, 0x1900);
    alloc_info(&info);
    /* 0x9e of the low frames, 0x101 of the image, and the free ranges */
    assert_int_equal(info.total, 0x9e + 0x101 + 1 + (0x17ff - 0x302) + 0x100);
    assert_int_equal(alloc_check(), 0);
    assert_false(mfn_is_ram(MFN(0xa0)));
    assert_true(mfn_is_ram(MFN(0x100)));
    assert_false(mfn_is_ram(MFN(0x101)));
    assert_true(mfn_is_ram(MFN(0x1)));
    assert_true(mfn_is_ram(MFN(0x300)));
    assert_false(mfn_is_ram(MFN(0x301)));
    assert_true(mfn_is_ram(MFN(0x302)));
    assert_false(mfn_is_ram(MFN(0x1900)));
    /* the frame table is in the highest range that holds it */
    assert_true(virt_to_mfn(frame_table).n >= 0x1800);
}

static void too_little_memory_is_said(void **state)
{
    struct boot_range tiny[] = { { 0x1000, 0x2000, 1 }, { 0x1fff000, 0x2000000, 1 } };

    (void)state;
    harness_memory_new(32);
    assert_panics(mm_init(tiny, 2));
    assert_non_null(strstr(harness_log, "more memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fresh_machine_is_consistent, harness_setup),
        cmocka_unit_test_setup(the_largest_order_can_be_had, harness_setup),
        cmocka_unit_test_setup(blocks_are_aligned_and_zeroed, harness_setup),
        cmocka_unit_test_setup(memory_runs_out_and_comes_back, harness_setup),
        cmocka_unit_test_setup(dom0_gets_frames_that_were_kept, harness_setup),
        cmocka_unit_test_setup(domain_gets_what_its_limit_allows, harness_setup),
        cmocka_unit_test_setup(next_owner_sees_zeroes, harness_setup),
        cmocka_unit_test_setup(prepared_blocks_are_clean, harness_setup),
        cmocka_unit_test_setup(dying_domains_claim_nothing, harness_setup),
        cmocka_unit_test_setup(claims_bind_everybody_else, harness_setup),
        cmocka_unit_test_setup(claims_are_replaced_and_dropped, harness_setup),
        cmocka_unit_test_setup(references_keep_their_frame, harness_setup),
        cmocka_unit_test_setup(count_does_not_overflow, harness_setup),
        cmocka_unit_test_setup(wrong_frees_are_caught, harness_setup),
        cmocka_unit_test_setup(checker_finds_what_is_broken, harness_setup),
        cmocka_unit_test_setup(checker_finds_broken_entries, harness_setup),
        cmocka_unit_test_setup(checker_lets_others_in, harness_setup),
        cmocka_unit_test_setup(checker_finds_broken_lists, harness_setup),
        cmocka_unit_test_setup(random_use_stays_consistent, harness_setup),
        cmocka_unit_test(frame_table_that_just_fits),
        cmocka_unit_test(odd_memory_maps),
        cmocka_unit_test(too_little_memory_is_said),
    };

    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
