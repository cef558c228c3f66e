/* SPDX-License-Identifier: MIT */
/*
 * Tests which memory the hypervisor uses for tables when a guest returns and populates pages.
 *
 * First it returns one page of each 2 MiB of its RAM. If the hypervisor has mapped these 2 MiB by
 * one entry, it needs a table to split it, and must have one even if the machine has no free memory
 * (a balloon driver cannot handle a failure: Linux hits a BUG). This starts when dom0 writes a
 * number to data/peer, or at once with the word "now". Then it populates pages a GiB apart, each of
 * which needs tables, until the hypervisor refuses, which must only return an error.
 *
 * Prints "hog: ok, ..." or "hog: FAILED ...".
 */
#include "cleave-schema.h"
#include "mem.h"
#include "store.h"
#include "trap.h"

#define PATIENCE (300 * NS_PER_S)
#define REGION (512 * PAGE_SIZE)
#define FAR (64 * 512UL * 512) /* in pages: 64 GiB, above all RAM */
#define FAR_STEP (512UL * 512)
#define FAR_MAX 4096UL

static uint64_t start, end;

/* The page of a region to return: not the first, and not always the same. */
static uint64_t chosen(uint64_t region)
{
    return region + (region / REGION * 37 % 510 + 1) * PAGE_SIZE;
}

static void mark(uint64_t page) { *(volatile uint64_t *)page = ~page; }
static bool marked(uint64_t page) { return *(volatile uint64_t *)page == ~page; }

static void take_all_ram(void)
{
    unsigned int pages = mem_free() - 64;

    start = mem_pages(pages);
    end = start + pages * PAGE_SIZE;
    start = (start + REGION - 1) & -REGION;
    for (uint64_t r = start; r + REGION <= end; r += REGION)
        for (int i = -1; i <= 1; i++)
            mark(chosen(r) + i * PAGE_SIZE);
}

static unsigned int give_one_page_of_each_region(void)
{
    unsigned int given = 0;

    for (uint64_t r = start; r + REGION <= end; r += REGION, given++) {
        uint64_t gfn = chosen(r) >> PAGE_SHIFT;
        long rc = mem_give(&gfn, 1);

        if (rc != 1)
            trap_panic("hog: FAILED: gfn %lx cannot be given back: %ld", gfn, rc);
        if (!marked(chosen(r) - PAGE_SIZE) || !marked(chosen(r) + PAGE_SIZE))
            trap_panic("hog: FAILED: gfn %lx took a neighbour with it", gfn);
    }
    return given;
}

/*
 * Populates pages until the hypervisor refuses, and returns their number. First returns some pages,
 * to stay below the memory limit.
 */
static unsigned int scatter(void)
{
    unsigned int taken = 0;
    uint64_t gfn = FAR;

    for (uint64_t page = start + PAGE_SIZE; page < start + REGION; page += PAGE_SIZE) {
        uint64_t given = page >> PAGE_SHIFT;

        (void)mem_give(&given, 1);
    }
    for (; taken < FAR_MAX && mem_take(&gfn, 1) == 1; gfn += FAR_STEP)
        taken++;
    return taken;
}

int guest_main(void)
{
    uint64_t go;

    take_all_ram();
    printf("hog: ready\n");
    if (!cmdline_has("now") && store_await_number(SCHEMA_DATA_PEER, &go, PATIENCE))
        trap_panic("hog: FAILED: nobody says that it may begin");
    printf("hog: gave a page of each of %u regions\n", give_one_page_of_each_region());
    printf("hog: ok, %u pages a GiB apart\n", scatter());
    return 0;
}
