/* SPDX-License-Identifier: MIT */
/*
 * hypercall/memory*.c: each operation as the guest or dom0 calls it, with boundary values,
 * nonsense, continuations and failing allocations.
 */
#include "harness.h"
#include "directmap.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "vdev/pvclock.h"

#include <string.h>

void pvclock_update_wallclock(struct domain *d) {}

/*
 * Both have RAM with the argument structure at ARG and arrays at LIST (guest physical, without
 * paging).
 */
#define DOM0_BASE 0x1000000ull
#define ARG 0x800
#define LIST 0x1000
#define LIST2 0x3000
#define ERRS 0x5000

static struct domain *dom0_, *dom;
static uint64_t base; /* of the caller */
static struct vcpu *caller;
static unsigned int restarts;

static void call_as(struct domain *d)
{
    caller = d->vcpu[0];
    base = d->is_dom0 ? DOM0_BASE : 0;
}

static int setup(void **state)
{
    harness_setup(state);
    dom0_ = harness_domain(0, 1024);
    dom = harness_domain(1, 2048);
    harness_populate(dom0_, DOM0_BASE >> PAGE_SHIFT, 1024);
    harness_populate(dom, 0, 64);
    dom->shared_info_mfn = alloc_core(0);
    dom0_->shared_info_mfn = alloc_core(0);
    call_as(dom);
    return 0;
}

static void *at(uint64_t offset) { return harness_guest(caller->d, base + offset); }

static long call(uint64_t op, gva_t arg)
{
    return harness_hypercall(hypercall_memory_op, caller, op, arg, 0, &restarts);
}

static long memory_op(unsigned int op, const void *arg, size_t size)
{
    memcpy(at(ARG), arg, size);
    return call(op, base + ARG);
}

static enum p2m_type type_at(struct domain *d, uint64_t gfn)
{
    enum p2m_type type;

    p2m_lookup(d, GFN(gfn), &type, NULL);
    return type;
}

static uint64_t mfn_at(struct domain *d, uint64_t gfn)
{
    return p2m_lookup(d, GFN(gfn), NULL, NULL).n;
}

static uint64_t free_frames(void)
{
    struct alloc_info info;

    alloc_info(&info);
    return info.free;
}

/* n extents: first, first + step ... */
static long reservation(unsigned int op, domid_t id, uint64_t first, uint64_t step, uint64_t n,
                        unsigned int order)
{
    struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = id };

    *(uint64_t *)&r.extent_start = base + LIST;
    for (uint64_t i = 0; i < MIN(n, 1024); i++)
        *(xen_pfn_t *)at(LIST + i * 8) = first + i * step;
    return memory_op(op, &r, sizeof(r));
}

/* Its frames, and those that it is promised for pages that it has not touched. */
static uint64_t held(void) { return dom->tot_pages + dom->owed; }

static void populate_and_decrease(void **state)
{
    uint64_t free = free_frames();

    (void)state;
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 1000, 1, 300, 0), 300);
    assert_int_equal(held(), 364);
    assert_int_equal(reservation(XENMEM_populate_physmap, 1, 512 * 8, 512, 2, 9), 2);
    assert_int_equal(held(), 364 + 1024);
    assert_int_equal(dom->tot_pages, 64); /* until they are touched */
    assert_int_equal(dom->claimed, 300 + 1024);
    harness_check_memory();
    assert_int_equal(harness_flushes, 0);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 1000, 1, 300, 0), 300);
    assert_in_range(harness_flushes, 1, 10);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 512 * 8, 512, 2, 9), 0);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 512 * 8, 1, 1024, 0),
                     1024);
    assert_int_equal(held(), 64);
    assert_int_equal(free_frames(), free);
    harness_check_memory();
}

static void long_ones_continue(void **state)
{
    (void)state;
    harness_preempt_every = 3;
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 1000, 1, 300, 0), 300);
    assert_in_range(restarts, 98, 102);
    assert_int_equal(held(), 364);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 1000, 1, 300, 0), 300);
    assert_in_range(restarts, 98, 102);
    assert_int_equal(held(), 64);
    /* a builder's with frames, 8 pieces of scrubbing each */
    harness_preempt_every = 1;
    call_as(dom0_);
    assert_int_equal(reservation(XENMEM_populate_physmap, 1, 512, 256, 2, 8), 2);
    assert_in_range(restarts, 14, 18);
    assert_int_equal(held(), 64 + 512);
    assert_int_equal(dom->tot_pages, 64 + 512);
    harness_check_memory();
}

static void reservations_end_at_the_first_obstacle(void **state)
{
    struct xen_memory_reservation r = { .nr_extents = 3, .domid = DOMID_SELF };

    (void)state;
    /* already populated */
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 60, -1, 1, 0), 0);
    /* 66 65 64; 63 is populated */
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 66, -1, 5, 0), 3);
    /* 67 is a hole */
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 64, 1, 5, 0), 3);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, ~0ull, 1, 1, 0), 0);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 1ull << 40, 1, 1, 9), 0);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 1ull << 36, 1, 1, 0), 0);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 512, 512, 3, 9), 3);
    /* max_pages */
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 4096, 512, 3, 9), 0);
    assert_int_equal(held(), 64 + 3 * 512);
    /* not aligned, too large, too many, none */
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, (1 << 18) + 1, 1, 1, 1), 0);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 1 << 18, 1, 1, 10), 0);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 1 << 18, 1, 1, 18), 0);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 1 << 18, 1, 1, ~0u), 0);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 1 << 18, 1, 1, ~0u), 0);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 5000, 1, 1ull << 26, 0), 0);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 5000, 1, ~0ull, 0), 0);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 5000, 1, 0, 0), 0);
    /* the list is unmapped */
    *(uint64_t *)&r.extent_start = 0x7777777000;
    assert_int_equal(memory_op(XENMEM_populate_physmap, &r, sizeof(r)), 0);
    assert_int_equal(call(XENMEM_populate_physmap, 0x7777777000), -EFAULT);
    /* a start beyond the end */
    assert_int_equal(call(XENMEM_populate_physmap | 5 << 6, base + ARG), 5);
    assert_int_equal(held(), 64 + 3 * 512);
    harness_check_memory();
}

/*
 * A list is read in batches, with the same effect: up to the end of memory, and widened from 32
 * bits.
 */
static void lists_are_read_to_their_ends(void **state)
{
    static const uint64_t wide[] = { 1000, 1001, 1002 };
    static const uint32_t narrow[] = { 1003, 1004, 1005 }, small[] = { LIST, 3, 0, 0, DOMID_SELF };
    struct xen_memory_reservation r = { .nr_extents = 5, .domid = DOMID_SELF };
    struct hypercall compat = { .v = dom->vcpu[0],
                                .compat = true,
                                .arg = { XENMEM_populate_physmap, ARG } };

    (void)state;
    for (unsigned int i = 2; i <= 3; i++) { /* with two, half a word is also readable */
        *(uint64_t *)&r.extent_start = 64 * PAGE_SIZE - 8 * 2 - 4 * (i - 1);
        memcpy(at(*(uint64_t *)&r.extent_start), wide, i * 8);
        assert_int_equal(memory_op(XENMEM_populate_physmap, &r, sizeof(r)), i);
        assert_int_equal(memory_op(XENMEM_decrease_reservation, &r, sizeof(r)), i);
    }
    memcpy(at(ARG), small, sizeof(small));
    memcpy(at(LIST), narrow, sizeof(narrow));
    assert_int_equal(hypercall_memory_op(&compat), 3);
    assert_true(type_at(dom, 1003) == P2M_ABSENT && type_at(dom, 1005) == P2M_ABSENT);
}

static void decrease_takes_ram_only(void **state)
{
    mfn_t core = alloc_core(0);

    (void)state;
    assert_int_equal(p2m_set(dom, GFN(100), core, 0, P2M_XENPAGE), 0);
    assert_int_equal(p2m_set(dom, GFN(101), MFN(0x90000), 0, P2M_MMIO), 0);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 100, 1, 1, 0), 0);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 101, 1, 1, 0), 0);
    assert_int_equal(type_at(dom, 100), P2M_XENPAGE);
    /* single pages out of a large one */
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 512, 1, 1, 9), 1);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, 600, 1, 3, 0), 3);
    assert_int_equal(held(), 64 + 512 - 3);
    harness_check_memory();
}

static void only_dom0_names_others(void **state)
{
    struct xen_memory_domain who = { .domid = 0 };

    (void)state;
    assert_int_equal(reservation(XENMEM_populate_physmap, 0, 1000, 1, 1, 0), -EPERM);
    assert_int_equal(reservation(XENMEM_decrease_reservation, 0, 1000, 1, 1, 0), -EPERM);
    assert_int_equal(reservation(XENMEM_populate_physmap, 7, 1000, 1, 1, 0), -EPERM);
    assert_int_equal(reservation(XENMEM_claim_pages, DOMID_SELF, 0, 0, 1, 0), -EPERM);
    assert_int_equal(memory_op(XENMEM_current_reservation, &who, sizeof(who)), -EPERM);
    call_as(dom0_);
    assert_int_equal(reservation(XENMEM_populate_physmap, 7, 1000, 1, 1, 0), -ESRCH);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_IDLE, 1000, 1, 1, 0), -ESRCH);
    assert_int_equal(reservation(XENMEM_populate_physmap, 1, 1000, 1, 10, 0), 10);
    assert_int_equal(dom->refs, 2); /* its own, and that of its pages */
    /* a builder's pages and large extents are absent, but promised */
    assert_int_equal(reservation(XENMEM_populate_physmap, 1, 512 * 8, 512, 2, 9), 2);
    assert_int_equal(type_at(dom, 1005), P2M_ABSENT);
    assert_int_equal(dom->tot_pages, 64);
    assert_int_equal(dom->claimed, 10 + 1024);
    who.domid = 1;
    assert_int_equal(memory_op(XENMEM_current_reservation, &who, sizeof(who)), 74 + 1024);
    harness_check_memory();
}

static void dom0_balloons_in_place(void **state)
{
    uint64_t gfn = (DOM0_BASE >> PAGE_SHIFT) + 500, free = free_frames();

    (void)state;
    call_as(dom0_);
    assert_int_equal(reservation(XENMEM_decrease_reservation, DOMID_SELF, gfn, 1, 100, 0), 100);
    assert_int_equal(dom0_->p2m.parked, 100);
    assert_int_equal(free_frames(), free);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, gfn, 1, 100, 0), 100);
    assert_int_equal(mfn_at(dom0_, gfn + 50), gfn + 50);
    assert_int_equal(reservation(XENMEM_populate_physmap, DOMID_SELF, 9000, 1, 1, 0), 0);
    harness_check_memory();
}

static void claims(void **state)
{
    struct xen_memory_reservation r = { .nr_extents = 1000, .domid = 1 };
    struct alloc_info info;

    (void)state;
    call_as(dom0_);
    assert_int_equal(memory_op(XENMEM_claim_pages, &r, sizeof(r)), 0);
    alloc_info(&info);
    assert_int_equal(info.claimed, 1000 - 64);
    r.extent_order = 1;
    assert_int_equal(memory_op(XENMEM_claim_pages, &r, sizeof(r)), -EINVAL);
    r.extent_order = 0;
    r.mem_flags = 1;
    assert_int_equal(memory_op(XENMEM_claim_pages, &r, sizeof(r)), -EINVAL);
    r.mem_flags = 0;
    *(uint64_t *)&r.extent_start = 8;
    assert_int_equal(memory_op(XENMEM_claim_pages, &r, sizeof(r)), -EINVAL);
    *(uint64_t *)&r.extent_start = 0;
    r.nr_extents = 2049;
    assert_int_equal(memory_op(XENMEM_claim_pages, &r, sizeof(r)), -EINVAL);
    dom->max_pages = 1 << 20;
    r.nr_extents = 1 << 20;
    assert_int_equal(memory_op(XENMEM_claim_pages, &r, sizeof(r)), -ENOMEM);
    assert_int_equal(dom->claimed, 1000 - 64);
    r.nr_extents = 0;
    assert_int_equal(memory_op(XENMEM_claim_pages, &r, sizeof(r)), 0);
    assert_int_equal(dom->claimed, 0);
    dom->dying = DOMAIN_DYING;
    r.nr_extents = 100;
    assert_int_equal(memory_op(XENMEM_claim_pages, &r, sizeof(r)), -EINVAL);
    dom->dying = DOMAIN_ALIVE;
}

static void refused_on_purpose(void **state)
{
    static const unsigned int refused[] = {
        XENMEM_exchange,
        XENMEM_increase_reservation,
        XENMEM_machphys_mfn_list,
        XENMEM_machphys_mapping,
        XENMEM_paging_op,
        XENMEM_access_op,
        XENMEM_sharing_op,
        XENMEM_machphys_compat_mfn_list,
        8,
        XENMEM_get_sharing_freed_pages,
        XENMEM_get_sharing_shared_pages, /* always zero, as tools read it */
        XENMEM_machine_memory_map,
        XENMEM_reserved_device_memory_map,
    };
    uint8_t nothing[64] = { 0 };
    struct hypercall compat = { .v = dom0_->vcpu[0],
                                .compat = true,
                                .arg = { XENMEM_claim_pages } };

    (void)state;
    call_as(dom0_);
    for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++)
        assert_int_equal(memory_op(refused[i], nothing, sizeof(nothing)), -ENOSYS);
    for (unsigned int op = 29; op < 64; op++)
        assert_int_equal(memory_op(op, nothing, sizeof(nothing)), -ENOSYS);
    assert_int_equal(memory_op(XENMEM_get_vnumainfo, nothing, sizeof(nothing)), -EOPNOTSUPP);
    assert_int_equal(hypercall_memory_op(&compat), -ENOSYS);
}

static long physmap(domid_t id, unsigned int space, uint64_t index, uint64_t gpfn, uint16_t size)
{
    struct xen_add_to_physmap a = {
        .domid = id, .space = space, .idx = index, .gpfn = gpfn, .size = size
    };

    return memory_op(XENMEM_add_to_physmap, &a, sizeof(a));
}

static void shared_info_takes_the_place_of_ram(void **state)
{
    uint64_t free = free_frames();

    (void)state;
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_shared_info, 0, 16, 0), 0);
    assert_int_equal(type_at(dom, 16), P2M_XENPAGE);
    assert_int_equal(mfn_at(dom, 16), dom->shared_info_mfn.n);
    assert_int_equal(dom->tot_pages, 63);
    assert_int_equal(free_frames(), free + 1);
    assert_int_equal(mfn_to_frame(dom->shared_info_mfn)->count, 2);
    /* again at the same place, then at another: only one place at a time */
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_shared_info, 0, 16, 0), 0);
    assert_int_equal(mfn_to_frame(dom->shared_info_mfn)->count, 2);
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_shared_info, 0, 100, 0), 0);
    assert_int_equal(type_at(dom, 16), P2M_HOLE);
    assert_int_equal(type_at(dom, 100), P2M_XENPAGE);
    assert_int_equal(mfn_to_frame(dom->shared_info_mfn)->count, 2);
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_shared_info, 1, 100, 0), -EINVAL);
    assert_int_equal(physmap(0, XENMAPSPACE_shared_info, 0, 100, 0), -EPERM);
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_gmfn_foreign, 0, 100, 0), -EOPNOTSUPP);
    assert_int_equal(physmap(DOMID_SELF, 77, 0, 100, 0), -EOPNOTSUPP);
    /* RAM cannot be moved */
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_gmfn, 30, 100, 0), -EOPNOTSUPP);
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_shared_info, 0, ~0ull, 0), -EINVAL);
    harness_fail_alloc(1);
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_shared_info, 0, 1 << 20, 0), -ENOMEM);
    harness_fail_alloc(0);
    assert_int_equal(type_at(dom, 100), P2M_XENPAGE); /* its old place */
    harness_check_memory();
    /* only the core's own reference is left */
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_shared_info, 0, 20, 0), 0);
    harness_kill(dom);
    assert_int_equal(mfn_to_frame(dom->shared_info_mfn)->count, 1);
    harness_check_memory();
}

static void grant_frames(unsigned int n)
{
    static void *frames[40];

    dom->grant.max_frames = MAX(n, 8);
    dom->grant.frames = n;
    dom->grant.shared = frames;
    for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++)
        frames[i] = i < n ? mfn_to_virt(alloc_core(0)) : NULL;
}

static void grant_table_is_mapped_by_index(void **state)
{
    (void)state;
    grant_frames(3);
    for (int i = 2; i >= 0; i--)
        assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_grant_table, i, 0x100 + i, 0), 0);
    for (int i = 2; i >= 0; i--)
        assert_int_equal(mfn_at(dom, 0x100 + i), virt_to_mfn(dom->grant.shared[i]).n);
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_grant_table, 3, 0x103, 0), -EINVAL);
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_grant_table, 1ull << 32, 0x103, 0), -EINVAL);
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status,
                             0x103, 0),
                     -EINVAL);
    assert_int_equal(mfn_to_frame(virt_to_mfn(dom->grant.shared[0]))->count, 2);
    harness_check_memory();
}

/* Grows frame by frame, preemptible after each; frames allocated only on the way are not kept. */
static void a_grant_table_grows_to_an_index(void **state)
{
    (void)state;
    grant_frames(6);
    dom->grant.frames = 1;
    harness_preempt_every = 2;
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_grant_table, 5, 0x105, 0), 0);
    assert_int_equal(restarts, 2);
    assert_int_equal(dom->grant.frames, 6);
    for (unsigned int i = 0; i < 6; i++)
        assert_int_equal(mfn_to_frame(virt_to_mfn(dom->grant.shared[i]))->count, i == 5 ? 2 : 1);
    harness_check_memory();
}

/* Maps n pages of domain `id` from `theirs` on, at gpfn on. */
static long foreign(domid_t id, uint64_t theirs, uint64_t gpfn, uint16_t n)
{
    struct xen_add_to_physmap_batch a = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = n, .u.foreign_domid = id
    };

    *(uint64_t *)&a.idxs = base + LIST;
    *(uint64_t *)&a.gpfns = base + LIST2;
    *(uint64_t *)&a.errs = base + ERRS;
    for (unsigned int i = 0; i < n; i++) {
        *(xen_ulong_t *)at(LIST + i * 8) = theirs + i;
        *(xen_pfn_t *)at(LIST2 + i * 8) = gpfn + i;
        *(int *)at(ERRS + i * 4) = 99;
    }
    return memory_op(XENMEM_add_to_physmap_batch, &a, sizeof(a));
}

static int error_of(unsigned int i) { return *(int *)at(ERRS + i * 4); }

static void foreign_pages_come_with_errors_each(void **state)
{
    (void)state;
    assert_int_equal(p2m_set(dom, GFN(65), MFN(0), 0, P2M_ABSENT), 0);
    assert_int_equal(physmap(DOMID_SELF, XENMAPSPACE_shared_info, 0, 66, 0), 0);
    uint64_t limit = dom->max_pages;
    dom->max_pages = dom->tot_pages; /* nothing can be filled now */
    call_as(dom0_);
    harness_preempt_every = 1;
    assert_int_equal(foreign(1, 0, 0xc0000, 68), 0);
    assert_int_equal(restarts, 67);
    for (unsigned int i = 0; i < 64; i++) {
        assert_int_equal(error_of(i), 0);
        assert_int_equal(type_at(dom0_, 0xc0000 + i), P2M_FOREIGN);
        assert_int_equal(mfn_at(dom0_, 0xc0000 + i), mfn_at(dom, i));
    }
    assert_int_equal(error_of(64), -EINVAL); /* a hole */
    assert_int_equal(error_of(65), -ENOENT); /* absent */
    assert_int_equal(error_of(66), -EINVAL); /* not its RAM */
    assert_int_equal(error_of(67), -EINVAL);
    assert_int_equal(type_at(dom0_, 0xc0040), P2M_HOLE);
    harness_check_memory();
    dom->controller_pauses = 1; /* while it is built, nobody else could give it memory */
    assert_int_equal(foreign(1, 65, 0xc0041, 1), 0);
    assert_int_equal(error_of(0), -ENOMEM);
    dom->max_pages = limit;
    assert_int_equal(foreign(1, 65, 0xc0041, 1), 0);
    assert_int_equal(error_of(0), 0);
    assert_int_equal(mfn_at(dom0_, 0xc0041), mfn_at(dom, 65));
    harness_check_memory();
    assert_int_equal(p2m_remove(dom0_, GFN(0xc0041)), 0);
    /* mapped again at the same place; over dom0's own RAM, which is parked */
    assert_int_equal(foreign(1, 5, 0xc0000, 1), 0);
    assert_int_equal(mfn_at(dom0_, 0xc0000), mfn_at(dom, 5));
    assert_int_equal(foreign(1, 5, (DOM0_BASE >> PAGE_SHIFT) + 100, 1), 0);
    assert_int_equal(dom0_->p2m.parked, 1);
    assert_int_equal(mfn_to_frame(MFN(mfn_at(dom, 5)))->count, 4);
    assert_int_equal(foreign(1, 5, 1ull << 36, 1), 0);
    assert_int_equal(error_of(0), -EINVAL);
    assert_int_equal(mfn_to_frame(MFN(mfn_at(dom, 5)))->count, 4);
    harness_check_memory();
    /* the guest dies; dom0 unmaps; nothing is left */
    harness_kill(dom);
    for (unsigned int i = 0; i < 64; i++)
        assert_int_equal(p2m_remove(dom0_, GFN(0xc0000 + i)), 0);
    assert_int_equal(p2m_remove(dom0_, GFN((DOM0_BASE >> PAGE_SHIFT) + 100)), 0);
    assert_int_equal(dom->tot_pages, 0);
    assert_int_equal(dom->refs, 0);
    harness_check_memory();
}

static void foreign_pages_are_dom0s_business(void **state)
{
    struct xen_add_to_physmap_batch a;

    (void)state;
    assert_int_equal(foreign(0, DOM0_BASE >> PAGE_SHIFT, 0x100, 1), -EPERM);
    assert_int_equal(foreign(1, 5, 0x100, 1), -EPERM);
    call_as(dom0_);
    assert_int_equal(foreign(9, 5, 0xc0000, 1), -ESRCH);
    assert_int_equal(foreign(0, DOM0_BASE >> PAGE_SHIFT, 0xc0000, 1), 0);
    assert_int_equal(error_of(0), -EINVAL); /* itself */
    a = (struct xen_add_to_physmap_batch){ .domid = DOMID_SELF,
                                           .space = XENMAPSPACE_grant_table,
                                           .u.res0 = 1 };
    assert_int_equal(memory_op(XENMEM_add_to_physmap_batch, &a, sizeof(a)), -EINVAL);
    a = (struct xen_add_to_physmap_batch){
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = 1
    };
    *(uint64_t *)&a.idxs = 0x7777777000;
    assert_int_equal(memory_op(XENMEM_add_to_physmap_batch, &a, sizeof(a)), -EFAULT);
    assert_int_equal(dom->refs, 2);
    harness_check_memory();
}

static void failed_maps_leave_no_reference(void **state)
{
    (void)state;
    call_as(dom0_);
    for (unsigned int n = 1; n <= 3; n++) {
        harness_fail_alloc(n); /* three levels of tables are missing */
        assert_int_equal(foreign(1, 5, 1ull << 34, 1), 0);
        assert_true(harness_alloc_has_failed());
        assert_int_equal(error_of(0), -ENOMEM);
        assert_int_equal(mfn_to_frame(MFN(mfn_at(dom, 5)))->count, 1);
        harness_fail_alloc(0);
        harness_check_memory();
    }
}

static void pages_are_removed(void **state)
{
    struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = 5 };

    (void)state;
    assert_int_equal(memory_op(XENMEM_remove_from_physmap, &r, sizeof(r)), 0);
    assert_int_equal(memory_op(XENMEM_remove_from_physmap, &r, sizeof(r)), -ENOENT);
    r.gpfn = ~0ull;
    assert_int_equal(memory_op(XENMEM_remove_from_physmap, &r, sizeof(r)), -ENOENT);
    r.domid = 0;
    assert_int_equal(memory_op(XENMEM_remove_from_physmap, &r, sizeof(r)), -EPERM);
    assert_int_equal(dom->tot_pages, 63);
    harness_check_memory();
}

static long acquire(domid_t id, unsigned int type, uint64_t frame, uint32_t n, uint64_t list)
{
    struct xen_mem_acquire_resource r = {
        .domid = id, .type = type, .frame = frame, .nr_frames = n
    };

    *(uint64_t *)&r.frame_list = list;
    return memory_op(XENMEM_acquire_resource, &r, sizeof(r));
}

static void grant_tables_are_resources(void **state)
{
    struct xen_mem_acquire_resource r;

    (void)state;
    grant_frames(3);
    assert_int_equal(acquire(0, XENMEM_resource_grant_table, 0, 1, base + LIST), -EPERM);
    call_as(dom0_);
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, 0, 0), 0);
    memcpy(&r, at(ARG), sizeof(r));
    assert_int_equal(r.nr_frames, 8);
    for (unsigned int i = 0; i < 4; i++)
        *(xen_pfn_t *)at(LIST + i * 8) = 0xc0100 + i;
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 1, 2, base + LIST), 0);
    assert_int_equal(mfn_at(dom0_, 0xc0101), virt_to_mfn(dom->grant.shared[2]).n);
    assert_int_equal(type_at(dom0_, 0xc0101), P2M_FOREIGN);
    /* beyond its end: all or none */
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 1, 3, base + LIST), -EINVAL);
    assert_int_equal(type_at(dom0_, 0xc0100), P2M_HOLE);
    assert_int_equal(mfn_to_frame(virt_to_mfn(dom->grant.shared[1]))->count, 1);
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, 9, base + LIST), -EINVAL);
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, ~0ull, 2, base + LIST), -EINVAL);
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, ~0u, base + LIST), -EINVAL);
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, 0, base + LIST), -EINVAL);
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, 1, 0x7777777000), -EFAULT);
    assert_int_equal(acquire(1, XENMEM_resource_ioreq_server, 0, 1, base + LIST), -EOPNOTSUPP);
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 1ull << 32, 1, base + LIST), -EINVAL);
    dom0_->grant = dom->grant;
    assert_int_equal(acquire(0, XENMEM_resource_grant_table, 0, 1, base + LIST), -EINVAL);
    assert_int_equal(acquire(9, XENMEM_resource_grant_table, 0, 1, base + LIST), -ESRCH);
    harness_check_memory();
    /* the guest's table goes away while dom0 has it mapped */
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, 1, base + LIST), 0);
    for (unsigned int i = 0; i < 3; i++)
        alloc_free(virt_to_mfn(dom->grant.shared[i]), 0);
    assert_int_equal(mfn_to_frame(virt_to_mfn(dom->grant.shared[0]))->state, FRAME_CORE);
    harness_check_memory();
    assert_int_equal(p2m_remove(dom0_, GFN(0xc0100)), 0);
    assert_int_equal(mfn_to_frame(virt_to_mfn(dom->grant.shared[0]))->state, FRAME_FREE);
    harness_check_memory();
}

/* A list too long for one execution continues in the middle; whatever stops it, all or none. */
static void large_resources_go_on(void **state)
{
    (void)state;
    grant_frames(40);
    call_as(dom0_);
    for (unsigned int i = 0; i < 40; i++)
        *(xen_pfn_t *)at(LIST + i * 8) = 0xc0100 + i * 3;
    harness_preempt_every = 3;
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, 40, base + LIST), 0);
    assert_in_range(restarts, 10, 40);
    for (unsigned int i = 0; i < 40; i++)
        assert_int_equal(mfn_at(dom0_, 0xc0100 + i * 3), virt_to_mfn(dom->grant.shared[i]).n);
    harness_check_memory();
    /* the addresses are in use by the same frames: they are replaced */
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, 40, base + LIST), 0);
    assert_int_equal(mfn_to_frame(virt_to_mfn(dom->grant.shared[39]))->count, 2);
    /* the last address is invalid: none is left */
    *(xen_pfn_t *)at(LIST + 39 * 8) = ~0ull;
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, 40, base + LIST), -EINVAL);
    for (unsigned int i = 0; i < 39; i++)
        assert_int_equal(type_at(dom0_, 0xc0100 + i * 3), P2M_HOLE);
    assert_int_equal(mfn_to_frame(virt_to_mfn(dom->grant.shared[5]))->count, 1);
    /* the list ends at the end of dom0's memory */
    assert_int_equal(acquire(1, XENMEM_resource_grant_table, 0, 40,
                             base + (1024 << PAGE_SHIFT) - 10 * 8),
                     -EFAULT);
    harness_preempt_every = 0;
    harness_check_memory();
}

static void memory_maps(void **state)
{
    struct xen_foreign_memory_map set = { .domid = 1, .map.nr_entries = 5 };
    struct xen_memory_map get = { .nr_entries = 128 };

    (void)state;
    *(uint64_t *)&get.buffer = base + LIST;
    assert_int_equal(memory_op(XENMEM_memory_map, &get, sizeof(get)), -ENOSYS);
    assert_int_equal(memory_op(XENMEM_set_memory_map, &set, sizeof(set)), -EPERM);

    call_as(dom0_);
    *(uint64_t *)&set.map.buffer = base + LIST;
    memset(at(LIST), 0x42, 100);
    assert_int_equal(memory_op(XENMEM_set_memory_map, &set, sizeof(set)), 0);
    set.map.nr_entries = 0;
    assert_int_equal(memory_op(XENMEM_set_memory_map, &set, sizeof(set)), -EINVAL);
    set.map.nr_entries = 129;
    assert_int_equal(memory_op(XENMEM_set_memory_map, &set, sizeof(set)), -EINVAL);
    set.map.nr_entries = ~0u;
    assert_int_equal(memory_op(XENMEM_set_memory_map, &set, sizeof(set)), -EINVAL);
    set.map.nr_entries = 128;
    assert_int_equal(memory_op(XENMEM_set_memory_map, &set, sizeof(set)), 0);
    set.map.nr_entries = 3;
    assert_int_equal(memory_op(XENMEM_set_memory_map, &set, sizeof(set)), 0);
    *(uint64_t *)&set.map.buffer = 0x7777777000;
    assert_int_equal(memory_op(XENMEM_set_memory_map, &set, sizeof(set)), -EFAULT);
    set.domid = 0;
    assert_int_equal(memory_op(XENMEM_set_memory_map, &set, sizeof(set)), -EINVAL);
    assert_int_equal(dom->memory_map_entries, 3);
    assert_int_equal(heap_used(), 64); /* the old ones are gone */

    call_as(dom);
    assert_int_equal(memory_op(XENMEM_memory_map, &get, sizeof(get)), 0);
    memcpy(&get, at(ARG), sizeof(get));
    assert_int_equal(get.nr_entries, 3);
    assert_int_equal(*(uint32_t *)at(LIST + 56), 0x42424242);
    assert_int_equal(*(uint32_t *)at(LIST + 60), 0);
    get.nr_entries = 1;
    assert_int_equal(memory_op(XENMEM_memory_map, &get, sizeof(get)), 0);
    assert_int_equal(((struct xen_memory_map *)at(ARG))->nr_entries, 1);
    get.nr_entries = 10;
    *(uint64_t *)&get.buffer = 0x7777777000;
    assert_int_equal(memory_op(XENMEM_memory_map, &get, sizeof(get)), -EFAULT);
}

/* Random calls from both: no crash, and the counters still agree. */
static void nonsense_is_survived(void **state)
{
    uint32_t seed = 2;

    (void)state;
    grant_frames(3);
    harness_quiet = true;
    harness_preempt_every = 5;
    for (unsigned int round = 0; round < 30000; round++) {
        uint32_t arg[16];

        call_as(round % 2 ? dom : dom0_);
        for (unsigned int i = 0; i < 16; i++) {
            seed = seed * 1664525 + 1013904223;
            arg[i] = seed;
            if (seed >> 24 < 100)
                arg[i] = (seed >> 8) % 70;
            else if (seed >> 24 < 220)
                arg[i] = seed >> 24 < 180 ? 0 : base + LIST;
        }
        /* arg[0] is a domain or a pointer; most values pass the first check */
        if (seed >> 12 & 1)
            arg[0] = round % 3 == 0 ? DOMID_SELF : base + LIST;
        if (type_at(caller->d, base >> PAGE_SHIFT) != P2M_RAM) {
            (void)p2m_remove(caller->d, GFN(base >> PAGE_SHIFT));
            if (p2m_populate(caller->d, GFN(base >> PAGE_SHIFT), 0))
                continue;
        }
        (void)memory_op((seed >> 16) % 30, arg, sizeof(arg));
        if (round % 500 == 0)
            harness_check_memory();
    }
    harness_check_memory();
    harness_kill(dom);
    harness_check_memory();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(populate_and_decrease, setup),
        cmocka_unit_test_setup(long_ones_continue, setup),
        cmocka_unit_test_setup(reservations_end_at_the_first_obstacle, setup),
        cmocka_unit_test_setup(lists_are_read_to_their_ends, setup),
        cmocka_unit_test_setup(decrease_takes_ram_only, setup),
        cmocka_unit_test_setup(only_dom0_names_others, setup),
        cmocka_unit_test_setup(dom0_balloons_in_place, setup),
        cmocka_unit_test_setup(claims, setup),
        cmocka_unit_test_setup(refused_on_purpose, setup),
        cmocka_unit_test_setup(shared_info_takes_the_place_of_ram, setup),
        cmocka_unit_test_setup(grant_table_is_mapped_by_index, setup),
        cmocka_unit_test_setup(a_grant_table_grows_to_an_index, setup),
        cmocka_unit_test_setup(foreign_pages_come_with_errors_each, setup),
        cmocka_unit_test_setup(foreign_pages_are_dom0s_business, setup),
        cmocka_unit_test_setup(failed_maps_leave_no_reference, setup),
        cmocka_unit_test_setup(pages_are_removed, setup),
        cmocka_unit_test_setup(memory_maps, setup),
        cmocka_unit_test_setup(grant_tables_are_resources, setup),
        cmocka_unit_test_setup(large_resources_go_on, setup),
        cmocka_unit_test_setup(nonsense_is_survived, setup),
    };

    return cmocka_run_group_tests_name("memory_op", tests, NULL, NULL);
}
