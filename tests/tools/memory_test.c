/* SPDX-License-Identifier: MIT */
/* What is remembered of a VM's memory, in a folder of the build; and the estimate from a sample. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core.h"
#include "membook.h"
#include "memory.h"
#include "report.h"

#define UUID "00000000-0000-4000-8000-00000000000a"
#define FOLDER VMS_HOME "/vms/" UUID

static struct report report;

static int begin(void **state)
{
    (void)state;
    report_begin(&report);
    assert_int_equal(system("rm -rf '" VMS_HOME "'"), 0);
    assert_int_equal(vms_make_folders(), 0);
    return mkdir(FOLDER, 0700);
}

static void what_is_written_is_read_again(void **state)
{
    struct membook book = { .domid = 7, .reclaiming = true, .missed = true }, again;

    (void)state;
    book.shown = (struct membook_working){ true, 5000, 4000, 6000 };
    book.history = (struct balancer_history){ .balloon = BALANCER_UNCOOPERATIVE,
                                              .moved = true,
                                              .failures = 3,
                                              .written = 1000,
                                              .nearest = 50,
                                              .written_at = 11,
                                              .progress_at = 12,
                                              .judged = true,
                                              .retry_at = 13,
                                              .floor = 900,
                                              .floor_till = 14 };
    membook_add(&book, &(struct membook_target){ .at = 1,
                                                 .before = 2,
                                                 .target = 3,
                                                 .reason = BALANCER_GIVES,
                                                 .current = 4,
                                                 .need = 5,
                                                 .lowest = 6,
                                                 .goal = 7,
                                                 .free = 8,
                                                 .working = 9 });
    assert_int_equal(membook_save(UUID, &book), 0);
    assert_int_equal(membook_load(UUID, &again), 0);
    assert_int_equal(again.history.balloon, BALANCER_UNCOOPERATIVE);
    assert_true(again.history.moved && again.history.judged);
    assert_int_equal(again.history.failures, 3);
    assert_int_equal(again.history.written, 1000);
    assert_int_equal(again.history.nearest, 50);
    assert_int_equal(again.history.written_at, 11);
    assert_int_equal(again.history.progress_at, 12);
    assert_int_equal(again.history.retry_at, 13);
    assert_int_equal(again.history.floor, 900);
    assert_int_equal(again.history.floor_till, 14);
    assert_int_equal(again.targets[0].reason, BALANCER_GIVES);
    assert_int_equal(again.targets[0].goal, 7);
    assert_int_equal(again.targets[0].working, 9);
    assert_int_equal(again.count, 1);
    assert_int_equal(again.domid, 7);
    assert_int_equal(again.written, 3);
    assert_int_equal(again.before, 2);
    assert_true(again.reclaiming && again.missed && again.shown.sampled);
    assert_int_equal(again.shown.high, 6000);
}

static void the_oldest_target_makes_room(void **state)
{
    struct membook book = { .count = 0 };

    (void)state;
    for (uint64_t i = 1; i <= MEMBOOK_TARGETS + 3; i++)
        membook_add(&book, &(struct membook_target){ .target = i });
    assert_int_equal(book.count, MEMBOOK_TARGETS);
    assert_int_equal(book.targets[0].target, 4);
    assert_int_equal(book.targets[MEMBOOK_TARGETS - 1].target, MEMBOOK_TARGETS + 3);
    assert_int_equal(book.written, MEMBOOK_TARGETS + 3);
}

static void nonsense_is_no_book(void **state)
{
    static const char *const texts[] = { "", "{", "[1,2]", "{\"history\":{\"balloon\":77}}" };
    struct membook book;

    (void)state;
    assert_int_equal(membook_load(UUID, &book), -ENOENT);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        FILE *file = fopen(FOLDER "/memory", "w");

        assert_non_null(file);
        fputs(texts[i], file);
        fclose(file);
        membook_load(UUID, &book);
        assert_int_equal(book.count, 0);
        assert_int_equal(book.history.balloon, BALANCER_FOLLOWING);
    }
}

/* A new domain knows nothing of the last one's guest, and nobody holds its target. */
static void a_domain_begins_anew(void **state)
{
    struct membook book;

    (void)state;
    assert_false(membook_exists(UUID));
    assert_int_equal(membook_freeze(UUID), 0);
    assert_int_equal(membook_freeze(UUID), 0);
    assert_true(membook_is_frozen(UUID));
    membook_begin(UUID, 5, 4096);
    assert_true(membook_exists(UUID));
    assert_false(membook_is_frozen(UUID));
    assert_int_equal(membook_load(UUID, &book), 0);
    assert_int_equal(book.written, 4096);
    membook_note(UUID, 8192);
    assert_int_equal(membook_load(UUID, &book), 0);
    assert_true(book.written == 8192 && book.before == 8192);
    membook_end(UUID);
    assert_false(membook_exists(UUID));
    membook_note(UUID, 8192);
    assert_false(membook_exists(UUID));
    assert_int_equal(membook_thaw(UUID), 0);
}

/* Wilson's interval of 500 in 1,000 is 46.9 to 53.1 %, of none 0 to 0.38 %. */
static void an_estimate_has_its_interval(void **state)
{
    struct memory_figures figures = { .current = 0 };

    (void)state;
    memory_estimate(1000, 500, 1000000, &figures);
    assert_true(figures.sampled);
    assert_int_equal(figures.working, 500000);
    assert_in_range(figures.low, 469000, 469200);
    assert_in_range(figures.high, 530800, 531000);
    memory_estimate(1000, 0, 1000000, &figures);
    assert_int_equal(figures.low, 0);
    assert_in_range(figures.high, 3700, 3900);
    memory_estimate(1000, 1000, 1000000, &figures);
    assert_in_range(figures.low, 996000, 996300);
    assert_in_range(figures.high, 999900, 1000000);
    memory_estimate(1, 1, UINT64_C(1) << 40, &figures);
    assert_true(figures.low < figures.high);
}

/* What the core answers to a sample. */
static struct cleave_sample_read sample;
static int sample_rc;

int __wrap_core_sample_read(struct hv *hv, uint32_t domid, bool ends,
                            struct cleave_sample_read *read);
int __wrap_core_sample_read(struct hv *hv, uint32_t domid, bool ends,
                            struct cleave_sample_read *read)
{
    (void)hv;
    assert_int_equal(domid, 5);
    assert_true(ends);
    *read = sample;
    return sample_rc;
}

/* Sampled are pages with frames: of a VM that has touched 40 of its 1,000 MiB, half is 20 MiB. */
static void an_estimate_is_of_what_was_touched(void **state)
{
    struct memory_figures figures = { .current = 1024000, .touches = true, .touched = 40960 };

    (void)state;
    sample = (struct cleave_sample_read){ .pages = 1000, .accessed = 500 };
    sample_rc = 0;
    memory_end_sample(NULL, 5, &figures);
    assert_true(figures.sampled);
    assert_int_equal(figures.working, 20480);
    assert_in_range(figures.low, 19200, 20480);
    assert_in_range(figures.high, 20480, 21760);
    /* all of it */
    sample.accessed = 1000;
    memory_end_sample(NULL, 5, &figures);
    assert_int_equal(figures.working, 40960);
    assert_in_range(figures.high, 40900, 40960);
    /* a hypervisor that does not tell what was touched has given frames to all */
    figures = (struct memory_figures){ .current = 1024000 };
    sample.accessed = 500;
    memory_end_sample(NULL, 5, &figures);
    assert_int_equal(figures.working, 512000);
}

static void no_sample_is_no_estimate(void **state)
{
    struct memory_figures figures = { .current = 1024000, .touches = true, .touched = 40960 };

    (void)state;
    sample = (struct cleave_sample_read){ .pages = 0 };
    sample_rc = 0;
    memory_end_sample(NULL, 5, &figures);
    assert_false(figures.sampled);
    sample = (struct cleave_sample_read){ .pages = 1000, .accessed = 500 };
    sample_rc = -ENOENT;
    memory_end_sample(NULL, 5, &figures);
    assert_false(figures.sampled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_written_is_read_again, begin),
        cmocka_unit_test_setup(the_oldest_target_makes_room, begin),
        cmocka_unit_test_setup(nonsense_is_no_book, begin),
        cmocka_unit_test_setup(a_domain_begins_anew, begin),
        cmocka_unit_test_setup(an_estimate_has_its_interval, begin),
        cmocka_unit_test_setup(an_estimate_is_of_what_was_touched, begin),
        cmocka_unit_test_setup(no_sample_is_no_estimate, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
