/* SPDX-License-Identifier: MIT */
/*
 * Memory that is promised, filled when it is touched, waited for, taken back and sampled. Next to
 * read: guests/memhog, hypervisor/mm/p2m_absent.c.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>
#include <xenevtchn.h>

#include "core.h"
#include "system.h"

#define PAGES_PER_MIB 256
#define BOOT_S 180
#define ROUNDS "MEMORY_ROUNDS" /* boots of a stock guest by each tool; else 1 */

static struct hv hv;
static uint32_t filler;

static int begin(void **state)
{
    int rc = test_begin_xc(state);

    filler = 0;
    return rc ? rc : hv_open(&hv);
}

static int end(void **state)
{
    if (filler)
        xc_domain_destroy(xc, filler);
    hv_close(&hv);
    return test_end_xc(state);
}

static struct cleave_memory memory_of(const char *name)
{
    struct cleave_memory memory;

    assert_int_equal(core_memory_get(&hv, domid_of(name), &memory), 0);
    return memory;
}

/* A domain without memory, to which all is promised but so much. */
static void leave_free(uint64_t mib)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = 1,
        .max_grant_frames = 1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    struct hv_memory memory;

    assert_int_equal(hv_memory(&hv, &memory), 0);
    assert_true(memory.free > mib * 1024);
    assert_int_equal(xc_domain_create(xc, &filler, &config), 0);
    assert_int_equal(xc_domain_setmaxmem(xc, filler, memory.total), 0);
    uint64_t pages = (memory.free - mib * 1024) / HV_PAGE_KIB;
    assert_int_equal(core_memory_set(&hv, filler, pages, 0), 0);
}

/* --- a guest that boots with less than it sees ------------------------------------------------ */

static uint64_t ram_of(const char *name)
{
    struct cleave_memory memory = memory_of(name);

    return memory.present + memory.absent;
}

static void boots_to_its_target(const char *create, const char *name)
{
    struct cleave_memory memory;

    run_ok("%s", create);
    await_said(name, "debian:/", BOOT_S);
    /* the balloon has taken what is above the target, absent or not */
    AWAIT(ram_of(name) <= 256 * PAGES_PER_MIB + 32, 30);
    memory = memory_of(name);
    assert_true(memory.present + memory.absent > 255 * PAGES_PER_MIB);
    assert_int_equal(memory.waiting, 0);
    assert_int_equal(memory.promised + memory.present, 256 * PAGES_PER_MIB);
    printf("%s: %lu of %lu MiB present, %lu filled, %lu zeroes\n", create,
           memory.present / PAGES_PER_MIB, (memory.present + memory.absent) / PAGES_PER_MIB,
           memory.filled / PAGES_PER_MIB, memory.zeroes / PAGES_PER_MIB);
    assert_int_equal(core_violations(), 0);
    run_ok("cleave destroy %s", name);
    AWAIT(guests() == 1, 30); /* the filler */
}

static void stock_linux_reaches_its_target_in_300_mib(void **state)
{
    const char *rounds = getenv(ROUNDS);

    (void)state;
    need_cleave();
    leave_free(300);
    run_ok("{ cat /guests/debian.cfg; printf \"\\nmemory = 256\\nmaxmem = 1024\\n\"; } "
           ">/tmp/vm/small.cfg");
    for (int left = rounds ? atoi(rounds) : 1; left > 0; left--) {
        boots_to_its_target("cleave create /tmp/vm/small.cfg", "debian");
        boots_to_its_target("xl create /tmp/vm/small.cfg", "debian");
    }
}

/* What a kernel was not started with it adds, as far as its file says. */
static void a_guest_grows_by_what_it_adds(void **state)
{
    (void)state;
    need_cleave();
    run_ok("{ cat /guests/debian.cfg; printf \"\\nmemory_hotplug = 384\\n\"; } >/tmp/vm/grow.cfg");
    assert_words(run_ok("cleave check /tmp/vm/grow.cfg 2>&1")->out,
                 "memhp_default_state|1 warnings");
    run_ok("printf \"cmdline = 'console=hvc0 rdinit=/init memhp_default_state=online'\\n\" "
           ">>/tmp/vm/grow.cfg");
    assert_words(run_ok("cleave check /tmp/vm/grow.cfg")->out, "no errors, 0 warnings");
    assert_words(run_ok("cleave create --dry-run /tmp/vm/grow.cfg")->out, "may grow to       384");
    assert_json(run_ok("cleave create --dry-run --json /tmp/vm/grow.cfg")->out, "create");
    assert_null(strstr(run_ok("xl create --dryrun /tmp/vm/grow.cfg 2>&1")->out, "memory_hotplug"));
    run_ok("cleave create /tmp/vm/grow.cfg");
    await_said("debian", "debian:/", BOOT_S);
    assert_refused(run("cleave set-memory debian 385"), "385 MiB|memory_hotplug of 384|--max");
    run_ok("cleave set-memory debian 300");
    assert_in_range(ram_of("debian"), 299 * PAGES_PER_MIB, 301 * PAGES_PER_MIB);
    run_ok("cleave set-memory debian 128");
    assert_in_range(ram_of("debian"), 127 * PAGES_PER_MIB, 129 * PAGES_PER_MIB);
    assert_int_equal(core_violations(), 0);
    run_ok("cleave destroy debian");
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Nobody but dom0 can help it: it has no balloon. */
static void await_waiting(const char *name) { AWAIT(memory_of(name).waiting == 1, 60); }

static void set_budget(const char *name, uint64_t mib)
{
    struct cleave_memory memory = memory_of(name);

    assert_int_equal(core_memory_set(&hv, domid_of(name), memory.min, mib * PAGES_PER_MIB), 0);
}

static void beyond_its_memory_a_guest_waits_and_goes_on(void **state)
{
    struct cleave_memory memory;
    struct pollfd poll_fd;
    evtchn_port_t port;

    (void)state;
    need_cleave();
    xenevtchn_handle *events = xenevtchn_open(NULL, 0);
    assert_non_null(events);
    port = xenevtchn_bind_virq(events, VIRQ_MEM_EVENT);
    poll_fd = (struct pollfd){ .fd = xenevtchn_fd(events), .events = POLLIN };
    /* binding a port raises it */
    while (poll(&poll_fd, 1, 100) == 1)
        xenevtchn_unmask(events, xenevtchn_pending(events));
    run_ok("cleave create /guests/memhog.cfg on_poweroff=preserve on_crash=preserve");
    assert_int_equal(poll(&poll_fd, 1, 60 * 1000), 1);
    assert_int_equal(xenevtchn_pending(events), port);
    await_waiting("memhog");
    memory = memory_of("memhog");
    assert_int_equal(memory.present, memory.budget);
    /* while it waits it can be paused, and does not run */
    run_ok("xl pause memhog && xl unpause memhog");
    assert_int_equal(memory_of("memhog").waiting, 1);
    /* a little more, then as much as it wants */
    set_budget("memhog", 30);
    AWAIT(memory_of("memhog").present == 30 * PAGES_PER_MIB, 60);
    await_waiting("memhog");
    set_budget("memhog", 64);
    await_said("memhog", "memhog: ok", 60);
    assert_null(strstr(console_log("memhog"), "FAILED"));
    assert_true(memory_of("memhog").present >= 40 * PAGES_PER_MIB);
    xenevtchn_close(events);
    run_ok("cleave destroy memhog");
}

static void a_waiting_guest_can_be_destroyed(void **state)
{
    (void)state;
    need_cleave();
    run_ok("cleave create /guests/memhog.cfg");
    await_waiting("memhog");
    run_ok("cleave destroy memhog");
    AWAIT(guests() == 0, 10);
    /* by xl's verb too, which raises the limit first */
    run_ok("xl create /guests/memhog.cfg 'extra=\"set=40 random\"' 'on_poweroff=\"preserve\"'");
    await_waiting("memhog");
    run_ok("xl mem-set memhog 60");
    await_said("memhog", "memhog: ok", 60);
    run_ok("xl destroy memhog");
    AWAIT(guests() == 0, 10);
}

/* --- coming back ------------------------------------------------------------------------------ */

static void pages_of_zeroes_are_not_waited_for(void **state)
{
    struct cleave_memory memory;

    (void)state;
    need_cleave();
    run_ok("cleave create /guests/memhog.cfg extra='set=40 rounds=0 zero' on_poweroff=preserve");
    await_said("memhog", "memhog: ok", 60);
    memory = memory_of("memhog");
    assert_true(memory.zeroes >= 20 * PAGES_PER_MIB);
    assert_true(memory.present <= memory.budget);
    run_ok("cleave destroy memhog");
}

static void absent_pages_go_to_the_balloon(void **state)
{
    struct cleave_memory memory;

    (void)state;
    need_cleave();
    run_ok("cleave create /guests/memhog.cfg extra='set=8 rounds=3 balloon random' "
           "on_poweroff=preserve");
    await_said("memhog", "memhog: ok", 60);
    memory = memory_of("memhog");
    assert_true(memory.absent + memory.present <= 16 * PAGES_PER_MIB + 32);
    assert_true(memory.present <= 13 * PAGES_PER_MIB);
    run_ok("cleave destroy memhog");
}

/* --- promises --------------------------------------------------------------------------------- */

static void promises_are_exact(void **state)
{
    uint64_t free = free_kib();
    struct cleave_memory memory;

    (void)state;
    need_cleave();
    leave_free(24);
    assert_refused(run("cleave create /guests/memhog.cfg memory=32"), "not enough memory|MiB");
    assert_int_not_equal(run("xl create /guests/memhog.cfg memory=32")->status, 0);
    run_ok("cleave create -p /guests/memhog.cfg memory=8 extra='set=6'");
    memory = memory_of("memhog");
    assert_int_equal(memory.present + memory.promised, 8 * PAGES_PER_MIB);
    assert_int_equal(core_memory_set(&hv, domid_of("memhog"), 40 * PAGES_PER_MIB, 0), -ENOMEM);
    /* above its limit */
    assert_int_equal(core_memory_set(&hv, domid_of("memhog"), 80 * PAGES_PER_MIB, 0), -EINVAL);
    assert_int_equal(core_memory_set(&hv, domid_of("memhog"), 9, 8), -EINVAL);
    assert_int_equal(core_memory_set(&hv, 0, 1, 0), -EINVAL);
    assert_int_equal(core_memory_set(&hv, 999, 1, 0), -ESRCH);
    assert_int_equal(memory_of("memhog").promised, memory.promised);
    run_ok("cleave destroy memhog");
    assert_int_equal(xc_domain_destroy(xc, filler), 0);
    filler = 0;
    AWAIT(free_kib() >= free, 10);
}

/* --- working sets ----------------------------------------------------------------------------- */

/* Of the pages that it has, it uses 8 MiB again and again. */
static void a_sample_finds_the_working_set(void **state)
{
    struct cleave_sample_begin begun;
    struct cleave_sample_read seen;
    uint32_t domid, expected;

    (void)state;
    need_cleave();
    run_ok("cleave create /guests/memhog.cfg memory=64 extra='set=40 hot=8 read' "
           "on_poweroff=preserve");
    await_said("memhog", "again and again", 60);
    domid = (uint32_t)domid_of("memhog");
    expected = (uint32_t)(8 * PAGES_PER_MIB * 1000 / memory_of("memhog").present);
    assert_int_equal(core_sample_begin(&hv, domid, 1000, 7, &begun), 0);
    assert_int_equal(begun.pages, 1000);
    pause_ms(2000 * PATIENCE);
    assert_int_equal(core_sample_read(&hv, domid, true, &seen), 0);
    printf("sample: %u of %u pages accessed, %u written, expected %u; %u splits, %u joins; %.3f "
           "and %.3f ms\n",
           seen.accessed, seen.pages, seen.dirty, expected, begun.splits, seen.joins,
           begun.ns / 1e6, seen.ns / 1e6);
    assert_in_range(seen.accessed, expected - 45, expected + 45);
    assert_in_range(seen.dirty, 0, 10);
    assert_int_equal(seen.joins, begun.splits);
    assert_int_equal(core_sample_read(&hv, domid, true, &seen), -ENOENT);
    assert_int_equal(core_violations(), 0);
    run_ok("xenstore-write /local/domain/%u/data/peer 1", domid);
    await_said("memhog", "memhog: ok", 30);
    run_ok("cleave destroy memhog");
}

#define MEMORY_TEST(function) \
    { \
#function, function, begin, end, NULL \
    }
static const struct CMUnitTest tests[] = {
    MEMORY_TEST(stock_linux_reaches_its_target_in_300_mib),
    MEMORY_TEST(a_guest_grows_by_what_it_adds),
    MEMORY_TEST(beyond_its_memory_a_guest_waits_and_goes_on),
    MEMORY_TEST(a_waiting_guest_can_be_destroyed),
    MEMORY_TEST(pages_of_zeroes_are_not_waited_for),
    MEMORY_TEST(absent_pages_go_to_the_balloon),
    MEMORY_TEST(promises_are_exact),
    MEMORY_TEST(a_sample_finds_the_working_set),
};

const struct group group_memory = GROUP("memory", tests);
