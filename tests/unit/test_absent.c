/* SPDX-License-Identifier: MIT */
/*
 * Absent pages (mm/p2m_absent.c), promises and budgets (mm/alloc.c): what a touch fills, who waits,
 * what comes back, and what nobody else can take.
 */
#include "harness.h"
#include "cpu/softirq.h"
#include "directmap.h"
#include "guest/fault.h"
#include "mm/alloc.h"
#include "mm/p2m_internal.h"
#include "percpu.h"
#include "public/cleave.h"

#include <string.h>

#define REGION 512u

static uint64_t free_frames(void)
{
    struct alloc_info info;

    alloc_info(&info);
    return info.free;
}

static enum p2m_type type_at(struct domain *d, uint64_t gfn, unsigned int *order)
{
    enum p2m_type type;

    (void)p2m_lookup(d, GFN(gfn), &type, order);
    return type;
}

/* A domain with so many absent regions of 2 MiB from address 0 on. */
static struct domain *absent_domain(domid_t id, unsigned int regions)
{
    struct domain *d = harness_domain(id, 1 << 20);

    for (uint64_t i = 0; i < regions; i++)
        assert_int_equal(p2m_set(d, GFN(i * REGION), MFN(0), ORDER_2M, P2M_ABSENT), 0);
    return d;
}

static int touch(struct domain *d, uint64_t gfn)
{
    return fault_resolve(d->vcpu[0], gfn << PAGE_SHIFT, true, false);
}

static bool waits(struct domain *d)
{
    bool did = d->vcpu[0]->wait == WAIT_MEMORY;

    d->vcpu[0]->wait = WAIT_NONE;
    return did;
}

static void a_touch_fills_a_region_or_a_page(void **state)
{
    struct domain *d = absent_domain(1, 4);
    unsigned int order;

    (void)state;
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(d->p2m.pages[P2M_ABSENT], 4 * REGION);
    assert_int_equal(d->p2m.max_gfn, 4 * REGION - 1);
    harness_check_memory();
    assert_int_equal(touch(d, REGION + 7), 0);
    assert_int_equal(type_at(d, REGION, &order), P2M_RAM);
    assert_int_equal(order, ORDER_2M);
    assert_int_equal(d->tot_pages, REGION);
    assert_int_equal(d->p2m.filled, REGION);
    harness_check_memory();
    for (unsigned int i = 0; i < REGION; i++)
        assert_int_equal(*(uint64_t *)harness_guest(d, (REGION + i) << PAGE_SHIFT), 0);
    /* no room for a region */
    assert_int_equal(alloc_set_memory(d, 0, REGION + CLEAVE_MEMORY_SLACK), 0);
    d->page_ceiling = d->page_budget = REGION + 2;
    assert_int_equal(touch(d, 5), 0);
    assert_int_equal(type_at(d, 5, &order), P2M_RAM);
    assert_int_equal(order, ORDER_4K);
    assert_int_equal(type_at(d, 6, &order), P2M_ABSENT);
    assert_int_equal(touch(d, 5), 0);
    assert_int_equal(d->tot_pages, REGION + 1);
    harness_check_memory();
}

/* A touch needs no memory but the frame: neither a full pool nor a full machine fails it. */
static void a_touch_needs_no_table(void **state)
{
    struct domain *d = absent_domain(1, 2);

    (void)state;
    assert_int_equal(alloc_set_pool(d, 0), 0);
    assert_int_equal(touch(d, 3), 0);
    assert_int_equal(d->tot_pages, REGION);
    d->max_pages = REGION + 1;
    assert_int_equal(touch(d, REGION), 0);
    assert_int_equal(d->tot_pages, REGION + 1);
    harness_check_memory();
}

static void over_budget_a_touch_waits(void **state)
{
    struct domain *d = absent_domain(1, 2);

    (void)state;
    assert_int_equal(alloc_set_memory(d, 0, 3), 0);
    d->page_ceiling = 3;
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(touch(d, i), 0);
        *(uint64_t *)harness_guest(d, i << PAGE_SHIFT) = 1;
        assert_false(waits(d));
    }
    harness_preempt_every = 0;
    assert_int_equal(touch(d, 3), 0);
    assert_true(waits(d));
    assert_true(d->vcpu[0]->exit_again);
    assert_int_equal(type_at(d, 3, NULL), P2M_ABSENT);
    /* whoever gives memory, or raises the budget, wakes it */
    assert_false(alloc_has_room(d));
    cpus[0].softirq = 0;
    assert_int_equal(alloc_set_memory(d, 0, 4), 0);
    assert_true(cpus[0].softirq & 1u << SOFTIRQ_MEMORY);
    assert_int_equal(touch(d, 3), 0);
    assert_false(waits(d));
    *(uint64_t *)harness_guest(d, 3 << PAGE_SHIFT) = 1;
    assert_int_equal(touch(d, 4), 0);
    assert_true(waits(d));
    assert_false(alloc_has_room(d));
    cpus[0].softirq = 0;
    assert_int_equal(p2m_remove(d, GFN(0)), 0);
    assert_true(cpus[0].softirq & 1u << SOFTIRQ_MEMORY);
    harness_check_memory();
}

/* A budget below what a guest has takes nothing, but it gets no more than the slack again. */
static void a_lower_budget_follows_the_guest(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);

    (void)state;
    harness_populate(d, 0, 2000);
    assert_int_equal(alloc_set_memory(d, 0, 100), 0);
    assert_int_equal(d->page_ceiling, 2000 + CLEAVE_MEMORY_SLACK);
    assert_int_equal(p2m_remove(d, GFN(0)), 0);
    assert_int_equal(d->page_ceiling, 1999 + CLEAVE_MEMORY_SLACK);
    assert_int_equal(p2m_populate(d, GFN(0), 0), 0);
    assert_int_equal(d->page_ceiling, 1999 + CLEAVE_MEMORY_SLACK);
    for (uint64_t gfn = 0; gfn < 2000; gfn++)
        assert_int_equal(p2m_remove(d, GFN(gfn)), 0);
    assert_int_equal(d->page_ceiling, CLEAVE_MEMORY_SLACK);
    for (uint64_t gfn = 0; gfn < CLEAVE_MEMORY_SLACK; gfn++)
        assert_int_equal(p2m_populate(d, GFN(gfn), 0), 0);
    assert_int_equal(p2m_populate(d, GFN(CLEAVE_MEMORY_SLACK), 0), -ENOMEM);
    assert_int_equal(alloc_set_memory(d, 0, 0), 0);
    assert_int_equal(p2m_populate(d, GFN(CLEAVE_MEMORY_SLACK), 0), 0);
    harness_check_memory();
}

static void the_core_reads_zeroes_and_fills_what_it_writes(void **state)
{
    struct domain *d = absent_domain(1, 2);
    uint64_t value = 1, words[2] = { 5, 6 };
    struct guest_pin pin;

    (void)state;
    assert_int_equal(alloc_set_memory(d, 0, 2), 0);
    d->page_ceiling = 2;
    assert_int_equal(guest_read_physical(d, &value, 0x1000, sizeof(value)), 0);
    assert_int_equal(value, 0);
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(guest_write_physical(d, 0x1ff8, words, sizeof(words)), 0);
    assert_int_equal(d->tot_pages, 2);
    assert_int_equal(guest_read_physical(d, &value, 0x2000, sizeof(value)), 0);
    assert_int_equal(value, 6);
    assert_int_equal(cpus[0].softirq & 1u << SOFTIRQ_MEMORY, 0);
    /* beyond the budget it goes on, and its vcpu waits afterwards */
    assert_int_equal(guest_write_physical(d, 0x5000, words, sizeof(words)), 0);
    assert_true(cpus[0].softirq & 1u << SOFTIRQ_MEMORY);
    assert_true(alloc_is_overdrawn(d));
    assert_int_equal(guest_pin(d, GFN(6), &pin), 0);
    assert_int_equal(d->tot_pages, 4);
    guest_unpin(&pin);
    harness_check_memory();
    /* not for ever */
    int rc = 0;
    for (uint64_t gfn = 7; !rc && gfn < REGION; gfn++)
        rc = guest_write_physical(d, gfn << PAGE_SHIFT, words, sizeof(words));
    assert_int_equal(rc, -ENOMEM);
    assert_in_range(d->tot_pages, 2 + 32, 2 + 128);
    harness_check_memory();
}

/* For another domain, a lookup stays in the budget. */
static void a_lookup_fills(void **state)
{
    struct domain *d = absent_domain(1, 1);
    mfn_t mfn;

    (void)state;
    assert_int_equal(alloc_set_memory(d, 0, 1), 0);
    d->page_ceiling = 1;
    assert_int_equal(p2m_get_frame(d, GFN(9), P2M_FRAME_TYPES, &mfn), 0);
    assert_int_equal(mfn_to_frame(mfn)->count, 2);
    frame_put(mfn);
    assert_int_equal(p2m_get_frame(d, GFN(10), P2M_FRAME_TYPES, &mfn), -ENOENT);
    assert_int_equal(p2m_get_frame(d, GFN(10), 1u << P2M_XENPAGE, &mfn), -EINVAL);
    harness_check_memory();
}

static unsigned int sweep_all(struct domain *d)
{
    unsigned int steps = 0;

    while (p2m_sweep(d))
        assert_true(++steps < 1000000);
    return steps;
}

static void frames_of_zeroes_come_back(void **state)
{
    struct domain *d = absent_domain(1, 3);
    struct guest_pin pin;
    unsigned int order;

    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(touch(d, i * REGION), 0);
    *(uint64_t *)harness_guest(d, 3 << PAGE_SHIFT) = 1;
    *((uint64_t *)harness_guest(d, (REGION + 511) << PAGE_SHIFT) + 511) = 1;
    assert_int_equal(guest_pin(d, GFN(4), &pin), 0);
    (void)sweep_all(d);
    assert_int_equal(d->tot_pages, 3);
    assert_int_equal(d->p2m.zeroes, 3 * REGION - 3);
    assert_int_equal(type_at(d, 3, &order), P2M_RAM);
    assert_int_equal(type_at(d, 4, &order), P2M_RAM);
    assert_int_equal(type_at(d, 2 * REGION, &order), P2M_ABSENT);
    assert_int_equal(order, ORDER_2M); /* joined */
    harness_check_memory();
    guest_unpin(&pin);
    (void)sweep_all(d);
    assert_int_equal(d->tot_pages, 2);
    assert_int_equal(touch(d, 4), 0);
    assert_int_equal(*(uint64_t *)harness_guest(d, 4 << PAGE_SHIFT), 0);
    harness_check_memory();
}

static void write_meanwhile(struct domain *d)
{
    /* through a translation that another CPU still holds: the frame is not in the p2m now */
    for (uint64_t n = 0; n < frame_count; n++)
        if (frame_table[n].state == FRAME_DOMAIN && frame_table[n].owner == d)
            *(uint64_t *)mfn_to_virt(MFN(n)) = 77;
}

/* A page that is written between the first look and the flush is kept, with what was written. */
static void a_write_during_the_sweep_is_not_lost(void **state)
{
    struct domain *d = absent_domain(1, 1);

    (void)state;
    d->max_pages = 100;
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(touch(d, i), 0);
    harness_on_flush = write_meanwhile;
    (void)sweep_all(d);
    assert_int_equal(d->tot_pages, 20);
    assert_int_equal(d->p2m.zeroes, 0);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(*(uint64_t *)harness_guest(d, i << PAGE_SHIFT), 77);
    harness_check_memory();
}

/* Before it waits, a vcpu gets what is found, even if the search is interrupted again and again. */
static void a_sweep_saves_from_waiting(void **state)
{
    struct domain *d = absent_domain(1, 4);

    (void)state;
    d->max_pages = REGION;
    assert_int_equal(touch(d, 0), 0);
    for (uint64_t i = 0; i < 500; i++)
        *(uint64_t *)harness_guest(d, i << PAGE_SHIFT) = i + 1;
    harness_preempt_every = 1;
    for (unsigned int i = 0; type_at(d, 3 * REGION, NULL) == P2M_ABSENT; i++) {
        assert_int_equal(touch(d, 3 * REGION), 0);
        assert_true(i < 1000);
    }
    assert_false(waits(d));
    for (uint64_t i = 0; i < 500; i++)
        assert_int_equal(*(uint64_t *)harness_guest(d, i << PAGE_SHIFT), i + 1);
    harness_check_memory();
}

static void absent_pages_are_given_back_once(void **state)
{
    struct domain *d = absent_domain(1, 2);
    uint32_t types = P2M_RAM_TYPES | 1u << P2M_ABSENT;

    (void)state;
    assert_int_equal(p2m_remove_types(d, GFN(5), types), 0);
    assert_int_equal(p2m_remove_types(d, GFN(5), types), -ENOENT);
    assert_int_equal(d->p2m.pages[P2M_ABSENT], 2 * REGION - 1);
    harness_check_memory();
    assert_int_equal(touch(d, 5), -ENOENT);
    assert_int_equal(p2m_populate(d, GFN(5), 0), 0);
    assert_int_equal(p2m_populate(d, GFN(6), 0), 0); /* it was absent */
    assert_int_equal(d->p2m.pages[P2M_ABSENT], 2 * REGION - 2);
    assert_int_equal(d->tot_pages, 2);
    for (uint64_t gfn = 0; gfn < 2 * REGION; gfn++)
        assert_int_equal(p2m_remove_types(d, GFN(gfn), types), 0);
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(d->p2m.pages[P2M_ABSENT], 0);
    harness_check_memory();
}

static void promises_bind_others_for_life(void **state)
{
    struct domain *a = absent_domain(1, 4), *b = harness_domain(2, 1 << 20);
    uint64_t free = free_frames(), got = 0;

    (void)state;
    assert_int_equal(alloc_set_memory(a, 1000, 2000), 0);
    assert_int_equal(a->claimed, 1000);
    assert_int_equal(alloc_set_memory(a, 2001, 2000), -EINVAL);
    assert_int_equal(alloc_set_memory(a, free + 1, 0), -ENOMEM);
    assert_int_equal(alloc_set_memory(b, free - 900, 0), -ENOMEM);
    assert_int_equal(a->claimed, 1000);
    while (p2m_populate(b, GFN(got), 0) == 0)
        got++;
    harness_check_memory();
    assert_false(waits(a));
    for (uint64_t gfn = 0; gfn < 1000; gfn++) {
        assert_int_equal(touch(a, gfn), 0);
        assert_false(waits(a));
    }
    assert_in_range(a->tot_pages, 1000, 1000);
    assert_int_equal(a->claimed, 0);
    harness_check_memory();
    /* what it gives back stays its own */
    for (uint64_t gfn = 0; gfn < 300; gfn++)
        assert_int_equal(p2m_remove(a, GFN(gfn)), 0);
    assert_int_equal(a->claimed, 300);
    unsigned int more = 0; /* less promised: a smaller margin */
    for (; p2m_populate(b, GFN(got), 0) == 0; got++)
        more++;
    assert_in_range(more, 0, 3);
    for (uint64_t gfn = 0; gfn < 300; gfn++)
        assert_int_equal(p2m_populate(a, GFN(gfn), 0), 0);
    harness_check_memory();
    harness_kill(a);
    harness_check_memory();
    assert_int_equal(p2m_populate(b, GFN(got), 0), 0);
}

/* What a builder populates by large extents is absent, and nobody else can take its frames. */
static void absent_pages_that_are_owed_always_fill(void **state)
{
    struct domain *a = harness_domain(1, 2 * REGION + 10), *b = harness_domain(2, 1 << 20);
    uint32_t types = P2M_RAM_TYPES | 1u << P2M_ABSENT;
    uint64_t got = 0, more;

    (void)state;
    assert_int_equal(p2m_populate_absent(a, GFN(0), ORDER_2M), 0);
    assert_int_equal(p2m_populate_absent(a, GFN(REGION), ORDER_2M), 0);
    assert_int_equal(a->tot_pages, 0);
    assert_int_equal(a->claimed, 2 * REGION);
    /* the limit counts what is owed, a claim does not come on top */
    assert_int_equal(p2m_populate(a, GFN(3 * REGION), 0), 0);
    assert_int_equal(p2m_populate_absent(a, GFN(4 * REGION), ORDER_2M), -ENOMEM);
    for (unsigned int i = 1; i < 10; i++)
        assert_int_equal(p2m_populate(a, GFN(3 * REGION + i), 0), 0);
    assert_int_equal(p2m_populate(a, GFN(3 * REGION + 10), 0), -ENOMEM);
    assert_int_equal(alloc_claim(a, 2 * REGION + 10), 0);
    assert_int_equal(a->claimed, 2 * REGION);
    assert_int_equal(alloc_claim(a, 0), 0);
    assert_int_equal(a->claimed, 2 * REGION);
    while (p2m_populate(b, GFN(got), 0) == 0)
        got++;
    harness_check_memory();
    /* nor by the domain itself, for anything else */
    assert_int_equal(a->claimed, 2 * REGION);
    a->max_pages = 1 << 20;
    for (more = 0; p2m_populate(a, GFN(4 * REGION + more), 0) == 0; more++)
        ;
    assert_int_equal(p2m_populate_absent(a, GFN(6 * REGION), 0), -ENOMEM);
    assert_int_equal(a->claimed, 2 * REGION);
    /* the core's writes and touches, page by page and by 2 MiB */
    assert_int_equal(p2m_remove_types(a, GFN(1), types), 0);
    assert_int_equal(a->claimed, 2 * REGION - 1);
    for (uint64_t gfn = 0; gfn < REGION; gfn++)
        assert_int_equal(touch(a, gfn), gfn == 1 ? -ENOENT : 0);
    assert_int_equal(a->claimed, REGION);
    assert_int_equal(touch(a, REGION), 0);
    assert_false(waits(a));
    assert_int_equal(a->claimed, 0);
    assert_int_equal(a->tot_pages, 2 * REGION + 9 + more);
    harness_check_memory();
    /* what a guest gives back of its frames is not promised to it */
    assert_int_equal(p2m_remove(a, GFN(REGION)), 0);
    assert_int_equal(a->claimed, 0);
    harness_kill(a);
    harness_check_memory();
}

/* A balloon returns pages in any order: when all of a region are back, one touch fills it. */
static void what_a_balloon_returns_is_large_again(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);
    unsigned int order;
    uint64_t tables;

    (void)state;
    assert_int_equal(p2m_populate_absent(d, GFN(0), ORDER_2M), 0);
    assert_int_equal(p2m_populate_absent(d, GFN(REGION), ORDER_2M), 0);
    assert_int_equal(touch(d, 0), 0);
    tables = d->p2m.table_pages;
    for (uint64_t gfn = 0; gfn < REGION; gfn++)
        assert_int_equal(p2m_remove(d, GFN(gfn)), 0);
    assert_int_equal(d->tot_pages, 0);
    for (uint64_t i = 0; i < REGION; i++)
        assert_int_equal(p2m_populate_absent(d, GFN((i * 7 + 3) % REGION), ORDER_4K), 0);
    assert_int_equal(type_at(d, 5, &order), P2M_ABSENT);
    assert_int_equal(order, ORDER_2M);
    assert_int_equal(d->p2m.table_pages, tables);
    assert_int_equal(d->claimed, 2 * REGION);
    harness_check_memory();
    assert_int_equal(touch(d, 5), 0);
    assert_int_equal(type_at(d, 5, &order), P2M_RAM);
    assert_int_equal(order, ORDER_2M);
    /* a page that has a frame keeps its region apart */
    for (uint64_t gfn = 1; gfn < REGION; gfn++)
        assert_int_equal(p2m_remove(d, GFN(gfn)), 0);
    for (uint64_t gfn = 1; gfn < REGION; gfn++)
        assert_int_equal(p2m_populate_absent(d, GFN(gfn), ORDER_4K), 0);
    assert_int_equal(type_at(d, 5, &order), P2M_ABSENT);
    assert_int_equal(order, ORDER_4K);
    harness_check_memory();
}

/* A lower budget stops growth, not what the domain has been given already. */
static void what_is_owed_fills_under_a_lower_budget(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);

    (void)state;
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(p2m_populate_absent(d, GFN(i * REGION), ORDER_2M), 0);
    assert_int_equal(alloc_set_memory(d, 0, REGION), 0);
    for (uint64_t gfn = 0; gfn < 4 * REGION; gfn++)
        assert_int_equal(touch(d, gfn), 0);
    assert_false(waits(d));
    assert_false(alloc_is_overdrawn(d));
    assert_int_equal(d->tot_pages, 4 * REGION);
    harness_check_memory();
    /* what is withdrawn waits like other absent pages, and others may have its frames */
    assert_int_equal(alloc_set_memory(d, 0, 0), 0);
    assert_int_equal(p2m_populate_absent(d, GFN(4 * REGION), ORDER_2M), 0);
    assert_int_equal(alloc_set_memory(d, 0, 4 * REGION), 0);
    d->page_ceiling = 4 * REGION;
    assert_int_equal(d->claimed, REGION);
    assert_true(alloc_fits(d, 1));
    alloc_owe_at_most(d, 0);
    assert_int_equal(d->claimed, 0);
    assert_false(alloc_fits(d, 1));
    assert_int_equal(p2m_remove_types(d, GFN(4 * REGION), 1u << P2M_ABSENT), 0);
    harness_check_memory();
    assert_int_equal(alloc_set_memory(d, 0, REGION), 0);
    /* a balloon may return what it took, a little above the least that the domain has had since */
    for (uint64_t gfn = 0; gfn < 3 * REGION; gfn++)
        assert_int_equal(p2m_remove(d, GFN(gfn)), 0);
    for (uint64_t gfn = 0; gfn < CLEAVE_MEMORY_SLACK; gfn++)
        assert_int_equal(p2m_populate_absent(d, GFN(gfn), ORDER_4K), 0);
    assert_int_equal(p2m_populate_absent(d, GFN(CLEAVE_MEMORY_SLACK), ORDER_4K), -ENOMEM);
    harness_check_memory();
}

static void a_promise_that_cannot_be_kept_is_not_made(void **state)
{
    struct domain *a = harness_domain(1, 1 << 20), *b = harness_domain(2, 1 << 20);
    struct alloc_info info;
    unsigned int regions = 0, more = 0;

    (void)state;
    assert_int_equal(p2m_populate(a, GFN(7), 0), 0);
    assert_int_equal(p2m_populate_absent(a, GFN(0), ORDER_2M), -EEXIST);
    assert_int_equal(p2m_populate_absent(a, GFN(REGION + 1), ORDER_2M), -EINVAL);
    assert_int_equal(a->claimed, 0);
    while (p2m_populate_absent(a, GFN((regions + 1) * REGION), ORDER_2M) == 0)
        regions++;
    assert_in_range(regions, 1, 64);
    assert_int_equal(a->claimed, regions * REGION);
    assert_int_equal(p2m_populate_absent(b, GFN(0), ORDER_2M), -ENOMEM);
    assert_int_equal(b->claimed, 0);
    harness_check_memory();
    /* populated in place of an absent page: it is owed no more */
    assert_int_equal(p2m_populate(a, GFN(REGION), 0), 0);
    assert_int_equal(a->claimed, regions * REGION - 1);
    assert_int_equal(p2m_remove_types(a, GFN(REGION + 1), 1u << P2M_ABSENT), 0);
    assert_int_equal(a->claimed, regions * REGION - 2);
    harness_kill(a);
    alloc_info(&info);
    assert_int_equal(info.claimed, 0);
    while (p2m_populate_absent(b, GFN(more * REGION), ORDER_2M) == 0)
        more++;
    assert_true(more >= regions);
    assert_int_equal(p2m_populate_absent(a, GFN(0), ORDER_2M), -EINVAL);
    harness_check_memory();
}

static void the_core_keeps_a_reserve(void **state)
{
    struct domain *d = harness_domain(1, 1 << 20);
    unsigned int had = 0;

    (void)state;
    for (uint64_t gfn = 0; p2m_populate(d, GFN(gfn), 0) == 0; gfn++)
        ;
    assert_int_equal(free_frames(), 0);
    while (mfn_valid_number(alloc_core(0)))
        had++;
    assert_int_equal(had, ALLOC_RESERVE);
}

static void a_dead_domain_is_promised_nothing(void **state)
{
    struct domain *d = absent_domain(1, 4);
    uint64_t free = free_frames();
    struct alloc_info info;

    (void)state;
    assert_int_equal(alloc_set_memory(d, 1000, 0), 0);
    assert_int_equal(touch(d, 0), 0);
    harness_kill(d);
    alloc_info(&info);
    assert_int_equal(info.claimed, 0);
    assert_int_equal(d->p2m.pages[P2M_ABSENT], 0);
    assert_true(free_frames() > free); /* its tables too */
    assert_int_equal(alloc_set_memory(d, 1, 0), -EINVAL);
    harness_check_memory();
}

int main(void)
{
#define ABSENT_TEST(function) cmocka_unit_test_setup(function, harness_setup)
    const struct CMUnitTest tests[] = {
        ABSENT_TEST(a_touch_fills_a_region_or_a_page),
        ABSENT_TEST(a_touch_needs_no_table),
        ABSENT_TEST(over_budget_a_touch_waits),
        ABSENT_TEST(a_lower_budget_follows_the_guest),
        ABSENT_TEST(the_core_reads_zeroes_and_fills_what_it_writes),
        ABSENT_TEST(a_lookup_fills),
        ABSENT_TEST(frames_of_zeroes_come_back),
        ABSENT_TEST(a_write_during_the_sweep_is_not_lost),
        ABSENT_TEST(a_sweep_saves_from_waiting),
        ABSENT_TEST(absent_pages_are_given_back_once),
        ABSENT_TEST(promises_bind_others_for_life),
        ABSENT_TEST(absent_pages_that_are_owed_always_fill),
        ABSENT_TEST(what_a_balloon_returns_is_large_again),
        ABSENT_TEST(what_is_owed_fills_under_a_lower_budget),
        ABSENT_TEST(a_promise_that_cannot_be_kept_is_not_made),
        ABSENT_TEST(the_core_keeps_a_reserve),
        ABSENT_TEST(a_dead_domain_is_promised_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
