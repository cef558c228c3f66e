/* SPDX-License-Identifier: MIT */
/*
 * Tests the remote TLB flush. vCPU 1 reads a page in a loop without exits, so its TLB keeps the
 * translation until it is flushed. Then vCPU 0 returns that page to the hypervisor
 * (XENMEM_decrease_reservation). When that hypercall returns, no CPU may access the frame, which
 * may already have a new owner. vCPU 0 then populates another address, most likely with the same
 * frame, and writes to it.
 *
 * Afterwards vCPU 1's next read must be a nested page fault. The hypervisor handles it by returning
 * ones (like a hole, as on Xen) or by crashing the domain. Reading the old contents, or the new
 * owner's, is the failure that this guest detects. It needs two physical CPUs; on one, the switch
 * between the vCPUs flushes the TLB and the test proves nothing.
 */
#include "mem.h"
#include "smp.h"
#include "time.h"
#include "trap.h"

#define OLD 0x6f6c642070616765ULL
#define REUSED 0x6e65772070616765ULL
#define ONES (~0ULL)

static volatile uint64_t *page;
static volatile bool removed;
static volatile uint64_t reads, stale, stale_value;

/*
 * Only loads and stores, with interrupts off. The order matters: a value read after `removed` was
 * seen was read after the hypercall returned.
 */
static void reader(void)
{
    for (;;) {
        bool gone = removed;
        uint64_t value;

        asm volatile("" ::: "memory");
        value = *page;
        if (gone && value != ONES) {
            stale_value = value;
            stale++;
        }
        reads++;
    }
}

static void await_reads(uint64_t n)
{
    uint64_t end = time_now() + 30 * NS_PER_S;

    for (n += reads; reads < n;)
        if (time_now() > end)
            trap_panic("flush: vCPU 1 does not run");
}

/*
 * Populates another address, most likely with the same frame, and fills it with a value that must
 * not be visible at the old address.
 */
static void take_frame_back(uint64_t *gfn)
{
    long taken = mem_take(gfn, 1);

    if (taken != 1)
        trap_panic("flush: XENMEM_populate_physmap of gfn %lx: %ld", *gfn, taken);
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        ((uint64_t *)(*gfn << PAGE_SHIFT))[i] = REUSED;
}

static const char *describe(uint64_t value)
{
    if (value == OLD)
        return "its old contents";
    return value == REUSED ? "its frame's new contents" : "something else";
}

static int judge(void)
{
    uint64_t before = reads;

    time_spin(200 * NS_PER_MS);
    if (stale) {
        printf("flush: FAILED: vCPU 1 read the removed page %lu times, last %lx (%s)\n", stale,
               stale_value, describe(stale_value));
        return 1;
    }
    if (reads - before < 2)
        trap_panic("flush: vCPU 1 neither reads nor faults");
    printf("flush: ok, the removed page reads as ones (%lu reads)\n", reads - before);
    return 0;
}

int guest_main(void)
{
    uint64_t gfn, elsewhere;
    int rc;

    page = mem_page();
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        page[i] = OLD;
    gfn = (uint64_t)page >> PAGE_SHIFT;
    elsewhere = mem_hole(1) >> PAGE_SHIFT;
    rc = smp_start(1, reader);
    if (rc)
        trap_panic("flush: vCPU 1 does not start: %d; this guest needs vcpus=2", rc);
    await_reads(1000);
    printf("flush: vCPU 1 reads gfn %lx; removing it\n", gfn);
    if (mem_give(&gfn, 1) != 1)
        trap_panic("flush: gfn %lx cannot be given back", gfn);
    removed = true;
    take_frame_back(&elsewhere);
    return judge();
}
