/* SPDX-License-Identifier: MIT */
/*
 * A guest that floods the store, and what it costs the users of the other verbs. xenstored serves
 * its clients in turn, one request of each: a verb is slowed down by what the requests of the guest
 * cost that are served between its own. The quotas with which xenstored is started bound that cost.
 *
 * On a machine with one CPU the verbs may take at most twice as long as beside a guest that only
 * spins: a CPU's time is what a guest may always take. That is exact only under the rig's ICOUNT=1,
 * where time is the number of executed instructions, so these tests are skipped without BOUND in
 * the environment, as in the group `cost`. Next to read: guests/flood, tests/rig/dom0/init.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenctrl.h>

#include "cleave-schema.h"
#include "system.h"

#define ROUNDS 10
#define SLOWER 2 /* times, at most */
#define VERBS \
    "cleave create -p /guests/hello.cfg >/dev/null && cleave list >/dev/null && " \
    "cleave store ls -r /vm >/dev/null && cleave destroy hello"

/* What the verbs cost, in nanoseconds. */
struct price {
    uint64_t time;
    uint64_t dom0; /* for which dom0 was charged: xenstored's work for the guest is in it */
};

static struct price now(void)
{
    struct timespec time;
    xc_domaininfo_t info;

    clock_gettime(CLOCK_MONOTONIC, &time);
    assert_int_equal(xc_domain_getinfolist(xc, 0, 1, &info), 1);
    return (struct price){ time.tv_sec * 1000000000ull + time.tv_nsec, info.cpu_time };
}

static struct price measure(const char *when)
{
    struct price before = now(), after;

    run_ok("for i in $(seq %d); do " VERBS " || exit; done", ROUNDS);
    after = now();
    after.time = (after.time - before.time) / ROUNDS;
    after.dom0 = (after.dom0 - before.dom0) / ROUNDS;
    printf("flood: %s: %lu us, of which dom0 %lu us\n", when, after.time / 1000, after.dom0 / 1000);
    return after;
}

static struct price measure_beside(const char *way)
{
    struct price price;

    run_ok("cleave create /guests/flood.cfg extra=%s", way);
    AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, domid_of("flood")) > 1, 60);
    printf("%s", run_ok("cleave store top | tail -n +2")->out);
    price = measure(way);
    assert_null(strstr(console_log("flood"), "FAILED"));
    run_ok("cleave destroy flood");
    return price;
}

static void assert_cheap_beside(const char *way)
{
    static struct price spin;
    struct price price;

    if (!getenv("BOUND"))
        skip();
    if (!spin.time) {
        run_ok(VERBS);
        measure("alone");
        spin = measure_beside("spin");
    }
    price = measure_beside(way);
    if (price.time > SLOWER * spin.time)
        fail_msg("beside \"%s\" the verbs take %lu us, beside a guest that spins %lu us", way,
                 price.time / 1000, spin.time / 1000);
}

static void a_guest_that_writes_nodes(void **state)
{
    (void)state;
    assert_cheap_beside("nodes");
}

static void a_guest_that_sets_watches(void **state)
{
    (void)state;
    assert_cheap_beside("watches");
}

static void a_guest_that_keeps_transactions_open(void **state)
{
    (void)state;
    assert_cheap_beside("transactions");
}

static void a_guest_that_reads_no_answers(void **state)
{
    (void)state;
    assert_cheap_beside("unread");
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST_XC(a_guest_that_writes_nodes),
    SYSTEM_TEST_XC(a_guest_that_sets_watches),
    SYSTEM_TEST_XC(a_guest_that_keeps_transactions_open),
    SYSTEM_TEST_XC(a_guest_that_reads_no_answers),
};

const struct group group_flood = GROUP("flood", tests);
