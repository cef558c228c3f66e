/* SPDX-License-Identifier: MIT */
/* lib/spinlock.c: the holder of a lock, the lock order, and mutual exclusion. */
#include "harness.h"
#include "cpu/clock.h"
#include "percpu.h"

#define ROUNDS 100000
#define HOLD 1000000 /* ticks */

static struct spinlock domain_lock, port_lock, other_port_lock;

static int setup(void **state)
{
    harness_memory_new(1);
    spin_init(&domain_lock, LOCK_DOMAIN);
    spin_init(&port_lock, LOCK_EVTCHN);
    spin_init(&other_port_lock, LOCK_EVTCHN);
    return 0;
}

static void a_lock_knows_its_holder(void **state)
{
    assert_false(spin_lock_held(&domain_lock)); /* CPU 0 must not look like "not held" */
    assert_ptr_equal(spin_lock(&domain_lock), &domain_lock);
    assert_true(spin_lock_held(&domain_lock));
    assert_int_equal(this_cpu()->held[LOCK_DOMAIN], 1);
    assert_false(spin_trylock(&domain_lock));
    assert_int_equal(this_cpu()->held[LOCK_DOMAIN], 1);
    harness_cpu = 1;
    assert_false(spin_lock_held(&domain_lock));
    assert_false(spin_trylock(&domain_lock));
    harness_cpu = 0;
    spin_unlock(&domain_lock);
    assert_false(spin_lock_held(&domain_lock));
    assert_int_equal(this_cpu()->held[LOCK_DOMAIN], 0);

    harness_cpu = 1;
    assert_true(spin_trylock(&domain_lock));
    assert_true(spin_lock_held(&domain_lock));
    assert_int_equal(cpus[1].held[LOCK_DOMAIN], 1);
    harness_cpu = 0;
    assert_false(spin_lock_held(&domain_lock));
}

static void a_scope_ends_its_lock(void **state)
{
    for (unsigned int i = 0; i < 2; i++) {
        spin_lock_scope(&domain_lock);
        assert_true(spin_lock_held(&domain_lock));
        if (i == 0)
            continue;
    }
    assert_false(spin_lock_held(&domain_lock));
}

static void unlocking_what_is_free(void **state) { assert_panics(spin_unlock(&domain_lock)); }

static void unlocking_twice(void **state)
{
    spin_lock(&domain_lock);
    spin_unlock(&domain_lock);
    assert_panics(spin_unlock(&domain_lock));
}

static void unlocking_another_cpus(void **state)
{
    spin_lock(&domain_lock);
    harness_cpu = 1;
    assert_panics(spin_unlock(&domain_lock));
    harness_cpu = 0;
}

static void locks_in_order(void **state)
{
    spin_lock(&domain_lock);
    spin_lock(&port_lock);
    spin_lock_second(&other_port_lock);
    assert_int_equal(this_cpu()->held[LOCK_EVTCHN], 2);
    spin_unlock(&other_port_lock);
    spin_unlock(&port_lock);
    spin_unlock(&domain_lock);
}

static void locks_against_the_order(void **state)
{
    spin_lock(&port_lock);
    assert_panics(spin_lock(&domain_lock));
}

static void two_of_a_class(void **state)
{
    spin_lock(&port_lock);
    assert_panics(spin_lock(&other_port_lock));
}

static void a_second_without_a_first(void **state) { assert_panics(spin_lock_second(&port_lock)); }

static void a_third(void **state)
{
    struct spinlock third = SPINLOCK(LOCK_EVTCHN);

    spin_lock(&port_lock);
    spin_lock_second(&other_port_lock);
    assert_panics(spin_lock_second(&third));
}

static void the_last_class_is_checked(void **state)
{
    struct spinlock console = SPINLOCK(LOCK_CONSOLE);

    spin_lock(&console);
    assert_panics(spin_lock(&domain_lock));
}

static struct cleave_hold report(enum lock_class class)
{
    struct cleave_hold hold = { .lock = class };

    assert_int_equal(spin_report_hold(&hold), 0);
    return hold;
}

/* The longest hold of each class is reported once; a shorter one after it does not change it. */
static void the_longest_hold_is_told_once(void **state)
{
    struct cleave_hold hold = { .lock = 0 };
    uint64_t before, start, ticks, most;

    report(LOCK_DOMAIN);
    report(LOCK_EVTCHN);
    assert_int_equal(report(LOCK_DOMAIN).ticks, 0);
    before = rdtsc();
    spin_lock(&domain_lock);
    start = rdtsc();
    while (rdtsc() - start < HOLD)
        ;
    ticks = rdtsc() - start;
    spin_unlock(&domain_lock);
    most = rdtsc() - before;
    spin_lock(&domain_lock);
    spin_unlock(&domain_lock);
    assert_int_equal(report(LOCK_EVTCHN).ticks, 0);
    hold = report(LOCK_DOMAIN);
    assert_in_range(hold.ticks, ticks, most);
    assert_true(hold.caller != 0);
    assert_string_equal(hold.name, "domain");
    assert_int_equal(report(LOCK_DOMAIN).ticks, 0);
    hold.lock = 0;
    assert_int_equal(spin_report_hold(&hold), -EINVAL);
    hold.lock = LOCK_CLASSES;
    assert_int_equal(spin_report_hold(&hold), -EINVAL);
    assert_string_equal(report(LOCK_CLASSES - 1).name, "console");
}

/* --- two CPUs --- */

static volatile uint64_t count;

static void count_up(void)
{
    for (unsigned int i = 0; i < ROUNDS; i++) {
        spin_lock(&domain_lock);
        count = count + 1;
        spin_unlock(&domain_lock);
    }
}

static void one_at_a_time(void **state)
{
    count = 0;
    harness_run_cpus((void (*const[])(void)){ count_up, count_up }, 2);
    assert_int_equal(count, 2 * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_lock_knows_its_holder, setup),
        cmocka_unit_test_setup(a_scope_ends_its_lock, setup),
        cmocka_unit_test_setup(unlocking_what_is_free, setup),
        cmocka_unit_test_setup(unlocking_twice, setup),
        cmocka_unit_test_setup(unlocking_another_cpus, setup),
        cmocka_unit_test_setup(locks_in_order, setup),
        cmocka_unit_test_setup(locks_against_the_order, setup),
        cmocka_unit_test_setup(two_of_a_class, setup),
        cmocka_unit_test_setup(a_second_without_a_first, setup),
        cmocka_unit_test_setup(a_third, setup),
        cmocka_unit_test_setup(the_last_class_is_checked, setup),
        cmocka_unit_test_setup(the_longest_hold_is_told_once, setup),
        cmocka_unit_test_setup(one_at_a_time, setup),
    };

    return cmocka_run_group_tests_name("spinlock", tests, NULL, NULL);
}
