/* SPDX-License-Identifier: MIT */
/*
 * Promises of CPU time, from the VM file to the core: admission, what the guests get beside others,
 * changes while they run, and the end. Shares on several CPUs have wide bounds here, because the
 * emulator's CPUs stand still at times; with ICOUNT=1 and one CPU they are exact. Next to read:
 * ../unit/test_table.c.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "system.h"

#define BOOK "/var/lib/cleave/cpu.json"

/* A number of `cleave cpu show VM`. */
static uint64_t shown(const char *name, const char *key)
{
    return number_in(run_ok("cleave cpu show %s -i 2 --json", name)->out, key);
}

static uint64_t clock_mhz(void)
{
    return number_in(run_ok("cleave cpu show Domain-0 --json")->out, "mhz");
}

static uint64_t cpus(void) { return sysconf(_SC_NPROCESSORS_ONLN); }

static void start_spin(const char *name, const char *settings)
{
    run_ok("cleave create /guests/spin.cfg name=%s %s", name, settings);
}

static int end(void **state)
{
    run("cleave cpu set Domain-0 default");
    return test_end(state);
}

/*
 * A spinner gets its reservation, 60 % of a CPU, beside as many heavier ones as there are CPUs: by
 * weight it would get 44 %. On a busy host an emulated CPU executes few instructions in a
 * millisecond: guests that nap or yield more often leave none for dom0.
 */
static void a_reservation_is_kept(void **state)
{
    static const char *const loads[] = { "", "'extra=work=3000 sleep=5000'", "'extra=yield=1000'",
                                         "" };
    uint64_t mhz, got;
    char settings[64];

    (void)state;
    need_cleave();
    mhz = clock_mhz();
    snprintf(settings, sizeof(settings), "cpu_mhz=%d", (int)mhz * 6 / 10);
    start_spin("kept", settings);
    for (int i = 0; i < (int)cpus(); i++) {
        char name[16];

        snprintf(name, sizeof(name), "other%d", i);
        snprintf(settings, sizeof(settings), "cpu_weight=512 %s", loads[i % 4]);
        start_spin(name, settings);
    }
    got = shown("kept", "got_mhz");
    assert_in_range(got, mhz * 6 / 10 * 9 / 10, mhz);
    assert_true(shown("other0", "got_mhz") > 0);
    assert_json(run_ok("cleave cpu show --json")->out, "cpu");
    assert_words(run_ok("cleave cpu show")->out, "Asked|kept|guaranteed|other1|spare|Domain-0");
}

/* What does not fit is refused with numbers and leaves nothing; without a reservation it starts. */
static void what_does_not_fit_is_refused(void **state)
{
    const struct run *refused;
    uint64_t mhz;

    (void)state;
    need_cleave();
    mhz = clock_mhz();
    refused = run("cleave create /guests/spin.cfg cpu_mhz=%d", (int)mhz + 1);
    assert_refused(refused, "spin|asks for|for each vCPU|is the most");
    assert_int_equal(refused->status, REPORT_CPU);
    refused = run("cleave create /guests/spin.cfg vcpus=%d cpu_mhz=%d", (int)cpus(), (int)mhz);
    assert_refused(refused, "spin|GHz are free|fits");
    assert_int_equal(refused->status, REPORT_CPU);
    refused =
        run("cleave create --dry-run /guests/spin.cfg vcpus=%d cpu_mhz=%d", (int)cpus(), (int)mhz);
    assert_int_equal(refused->status, REPORT_CPU);
    assert_int_equal(guests(), 0);
    start_spin("spin", "");
    assert_int_equal(guests(), 1);
    refused = run("cleave create /guests/spin.cfg name=quick cpu_mhz=100 cpu_latency_us=1");
    assert_refused(refused, "quick|cpu_latency_us = 1 cannot be kept|can");
}

/* The nearest request that a refusal names does fit. It is paused: it would leave dom0 little. */
static void the_nearest_request_fits(void **state)
{
    const struct run *refused;
    const char *fits;
    int mhz;

    (void)state;
    need_cleave();
    refused =
        run("cleave create /guests/spin.cfg vcpus=%d cpu_mhz=%d", (int)cpus(), (int)clock_mhz());
    assert_non_null(fits = strstr(refused->err, "are free"));
    assert_int_equal(sscanf(strstr(fits, "cpu_mhz = "), "cpu_mhz = %d", &mhz), 1);
    run_ok("cleave create -p /guests/spin.cfg vcpus=%d cpu_mhz=%d", (int)cpus(), mhz);
    assert_int_equal(
        run("cleave create /guests/spin.cfg name=more vcpus=%d cpu_mhz=1", (int)cpus())->status,
        REPORT_CPU);
}

static void promises_change_while_it_runs(void **state)
{
    int mhz;

    (void)state;
    need_cleave();
    mhz = (int)clock_mhz();
    start_spin("a", "");
    assert_int_equal(shown("a", "asked_mhz"), 0);
    run_ok("cleave cpu set a cpu_mhz=%d cpu_weight=512", mhz / 4);
    assert_int_equal(shown("a", "asked_mhz"), mhz / 4);
    assert_int_equal(run("cleave cpu set a cpu_mhz=%d", mhz + 1)->status, REPORT_CPU);
    assert_int_equal(shown("a", "asked_mhz"), mhz / 4);
    assert_words(run_ok("xl sched-credit2 -d a")->out, "512");
    run_ok("cleave cpu set a cpu_mhz=0 cpu_limit_mhz=%d", mhz / 5);
    assert_int_equal(shown("a", "asked_mhz"), 0);
    assert_in_range(shown("a", "got_mhz"), 1, mhz / 5 * 13 / 10);
    run_ok("cleave cpu set a cpu_limit_mhz=0");
    assert_true(shown("a", "got_mhz") > (uint64_t)mhz / 5 * 2);
    assert_words(events_of("a"), "\"cpu\"");
    assert_json(run_ok("cleave cpu set a cpu_weight=256 --json")->out, "cpu");
}

/* Each vCPU that comes needs its reservation; those that go give it back. */
static void vcpus_come_with_their_reservation(void **state)
{
    int mhz;

    (void)state;
    need_cleave();
    mhz = (int)clock_mhz();
    run_ok("cleave create /guests/hello.cfg name=a vcpus=1 maxvcpus=2 cpu_mhz=%d", mhz / 2);
    run_ok("cleave create /guests/hello.cfg name=b vcpus=%d cpu_mhz=%d", (int)cpus(), mhz / 4);
    run_ok("cleave set-vcpus a 2 --no-wait");
    assert_int_equal(shown("a", "asked_mhz"), mhz / 2 * 2);
    run_ok("cleave set-vcpus a 1 --no-wait");
    run_ok("cleave cpu set a cpu_mhz=%d", mhz * 3 / 5);
    if (cpus() > 1)
        assert_int_equal(run("cleave cpu set b cpu_mhz=%d", mhz * 9 / 10)->status, REPORT_CPU);
    assert_int_equal(shown("a", "asked_mhz"), mhz * 3 / 5);
}

/* The promise is the VM's: it survives a reboot, and ends with it, however that ends. */
static void a_promise_lasts_as_long_as_its_vm(void **state)
{
    (void)state;
    need_cleave();
    run_ok("cleave create /guests/hello.cfg cpu_mhz=100");
    run_ok("cleave wait hello --for booted --timeout 60 && cleave reboot hello");
    assert_int_equal(shown("hello", "asked_mhz"), 100);
    assert_words(run_ok("cat " BOOK)->out, "\"hello\"");
    run_ok("xl destroy hello");
    AWAIT(!strstr(run_ok("cat " BOOK)->out, "\"hello\""), 30);
    run_ok("cleave create /guests/hello.cfg cpu_mhz=100");
    run_ok("cleave shutdown hello");
    assert_null(strstr(run_ok("cat " BOOK)->out, "\"hello\""));
}

static void wrong_words_are_refused(void **state)
{
    static const struct {
        const char *words, *says;
        int status;
    } wrong[] = {
        { "a", "nothing to set", REPORT_USAGE },
        { "a memory=5", "memory=5|must be KEY=VALUE", REPORT_USAGE },
        { "a cpu_mhz", "must be KEY=VALUE", REPORT_USAGE },
        { "a cpu_mhz=-1", "cpu_mhz = -1|from 0 to", REPORT_USAGE },
        { "a cpu_mhz=fast", "cpu_mhz", REPORT_USAGE },
        { "a cpu_mhz=99999999999999999999", "cpu_mhz", REPORT_USAGE },
        { "a cpu_class=guaranteed", "needs a reservation|cpu_mhz", REPORT_USAGE },
        { "a cpu_mhz=200 cpu_limit_mhz=100", "cpu_limit_mhz = 100|at least cpu_mhz", REPORT_USAGE },
        { "a cpu_mhz=1 --host-mhz 2000", "Domain-0", REPORT_USAGE },
        { "nobody cpu_mhz=1", "nobody", REPORT_NOT_FOUND },
        { "x cpu_mhz=1", "not made by cleave|xl sched-credit2", REPORT_STATE },
        { "Domain-0 cpus=99", "none of the machine's", REPORT_CPU },
    };

    (void)state;
    need_cleave();
    start_spin("a", "");
    run_ok("xl create -q /guests/hello.cfg 'name=\"x\"'");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct run *refused = run("cleave cpu set %s", wrong[i].words);

        assert_refused(refused, wrong[i].says);
        assert_int_equal(refused->status, wrong[i].status);
    }
    assert_int_equal(shown("a", "asked_mhz"), 0);
}

static void on_xen_promises_are_refused(void **state)
{
    const struct run *refused;

    (void)state;
    if (on_cleave())
        skip();
    refused = run("cleave create /guests/spin.cfg cpu_mhz=100");
    assert_refused(refused, "cannot keep cpu_mhz|boot Cleave");
    assert_int_equal(refused->status, REPORT_CPU);
    assert_int_equal(guests(), 0);
    start_spin("spin", "");
}

static bool got_about(const char *name, uint64_t least, uint64_t most)
{
    uint64_t got = shown(name, "got_mhz");

    return got >= least && got <= most;
}

/* The operator declares the clock and dom0's line; another clock means other shares. */
static void dom0_is_a_line_of_the_plan(void **state)
{
    (void)state;
    need_cleave();
    run_ok("cleave cpu set Domain-0 --host-mhz 2000 cpu_mhz=100");
    assert_int_equal(clock_mhz(), 2000);
    start_spin("half", "cpu_mhz=1000 cpu_limit_mhz=1000");
    assert_int_equal(shown("Domain-0", "asked_mhz"), 100 * cpus());
    /* in one second: an emulated CPU that the host lets wait for longer sees its timer late */
    AWAIT(got_about("half", 900, 1300), 60);
    assert_int_equal(
        run("cleave create /guests/spin.cfg name=full vcpus=%d cpu_mhz=1901", (int)cpus())->status,
        REPORT_CPU);
}

/* Killed at any moment, the tools leave what the book says, and cleaved gives it to the core. */
static void killed_tools_leave_no_promise(void **state)
{
    (void)state;
    need_cleave();
    for (int i = 0; i < 8; i++) {
        run("cleave create /guests/hello.cfg name=k%d cpu_mhz=50 & p=$!; usleep %d; kill -9 $p; "
            "wait $p",
            i, 60000 * i);
        run("cleave destroy k%d", i);
    }
    AWAIT(guests() == 0, 60);
    AWAIT(access(BOOK, F_OK) < 0 || !strstr(run_ok("cat " BOOK)->out, "\"k"), 30);
}

static const struct CMUnitTest tests[] = {
#define PROMISES_TEST(function) \
    { \
#function, function, test_begin, end, NULL \
    }
    PROMISES_TEST(a_reservation_is_kept),
    PROMISES_TEST(what_does_not_fit_is_refused),
    PROMISES_TEST(the_nearest_request_fits),
    PROMISES_TEST(promises_change_while_it_runs),
    PROMISES_TEST(vcpus_come_with_their_reservation),
    PROMISES_TEST(a_promise_lasts_as_long_as_its_vm),
    PROMISES_TEST(wrong_words_are_refused),
    PROMISES_TEST(on_xen_promises_are_refused),
    PROMISES_TEST(dom0_is_a_line_of_the_plan),
    PROMISES_TEST(killed_tools_leave_no_promise),
};
const struct group group_promises = GROUP("promises", tests);
