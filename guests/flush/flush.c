/* SPDX-License-Identifier: MIT */
/*
 * The remote flush. vCPU 1 reads a page in a loop that never exits to the hypervisor, so its TLB keeps the
 * translation for as long as nobody flushes it; vCPU 0 then gives that page back
 * (XENMEM_decrease_reservation). When that hypercall returns, no CPU may reach the frame any more: it may
 * belong to somebody else already. vCPU 0 even takes memory again at another address, most likely the same
 * frame, and writes into it.
 *
 * What may be seen then: vCPU 1's next read is a nested page fault, which the hypervisor answers with ones (a
 * hole reads so, as on real Xen) or by crashing the domain. Reading the old contents, or the new owner's, is
 * the failure that this guest exists for. It runs on two physical CPUs; on one, the switch between the vCPUs
 * flushes and nothing is shown.
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
 * Only loads and stores; interrupts are off. The order matters: what is read after "removed" was seen was
 * read after the hypercall had returned.
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

/* The hole's frame again at another address, filled with what must not be seen through the old one. */
static void take_frame_back(uint64_t *gfn)
{
    long taken = mem_take(gfn, 1);

    if (taken != 1)
        trap_panic("flush: XENMEM_populate_physmap of gfn %lx: %ld", *gfn, taken);
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        ((uint64_t *)(*gfn << PAGE_SHIFT))[i] = REUSED;
}

static int judge(void)
{
    uint64_t before = reads;

    time_spin(200 * NS_PER_MS);
    if (stale) {
        printf("flush: FAILED: vCPU 1 read the removed page %lu times, last %lx (%s)\n", stale, stale_value,
               stale_value == OLD ? "its old contents" :
               stale_value == REUSED ? "its frame's new contents" : "something else");
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
