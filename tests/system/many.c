/* SPDX-License-Identifier: MIT */
/* Many guests at once, and one after another: nothing may be lost. Next to read: hostile.c. */
#include <stdio.h>
#include <string.h>

#include "cleave-schema.h"
#include "system.h"

#define AT_ONCE_MAX 50

static void many_guests_live_at_once(void **state)
{
    int at_once = rounds() / 10 > AT_ONCE_MAX ? AT_ONCE_MAX : rounds() / 10;
    long beats[AT_ONCE_MAX];
    int ids[AT_ONCE_MAX];

    (void)state;
    for (int i = 0; i < at_once; i++)
        run_ok("cleave create /guests/hello.cfg name=hello%02d", i);
    assert_int_equal(guests(), at_once);
    for (int i = 0; i < at_once; i++) {
        char name[16];

        snprintf(name, sizeof(name), "hello%02d", i);
        ids[i] = domid_of(name);
        AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, ids[i]) > 0, 30);
        beats[i] = store_number(SCHEMA_DATA_HEARTBEAT_PATH, ids[i]);
    }
    /* All of them run, none in the place of another. */
    for (int i = 0; i < at_once; i++)
        AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, ids[i]) > beats[i] + 1, 30);
    assert_int_equal(core_violations(), 0);
    for (int i = 0; i < at_once; i++)
        run_ok("cleave destroy hello%02d", i);
    assert_int_equal(guests(), 0);
}

static void rounds_of_create_and_destroy_leave_free_memory_as_it_was(void **state)
{
    uint64_t before = free_kib();

    (void)state;
    for (int round = 0; round < rounds(); round++) {
        run_ok("cleave create /guests/hello.cfg && cleave destroy hello");
        if (core_violations())
            fail_msg("the invariant checker complains after round %d: cleave dmesg", round);
        if (round % 100 == 99)
            printf("many: %d rounds of create and destroy\n", round + 1);
    }
    AWAIT(memory_is_back(before), 10);
}

static void reboots_leave_free_memory_as_it_was(void **state)
{
    uint64_t before = free_kib();

    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    for (int round = 0; round < rounds() / 5; round++) {
        int id = domid_of("hello");

        AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, id) > 0, 30);
        run_ok("cleave reboot hello");
        AWAIT(domid_of("hello") > id, 30);
        if (core_violations())
            fail_msg("the invariant checker complains after reboot %d: cleave dmesg", round);
    }
    run_ok("cleave destroy hello");
    AWAIT(memory_is_back(before), 10);
}

/*
 * Each requests more than half of the free memory: their claims decide, before either has allocated
 * much.
 */
static void of_two_that_do_not_both_fit_one_is_refused(void **state)
{
    unsigned long long mib = free_kib() / 1024 * 6 / 10;
    const struct run *both;

    (void)state;
    both = run("cd /tmp/vm; for i in a b; do"
               " cleave create -p /guests/hello.cfg name=$i memory=%llu 2>err.$i & done;"
               "wait; cat err.a err.b >&2",
               mib);
    assert_int_equal(guests(), 1);
    if (!strstr(both->err, "not enough memory") ||
        strchr(both->err, '\n') != strrchr(both->err, '\n'))
        fail_msg("not one refusal: %s", both->err);
}

static void an_interrupted_create_leaves_nothing(void **state)
{
    (void)state;
    /* At once, and with growing delays: some hit the build. */
    for (int i = 0; i < 8; i++) {
        run("cleave create -p /guests/debian.cfg & sleep 0.%d; kill -TERM $!; wait $!", i + 1);
        if (guests() == 1)
            run_ok("cleave destroy debian");
        assert_int_equal(guests(), 0);
        run_ok("cleave store check");
    }
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(many_guests_live_at_once),
    SYSTEM_TEST(rounds_of_create_and_destroy_leave_free_memory_as_it_was),
    SYSTEM_TEST(reboots_leave_free_memory_as_it_was),
    SYSTEM_TEST(of_two_that_do_not_both_fit_one_is_refused),
    SYSTEM_TEST(an_interrupted_create_leaves_nothing),
};

const struct group group_many = GROUP("many", tests);
