/* SPDX-License-Identifier: MIT */
/*
 * Debian's unmodified xl and cleave side by side: each knows the VMs that the other made. Next to read:
 * many.c.
 */
#include <stdio.h>
#include <string.h>

#include "cleave-schema.h"
#include "system.h"

static void await_heartbeat(const char *name)
{
    AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, domid_of(name)) > 0, 30);
}

static void xl_creates_and_destroys(void **state)
{
    (void)state;
    run_ok("xl create /guests/hello.cfg");
    await_heartbeat("hello");
    assert_non_null(strstr(run_ok("xl list")->out, "hello"));
    assert_non_null(strstr(run_ok("xl info")->out, "free_memory"));
    run_ok("xl destroy hello");
    AWAIT(guests() == 0, 10);
}

static void xl_knows_a_vm_of_cleave(void **state)
{
    char domid[16];

    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    await_heartbeat("hello");
    snprintf(domid, sizeof(domid), "%d\n", domid_of("hello"));
    assert_non_null(strstr(run_ok("xl list hello")->out, "hello"));
    assert_string_equal(run_ok("xl domid hello")->out, domid);
    assert_non_null(strstr(run("timeout 5 xl console hello")->out, "hello: beat"));
    run_ok("xl pause hello");
    assert_string_equal(state_of("hello"), "paused");
    run_ok("xl unpause hello");
    assert_int_not_equal(run("xl create /guests/hello.cfg")->status, 0);
    assert_int_equal(guests(), 1);
    run_ok("xl destroy hello");
    AWAIT(guests() == 0, 10);
    AWAIT(run("pidof cleave")->status != 0, 5);
}

static void xl_shuts_a_vm_of_cleave_down(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    await_heartbeat("hello");
    run_ok("xl shutdown hello");
    AWAIT(guests() == 0, 30);
}

static void cleave_knows_a_vm_of_xl(void **state)
{
    (void)state;
    run_ok("xl create /guests/hello.cfg");
    await_heartbeat("hello");
    assert_non_null(strstr(run_ok("cleave list hello")->out, "hello"));
    assert_non_null(strstr(run("timeout 5 cleave console hello")->out, "hello: beat"));
    assert_refused(run("cleave create /guests/hello.cfg"), "taken");
    run_ok("cleave pause hello");
    assert_string_equal(state_of("hello"), "paused");
    run_ok("cleave unpause hello");
    run_ok("cleave destroy hello");
    AWAIT(guests() == 0, 10);
    AWAIT(run("pidof xl")->status != 0, 10);
}

static void cleave_shuts_a_vm_of_xl_down(void **state)
{
    (void)state;
    run_ok("xl create /guests/hello.cfg");
    await_heartbeat("hello");
    run_ok("cleave shutdown -w hello");
    AWAIT(guests() == 0, 30);
}

static void both_write_the_same_nodes(void **state)
{
    static const char nodes[] = "xenstore-ls -f -p /local/domain/%d | sed 's/ = .* (/ (/' | sort >/tmp/vm/%s";

    (void)state;
    run_ok("xl create -p /guests/hello.cfg");
    run_ok(nodes, domid_of("hello"), "xl");
    run_ok("xl destroy hello");
    run_ok("cleave create -p /guests/hello.cfg");
    run_ok(nodes, domid_of("hello"), "cleave");
    run_ok("cd /tmp/vm; sed -i 's/domain.[0-9]*//; s/[0-9]*)/ID)/; s/n[1-9][0-9]*/nID/' xl cleave");
    run_ok("cd /tmp/vm; diff xl cleave");
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(xl_creates_and_destroys),
    SYSTEM_TEST(xl_knows_a_vm_of_cleave),
    SYSTEM_TEST(xl_shuts_a_vm_of_cleave_down),
    SYSTEM_TEST(cleave_knows_a_vm_of_xl),
    SYSTEM_TEST(cleave_shuts_a_vm_of_xl_down),
    SYSTEM_TEST(both_write_the_same_nodes),
};

const struct group group_stock = GROUP("stock", tests);
