/* SPDX-License-Identifier: MIT */
/* mm/heap.c: size classes, large objects, return of free slabs. */
#include "harness.h"
#include "directmap.h"
#include "mm/alloc.h"
#include "mm/heap.h"

#include <string.h>

static uint64_t free_frames(void)
{
    struct alloc_info info;

    alloc_info(&info);
    return info.free;
}

static bool is_filled(const uint8_t *p, uint8_t with, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != with)
            return false;
    return true;
}

static void every_size_is_zeroed_and_aligned(void **state)
{
    uint64_t before = free_frames();

    (void)state;
    for (size_t size = 1; size < 40000; size += size < 300 ? 1 : 97) {
        uint8_t *p = heap_alloc(size), *q = heap_alloc(size);

        assert_non_null(p);
        assert_non_null(q);
        assert_int_equal((uintptr_t)p & 15, (uintptr_t)harness_memory & 15);
        assert_true(p + size <= q || q + size <= p);
        assert_true(is_filled(p, 0, size) && is_filled(q, 0, size));
        memset(p, 0xff, size);
        assert_true(is_filled(q, 0, size));
        memset(q, 0xff, size);
        heap_free(p);
        heap_free(q);
    }
    assert_int_equal(heap_used(), 0);
    assert_int_equal(free_frames(), before);
    harness_check_memory();
}

static void nothing_is_fine(void **state)
{
    void *p = heap_alloc(0);

    (void)state;
    assert_non_null(p);
    heap_free(p);
    heap_free(NULL);
    assert_int_equal(heap_used(), 0);
}

static void objects_keep_apart(void **state)
{
    static struct {
        uint8_t *p, with;
        size_t size;
    } live[2000];
    uint64_t before = free_frames();
    uint32_t seed = 99;

    (void)state;
    memset(live, 0, sizeof(live));
    for (unsigned int round = 0; round < 40000; round++) {
        unsigned int i;

        seed = seed * 1664525 + 1013904223;
        i = (seed >> 8) % ARRAY_SIZE(live);
        if (live[i].p) {
            assert_true(is_filled(live[i].p, live[i].with, live[i].size));
            heap_free(live[i].p);
            live[i].p = NULL;
            continue;
        }
        live[i].size = (seed >> 24) % 7 ? (seed >> 20) % 400 : (seed >> 19) % 5000;
        live[i].with = seed >> 16;
        live[i].p = heap_alloc(live[i].size);
        assert_non_null(live[i].p);
        memset(live[i].p, live[i].with, live[i].size);
    }
    harness_check_memory();
    for (unsigned int i = 0; i < ARRAY_SIZE(live); i++)
        heap_free(live[i].p);
    assert_int_equal(heap_used(), 0);
    assert_int_equal(free_frames(), before);
    harness_check_memory();
}

static void small_objects_share_a_frame(void **state)
{
    uint64_t before = free_frames();
    void *p[256];

    (void)state;
    for (unsigned int i = 0; i < 256; i++)
        p[i] = heap_alloc(16);
    assert_int_equal(free_frames(), before - 1);
    assert_int_equal(heap_used(), 4096);
    /* a full slab has room again */
    heap_free(p[100]);
    p[100] = heap_alloc(16);
    assert_int_equal(free_frames(), before - 1);
    for (unsigned int i = 0; i < 256; i++)
        heap_free(p[i]);
    assert_int_equal(free_frames(), before);
}

static void no_memory_is_null(void **state)
{
    void *p;

    (void)state;
    harness_fail_alloc(2); /* the first is heap_alloc itself, the second its frame */
    assert_null(heap_alloc(100));
    assert_true(harness_alloc_has_failed());
    harness_fail_alloc(2);
    assert_null(heap_alloc(5000));
    harness_fail_alloc(0);
    assert_null(heap_alloc(1ull << 40));
    assert_null(heap_alloc(~0ull));
    assert_int_equal(heap_used(), 0);
    p = heap_alloc(100);
    assert_non_null(p);
    heap_free(p);
    harness_check_memory();
}

static void wrong_frees_are_caught(void **state)
{
    uint8_t *p = heap_alloc(64), *q = heap_alloc(64), *large = heap_alloc(9000);

    (void)state;
    assert_panics(heap_free(p + 8));
    assert_panics(heap_free(large + 4096));
    assert_panics(heap_free(mfn_to_virt(MFN(3000))));
    (void)q;
    heap_free(p);
    assert_panics(heap_free(p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_size_is_zeroed_and_aligned, harness_setup),
        cmocka_unit_test_setup(nothing_is_fine, harness_setup),
        cmocka_unit_test_setup(objects_keep_apart, harness_setup),
        cmocka_unit_test_setup(small_objects_share_a_frame, harness_setup),
        cmocka_unit_test_setup(no_memory_is_null, harness_setup),
        cmocka_unit_test_setup(wrong_frees_are_caught, harness_setup),
    };

    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
