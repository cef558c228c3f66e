/* SPDX-License-Identifier: MIT */
/*
 * Accounting of the core's memory for a domain: a guest's pool limits it, dom0's is reserved, and
 * giving memory back needs none.
 */
#include "harness.h"
#include "dom0/mmio.h"
#include "guest/fault.h"
#include "mm/alloc.h"
#include "mm/frame.h"

#include <string.h>

#define DOM0_GFN (HARNESS_DOM0 >> PAGE_SHIFT)
#define DEVICES 0x40000000ull /* past the machine's memory: dom0's device memory */
#define GIB 0x40000000ull

static uint64_t free_frames(void)
{
    struct alloc_info info;

    alloc_info(&info);
    return info.free;
}

/* The guest allocates as much as it can, in its own memory. */
static void take_everything(struct domain *d)
{
    for (uint64_t gfn = 0x100000; p2m_populate(d, GFN(gfn), 0) == 0; gfn++)
        ;
    assert_int_equal(p2m_populate(d, GFN(0x80000), 0), -ENOMEM);
    while (mfn_valid_number(alloc_core(0)))
        ;
}

static enum p2m_type type_at(struct domain *d, uint64_t gfn)
{
    enum p2m_type type;

    p2m_lookup(d, GFN(gfn), &type, NULL);
    return type;
}

static void scattered_pages_fill_the_pool(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);
    uint64_t n = 0, free;

    (void)state;
    assert_int_equal(alloc_set_pool(d, 100), 0);
    while (p2m_populate(d, GFN(n << 18), 0) == 0)
        n++;
    assert_in_range(n, 45, 50); /* two tables each, and those above */
    assert_in_range(d->pool.used, 98, 100);
    free = free_frames();
    assert_int_equal(p2m_populate(d, GFN(n << 18), 0), -ENOMEM);
    assert_int_equal(p2m_populate(d, GFN(n << 18), 9), -ENOMEM);
    assert_int_equal(free_frames(), free);
    assert_int_equal(p2m_populate(d, GFN(1), 0), 0); /* where a table exists */
    assert_int_equal(alloc_set_pool(d, 104), 0);
    assert_int_equal(p2m_populate(d, GFN(n << 18), 0), 0);
    harness_check_memory();
    harness_kill(d);
    assert_int_equal(d->pool.used, 0);
}

static void a_pool_is_as_large_as_what_is_in_it(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);
    struct alloc_info info;

    (void)state;
    alloc_info(&info);
    assert_int_equal(alloc_set_pool(d, 300), 0);
    assert_int_equal(p2m_populate(d, GFN(512), 9), 0);
    assert_int_equal(d->pool.used, 4); /* three levels, and the spare table */
    assert_int_equal(alloc_set_pool(d, 3), 0);
    assert_int_equal(d->pool.size, 4);
    assert_int_equal(alloc_set_pool(d, info.total + 1), -ENOMEM);
    assert_int_equal(alloc_set_pool(d, ~0ull), -ENOMEM);
    assert_int_equal(d->pool.size, 4);
    assert_int_equal(p2m_populate(d, GFN(1024), 9), -ENOMEM);
    assert_int_equal(alloc_set_pool(d, 5), 0);
    assert_int_equal(p2m_populate(d, GFN(1024), 9), 0);
    assert_int_equal(alloc_set_pool(d, 0), 0);
    assert_int_equal(d->pool.size, 5);
    harness_check_memory();
}

/*
 * Removes page by page from 2M entries, forwards and backwards, with nothing free and no room in
 * the pool.
 */
static void giving_back_needs_no_memory(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20), *greedy = harness_domain(2, 1 << 20);

    (void)state;
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(p2m_populate(d, GFN(i * 512), 9), 0);
    assert_int_equal(d->p2m.spares, 4);
    assert_int_equal(alloc_set_pool(d, 0), 0);
    take_everything(greedy);
    assert_false(mfn_valid_number(alloc_core(0)));
    for (uint64_t i = 0; i < 4 * 512; i += 512 + 7)
        assert_int_equal(p2m_remove(d, GFN(i)), 0); /* one page out of each */
    assert_int_equal(d->p2m.spares, 0);
    assert_int_equal(d->tot_pages, 4 * 512 - 4);
    harness_check_memory();
    for (uint64_t i = 4 * 512; i-- > 0;)
        assert_int_equal(p2m_remove(d, GFN(i)), i % (512 + 7) ? 0 : -ENOENT);
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(d->p2m.table_pages, 1);
    assert_int_equal(d->pool.used, 1);
    harness_check_memory();
}

/* Exactly the entries that may be split have a spare table. */
static void spares_follow_the_entries(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);

    (void)state;
    assert_int_equal(p2m_set(d, GFN(1 << 18), MFN(1 << 18), 18, P2M_MMIO), 0);
    assert_int_equal(p2m_set(d, GFN(512), MFN(1 << 19), 9, P2M_MMIO), 0);
    assert_int_equal(d->p2m.spares, 0);
    assert_int_equal(p2m_set(d, GFN(1024), MFN(0), 10, P2M_ABSENT), 0);
    assert_int_equal(d->p2m.spares, 2);
    assert_int_equal(p2m_populate(d, GFN(1024), 9), 0); /* over an absent one */
    assert_int_equal(d->p2m.spares, 2);
    assert_int_equal(p2m_set(d, GFN(1536), MFN(1 << 19), 9, P2M_MMIO), 0);
    assert_int_equal(d->p2m.spares, 1);
    harness_check_memory();
    harness_fail_alloc(1); /* device memory by the page needs a table, and may fail */
    assert_int_equal(p2m_remove(d, GFN(512)), -ENOMEM);
    harness_fail_alloc(1);
    assert_int_equal(p2m_remove(d, GFN(1024)), 0);
    harness_fail_alloc(0);
    assert_int_equal(d->p2m.spares, 0);
    /* 1 GiB of anything else is 512 entries */
    assert_int_equal(p2m_set(d, GFN(2 << 18), MFN(0), 18, P2M_ABSENT), 0);
    assert_int_equal(d->p2m.spares, 512);
    harness_check_memory();
    harness_kill(d);
    assert_int_equal(d->pool.used, 0);
}

/*
 * Tables, spares and frames: whichever is missing, a large populate takes place completely or not
 * at all.
 */
static void large_populates_are_whole(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);
    uint64_t free = free_frames(), used = d->pool.used;
    bool finished = false;
    unsigned int n = 0;

    (void)state;
    while (!finished) {
        harness_fail_alloc(++n);
        int rc = p2m_populate(d, GFN(1 << 18), 9);
        finished = !harness_alloc_has_failed();
        harness_fail_alloc(0);
        assert_int_equal(rc, finished ? 0 : -ENOMEM);
        if (!finished)
            assert_int_equal(free_frames() + d->pool.used, free + used);
        harness_check_memory();
    }
    assert_int_equal(n, 1 + 2 + 1 + 1);
}

/* An entry is replaced in place, also the only one of its table, and one page of a large entry. */
static void replacing_needs_no_memory(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20), *greedy = harness_domain(2, 1 << 20);
    mfn_t core = alloc_core(0);

    (void)state;
    harness_populate(d, 5, 1);
    assert_int_equal(p2m_populate(d, GFN(512), 9), 0);
    assert_int_equal(alloc_set_pool(d, 0), 0);
    take_everything(greedy);
    mfn_t ram = p2m_lookup(d, GFN(5), NULL, NULL);
    assert_int_equal(frame_get(core), 0);
    assert_int_equal(p2m_replace(d, GFN(5), core, P2M_XENPAGE), 0);
    assert_int_equal(type_at(d, 5), P2M_XENPAGE);
    assert_int_equal(mfn_to_frame(ram)->state, FRAME_FREE);
    assert_int_equal(harness_flushes, 1);
    assert_int_equal(p2m_replace(d, GFN(512 + 3), core, P2M_FOREIGN), 0);
    assert_int_equal(frame_get(core), 0);
    assert_int_equal(type_at(d, 512 + 3), P2M_FOREIGN);
    assert_int_equal(type_at(d, 512 + 4), P2M_RAM);
    assert_int_equal(d->tot_pages, 511);
    harness_check_memory();
    /* a hole without a table needs memory, and nothing changes without it */
    assert_int_equal(p2m_replace(d, GFN(1 << 20), core, P2M_FOREIGN), -ENOMEM);
    assert_int_equal(type_at(d, 1 << 20), P2M_HOLE);
    assert_int_equal(p2m_replace(d, GFN(1ull << 36), core, P2M_FOREIGN), -EINVAL);
    d->dying = DOMAIN_DYING;
    assert_int_equal(p2m_replace(d, GFN(5), core, P2M_FOREIGN), -EINVAL);
    assert_int_equal(type_at(d, 5), P2M_XENPAGE);
    harness_check_memory();
}

/*
 * dom0 with 2 MiB of RAM in one entry, and a reserve of that many frames; a guest has allocated all
 * others.
 */
static struct domain *crowded(uint64_t reserve, struct domain **guest)
{
    struct domain *d = harness_domain(0, 1024);

    *guest = harness_domain(1, 1 << 20);
    alloc_assign(d, DOM0_GFN, DOM0_GFN + 512);
    assert_int_equal(p2m_set(d, GFN(DOM0_GFN), MFN(DOM0_GFN), ORDER_2M, P2M_RAM), 0);
    assert_int_equal(alloc_set_pool(d, d->pool.used + reserve), 0);
    take_everything(*guest);
    assert_int_equal(free_frames(), 0);
    return d;
}

static void dom0_has_a_reserve(void **state)
{
    struct domain *guest, *d = crowded(20, &guest);
    uint64_t touched = 0;

    (void)state;
    assert_false(mfn_valid_number(alloc_core(0)));
    assert_false(mfn_valid_number(alloc_pool(guest, 0)));
    assert_int_equal(alloc_claim(guest, guest->tot_pages + 1), -ENOMEM);
    harness_check_memory();
    /* first accesses to devices, a GiB apart: one table each, and one above for each 512 */
    while (fault_resolve(d->vcpu[0], DEVICES + touched * GIB, true, false) == 0)
        touched++;
    assert_in_range(touched, 19, 20);
    assert_int_equal(fault_resolve(d->vcpu[0], DEVICES + touched * GIB, true, false), -ENOMEM);
    harness_check_memory();
    /* what it gives back returns to its reserve first */
    mmio_forget(d, DEVICES >> PAGE_SHIFT, (DEVICES >> PAGE_SHIFT) + 1);
    assert_int_equal(p2m_populate(guest, GFN(0x80000), 0), -ENOMEM);
    assert_int_equal(fault_resolve(d->vcpu[0], DEVICES + touched * GIB, true, false), 0);
    /* beyond its reserve it gets free memory, but not claimed memory */
    assert_int_equal(p2m_remove(guest, GFN(0x100000)), 0);
    assert_int_equal(p2m_remove(guest, GFN(0x100001)), 0);
    assert_true(mfn_valid_number(alloc_pool(d, 0)));
    assert_true(mfn_valid_number(alloc_pool(d, 0)));
    assert_false(mfn_valid_number(alloc_pool(d, 0)));
    for (uint64_t i = 2; i < 300; i++)
        assert_int_equal(p2m_remove(guest, GFN(0x100000 + i)), 0);
    assert_int_equal(alloc_claim(guest, guest->tot_pages + 200), 0);
    for (uint64_t left = free_frames() + ALLOC_RESERVE - 200; left-- > 0;)
        assert_true(mfn_valid_number(alloc_pool(d, 0)));
    assert_false(mfn_valid_number(alloc_pool(d, 0)));
    harness_check_memory();
}

/* dom0 balloons pages out of one large entry and back, with nothing free. */
static void dom0_balloons_in_a_full_machine(void **state)
{
    struct domain *guest, *d = crowded(1, &guest);

    (void)state;
    for (uint64_t i = 0; i < 512; i++)
        assert_int_equal(p2m_remove(d, GFN(DOM0_GFN + (i * 7 + 5) % 512)), 0);
    assert_int_equal(d->p2m.parked, 512);
    harness_check_memory();
    for (uint64_t i = 0; i < 512; i++)
        assert_int_equal(p2m_populate(d, GFN(DOM0_GFN + i), 0), 0);
    assert_int_equal(d->tot_pages, 512);
    harness_check_memory();
}

static void the_reserve_must_be_there(void **state)
{
    struct domain *d = harness_domain(0, 1024), *guest = harness_domain(1, 1 << 20);
    uint64_t free = free_frames();

    (void)state;
    assert_int_equal(alloc_claim(guest, 1000), 0);
    assert_int_equal(alloc_set_pool(d, d->pool.used + free - 900), -ENOMEM);
    assert_int_equal(free_frames(), free);
    assert_int_equal(alloc_set_pool(d, d->pool.used + 5000), 0);
    assert_int_equal(free_frames(), free - 5000);
    assert_int_equal(alloc_set_pool(d, d->pool.used + 5000), 0);
    assert_int_equal(alloc_claim(guest, free - 5000), -ENOMEM); /* with its tables */
    assert_int_equal(alloc_claim(guest, free - 5000 - 200), 0);
    for (unsigned int i = 0; i < 5000; i++)
        assert_true(mfn_valid_number(alloc_pool(d, 0)));
    assert_true(mfn_valid_number(alloc_domain(guest, 9)));
    harness_check_memory();
}

static void a_reserve_can_be_given_up(void **state)
{
    struct domain *d = harness_domain(0, 1024);
    uint64_t free = free_frames();

    (void)state;
    assert_int_equal(alloc_set_pool(d, d->pool.used + 5000), 0);
    assert_int_equal(free_frames(), free - 5000);
    assert_int_equal(alloc_set_pool(d, 0), 0);
    assert_int_equal(free_frames(), free);
    harness_check_memory();
}

/* A claim shrinks by what was populated, not by what was attempted. */
static void failed_populates_keep_the_claim(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);

    (void)state;
    assert_int_equal(alloc_set_pool(d, 5), 0);
    assert_int_equal(alloc_claim(d, 1000), 0);
    assert_int_equal(p2m_populate(d, GFN(0), 0), 0);
    assert_int_equal(d->claimed, 999);
    assert_int_equal(p2m_populate(d, GFN(0), 0), -EEXIST);
    assert_int_equal(p2m_populate(d, GFN(0), 9), -EEXIST);
    assert_int_equal(p2m_populate(d, GFN(1ull << 36), 0), -EINVAL);
    assert_int_equal(p2m_populate(d, GFN(1 << 18), 9), -ENOMEM); /* no room in the pool */
    assert_int_equal(d->claimed, 999);
    assert_int_equal(p2m_populate(d, GFN(512), 9), 0);
    assert_int_equal(d->claimed, 999 - 512);
    harness_check_memory();
}

/* The overhead of a claim is for the claimer's tables: another guest's pool must not use it. */
static void a_claimers_tables_have_room(void **state)
{
    struct domain *a = harness_domain(1, 1 << 20), *b = harness_domain(2, 1 << 20);
    uint64_t claim = (free_frames() - 200) / 512 * 512;

    (void)state;
    assert_int_equal(alloc_claim(a, claim), 0);
    while (mfn_valid_number(alloc_pool(b, 0)))
        ;
    for (uint64_t gfn = 0; gfn < claim; gfn += 512)
        if (p2m_populate(a, GFN(gfn), 9)) /* no block of that size is left */
            for (uint64_t i = 0; i < 512; i++)
                assert_int_equal(p2m_populate(a, GFN(gfn + i), 0), 0);
    assert_int_equal(a->claimed, 0);
    harness_check_memory();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(scattered_pages_fill_the_pool, harness_setup),
        cmocka_unit_test_setup(a_pool_is_as_large_as_what_is_in_it, harness_setup),
        cmocka_unit_test_setup(giving_back_needs_no_memory, harness_setup),
        cmocka_unit_test_setup(spares_follow_the_entries, harness_setup),
        cmocka_unit_test_setup(large_populates_are_whole, harness_setup),
        cmocka_unit_test_setup(replacing_needs_no_memory, harness_setup),
        cmocka_unit_test_setup(dom0_has_a_reserve, harness_setup),
        cmocka_unit_test_setup(dom0_balloons_in_a_full_machine, harness_setup),
        cmocka_unit_test_setup(the_reserve_must_be_there, harness_setup),
        cmocka_unit_test_setup(a_reserve_can_be_given_up, harness_setup),
        cmocka_unit_test_setup(failed_populates_keep_the_claim, harness_setup),
        cmocka_unit_test_setup(a_claimers_tables_have_room, harness_setup),
    };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
