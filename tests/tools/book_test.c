/* SPDX-License-Identifier: MIT */
/* The book of promises and the histories of VMs, in a folder of the build. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "book.h"
#include "core.h"
#include "report.h"
#include "usage.h"

#define UUID_A "00000000-0000-4000-8000-00000000000a"
#define UUID_B "00000000-0000-4000-8000-00000000000b"

static struct report report;

static int begin(void **state)
{
    (void)state;
    report_begin(&report);
    unlink(BOOK_PATH);
    assert_int_equal(system("rm -rf '" VMS_HOME "'"), 0);
    return vms_make_folders();
}

static struct book_vm vm_of(const char *uuid, const char *name, uint32_t vcpus, uint32_t mhz)
{
    struct book_vm vm = { .vcpus = vcpus, .cpu = { .mhz = mhz, .slo = 95, .latency_us = 9000 } };

    strcpy(vm.uuid, uuid);
    strcpy(vm.name, name);
    return vm;
}

/* A book of two VMs and their plan on two CPUs of 2,000 MHz. */
static void fill(struct book *book)
{
    struct book_vm a = vm_of(UUID_A, "a", 2, 500), b = vm_of(UUID_B, "b", 1, 700);
    struct planner_vm vms[2];
    struct planner_input input = { .cpus = 2, .mhz = 2000, .vms = vms, .vm_count = 2 };

    a.cpu.cosched = true;
    b.cpu.class = VMFILE_RELAXED;
    b.pinned = true;
    b.cpus[0] = 2;
    assert_int_equal(book_put(book, &a), 0);
    assert_int_equal(book_put(book, &b), 0);
    book->mhz = 2000;
    for (int i = 0; i < 2; i++)
        vms[i] = book_planner_vm(&book->vms[i]);
    assert_int_equal(planner_make(&input, &book->plan), 0);
}

static void what_is_written_is_read(void **state)
{
    struct book book = { .vms = NULL }, again;
    uint32_t domids[] = { 3, 5 }, none[] = { CORE_NO_DOMAIN, CORE_NO_DOMAIN };

    (void)state;
    assert_int_equal(book_load(&again), 0); /* there is none yet */
    assert_int_equal(again.count, 0);
    fill(&book);
    assert_int_equal(book_save(&book), 0);
    assert_int_equal(book_load(&again), 0);
    assert_int_equal(again.count, 2);
    assert_int_equal(again.mhz, 2000);
    assert_memory_equal(again.vms, book.vms, 2 * sizeof(*book.vms));
    assert_int_equal(again.plan.vcpu_count, 3);
    assert_memory_equal(again.plan.vcpus, book.plan.vcpus, 3 * sizeof(*book.plan.vcpus));
    assert_int_equal(core_cookie(&again.plan, domids), core_cookie(&book.plan, domids));
    assert_int_equal(core_cookie(&again.plan, none), 0);
    domids[1] = 6;
    assert_int_not_equal(core_cookie(&again.plan, domids),
                         core_cookie(&book.plan, (uint32_t[]){ 3, 5 }));
    book_free(&again);
    book_free(&book);
}

static void entries_come_and_go(void **state)
{
    struct book book = { .vms = NULL };
    struct book_vm more = vm_of(UUID_A, "a", 4, 100);

    (void)state;
    fill(&book);
    uint32_t id = book.vms[0].id;
    assert_int_equal(book_put(&book, &more), 0);
    assert_int_equal(book.count, 2);
    assert_int_equal(book.vms[0].vcpus, 4);
    assert_int_equal(book.vms[0].id, id); /* the next plan moves it little */
    book_remove(&book, book_find(&book, UUID_A));
    assert_null(book_find(&book, UUID_A));
    assert_string_equal(book_find(&book, UUID_B)->name, "b");
    assert_int_equal(book_put(&book, &more), 0);
    assert_int_not_equal(book.vms[1].id, id);
    book_free(&book);
}

static void a_damaged_book_is_told(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"version\":2}",
        "{\"version\":1,\"vms\":[],\"plan\":{\"mhz\":1,\"tables\":[[[0,0,0,5]]],\"vcpus\":[]}}",
        "{\"version\":1,\"vms\":[{\"uuid\":\"x\",\"vcpus\":1}],\"plan\":{\"mhz\":1,\"tables\":[[]],"
        "\"vcpus\":[]}}"
    };
    struct book book;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        FILE *file = fopen(BOOK_PATH, "w");

        assert_non_null(file);
        fputs(texts[i], file);
        fclose(file);
        report_begin(&report);
        assert_true(book_load(&book) < 0);
        assert_int_equal(report_class(&report), REPORT_INTERNAL);
        assert_non_null(strstr(report_text(&report), BOOK_PATH));
        assert_int_equal(book.count, 0);
        report_end(&report);
    }
    report_begin(&report);
}

/* A spinner is judged exactly; one that slept is given the benefit of the doubt. */
static void a_second_is_judged(void **state)
{
    static const struct {
        uint64_t ran, runnable, blocked, lack;
    } seconds[] = {
        { 500, 500, 0, 0 },     { 499, 501, 0, 1 }, { 0, 1000, 0, 500 }, { 400, 500, 100, 0 },
        { 300, 600, 100, 100 }, { 0, 0, 1000, 0 },  { 100, 0, 900, 0 },  { 1000, 0, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        struct cleave_time before = { .time = { 7, 8, 9, 10 } }, after = before;
        struct usage_time time;

        after.time[CORE_RUNNING] += seconds[i].ran * 1000000;
        after.time[CORE_RUNNABLE] += seconds[i].runnable * 1000000;
        after.time[CORE_BLOCKED] += seconds[i].blocked * 1000000;
        time = usage_between(&before, &after, 1000, 2000);
        assert_int_equal(time.elapsed, 1000000000);
        assert_int_equal(time.ran, seconds[i].ran * 1000000);
        assert_int_equal(time.lack, seconds[i].lack * 1000000);
    }
}

static void a_history_forgets_what_is_old(void **state)
{
    struct usage usage = { .demand.reserved_mhz = 1000 }, again;

    (void)state;
    assert_int_equal(mkdir(VMS_HOME "/vms/" UUID_A, 0700), 0);
    for (int i = 0; i < 30; i++)
        usage_add(&usage, 500, i % 3 != 0);
    assert_int_equal(usage.minute.wanted, 30);
    assert_int_equal(usage.minute.kept, 20);
    for (int i = 0; i < 60; i++)
        usage_add(&usage, 0, true);
    assert_int_equal(usage.minute.wanted, 0);
    assert_int_equal(usage.hour.wanted, 30);
    assert_int_equal(usage.hour.kept, 20);
    assert_int_equal(usage_save(UUID_A, &usage), 0);
    usage_load(UUID_A, &again);
    assert_memory_equal(&again, &usage, sizeof(usage));
    for (int i = 0; i < 3700; i++)
        usage_add(&usage, 0, true);
    assert_int_equal(usage.hour.wanted, 0);
    usage_load(UUID_B, &again); /* without one it is empty */
    assert_int_equal(again.second, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_written_is_read, begin),
        cmocka_unit_test_setup(entries_come_and_go, begin),
        cmocka_unit_test_setup(a_damaged_book_is_told, begin),
        cmocka_unit_test_setup(a_second_is_judged, begin),
        cmocka_unit_test_setup(a_history_forgets_what_is_old, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
