/* SPDX-License-Identifier: MIT */
/*
 * Which function acquires which lock. A missing lock shows in a race only now and then. Here, each
 * function that reads shared state is checked every time: memory, ports, grants.
 */
#include "harness.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define GFN_FREE 0x100u

struct domain *dom0;
static struct domain *guest;

void vcpu_event_upcall(struct vcpu *v) {}
bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what) { return true; }
struct domain *domain_get_next(domid_t first) { return first <= 1 ? domain_get(first) : NULL; }

static int setup(void **state)
{
    harness_setup(state);
    dom0 = harness_whole_domain(0, 4);
    guest = harness_whole_domain(1, 4);
    harness_populate(dom0, HARNESS_DOM0 >> PAGE_SHIFT, 4);
    harness_populate(guest, 0, 4);
    harness_quiet = true;
    return 0;
}

static void frames(void **state)
{
    struct alloc_info info;
    mfn_t m = MFN_NONE;

    assert_takes(LOCK_MEM, 1, m = alloc_core(0));
    assert_takes(LOCK_MEM, 1, alloc_free(m, 0));
    assert_takes(LOCK_MEM, 1, assert_true(alloc_prepare(0)));
    assert_takes(LOCK_MEM, 1, assert_int_equal(alloc_recount(guest, 0), 0));
    assert_takes(LOCK_MEM, 1, assert_int_equal(alloc_claim(guest, 8), 0));
    assert_takes(LOCK_MEM, 1, assert_int_equal(alloc_set_memory(guest, 8, 16), 0));
    assert_takes(LOCK_MEM, 1, assert_true(alloc_has_room(guest)));
    assert_takes(LOCK_MEM, 1, alloc_info(&info));
    assert_takes(LOCK_MEM, 2, assert_int_equal(alloc_check(), 0)); /* to sum up, and to compare */
    assert_takes(LOCK_MEM, 1, assert_int_equal(alloc_check_domain(guest), 0));
    assert_takes(LOCK_P2M, 1, assert_int_equal(alloc_check_domain(guest), 0));
}

static void objects(void **state)
{
    void *first = NULL, *second = NULL;

    /* no free object, a new slab, an object from it */
    assert_takes(LOCK_HEAP, 3, first = heap_alloc(2000));
    assert_takes(LOCK_HEAP, 1, second = heap_alloc(2000));
    assert_takes(LOCK_HEAP, 1, heap_free(second));
    assert_takes(LOCK_HEAP, 1, heap_free(first));
}

static void guest_memory(void **state)
{
    uint64_t word = 0;
    uint32_t fault;
    mfn_t m;
    gpa_t gpa;

    assert_takes(LOCK_P2M, 1, p2m_lookup(guest, GFN(0), NULL, NULL));
    assert_takes(LOCK_P2M, 1, assert_int_equal(p2m_get_frame(guest, GFN(0), 1u << P2M_RAM, &m), 0));
    frame_put(m);
    m = alloc_core(0);
    assert_takes(LOCK_P2M, 1,
                 assert_int_equal(p2m_set(guest, GFN(GFN_FREE), m, ORDER_4K, P2M_XENPAGE), 0));
    assert_takes(LOCK_P2M, 1, assert_int_equal(p2m_remove(guest, GFN(GFN_FREE)), 0));
    assert_takes(LOCK_P2M, 1, assert_int_equal(p2m_populate(guest, GFN(GFN_FREE), ORDER_4K), 0));
    assert_takes(LOCK_P2M, 1, assert_int_equal(p2m_check(guest), 0));
    assert_takes(LOCK_P2M, 2,
                 assert_int_equal(guest_read_physical(guest, &word, PAGE_SIZE - 4, 8), 0));
    assert_takes(LOCK_P2M, 1,
                 assert_int_equal(guest_walk(guest, &harness_paging, 0, 0, &gpa, &fault), 0));
    /* a page that dom0 gave back, and wants again */
    assert_int_equal(p2m_remove(dom0, GFN(HARNESS_DOM0 >> PAGE_SHIFT)), 0);
    assert_takes(LOCK_P2M, 1,
                 assert_int_equal(p2m_populate(dom0, GFN(HARNESS_DOM0 >> PAGE_SHIFT), 0), 0));
}

static void ports(void **state)
{
    struct evtchn_status status = { 0 };
    uint32_t port = 0, theirs = 0, ipi = 0, virq = 0;

    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_alloc_unbound(guest, 0, &theirs), 0));
    assert_takes(LOCK_EVTCHN, 2,
                 assert_int_equal(evtchn_bind_interdomain(dom0, 1, theirs, &port), 0));
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_bind_ipi(guest, 0, &ipi), 0));
    assert_takes(LOCK_EVTCHN, 1,
                 assert_int_equal(evtchn_bind_virq(guest, VIRQ_TIMER, 0, &virq), 0));
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_bind_vcpu(guest, theirs, 0), 0));
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_send(guest, ipi), 0));
    assert_takes(LOCK_EVTCHN, 2, assert_int_equal(evtchn_send(guest, theirs), 0));
    assert_takes(LOCK_EVTCHN, 1, evtchn_raise_virq(guest->vcpu[0], VIRQ_TIMER));
    assert_takes(LOCK_EVTCHN, 1, evtchn_vcpu_info_moved(guest->vcpu[0]));
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_is_pending(guest, ipi), 1));
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_unmask(guest, ipi), 0));
    status.port = ipi;
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_status_of(guest, &status), 0));
    assert_takes(LOCK_EVTCHN, 1, evtchn_dump(guest));
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_check(guest), 0));
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_close_port(guest, ipi), 0));
    assert_takes(LOCK_BIND, 1, assert_int_equal(evtchn_close_port(guest, theirs), 0));
    assert_takes(LOCK_BIND, 1,
                 assert_int_equal(evtchn_bind_interdomain(guest, 0, port, &theirs), 0));
}

static void ports_that_queue(void **state)
{
    struct evtchn_init_control control = { .control_gfn = 1 };
    uint32_t port = 0;

    assert_int_equal(evtchn_bind_ipi(guest, 0, &port), 0);
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_fifo_init_control(guest, &control), 0));
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_fifo_expand_array(guest, 2), 0));
    assert_takes(LOCK_EVTCHN, 1, assert_int_equal(evtchn_fifo_set_priority(guest, port, 3), 0));
    /* for the port, and at the end */
    assert_takes(LOCK_EVTCHN, 2, assert_int_equal(evtchn_reset_all(guest), 0));
}

static void grants(void **state)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = (uint64_t)GFN_FREE << PAGE_SHIFT, .ref = 8, .dom = 1, .flags = GNTMAP_host_map
    };
    struct gnttab_copy copy = { .source = { .u.ref = 8, .domid = 1 },
                                .len = 64,
                                .flags = GNTCOPY_source_gref,
                                .dest = { .u.gmfn = (HARNESS_DOM0 >> PAGE_SHIFT) + 1,
                                          .domid = DOMID_SELF } };
    struct gnttab_unmap_grant_ref unmap = { .host_addr = map.host_addr };
    struct grant_unmap batch;
    mfn_t m = MFN_NONE;

    ((grant_entry_v1_t *)guest->grant.shared[0])[8] =
        (grant_entry_v1_t){ .flags = GTF_permit_access, .domid = 0, .frame = 3 };
    assert_takes(LOCK_GRANT, 1, m = grant_shared_frame(guest, 1));
    frame_put(m);
    /* acquires the use, and releases it */
    assert_takes(LOCK_GRANT, 2, assert_int_equal(grant_copy(dom0, &copy), GNTST_okay));
    /* a handle, the use, publishing the mapping */
    assert_takes(LOCK_GRANT, 3, assert_int_equal(grant_map(dom0, &map), GNTST_okay));
    assert_takes(LOCK_GRANT, 2, grant_dump(dom0)); /* its handles, its entries */
    map.ref = 9;
    map.host_addr += PAGE_SIZE;
    /* a handle, the refused use, freeing the handle */
    assert_takes(LOCK_GRANT, 3, assert_int_equal(grant_map(dom0, &map), GNTST_general_error));
    assert_takes(LOCK_GRANT, 1, grant_dump(guest)); /* no handles to count */
    /* its uses, and dom0's mappings */
    assert_takes(LOCK_GRANT, 2, assert_int_equal(grant_check(guest), 0));
    unmap.handle = 0;
    grant_unmap_init(&batch, dom0);
    assert_takes(LOCK_GRANT, 1, assert_int_equal(grant_unmap_add(&batch, &unmap), GNTST_okay));
    assert_takes(LOCK_GRANT, 2, grant_unmap_finish(&batch)); /* the use, the handle */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames, setup),           cmocka_unit_test_setup(objects, setup),
        cmocka_unit_test_setup(guest_memory, setup),     cmocka_unit_test_setup(ports, setup),
        cmocka_unit_test_setup(ports_that_queue, setup), cmocka_unit_test_setup(grants, setup),
    };

    return cmocka_run_group_tests_name("locks", tests, NULL, NULL);
}
