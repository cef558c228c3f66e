/* SPDX-License-Identifier: MIT */
/* hypercall/grant_table.c: arrays of requests, unsupported operations, unmapped arguments. */
#include "grant_model.h"
#include "directmap.h"
#include "mm/alloc.h"

#define ARGS_PAGE 8u /* of either domain's RAM, counted from its first page */

static long call_at(uint32_t cmd, uint64_t at)
{
    return harness_hypercall(hypercall_grant_table_op, back->vcpu[0], cmd, at, 1, NULL);
}

static uint64_t args_at(struct domain *d)
{
    return gfn_to_gpa(GFN((d == back ? DOM0_RAM : 0) + ARGS_PAGE));
}

static long call(struct domain *d, uint32_t cmd, void *args, size_t size, uint64_t count,
                 unsigned int *restarts)
{
    long rc;

    memcpy(harness_guest(d, args_at(d)), args, size);
    rc = harness_hypercall(hypercall_grant_table_op, d->vcpu[0], cmd, args_at(d), count, restarts);
    memcpy(args, harness_guest(d, args_at(d)), size);
    return rc;
}

static void test_hypercall_batch(void **state)
{
    struct gnttab_map_grant_ref maps[100];
    struct gnttab_unmap_grant_ref unmaps[100];
    struct gnttab_copy copies[50];
    unsigned int restarts;

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        grant(8 + i, i % RAM_PAGES, GTF_permit_access);
        maps[i] =
            (struct gnttab_map_grant_ref){ MAP_AT(i), GNTMAP_host_map, 8 + i, GRANTER, 99, 99, 99 };
    }
    maps[50].ref = 600;
    harness_preempt_every = 3;
    assert_int_equal(call(back, GNTTABOP_map_grant_ref, maps, sizeof(maps), 100, &restarts), 0);
    assert_true(restarts > 30);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(maps[i].status, i == 50 ? GNTST_bad_gntref : GNTST_okay);
        unmaps[i] = (struct gnttab_unmap_grant_ref){ MAP_AT(i), 0, maps[i].handle, 99 };
    }
    assert_int_equal(mapped(back), 99);
    harness_flushes = 0;
    assert_int_equal(call(back, GNTTABOP_unmap_grant_ref, unmaps, sizeof(unmaps), 100, NULL), 0);
    assert_int_equal(harness_flushes, 4);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(unmaps[i].status, i == 50 ? GNTST_bad_handle : GNTST_okay);
    assert_int_equal(mapped(back), 0);

    for (uint32_t i = 0; i < 50; i++)
        copies[i] = copy_in(8 + i, 0, 20, i, 1);
    assert_int_equal(call(back, GNTTABOP_copy, copies, sizeof(copies), 50, &restarts), 0);
    assert_true(restarts > 10);
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(copies[i].status, GNTST_okay);
}

/* One handle twice in a batch: the second is an error, the first works. */
static void test_hypercall_twice(void **state)
{
    struct gnttab_unmap_grant_ref unmaps[2] = { { .host_addr = MAP_AT(0) },
                                                { .host_addr = MAP_AT(0) } };

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &unmaps[0].handle), GNTST_okay);
    unmaps[1].handle = unmaps[0].handle;
    assert_int_equal(call(back, GNTTABOP_unmap_grant_ref, unmaps, sizeof(unmaps), 2, NULL), 0);
    assert_int_equal(unmaps[0].status, GNTST_okay);
    assert_int_equal(unmaps[1].status, GNTST_bad_handle);
    assert_int_equal(used(front), 0);
}

static void test_hypercall_misc(void **state)
{
    struct gnttab_query_size size = { .dom = GRANTER };
    struct gnttab_set_version version = { 1 };
    struct gnttab_get_version get = { .dom = DOMID_SELF };
    struct gnttab_setup_table table = { .dom = DOMID_SELF, .nr_frames = 1 };
    uint8_t any[64] = { 0 };

    (void)state;
    assert_int_equal(call(back, GNTTABOP_query_size, &size, sizeof(size), 1, NULL), 0);
    assert_int_equal(size.status, GNTST_okay);
    assert_int_equal(size.nr_frames, 1);
    assert_int_equal(size.max_nr_frames, GRANT_DEFAULT_FRAMES);
    size.dom = 0;
    assert_int_equal(call(front, GNTTABOP_query_size, &size, sizeof(size), 1, NULL), 0);
    assert_int_equal(size.status, GNTST_permission_denied);
    size.dom = 9;
    assert_int_equal(call(back, GNTTABOP_query_size, &size, sizeof(size), 1, NULL), 0);
    assert_int_equal(size.status, GNTST_bad_domain);
    assert_int_equal(call(front, GNTTABOP_set_version, &version, sizeof(version), 1, NULL), 0);
    version.version = 2;
    assert_int_equal(call(front, GNTTABOP_set_version, &version, sizeof(version), 1, NULL),
                     -ENOSYS);
    assert_int_equal(version.version, 1);
    version.version = 3;
    assert_int_equal(call(front, GNTTABOP_set_version, &version, sizeof(version), 1, NULL),
                     -EINVAL);
    assert_int_equal(call(front, GNTTABOP_get_version, &get, sizeof(get), 1, NULL), 0);
    assert_int_equal(get.version, 1);
    get.dom = 0;
    assert_int_equal(call(front, GNTTABOP_get_version, &get, sizeof(get), 1, NULL), -EPERM);
    assert_int_equal(call(front, GNTTABOP_setup_table, &table, sizeof(table), 1, NULL), 0);
    assert_int_equal(table.status, GNTST_general_error);

    assert_int_equal(call(front, GNTTABOP_transfer, any, sizeof(any), 1, NULL), -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_unmap_and_replace, any, sizeof(any), 1, NULL),
                     -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_get_status_frames, any, sizeof(any), 1, NULL),
                     -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_swap_grant_ref, any, sizeof(any), 1, NULL), -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_cache_flush, any, sizeof(any), 1, NULL), -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_dump_table, any, sizeof(any), 1, NULL), -ENOSYS);
    for (uint32_t cmd = 13; cmd < 40; cmd++)
        assert_int_equal(call(front, cmd, any, sizeof(any), 1, NULL), -ENOSYS);
    for (uint32_t cmd = 0; cmd < 7; cmd++)
        if (cmd != GNTTABOP_dump_table && cmd != GNTTABOP_transfer)
            assert_int_equal(call(front, cmd, any, sizeof(any), 0, NULL), 0);
    assert_int_equal(call(front, GNTTABOP_copy, any, sizeof(any), 0x80000000, NULL), -EINVAL);
}

/* An array that is partly unmapped, or read-only. */
static void test_hypercall_bad_address(void **state)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = MAP_AT(0), .flags = GNTMAP_host_map, .ref = 8, .dom = 1
    };
    static const uint64_t bad[] = { 1ull << 31, ~0ull, 0xfffffff0,
                                    (DOM0_RAM + RAM_PAGES) * PAGE_SIZE - 2 };
    mfn_t m = alloc_core(0);

    (void)state;
    for (uint32_t cmd = 0; cmd <= GNTTABOP_swap_grant_ref; cmd++)
        for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
            long rc = call_at(cmd, bad[i]);

            assert_true(rc == -EFAULT || rc == -ENOSYS || rc == -EOPNOTSUPP);
        }
    /* In a read-only page: the mapping is made, its result cannot be written, and it is undone. */
    grant(8, 5, GTF_permit_access);
    memcpy(mfn_to_virt(m), &op, sizeof(op));
    assert_int_equal(p2m_set(back, GFN(MAP_GFN + 9), m, ORDER_4K, P2M_GRANT_RO), 0);
    assert_int_equal(call_at(GNTTABOP_map_grant_ref, MAP_AT(9)), -EFAULT);
    assert_int_equal(used(front) + mapped(back), 0);
    assert_int_equal(p2m_remove(back, GFN(MAP_GFN + 9)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GRANT_TEST(test_hypercall_batch),
        GRANT_TEST(test_hypercall_twice),
        GRANT_TEST(test_hypercall_misc),
        GRANT_TEST(test_hypercall_bad_address),
    };

    return cmocka_run_group_tests_name("grant_op", tests, NULL, NULL);
}
