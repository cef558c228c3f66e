/* SPDX-License-Identifier: MIT */
/*
 * What verbs may cost, and the cost of hostile guests to a neighbour on the same CPU:
 * guests/witness may lose a tenth of the work that it does in the time it is charged for, however
 * long it waits for a CPU. This is exact only under the rig's ICOUNT=1, so these tests are skipped
 * without BOUND in the environment, as in the group `stretch`. Next to read: guests/witness,
 * guests/evil/timers.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <x86intrin.h>
#include <xenforeignmemory.h>

#include "cleave-schema.h"
#include "system.h"

#define BEATS 60
#define LOSS 10 /* percent */
#define LISTED 100
#define LIST_MAX 50000000u /* instructions */

static uint32_t neighbour;

static long beats(void) { return store_number(SCHEMA_DATA_HEARTBEAT_PATH, neighbour); }

static uint64_t charged(void)
{
    xc_domaininfo_t info;

    assert_int_equal(xc_domain_getinfolist(xc, neighbour, 1, &info), 1);
    return info.cpu_time;
}

/* Nanoseconds of CPU time that one beat costs the neighbour now. */
static uint64_t price(const char *when)
{
    long first = beats();

    AWAIT(beats() > first, 60);
    first = beats();

    uint64_t before = charged();

    AWAIT(beats() >= first + BEATS, 120);

    uint64_t each = (charged() - before) / (uint64_t)(beats() - first);

    printf("cost: %s: %lu us a beat\n", when, each / 1000);
    return each;
}

/* Progress is beats per second charged. */
static void assert_cheap(uint64_t alone, const char *when)
{
    uint64_t now = price(when);

    if (now * (100 - LOSS) > alone * 100)
        fail_msg("%s, the neighbour gets %lu %% of its work done", when, alone * 100 / now);
}

static uint64_t start_neighbour(const char *words)
{
    run_ok("cleave create /guests/witness.cfg name=neighbour extra='%s debug'", words);
    neighbour = domid_of("neighbour");
    AWAIT(beats() > 0, 30);
    return price("alone");
}

/* Asleep, paused, and destroyed while a page is still mapped. */
static void timers_of_sleepers(void **state)
{
    xenforeignmemory_handle *foreign = xenforeignmemory_open(NULL, 0);
    xen_pfn_t frame = 0x100;
    uint32_t evil;
    void *page;

    (void)state;
    if (!getenv("BOUND"))
        skip();

    uint64_t alone = start_neighbour("busy");

    run_ok("cleave create /guests/evil.cfg vcpus=128 extra='timers debug'");
    await_said("evil", "evil: asleep, 128 vCPUs", 120);
    assert_cheap(alone, "beside 128 sleepers");
    run_ok("cleave pause evil");
    assert_cheap(alone, "beside 128 sleepers that are paused");
    evil = (uint32_t)domid_of("evil");
    page = xenforeignmemory_map(foreign, evil, PROT_READ, 1, &frame, NULL);
    assert_non_null(page);
    run_ok("cleave destroy evil >/dev/null 2>&1 &"); /* waits until this test unmaps its page */
    AWAIT(is_dead(evil), 60);
    assert_cheap(alone, "beside 128 sleepers that are dead");
    xenforeignmemory_unmap(foreign, page, 1);
    AWAIT(guests() == 1, 60);
    xenforeignmemory_close(foreign);
}

static void far_timers(void **state)
{
    (void)state;
    if (!getenv("BOUND"))
        skip();

    uint64_t alone = start_neighbour("busy alarms");

    run_ok("cleave create /guests/evil.cfg vcpus=128 extra='far debug'");
    await_said("evil", "evil: far, 128 vCPUs", 120);
    assert_cheap(alone, "beside 384 far timers");
}

/*
 * `cleave list` is one snapshot, and cheap. An instruction is a tick; the shell's are included.
 * run() would add its own pauses.
 */
static void a_list_of_a_hundred_vms_is_cheap(void **state)
{
    uint64_t least = UINT64_MAX;

    (void)state;
    if (!getenv("BOUND"))
        skip();
    for (int i = 0; i < LISTED; i++)
        run_ok("cleave create -p /guests/hello.cfg name=hello%d", i);
    for (int i = 0; i < 3; i++) {
        uint64_t begin = __rdtsc(), ticks;

        assert_int_equal(system("cleave list >/tmp/vm/list"), 0);
        ticks = __rdtsc() - begin;
        least = ticks < least ? ticks : least;
    }
    assert_int_equal(atoi(run_ok("grep -c '^hello' /tmp/vm/list")->out), LISTED);
    printf("cost: cleave list of %d VMs: %lu instructions\n", LISTED, least);
    if (least > LIST_MAX)
        fail_msg("cleave list of %d VMs: %lu instructions, at most %u", LISTED, least, LIST_MAX);
    for (int i = 0; i < LISTED; i++)
        run_ok("cleave destroy hello%d", i);
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(a_list_of_a_hundred_vms_is_cheap),
    SYSTEM_TEST_XC(timers_of_sleepers),
    SYSTEM_TEST_XC(far_timers),
};

const struct group group_cost = GROUP("cost", tests);
