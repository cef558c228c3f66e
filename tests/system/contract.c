/* SPDX-License-Identifier: MIT */
/*
 * What scripts rely on: when a verb returns, its effect is complete, or its exit status tells why
 * not. Repeating it does no harm. Next to read: verbs.c.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cleave-schema.h"
#include "report.h"
#include "system.h"

static void start(const char *name)
{
    run_ok("cleave create /guests/hello.cfg name=%s", name);
    run_ok("cleave wait %s --for booted --timeout 60", name);
}

static void shutdown_returns_when_the_name_is_free(void **state)
{
    (void)state;
    start("hello");
    run_ok("cleave shutdown hello && cleave create /guests/hello.cfg -p");
    assert_int_equal(guests(), 1);
}

static void reboot_returns_when_the_vm_runs_again(void **state)
{
    int domid;

    (void)state;
    start("hello");
    domid = domid_of("hello");
    run_ok("cleave reboot hello && cleave list hello && cleave pause hello");
    assert_true(domid_of("hello") > domid);
}

/* A VM that cannot be rebuilt is an error. */
static void a_reboot_that_fails_is_told(void **state)
{
    const struct run *failed;

    (void)state;
    run_ok("cp /guests/hello.elf /tmp/vm/kernel");
    run_ok("cleave create /guests/hello.cfg kernel=/tmp/vm/kernel");
    run_ok("cleave wait hello --for booted --timeout 60; rm /tmp/vm/kernel");
    failed = run("cleave reboot hello --timeout 10");
    assert_refused(failed, "has ended, but was not started again|kernel");
    run_ok("cleave destroy hello");
    assert_int_equal(guests(), 0);
}

static void no_wait_returns_at_once(void **state)
{
    (void)state;
    start("hello");
    run_ok("cleave shutdown hello --no-wait");
    run_ok("cleave wait hello --for gone --timeout 60");
    assert_int_equal(guests(), 0);
}

static void a_request_that_is_not_followed_has_a_limit(void **state)
{
    const struct run *late;
    time_t begin;

    (void)state;
    run_ok("cleave create -p /guests/hello.cfg");
    run_ok("xenstore-write /local/domain/%d/control/feature-poweroff 1", domid_of("hello"));
    begin = time(NULL);
    late = run("cleave shutdown hello --timeout 2");
    assert_in_range(time(NULL) - begin, 1, 30);
    assert_refused(late,
                   "did not accept poweroff requests within 2 s|--force|cleave destroy hello");
    assert_int_equal(late->status, REPORT_COOPERATION);
    assert_words(run_ok("cleave shutdown hello --timeout 1 --force")->err,
                 "note|within 1 s|destroyed");
    assert_int_equal(guests(), 0);
}

/* This guest has no driver for requests, and the test claims that it has. */
static void a_guest_that_ignores_its_request_is_late(void **state)
{
    const struct run *late;

    (void)state;
    run_ok("cleave create /guests/hog.cfg");
    run_ok("xenstore-write /local/domain/%d/control/feature-poweroff 1", domid_of("hog"));
    late = run("cleave shutdown hog --timeout 4");
    assert_refused(late, "has not ended within 4 s|asked 1 times|--force");
    assert_int_equal(late->status, REPORT_TIMEOUT);
    run_ok("cleave destroy hog");
}

/*
 * Debian's kernel takes requests before its user space runs, and would be deaf ever after if it was
 * asked then. So it is not asked yet, and `cleave wait --for booted` does not end yet.
 */
static void a_guest_is_asked_when_it_can_follow(void **state)
{
    (void)state;
    run_ok("cleave create /guests/debian.cfg");
    run_ok("cleave shutdown debian --timeout 170");
    assert_non_null(strstr(events_of("debian"), "powered off"));
    run_ok("cleave create /guests/debian.cfg; cleave wait debian --for booted --timeout 170");
    assert_non_null(strstr(console_log("debian"), "debian guest: up"));
    run_ok("cleave shutdown debian --timeout 60");
}

static void pause_and_unpause_may_be_repeated(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    assert_words(run_ok("cleave unpause hello")->err, "note|was not paused");
    run_ok("cleave pause hello");
    assert_words(run_ok("cleave pause hello")->err, "note|was paused before");
    run_ok("cleave unpause hello");
    run_ok("cleave wait hello --for booted --timeout 60");
}

static void wait_sees_each_state(void **state)
{
    (void)state;
    run_ok("cleave wait hello --for gone; cleave wait hello --for stopped");
    run_ok("(sleep 1; cleave create /guests/hello.cfg on_poweroff=preserve >/dev/null) &"
           "cleave wait hello --for running --timeout 60");
    run_ok("cleave wait hello --for booted --timeout 60");
    run_ok("cleave wait hello --for memory-target --timeout 5");
    assert_int_equal(run("cleave wait hello --for gone --timeout 1")->status, REPORT_TIMEOUT);
    assert_words(run_ok("cleave shutdown hello")->err, "note|is kept|cleave destroy hello");
    assert_json(run_ok("cleave wait hello --for stopped --json")->out, "wait");
    assert_int_equal(run("cleave wait hello --for gone --timeout 1")->status, REPORT_TIMEOUT);
    run_ok("cleave destroy hello; cleave wait hello --for gone");
}

static void wait_knows_a_crash(void **state)
{
    const struct run *crashed;

    (void)state;
    run_ok("cleave create /guests/crash.cfg on_crash=preserve");
    crashed = run("cleave wait crash --for booted --timeout 120");
    assert_refused(crashed, "crashed");
    assert_int_equal(crashed->status, REPORT_GUEST);
}

static uint64_t memory_of(const char *name)
{
    return number_in(run_ok("cleave list --json %s", name)->out, "memory_kib");
}

/* Debian's balloon and hot-plug drivers act on requests, for VMs of cleave and of xl. */
static void sizes_change_while_a_guest_runs(void **state)
{
    static const char *const tools[] = { "cleave", "xl" };

    (void)state;
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        run_ok("sed -e 's/^memory.*/memory = 192/' -e 's/^vcpus.*/vcpus = 2/' /guests/debian.cfg "
               ">/tmp/vm/size.cfg; %s create /tmp/vm/size.cfg",
               tools[i]);
        run_ok("cleave wait debian --for booted --timeout 170");
        run_ok("cleave set-vcpus debian 1 --timeout 170");
        /* a Linux guest needs user space (udev) to set a new vCPU online, and this one has none */
        assert_int_equal(run("cleave set-vcpus debian 2 --timeout 2")->status, REPORT_COOPERATION);
        assert_json(run_ok("cleave set-vcpus debian 1 --timeout 170 --json")->out, "set-vcpus");
        assert_json(run_ok("cleave set-memory debian 128 --timeout 170 --json")->out, "set-memory");
        assert_in_range(memory_of("debian"), 120 * 1024, 136 * 1024);
        run_ok("cleave wait debian --for memory-target --timeout 5");
        run_ok("cleave set-memory debian 160 --timeout 170");
        assert_in_range(memory_of("debian"), 152 * 1024, 168 * 1024);
        assert_int_equal(run("cleave set-memory debian 200")->status, REPORT_MEMORY);
        run_ok("cleave destroy debian");
    }
}

static void check_finds_all_errors_and_creates_nothing(void **state)
{
    const struct run *checked;

    (void)state;
    assert_words(run_ok("cleave check /guests/hello.cfg")->out, "\"hello\": no errors, 0 warnings");
    assert_json(run_ok("cleave check /guests/hello.cfg --json")->out, "check");
    run_ok("printf 'type = \"pvh\"\\nname = \"a b\"\\nmemory = \"4G\"\\n\\nkernel = \"/nowhere\"\\n"
           "memroy = 4\\ndisk = [ \"/nowhere,raw,sda,rw\" ]\\n' >/tmp/vm/wrong.cfg");
    checked = run("cleave check /tmp/vm/wrong.cfg");
    assert_int_equal(checked->status, REPORT_USAGE);
    assert_string_equal(checked->out, "");
    assert_words(checked->err,
                 "wrong.cfg:2: name|wrong.cfg:3: memory|kernel /nowhere|wrong.cfg:6: the "
                 "key \"memroy\"|wrong.cfg:7: disk|did you mean");
    checked = run("cleave check --strict --json /tmp/vm/wrong.cfg 2>/dev/null");
    assert_json(checked->out, "error");
    assert_words(checked->out, "problems|memroy|xvda");
    assert_int_equal(guests(), 0);
}

static void a_dry_run_tells_what_would_happen(void **state)
{
    const struct run *refused;

    (void)state;
    assert_words(run_ok("cleave create --dry-run /guests/hello.cfg")->out,
                 "can be started|memory              4 MiB|pool|free");
    assert_json(run_ok("cleave create --dry-run --json /guests/hello.cfg")->out, "create");
    assert_int_equal(guests(), 0);
    refused = run("cleave create --dry-run /guests/hello.cfg memory=1000000");
    assert_refused(refused, "1000000 MiB|are free");
    assert_int_equal(refused->status, REPORT_MEMORY);
    run_ok("cleave create -p /guests/hello.cfg");
    refused = run("cleave create --dry-run /guests/hello.cfg");
    assert_refused(refused, "in use");
    assert_int_equal(refused->status, REPORT_STATE);
}

/* What the hypervisor and the records know is enough to list and to end VMs. */
static void without_the_store_list_and_destroy_work(void **state)
{
    const struct run *list, *destroy, *other;

    (void)state;
    run_ok("cleave create -p /guests/hello.cfg; cleave create -p /guests/witness.cfg");
    run_ok("mv /run/xenstored/socket /run/xenstored/away");
    list = run("cleave list");
    destroy = run("cleave destroy hello");
    other = run("cleave destroy $(cleave list --json 2>/dev/null | sed -n 's/ *\"uuid\": "
                "\"\\(.*\\)\",*/\\1/p' | tail -n 1)");
    run("mv /run/xenstored/away /run/xenstored/socket");
    assert_int_equal(list->status, 0);
    assert_words(list->err, "warning|names|xenstored is not running");
    assert_words(list->out, "hello|witness|Domain-0");
    assert_int_equal(destroy->status, 0);
    assert_int_equal(other->status, 0);
    assert_int_equal(guests(), 0);
    run("xenstore-rm /vm; xenstore-rm /libxl; xenstore-rm /local/domain/0/backend");
}

/* The name is kept over a reboot, and the old one is free. */
static void a_new_name_stays(void **state)
{
    int domid;

    (void)state;
    start("hello");
    domid = domid_of("hello");
    assert_json(run_ok("cleave rename hello world --json")->out, "rename");
    assert_int_equal(domid_of("world"), domid);
    assert_int_equal(domid_of("hello"), -1);
    run_ok("cleave reboot world && cleave wait world --for booted --timeout 60");
    assert_true(domid_of("world") > domid);
    run_ok("cleave create -p /guests/hello.cfg");
    assert_refused(run("cleave rename hello world"), "\"world\" is in use");
    assert_refused(run("cleave rename hello 12"), "12|digits");
    assert_refused(run("cleave rename nobody somebody"), "nobody");
    run_ok("xl create -p /guests/witness.cfg && cleave rename witness seer && xl list seer");
    run_ok("cleave destroy hello; cleave destroy world; cleave destroy seer");
    assert_int_equal(guests(), 0);
}

static void console_of_a_preserved_vm_returns(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg on_poweroff=preserve; cleave wait hello --for booted");
    run_ok("cleave shutdown hello");
    assert_words(run_ok("timeout 30 cleave console hello")->err, "note|has ended (poweroff)");
}

/* Only the first console types; each shows all that the guest says. */
static void several_consoles_read_and_one_types(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg; cleave wait hello --for booted");
    run_ok("cleave console hello </dev/null >/tmp/vm/first 2>&1 &");
    AWAIT(run("grep -q 'hello: beat' /tmp/vm/first")->status == 0, 30);
    run_ok("cleave console hello </dev/null >/tmp/vm/second 2>&1 & "
           "cleave console --read hello </dev/null >/tmp/vm/third 2>&1 &");
    for (const char *const *file = (const char *const[]){ "second", "third", NULL }; *file; file++)
        AWAIT(run("[ $(grep -c 'hello: beat' /tmp/vm/%s) -ge 3 ]", *file)->status == 0, 30);
    assert_words(run_ok("cat /tmp/vm/second")->out, "note|another `cleave console`|only shows");
    assert_null(strstr(run_ok("cat /tmp/vm/third")->out, "note"));
    /* no line is in one of them only, and they end with the guest */
    run_ok("cleave destroy hello");
    AWAIT(run("pidof cleave")->status != 0, 30);
    run_ok("grep 'hello: beat' /tmp/vm/second | head -n -2 | while read -r line; do "
           "grep -qF \"$line\" /tmp/vm/first || exit 1; done");
}

/* dom0's shell is a job of init, and Ctrl-C works in it; xentop knows its terminal. */
static void the_shell_of_dom0_takes_signals(void **state)
{
    (void)state;
    assert_string_equal(
        run_ok("sh -c '/usr/lib/cleave/rig/signals grep SigIgn /proc/self/status & wait $!'")->out,
        "SigIgn:\t0000000000000000\n");
    run_ok("test -e /lib/terminfo/l/linux && test -e /lib/terminfo/v/vt100");
}

static void diff_shows_what_differs_from_the_file(void **state)
{
    (void)state;
    run_ok("cleave create -p /guests/hello.cfg memory=8");
    assert_words(run_ok("cleave diff hello /guests/hello.cfg")->out, "memory|VM: 8|file: 4|maxmem");
    assert_string_equal(run_ok("cleave diff hello /guests/hello.cfg memory=8")->out, "");
    assert_json(run_ok("cleave diff hello /guests/hello.cfg vcpus=2 --json")->out, "diff");
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(shutdown_returns_when_the_name_is_free),
    SYSTEM_TEST(reboot_returns_when_the_vm_runs_again),
    SYSTEM_TEST(a_reboot_that_fails_is_told),
    SYSTEM_TEST(no_wait_returns_at_once),
    SYSTEM_TEST(a_request_that_is_not_followed_has_a_limit),
    SYSTEM_TEST(a_guest_that_ignores_its_request_is_late),
    SYSTEM_TEST(a_guest_is_asked_when_it_can_follow),
    SYSTEM_TEST(pause_and_unpause_may_be_repeated),
    SYSTEM_TEST(wait_sees_each_state),
    SYSTEM_TEST(wait_knows_a_crash),
    SYSTEM_TEST(check_finds_all_errors_and_creates_nothing),
    SYSTEM_TEST(a_dry_run_tells_what_would_happen),
    SYSTEM_TEST(without_the_store_list_and_destroy_work),
    SYSTEM_TEST(a_new_name_stays),
    SYSTEM_TEST(console_of_a_preserved_vm_returns),
    SYSTEM_TEST(several_consoles_read_and_one_types),
    SYSTEM_TEST(the_shell_of_dom0_takes_signals),
    SYSTEM_TEST(diff_shows_what_differs_from_the_file),
    SYSTEM_TEST(sizes_change_while_a_guest_runs),
};

const struct group group_contract = GROUP("contract", tests);
