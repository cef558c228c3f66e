/* SPDX-License-Identifier: MIT */
/*
 * The file of paged pages: what is put comes back, also after the process was killed at any point;
 * damage is found; and a full disk is said before anything is lost. Next to read:
 * dom0-tools/libcleave/pagefile.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "pagefile.h"

#define PATH "build/tests/tools/pages"
#define GROUP 128
#define RECORD 32

static struct pagefile *file;

static void open_file(uint32_t domid)
{
    pagefile_close(file);
    file = NULL;
    assert_int_equal(pagefile_open(PATH, domid, &file), 0);
}

static int begin(void **state)
{
    (void)state;
    unlink(PATH);
    open_file(3);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pagefile_close(file);
    file = NULL;
    return 0;
}

static void fill_page(uint8_t page[PAGEFILE_PAGE], uint64_t gfn, uint64_t version)
{
    for (size_t i = 0; i < PAGEFILE_PAGE; i++)
        page[i] = (uint8_t)((gfn * 31 + version * 7 + i) * 2654435761u >> 16);
}

static void put(uint64_t gfn, uint64_t version)
{
    uint8_t page[PAGEFILE_PAGE];

    if (pagefile_room(file) == 0)
        assert_int_equal(pagefile_grow(file), 0);
    fill_page(page, gfn, version);
    assert_int_equal(pagefile_put(file, gfn, page), 0);
    assert_int_equal(pagefile_sync(file), 0);
}

static void expect(uint64_t gfn, uint64_t version)
{
    uint8_t page[PAGEFILE_PAGE], expected[PAGEFILE_PAGE];

    fill_page(expected, gfn, version);
    assert_int_equal(pagefile_get(file, gfn, page), 0);
    assert_memory_equal(page, expected, PAGEFILE_PAGE);
}

static int get(uint64_t gfn)
{
    uint8_t page[PAGEFILE_PAGE];

    return pagefile_get(file, gfn, page);
}

/* Changes a byte on disk. */
static void damage(off_t at)
{
    int fd = open(PATH, O_RDWR);
    uint8_t byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void what_is_put_comes_back(void **state)
{
    (void)state;
    assert_int_equal(get(7), -ENOENT);
    for (uint64_t gfn = 0; gfn < 3 * GROUP; gfn++)
        put(gfn * 65537, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pagefile_used(file), 3 * GROUP);
        assert_int_equal(pagefile_room(file), 0);
        for (uint64_t gfn = 0; gfn < 3 * GROUP; gfn++)
            expect(gfn * 65537, 1);
        assert_int_equal(get(1), -ENOENT);
        open_file(3);
    }
    pagefile_drop(file, 65537);
    pagefile_drop(file, 65537);
    assert_int_equal(get(65537), -ENOENT);
    assert_int_equal(pagefile_room(file), 1);
    put(5, 2);
    expect(5, 2);
    assert_int_equal(pagefile_room(file), 0);
}

/* A page came back, and left again for another place: its old contents are still on disk. */
static void the_later_of_two_counts(void **state)
{
    (void)state;
    put(10, 1);
    put(11, 1);
    pagefile_drop(file, 10);
    pagefile_drop(file, 11);
    put(10, 2); /* where 11 was */
    open_file(3);
    expect(10, 2);
    assert_int_equal(pagefile_used(file), 1);
    put(12, 1);
    put(10, 3); /* in its place */
    open_file(3);
    expect(10, 3);
    expect(12, 1);
}

static void what_another_domain_left_is_forgotten(void **state)
{
    (void)state;
    put(10, 1);
    put(11, 1);
    open_file(4);
    assert_int_equal(pagefile_used(file), 0);
    assert_int_equal(get(10), -ENOENT);
    put(10, 2);
    open_file(4);
    expect(10, 2);
}

static void damage_is_found(void **state)
{
    (void)state;
    for (uint64_t gfn = 0; gfn < 4; gfn++)
        put(gfn, 1);
    damage(2 * PAGEFILE_PAGE + 99); /* the second page */
    assert_int_equal(get(1), -EBADMSG);
    expect(0, 1);
    for (int i = 0; i < RECORD; i++) {
        damage(2 * RECORD + i); /* any byte of the third record */
        open_file(3);
        assert_int_equal(get(2), -ENOENT);
        assert_int_equal(pagefile_used(file), 3);
        damage(2 * RECORD + i);
    }
    open_file(3);
    expect(2, 1);
    /* it is gone to its end */
    assert_int_equal(truncate(PATH, 3 * PAGEFILE_PAGE), 0);
    assert_int_equal(get(3), -EBADMSG);
    open_file(3);
    assert_int_equal(pagefile_used(file), 0);
    put(3, 2);
    expect(3, 2);
}

/* Killed while a page was written to a place that another had: the other is not needed any more. */
static void a_write_that_was_cut_short_hurts_nobody(void **state)
{
    (void)state;
    put(1, 1);
    put(2, 1);
    pagefile_drop(file, 2);
    put(2, 2);
    damage(2 * PAGEFILE_PAGE); /* of 2: the new page is half written */
    open_file(3);
    expect(1, 1);
    assert_int_equal(get(2), -EBADMSG);
    put(2, 3);
    open_file(3);
    expect(2, 3);
}

static void a_full_disk_is_said_in_advance(void **state)
{
    struct rlimit limit = { 300 * PAGEFILE_PAGE, RLIM_INFINITY };
    uint8_t page[PAGEFILE_PAGE] = { 0 };
    struct stat info;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(pagefile_put(file, 1, page), -ENOSPC);
    assert_int_equal(pagefile_grow(file), 0);
    assert_int_equal(pagefile_grow(file), 0);
    assert_int_equal(pagefile_grow(file), -EFBIG);
    assert_int_equal(pagefile_room(file), 2 * GROUP);
    for (uint64_t gfn = 0; gfn < 2 * GROUP; gfn++)
        put(gfn, 1);
    assert_int_equal(pagefile_put(file, 9999, page), -ENOSPC);
    assert_int_equal(pagefile_grow(file), -EFBIG);
    assert_int_equal(stat(PATH, &info), 0);
    assert_int_equal(info.st_size, 2 * (GROUP + 1) * PAGEFILE_PAGE);
    limit.rlim_cur = RLIM_INFINITY;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    open_file(3);
    for (uint64_t gfn = 0; gfn < 2 * GROUP; gfn++)
        expect(gfn, 1);
}

static void what_nobody_needs_is_dropped(void **state)
{
    (void)state;
    for (uint64_t gfn = 0; gfn < 10; gfn++)
        put(gfn, 1);
    pagefile_confirm_begin(file);
    assert_true(pagefile_confirm(file, 3));
    assert_true(pagefile_confirm(file, 7));
    assert_false(pagefile_confirm(file, 99));
    pagefile_confirm_end(file);
    assert_int_equal(pagefile_used(file), 2);
    expect(3, 1);
    expect(7, 1);
    assert_int_equal(get(4), -ENOENT);
}

static void a_removed_file_can_still_be_read(void **state)
{
    (void)state;
    put(1, 1);
    assert_false(pagefile_is_removed(file));
    assert_int_equal(unlink(PATH), 0);
    assert_true(pagefile_is_removed(file));
    expect(1, 1);
}

#define PAGEFILE_TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAGEFILE_TEST(what_is_put_comes_back),
        PAGEFILE_TEST(the_later_of_two_counts),
        PAGEFILE_TEST(what_another_domain_left_is_forgotten),
        PAGEFILE_TEST(damage_is_found),
        PAGEFILE_TEST(a_write_that_was_cut_short_hurts_nobody),
        PAGEFILE_TEST(a_full_disk_is_said_in_advance),
        PAGEFILE_TEST(what_nobody_needs_is_dropped),
        PAGEFILE_TEST(a_removed_file_can_still_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
