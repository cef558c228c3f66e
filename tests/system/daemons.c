/* SPDX-License-Identifier: MIT */
/*
 * xenstored and xenconsoled stop (SIGSTOP) while a command needs them: each command says so and
 * ends; none waits for ever, which run() would tell by status 124. Afterwards they go on, and
 * everything works again. The same where one is killed, and started again.
 */
#include <stdio.h>
#include <string.h>

#include "system.h"

/* Runs a command line that stops a daemon, which then goes on whatever came of it. */
#define RUN_AND_CONTINUE(daemon, ...) \
    ({ \
        const struct run *it_ = run(__VA_ARGS__); \
        run_ok("kill -CONT $(pidof " daemon ")"); \
        it_; \
    })

/*
 * For the shell: stops xenstored as soon as somebody writes below a path, which the command does.
 */
#define STOP_AT_WRITE(path, command) \
    "rm -f /tmp/watched; store=$(pidof xenstored);" \
    "{ xenstore-watch -n 2 " path " >/tmp/watched; kill -STOP $store; } &" \
    "until [ -s /tmp/watched ]; do sleep 0.1; done;" command "; status=$?; wait; exit $status"

/* What a build that lost the store could not take back there. */
static void sweep_nodes(void)
{
    run("for id in $(xenstore-list /local/domain | grep -v '^0$'); do for node in $(xenstore-read "
        "/local/domain/$id/vm) /local/domain/0/backend/console/$id /libxl/$id /local/domain/$id; "
        "do xenstore-rm $node; done; done");
}

/* A build may be over before the signal arrives: then there is another. */
static void store_stops_while_a_vm_is_built(void **state)
{
    const struct run *create;

    (void)state;
    for (int i = 0; i < 20; i++) {
        create = RUN_AND_CONTINUE("xenstored", STOP_AT_WRITE("/local/domain",
                                                             "cleave create /guests/hello.cfg"));
        if (create->status)
            break;
        run_ok("cleave destroy hello");
    }
    assert_refused(create, "xenstored does not answer");
    assert_int_equal(guests(), 0);
    /* The domain is gone, and the next of its name does not mind what could not be removed. */
    run_ok("cleave create /guests/hello.cfg");
    run_ok("cleave destroy hello");
    sweep_nodes();
}

/*
 * A guest that is asked by a store that stops may never hear it, as this one, which has just begun
 * to boot: whoever waits for its end must not wait for ever.
 */
static void store_stops_while_a_shutdown_is_awaited(void **state)
{
    (void)state;
    run_ok("cleave create -p /guests/debian.cfg");
    run_ok("xenstore-write /local/domain/%d/control/feature-poweroff 1", domid_of("debian"));
    run_ok("cleave unpause debian");
    const struct run *shutdown =
        RUN_AND_CONTINUE("xenstored",
                         STOP_AT_WRITE("/local/domain/%d/control", "cleave shutdown -w debian"),
                         domid_of("debian"));

    assert_refused(shutdown, "xenstored does not answer");
    run_ok("cleave destroy debian");
}

static void schema_check_does_not_wait_for_a_stopped_store(void **state)
{
    (void)state;
    run_ok("kill -STOP $(pidof xenstored)");
    const struct run *check = RUN_AND_CONTINUE("xenstored", "cleave-schema-check");

    assert_int_equal(check->status, 2);
    assert_non_null(strstr(check->err, "xenstored does not answer"));
}

/* What is typed has no room; yet the console ends with its guest. */
static void console_ends_though_xenconsoled_is_stopped(void **state)
{
    (void)state;
    run_ok("cleave create /guests/witness.cfg");
    AWAIT(run("xenstore-read /local/domain/%d/console/tty", domid_of("witness"))->status == 0, 10);
    run_ok("kill -STOP $(pidof xenconsoled)");
    const struct run *console =
        RUN_AND_CONTINUE("xenconsoled",
                         "head -c 200000 /dev/zero | cleave console witness >/dev/null & pid=$!;"
                         "until ps -o args | grep -q '^[c]leave console'; do sleep 0.1; done;"
                         "cleave destroy witness; wait $pid");

    assert_int_equal(console->status, 0);
}

static void console_without_xenconsoled_is_refused(void **state)
{
    (void)state;
    run_ok("kill -STOP $(pidof xenconsoled)");
    const struct run *create =
        RUN_AND_CONTINUE("xenconsoled", "cleave create -c /guests/witness.cfg");

    assert_int_equal(create->status, 7);
    assert_non_null(strstr(create->err, "is xenconsoled running?"));
    run_ok("cleave destroy witness");
}

#define START_XENCONSOLED \
    "rm -f /run/xen/xenconsoled.pid; xenconsoled --pid-file=/run/xen/xenconsoled.pid" \
    " --log=guest --log-dir=/var/log/xen/console </dev/null >/dev/null 2>&1"

/* A console of before and one of after it lead to their guests. */
static void xenconsoled_is_killed_and_starts_again(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg name=early");
    run_ok("kill -9 $(pidof xenconsoled)");
    run_ok("cleave create /guests/hello.cfg"); /* its terminal comes when there is an xenconsoled */
    run_ok(START_XENCONSOLED);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "hello" : "early";

        AWAIT(run("xenstore-read /local/domain/%d/console/tty", domid_of(name))->status == 0, 30);
        run_ok("{ until grep -q : /tmp/said; do sleep 0.1; done; cleave destroy %s; } & : "
               ">/tmp/said; cleave console %s </dev/null >/tmp/said; wait; rm /tmp/said",
               name, name);
    }
}

/*
 * No command hangs while there is none. The new one knows no VM of before, but their numbers end
 * them, and new VMs have all that they need. xenconsoled has to start again, too: it waits for the
 * old one's word of a VM's end, and keeps the console's page until then. The last test: what the
 * store had is gone.
 */
static void xenstored_is_killed_and_starts_again(void **state)
{
    uint64_t before = free_kib();
    int witness;

    (void)state;
    run_ok("cleave create /guests/witness.cfg");
    witness = domid_of("witness");
    run_ok("kill -9 $(pidof xenstored)");
    assert_refused(run("cleave create /guests/hello.cfg"), "xenstored is not running");
    assert_refused(run("cleave shutdown witness"), "xenstored is not running");
    run_ok("rm -f /run/xen/xenstored.pid;"
           " xenstored --pid-file /run/xen/xenstored.pid </dev/null >/dev/null 2>&1"
           " && xen-init-dom0; kill $(pidof xenconsoled); " START_XENCONSOLED);
    run_ok("cleave create /guests/hello.cfg");
    run_ok("cleave shutdown -w hello");
    AWAIT(domid_of("hello") < 0, 30);
    run_ok("cleave destroy %d", witness);
    assert_int_equal(guests(), 0);
    AWAIT(memory_is_back(before), 30);
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(store_stops_while_a_vm_is_built),
    SYSTEM_TEST(store_stops_while_a_shutdown_is_awaited),
    SYSTEM_TEST(schema_check_does_not_wait_for_a_stopped_store),
    SYSTEM_TEST(console_ends_though_xenconsoled_is_stopped),
    SYSTEM_TEST(console_without_xenconsoled_is_refused),
    SYSTEM_TEST(xenconsoled_is_killed_and_starts_again),
    { "xenstored_is_killed_and_starts_again", xenstored_is_killed_and_starts_again, NULL, NULL,
      NULL },
};

const struct group group_daemons = GROUP("daemons", tests);
