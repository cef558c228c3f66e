/* SPDX-License-Identifier: MIT */
/* mm/p2m_sample.c: what is drawn, what is counted, and that the 2M entries come back. */
#include "harness.h"
#include "mm/alloc.h"
#include "mm/p2m_internal.h"
#include "mm/p2m_sample.h"

#define REGION 512u
#define USED (3ull << 5) /* accessed and dirty */

/* The entry that maps gfn. */
static uint64_t *entry_of(struct domain *d, uint64_t gfn)
{
    uint64_t *path[TOP_LEVEL + 1];
    unsigned int level = p2m_walk(&d->p2m, GFN(gfn), path);

    return path[level];
}

static struct cleave_sample_begin begin_sample(struct domain *d, uint32_t pages)
{
    struct cleave_sample_begin op = { .pages = pages, .seed = 42 };
    long rc;

    do
        rc = p2m_sample_begin(d, &op);
    while (rc == -ERESTART);
    assert_int_equal(rc, 0);
    return op;
}

static struct cleave_sample_read read_sample(struct domain *d, bool end)
{
    struct cleave_sample_read op = { .end = end };
    long rc;

    do
        rc = p2m_sample_read(d, &op);
    while (rc == -ERESTART);
    assert_int_equal(rc, 0);
    return op;
}

/* 8 regions in use of 16 MiB, 8 absent ones, and a page far away. */
static struct domain *mixed_domain(void)
{
    struct domain *d = harness_domain(1, 1 << 20);

    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(p2m_populate(d, GFN(i * REGION), ORDER_2M), 0);
    for (uint64_t i = 8; i < 16; i++)
        assert_int_equal(p2m_set(d, GFN(i * REGION), MFN(0), ORDER_2M, P2M_ABSENT), 0);
    assert_int_equal(p2m_populate(d, GFN(0xfeff8), 0), 0);
    return d;
}

static void use(struct domain *d, uint64_t from, uint64_t to, uint64_t bits)
{
    for (uint64_t gfn = from; gfn < to; gfn++)
        if (entry_type(*entry_of(d, gfn)) == P2M_RAM)
            *entry_of(d, gfn) |= bits;
}

static void every_page_has_the_same_chance(void **state)
{
    struct domain *d = mixed_domain();
    uint64_t large = d->p2m.large;

    (void)state;
    harness_preempt_every = 2;
    use(d, 0, 8 * REGION, USED);
    struct cleave_sample_begin begun = begin_sample(d, 1000);
    assert_int_equal(begun.pages, 1000);
    assert_int_equal(begun.splits, 8);
    harness_check_memory();
    assert_int_equal(read_sample(d, false).accessed, 0);
    /* a quarter of its RAM is used: 2 of 8 regions; an eighth is written */
    use(d, 2 * REGION, 4 * REGION, 1 << 5);
    use(d, 3 * REGION, 4 * REGION, 1 << 6);
    struct cleave_sample_read seen = read_sample(d, false);
    assert_int_equal(seen.pages, 1000);
    assert_in_range(seen.accessed, 250 - 41, 250 + 41); /* three standard deviations */
    assert_in_range(seen.dirty, 125 - 31, 125 + 31);
    assert_int_equal(read_sample(d, false).accessed, seen.accessed);
    seen = read_sample(d, true);
    assert_int_equal(seen.joins, 8);
    assert_int_equal(d->p2m.large, large);
    assert_null(d->p2m.sample);
    harness_check_memory();
}

/* What the CPU has said about a part is not lost in the whole. */
static void joined_entries_keep_their_use(void **state)
{
    struct domain *d = mixed_domain();

    (void)state;
    (void)begin_sample(d, 1000);
    use(d, REGION + 77, REGION + 78, USED);
    (void)read_sample(d, true);
    assert_int_equal(*entry_of(d, REGION) & USED, USED);
    assert_int_equal(*entry_of(d, 0) & USED, 0);
    harness_check_memory();
}

static void gone_pages_are_not_counted(void **state)
{
    struct domain *d = mixed_domain();
    uint64_t absent = d->p2m.pages[P2M_ABSENT];

    (void)state;
    (void)begin_sample(d, 500);
    use(d, 0, 8 * REGION, 1 << 5);
    for (uint64_t gfn = 0; gfn < 4 * REGION; gfn++)
        assert_int_equal(p2m_remove(d, GFN(gfn)), 0);
    struct cleave_sample_read seen = read_sample(d, true);
    assert_in_range(seen.pages, 250 - 40, 250 + 40);
    assert_int_equal(seen.accessed, seen.pages);
    assert_in_range(seen.joins, 4, 4);
    assert_int_equal(d->p2m.pages[P2M_ABSENT], absent);
    harness_check_memory();
}

/* A guest with hardly any RAM gets a smaller sample, in bounded time. */
static void little_ram_is_a_small_sample(void **state)
{
    struct domain *none = harness_domain(1, 1 << 20), *few = harness_domain(2, 1 << 20);
    struct cleave_sample_begin op = { .pages = 0 };
    struct cleave_sample_read read = { .end = 0 };

    (void)state;
    assert_int_equal(begin_sample(none, 1000).pages, 0);
    assert_int_equal(p2m_populate(few, GFN(3), 0), 0);
    assert_in_range(begin_sample(few, 1000).pages, 20, 300); /* the same one each time */
    assert_int_equal(read_sample(few, true).accessed, 0);
    assert_int_equal(p2m_sample_begin(few, &op), -EINVAL);
    op.pages = CLEAVE_SAMPLE_MAX + 1;
    assert_int_equal(p2m_sample_begin(few, &op), -EINVAL);
    assert_int_equal(p2m_sample_read(few, &read), -ENOENT);
    op.pages = 1;
    harness_fail_alloc(1);
    assert_int_equal(p2m_sample_begin(few, &op), -ENOMEM);
    assert_int_equal(p2m_sample_read(few, &read), -ENOENT);
    p2m_sample_free(none);
    harness_check_memory();
}

int main(void)
{
#define SAMPLE_TEST(function) cmocka_unit_test_setup(function, harness_setup)
    const struct CMUnitTest tests[] = {
        SAMPLE_TEST(every_page_has_the_same_chance),
        SAMPLE_TEST(joined_entries_keep_their_use),
        SAMPLE_TEST(gone_pages_are_not_counted),
        SAMPLE_TEST(little_ram_is_a_small_sample),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
