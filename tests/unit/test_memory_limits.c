/* SPDX-License-Identifier: MIT */
/*
 * hypercall/memory*.c at its limits: current and maximum sizes; populate-on-demand and its target;
 * empty operations; no memory for a map.
 */
#include "harness.h"
#include "mm/alloc.h"
#include "mm/heap.h"
#include "mm/p2m.h"
#include "public/cleave.h"
#include "vdev/pvclock.h"

#include <string.h>

void pvclock_update_wallclock(struct domain *d) {}

#define DOM0_BASE 0x1000000ull
#define ARG 0x800
#define LIST 0x1000
#define LIMIT 300u

static struct domain *control, *guest;

static int setup(void **state)
{
    harness_setup(state);
    control = harness_domain(0, 1024);
    guest = harness_domain(1, LIMIT);
    harness_populate(control, DOM0_BASE >> PAGE_SHIFT, 64);
    harness_populate(guest, 0, 16);
    return 0;
}

static uint8_t *at(struct domain *d, uint64_t offset)
{
    return harness_guest(d, (d == control ? DOM0_BASE : 0) + offset);
}

static long memory_op(struct domain *caller, unsigned int op, const void *arg, size_t size)
{
    memcpy(at(caller, ARG), arg, size);
    return harness_hypercall(hypercall_memory_op, caller->vcpu[0], op,
                             (caller == control ? DOM0_BASE : 0) + ARG, 0, NULL);
}

/* Populates one extent at gfn of the guest. */
static long populate(struct domain *caller, uint64_t gfn, unsigned int order, unsigned int flags)
{
    struct xen_memory_reservation r = { .domid = caller == guest ? DOMID_SELF : guest->id,
                                        .nr_extents = 1,
                                        .extent_order = order,
                                        .mem_flags = flags };

    *(uint64_t *)&r.extent_start = (caller == control ? DOM0_BASE : 0) + LIST;
    memcpy(at(caller, LIST), &gfn, sizeof(gfn));
    return memory_op(caller, XENMEM_populate_physmap, &r, sizeof(r));
}

static void numbers(void **state)
{
    struct xen_memory_domain who = { .domid = DOMID_SELF };
    struct xen_pod_target pod = {
        .domid = 1, .target_pages = LIMIT, .pod_cache_pages = 5, .pod_entries = 6
    };

    (void)state;
    assert_int_equal(memory_op(guest, XENMEM_current_reservation, &who, sizeof(who)), 16);
    assert_int_equal(memory_op(guest, XENMEM_maximum_reservation, &who, sizeof(who)), LIMIT);
    assert_int_equal(memory_op(guest, XENMEM_maximum_gpfn, &who, sizeof(who)), 15);
    assert_int_equal(memory_op(guest, XENMEM_maximum_ram_page, &who, 0), (64 << 8) - 1);
    assert_int_equal(memory_op(guest, XENMEM_set_pod_target, &pod, sizeof(pod)), -EPERM);
    assert_int_equal(memory_op(control, XENMEM_set_pod_target, &pod, sizeof(pod)), 0);
    memcpy(&pod, at(control, ARG), sizeof(pod));
    assert_int_equal(pod.tot_pages, 16);
    assert_int_equal(pod.pod_cache_pages + pod.pod_entries, 0);
    pod.target_pages = LIMIT + 1;
    assert_int_equal(memory_op(control, XENMEM_set_pod_target, &pod, sizeof(pod)), -EINVAL);
    assert_int_equal(memory_op(control, XENMEM_get_pod_target, &pod, sizeof(pod)), 0);
}

static struct xen_pod_target target_of(uint64_t set)
{
    struct xen_pod_target pod = { .domid = 1, .target_pages = set };

    assert_int_equal(memory_op(control, set ? XENMEM_set_pod_target : XENMEM_get_pod_target, &pod,
                               sizeof(pod)),
                     0);
    memcpy(&pod, at(control, ARG), sizeof(pod));
    return pod;
}

/* What dom0 populates on demand is absent, and promised up to the target. */
static void on_demand_is_absent(void **state)
{
    struct xen_pod_target pod;

    (void)state;
    assert_int_equal(populate(control, 512, 9, 0), 0);                        /* beyond the limit */
    assert_int_equal(populate(guest, 512, 9, XENMEMF_populate_on_demand), 0); /* not by itself */
    assert_int_equal(populate(control, 15, 0, XENMEMF_populate_on_demand), 0); /* it is there */
    assert_int_equal(populate(control, 512, 9, XENMEMF_populate_on_demand), 1);
    assert_int_equal(populate(control, 512, 9, XENMEMF_populate_on_demand), 1); /* again */
    pod = target_of(0);
    assert_int_equal(pod.tot_pages, 16);
    assert_int_equal(pod.pod_cache_pages, 0);
    assert_int_equal(pod.pod_entries, 512);
    pod = target_of(200);
    assert_int_equal(pod.tot_pages, 200);
    assert_int_equal(pod.pod_cache_pages, 184);
    assert_int_equal(pod.pod_entries, 512);
    assert_int_equal(guest->page_budget, 200 + CLEAVE_MEMORY_SLACK);
    assert_int_equal(guest->min_pages, 200);
    assert_int_equal(populate(guest, 600, 0, 0), 1); /* an absent one: owed to it now */
    assert_int_equal(target_of(0).pod_entries, 512);
    assert_int_equal(target_of(0).tot_pages, 200);
    assert_int_equal(guest->owed, 1);
    assert_int_equal(target_of(100).pod_cache_pages, 84);
    guest->max_pages = 1 << 20;
    pod.target_pages = 1 << 19; /* more than is free */
    assert_int_equal(memory_op(control, XENMEM_set_pod_target, &pod, sizeof(pod)), -ENOMEM);
    assert_int_equal(target_of(0).pod_cache_pages, 84);
    harness_check_memory();
}

/* A target promises nothing to a domain that is owed its absent pages, but limits it. */
static void a_target_limits(void **state)
{
    (void)state;
    assert_int_equal(target_of(100).pod_cache_pages, 0);
    assert_int_equal(guest->page_budget, 100 + CLEAVE_MEMORY_SLACK);
    assert_int_equal(populate(guest, 100, 0, 0), 1);
    /* nor for pages that it is owed: what the guest gives back, others may have */
    guest->max_pages = 1 << 20;
    assert_int_equal(populate(control, 512, 9, 0), 1);
    assert_int_equal(target_of(200).pod_cache_pages, 513);
    assert_int_equal(guest->min_pages, 0);
    harness_check_memory();
}

static void nothing_is_done_for_nothing(void **state)
{
    struct xen_add_to_physmap_batch batch = { .domid = DOMID_SELF,
                                              .space = XENMAPSPACE_grant_table };
    struct xen_memory_reservation r = { .domid = DOMID_SELF };

    (void)state;
    assert_int_equal(memory_op(guest, XENMEM_add_to_physmap_batch, &batch, sizeof(batch)), 0);
    assert_int_equal(memory_op(guest, XENMEM_populate_physmap, &r, sizeof(r)), 0);
    assert_int_equal(memory_op(guest, XENMEM_decrease_reservation, &r, sizeof(r)), 0);
    assert_int_equal(guest->tot_pages, 16);
}

/* The old map stays. */
static void no_memory_for_a_map(void **state)
{
    struct xen_foreign_memory_map set = { .domid = guest->id, .map.nr_entries = 2 };

    (void)state;
    *(uint64_t *)&set.map.buffer = DOM0_BASE + LIST;
    memset(at(control, LIST), 0x42, 40);
    assert_int_equal(memory_op(control, XENMEM_set_memory_map, &set, sizeof(set)), 0);
    set.map.nr_entries = 5;
    harness_fail_alloc(1);
    assert_int_equal(memory_op(control, XENMEM_set_memory_map, &set, sizeof(set)), -ENOMEM);
    harness_fail_alloc(0);
    assert_int_equal(guest->memory_map_entries, 2);
    assert_int_equal(guest->memory_map[1].type, 0x42424242);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers, setup),
        cmocka_unit_test_setup(on_demand_is_absent, setup),
        cmocka_unit_test_setup(a_target_limits, setup),
        cmocka_unit_test_setup(nothing_is_done_for_nothing, setup),
        cmocka_unit_test_setup(no_memory_for_a_map, setup),
    };

    return cmocka_run_group_tests_name("memory_limits", tests, NULL, NULL);
}
