/* SPDX-License-Identifier: MIT */
/*
 * Two CPUs on the same memory at once: a guest that populates and removes its pages as fast as it
 * can, while dom0 maps, unmaps and copies them. In any order, no frame changes its owner while it
 * is referenced, and in the end all counts agree. Each CPU is a thread; the locks are the core's
 * own.
 */
#include "harness.h"
#include "directmap.h"
#include "mm/frame.h"

#define PAGES 4
#define ROUNDS 20000

static struct domain *dom0_, *dom;

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Each of its pages begins with its own number. */
static void guest_cpu(void)
{
    uint32_t seed = 1;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t gfn = next(&seed) % PAGES, word = ~gfn;

        if (p2m_populate(dom, GFN(gfn), 0) == 0)
            BUG_ON(guest_write_physical(dom, gfn << PAGE_SHIFT, &word, sizeof(word)));
        else
            BUG_ON(p2m_remove(dom, GFN(gfn)));
    }
}

/* dom0 reads either a fresh page or the page's own number, never another page's contents. */
static void dom0_cpu(void)
{
    uint32_t seed = 2;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t gfn = next(&seed) % PAGES, word = 0, at = 0x1000 + next(&seed) % PAGES;
        mfn_t m;

        if (p2m_get_frame(dom, GFN(gfn), P2M_WRITABLE_TYPES, &m))
            continue;
        word = READ_ONCE(*(uint64_t *)mfn_to_virt(m));
        BUG_ON(word && word != ~gfn);
        if (p2m_set(dom0_, GFN(at), m, 0, P2M_FOREIGN) == 0)
            continue;
        frame_put(m);
        BUG_ON(p2m_remove(dom0_, GFN(at)));
        BUG_ON(guest_read_physical(dom, &word, gfn << PAGE_SHIFT, sizeof(word)) == 0 && word &&
               word != ~gfn);
    }
}

static void counts_agree_after_a_race(void **state)
{
    (void)state;
    dom0_ = harness_domain(0, 1000);
    dom = harness_domain(1, 1000);
    harness_slow_unlock = true;
    harness_run_cpus((void (*const[])(void)){ dom0_cpu, guest_cpu }, 2);
    harness_slow_unlock = false;
    harness_check_memory();
    harness_kill(dom);
    for (unsigned int i = 0; i < PAGES; i++)
        (void)p2m_remove(dom0_, GFN(0x1000 + i));
    assert_int_equal(dom->tot_pages, 0);
    assert_int_equal(dom->refs, 0);
    harness_check_memory();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts_agree_after_a_race, harness_setup),
    };

    return cmocka_run_group_tests_name("memory_race", tests, NULL, NULL);
}
