/* SPDX-License-Identifier: MIT */
/*
 * The machine and who sits before it: cleave host with its warnings, events of a running VM, the
 * line of progress on a terminal, dom0's poweroff, and the script of the README as it stands there.
 * Next to read: contract.c.
 */
#define _GNU_SOURCE
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"

/* --- cleave host ------------------------------------------------------------------------------ */

static void the_host_is_described(void **state)
{
    const char *json;

    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    json = run_ok("cleave host --json")->out;
    assert_json(json, "host");
    assert_words(json, "\"npt\": true|\"svm\": true");
    assert_int_equal(number_in(json, "running"), 1);
    assert_true(number_in(json, "dom0") > 100 * 1024);
    assert_in_range(number_in(json, "vms"), 4096, 8192);
    assert_true(number_in(json, "pid") > 1);
    assert_words(run_ok("cleave host")->out,
                 "hypervisor|AMD|features|svm|cleaved          running|xenconsoled      "
                 "running|1 running, 0 defined");
    assert_null(strstr(run_ok("cleave host")->out, "warning"));
}

/* What does not run, or hangs, is no error of the verb, but a warning with a remedy. */
static void what_is_wrong_with_the_host_has_a_remedy(void **state)
{
    const struct run *stopped;

    (void)state;
    run_ok("mkdir -p /run/cleave; touch /run/cleave/hold; killall cleaved");
    AWAIT(run("pidof cleaved")->status != 0, 5);
    run_ok("kill -STOP $(pidof xenstored)");
    stopped = run("cleave host --json");
    run_ok("kill -CONT $(pidof xenstored)");
    assert_int_equal(stopped->status, 0);
    assert_json(stopped->out, "host");
    assert_words(stopped->out, "cleaved does not run|start cleaved|does not answer|\"hangs\"");
    run_ok("rm /run/cleave/hold");
    AWAIT(run("cleave host | grep -q 'cleaved  *running'")->status == 0, 10);
    run_ok("cleave define /guests/hello.cfg");
    assert_words(run_ok("cleave host")->out, "0 running, 1 defined");
    run_ok("cleave undefine hello");
}

/* --- events ----------------------------------------------------------------------------------- */

/* Each line of the journal about this VM matches the schema. */
static void assert_events_are_valid(const char *name)
{
    static char lines[sizeof(((struct run *)0)->out)];
    char *rest = lines, *line;

    snprintf(lines, sizeof(lines), "%s", events_of(name));
    assert_true(lines[0] == '{');
    while ((line = strsep(&rest, "\n")) != NULL && *line)
        assert_json(line, "events");
}

static int count_events(const char *name, const char *what, const char *by)
{
    return atoi(
        run("grep '\"name\":\"%s\"' /var/lib/cleave/events.jsonl | grep '\"what\":\"%s\"' | "
            "grep -c '\"by\":\"%s\"'",
            name, what, by)
            ->out);
}

/* Targets that xl sets, and the end of what a verb with --no-wait began, are told by cleaved. */
static void cleaved_tells_what_nobody_waits_for(const char *name)
{
    AWAIT(run("grep -q '^%d ' /run/cleave/targets", domid_of(name))->status == 0, 20);
    run_ok("xl mem-set %s 112", name);
    AWAIT(count_events(name, "memory-target", "other") == 1, 20);
    AWAIT(count_events(name, "memory-reached", "cleaved") == 1, 60);
    run_ok("cleave set-memory %s 128 --no-wait", name);
    AWAIT(count_events(name, "memory-reached", "cleaved") == 2, 60);
    /* and each once */
    assert_int_equal(count_events(name, "memory-target", "other"), 1);
    assert_int_equal(count_events(name, "memory-target", "cleave"), 2);
    assert_int_equal(count_events(name, "memory-reached", "cleave"), 1);
}

static void changes_of_a_running_vm_are_events(void **state)
{
    (void)state;
    run_ok("sed -e 's/^memory.*/memory = 160/' -e 's/^vcpus.*/vcpus = 2/' /guests/debian.cfg "
           ">/tmp/vm/size.cfg; xl create /tmp/vm/size.cfg");
    run_ok("cleave wait debian --for booted --timeout 170");
    run_ok("cleave pause debian; cleave unpause debian");
    run_ok("cleave set-memory debian 128 --timeout 170");
    run_ok("cleave set-vcpus debian 1 --no-wait");
    AWAIT(count_events("debian", "vcpus-reached", "cleaved") == 1, 60);
    assert_int_not_equal(run("cleave set-vcpus debian 2 --timeout 1")->status, 0);
    assert_words(events_of("debian"),
                 "\"what\":\"paused\"|\"what\":\"unpaused\"|\"what\":\"memory-target\"|"
                 "\"old_kib\":163840,\"new_kib\":131072|\"what\":\"memory-reached\"|"
                 "\"what\":\"vcpus-target\"|\"old\":2,\"new\":1|\"what\":\"vcpus-reached\"|"
                 "\"what\":\"vcpus-missed\"|\"by\":\"cleave\"");
    cleaved_tells_what_nobody_waits_for("debian");
    assert_events_are_valid("debian");
    run_ok("cleave rename debian renamed");
    assert_words(events_of("debian"), "\"what\":\"renamed\",\"detail\":\"renamed\"");
    assert_words(run_ok("cleave events --since 10m")->out, "memory-target|160 -> 128 MiB");
    run_ok("cleave destroy renamed");
}

/* --- progress --------------------------------------------------------------------------------- */

/* Runs a shell command line on a terminal, and returns what appeared there. */
static const char *run_on_terminal(const char *command)
{
    static char text[32768];
    struct winsize size = { .ws_row = 25, .ws_col = 80 };
    size_t used = 0;
    ssize_t count;
    int terminal;
    pid_t child;

    fflush(NULL);
    child = forkpty(&terminal, NULL, NULL, &size);
    if (child == 0) {
        setenv("TERM", "vt100", 1);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    while ((count = read(terminal, text + used, sizeof(text) - 1 - used)) > 0)
        used += count;
    text[used] = '\0';
    waitpid(child, NULL, 0);
    close(terminal);
    return text;
}

#define CLEARED "\r\033[K"

static void long_steps_are_said_on_a_terminal(void **state)
{
    const char *seen;

    (void)state;
    run_ok("cleave create -p /guests/hello.cfg");
    seen = run_on_terminal("cleave wait hello --for booted --timeout 4");
    assert_words(seen,
                 CLEARED "hello: waiting until it is booted: it is paused (|" CLEARED "cleave: ");
    seen = run_on_terminal("cleave shutdown hello --timeout 3 --force");
    assert_words(seen, CLEARED "hello: waiting until it takes requests; ");
    assert_null(strstr(run_on_terminal("cleave wait hello --for booted --timeout 3 --json"),
                       "waiting until"));
    assert_null(strstr(run("cleave wait hello --for booted --timeout 3")->err, "waiting until"));
}

/* --- dom0 ------------------------------------------------------------------------------------- */

/* What init does before it powers the machine off. A paused guest cannot be asked. */
static void poweroff_ends_the_guests_first(void **state)
{
    const struct run *ends;

    (void)state;
    run_ok("cleave create /guests/debian.cfg; cleave create /guests/hello.cfg");
    run_ok("cleave create -p /guests/hello.cfg name=paused");
    run_ok("cleave wait debian --for booted --timeout 170");
    run_ok("cleave wait hello --for booted --timeout 60");
    ends = run_ok("/usr/lib/cleave/rig/end-guests 150");
    assert_words(ends->out, "2 guests|the guests have ended");
    assert_string_equal(ends->err, "");
    assert_non_null(strstr(events_of("debian"), "powered off"));
    assert_non_null(strstr(events_of("hello"), "powered off"));
    assert_int_equal(guests(), 1);
    run_ok("cleave unpause paused");
    assert_words(run_ok("/usr/lib/cleave/rig/end-guests 60")->out, "1 guest");
    assert_string_equal(run_ok("/usr/lib/cleave/rig/end-guests 60")->out, "");
}

static void a_deaf_guest_does_not_stop_the_poweroff(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hog.cfg");
    assert_words(run_ok("/usr/lib/cleave/rig/end-guests 2")->err, "did not end within 2 s");
    assert_int_equal(guests(), 0);
}

/* The chapter of the README, which is installed in dom0, is pasted into a shell. */
static void the_script_of_the_readme_runs(void **state)
{
    (void)state;
    run_ok("sed -n '/^## Script it/,/^## /s/^    //p' /usr/share/doc/cleave/README.md "
           ">/tmp/vm/script; grep -q 'cleave create' /tmp/vm/script");
    assert_words(run_ok("sh /tmp/vm/script")->out, "created|memory-reached|destroyed");
    assert_int_equal(guests(), 0);
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(the_host_is_described),
    SYSTEM_TEST(what_is_wrong_with_the_host_has_a_remedy),
    SYSTEM_TEST(changes_of_a_running_vm_are_events),
    SYSTEM_TEST(long_steps_are_said_on_a_terminal),
    SYSTEM_TEST(poweroff_ends_the_guests_first),
    SYSTEM_TEST(a_deaf_guest_does_not_stop_the_poweroff),
    SYSTEM_TEST(the_script_of_the_readme_runs),
};

const struct group group_host = GROUP("host", tests);
