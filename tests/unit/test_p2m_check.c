/* SPDX-License-Identifier: MIT */
/* mm/p2m_check.c: it finds inconsistencies, and releases the lock between batches. */
#include "harness.h"
#include "mm/frame.h"
#include "percpu.h"

static void checker_finds_what_is_broken(void **state)
{
    struct domain *d = harness_domain(1, 1000), *other = harness_domain(2, 1000);
    mfn_t m;

    (void)state;
    harness_populate(d, 5, 2);
    harness_quiet = true;
    assert_int_equal(p2m_check(d), 0);
    d->p2m.pages[P2M_RAM]++;
    assert_int_equal(p2m_check(d), 1);
    d->p2m.pages[P2M_RAM]--;
    d->p2m.table_pages++;
    assert_int_equal(p2m_check(d), 1);
    d->p2m.table_pages--;
    mfn_to_frame(d->p2m.root)->count++;
    assert_int_equal(p2m_check(d), 1);
    mfn_to_frame(d->p2m.root)->count--;
    m = p2m_lookup(d, GFN(5), NULL, NULL);
    mfn_to_frame(m)->gfn = 6;
    assert_int_equal(p2m_check(d), 1);
    mfn_to_frame(m)->gfn = 5;
    mfn_to_frame(m)->owner = other;
    assert_int_equal(p2m_check(d), 1);
    mfn_to_frame(m)->owner = d;
    mfn_to_frame(m)->count = 0;
    assert_int_equal(p2m_check(d), 1);
    mfn_to_frame(m)->count = 1;
    assert_int_equal(p2m_check(d), 0);
}

static unsigned int pauses, changes_left;
static struct domain *changing;

static void count_pause(void)
{
    static uint64_t gfn = 0x100000;

    pauses++;
    assert_int_equal(cpus[0].held[LOCK_P2M], 0);
    if (changes_left == 0)
        return;
    changes_left--;
    /* each changes the sums */
    assert_int_equal(p2m_populate(changing, GFN(gfn++), ORDER_4K), 0);
}

/*
 * Entries of all sizes, and neighbours: the lock is released after each batch, and the sums are
 * correct.
 */
static void checker_lets_others_in(void **state)
{
    struct domain *d = harness_domain(1, 10000);

    (void)state;
    changing = d;
    pauses = changes_left = 0;
    for (unsigned int i = 0; i < 8; i++)
        assert_int_equal(p2m_populate(d, GFN(0x40000 + i * 512), ORDER_2M), 0);
    assert_int_equal(p2m_populate(d, GFN(0), ORDER_2M), 0);
    harness_populate(d, 512, 700);
    harness_populate(d, (1 << 27) + 511, 2);
    assert_int_equal(p2m_set(d, GFN(2 << 18), MFN(0x100000), ORDER_1G, P2M_MMIO), 0);
    assert_int_equal(p2m_set(d, GFN(0x41000), MFN_NONE, ORDER_2M, P2M_ABSENT), 0);
    harness_on_pause = count_pause;
    assert_int_equal(p2m_check(d), 0);
    assert_in_range(pauses, (9 * 512 + 702) / 128, (9 * 512 + 702) / 128 + 16);
    for (unsigned int n = 1; n < 80; n++) {
        changes_left = n;
        assert_int_equal(p2m_check(d), 0);
    }
    harness_quiet = true;
    for (unsigned int i = 0; i < 512; i += 73) { /* in any batch */
        mfn_t m = p2m_lookup(d, GFN(0x40400 + i), NULL, NULL);

        changes_left = 2;
        mfn_to_frame(m)->gfn++;
        assert_int_equal(p2m_check(d), 1);
        mfn_to_frame(m)->gfn--;
    }
    changes_left = 2;
    d->p2m.pages[P2M_RAM]++;
    assert_int_equal(p2m_check(d), 1);
    d->p2m.pages[P2M_RAM]--;
    d->p2m.spares++;
    assert_int_equal(p2m_check(d), 1);
    d->p2m.spares--;
    assert_int_equal(p2m_check(d), 0);
    harness_on_pause = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(checker_finds_what_is_broken, harness_setup),
        cmocka_unit_test_setup(checker_lets_others_in, harness_setup),
    };

    return cmocka_run_group_tests_name("p2m_check", tests, NULL, NULL);
}
