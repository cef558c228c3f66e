/* SPDX-License-Identifier: MIT */
/*
 * Paged pages (mm/p2m_page.c, hypercall/page_op.c): what leaves, that nothing is lost, that nobody
 * reads a page that is not there, and who waits for it.
 */
#include "harness.h"
#include "wait_model.h"
#include "core/vcpu_memory.h"
#include "cpu/softirq.h"
#include "directmap.h"
#include "guest/fault.h"
#include "hypercall/page_op.h"
#include "mm/alloc.h"
#include "mm/p2m_internal.h"
#include "percpu.h"
#include "public/cleave.h"
#include "vdev/pvclock.h"

#include <string.h>
#include <xen/memory.h>

#define REGION 512u
#define DOM0_BASE 0x1000u
#define BUF(n) (((gva_t)DOM0_BASE + (n)) << PAGE_SHIFT) /* page n of dom0's memory */
#define NOWHERE 0x70000000ull

static struct domain *d, *control;
static int pauses;

/* --- core/ --- */

struct domain *domain_get_next(domid_t first)
{
    if (first > d->id)
        return NULL;
    domain_ref(d);
    return d;
}

void domain_pause_sync(struct domain *paused)
{
    assert_ptr_equal(paused, d);
    pauses++;
}
void domain_unpause(struct domain *paused) { pauses--; }

void pvclock_update_wallclock(struct domain *any) {}

/* --- the operations, by dom0 --- */

static void *at(gva_t va) { return harness_guest(control, va); }

static long run(operation_fn *fn, struct cleave_op *op)
{
    struct hypercall hc = { .v = control->vcpu[0] };
    long rc;

    do
        rc = fn(&hc, d, op);
    while (rc == -ERESTART);
    assert_int_equal(pauses, 0);
    return rc;
}

static long find(bool paged, uint64_t *gfn)
{
    struct cleave_op op = { .u.page_find = {
                                .domain = 1, .paged = paged, .gfn = *gfn, .contents = BUF(1) } };
    long rc = run(page_op_find, &op);

    *gfn = op.u.page_find.gfn;
    return rc;
}

static long evict_from(uint64_t gfn, gva_t contents)
{
    struct cleave_op op = { .u.page = { .domain = 1, .gfn = gfn, .contents = contents } };

    return run(page_op_evict, &op);
}

static long fill_from(uint64_t gfn, gva_t contents)
{
    struct cleave_op op = { .u.page = { .domain = 1, .gfn = gfn, .contents = contents } };

    return run(page_op_fill, &op);
}

static enum p2m_type type_at(uint64_t gfn)
{
    enum p2m_type type;

    (void)p2m_lookup(d, GFN(gfn), &type, NULL);
    return type;
}

static uint64_t *word_at(uint64_t gfn) { return harness_guest(d, gfn << PAGE_SHIFT); }

/* Takes a page out; its contents are in dom0's page 1. */
static void page_out(uint64_t gfn)
{
    memcpy(at(BUF(1)), word_at(gfn), PAGE_SIZE);
    assert_int_equal(evict_from(gfn, BUF(1)), 0);
    assert_int_equal(type_at(gfn), P2M_PAGED);
}

/* dom0, and a domain with 1,024 pages, each with its number. */
static int setup(void **state)
{
    harness_setup(state);
    told = 0;
    pauses = 0;
    control = harness_domain(0, 1 << 20);
    harness_populate(control, DOM0_BASE, 16);
    d = harness_domain(1, 1 << 20);
    assert_int_equal(p2m_populate(d, GFN(0), ORDER_2M), 0);
    assert_int_equal(p2m_populate(d, GFN(REGION), ORDER_2M), 0);
    for (uint64_t gfn = 0; gfn < 2 * REGION; gfn++)
        word_at(gfn)[1] = gfn + 1;
    cpus[0].softirq = 0;
    cpus[0].vcpu = NULL;
    return 0;
}

/* --- out and in --- */

static void what_was_taken_comes_back(void **state)
{
    uint64_t gfn = 3, paged = 0, tot = d->tot_pages;

    (void)state;
    for (; gfn < 2 * REGION; gfn += 100) {
        assert_int_equal(find(false, &gfn), 0);
        assert_int_equal(((uint64_t *)at(BUF(1)))[1], gfn + 1);
        assert_int_equal(evict_from(gfn, BUF(1)), 0);
        memcpy(at(BUF(2)), at(BUF(1)), PAGE_SIZE);
        paged++;
        assert_int_equal(d->tot_pages, tot - paged);
        assert_int_equal(d->p2m.pages[P2M_PAGED], paged);
    }
    harness_check_memory();
    for (gfn = 0; find(true, &gfn) == 0; gfn++) {
        assert_int_equal(gfn % 100, 3);
        memset(at(BUF(3)), 0, PAGE_SIZE);
        ((uint64_t *)at(BUF(3)))[1] = gfn + 1;
        assert_int_equal(fill_from(gfn, BUF(3)), 0);
        assert_int_equal(fill_from(gfn, BUF(4)), -ENOENT); /* once */
        paged--;
    }
    assert_int_equal(paged, 0);
    assert_int_equal(d->tot_pages, tot);
    for (gfn = 0; gfn < 2 * REGION; gfn++)
        assert_int_equal(word_at(gfn)[1], gfn + 1);
    harness_check_memory();
}

static void a_page_that_changed_stays(void **state)
{
    uint64_t gfn = 5;
    mfn_t mfn;

    (void)state;
    assert_int_equal(find(false, &gfn), 0);
    assert_int_equal(gfn, 5);
    word_at(5)[511] = 9;
    assert_int_equal(evict_from(5, BUF(1)), -EAGAIN);
    assert_int_equal(type_at(5), P2M_RAM);
    assert_int_equal(word_at(5)[511], 9);
    assert_int_equal(find(false, &gfn), 0);
    /* somebody has mapped it, and could write to it at any time */
    assert_int_equal(p2m_get_frame(d, GFN(5), 1u << P2M_RAM, &mfn), 0);
    assert_int_equal(evict_from(5, BUF(1)), -EAGAIN);
    gfn = 5;
    assert_int_equal(find(false, &gfn), 0);
    assert_int_equal(gfn, 6);
    frame_put(mfn);
    harness_check_memory();
}

/* A look at a page clears its bit, so that the next one sees whether it was used since. */
static void pages_in_use_are_passed_over(void **state)
{
    uint64_t *path[TOP_LEVEL + 1], gfn = 0;

    (void)state;
    (void)p2m_walk(&d->p2m, GFN(REGION), path);
    *path[1] |= NPT_A;
    gfn = REGION;
    assert_int_equal(find(false, &gfn), -ENOENT);
    gfn = REGION;
    assert_int_equal(find(false, &gfn), 0);
    assert_int_equal(gfn, REGION);
    (void)p2m_walk(&d->p2m, GFN(REGION + 1), path);
    *path[0] |= NPT_A | NPT_D;
    gfn++;
    assert_int_equal(find(false, &gfn), 0);
    assert_int_equal(gfn, REGION + 2);
    harness_check_memory();
}

static void hostile_arguments_change_nothing(void **state)
{
    static const uint64_t nowhere[] = { 2 * REGION, 1 << 20, 1ull << 36, 1ull << 52, ~0ull };
    struct cleave_op op = { .u.page = {
                                .domain = 1, .pad = { 0, 1 }, .gfn = 1, .contents = BUF(1) } };
    uint64_t changes, gfn = 0, free;
    struct alloc_info info;

    (void)state;
    page_out(7);
    changes = d->p2m.changes;
    alloc_info(&info);
    free = info.free;
    assert_int_equal(run(page_op_evict, &op), -EINVAL);
    assert_int_equal(run(page_op_fill, &op), -EINVAL);
    op.u.page_find = (struct cleave_page_find){ .domain = 1, .paged = 2, .contents = BUF(1) };
    assert_int_equal(run(page_op_find, &op), -EINVAL);
    op.u.page_find = (struct cleave_page_find){ .domain = 1, .pad = 1, .contents = BUF(1) };
    assert_int_equal(run(page_op_find, &op), -EINVAL);
    for (unsigned int i = 0; i < ARRAY_SIZE(nowhere); i++) {
        assert_int_equal(evict_from(nowhere[i], BUF(1)), -EINVAL);
        assert_int_equal(fill_from(nowhere[i], BUF(1)), -ENOENT);
        gfn = nowhere[i];
        assert_int_equal(find(false, &gfn), -ENOENT);
        gfn = nowhere[i];
        assert_int_equal(find(true, &gfn), -ENOENT);
    }
    assert_int_equal(evict_from(7, BUF(1)), -EINVAL); /* twice */
    assert_int_equal(evict_from(8, NOWHERE), -EFAULT);
    assert_int_equal(evict_from(8, ~0ull - 100), -EFAULT);
    assert_int_equal(evict_from(8, BUF(15) + 1), -EFAULT); /* its end is not there */
    assert_int_equal(fill_from(7, NOWHERE), -EFAULT);
    assert_int_equal(fill_from(8, BUF(1)), -ENOENT);
    assert_int_equal(d->p2m.changes, changes);
    op.u.page_find = (struct cleave_page_find){ .domain = 1, .gfn = 9, .contents = NOWHERE };
    assert_int_equal(run(page_op_find, &op), -EFAULT);
    alloc_info(&info);
    assert_int_equal(info.free, free);
    harness_check_memory();
    /* a misaligned buffer is a buffer */
    memcpy((uint8_t *)at(BUF(2)) + 8, word_at(8), PAGE_SIZE - 8);
    memcpy(at(BUF(3)), (uint8_t *)word_at(8) + PAGE_SIZE - 8, 8);
    assert_int_equal(evict_from(8, BUF(2) + 8), 0);
}

static void without_memory_a_page_stays_away(void **state)
{
    (void)state;
    page_out(7);
    harness_fail_alloc(1);
    memcpy(at(BUF(2)), word_at(8), PAGE_SIZE);
    assert_int_equal(evict_from(8, BUF(2)), -ENOMEM);
    harness_fail_alloc(1);
    assert_int_equal(fill_from(7, BUF(1)), -ENOMEM);
    harness_fail_alloc(0);
    assert_int_equal(alloc_set_memory(d, 0, d->tot_pages), 0);
    d->page_ceiling = d->tot_pages;
    assert_int_equal(fill_from(7, BUF(1)), -ENOMEM);
    assert_int_equal(type_at(7), P2M_PAGED);
    assert_int_equal(evict_from(8, BUF(2)), 0);
    assert_int_equal(fill_from(7, BUF(1)), 0);
    harness_check_memory();
}

/* --- nobody sees a page that is not there --- */

static void a_paged_page_cannot_be_read_or_written(void **state)
{
    struct guest_paging paging = { .cr0 = 0x80000000u, .cr3 = 7 << PAGE_SHIFT };
    uint64_t gfns[P2M_ASKED], word = 99;
    struct guest_pin pin;
    uint32_t fault;
    gpa_t gpa;
    mfn_t mfn;

    (void)state;
    assert_int_equal(guest_read_physical(d, &word, (7 << PAGE_SHIFT) + 8, 8), 0); /* cached */
    assert_int_equal(word, 8);
    page_out(7);
    word = 99;
    assert_int_equal(guest_read_physical(d, &word, (7 << PAGE_SHIFT) + 8, 8), -ERESTART);
    assert_int_equal(word, 99);
    assert_int_equal(this_cpu()->paged.n, 7);
    assert_int_equal(guest_write_physical(d, (7 << PAGE_SHIFT) - 4, &word, 8), -ERESTART);
    assert_int_equal(guest_walk(d, &paging, 0x1000, 0, &gpa, &fault), -ERESTART);
    assert_int_equal(guest_pin(d, GFN(7), &pin), -ERESTART);
    assert_null(pin.va);
    assert_int_equal(p2m_page_asked(d, gfns), 1);
    assert_int_equal(p2m_get_frame(d, GFN(7), P2M_RAM_TYPES, &mfn), -ENOENT);
    assert_int_equal(p2m_get_frame(d, GFN(7), P2M_FRAME_TYPES, &mfn), -ENOENT);
    assert_int_equal(p2m_get_frame(d, GFN(7), 1u << P2M_FOREIGN, &mfn), -EINVAL);
    assert_int_equal(p2m_page_asked(d, gfns), 1);
    assert_int_equal(gfns[0], 7);
    assert_int_equal(p2m_page_asked(d, gfns), 0);
    /* contents are not replaced by zeroes */
    assert_int_equal(p2m_populate(d, GFN(7), 0), -EEXIST);
    assert_int_equal(p2m_set(d, GFN(7), MFN(0), 0, P2M_ABSENT), -EEXIST);
    assert_int_equal(p2m_populate(d, GFN(0), ORDER_2M), -EEXIST);
    assert_int_equal(p2m_fill(d, GFN(7)), 0);
    assert_int_equal(type_at(7), P2M_PAGED);
    harness_check_memory();
}

static long memory_op(unsigned int cmd, const void *arg, size_t size)
{
    memcpy(harness_guest(d, 600 << PAGE_SHIFT), arg, size);
    return harness_hypercall(hypercall_memory_op, d->vcpu[0], cmd, 600 << PAGE_SHIFT, 0, NULL);
}

/* A guest that gives a page away gives up its contents, too. */
static void a_paged_page_goes_to_the_balloon(void **state)
{
    struct xen_memory_reservation r = { .nr_extents = 3, .domid = DOMID_SELF };

    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        ((uint64_t *)harness_guest(d, 601 << PAGE_SHIFT))[i] = 6 + i;
    page_out(7);
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)(601ul << PAGE_SHIFT));
    assert_int_equal(memory_op(XENMEM_decrease_reservation, &r, sizeof(r)), 3);
    assert_int_equal(type_at(7), P2M_HOLE);
    assert_int_equal(fill_from(7, BUF(1)), -ENOENT);
    assert_int_equal(memory_op(XENMEM_populate_physmap, &r, sizeof(r)), 3);
    assert_int_equal(type_at(7), P2M_ABSENT);
    assert_int_equal(d->p2m.pages[P2M_PAGED], 0);
    assert_int_equal(p2m_fill(d, GFN(7)), 0);
    assert_int_equal(p2m_fill(d, GFN(8)), 0);
    assert_int_equal(word_at(7)[1], 0);
    page_out(9);
    assert_int_equal(p2m_remove(d, GFN(9)), 0);
    page_out(10);
    harness_check_memory();
    harness_kill(d);
    harness_check_memory();
}

/* Its arguments are paged: nothing is done twice, or not at all. */
static void a_hypercall_waits_for_its_arguments(void **state)
{
    struct xen_memory_reservation r = { .nr_extents = 20, .domid = DOMID_SELF };
    struct hypercall hc = { .v = d->vcpu[0],
                            .arg = { XENMEM_decrease_reservation, 600ull << PAGE_SHIFT } };
    uint64_t list = (602ull << PAGE_SHIFT) - 10 * 8;

    (void)state;
    for (uint64_t i = 0; i < 20; i++) {
        uint64_t gfn = 20 + i;

        assert_int_equal(guest_write_physical(d, list + i * 8, &gfn, 8), 0);
    }
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)list);
    memcpy(harness_guest(d, 600 << PAGE_SHIFT), &r, sizeof(r));
    page_out(602);
    assert_int_equal(hypercall_memory_op(&hc), -ERESTART);
    assert_int_equal(this_cpu()->paged.n, 602);
    assert_int_equal(type_at(29), P2M_HOLE);
    assert_int_equal(type_at(30), P2M_RAM);
    assert_int_equal(hypercall_memory_op(&hc), -ERESTART);
    assert_int_equal(fill_from(602, BUF(1)), 0);
    assert_int_equal(hypercall_memory_op(&hc), 20);
    assert_int_equal(type_at(39), P2M_HOLE);
    page_out(600);
    hc.arg[0] = XENMEM_decrease_reservation;
    assert_int_equal(hypercall_memory_op(&hc), -ERESTART);
    harness_check_memory();
}

/* --- waiting --- */

static void a_vcpu_waits_for_its_page(void **state)
{
    struct vcpu *v = d->vcpu[0];
    uint64_t gfns[12];

    (void)state;
    page_out(7);
    assert_int_equal(vcpu_memory_wanted(d, gfns, 12), 0);
    assert_int_equal(fault_resolve(v, (7 << PAGE_SHIFT) + 3, false, true), 0);
    assert_int_equal(v->wait, WAIT_PAGE);
    assert_true(v->exit_again);
    assert_int_equal(told, 1);
    vcpu_memory_softirq();
    assert_int_equal(v->wait, WAIT_PAGE);
    assert_int_equal(vcpu_memory_waiting(d, WAIT_PAGE), 1);
    assert_int_equal(vcpu_memory_waiting(d, WAIT_MEMORY), 0);
    assert_int_equal(vcpu_memory_wanted(d, gfns, 12), 1);
    assert_int_equal(gfns[0], 7);
    cpus[0].softirq = 0;
    assert_int_equal(fill_from(7, BUF(1)), 0);
    assert_true(cpus[0].softirq & 1u << SOFTIRQ_MEMORY);
    vcpu_memory_softirq();
    assert_int_equal(v->wait, WAIT_NONE);
    /* it came back in the meantime */
    vcpu_memory_wait_page(v, GFN(7));
    assert_int_equal(v->wait, WAIT_NONE);
    /* another vcpu gives it to the balloon: the access finds a hole */
    page_out(7);
    vcpu_memory_wait_page(v, GFN(7));
    assert_int_equal(v->wait, WAIT_PAGE);
    cpus[0].softirq = 0;
    assert_int_equal(p2m_remove(d, GFN(7)), 0);
    assert_true(cpus[0].softirq & 1u << SOFTIRQ_MEMORY);
    vcpu_memory_softirq();
    assert_int_equal(v->wait, WAIT_NONE);
}

/* dom0 hears of those who do not wait, too, once until it has asked. */
static void others_ask(void **state)
{
    uint64_t gfns[12];
    mfn_t mfn;

    (void)state;
    for (uint64_t gfn = 20; gfn < 20 + P2M_ASKED + 2; gfn++) {
        page_out(gfn);
        cpus[0].softirq = 0;
        assert_int_equal(p2m_get_frame(d, GFN(gfn), 1u << P2M_RAM, &mfn), -ENOENT);
        assert_true(cpus[0].softirq & 1u << SOFTIRQ_MEMORY);
        vcpu_memory_softirq();
    }
    assert_int_equal(told, 1);
    vcpu_memory_wait_page(d->vcpu[0], GFN(29));
    assert_int_equal(vcpu_memory_wanted(d, gfns, 12), P2M_ASKED + 1);
    assert_int_equal(gfns[0], 20);
    assert_int_equal(gfns[P2M_ASKED], 29);
    assert_int_equal(vcpu_memory_wanted(d, gfns, 12), 1);
    assert_int_equal(p2m_get_frame(d, GFN(28), 1u << P2M_RAM, &mfn), -ENOENT);
    vcpu_memory_softirq();
    assert_int_equal(told, 2);
}

#define PAGE_TEST(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAGE_TEST(what_was_taken_comes_back),
        PAGE_TEST(a_page_that_changed_stays),
        PAGE_TEST(pages_in_use_are_passed_over),
        PAGE_TEST(hostile_arguments_change_nothing),
        PAGE_TEST(without_memory_a_page_stays_away),
        PAGE_TEST(a_paged_page_cannot_be_read_or_written),
        PAGE_TEST(a_paged_page_goes_to_the_balloon),
        PAGE_TEST(a_hypercall_waits_for_its_arguments),
        PAGE_TEST(a_vcpu_waits_for_its_page),
        PAGE_TEST(others_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
