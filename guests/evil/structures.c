/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls with arguments in unsuitable places: in page tables that map these arguments, in pages
 * that are returned or granted meanwhile, at the ends of pages and of the address space. Also pages
 * that are returned while others, including dom0, have them mapped. Results are checked where only
 * one is right. Read next: others.c, counts.c.
 */
#include "evil.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "evtchn.h"
#include "grant.h"
#include "hypercall.h"
#include "mem.h"
#include "window.h"

#define APIC_PAGE 0xfee00000UL
#define PATTERN 0x6576696c20706167UL

unsigned evil_wrong;

void evil_expect(bool right, const char *what, long got)
{
    evil_tries++;
    if (right)
        return;
    evil_wrong++;
    printf("evil: WRONG: %s: %ld (%lx)\n", what, got, got);
}

/* --- calls that take a pointer --- */

/*
 * Excluded: calls that wait, end this domain or close its ports if an argument happens to be valid.
 * Memory calls name a domain in their argument, which is unlikely to be this one.
 */
static const struct {
    uint8_t nr, op;
} takers[] = {
    { __HYPERVISOR_xen_version, XENVER_extraversion },
    { __HYPERVISOR_xen_version, XENVER_compile_info },
    { __HYPERVISOR_xen_version, XENVER_capabilities },
    { __HYPERVISOR_xen_version, XENVER_get_features },
    { __HYPERVISOR_xen_version, XENVER_guest_handle },
    { __HYPERVISOR_memory_op, XENMEM_populate_physmap },
    { __HYPERVISOR_memory_op, XENMEM_decrease_reservation },
    { __HYPERVISOR_memory_op, XENMEM_add_to_physmap },
    { __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch },
    { __HYPERVISOR_memory_op, XENMEM_remove_from_physmap },
    { __HYPERVISOR_memory_op, XENMEM_memory_map },
    { __HYPERVISOR_memory_op, XENMEM_current_reservation },
    { __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref },
    { __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref },
    { __HYPERVISOR_grant_table_op, GNTTABOP_copy },
    { __HYPERVISOR_grant_table_op, GNTTABOP_query_size },
    { __HYPERVISOR_grant_table_op, GNTTABOP_swap_grant_ref },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_status },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_send },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_unmask },
    { __HYPERVISOR_hvm_op, HVMOP_get_param },
    { __HYPERVISOR_hvm_op, HVMOP_set_param },
    { __HYPERVISOR_hvm_op, HVMOP_get_time },
    { __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info },
    { __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info },
    { __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer },
    { __HYPERVISOR_multicall, 1 },
    { __HYPERVISOR_console_io, CONSOLEIO_read },
};

struct taker {
    unsigned i;
    uint64_t at;
};

static void run_taker(void *arg)
{
    const struct taker *t = arg;
    uint32_t nr = takers[t->i].nr, op = takers[t->i].op;

    if (nr == __HYPERVISOR_vcpu_op)
        hypercall(nr, op, 0, t->at, 0, 0);
    else if (nr == __HYPERVISOR_console_io)
        hypercall(nr, op, 64, t->at, 0, 0);
    else if (nr == __HYPERVISOR_multicall)
        hypercall(nr, t->at, op, 0, 0, 0);
    else
        hypercall(nr, op, t->at, 1, 0, 0);
}

/* Makes all calls with this pointer. `repair` restores what each overwrites. */
static void take_at(uint64_t at, void (*repair)(void))
{
    for (unsigned i = 0; i < ARRAY_SIZE(takers); i++) {
        evil_try(run_taker, &(struct taker){ i, at });
        if (repair)
            repair();
    }
}

static long version_to(uint64_t at)
{
    return hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, at, 0, 0, 0);
}

static long reservation(unsigned op, uint64_t argument, uint64_t gfns)
{
    struct xen_memory_reservation *r = (void *)argument;

    *r = (struct xen_memory_reservation){ .nr_extents = 1, .domid = DOMID_SELF };
    set_xen_guest_handle_raw(r->extent_start, (xen_pfn_t *)gfns);
    return hypercall(__HYPERVISOR_memory_op, op, argument, 0, 0, 0);
}

/* --- live page tables --- */

/* Maps the table by its own entries 0 to 7, so that it can be written through its mapping. */
static void map_table_by_itself(void)
{
    uint64_t *table = window_table();

    memset(table, 0, PAGE_SIZE);
    for (unsigned i = 0; i < 8; i++)
        table[i] = (uint64_t)table | PTE_RW;
    window_flush();
}

/* Each call changes the mappings of its own remaining arguments, or of the next call's. */
static void calls_over_their_own_table(void)
{
    struct multicall_entry *calls = (void *)(WINDOW_AT(0) + 256);

    map_table_by_itself();
    for (unsigned at = 0; at < PAGE_SIZE; at += 200)
        take_at(WINDOW_AT(0) + at, map_table_by_itself);
    take_at((uint64_t)window_table(), map_table_by_itself);
    for (unsigned i = 0; i < 16; i++)
        calls[i] = (struct multicall_entry){
            __HYPERVISOR_xen_version, 0, { i ? XENVER_version : XENVER_capabilities, WINDOW_AT(0) }
        };
    evil_tries++;
    hypercall(__HYPERVISOR_multicall, (uint64_t)calls, 16, 0, 0, 0);
    map_table_by_itself();
}

/* The table returns itself: it contains the structure and array of the call. */
static void table_gives_itself_away(void)
{
    uint64_t *words = (uint64_t *)WINDOW_AT(0), gfn = (uint64_t)window_table() >> PAGE_SHIFT;
    long rc;

    map_table_by_itself();
    words[64] = gfn;
    rc = reservation(XENMEM_decrease_reservation, WINDOW_AT(0) + 1024, WINDOW_AT(0) + 512);
    evil_expect(rc == 1, "a page table that gives itself back", rc);
    evil_expect(version_to(WINDOW_AT(0)) == -XEN_EFAULT, "a call by a page table that is gone", 0);
    window_set_directory(PTE_USER);
    evil_expect(mem_take(&gfn, 1) == 1, "taking the page table's frame back", 0);
    window_set_directory(0);
    map_table_by_itself();
}

/* Registers the runstate area, written at each switch, in a live page table. */
static void runstate_in_the_table(void)
{
    struct vcpu_register_runstate_memory_area area = { .addr.p = WINDOW_AT(1) };

    map_table_by_itself();
    for (unsigned i = 0; i < 100; i++) {
        hypercall_vcpu(VCPUOP_register_runstate_memory_area, 0, &area);
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        evil_tries++;
        map_table_by_itself();
        area.addr.p += 8;
    }
    area.addr.p = 0;
    hypercall_vcpu(VCPUOP_register_runstate_memory_area, 0, &area);
}

/*
 * Places page tables outside of memory. Only hypercalls walk them, since the CPU's walk may crash a
 * guest.
 */
static void tables_in_strange_places(uint64_t grants)
{
    const uint64_t places[] = {
        mem_hole(1), APIC_PAGE, 0xfec00000, (uint64_t)evtchn_shared, grants,  1UL << 32, 1UL << 39,
        1UL << 40,   1UL << 47, 1UL << 51,  0xffffffffff000,         0xa0000, 0,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
        for (uint64_t bits = 3; bits < 0x200; bits = bits * 2 + 1) {
            window_set_directory(places[i] | bits);
            version_to(WINDOW_AT(0));
            take_at(WINDOW_AT(1) - 4, NULL);
            evtchn_repair_shared();
        }
    window_set_directory(0);
}

/* --- ends --- */

static uint64_t edge_page;

static void map_edges(void)
{
    window_table();
    memset((void *)edge_page, 0, PAGE_SIZE);
    window_map(LAST_ENTRY, edge_page | PTE_RW);
}

/*
 * Places structures across the end of a page whose successor is missing, read-only, or the same
 * page.
 */
static void arguments_at_ends(void)
{
    const uint64_t next[] = { 0, edge_page | PTE_PRESENT, edge_page | PTE_RW,
                              mem_hole(1) | PTE_RW };
    const uint64_t ends[] = { LOWER_END, 0, WINDOW_AT(9) };

    for (unsigned n = 0; n < ARRAY_SIZE(next); n++)
        for (unsigned e = 0; e < ARRAY_SIZE(ends); e++)
            for (uint64_t back = 1; back <= 128; back *= 2) {
                map_edges();
                window_map(8, edge_page | PTE_RW);
                window_map(9, next[n]);
                take_at(ends[e] - back, NULL);
            }
    evil_expect(version_to(LOWER_END - 8) == -XEN_EFAULT, "16 bytes over the end of the lower half",
                0);
    evil_expect(version_to(-8UL) == -XEN_EFAULT, "16 bytes over the end of all addresses", 0);
}

/* --- returned pages --- */

static uint64_t *page_with(uint64_t pattern)
{
    uint64_t *page = mem_page();

    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        page[i] = pattern;
    return page;
}

static bool all(const uint64_t *page, uint64_t value)
{
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        if (page[i] != value)
            return false;
    return true;
}

static long copy_from_gfn(uint64_t gfn, uint64_t to)
{
    struct gnttab_copy copy = {
        .source = { .u.gmfn = gfn, .domid = DOMID_SELF },
        .dest = { .u.gmfn = to, .domid = DOMID_SELF },
        .len = 64,
    };

    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, &copy, 1);
    return copy.status;
}

static void arguments_in_a_given_page(domid_t self)
{
    uint64_t *page = page_with(PATTERN), gfn = (uint64_t)page >> PAGE_SHIFT;
    uint64_t other = (uint64_t)mem_page() >> PAGE_SHIFT, hole = mem_hole(1);
    grant_handle_t handle;
    grant_ref_t ref = grant_offer(self, gfn, false);
    long rc;

    evil_expect(mem_give(&gfn, 1) == 1, "giving a page back", 0);
    take_at((uint64_t)page, NULL);
    take_at((uint64_t)page + PAGE_SIZE - 4, NULL);
    evil_expect(version_to((uint64_t)page) == -XEN_EFAULT, "a call into a page given back", 0);
    rc = grant_map(self, ref, hole, false, &handle);
    evil_expect(rc != GNTST_okay, "mapping a page given back", rc);
    rc = copy_from_gfn(gfn, other);
    evil_expect(rc != GNTST_okay, "copying from a page given back", rc);
    rc = mem_add_to_physmap(XENMAPSPACE_gmfn, gfn, hole >> PAGE_SHIFT);
    evil_expect(rc < 0, "moving a page given back", rc);
    evil_expect(grant_end(ref), "ending an unused grant", 0);
    evil_expect(mem_take(&gfn, 1) == 1 && all(page, 0), "a new page is not zero", page[0]);
}

/* Returns a page while it is mapped twice by a grant: the frame must stay accessible only there. */
static void given_while_granted(domid_t self)
{
    uint64_t *page = page_with(PATTERN), gfn = (uint64_t)page >> PAGE_SHIFT;
    uint64_t *rw = (uint64_t *)mem_hole(2), *ro = rw + PAGE_SIZE / 8,
             rw_gfn = (uint64_t)rw >> PAGE_SHIFT;
    grant_ref_t ref = grant_offer(self, gfn, false);
    grant_handle_t handles[2];
    long rc = grant_map(self, ref, (uint64_t)rw, false, &handles[0]);

    rc = rc ? rc : grant_map(self, ref, (uint64_t)ro, true, &handles[1]);
    evil_expect(rc == GNTST_okay, "mapping an own grant", rc);
    if (rc)
        return;
    evil_expect(mem_give(&gfn, 1) == 1, "giving a granted page back", 0);
    evil_expect(all(rw, PATTERN) && all(ro, PATTERN), "a granted page after it was given back",
                rw[0]);
    evil_expect(mem_take(&gfn, 1) == 1 && all(page, 0), "the page after a granted one", page[0]);
    memset(page, 0x55, PAGE_SIZE);
    evil_expect(all(rw, PATTERN), "the granted page after its successor was written", rw[0]);
    evil_expect(version_to((uint64_t)ro) == -XEN_EFAULT, "a call that writes to a read-only grant",
                0);
    evil_expect(version_to((uint64_t)rw) == 0, "a call that writes to a grant", 0);
    take_at((uint64_t)rw + PAGE_SIZE - 4, NULL);
    rc = mem_give(&rw_gfn, 1);
    evil_expect(rc == 0, "giving a mapped grant back", rc);
    rc = mem_add_to_physmap(XENMAPSPACE_gmfn, rw_gfn, rw_gfn + 8);
    evil_expect(rc < 0, "moving a mapped grant", rc);
    evil_expect(!grant_end(ref), "ending a grant that is mapped", 0);
    rc = grant_unmap((uint64_t)ro, handles[0]);
    evil_expect(rc != GNTST_okay, "unmapping at the wrong address", rc);
    grant_unmap((uint64_t)rw, handles[0]);
    rc = grant_unmap((uint64_t)rw, handles[0]);
    evil_expect(rc != GNTST_okay, "unmapping twice", rc);
    grant_unmap((uint64_t)ro, handles[1]);
    evil_expect(version_to((uint64_t)rw) == -XEN_EFAULT, "a call into a grant that was unmapped",
                0);
    evil_expect(grant_end(ref), "ending a grant after its last use", 0);
}

/* The argument of the unmap is in the page that it unmaps, so its status cannot be written. */
static void unmap_takes_its_argument_along(domid_t self)
{
    uint64_t at = mem_hole(1);
    struct gnttab_unmap_grant_ref *unmap = (void *)at;
    grant_ref_t ref = grant_offer(self, (uint64_t)mem_page() >> PAGE_SHIFT, false);
    grant_handle_t handle;
    long rc = grant_map(self, ref, at, false, &handle);

    if (rc == GNTST_okay) {
        *unmap = (struct gnttab_unmap_grant_ref){ .host_addr = at, .handle = handle };
        rc = hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, at, 1, 0, 0);
        evil_expect(rc == -XEN_EFAULT, "an unmap that unmaps its argument", rc);
        evil_expect(grant_end(ref), "ending the grant after that", 0);
    }
}

/* --- pages that dom0 has mapped --- */

/*
 * Moves the ring away while dom0's daemon has it mapped, puts garbage in its place, and moves it
 * back. The frame stays the same. Only Xen moves RAM.
 */
static void move_ring(uint64_t gfn)
{
    uint64_t away = mem_hole(1) >> PAGE_SHIFT;

    for (unsigned i = 0; i < 20 && !mem_add_to_physmap(XENMAPSPACE_gmfn, gfn, away); i++) {
        if (mem_take(&gfn, 1) == 1)
            memset((void *)(gfn << PAGE_SHIFT), 0xa5, PAGE_SIZE);
        evil_expect(!mem_add_to_physmap(XENMAPSPACE_gmfn, away, gfn), "moving a ring back", i);
    }
}

/*
 * Restores the console's ring, which is needed. Fills the store's ring with garbage and returns it.
 */
static void rings(void)
{
    uint64_t console, store, port;

    if (mem_get_param(HVM_PARAM_CONSOLE_PFN, &console) ||
        mem_get_param(HVM_PARAM_STORE_PFN, &store) || mem_get_param(HVM_PARAM_STORE_EVTCHN, &port))
        return;
    move_ring(console);
    move_ring(store);
    memset((void *)(store << PAGE_SHIFT), 0xa5, PAGE_SIZE);
    evtchn_send(port);
    evil_expect(mem_give(&store, 1) == 1, "giving the store's ring back", 0);
    evtchn_send(port);
    if (mem_take(&store, 1) == 1)
        memset((void *)(store << PAGE_SHIFT), 0x5a, PAGE_SIZE);
    evtchn_send(port);
}

void evil_structures(void)
{
    domid_t self = hypercall_domid();

    edge_page = (uint64_t)mem_page();
    evil_gone();
    grant_init();
    calls_over_their_own_table();
    table_gives_itself_away();
    runstate_in_the_table();
    tables_in_strange_places((uint64_t)mem_map_shared(XENMAPSPACE_grant_table, 0));
    grant_init();
    arguments_at_ends();
    arguments_in_a_given_page(self);
    given_while_granted(self);
    unmap_takes_its_argument_along(self);
    rings();
    evil_others(self);
    evil_counts();
    printf("evil: structures: %u wrong answers\n", evil_wrong);
}
