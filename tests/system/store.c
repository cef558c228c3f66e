/* SPDX-License-Identifier: MIT */
/*
 * `cleave store`: compares the live store with its schema, shows, changes and watches it. Next to
 * read: flood.c, tests/tools/store_test.c.
 */
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "system.h"

static int hello;

static void start_hello(void)
{
    run_ok("cleave create /guests/hello.cfg && cleave wait hello --for booted --timeout 60");
    hello = domid_of("hello");
}

static void nodes_are_listed_read_and_written(void **state)
{
    (void)state;
    start_hello();
    assert_words(run_ok("cleave store ls")->out, "tool|local|vm|libxl");
    assert_words(run_ok("cleave store ls /local/domain/%d", hello)->out, "name\n|console\n");
    assert_words(run_ok("cleave store ls -r /local/domain/%d", hello)->out,
                 "/name = \"hello\"|/console/type = \"xenconsoled\"");
    assert_json(run_ok("cleave store ls -r / --json")->out, "store");
    assert_string_equal(run_ok("cleave store read /local/domain/%d/name", hello)->out, "hello\n");
    assert_json(run_ok("cleave store read --json /local/domain/%d/name", hello)->out, "store");
    run_ok("cleave store write /local/domain/%d/data/uptime 77", hello);
    assert_string_equal(
        run_ok("cleave store write /tool/xenstored '' && cleave store ls /tool")->out,
        "xenstored\n");
    assert_words(run_ok("cleave store write /local/domain/%d/control/sysrq 7 --json", hello)->out,
                 "control/sysrq");
}

static void what_is_removed_is_gone(void **state)
{
    (void)state;
    assert_words(run_ok("cleave store write /local/domain/9999/name ghost")->err, "");
    run_ok("cleave store rm /local/domain/9999");
    assert_words(run_ok("cleave store rm /local/domain/9999")->err, "note|no node");
    assert_int_equal(run("cleave store read /local/domain/9999")->status, REPORT_NOT_FOUND);
    assert_json(run_ok("cleave store rm /local/domain/9999 --json 2>/dev/null")->out, "store");
}

static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *arguments;
        const char *words;
        int status;
    } cases[] = {
        { "", "an argument is missing", REPORT_USAGE },
        { "lst", "store lst|check, ls, read", REPORT_USAGE },
        { "read", "an argument is missing|PATH", REPORT_USAGE },
        { "read name", "not a path", REPORT_USAGE },
        { "read /tool/", "not a path", REPORT_USAGE },
        { "read //tool", "not a path", REPORT_USAGE },
        { "read '/to ol'", "not a path", REPORT_USAGE },
        { "read ''", "not a path", REPORT_USAGE },
        { "ls @releaseDomain", "not a path", REPORT_USAGE },
        { "ls / /", "too many arguments", REPORT_USAGE },
        { "ls --once", "--once is no option", REPORT_USAGE },
        { "ls /tool/none", "/tool/none|no such node", REPORT_NOT_FOUND },
        { "read /tool/none", "/tool/none|no such node", REPORT_NOT_FOUND },
        { "write /tool/none", "an argument is missing", REPORT_USAGE },
        { "write /tool/none $(printf %05000d 1)", "5000 bytes|at most 4085", REPORT_USAGE },
        { "rm /", "stays until the machine shuts down", REPORT_STATE },
        { "rm /local/domain", "stays until the machine shuts down", REPORT_STATE },
        { "watch --count 0 /tool", "--count 0", REPORT_USAGE },
        { "watch --count -1 /tool", "--count -1", REPORT_USAGE },
        { "watch --count 99999999999999999999 /tool", "--count", REPORT_USAGE },
        { "top --count x", "--count x", REPORT_USAGE },
        { "check /tool", "too many arguments", REPORT_USAGE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct run *refused = run("cleave store %s", cases[i].arguments);

        assert_refused(refused, cases[i].words);
        assert_int_equal(refused->status, cases[i].status);
    }
}

/* What a guest writes must not reach the terminal of dom0 as it is. */
static void control_characters_are_not_printed(void **state)
{
    (void)state;
    start_hello();
    run_ok("xenstore-write /local/domain/%d/data/result \"$(printf 'a\\033[2J\\303\\274')\"",
           hello);
    assert_string_equal(run_ok("cleave store read /local/domain/%d/data/result", hello)->out,
                        "a\\x1b[2J\\xc3\\xbc\n");
    assert_null(strchr(run_ok("cleave store ls -r /local/domain/%d", hello)->out, '\033'));
    assert_words(run_ok("cleave store read --json /local/domain/%d/data/result", hello)->out,
                 "a\\u001B[2J\303\274");
}

/* The findings of `cleave store check`; the test fails if it has none. */
static const char *findings(void)
{
    const struct run *check = run("cleave store check");

    assert_int_equal(check->status, REPORT_STATE);
    assert_words(check->err, "findings in|cleave store write");
    return check->out;
}

static void check_finds_each_deviation(void **state)
{
    (void)state;
    start_hello();
    assert_words(run_ok("cleave store check")->out, "as the schema says");
    assert_json(run_ok("cleave store check --json")->out, "store");
    assert_words(run_ok("cleave store write /tool/more 1")->err, "warning|no path of the schema");
    assert_words(findings(), "/tool/more: no pattern of the schema covers it (value \"1\")");
    assert_json(run("cleave store check --json 2>/dev/null")->out, "error");
    run_ok("cleave store rm /tool/more; cleave store write /more 1");
    assert_words(findings(), "/more: no pattern");
    run_ok("cleave store rm /more");
    assert_words(run_ok("cleave store write /local/domain/%d/memory/target much", hello)->err,
                 "warning|uint");
    assert_words(findings(), "\"much\" is not of type uint (MEMORY_TARGET)");
    run_ok("cleave store write /local/domain/%d/memory/target 4096", hello);
    run_ok("cleave store check");
}

static void check_reads_each_entry_of_permissions(void **state)
{
    (void)state;
    start_hello();
    run_ok("xenstore-chmod /local/domain/%d/name n0 r%d b%d", hello, hello + 1, hello);
    assert_words(findings(), "/name: domain |may write to it");
    run_ok("xenstore-chmod /local/domain/%d/name n0 r%d; xenstore-chmod /tool b0", hello, hello);
    assert_words(findings(), "/tool: every domain may write to it");
    run_ok("xenstore-chmod /tool n0");
    run_ok("cleave store check");
}

/* cleaved may sweep them at once: then they are written again. */
static void check_finds_leftovers(void **state)
{
    (void)state;
    AWAIT(run("cleave store write /libxl/9999/type pvh; cleave store check | "
              "grep '^/libxl/9999: domain 9999 no longer exists'")
                  ->status == 0,
          10);
    run_ok("cleave store rm /libxl/9999");
    AWAIT(run("cleave store write /vm/00112233-4455-6677-8899-aabbccddeeff/name ghost; cleave "
              "store check | grep '^/vm/00112233-4455-6677-8899-aabbccddeeff: this VM has no'")
                  ->status == 0,
          10);
    run_ok("cleave store rm /vm/00112233-4455-6677-8899-aabbccddeeff");
    run_ok("cleave store check");
}

/* Writes until the watch, which needs a moment to begin, has seen enough. */
static void changes_are_printed(void **state)
{
    const struct run *watch;

    (void)state;
    watch = run_ok("cleave store watch --count 2 /tool/xenstored /local/pool >/tmp/vm/changes & "
                   "while kill -0 $!; do cleave store write /tool/xenstored ''; sleep 0.2; done "
                   "2>/dev/null; wait $!; cat /tmp/vm/changes");
    assert_string_equal(watch->out, "/tool/xenstored = \"\"\n/tool/xenstored = \"\"\n");
    run_ok("cleave store watch --json --count 1 /local/domain >/tmp/vm/changes & "
           "while kill -0 $!; do cleave store write /local/domain/9999 ''; "
           "cleave store rm /local/domain/9999; done 2>/dev/null; wait $!");
    assert_json_file("/tmp/vm/changes", "store-change");
    watch = run_ok("cleave store watch --count 1 @releaseDomain >/tmp/vm/changes & "
                   "while kill -0 $!; do cleave create -p /guests/hello.cfg >/dev/null; "
                   "cleave destroy hello; done 2>/dev/null; wait $!; cat /tmp/vm/changes");
    assert_string_equal(watch->out, "@releaseDomain\n");
}

static void top_shows_who_is_at_a_quota(void **state)
{
    const struct run *top;

    (void)state;
    run_ok("cleave create /guests/flood.cfg extra=watches");
    AWAIT(strstr(run_ok("cleave store top")->out, "! "), 60);
    top = run_ok("cleave store top --once");
    assert_words(top->out, "Domain-0|flood|(limit of a guest)|watches");
    assert_json(run_ok("cleave store top --json")->out, "store");
    assert_words(run_ok("cleave store top --batch --count 2 | grep -c '^flood'")->out, "2");
    run_ok("cleave destroy flood");
}

/* Once, however long it lasts. */
static void a_domain_at_a_quota_is_an_event(void **state)
{
    const char *events;

    (void)state;
    run_ok("cleave create /guests/flood.cfg extra=watches");
    AWAIT(strstr(events_of("flood"), "\"what\":\"quota\""), 60);
    assert_words(events_of("flood"), "\"kind\":\"store\"|watches: |of 64");
    run_ok("cleave events --json | grep quota >/tmp/vm/event");
    assert_json_file("/tmp/vm/event", "events");
    run_ok("touch /tmp/vm/seen");
    AWAIT(run("[ /run/cleave/quotas -nt /tmp/vm/seen ]")->status == 0, 60); /* looked again */
    events = events_of("flood");
    assert_null(strstr(strstr(events, "\"quota\"") + 1, "\"quota\""));
    run_ok("cleave destroy flood");
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(nodes_are_listed_read_and_written),
    SYSTEM_TEST(what_is_removed_is_gone),
    SYSTEM_TEST(nonsense_is_refused),
    SYSTEM_TEST(control_characters_are_not_printed),
    SYSTEM_TEST(check_finds_each_deviation),
    SYSTEM_TEST(check_reads_each_entry_of_permissions),
    SYSTEM_TEST(check_finds_leftovers),
    SYSTEM_TEST(changes_are_printed),
    SYSTEM_TEST(top_shows_who_is_at_a_quota),
    SYSTEM_TEST(a_domain_at_a_quota_is_an_event),
};

const struct group group_store = GROUP("store", tests);
