/* SPDX-License-Identifier: MIT */
/*
 * How long the core delays interrupts and holds locks. The debug core measures this
 * (hypervisor/cpu/watchdog.c and lib/spinlock.c), and these tests run the longest operations. A
 * tick is one instruction only under the rig's ICOUNT=1, so the run sets the bound: BOUND=200000 in
 * the environment. Without it, these tests are skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xen/memory.h>

#include "system.h"

#define VCPUS 128
#define CONTEXT_VCPUS 16
#define GRANTS 256
#define POOL (16 << 20) /* bytes, for the tables of all extents */
#define ORDER_2M 9
#define EXTENTS 64 /* of 2 MiB */
#define PORTS 4000
#define SPARSE 256
#define RING (64 * 1024)

static uint32_t domid;

/*
 * The maximum number of instructions for a hold of each class. The lock of domctl is only tried,
 * never waited for. Locks of a domain with a large bound are held while 128 vCPUs are woken or
 * stopped.
 */
static const struct {
    const char *lock;
    uint64_t bound;
} bounds[] = {
    { "domlist", 1000 },  { "domain", 50000 }, { "grant", 20000 }, { "bind", 2000 },
    { "evtchn", 130000 }, { "pci", 10000 },    { "p2m", 60000 },   { "vdev", 25000 },
    { "sched", 5000 },    { "timer", 1000 },   { "mem", 30000 },   { "heap", 2000 },
    { "hw", 2000 },       { "console", 5000 },
};

static uint64_t bound_of(const char *lock)
{
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
        if (strcmp(lock, bounds[i].lock) == 0)
            return bounds[i].bound;
    return UINT64_MAX;
}

/* Fails the test if a lock was held for longer than its bound since the last call. */
static void assert_locks_held_shortly(const char *what)
{
    struct cleave_hold hold, worst = { .lock = 0 };

    printf("locks: %s:", what);
    for (unsigned int lock = 1; core_hold(lock, &hold); lock++) {
        printf(" %s %lu", hold.name, hold.ticks);
        if (hold.ticks > bound_of(hold.name))
            worst = hold;
    }
    printf("\n");
    if (worst.lock)
        fail_msg("%s: %s is held for %lu instructions, until %#lx", what, worst.name, worst.ticks,
                 worst.caller);
}

/* Fails the test if a stretch exceeded the bound since the last call. */
static void assert_short(const char *what)
{
    struct cleave_stretch longest = core_stretch();

    printf("stretch: %s: %lu, by exit %#lx, rax %lu, rdi %#lx of domain %u\n", what, longest.ticks,
           longest.exit_code, longest.rax, longest.rdi, longest.domain);
    if (longest.ticks > strtoul(getenv("BOUND"), NULL, 10))
        fail_msg("%s keeps interrupts waiting for %lu instructions", what, longest.ticks);
    assert_locks_held_shortly(what);
}

/* Discards measurements from before the test. */
static void forget(void)
{
    struct cleave_hold hold;

    core_stretch();
    for (unsigned int lock = 1; core_hold(lock, &hold); lock++)
        ;
}

/* Creates a paused domain with this many vCPUs and the maximum of grant frames. */
static void create(unsigned int vcpus)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = vcpus,
        .max_evtchn_port = -1,
        .max_grant_frames = GRANTS,
        .max_maptrack_frames = 4096,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };

    forget();
    domid = 0;
    assert_int_equal(xc_domain_create(xc, &domid, &config), 0);
    assert_int_equal(xc_domain_max_vcpus(xc, domid, vcpus), 0);
    assert_int_equal(xc_domain_setmaxmem(xc, domid, 4096 * (uint64_t)EXTENTS), 0);
    assert_int_equal(xc_set_paging_mempool_size(xc, domid, POOL), 0);
    assert_short("create");
}

static void destroy(void)
{
    assert_int_equal(xc_domain_destroy(xc, domid), 0);
    AWAIT(guests() == 0, 30);
    assert_short("destroy");
}

static void populate(uint64_t gfn, uint64_t step, unsigned int count, unsigned int order)
{
    static xen_pfn_t extents[EXTENTS << ORDER_2M];

    for (unsigned int i = 0; i < count; i++)
        extents[i] = gfn + i * step;
    assert_int_equal(xc_domain_populate_physmap_exact(xc, domid, count, order, 0, extents), 0);
}

/* As many pages as the 2 MiB extents hold. */
static void shrink(uint64_t gfn, unsigned int count)
{
    static xen_pfn_t extents[EXTENTS << ORDER_2M];

    for (unsigned int i = 0; i < count << ORDER_2M; i++)
        extents[i] = gfn + i;
    assert_int_equal(xc_domain_decrease_reservation_exact(xc, domid, count << ORDER_2M, 0, extents),
                     0);
}

static void memory_in_large_extents(void **state)
{
    (void)state;
    if (!getenv("BOUND"))
        skip();
    create(VCPUS);
    assert_int_equal(xc_domain_claim_pages(xc, domid, EXTENTS << ORDER_2M), 0);
    populate(0, 1 << ORDER_2M, EXTENTS, ORDER_2M);
    assert_short("populate 2M");
    shrink(0, EXTENTS);
    assert_short("decrease of 2M entries");
    populate(0, 1 << ORDER_2M, EXTENTS, ORDER_2M);
    assert_short("populate 2M of dirty frames");
    shrink(0, EXTENTS / 2);
    assert_short("decrease of 2M entries in part");
    populate(0, 1, EXTENTS / 2 << ORDER_2M, 0);
    assert_short("populate 4K");
    shrink(0, EXTENTS / 2);
    assert_short("decrease of 4K entries");
    destroy();
}

static void tables_with_one_entry_each(void **state)
{
    (void)state;
    if (!getenv("BOUND"))
        skip();
    create(VCPUS);
    populate((1 << ORDER_2M) - 1, 1 << ORDER_2M, SPARSE, 0);
    assert_short("populate in many tables");
    destroy();
}

static void foreign_and_grant_frames(void **state)
{
    static xen_pfn_t frames[2048];
    static int errors[2048];
    xenforeignmemory_handle *foreign = xenforeignmemory_open(NULL, 0);
    xenforeignmemory_resource_handle *resource;
    void *at = NULL;

    (void)state;
    if (!getenv("BOUND"))
        skip();
    create(VCPUS);
    populate(0, 1 << ORDER_2M, 4, ORDER_2M);
    for (int i = 0; i < 2048; i++)
        frames[i] = i;
    forget();
    at = xenforeignmemory_map(foreign, domid, PROT_READ, 2048, frames, errors);
    assert_non_null(at);
    assert_short("foreign map");
    xenforeignmemory_unmap(foreign, at, 2048);
    assert_short("foreign unmap");
    resource = xenforeignmemory_map_resource(foreign, domid, XENMEM_resource_grant_table, 0, 0,
                                             GRANTS, &at, PROT_READ, 0);
    assert_non_null(resource);
    assert_short("acquire 256 grant frames of a table that grows");
    assert_int_equal(core_violations(), 0);
    assert_short("check of 256 grant frames");
    xenforeignmemory_unmap_resource(foreign, resource);
    assert_short("release 256 grant frames");
    xenforeignmemory_close(foreign);
    destroy();
}

static void ports_and_long_answers(void **state)
{
    static char text[RING];
    static xc_domaininfo_t infos[64];
    unsigned int length = sizeof(text);

    (void)state;
    if (!getenv("BOUND"))
        skip();
    create(VCPUS);
    for (int i = 0; i < PORTS; i++)
        assert_true(xc_evtchn_alloc_unbound(xc, domid, 0) > 0);
    assert_short("ports");
    assert_int_equal(core_violations(), 0);
    assert_short("check of ports");
    assert_int_equal(xc_evtchn_reset(xc, domid), 0);
    assert_short("reset of ports");
    assert_int_equal(xc_readconsolering(xc, text, &length, 0, 0, NULL), 0);
    assert_short("readconsole");
    assert_int_equal(xc_domain_getinfolist(xc, 0, 64, infos), 2);
    assert_short("getdomaininfolist");
    destroy();
}

/* Read in one piece while all vCPUs are paused: as many as a guest usually has. */
static void a_whole_context(void **state)
{
    static uint8_t context[256 * 1024];

    (void)state;
    if (!getenv("BOUND"))
        skip();
    create(CONTEXT_VCPUS);
    assert_true(xc_domain_hvm_getcontext(xc, domid, context, sizeof(context)) > 0);
    assert_short("gethvmcontext");
    destroy();
}

static void guests_do_what_they_can(void **state)
{
    (void)state;
    if (!getenv("BOUND"))
        skip();
    forget();
    run_ok("cleave create /guests/hello.cfg memory=512");
    assert_short("create of 512 MiB");
    run_ok("cleave destroy hello");
    assert_short("destroy of 512 MiB");
    run_ok("cleave create /guests/evil.cfg");
    AWAIT(guests() == 0, 60);
    assert_short("guests/evil");
}

/* Wakes 128 vCPUs at once, by one IPI of the first, and by the tools. */
static void many_wakes(void **state)
{
    (void)state;
    if (!getenv("BOUND"))
        skip();
    run_ok("cleave create /guests/evil.cfg vcpus=128 extra='wakes debug' on_poweroff=preserve");
    forget();
    await_said("evil", "evil: done", 120);
    assert_short("128 wakes");
    run_ok("cleave destroy evil");
    assert_short("destroy of 128 vCPUs with timers");
    run_ok("cleave create /guests/evil.cfg vcpus=128 extra='timers debug'");
    await_said("evil", "128 vCPUs", 120);
    assert_locks_held_shortly("timers of 128 vCPUs");
    core_stretch();
    run_ok("cleave pause evil && cleave unpause evil");
    assert_short("pause and unpause of 128 vCPUs");
    run_ok("cleave destroy evil");
    assert_short("destroy of 128 vCPUs that sleep");
}

/* The largest rings, all events. */
static void a_trace_of_everything(void **state)
{
    (void)state;
    if (!getenv("BOUND"))
        skip();
    run_ok("cleave create /guests/spin.cfg name=naps 'extra=work=300 sleep=500'");
    forget();
    run_ok("cleave trace --for 300ms --events all >/dev/null");
    assert_short("a trace");
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST_XC(memory_in_large_extents),
    SYSTEM_TEST_XC(tables_with_one_entry_each),
    SYSTEM_TEST_XC(foreign_and_grant_frames),
    SYSTEM_TEST_XC(ports_and_long_answers),
    SYSTEM_TEST_XC(a_whole_context),
    SYSTEM_TEST_XC(guests_do_what_they_can),
    SYSTEM_TEST_XC(many_wakes),
    SYSTEM_TEST_XC(a_trace_of_everything),
};

const struct group group_stretch = GROUP("stretch", tests);
