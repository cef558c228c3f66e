/* SPDX-License-Identifier: MIT */
/*
 * Pages of a guest that are taken out to a file and come back: nothing is lost, whoever dies and
 * whatever is full, and what cannot come back is waited for. Next to read: guests/memhog,
 * dom0-tools/cleaved/pager.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>

#include "core.h"
#include "paging.h"
#include "report.h"
#include "system.h"

#define PAGES_PER_MIB 256
#define SET_MIB 40
/* fills its set, waits for a number in data/peer, and checks its set for loss */
#define HOG \
    "cleave create /guests/memhog.cfg memory=48 maxmem=48 memory_paging=1 on_poweroff=preserve " \
    "on_crash=preserve "
#define WAITS "extra='set=40 rounds=1 hot=1 check' "

static struct hv hv;

static int begin(void **state)
{
    int rc = test_begin_xc(state);

    return rc ? rc : hv_open(&hv);
}

static int end(void **state)
{
    run("umount -l %s", PAGING_FOLDER);
    release_cleaved();
    hv_close(&hv);
    return test_end_xc(state);
}

static struct cleave_memory memory_now(void)
{
    struct cleave_memory memory;

    assert_int_equal(core_memory_get(&hv, domid_of("memhog"), &memory), 0);
    return memory;
}

static void start_hog(void)
{
    run_ok(HOG WAITS);
    await_said("memhog", "again and again", 60);
}

static void let_it_check(void)
{
    run_ok("xenstore-write /local/domain/%d/data/peer 1", domid_of("memhog"));
}

static void kill_pager(void) { run("kill -9 $(pidof cleave-pager)"); }

static void await_no_loss(void)
{
    await_said("memhog", "memhog: ok", 180);
    assert_null(strstr(console_log("memhog"), "FAILED"));
    assert_int_equal(core_violations(), 0);
}

/* --- out and in ------------------------------------------------------------------------------- */

static void half_of_a_guest_leaves_and_comes_back(void **state)
{
    struct cleave_memory before, after;
    uint64_t free;

    (void)state;
    need_cleave();
    start_hog();
    before = memory_now();
    free = free_kib();
    run_ok("cleave mem page-out memhog 24");
    after = memory_now();
    assert_in_range(after.paged, 24 * PAGES_PER_MIB, 25 * PAGES_PER_MIB);
    assert_in_range(before.present - after.present, 23 * PAGES_PER_MIB, 25 * PAGES_PER_MIB);
    assert_true(free_kib() >= free + 22 * 1024);
    assert_words(run_ok("cleave mem show memhog --json")->out, "\"paged_kib\": 24576");
    let_it_check();
    await_no_loss();
    after = memory_now();
    assert_in_range(after.paged, 0, 10 * PAGES_PER_MIB); /* not of its set */
    assert_int_equal(after.awaiting, 0);
    run_ok("cleave mem page-in memhog");
    assert_int_equal(memory_now().paged, 0);
    AWAIT(run("test -e %s/*", PAGING_FOLDER)->status != 0, 10);
    run_ok("cleave destroy memhog");
}

static void what_is_not_allowed_is_refused(void **state)
{
    uint32_t domid;
    uint64_t gfn;

    (void)state;
    need_cleave();
    run_ok("cleave create /guests/memhog.cfg memory=64 extra='set=4 rounds=1 hot=1'");
    assert_refused(run("cleave mem page-out memhog 24"), "memory_paging=1");
    run_ok("cleave mem set memhog memory_paging=1");
    assert_refused(run("cleave mem set memhog memory_paging=2"), "memory_paging = 2");
    assert_refused(run("cleave mem page-out memhog 0"), "number of MiB");
    assert_refused(run("cleave mem page-out memhog 1x"), "number of MiB");
    assert_refused(run("cleave mem page-out memhog 99999999999999999999"), "number of MiB");
    assert_refused(run("cleave mem page-out nobody 1"), "nobody");
    assert_refused(run("cleave mem page-out memhog"), "page-out VM MIB");
    run_ok("cleave mem page-in memhog");
    /* of the core */
    uint8_t *page = core_pages_new(&hv, 1);
    domid = (uint32_t)domid_of("memhog");
    assert_non_null(page);
    gfn = 0;
    assert_int_equal(core_page_find(&hv, 0, false, &gfn, page), -EINVAL);
    assert_int_equal(core_page_evict(&hv, 0, 16, page), -EINVAL);
    assert_int_equal(core_page_fill(&hv, 0, 16, page), -EINVAL);
    assert_int_equal(core_page_find(&hv, 999, false, &gfn, page), -ESRCH);
    assert_int_equal(core_page_find(&hv, domid, false, &gfn, NULL), -EFAULT);
    assert_int_equal(core_page_evict(&hv, domid, gfn, NULL), -EFAULT);
    gfn = ~0ull;
    assert_int_equal(core_page_find(&hv, domid, true, &gfn, page), -ENOENT);
    assert_int_equal(core_page_evict(&hv, domid, ~0ull, page), -EINVAL);
    assert_int_equal(core_page_fill(&hv, domid, 20, page), -ENOENT);
    gfn = 0;
    assert_int_equal(core_page_find(&hv, domid, false, &gfn, page), 0);
    page[7]++;
    assert_int_equal(core_page_evict(&hv, domid, gfn, page), -EAGAIN);
    page[7]--;
    assert_int_equal(core_page_evict(&hv, domid, gfn, page), 0);
    assert_int_equal(core_page_evict(&hv, domid, gfn, page), -EINVAL);
    assert_int_equal(core_page_fill(&hv, domid, gfn, page), 0);
    assert_int_equal(core_page_fill(&hv, domid, gfn, page), -ENOENT);
    core_pages_free(&hv, page, 1);
    run_ok("cleave destroy memhog");
}

/* --- the pager dies --------------------------------------------------------------------------- */

/* A guest touches all its pages again and again, while they leave and the pager is killed. */
static void a_killed_pager_loses_nothing(void **state)
{
    unsigned int kills = 0, paged = 0;

    (void)state;
    need_cleave();
    run_ok(HOG "extra='set=%d rounds=1 random hot=%d check'", SET_MIB, SET_MIB);
    await_said("memhog", "again and again", 60);
    for (; kills < 20; kills++) {
        struct cleave_memory memory;

        run("cleave mem page-out memhog 15 >/dev/null 2>&1 &");
        pause_ms(20 + (unsigned int)rand() % 400);
        memory = memory_now();
        paged = memory.paged > paged ? (unsigned int)memory.paged : paged;
        kill_pager();
    }
    let_it_check();
    printf("pager: killed %u times, at most %u pages were paged\n", kills, paged);
    await_no_loss();
    assert_true(paged > PAGES_PER_MIB);
    run_ok("cleave destroy memhog");
}

/* Half of the guest is paged out, it needs that, and there is no pager. */
static void make_the_hog_wait(void)
{
    start_hog();
    run_ok("cleave mem page-out memhog 24");
    hold_cleaved();
    kill_pager();
    let_it_check();
    AWAIT(memory_now().awaiting == 1, 30);
}

static void without_a_pager_a_guest_waits(void **state)
{
    (void)state;
    need_cleave();
    make_the_hog_wait();
    pause_ms(2000);
    assert_int_equal(memory_now().awaiting, 1);
    assert_int_equal(core_violations(), 0);
    /* by hand */
    run_ok("cleaved --pager >/dev/null 2>&1 &");
    await_no_loss();
    release_cleaved();
    run_ok("cleave destroy memhog");
}

static void a_guest_that_waits_for_a_page_can_be_destroyed(void **state)
{
    (void)state;
    need_cleave();
    make_the_hog_wait();
    run_ok("cleave destroy memhog");
    AWAIT(guests() == 0, 10);
    release_cleaved();
    AWAIT(run("test -e %s/*", PAGING_FOLDER)->status != 0, 20);
}

/* --- its file --------------------------------------------------------------------------------- */

static void a_full_file_is_said_and_nothing_is_lost(void **state)
{
    const struct run *refused;

    (void)state;
    need_cleave();
    run_ok("mkdir -p %s && mount -t tmpfs -o size=8m tmpfs %s", PAGING_FOLDER, PAGING_FOLDER);
    start_hog();
    refused = run("cleave mem page-out memhog 24");
    assert_refused(refused, "MiB of it are paged out|no room for more|free space");
    assert_int_equal(refused->status, REPORT_STATE);
    assert_in_range(memory_now().paged, 5 * PAGES_PER_MIB, 8 * PAGES_PER_MIB);
    assert_words(events_of("memhog"), "memory-paging-stuck|No space left");
    let_it_check();
    await_no_loss();
    run_ok("cleave mem page-in memhog");
    run_ok("cleave destroy memhog");
}

/* What cannot be read is waited for, until it can be. */
static void a_damaged_file_is_waited_for(void **state)
{
    (void)state;
    need_cleave();
    start_hog();
    run_ok("cleave mem page-out memhog 24");
    run_ok("cp %s/* /tmp/vm/copy && dd if=/dev/zero of=$(echo %s/*) bs=1M count=25 conv=notrunc",
           PAGING_FOLDER, PAGING_FOLDER);
    let_it_check();
    AWAIT(memory_now().awaiting == 1, 30);
    AWAIT(strstr(events_of("memhog"), "memory-paging-stuck"), 30);
    assert_words(events_of("memhog"), "touches it waits");
    /* the next pager does not find even its index */
    kill_pager();
    pause_ms(3000);
    assert_int_equal(memory_now().awaiting, 1);
    run_ok("cat /tmp/vm/copy >$(echo %s/*)", PAGING_FOLDER);
    await_no_loss();
    AWAIT(strstr(events_of("memhog"), "memory-paging-works"), 30);
    run_ok("cleave destroy memhog; rm /tmp/vm/copy");
}

/*
 * A disk that ends where its first MiB does, as one that fails beyond it: what cannot be read is
 * waited for, and what cannot be written stays in memory. Then it is whole again.
 */
static void a_failing_disk_is_said_and_nothing_is_lost(void **state)
{
    const struct run *refused;

    (void)state;
    need_cleave();
    run_ok("modprobe ext4; truncate -s 64M /tmp/vm/disk && mke2fs -F /tmp/vm/disk && mkdir -p %s &&"
           " losetup /dev/loop7 /tmp/vm/disk && mount -t ext2 /dev/loop7 %s",
           PAGING_FOLDER, PAGING_FOLDER);
    start_hog();
    run_ok("cleave mem page-out memhog 24");
    run_ok(
        "sync; cp /tmp/vm/disk /tmp/vm/copy; truncate -s 1M /tmp/vm/disk; losetup -c /dev/loop7");
    refused = run("cleave mem page-out memhog 36");
    assert_refused(refused, "Input/output error|check that disk");
    assert_int_equal(refused->status, REPORT_STATE);
    let_it_check();
    AWAIT(memory_now().awaiting == 1, 30);
    AWAIT(strstr(run("cat /run/cleave/paging/*.trouble")->out, "cannot be read"), 30);
    assert_words(run_ok("cat /run/cleave/paging/*.trouble")->out, "Input/output error|repair");
    assert_words(events_of("memhog"), "memory-paging-stuck|Input/output error");
    run_ok("cat /tmp/vm/copy >/tmp/vm/disk; losetup -c /dev/loop7");
    await_no_loss();
    AWAIT(strstr(events_of("memhog"), "memory-paging-works"), 30);
    run_ok("cleave destroy memhog");
    kill_pager(); /* it has the file open */
    run_ok("umount %s; losetup -d /dev/loop7; rm /tmp/vm/disk /tmp/vm/copy", PAGING_FOLDER);
}

/* Removed under the pager, all comes back. Removed while there is none, that is said. */
static void a_removed_file_is_noticed(void **state)
{
    (void)state;
    need_cleave();
    start_hog();
    run_ok("cleave mem page-out memhog 24 && rm %s/*", PAGING_FOLDER);
    AWAIT(memory_now().paged == 0, 60);
    assert_words(events_of("memhog"), "memory-paging-stuck|was removed");
    run_ok("cleave mem page-out memhog 24");
    AWAIT(strstr(events_of("memhog"), "memory-paging-works"), 30);
    hold_cleaved();
    kill_pager();
    run_ok("mv %s/* /tmp/vm/copy", PAGING_FOLDER);
    release_cleaved();
    AWAIT(strstr(run("cat /run/cleave/paging/*.trouble")->out, "put the file back"), 60);
    let_it_check();
    AWAIT(memory_now().awaiting == 1, 30);
    run_ok("cat /tmp/vm/copy >$(echo %s/*)", PAGING_FOLDER);
    await_no_loss();
    run_ok("cleave destroy memhog; rm /tmp/vm/copy");
}

#define MAPPED 16

static bool dom0_maps(uint32_t domid, size_t count, const xen_pfn_t gfns[])
{
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    int errors[MAPPED];
    void *pages = xenforeignmemory_map(memory, domid, PROT_READ, count, gfns, errors);
    size_t failed = pages ? 0 : count;

    for (size_t i = 0; pages && i < count; i++)
        failed += errors[i] != 0;
    if (pages)
        xenforeignmemory_unmap(memory, pages, count);
    xenforeignmemory_close(memory);
    return failed == 0;
}

/* A map of pages that are with dom0 fails, and asks for them: they are there for a later one. */
static void what_dom0_maps_comes_back(void **state)
{
    xen_pfn_t gfns[MAPPED];
    uint64_t gfn = 0, paged;
    uint32_t domid;

    (void)state;
    need_cleave();
    start_hog();
    run_ok("cleave mem page-out memhog 2");
    domid = (uint32_t)domid_of("memhog");
    paged = memory_now().paged;
    for (int i = 0; i < MAPPED; i++, gfn++) {
        assert_int_equal(core_page_find(&hv, domid, true, &gfn, NULL), 0);
        gfns[i] = gfn;
    }
    assert_false(dom0_maps(domid, MAPPED, gfns));
    AWAIT(dom0_maps(domid, MAPPED, gfns), 30);
    assert_in_range(memory_now().paged, 1, paged - MAPPED);
    let_it_check();
    await_no_loss();
    run_ok("cleave destroy memhog");
}

/* Maps one page after the other, as `xl dump-core` does: the pager brings the next ones unasked. */
static void a_walk_by_dom0_is_read_ahead(void **state)
{
    uint64_t gfn = 0, paged;
    unsigned int asked = 0;
    uint32_t domid;

    (void)state;
    need_cleave();
    start_hog();
    run_ok("cleave mem page-out memhog 8");
    domid = (uint32_t)domid_of("memhog");
    paged = memory_now().paged;
    while (core_page_find(&hv, domid, true, &gfn, NULL) == 0) {
        asked += !dom0_maps(domid, 1, &gfn);
        while (!dom0_maps(domid, 1, &gfn))
            pause_ms(5);
    }
    printf("dom0 asked for %u pages, and %lu came back\n", asked, paged);
    assert_true(paged >= 8 * PAGES_PER_MIB);
    assert_int_equal(memory_now().paged, 0);
    assert_in_range(asked, 1, paged / 4);
    let_it_check();
    await_no_loss();
    run_ok("cleave destroy memhog");
}

/* --- the balancer ----------------------------------------------------------------------------- */

/* It has no balloon, and its target is lowered: it is paged out instead, and touches its pages. */
static void what_does_not_follow_is_paged_out(void **state)
{
    (void)state;
    need_cleave();
    run_ok(HOG "memory_min=8 memory_floor=8 extra='set=36 rounds=1 random hot=4 check'");
    await_said("memhog", "again and again", 60);
    AWAIT(!strstr(run_ok("cleave mem show memhog")->out, "starting"), 40);
    run_ok("cleave mem set memhog memory=16");
    AWAIT(memory_now().paged >= 18 * PAGES_PER_MIB, 60);
    AWAIT(memory_now().present <= 20 * PAGES_PER_MIB, 60);
    /* nor is it promised what it has never touched */
    AWAIT(memory_now().present + memory_now().promised <= memory_now().budget, 60);
    assert_int_equal(memory_now().budget, 16 * PAGES_PER_MIB + CLEAVE_MEMORY_SLACK);
    /* its budget is less than what it checks: pages leave for those that come */
    let_it_check();
    await_no_loss();
    assert_true(memory_now().present <= memory_now().budget);
    run_ok("cleave destroy memhog");
}

#define PAGING_TEST(function) \
    { \
#function, function, begin, end, NULL \
    }
static const struct CMUnitTest tests[] = {
    PAGING_TEST(half_of_a_guest_leaves_and_comes_back),
    PAGING_TEST(what_is_not_allowed_is_refused),
    PAGING_TEST(a_killed_pager_loses_nothing),
    PAGING_TEST(without_a_pager_a_guest_waits),
    PAGING_TEST(a_guest_that_waits_for_a_page_can_be_destroyed),
    PAGING_TEST(a_full_file_is_said_and_nothing_is_lost),
    PAGING_TEST(a_damaged_file_is_waited_for),
    PAGING_TEST(a_failing_disk_is_said_and_nothing_is_lost),
    PAGING_TEST(a_removed_file_is_noticed),
    PAGING_TEST(what_dom0_maps_comes_back),
    PAGING_TEST(a_walk_by_dom0_is_read_ahead),
    PAGING_TEST(what_does_not_follow_is_paged_out),
};

const struct group group_paging = GROUP("paging", tests);
