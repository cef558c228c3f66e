/* SPDX-License-Identifier: MIT */
/* mm/alloc.c: buddies, claims, limits, scrubbing. */
#include "alloc.h"
#include "directmap.h"
#include "harness.h"

static void fresh_machine_is_consistent(void **state)
{
    struct alloc_info info;

    (void)state;
    alloc_info(&info);
    assert_int_equal(info.total, 64 << 8);
    assert_int_equal(info.free, info.total - info.core);
    harness_check_memory();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fresh_machine_is_consistent, harness_setup),
    };

    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
