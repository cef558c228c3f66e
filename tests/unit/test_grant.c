/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: who may map what. A frame stays as long as any domain can reach it, and a granter
 * or mapper that cheats, revokes or dies harms only itself.
 */
#include "grant_model.h"
#include "mm/alloc.h"
#include "mm/frame.h"

#define COUNT_MAX 0x7fffffffu /* of mm/frame.c */

/* --- mapping --- */

static void test_map(void **state)
{
    uint32_t handle, flushes;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map | GNTMAP_device_map, &handle), GNTST_okay);
    assert_int_equal(type_at(back, MAP_GFN), P2M_GRANT);
    assert_int_equal(p2m_lookup(back, GFN(MAP_GFN), NULL, NULL).n, frame_of(5).n);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(mfn_to_frame(frame_of(5))->count, 3); /* front, the use, the p2m entry */

    flushes = harness_flushes;
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(harness_flushes, flushes + 1);
    assert_int_equal(type_at(back, MAP_GFN), P2M_HOLE);
    assert_int_equal(entry(8)->flags, GTF_permit_access);
    assert_int_equal(mfn_to_frame(frame_of(5))->count, 1);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_bad_handle);
}

/* The in-use flags stay set while needed: two readers and a writer of one grant. */
static void test_map_shared(void **state)
{
    uint32_t r1, r2, w;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map | GNTMAP_readonly, &r1), GNTST_okay);
    assert_int_equal(type_at(back, MAP_GFN), P2M_GRANT_RO);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &w), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(map(8, MAP_AT(2), GNTMAP_host_map | GNTMAP_readonly, &r2), GNTST_okay);
    assert_int_equal(used(front), 1);
    assert_int_equal(unmap(r1, MAP_AT(0)), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(unmap(w, MAP_AT(1)), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(grant_check(front), 0);
    assert_int_equal(unmap(r2, MAP_AT(2)), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access);
    assert_int_equal(used(front), 0);
}

static void test_map_refused(void **state)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = MAP_AT(0), .flags = GNTMAP_host_map, .ref = 8, .dom = 9
    };
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access | GTF_readonly);
    assert_int_equal(grant_map(back, &op), GNTST_bad_domain);
    op.dom = DOMID_SELF;
    assert_int_equal(grant_map(back, &op), GNTST_bad_domain);
    /* read-only */
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_device_map, &handle), GNTST_general_error);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map | GNTMAP_contains_pte, &handle),
                     GNTST_general_error);
    assert_int_equal(map(8, MAP_AT(0), 0, &handle), GNTST_general_error);
    assert_int_equal(map(512, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_bad_gntref);
    assert_int_equal(map(~0u, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_bad_gntref);
    /* never granted */
    assert_int_equal(map(9, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);

    grant(8, 5, GTF_permit_access);
    entry(8)->domid = 7; /* granted to another domain */
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);
    grant(8, 5, GTF_accept_transfer);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);
    grant(8, 5, GTF_transitive);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);
    grant(8, 5, GTF_permit_access | GTF_sub_page);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_sub_page);
    assert_int_equal(mapped(back) + used(front), 0);
}

/* The granted frame must be the granter's own RAM. */
static void test_map_bad_frame(void **state)
{
    static const uint32_t bad[] = { RAM_PAGES, 0x7fffffff, 0xffffffff };
    uint32_t handle;

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        grant(8, bad[i], GTF_permit_access);
        assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_bad_page);
        assert_int_equal(entry(8)->flags, GTF_permit_access);
    }
    /* its grant table, which belongs to the core */
    assert_int_equal(p2m_set(front, GFN(100), grant_shared_frame(front, 0), ORDER_4K, P2M_XENPAGE),
                     0);
    grant(8, 100, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_bad_page);
    /* an absent page beyond its memory: the back end retries */
    front->max_pages = front->tot_pages;
    assert_int_equal(p2m_set(front, GFN(101), MFN(0), ORDER_4K, P2M_ABSENT), 0);
    grant(8, 101, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_eagain);
    assert_int_equal(mapped(back) + used(front), 0);
}

/* The address to map at: aligned and unmapped, and not 0, which means "not requested" for unmap. */
static void test_map_bad_address(void **state)
{
    static const uint64_t bad[] = { 0,           MAP_AT(0) + 8,       MAP_AT(0) + 4095,
                                    1ull << 48,  1ull << 52,          ~0ull,
                                    ~0ull << 12, DOM0_RAM * PAGE_SIZE };
    uint32_t handle, second;

    (void)state;
    grant(8, 5, GTF_permit_access);
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(map(8, bad[i], GNTMAP_host_map, &handle), GNTST_bad_virt_addr);
    assert_int_equal(used(front), 0);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &second), GNTST_bad_virt_addr);
    assert_int_equal(unmap(handle, MAP_AT(1)), GNTST_bad_virt_addr);
    assert_int_equal(unmap(handle, 0), GNTST_okay); /* nothing requested, nothing done */
    assert_int_equal(type_at(back, MAP_GFN), P2M_GRANT);
    assert_int_equal(unmap(handle + 1, MAP_AT(0)), GNTST_bad_handle);
    assert_int_equal(unmap(MAX(handle, 127) + 1, MAP_AT(0)), GNTST_bad_handle);
    assert_int_equal(unmap(~0u, MAP_AT(0)), GNTST_bad_handle);
}

/* The n-th allocation fails, for each n: an error, and no other change. */
static void test_map_no_memory(void **state)
{
    unsigned int n = 0;
    uint32_t handle;
    int16_t status;

    (void)state;
    grant(8, 5, GTF_permit_access);
    do {
        harness_fail_alloc(++n);
        status = map(8, MAP_AT(0), GNTMAP_host_map, &handle);
        if (status) {
            assert_int_equal(status, GNTST_no_space);
            assert_int_equal(mapped(back) + used(front), 0);
            assert_int_equal(entry(8)->flags, GTF_permit_access);
            assert_int_equal(mfn_to_frame(frame_of(5))->count, 1);
            assert_int_equal(grant_check(front) + grant_check(back), 0);
        }
    } while (status);
    assert_false(harness_alloc_has_failed());
    assert_true(n > 3);
    harness_fail_alloc(0);
}

/* At the limit of a frame's reference count, a map fails without any other change. */
static void test_map_count_overflow(void **state)
{
    struct frame *f = mfn_to_frame(frame_of(5));
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access);
    for (unsigned int room = 0; room < 3; room++) { /* for the use, and for the p2m entry */
        f->count = COUNT_MAX - room;
        int16_t status = map(8, MAP_AT(0), GNTMAP_host_map, &handle);

        assert_int_equal(f->count, COUNT_MAX - (room == 2 ? 0 : room));
        assert_int_equal(status == GNTST_okay, room == 2);
        if (status == GNTST_okay)
            assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
        assert_int_equal(f->count, COUNT_MAX - room);
        assert_int_equal(mapped(back) + used(front), 0);
        assert_int_equal(entry(8)->flags, GTF_permit_access);
    }
    f->count = 1;
}

/*
 * The guest removes its page while it is mapped: the frame is not reused until the mapper unmaps
 * it.
 */
static void test_granter_takes_away(void **state)
{
    mfn_t m = frame_of(5);
    uint32_t handle, second;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    entry(8)->frame = 6;
    entry(8)->flags = 0;
    assert_int_equal(p2m_remove(front, GFN(5)), 0);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_DOMAIN);
    assert_true(mfn_to_frame(m)->owner == front);
    /* still the same grant in use */
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_okay);
    assert_int_equal(p2m_lookup(back, GFN(MAP_GFN + 1), NULL, NULL).n, m.n);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    assert_int_equal(unmap(second, MAP_AT(1)), GNTST_okay);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
    assert_int_equal(entry(8)->flags, 0);
}

/* A read-only use becomes writable only for the same frame, and if the entry permits it now. */
static void test_upgrade_refused(void **state)
{
    uint32_t handle, second;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    entry(8)->frame = 6;
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_bad_page);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(mfn_to_frame(frame_of(6))->count, 1);
    entry(8)->frame = 5;
    entry(8)->flags |= GTF_readonly;
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_general_error);
    entry(8)->flags &= ~GTF_readonly;
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_okay);
}

/* While one domain uses a grant, another cannot, whatever the entry permits now. */
static void test_two_users(void **state)
{
    struct domain *other = harness_domain(2, 64);
    struct gnttab_map_grant_ref op = {
        .host_addr = MAP_AT(0), .flags = GNTMAP_host_map, .ref = 8, .dom = 1
    };
    uint32_t handle;

    (void)state;
    assert_int_equal(grant_init(other, 1, -1), 0);
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    entry(8)->domid = 2;
    assert_int_equal(grant_map(other, &op), GNTST_general_error);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(grant_map(other, &op), GNTST_okay);
    assert_int_equal(grant_check(front), 0);
    end(other);
}

/*
 * The mapper removes the page from its p2m: nothing is mapped, and the grant is free after the
 * unmap.
 */
static void test_mapper_removes(void **state)
{
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(p2m_remove(back, GFN(MAP_GFN)), 0);
    assert_int_equal(used(front), 1);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    harness_flushes = 0; /* the removal's flush may still be in progress on another CPU */
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(harness_flushes, 1);
    assert_int_equal(used(front), 0);
    assert_int_equal(mfn_to_frame(frame_of(5))->count, 1);
}

/* The granter dies first: its frames and its structure stay until the mapper unmaps them. */
static void test_granter_dies(void **state)
{
    mfn_t m = frame_of(5);
    uint32_t handle, second;
    uint32_t refs;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    front->dying = DOMAIN_DYING;
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_bad_domain);
    assert_false(mfn_valid_number(grant_shared_frame(front, 0)));
    front->dying = DOMAIN_ALIVE;
    end(front);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_DOMAIN);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    refs = front->refs;
    assert_true(refs > 0);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
    assert_int_equal(front->refs, 0);
}

/* The mapper dies first; its teardown takes several steps. */
static void test_mapper_dies(void **state)
{
    uint32_t handle;
    unsigned int steps = 0;

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        grant(8 + i, i, GTF_permit_access);
        for (uint32_t n = 0; n < 5; n++)
            assert_int_equal(map(8 + i, MAP_AT(5 * i + n), n & 1 ? GNTMAP_host_map : READ_MAP,
                                 &handle),
                             0);
    }
    assert_int_equal(mapped(back), 200);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    harness_preempt_every = 7;
    while (grant_teardown(back) == -ERESTART)
        steps++;
    assert_true(steps > 5);
    assert_int_equal(mapped(back) + used(front), 0);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(entry(8 + i)->flags, GTF_permit_access);
}

/* Handles run out at the limit; freed ones are reused. */
static void test_handles(void **state)
{
    uint32_t handle = 0, limit;

    (void)state;
    grant(8, 5, GTF_permit_access);
    limit = back->grant.maptrack_max = 256;
    for (uint32_t i = 0; i < limit; i++)
        assert_int_equal(map(8, MAP_AT(i), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(map(8, MAP_AT(limit), GNTMAP_host_map, &handle), GNTST_no_space);
    handle = 77;
    assert_int_equal(unmap(handle, MAP_AT(77)), GNTST_okay);
    assert_int_equal(map(8, MAP_AT(limit), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(handle, 77);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
}

static void test_many_handles(void **state)
{
    uint32_t handle = 0;

    (void)state;
    grant(8, 5, GTF_permit_access);
    for (uint32_t i = 0; i < 5000; i++) /* more than the first array of buckets */
        assert_int_equal(map(8, MAP_AT(i), GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    assert_int_equal(mfn_to_frame(frame_of(5))->count, 5002);
    harness_flushes = 0;
    while (grant_teardown(back) == -ERESTART)
        ;
    assert_true(harness_flushes < 5000 / 16);
}

/* --- the table --- */

static void test_grow(void **state)
{
    mfn_t m;

    (void)state;
    assert_int_equal(front->grant.frames, 1);
    m = grant_shared_frame(front, 3); /* Linux begins with the last one */
    assert_true(mfn_valid_number(m));
    assert_int_equal(mfn_to_frame(m)->count, 2);
    frame_put(m);
    assert_int_equal(front->grant.frames, 4);
    assert_false(mfn_valid_number(grant_shared_frame(front, GRANT_DEFAULT_FRAMES)));
    assert_false(mfn_valid_number(grant_shared_frame(front, ~0u)));
    harness_fail_alloc(2);
    assert_false(mfn_valid_number(grant_shared_frame(front, 10)));
    harness_fail_alloc(0);
    grant(4 * 512 - 1, 7, GTF_permit_access);
    assert_int_equal(map(4 * 512 - 1, MAP_AT(0), GNTMAP_host_map, &(uint32_t){ 0 }), GNTST_okay);
}

/*
 * Both sides pay for the core's bookkeeping. A request that does not fit into their pools is
 * refused, and costs nothing.
 */
static void test_pools(void **state)
{
    uint64_t used = front->pool.used;
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(alloc_set_pool(front, used + 5), 0);
    assert_false(mfn_valid_number(grant_shared_frame(front, 2)));
    assert_int_equal(front->grant.frames, 2); /* three frames for each */
    assert_int_equal(front->pool.used, used + 3);
    used = back->pool.used;
    back->is_dom0 = false;
    assert_int_equal(alloc_set_pool(back, used), 0);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_no_space); /* no handle */
    assert_int_equal(alloc_set_pool(back, used + 1), 0);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_no_space); /* no table */
    assert_int_equal(mapped(back), 0);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    assert_int_equal(alloc_set_pool(back, used + 4), 0);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(back->pool.used, used + 1); /* handles stay */
    back->is_dom0 = true;
}

/* dom0 has the table mapped when its owner dies: the frame stays while mapped. */
static void test_table_outlives(void **state)
{
    mfn_t m = grant_shared_frame(front, 0);

    (void)state;
    assert_int_equal(p2m_set(back, GFN(MAP_GFN), m, ORDER_4K, P2M_FOREIGN), 0);
    end(front);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_CORE);
    assert_int_equal(p2m_remove(back, GFN(MAP_GFN)), 0);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
}

/* The owner dies while a map or copy is in progress: the frame stays until it is done. */
static void test_use_outlives(void **state)
{
    mfn_t m;

    (void)state;
    grant(0, 6, GTF_permit_access); /* the first entry: no table has fewer */
    assert_int_equal(grant_acquire(front, 0, back->id, true, &m), GNTST_okay);
    end(front);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_DOMAIN);
    assert_int_equal(mfn_to_frame(m)->count, 1);
    frame_put(m);
    grant_release(front, 0, true);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
}

static void test_init_refused(void **state)
{
    struct domain *d = harness_domain(3, 16);

    (void)state;
    assert_int_equal(grant_init(d, 0, -1), -EINVAL);
    assert_int_equal(grant_init(d, GRANT_MAX_FRAMES + 1, -1), -EINVAL);
    assert_int_equal(grant_init(d, 1, GRANT_MAX_MAPTRACK + 1), -EINVAL);
    for (unsigned int n = 1; n <= 3; n++) {
        harness_fail_alloc(n);
        assert_int_equal(grant_init(d, -1, -1), -ENOMEM);
        assert_int_equal(grant_free(d), 0);
    }
    harness_fail_alloc(0);
    assert_int_equal(grant_init(d, 1, 0), 0);
    while (grant_free(d) == -ERESTART)
        ;
    harness_kill(d);
}

/* The checker finds each inconsistency. */
static void test_check_finds(void **state)
{
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    harness_quiet = true;
    grant_dump(front);
    mfn_to_frame(frame_of(5))->owner = back;
    assert_in_range(grant_check(front), 1, 20);
    mfn_to_frame(frame_of(5))->owner = front;
    back->grant.maptrack_size = 0; /* a mapping without a handle */
    assert_in_range(grant_check(front), 1, 20);
    assert_in_range(grant_check(back), 1, 20);
    back->grant.maptrack_size = 1;
    assert_int_equal(grant_check(front) + grant_check(back), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GRANT_TEST(test_map),
        GRANT_TEST(test_map_shared),
        GRANT_TEST(test_map_refused),
        GRANT_TEST(test_map_bad_frame),
        GRANT_TEST(test_map_bad_address),
        GRANT_TEST(test_map_no_memory),
        GRANT_TEST(test_map_count_overflow),
        GRANT_TEST(test_granter_takes_away),
        GRANT_TEST(test_upgrade_refused),
        GRANT_TEST(test_two_users),
        GRANT_TEST(test_mapper_removes),
        GRANT_TEST(test_granter_dies),
        GRANT_TEST(test_mapper_dies),
        GRANT_TEST(test_handles),
        GRANT_TEST(test_many_handles),
        GRANT_TEST(test_grow),
        GRANT_TEST(test_pools),
        GRANT_TEST(test_table_outlives),
        GRANT_TEST(test_use_outlives),
        GRANT_TEST(test_init_refused),
        GRANT_TEST(test_check_finds),
    };

    return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
