/* SPDX-License-Identifier: MIT */
/*
 * mm/p2m.c and guest/fault.c, dom0/mmio.c: entries, splits, references, flushes, parking, faults. A
 * failure changes nothing.
 */
#include "harness.h"
#include "directmap.h"
#include "dom0/mmio.h"
#include "guest/fault.h"
#include "mm/alloc.h"
#include "mm/frame.h"

#include <string.h>

#define NPT_P 1ull
#define NPT_W 2ull
#define NPT_U 4ull
#define NPT_UC_MINUS (2ull << 3)
#define NPT_PS (1ull << 7)
#define NPT_NX (1ull << 63)

static uint64_t free_frames(void)
{
    struct alloc_info info;

    alloc_info(&info);
    return info.free;
}

/* The last entry that a CPU would read in a walk to gfn. */
static uint64_t raw_entry(struct domain *d, uint64_t gfn)
{
    mfn_t table = d->p2m.root;

    for (int level = 3;; level--) {
        uint64_t e = ((uint64_t *)mfn_to_virt(table))[(gfn >> (9 * level)) & 511];

        if (level == 0 || (e & (NPT_P | NPT_PS)) != NPT_P)
            return e;
        assert_int_equal(e & 0xfff, NPT_P | NPT_W | NPT_U);
        table = paddr_to_mfn(e & 0x000ffffffffff000);
    }
}

static enum p2m_type type_at(struct domain *d, uint64_t gfn)
{
    enum p2m_type type;

    p2m_lookup(d, GFN(gfn), &type, NULL);
    return type;
}

static uint64_t mfn_at(struct domain *d, uint64_t gfn)
{
    return p2m_lookup(d, GFN(gfn), NULL, NULL).n;
}

static void holes_are_holes(void **state)
{
    struct domain *d = harness_domain(1, 100);
    enum p2m_type type;
    unsigned int order;
    mfn_t m;

    (void)state;
    assert_false(mfn_valid_number(p2m_lookup(d, GFN(0), &type, &order)));
    assert_int_equal(type, P2M_HOLE);
    assert_int_equal(order, 27);
    assert_int_equal(type_at(d, ~0ull), P2M_HOLE);
    assert_int_equal(p2m_remove(d, GFN(5)), -ENOENT);
    assert_int_equal(p2m_remove(d, GFN(~0ull)), -ENOENT);
    assert_int_equal(p2m_get_frame(d, GFN(5), P2M_FRAME_TYPES, &m), -EINVAL);
    assert_int_equal(harness_flushes, 0);
    harness_check_memory();
}

static void frame_numbers_have_a_limit(void **state)
{
    struct domain *d = harness_domain(1, 100);

    (void)state;
    assert_int_equal(p2m_populate(d, GFN((1ull << 36) - 1), 0), 0);
    assert_int_equal(p2m_populate(d, GFN(1ull << 36), 0), -EINVAL);
    assert_int_equal(p2m_populate(d, GFN((1ull << 36) - 1), 1), -EINVAL);
    assert_int_equal(p2m_populate(d, GFN(~0ull), 0), -EINVAL);
    assert_int_equal(p2m_populate(d, GFN(~0ull), 5), -EINVAL);
    assert_int_equal(d->tot_pages, 1);
    assert_int_equal(d->p2m.max_gfn, (1ull << 36) - 1);
    harness_check_memory();
}

static void entries_have_the_bits_of_their_type(void **state)
{
    static const struct {
        enum p2m_type type;
        uint64_t bits;
    } expect[] = {
        { P2M_RAM, NPT_P | NPT_W | NPT_U },
        { P2M_RAM_RO, NPT_P | NPT_U },
        { P2M_MMIO, NPT_P | NPT_W | NPT_U | NPT_UC_MINUS | NPT_NX },
        { P2M_FOREIGN, NPT_P | NPT_W | NPT_U | NPT_NX },
        { P2M_GRANT, NPT_P | NPT_W | NPT_U | NPT_NX },
        { P2M_GRANT_RO, NPT_P | NPT_U | NPT_NX },
        { P2M_XENPAGE, NPT_P | NPT_W | NPT_U | NPT_NX },
        { P2M_ABSENT, 0 },
    };
    struct domain *d = harness_domain(1, 100);

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(expect); i++) {
        uint64_t e;

        assert_int_equal(p2m_set(d, GFN(i), MFN(0x123 + i), 0, expect[i].type), 0);
        e = raw_entry(d, i);
        assert_int_equal(e & 0x80f0000000000fff, expect[i].bits | (uint64_t)expect[i].type << 52);
        assert_int_equal(e & 0x000ffffffffff000,
                         expect[i].type == P2M_ABSENT ? 0 : (0x123ull + i) << 12);
        assert_int_equal(type_at(d, i), expect[i].type);
    }
}

static void large_ranges_get_large_entries(void **state)
{
    struct domain *d = harness_domain(1, 100);
    unsigned int order;

    (void)state;
    assert_int_equal(p2m_set(d, GFN(1 << 18), MFN(3 << 18), 18, P2M_MMIO), 0);
    assert_int_equal(d->p2m.table_pages, 2);
    assert_int_equal(p2m_lookup(d, GFN((1 << 18) + 12345), NULL, &order).n, (3 << 18) + 12345);
    assert_int_equal(order, ORDER_1G);
    assert_true(raw_entry(d, 1 << 18) & NPT_PS);
    assert_int_equal(p2m_set(d, GFN(512), MFN(1024), 9, P2M_MMIO), 0);
    assert_int_equal(mfn_at(d, 1023), 1535);
    /* not aligned, on either side */
    assert_int_equal(p2m_set(d, GFN(1025), MFN(1024), 9, P2M_MMIO), -EINVAL);
    assert_int_equal(p2m_set(d, GFN(2048), MFN(1025), 9, P2M_MMIO), -EINVAL);
    assert_int_equal(d->p2m.table_pages, 3);
    /* neighbours: large ones, small ones */
    assert_int_equal(p2m_set(d, GFN(2048), MFN(4096), 11, P2M_MMIO), 0);
    assert_int_equal(p2m_lookup(d, GFN(4095), NULL, &order).n, 4096 + 2047);
    assert_int_equal(order, ORDER_2M);
    assert_int_equal(p2m_set(d, GFN(1024 + 8), MFN(16), 3, P2M_MMIO), 0);
    assert_int_equal(mfn_at(d, 1024 + 15), 23);
    assert_int_equal(type_at(d, 1024 + 16), P2M_HOLE);
    /* an empty table there is filled in place, but not several tables */
    harness_populate(d, 1024 + 100, 1); /* its zeroes follow the new table */
    assert_int_equal(p2m_set(d, GFN(8192), MFN(0), 0, P2M_ABSENT), 0);
    assert_int_equal(p2m_set(d, GFN(8192), MFN(8192), 10, P2M_MMIO), -EEXIST);
    assert_int_equal(p2m_set(d, GFN(8192), MFN(8192), 9, P2M_MMIO), 0);
    assert_int_equal(p2m_lookup(d, GFN(8192 + 511), NULL, &order).n, 8192 + 511);
    assert_int_equal(order, ORDER_4K);
    harness_check_memory();
}

static void what_is_there_stays(void **state)
{
    struct domain *d = harness_domain(1, 10000);
    uint64_t free;

    (void)state;
    harness_populate(d, 700, 1);
    free = free_frames();
    assert_int_equal(p2m_set(d, GFN(700), MFN(1), 0, P2M_MMIO), -EEXIST);
    assert_int_equal(p2m_set(d, GFN(512), MFN(512), 9, P2M_MMIO), -EEXIST);
    assert_int_equal(p2m_set(d, GFN(0), MFN(0), 18, P2M_MMIO), -EEXIST);
    assert_int_equal(p2m_populate(d, GFN(700), 0), -EEXIST);
    assert_int_equal(p2m_populate(d, GFN(512), 9), -EEXIST);
    assert_int_equal(free_frames(), free);
    assert_int_equal(d->tot_pages, 1);
    assert_int_equal(type_at(d, 512), P2M_HOLE);
    harness_check_memory();
}

/* The frame at gfn 1000 must still be the domain's while the flush runs. */
static mfn_t flush_watch;
static void still_owned(struct domain *d)
{
    const struct frame *f = mfn_to_frame(flush_watch);

    assert_true(f->state == FRAME_DOMAIN && f->owner == d && f->count == 1);
    assert_int_equal(type_at(d, 1000), P2M_HOLE);
}

static void flush_comes_before_the_frame_goes(void **state)
{
    struct domain *d = harness_domain(1, 10000);

    (void)state;
    assert_int_equal(p2m_populate(d, GFN(512), 9), 0);
    assert_int_equal(harness_flushes, 0);
    flush_watch = p2m_lookup(d, GFN(1000), NULL, NULL);
    harness_on_flush = still_owned;
    assert_int_equal(p2m_remove(d, GFN(1000)), 0);
    assert_int_equal(harness_flushes, 1);
    assert_int_equal(mfn_to_frame(flush_watch)->state, FRAME_FREE);
    assert_int_equal(d->tot_pages, 511);
}

static void removing_splits_and_empty_tables_go(void **state)
{
    struct domain *d = harness_domain(1, 10000);
    uint64_t first, free = free_frames();
    unsigned int order;

    (void)state;
    assert_int_equal(p2m_populate(d, GFN(1024), 9), 0);
    first = mfn_at(d, 1024);
    assert_int_equal(d->p2m.table_pages, 3);
    assert_int_equal(p2m_remove(d, GFN(1024 + 100)), 0);
    assert_int_equal(d->p2m.table_pages, 4);
    for (unsigned int i = 0; i < 512; i++)
        assert_int_equal(mfn_at(d, 1024 + i), i == 100 ? ~0ull : first + i);
    p2m_lookup(d, GFN(1024), NULL, &order);
    assert_int_equal(order, ORDER_4K);
    assert_int_equal(raw_entry(d, 1024),
                     first << 12 | NPT_P | NPT_W | NPT_U | (uint64_t)P2M_RAM << 52);
    harness_check_memory();
    for (unsigned int i = 0; i < 512; i++)
        assert_int_equal(p2m_remove(d, GFN(1024 + i)), i == 100 ? -ENOENT : 0);
    assert_int_equal(d->p2m.table_pages, 1);
    assert_int_equal(free_frames(), free);
    harness_check_memory();
}

static void one_gigabyte_splits_twice(void **state)
{
    struct domain *d = harness_domain(1, 100);

    (void)state;
    assert_int_equal(p2m_set(d, GFN(1 << 18), MFN(1 << 18), 18, P2M_MMIO), 0);
    assert_int_equal(p2m_remove(d, GFN((1 << 18) + 777)), 0);
    assert_int_equal(type_at(d, (1 << 18) + 777), P2M_HOLE);
    for (uint64_t i = 0; i < 1 << 18; i += 111)
        assert_int_equal(mfn_at(d, (1 << 18) + i), i == 777 ? ~0ull : (1 << 18) + i);
    harness_check_memory();
}

static void batches_flush_once(void **state)
{
    struct domain *d = harness_domain(1, 10000);
    uint64_t free = free_frames();
    struct p2m_batch b;
    unsigned int order;
    mfn_t m;

    (void)state;
    harness_populate(d, 100, 20);
    assert_int_equal(p2m_populate(d, GFN(512), 9), 0);
    p2m_batch_init(&b, d);
    for (unsigned int i = 0; i < 20; i++)
        assert_int_equal(p2m_batch_remove(&b, GFN(100 + i), 0, P2M_ANY_TYPE, NULL), 0);
    m = p2m_lookup(d, GFN(1000), NULL, NULL);
    assert_int_equal(harness_flushes, 0);
    assert_int_equal(d->tot_pages, 532);
    /* As many frames as fit into one batch. */
    assert_int_equal(p2m_batch_remove(&b, GFN(600), 9, P2M_ANY_TYPE, &order), 0);
    assert_int_equal(order, 9);
    assert_int_equal(mfn_to_frame(m)->gfn, FRAME_GFN_NONE);
    assert_int_equal(p2m_batch_remove(&b, GFN(512), 9, P2M_ANY_TYPE, &order), -ENOENT);
    assert_int_equal(harness_flushes, 1);
    assert_int_equal(d->tot_pages, 0);
    p2m_batch_finish(&b);
    assert_int_equal(harness_flushes, 1);
    assert_int_equal(free_frames(), free);
    harness_check_memory();
}

static void removal_can_insist(void **state)
{
    struct domain *d = harness_domain(1, 10000);

    (void)state;
    harness_populate(d, 5, 1);
    assert_int_equal(p2m_remove_types(d, GFN(5), P2M_FRAME_TYPES & ~P2M_RAM_TYPES), -EINVAL);
    assert_int_equal(d->tot_pages, 1);
    assert_int_equal(p2m_remove_types(d, GFN(5), P2M_RAM_TYPES), 0);
    assert_int_equal(d->tot_pages, 0);
    harness_check_memory();
}

static void lookups_take_references(void **state)
{
    struct domain *d = harness_domain(1, 100);
    mfn_t m;

    (void)state;
    harness_populate(d, 5, 1);
    assert_int_equal(p2m_get_frame(d, GFN(5), P2M_FRAME_TYPES & ~P2M_RAM_TYPES, &m), -EINVAL);
    assert_int_equal(p2m_get_frame(d, GFN(5), 1u << P2M_RAM, &m), 0);
    assert_int_equal(mfn_to_frame(m)->count, 2);
    assert_int_equal(p2m_remove(d, GFN(5)), 0);
    /* removed from the p2m, but not freed while referenced */
    assert_int_equal(mfn_to_frame(m)->state, FRAME_DOMAIN);
    assert_int_equal(d->tot_pages, 1);
    harness_check_memory();
    frame_put(m);
    assert_int_equal(d->tot_pages, 0);

    m = alloc_domain(d, 0);
    assert_int_equal(p2m_set(d, GFN(6), m, 0, P2M_RAM_RO), 0);
    assert_int_equal(p2m_get_frame(d, GFN(6), P2M_WRITABLE_TYPES, &m), -EINVAL);
    assert_int_equal(p2m_get_frame(d, GFN(6), P2M_FRAME_TYPES, &m), 0);
    frame_put(m);
    assert_int_equal(p2m_set(d, GFN(7), MFN(0x80), 0, P2M_MMIO), 0);
    assert_int_equal(p2m_get_frame(d, GFN(7), P2M_FRAME_TYPES, &m), -EINVAL);
    harness_check_memory();
}

static void absent_ranges_fill_up(void **state)
{
    struct domain *d = harness_domain(1, 10000);
    unsigned int order;

    (void)state;
    assert_int_equal(p2m_set(d, GFN(1024), MFN(0), 10, P2M_ABSENT), 0);
    assert_int_equal(d->p2m.pages[P2M_ABSENT], 1024);
    p2m_lookup(d, GFN(1024), NULL, &order);
    assert_int_equal(order, ORDER_2M);
    harness_populate(d, 1030, 1);
    assert_int_equal(d->p2m.pages[P2M_ABSENT], 1023);
    assert_int_equal(type_at(d, 1031), P2M_ABSENT);
    assert_int_equal(p2m_populate(d, GFN(1536), 9), 0);
    assert_int_equal(d->p2m.pages[P2M_ABSENT], 511);
    p2m_lookup(d, GFN(1536), NULL, &order);
    assert_int_equal(order, ORDER_2M);
    assert_int_equal(p2m_remove(d, GFN(1024)), 0);
    assert_int_equal(d->p2m.pages[P2M_ABSENT], 510);
    harness_check_memory();
    harness_kill(d);
}

/* Whichever allocation fails, the operation takes place completely or not at all. */
static void failures_change_nothing(void **state)
{
    struct domain *d = harness_domain(1, 10000);
    bool finished = false;

    (void)state;
    harness_populate(d, 0, 3);
    for (unsigned int n = 1; !finished; n++) {
        uint64_t free = free_frames(), tables = d->p2m.table_pages;
        int rc;

        /* the frames, and two new tables */
        harness_fail_alloc(n);
        rc = p2m_populate(d, GFN(1 << 18), 4);
        finished = !harness_alloc_has_failed();
        harness_fail_alloc(0);
        harness_check_memory();
        if (rc == 0) {
            assert_true(finished && n == 4);
            for (unsigned int i = 0; i < 16; i++)
                assert_int_equal(type_at(d, (1 << 18) + i), P2M_RAM);
            continue;
        }
        assert_int_equal(rc, -ENOMEM);
        assert_int_equal(free_frames(), free);
        assert_int_equal(d->p2m.table_pages, tables);
        assert_int_equal(d->tot_pages, 3);
        assert_int_equal(type_at(d, 1 << 18), P2M_HOLE);
    }
    /* a split for a removal does not fail */
    assert_int_equal(p2m_populate(d, GFN(1024), 9), 0);
    harness_fail_alloc(1);
    assert_int_equal(p2m_remove(d, GFN(1024 + 5)), 0);
    harness_fail_alloc(0);
    harness_check_memory();
    harness_kill(d);
}

static void dom0_keeps_its_frames(void **state)
{
    struct domain *d = harness_domain(0, 2048), *guest = harness_domain(1, 100);
    mfn_t m;
    uint64_t free;
    uint8_t *byte;

    (void)state;
    harness_populate(d, 4096, 1024);
    free = free_frames();
    byte = harness_guest(d, gfn_to_gpa(GFN(4100)));
    *byte = 7;
    assert_int_equal(p2m_remove(d, GFN(4100)), 0);
    assert_int_equal(harness_flushes, 1);
    assert_int_equal(d->tot_pages, 1023);
    assert_int_equal(d->p2m.parked, 1);
    assert_int_equal(free_frames(), free);
    assert_int_equal(type_at(d, 4100), P2M_HOLE);
    harness_check_memory();
    assert_int_equal(p2m_remove(d, GFN(4100)), -ENOENT);

    assert_int_equal(p2m_populate(d, GFN(4100), 0), 0);
    assert_int_equal(mfn_at(d, 4100), 4100);
    assert_int_equal(*byte, 0);
    assert_int_equal(d->p2m.parked, 0);
    assert_int_equal(d->tot_pages, 1024);
    assert_int_equal(p2m_populate(d, GFN(4100), 0), -EINVAL);
    assert_int_equal(p2m_populate(d, GFN(9000), 0), -EINVAL);
    /* a foreign frame mapped at its own number is not parked, nor is any frame of a guest */
    m = alloc_domain(guest, 0);
    assert_int_equal(p2m_set(guest, GFN(m.n), m, 0, P2M_RAM), 0);
    assert_int_equal(frame_get(m), 0);
    assert_int_equal(p2m_set(d, GFN(m.n), m, 0, P2M_FOREIGN), 0);
    assert_int_equal(p2m_remove(d, GFN(m.n)), 0);
    assert_int_equal(mfn_to_frame(m)->count, 1);
    assert_int_equal(p2m_remove(guest, GFN(m.n)), 0);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
    assert_int_equal(d->p2m.parked + guest->p2m.parked, 0);
    assert_int_equal(p2m_populate(d, GFN(1ull << 35), 0), -EINVAL);
    harness_check_memory();
}

static void dom0_populates_all_or_nothing(void **state)
{
    struct domain *d = harness_domain(0, 1024);

    (void)state;
    harness_populate(d, 4096, 1024);
    for (unsigned int i = 0; i < 2; i++)
        assert_int_equal(p2m_remove(d, GFN(4096 + i)), 0);
    assert_int_equal(p2m_populate(d, GFN(4096), 1), -EINVAL); /* one by one */
    assert_int_equal(type_at(d, 4096), P2M_HOLE);
    d->max_pages = 1022;
    assert_int_equal(p2m_populate(d, GFN(4096), 0), -ENOMEM);
    d->max_pages = 1024;
    /* the address is in use: the frame stays parked */
    assert_int_equal(p2m_set(d, GFN(4097), MFN(0x90000), 0, P2M_MMIO), 0);
    assert_int_equal(p2m_populate(d, GFN(4097), 0), -EEXIST);
    assert_int_equal(d->p2m.parked, 2);
    assert_int_equal(d->tot_pages, 1022);
    harness_check_memory();
    assert_int_equal(p2m_remove(d, GFN(4097)), 0);
    for (unsigned int i = 0; i < 2; i++)
        assert_int_equal(p2m_populate(d, GFN(4096 + i), 0), 0);
    harness_check_memory();
}

static void foreign_maps_outlive_their_domain(void **state)
{
    struct domain *d0 = harness_domain(0, 1024), *d = harness_domain(1, 1000);
    uint64_t free = free_frames();
    mfn_t m;

    (void)state;
    harness_populate(d, 5, 10);
    assert_int_equal(p2m_get_frame(d, GFN(7), P2M_WRITABLE_TYPES, &m), 0);
    assert_int_equal(p2m_set(d0, GFN(0xc0000), m, 0, P2M_FOREIGN), 0);
    harness_check_memory();
    harness_kill(d);
    assert_int_equal(d->tot_pages, 1);
    assert_int_equal(d->refs, 1);
    assert_int_equal(mfn_to_frame(m)->count, 1);
    assert_int_equal(type_at(d0, 0xc0000), P2M_FOREIGN);
    assert_int_equal(p2m_remove(d0, GFN(0xc0000)), 0);
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(d->refs, 0);
    assert_int_equal(free_frames(), free + 1); /* d's root table */
    harness_check_memory();
}

static void dying_domains_get_nothing(void **state)
{
    struct domain *d = harness_domain(1, 1000);

    (void)state;
    d->dying = DOMAIN_DYING;
    assert_int_equal(p2m_populate(d, GFN(1), 0), -EINVAL);
    assert_int_equal(p2m_set(d, GFN(1), MFN(1), 0, P2M_MMIO), -EINVAL);
    assert_int_equal(p2m_teardown(d), 0);
    assert_int_equal(p2m_teardown(d), 0);
    assert_int_equal(type_at(d, 1), P2M_HOLE);
    assert_int_equal(p2m_remove(d, GFN(1)), -ENOENT);
    assert_int_equal(p2m_set(d, GFN(1), MFN(1), 0, P2M_MMIO), -EINVAL);
    harness_check_memory();
}

static void teardown_is_done_in_pieces(void **state)
{
    struct domain *d;
    uint64_t free = free_frames();
    unsigned int pieces = 0;

    (void)state;
    d = harness_domain(1, 20000);
    for (unsigned int i = 0; i < 8; i++)
        assert_int_equal(p2m_populate(d, GFN(i << 9), 9), 0);
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(p2m_populate(d, GFN((1ull << 30) + i * 1000), 0), 0);
    assert_int_equal(p2m_set(d, GFN(1ull << 33), MFN(1 << 18), 18, P2M_MMIO), 0);
    assert_int_equal(alloc_claim(d, 5000), 0);
    d->dying = DOMAIN_DYING;
    harness_preempt_every = 1;
    while (p2m_teardown(d) == -ERESTART) {
        pieces++;
        harness_check_memory();
    }
    assert_in_range(pieces, 1500, 1800); /* the lower halves of 200 tables, 32 entries at a time */
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(d->claimed, 0);
    assert_int_equal(d->p2m.table_pages, 0);
    assert_int_equal(free_frames(), free);
    harness_check_memory();
}

static void faults_of_a_guest(void **state)
{
    struct domain *d = harness_domain(1, 1000);
    struct vcpu *v = d->vcpu[0];
    mfn_t m;

    (void)state;
    harness_populate(d, 5, 1);
    assert_int_equal(fault_resolve(v, 0x5123, true, false), 0); /* another vcpu resolved it first */
    assert_int_equal(fault_resolve(v, 0x5123, false, true), 0);
    assert_int_equal(fault_resolve(v, 0x6000, false, false), -ENOENT);
    assert_int_equal(fault_resolve(v, 0xfee00000, true, false), -ENOENT);
    assert_int_equal(fault_resolve(v, ~0ull, true, false), -ENOENT);
    m = alloc_domain(d, 0);
    assert_int_equal(p2m_set(d, GFN(7), m, 0, P2M_RAM_RO), 0);
    assert_int_equal(fault_resolve(v, 0x7000, true, false), -EACCES);
    assert_int_equal(fault_resolve(v, 0x7000, false, true), 0);
    m = alloc_core(0);
    assert_int_equal(p2m_set(d, GFN(8), m, 0, P2M_XENPAGE), 0);
    assert_int_equal(fault_resolve(v, 0x8000, false, true), -EACCES);
    assert_int_equal(fault_resolve(v, 0x8000, true, false), 0);
}

static void device_memory_appears_when_touched(void **state)
{
    struct domain *d0 = harness_domain(0, 1000), *d = harness_domain(1, 1000);
    struct vcpu *v = d0->vcpu[0];
    unsigned int order;

    (void)state;
    mmio_hide(0x8000, 0xe0000);
    mmio_hide(0xe0300, 0xe0301);
    assert_true(mmio_allowed(d0, 0xe0000, 0xe0300));
    assert_false(mmio_allowed(d0, 0xdffff, 0xe0001));
    assert_false(mmio_allowed(d0, 0xe02ff, 0xe0301));
    assert_false(mmio_allowed(d0, 0xe0301, 0x10)); /* wraps past the end */
    assert_false(mmio_allowed(d, 0xe0000, 0xe0001));
    assert_false(mmio_allowed(d0, 0x100, 0x101));  /* machine RAM */
    assert_true(mmio_allowed(d0, 0x4000, 0x8000)); /* 64 MiB: past the end of RAM */

    assert_int_equal(fault_resolve(v, 0xe0000000, false, false), 0);
    assert_int_equal(p2m_lookup(d0, GFN(0xe0100), NULL, &order).n, 0xe0100);
    assert_int_equal(order, ORDER_2M);
    assert_int_equal(fault_resolve(v, 0xe0201000, true, false), 0);
    p2m_lookup(d0, GFN(0xe0201), NULL, &order);
    assert_int_equal(order, ORDER_4K);
    assert_int_equal(type_at(d0, 0xe0200), P2M_HOLE);
    assert_int_equal(fault_resolve(v, 0xe0201000, true, false), 0);
    assert_int_equal(mmio_map(d0, GFN(0xe0201), ORDER_2M), 0); /* another vcpu resolved it first */
    /* or for another page of these 2M */
    assert_int_equal(mmio_map(d0, GFN(0xe0202), ORDER_2M), 0);
    assert_int_equal(p2m_lookup(d0, GFN(0xe0202), NULL, NULL).n, 0xe0202);
    assert_int_equal(fault_resolve(v, 0xe0201000, false, true), -EACCES);
    assert_int_equal(fault_resolve(v, 0xe0300000, false, false), -ENOENT);
    assert_int_equal(fault_resolve(v, 0x100000, false, false), -ENOENT);
    assert_int_equal(fault_resolve(d->vcpu[0], 0xe0000000, false, false), -ENOENT);
    assert_panics(mmio_hide(2, 2));

    /* what msi.c emulates is unmapped, with its 2M entry, which is mapped again without it */
    mmio_forget(d0, 0xe0300, 0xe0301); /* nothing mapped there */
    harness_msi_start = 0xe0010, harness_msi_end = 0xe0011;
    mmio_forget(d0, 0xe0010, 0xe0011);
    assert_int_equal(type_at(d0, 0xe0100), P2M_HOLE);
    assert_int_equal(fault_resolve(v, 0xe0010000, false, false), -ENOENT);
    assert_int_equal(fault_resolve(v, 0xe0011000, false, false), 0);
    assert_int_equal(type_at(d0, 0xe0012), P2M_HOLE);
    harness_msi_end = 0;
    assert_int_equal(fault_resolve(v, 0xe0010000, false, false), 0);
    harness_check_memory();

    /* no memory for the table: logged, and nothing mapped */
    harness_fail_alloc(1);
    assert_int_equal(fault_resolve(v, 0x4000000, false, false), -ENOMEM);
    harness_fail_alloc(0);
    harness_check_memory();
}

/*
 * Compares with a model: an array of the expected entry at each frame number. Allocations fail now
 * and then.
 */
static void random_use_agrees_with_a_model(void **state)
{
    enum { GFNS = 4096 };
    static uint8_t model[GFNS];
    struct domain *d = harness_domain(1, 3000);
    uint32_t seed = 4711;

    (void)state;
    memset(model, P2M_HOLE, sizeof(model));
    for (unsigned int round = 0; round < 6000; round++) {
        unsigned int gfn, order, mapped = 0;
        int rc;

        seed = seed * 1664525 + 1013904223;
        gfn = (seed >> 8) % GFNS;
        order = (seed >> 28) < 2 ? 9 : (seed >> 28) % 4;
        if ((seed >> 27) & 1)
            gfn &= ~((1u << order) - 1);
        gfn = MIN(gfn, GFNS - (1u << order));
        for (unsigned int i = 0; i < 1u << order; i++)
            mapped += model[gfn + i] == P2M_RAM;
        harness_fail_alloc((seed >> 3) % 8 == 0 ? 1 + (seed >> 24) % 4 : 0);
        if ((seed >> 27) & 1) {
            rc = p2m_populate(d, GFN(gfn), order);
            assert_true(rc == 0 || rc == -ENOMEM || (rc == -EEXIST && mapped));
            assert_true(rc != 0 || !mapped);
            for (unsigned int i = 0; rc == 0 && i < 1u << order; i++)
                model[gfn + i] = P2M_RAM;
        } else {
            rc = p2m_remove(d, GFN(gfn));
            assert_int_equal(rc, model[gfn] == P2M_RAM ? 0 : -ENOENT);
            if (rc == 0)
                model[gfn] = P2M_HOLE;
        }
        harness_fail_alloc(0);
        if (round % 200 && round != 5999)
            continue;
        for (unsigned int i = 0; i < GFNS; i++)
            assert_int_equal(type_at(d, i), model[i]);
        harness_check_memory();
    }
    harness_kill(d);
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(d->refs, 0);
    harness_check_memory();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(holes_are_holes, harness_setup),
        cmocka_unit_test_setup(frame_numbers_have_a_limit, harness_setup),
        cmocka_unit_test_setup(entries_have_the_bits_of_their_type, harness_setup),
        cmocka_unit_test_setup(large_ranges_get_large_entries, harness_setup),
        cmocka_unit_test_setup(what_is_there_stays, harness_setup),
        cmocka_unit_test_setup(flush_comes_before_the_frame_goes, harness_setup),
        cmocka_unit_test_setup(removing_splits_and_empty_tables_go, harness_setup),
        cmocka_unit_test_setup(one_gigabyte_splits_twice, harness_setup),
        cmocka_unit_test_setup(batches_flush_once, harness_setup),
        cmocka_unit_test_setup(removal_can_insist, harness_setup),
        cmocka_unit_test_setup(lookups_take_references, harness_setup),
        cmocka_unit_test_setup(absent_ranges_fill_up, harness_setup),
        cmocka_unit_test_setup(failures_change_nothing, harness_setup),
        cmocka_unit_test_setup(dom0_keeps_its_frames, harness_setup),
        cmocka_unit_test_setup(dom0_populates_all_or_nothing, harness_setup),
        cmocka_unit_test_setup(foreign_maps_outlive_their_domain, harness_setup),
        cmocka_unit_test_setup(dying_domains_get_nothing, harness_setup),
        cmocka_unit_test_setup(teardown_is_done_in_pieces, harness_setup),
        cmocka_unit_test_setup(faults_of_a_guest, harness_setup),
        cmocka_unit_test_setup(device_memory_appears_when_touched, harness_setup),
        cmocka_unit_test_setup(random_use_agrees_with_a_model, harness_setup),
    };

    return cmocka_run_group_tests_name("p2m", tests, NULL, NULL);
}
