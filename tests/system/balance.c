/* SPDX-License-Identifier: MIT */
/*
 * Memory that is balanced, with Debian's kernel, whose balloon follows, and with guests that have
 * none. Pressure comes from VMs that are started and need no time to boot. Next to read:
 * ../balancer/vectors_test.c.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "system.h"

#define BOOT_S 120
#define MIB UINT64_C(1024)
#define DEBIAN_MIN 130

/* A number of `cleave mem show VM`. */
static uint64_t shown(const char *name, const char *key)
{
    return number_in(run_ok("cleave mem show %s --json", name)->out, key);
}

static bool shows(const char *name, const char *words)
{
    return strstr(run_ok("cleave mem show %s", name)->out, words) != NULL;
}

/* Boots a guest that has 256 MiB and lives with less. */
static void boot(const char *name)
{
    run_ok("cleave create /guests/debian.cfg name=%s memory=256 memory_min=%d", name, DEBIAN_MIN);
    await_said(name, "debian:/", BOOT_S);
    AWAIT(!shows(name, "starting"), 40);
}

/* Starts a paused VM that takes all that is free, and so much more. */
static const struct run *take_all(const char *name, uint64_t more_mib)
{
    return run("cleave create -p /guests/hello.cfg name=%s memory=%llu", name,
               (unsigned long long)(free_kib() / MIB + more_mib));
}

/* What does not fit is refused before its kernel is read, and nobody has given anything for it. */
static void assert_refused_first(void)
{
    uint64_t before = free_kib();
    const struct run *refused =
        run("cleave create /guests/hello.cfg name=big kernel=/none memory=%llu",
            (unsigned long long)(free_kib() / MIB + 250));

    assert_refused(refused, "big|not enough memory|\"a\" 12|make that");
    assert_int_equal(refused->status, REPORT_MEMORY);
    refused = run("cleave mem plan /guests/debian.cfg /guests/debian.cfg --count 10000");
    assert_int_equal(refused->status, 0);
    assert_words(refused->out, "does not fit|of 10000 of the last VM fit");
    assert_int_equal(free_kib(), before);
    assert_int_equal(shown("a", "target_kib"), 256 * MIB);
    assert_int_equal(guests(), 1);
}

/*
 * A VM that does not fit takes what others have above their minimum. They get it back when it has
 * gone, and each target has its reason. An operator's target holds.
 */
static void room_is_made_and_given_back(void **state)
{
    uint64_t before;

    (void)state;
    boot("a");
    assert_refused_first();
    assert_json(run_ok("cleave mem show --json")->out, "mem");
    assert_int_equal(shown("a", "min_kib"), DEBIAN_MIN * MIB);
    assert_int_equal(shown("a", "target_kib"), 256 * MIB);
    before = free_kib();
    assert_json(run_ok("cleave mem plan /guests/hello.cfg --json")->out, "mem");
    assert_int_equal(take_all("big", 40)->status, 0);
    assert_true(shown("a", "memory_kib") < 240 * MIB);
    assert_true(shown("a", "target_kib") >= DEBIAN_MIN * MIB);
    assert_words(run_ok("cleave mem why a")->out, "256 ->|lowered, as others need more|need");
    assert_json(run_ok("cleave mem why a --json")->out, "mem");
    assert_words(events_of("a"), "memory-target|lowered");
    run_ok("cleave destroy big");
    AWAIT(shown("a", "memory_kib") >= 250 * MIB, 40);
    assert_true(free_kib() + 20 * MIB > before);
    run_ok("xl mem-set a 200");
    AWAIT(shows("a", "frozen"), 40);
    assert_words(events_of("a"), "memory-frozen");
    AWAIT(shown("a", "memory_kib") < 210 * MIB, 20);
    assert_int_equal(shown("a", "target_kib"), 200 * MIB);
    assert_json(run_ok("cleave mem thaw a --json")->out, "mem");
    AWAIT(shown("a", "target_kib") > 200 * MIB, 40);
    assert_refused(run("cleave set-memory a 100"), "100 MiB is less than the 130|--force");
    run_ok("cleave set-memory a 190");
    assert_true(shows("a", "frozen"));
    run_ok("cleave mem set a memory_min=180 memory_shares=7");
    assert_int_equal(shown("a", "min_kib"), 180 * MIB);
    assert_int_equal(shown("a", "shares"), 7);
    assert_refused(run("cleave mem set a memory_min=300"), "memory_min = 300 MiB: must be from");
}

/* What cleaved has to know is on disk. */
static void kill_cleaved(void)
{
    for (int i = 0; i < 5; i++) {
        run_ok("until kill -9 $(pidof cleaved) 2>/dev/null; do sleep 0.1; done");
        pause_ms(700);
        assert_true(shows("deaf", "none"));
    }
}

/* One without a balloon is told from one that follows, and others go on without it. */
static void one_that_ignores_its_balloon_is_found(void **state)
{
    const struct run *refused;

    (void)state;
    run_ok("cleave create /guests/spin.cfg name=deaf memory=64 memory_min=16 memory_floor=8");
    AWAIT(!shows("deaf", "starting"), 40);
    refused = take_all("big", 20);
    assert_refused(refused, "big|not enough memory|told to give the rest (\"deaf\"|do not");
    assert_int_equal(refused->status, REPORT_MEMORY);
    AWAIT(shows("deaf", "none"), 40);
    assert_words(events_of("deaf"), "memory-uncooperative|no balloon driver");
    assert_int_equal(shown("deaf", "memory_kib") / MIB, 64);
    kill_cleaved();
    /* it is set aside: nothing is expected of it any more */
    refused = take_all("big", 20);
    assert_int_equal(refused->status, REPORT_MEMORY);
    assert_null(strstr(refused->err, "\"deaf\""));
}

/*
 * Many starts at once, with memory for some: those run, the others are refused, nothing is half
 * built, and dom0's OOM killer has nothing to do.
 */
void balance_starts_at_once(const char *vm_file)
{
    enum { STARTS = 20, FIT = 12 };
    uint64_t before = free_kib();
    /* page tables, special pages and xl's allowance: what a dry run says */
    uint64_t each = before / FIT - 1100;
    const struct run *result;

    for (uint64_t overhead;; each -= 4 * MIB) {
        result = run_ok("cleave create --dry-run %s memory=%llu --json", vm_file,
                        (unsigned long long)(each / MIB));
        overhead = number_in(result->out, "overhead_kib");
        if ((each / MIB * MIB + overhead) * FIT <= before)
            break;
    }
    run_ok("(for i in $(seq %d); do (cleave create -p %s name=n$i memory=%llu; "
           "echo $? >/tmp/vm/start$i) & done; wait; touch /tmp/vm/started) >/dev/null 2>&1 &",
           STARTS, vm_file, (unsigned long long)(each / MIB));
    AWAIT(access("/tmp/vm/started", F_OK) == 0, 300);
    result = run_ok("cat /tmp/vm/start[0-9]* | sort | uniq -c; rm /tmp/vm/start*");
    assert_words(result->out, "12 0|8 5");
    assert_int_equal(guests(), FIT);
    assert_null(strstr(run_ok("dmesg")->out, "Out of memory"));
    assert_null(strstr(run_ok("cleave list")->out, "building"));
    for (int i = 1; i <= STARTS; i++)
        run("cleave destroy n%d", i);
    AWAIT(memory_is_back(before), 20);
}

static void starts_at_once_run_or_are_refused(void **state)
{
    (void)state;
    balance_starts_at_once("/guests/hello.cfg");
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(starts_at_once_run_or_are_refused),
    SYSTEM_TEST(one_that_ignores_its_balloon_is_found),
    SYSTEM_TEST(room_is_made_and_given_back),
};

const struct group group_balance = GROUP("balance", tests);
