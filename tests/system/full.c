/* SPDX-License-Identifier: MIT */
/*
 * A machine without a free frame: guests may allocate all free memory, and their pools bound the
 * core's memory for them. dom0 continues, even where it needs tables, and guests can still give
 * memory back. Next to read: guests/hog, hypervisor/README.md ("Who pays").
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenctrl.h>

#include "system.h"

#define BATCH 512
#define GIB (1ull << 30)
#define TOUCHES 100
#define BALLOON "/sys/devices/system/xen_memory/xen_memory0/"

static uint32_t domid;

static int begin(void **state)
{
    domid = 0;
    return test_begin_xc(state);
}

static int end(void **state)
{
    if (domid)
        xc_domain_destroy(xc, domid);
    return test_end_xc(state);
}

/* Populates a domain that never runs with extents of this order until none is left. */
static void take(unsigned int order, xen_pfn_t *gfn)
{
    xen_pfn_t list[BATCH];
    int done;

    do {
        for (unsigned int i = 0; i < BATCH; i++)
            list[i] = *gfn + ((xen_pfn_t)i << order);
        done = xc_domain_populate_physmap(xc, domid, BATCH, order, 0, list);
        assert_true(done >= 0);
        *gfn += (xen_pfn_t)done << order;
    } while (done > 0);
}

static void fill_the_machine(void)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = 1,
        .max_grant_frames = 1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    xen_pfn_t gfn = 0;

    assert_int_equal(xc_domain_create(xc, &domid, &config), 0);
    assert_int_equal(xc_domain_setmaxmem(xc, domid, 1ull << 30), 0);
    assert_int_equal(xc_set_paging_mempool_size(xc, domid, 64 << 20), 0);
    take(9, &gfn);
    /* populated at once; single pages would be promised, with a margin for other promises */
    take(1, &gfn);
    assert_in_range(free_kib(), 0, 4 * 4); /* frames may be left whose table does not fit */
}

/* dom0 reads unused device memory for the first time; each read needs a table. */
static void touch_devices(void)
{
    int fd = open("/dev/mem", O_RDONLY | O_SYNC);

    assert_true(fd >= 0);
    for (uint64_t i = 0; i < TOUCHES; i++) {
        volatile uint32_t *p =
            mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)((256 + i) * GIB));

        assert_ptr_not_equal(p, MAP_FAILED);
        (void)*p;
        munmap((void *)(uintptr_t)p, 4096);
    }
    close(fd);
}

static long dom0_kib(void) { return atol(run_ok("cat " BALLOON "info/current_kb")->out); }

/* dom0's own balloon: out of its large entries, and back. */
static void dom0_gives_and_takes(void)
{
    long before = dom0_kib(), target = before - 16 * 1024;

    run_ok("echo %ld >" BALLOON "target_kb", target);
    AWAIT(dom0_kib() == target, 30);
    run_ok("echo %ld >" BALLOON "target_kb", before);
    AWAIT(dom0_kib() == before, 30);
}

static void a_full_machine_goes_on(void **state)
{
    (void)state;
    if (!on_cleave())
        skip(); /* Xen's dom0 has no reserve */
    run_ok("cleave create /guests/hog.cfg on_poweroff=preserve on_crash=preserve");
    await_said("hog", "hog: ready", 30);
    fill_the_machine();
    assert_refused(run("cleave create /guests/hello.cfg"), "MiB");
    touch_devices();
    dom0_gives_and_takes();
    /* one page out of each large entry; only their spare tables are available to split them */
    run_ok("xenstore-write /local/domain/%d/data/peer 1", domid_of("hog"));
    await_said("hog", "hog: gave a page of each of", 60);
    await_said("hog", "hog: ok", 30);
    assert_int_equal(core_violations(), 0);
    assert_int_equal(xc_domain_destroy(xc, domid), 0);
    domid = 0;
    AWAIT(strcmp(state_of("hog"), "poweroff") == 0, 30);
    run_ok("cleave destroy hog");
}

/*
 * A guest populates pages all over its address space: it gets as many tables as its pool holds, and
 * survives.
 */
static void a_guest_pays_for_its_tables(void **state)
{
    unsigned int pages = 0;
    const char *said;

    (void)state;
    if (!on_cleave())
        skip(); /* Xen crashes a guest whose pool is exhausted */
    run_ok(
        "cleave create /guests/hog.cfg extra='now debug' on_poweroff=preserve on_crash=preserve");
    await_said("hog", "hog: ok", 60);
    said = strstr(console_log("hog"), "hog: ok, ");
    assert_int_equal(sscanf(said, "hog: ok, %u", &pages), 1);
    assert_in_range(pages, 200, 256); /* the pool has 512 frames, two for each */
    AWAIT(strcmp(state_of("hog"), "poweroff") == 0, 30);
    run_ok("cleave destroy hog");
}

#define FULL_TEST(function) \
    { \
#function, function, begin, end, NULL \
    }
static const struct CMUnitTest tests[] = {
    FULL_TEST(a_full_machine_goes_on),
    FULL_TEST(a_guest_pays_for_its_tables),
};

const struct group group_full = GROUP("full", tests);
