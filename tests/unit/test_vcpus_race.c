/* SPDX-License-Identifier: MIT */
/*
 * Two vcpus of one guest that make the same hypercall at once: text for the console, watchdogs.
 * Each CPU is a thread; the locks are the core's own.
 */
#include "hypercall_core.h"

#define ROUNDS 10000
#define LINE 100u /* in letters; two lines exceed the buffer for one */

static struct vcpu second;

static int setup(void **state)
{
    hypercall_core_setup(state);
    second = (struct vcpu){ .d = guest, .id = 1, .initialised = true };
    guest->max_vcpus = 2;
    guest->vcpu[1] = &second;
    return 0;
}

static int teardown(void **state)
{
    guest->max_vcpus = 1;
    guest->vcpu[1] = NULL;
    return 0;
}

/* --- text: each call writes one line, and each output line is one of these --- */

static unsigned int lines;

static void whole_line(const struct domain *d)
{
    BUG_ON(!spin_lock_held(&d->vdev.lock));
    for (unsigned int i = 0; i < LINE; i++)
        BUG_ON(harness_log[i] != harness_log[0]);
    BUG_ON(strcmp(harness_log + LINE, "\n") != 0);
    lines++;
}

static void print(struct vcpu *v, gpa_t text)
{
    memset(harness_guest(guest, text), 'a' + (int)v->id, LINE);
    *(char *)harness_guest(guest, text + LINE) = '\n';
    for (unsigned int i = 0; i < ROUNDS; i++) {
        struct hypercall hc = { .v = v, .arg = { CONSOLEIO_write, LINE + 1, text } };

        BUG_ON(hypercall_console_io(&hc) != 0);
    }
}

static void first_prints(void) { print(user, 1 << PAGE_SHIFT); }
static void second_prints(void) { print(&second, 2 << PAGE_SHIFT); }

static void test_two_print(void **state)
{
    lines = 0;
    harness_on_guest_log = whole_line;
    harness_run_cpus((void (*const[])(void)){ first_prints, second_prints }, 2);
    assert_int_equal(lines, 2 * ROUNDS);
    assert_int_equal(guest->vdev.debug_length, 0);
}

/* --- watchdogs: there are two, and no vcpu gets one that is in use --- */

static bool owned[2];

static long watchdog(struct vcpu *v, gpa_t at, uint32_t id, uint32_t timeout)
{
    struct hypercall hc = { .v = v, .arg = { SCHEDOP_watchdog, at } };

    *(struct sched_watchdog *)harness_guest(guest, at) = (struct sched_watchdog){ id, timeout };
    return hypercall_sched_op(&hc);
}

static void watch(struct vcpu *v, gpa_t at)
{
    for (unsigned int i = 0; i < ROUNDS; i++) {
        long id = watchdog(v, at, 0, 10);

        BUG_ON(id != 1 && id != 2);
        BUG_ON(__atomic_exchange_n(&owned[id - 1], true, __ATOMIC_SEQ_CST));
        BUG_ON(watchdog(v, at, (uint32_t)id, 20) != 0);
        __atomic_store_n(&owned[id - 1], false, __ATOMIC_SEQ_CST);
        BUG_ON(watchdog(v, at, (uint32_t)id, 0) != 0);
    }
}

static void first_watches(void) { watch(user, 1 << PAGE_SHIFT); }
static void second_watches(void) { watch(&second, 2 << PAGE_SHIFT); }

static void test_two_watch(void **state)
{
    memset(owned, 0, sizeof(owned));
    assert_takes(LOCK_DOMAIN, 1, assert_int_equal(watchdog(user, 1 << PAGE_SHIFT, 0, 10), 1));
    assert_takes(LOCK_DOMAIN, 1, assert_int_equal(watchdog(user, 1 << PAGE_SHIFT, 1, 0), 0));
    harness_run_cpus((void (*const[])(void)){ first_watches, second_watches }, 2);
    assert_false(guest->watchdog[0].armed || guest->watchdog[1].armed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_print, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_watch, setup, teardown),
    };

    return cmocka_run_group_tests_name("vcpus_race", tests, NULL, NULL);
}
