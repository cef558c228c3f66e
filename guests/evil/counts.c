/* SPDX-License-Identifier: MIT */
/*
 * Arrays that are too long, whose size overflows, that overlap, or that are endless. Endless arrays
 * use addresses that all map the same page (window.h). An interrupt of the same vCPU ends them by
 * unmapping these addresses, so reaching the end shows that a long hypercall allows interrupts. The
 * chapter "endless" runs two of them, each on a vCPU, until the domain is destroyed.
 */
#include "evil.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/version.h>

#include "evtchn.h"
#include "hypercall.h"
#include "mem.h"
#include "smp.h"
#include "time.h"
#include "window.h"

#define ENDLESS_NS (5 * NS_PER_MS)

static uint64_t page; /* holds the arrays */

/* --- without an end --- */

static void end_of_array(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
    window_alias(0);
}

struct array_call {
    uint64_t nr, a, b, c;
    const char *what;
};

/* Runs a call that an interrupt ends after some ms, by unmapping the array. */
static void endless(const struct array_call *call)
{
    long rc;

    window_alias(page);
    time_set_timer(time_now() + ENDLESS_NS);
    irq_on();
    rc = hypercall(call->nr, call->a, call->b, call->c, 0, 0);
    irq_off();
    evil_expect(rc == -XEN_EFAULT, call->what, rc);
}

static const struct array_call endless_calls[] = {
    { __HYPERVISOR_multicall, ALIASES, 0xffffffff, 0, "multicall without an end" },
    { __HYPERVISOR_grant_table_op, GNTTABOP_copy, ALIASES, 0x7fffffff,
      "grant copy without an end" },
    { __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, ALIASES, 0x7fffffff,
      "grant map without an end" },
    { __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, ALIASES, 0x7fffffff,
      "unmap without an end" },
    { __HYPERVISOR_grant_table_op, GNTTABOP_query_size, ALIASES, 0x7fffffff,
      "query_size without an end" },
    { __HYPERVISOR_console_io, 0, 0x7fffffff, ALIASES, "a text without an end" },
};

/*
 * Fills the array with carriage returns, which are not printed; as other structures they are
 * invalid.
 */
static void fill_for(const struct array_call *call)
{
    memset((void *)page, call->nr == __HYPERVISOR_multicall ? 0xff : '\r', PAGE_SIZE);
}

static void arrays_without_an_end(void)
{
    evtchn_handle(time_port(), end_of_array, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(endless_calls); i++) {
        fill_for(&endless_calls[i]);
        endless(&endless_calls[i]);
    }
    window_alias(0);
}

/* --- counts --- */

struct run {
    uint64_t nr, a, b, c;
};

static void run(void *arg)
{
    const struct run *r = arg;

    hypercall(r->nr, r->a, r->b, r->c, 0, 0);
}

/* Uses arrays of which only the first page is mapped. A count of 2^32 may be truncated to 0. */
static void counts_of_arrays(void)
{
    static const uint64_t counts[] = {
        1,         0x7fffffff, 0x80000000, 0xffffffff, 1UL << 32, (1UL << 32) + 1,
        1UL << 58, 1UL << 61,  1UL << 63,  -1UL,
    };
    uint64_t at = window_map(0, page | PTE_RW);

    window_map(1, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
        memset((void *)page, '\r', PAGE_SIZE);
        for (unsigned op = 0; op < 14; op++)
            evil_try(run, &(struct run){ __HYPERVISOR_grant_table_op, op, at, counts[i] });
        memset((void *)page, '\r', PAGE_SIZE);
        evil_try(run, &(struct run){ __HYPERVISOR_console_io, 0, counts[i], at });
        evil_try(run, &(struct run){ __HYPERVISOR_console_io, 1, counts[i], at });
        memset((void *)page, 0xff, PAGE_SIZE);
        evil_try(run, &(struct run){ __HYPERVISOR_multicall, at, counts[i], 0 });
    }
}

static uint64_t pages_now(void)
{
    struct xen_memory_domain domain = { DOMID_SELF };

    return hypercall2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &domain);
}

/* Uses an array with gfns of holes: each is populated at most once, and returned. */
static void extents(uint64_t count, unsigned order, uint64_t hole)
{
    struct xen_memory_reservation r = { .nr_extents = count,
                                        .extent_order = order,
                                        .domid = DOMID_SELF };
    uint64_t *gfns = (uint64_t *)page, before = pages_now();
    long taken, given;

    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        gfns[i] = (hole >> PAGE_SHIFT) + i;
    set_xen_guest_handle_raw(r.extent_start, (xen_pfn_t *)ALIASES);
    taken = hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r);
    given = hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r);
    evil_expect(given == taken, "what was taken can be given back", given);
    evil_expect(pages_now() == before, "pages after giving back", pages_now() - before);
    /* forged continuation states */
    for (unsigned i = 6; i < 64; i += 3)
        evil_try(run, &(struct run){ __HYPERVISOR_memory_op,
                                     XENMEM_decrease_reservation | -1UL << i, (uint64_t)&r, 0 });
}

static void counts_of_extents(void)
{
    static const uint64_t counts[] = {
        0,          1,         1UL << 10, (1UL << 26) - 1, 1UL << 26, 1UL << 31,
        0xffffffff, 1UL << 32, 1UL << 61, 1UL << 63,       -1UL,
    };
    static const unsigned orders[] = { 0, 1, 9, 10, 18, 31, 32, 52, 63, 64, ~0u };
    uint64_t hole = mem_hole(PAGE_SIZE / 8);

    window_alias(page);
    for (unsigned i = 0; i < ARRAY_SIZE(counts); i++)
        extents(counts[i], 0, hole);
    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++)
        extents(2, orders[i], hole);
    window_alias(0);
}

static void other_counts(void)
{
    static const uint32_t counts[] = { 129, 1u << 29, 1u << 30, 1u << 31, ~0u };
    struct xen_add_to_physmap range = { .domid = DOMID_SELF,
                                        .size = 0xffff,
                                        .space = XENMAPSPACE_gmfn_range,
                                        .idx = -2UL,
                                        .gpfn = -2UL };

    for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
        struct sched_poll poll = { .nr_ports = counts[i], .timeout = 1 };
        struct xen_memory_map map = { .nr_entries = counts[i] };

        set_xen_guest_handle_raw(poll.ports, (evtchn_port_t *)page);
        set_xen_guest_handle_raw(map.buffer, (void *)WINDOW_AT(0));
        evil_expect(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll) < 0,
                    "poll of too many ports", counts[i]);
        evil_try(run,
                 &(struct run){ __HYPERVISOR_memory_op, XENMEM_memory_map, (uint64_t)&map, 0 });
    }
    evil_try(run,
             &(struct run){ __HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uint64_t)&range, 0 });
    range.idx = range.gpfn = 1UL << 40;
    evil_try(run,
             &(struct run){ __HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uint64_t)&range, 0 });
}

/* --- over one another --- */

/* Uses the structure as its own array: count, order and domain are also frame numbers. */
static void reservation_of_itself(unsigned op)
{
    static uint64_t spare;
    struct xen_memory_reservation *r = (void *)page;

    if (!spare)
        spare = (uint64_t)mem_page();
    *r = (struct xen_memory_reservation){ .nr_extents = spare >> PAGE_SHIFT, .domid = DOMID_SELF };
    set_xen_guest_handle_raw(r->extent_start, (xen_pfn_t *)(page + 8));
    evil_try(run, &(struct run){ __HYPERVISOR_memory_op, op, page, 0 });
}

/*
 * Uses one array for indexes, frame numbers and errors. shared_info moves around, and is restored.
 */
static void arrays_over_one_another(void)
{
    struct xen_add_to_physmap_batch *batch = (void *)page;
    uint64_t hole = mem_hole(PAGE_SIZE / 8) >> PAGE_SHIFT;
    struct gnttab_copy *copy = (void *)page;

    for (unsigned shift = 0; shift < 64; shift += 4) {
        for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
            ((uint64_t *)page)[i] = i % 2 ? hole + i : 0;
        *batch = (struct xen_add_to_physmap_batch){ .domid = DOMID_SELF,
                                                    .space = XENMAPSPACE_shared_info,
                                                    .size = 0xffff };
        window_alias(page);
        set_xen_guest_handle_raw(batch->idxs, (xen_ulong_t *)(ALIASES + shift));
        set_xen_guest_handle_raw(batch->gpfns, (xen_pfn_t *)(ALIASES + 8));
        set_xen_guest_handle_raw(batch->errs, (int *)(ALIASES + shift / 2));
        evil_try(run,
                 &(struct run){ __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, page, 0 });
        evtchn_repair_shared();
    }
    window_alias(0);
    reservation_of_itself(XENMEM_decrease_reservation);
    reservation_of_itself(XENMEM_populate_physmap);
    /* copies that overwrite their own array */
    for (unsigned offset = 0; offset < 128; offset += 4) {
        for (unsigned i = 0; i < 8; i++)
            copy[i] = (struct gnttab_copy){
                .source = { .u.gmfn = page >> PAGE_SHIFT, .domid = DOMID_SELF, .offset = offset },
                .dest = { .u.gmfn = page >> PAGE_SHIFT,
                          .domid = DOMID_SELF,
                          .offset = 128 - offset },
                .len = 2048,
            };
        evil_try(run, &(struct run){ __HYPERVISOR_grant_table_op, GNTTABOP_copy, page, 8 });
    }
}

static void multicalls_in_themselves(void)
{
    struct multicall_entry *calls = (void *)page;

    for (unsigned at = 0; at < 8; at++) {
        for (unsigned i = 0; i < 32; i++)
            calls[i] = (struct multicall_entry){
                __HYPERVISOR_xen_version,
                0,
                { XENVER_compile_info, page + i * sizeof(*calls) + at * 16 },
            };
        calls[at].op = __HYPERVISOR_multicall;
        calls[at].args[0] = page;
        calls[at].args[1] = 32;
        evil_try(run, &(struct run){ __HYPERVISOR_multicall, page, 32, 0 });
    }
}

void evil_counts(void)
{
    page = (uint64_t)mem_page();
    counts_of_arrays();
    counts_of_extents();
    other_counts();
    arrays_over_one_another();
    multicalls_in_themselves();
    arrays_without_an_end();
}

/* --- the chapter "endless" --- */

static void __attribute__((noreturn)) never_back(void)
{
    const struct array_call *call = &endless_calls[vcpu_this()->id ? 0 : 1];

    for (;;)
        hypercall(call->nr, call->a, call->b, call->c, 0, 0);
}

void evil_endless(void)
{
    page = (uint64_t)mem_page();
    memset((void *)page, 0xff, PAGE_SIZE);
    window_alias(page);
    printf("evil: endless\n");
    if (smp_count() > 1)
        smp_start(1, never_back);
    never_back();
}
