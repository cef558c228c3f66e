/* SPDX-License-Identifier: MIT */
/*
 * xenstored and xenconsoled are stopped (SIGSTOP) while a command needs them: each command reports
 * this and ends. None hangs, which run() would report as status 124. After they continue,
 * everything works again. The same when one is killed and restarted.
 */
#include <stdio.h>
#include <string.h>

#include "cleave-schema.h"
#include "system.h"

/* Runs a command line that stops a daemon, then continues the daemon whatever the result. */
#define RUN_AND_CONTINUE(daemon, ...) \
    ({ \
        const struct run *it_ = run(__VA_ARGS__); \
        run_ok("kill -CONT $(pidof " daemon ")"); \
        it_; \
    })

/* For the shell: stops xenstored as soon as the command writes below a path. */
#define STOP_AT_WRITE(path, command) \
    "rm -f /tmp/watched; store=$(pidof xenstored);" \
    "{ xenstore-watch -n 2 " path " >/tmp/watched; kill -STOP $store; } &" \
    "until [ -s /tmp/watched ]; do sleep 0.1; done;" command "; status=$?; wait; exit $status"

/* Removes store nodes that a build without the store could not. */
static void sweep_nodes(void)
{
    run("for id in $(xenstore-list /local/domain | grep -v '^0$'); do for node in $(xenstore-read "
        "/local/domain/$id/vm) /local/domain/0/backend/console/$id /libxl/$id /local/domain/$id; "
        "do xenstore-rm $node; done; done");
}

/* A build may finish before the signal arrives: then another is started. */
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
    /* The domain is gone, and leftovers do not disturb the next of its name. */
    run_ok("cleave create /guests/hello.cfg");
    run_ok("cleave destroy hello");
    sweep_nodes();
}

/*
 * A guest may never see a request if the store stops. A command that waits for its end must not
 * hang. This guest has no driver for requests, and the test claims that it has.
 */
static void store_stops_while_a_shutdown_is_awaited(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hog.cfg");
    run_ok("xenstore-write /local/domain/%d/control/feature-poweroff 1", domid_of("hog"));
    const struct run *shutdown =
        RUN_AND_CONTINUE("xenstored",
                         STOP_AT_WRITE("/local/domain/%d/control", "cleave shutdown -w hog"),
                         domid_of("hog"));

    assert_refused(shutdown, "xenstored does not answer");
    run_ok("cleave destroy hog");
}

static void schema_check_does_not_wait_for_a_stopped_store(void **state)
{
    (void)state;
    run_ok("kill -STOP $(pidof xenstored)");
    const struct run *check = RUN_AND_CONTINUE("xenstored", "cleave store check");

    assert_refused(check, "xenstored does not answer");
}

/* There is no room for the input; yet the console ends with its guest. */
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

/* A console opened before and one after the restart both reach their guests. */
static void xenconsoled_is_killed_and_starts_again(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg name=early");
    run_ok("kill -9 $(pidof xenconsoled)");
    run_ok("cleave create /guests/hello.cfg"); /* it gets its terminal once xenconsoled runs */
    run_ok(START_XENCONSOLED);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "hello" : "early";

        AWAIT(run("xenstore-read /local/domain/%d/console/tty", domid_of(name))->status == 0, 30);
        run_ok("{ until grep -q : /tmp/said; do sleep 0.1; done; cleave destroy %s; } & : "
               ">/tmp/said; cleave console %s </dev/null >/tmp/said; wait; rm /tmp/said",
               name, name);
    }
}

#define START_XENSTORED \
    "rm -f /run/xen/xenstored.pid; xenstored --pid-file /run/xen/xenstored.pid </dev/null" \
    " >/dev/null 2>&1 && xen-init-dom0; kill $(pidof xenconsoled); " START_XENCONSOLED

/* What works without the store: the hypervisor knows domains, and cleave's records names. */
static void use_without_xenstored(void)
{
    const struct run *list;

    assert_refused(run("cleave create /guests/hello.cfg"), "xenstored is not running");
    assert_refused(run("cleave shutdown witness"), "xenstored is not running");
    assert_refused(run("cleave store check"), "xenstored is not running");
    list = run_ok("cleave list");
    assert_words(list->out, "witness|doomed|00112233-4455-6677-8899-aabbccddee01");
    assert_null(strstr(list->out, "byxl"));
    list = run_ok("cleave destroy doomed");
    assert_words(list->err, "warning|xenstored is not running");
    assert_int_not_equal(run("cleave list doomed")->status, 0);
    run_ok("cleave destroy 00112233-4455-6677-8899-aabbccddee02");
}

/*
 * No command hangs without xenstored, and VMs can be destroyed. The new one gets the names of the
 * running VMs, also of xl's, from cleaved, and new VMs work fully. xenconsoled must be restarted
 * too: it waits for the old xenstored to report the end of a VM, and keeps the console page until
 * then. This is the last test, because the old VMs have lost their watches.
 */
static void xenstored_is_killed_and_starts_again(void **state)
{
    uint64_t before = free_kib();
    int witness;

    (void)state;
    run_ok("cleave create /guests/witness.cfg && cleave create /guests/hello.cfg name=doomed");
    witness = domid_of("witness");
    for (int i = 1; i <= 2; i++)
        run_ok("sed 's/^name.*/name = \"byxl%d\"/' /guests/hello.cfg >/tmp/vm/xl.cfg; echo "
               "'uuid = \"00112233-4455-6677-8899-aabbccddee0%d\"' >>/tmp/vm/xl.cfg; "
               "xl create /tmp/vm/xl.cfg",
               i, i);
    run_ok("kill -9 $(pidof xenstored)");
    use_without_xenstored();
    run_ok(START_XENSTORED);
    AWAIT(run("xl domid witness && xl domid byxl1")->status == 0, 30);
    assert_words(run_ok("cleave list")->out, "Domain-0|witness|byxl1");
    assert_words(run_ok("cleave store check")->out, "as the schema says");
    assert_refused(run("cleave shutdown witness"), "poweroff");
    /* its requests reach the new xenstored, also the one that found no store */
    AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, witness) > 0, 30);
    run_ok("cleave create /guests/hello.cfg && cleave wait hello --for booted");
    run_ok("cleave shutdown -w hello && cleave destroy witness && cleave destroy byxl1");
    run("kill $(pidof xl)"); /* these wait for the old xenstored */
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
    { "xenstored_is_killed_and_starts_again", xenstored_is_killed_and_starts_again, test_begin,
      NULL, NULL },
};

const struct group group_daemons = GROUP("daemons", tests);
