/* SPDX-License-Identifier: MIT */
/*
 * Many guests at once, and one after the other: nothing may be lost on the way. Next to read: hostile.c.
 */
#include <stdio.h>

#include "cleave-schema.h"
#include "system.h"

#define AT_ONCE 10
#define ROUNDS  50

static void ten_guests_live_at_once(void **state)
{
    long beats[AT_ONCE];
    int ids[AT_ONCE];

    (void)state;
    for (int i = 0; i < AT_ONCE; i++)
        run_ok("cleave create /guests/hello.cfg name=hello%02d", i);
    assert_int_equal(guests(), AT_ONCE);
    for (int i = 0; i < AT_ONCE; i++) {
        char name[16];

        snprintf(name, sizeof(name), "hello%02d", i);
        ids[i] = domid_of(name);
        AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, ids[i]) > 0, 30);
        beats[i] = store_number(SCHEMA_DATA_HEARTBEAT_PATH, ids[i]);
    }
    /* All of them go on, none in the place of another. */
    for (int i = 0; i < AT_ONCE; i++)
        AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, ids[i]) > beats[i] + 1, 30);
    assert_int_equal(core_violations(), 0);
    for (int i = 0; i < AT_ONCE; i++)
        run_ok("cleave destroy hello%02d", i);
    assert_int_equal(guests(), 0);
}

static void fifty_rounds_leave_free_memory_as_it_was(void **state)
{
    uint64_t before = free_kib();

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        run_ok("cleave create /guests/hello.cfg");
        run_ok("cleave destroy hello");
        if (core_violations())
            fail_msg("the invariant checker complains after round %d: cleave dmesg", round);
    }
    AWAIT(memory_is_back(before), 10);
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(ten_guests_live_at_once),
    SYSTEM_TEST(fifty_rounds_leave_free_memory_as_it_was),
};

const struct group group_many = GROUP("many", tests);
