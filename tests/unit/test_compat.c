/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of 32-bit kernels: the same operations on smaller structures, whose arrays have 32-bit
 * words. (The layouts are checked in test_guest.c and layout32.c.)
 */
#include "harness.h"
#include "mm/alloc.h"
#include "mm/heap.h"
#include "vdev/pvclock.h"

void pvclock_update_wallclock(struct domain *d) {}

#define ARG 0x800u
#define LIST 0x1000u
#define LIST2 0x3000u
#define ERRS 0x5000u

static struct domain *dom;

/* core/domain.c */
struct domain *domain_get_next(domid_t first) { return NULL; }

static int setup(void **state)
{
    harness_setup(state);
    dom = harness_domain(1, 2048);
    harness_populate(dom, 0, 64);
    dom->shared_info_mfn = alloc_core(0);
    assert_int_equal(grant_init(dom, -1, -1), 0);
    return 0;
}

static int teardown(void **state)
{
    while (grant_free(dom) == -ERESTART)
        ;
    harness_check_memory();
    return 0;
}

static void *at(uint64_t gpa) { return harness_guest(dom, gpa); }

static enum p2m_type type_at(uint64_t gfn)
{
    enum p2m_type type;

    p2m_lookup(dom, GFN(gfn), &type, NULL);
    return type;
}

/* (op, structure, number of structures) */
static long call(hypercall_fn *fn, unsigned int op, const void *arg, size_t size, unsigned int n)
{
    struct hypercall hc = { .v = dom->vcpu[0], .compat = true, .arg = { op, ARG, n } };

    memcpy(at(ARG), arg, size);
    return fn(&hc);
}

#define MEMORY_OP(op, arg) call(hypercall_memory_op, (op), &(arg), sizeof(arg), 0)

static void populate_and_decrease(void **state)
{
    struct {
        uint32_t list, extents, order, flags;
        domid_t domid;
    } r = { LIST, 3, 0, 0, DOMID_SELF };
    uint32_t *list = at(LIST);

    for (unsigned int i = 0; i < 4; i++)
        list[i] = 0x101 + i;
    assert_int_equal(MEMORY_OP(XENMEM_populate_physmap, r), 3);
    assert_int_equal(dom->tot_pages + dom->owed, 67);
    assert_int_equal(type_at(0x103), P2M_ABSENT);
    assert_int_equal(type_at(0x104), P2M_HOLE);
    assert_int_equal(MEMORY_OP(XENMEM_current_reservation, r.domid), 67);
    assert_int_equal(MEMORY_OP(XENMEM_decrease_reservation, r), 3);
    assert_int_equal(dom->tot_pages + dom->owed, 64);
}

static void physmap(void **state)
{
    struct {
        domid_t domid;
        uint16_t size;
        uint32_t space, idx, gpfn;
    } add = { DOMID_SELF, 0, XENMAPSPACE_shared_info, 0, 0x200 };
    struct {
        domid_t domid;
        uint16_t space, size, zero;
        uint32_t idxs, gpfns, errs;
    } batch = { DOMID_SELF, XENMAPSPACE_shared_info, 2, 0, LIST2, LIST, ERRS };
    struct {
        domid_t domid;
        uint32_t gpfn;
    } remove = { DOMID_SELF, 0x200 };
    uint32_t *list = at(LIST), *list2 = at(LIST2);
    int *errs = at(ERRS);

    assert_int_equal(MEMORY_OP(XENMEM_add_to_physmap, add), 0);
    assert_int_equal(type_at(0x200), P2M_XENPAGE);
    assert_true(dom->compat);
    assert_int_equal(MEMORY_OP(XENMEM_remove_from_physmap, remove), 0);
    assert_int_equal(type_at(0x200), P2M_HOLE);

    list2[0] = 0;
    list[0] = 0x180;
    list2[1] = 1; /* no such page */
    list[1] = 0x181;
    assert_int_equal(MEMORY_OP(XENMEM_add_to_physmap_batch, batch), 0);
    assert_int_equal(errs[0], 0);
    assert_int_equal(errs[1], -EINVAL);
    assert_int_equal(type_at(0x180), P2M_XENPAGE);
    assert_int_equal(type_at(0x181), P2M_HOLE);
}

static void memory_map(void **state)
{
    struct {
        uint32_t entries, buffer;
    } map = { 9, LIST2 };

    assert_int_equal(MEMORY_OP(XENMEM_memory_map, map), -ENOSYS); /* none was set */
    dom->memory_map = heap_alloc(2 * sizeof(dom->memory_map[0]));
    dom->memory_map_entries = 2;
    dom->memory_map[1].type = 77;
    assert_int_equal(MEMORY_OP(XENMEM_memory_map, map), 0);
    memcpy(&map, at(ARG), sizeof(map));
    assert_int_equal(map.entries, 2);
    assert_int_equal(map.buffer, LIST2);
    assert_int_equal(*(uint32_t *)at(LIST2 + 36), 77);
    heap_free(dom->memory_map);
    dom->memory_map = NULL;
}

struct copy_side {
    uint32_t gmfn;
    domid_t domid;
    uint16_t offset;
};

static void grant_copies(void **state)
{
    struct {
        struct copy_side from, to;
        uint16_t length, flags;
        int16_t status;
        uint16_t zero;
    } copy[2] = {
        { { LIST >> PAGE_SHIFT, DOMID_SELF, 0 },
          { LIST2 >> PAGE_SHIFT, DOMID_SELF, 8 },
          4,
          0,
          99,
          0 },
        { { LIST >> PAGE_SHIFT, DOMID_SELF, 4 },
          { LIST2 >> PAGE_SHIFT, DOMID_SELF, 9000 },
          4,
          0,
          99,
          0 },
    };
    uint32_t *from = at(LIST), *to = at(LIST2);

    from[0] = 0x12345678;
    assert_int_equal(call(hypercall_grant_table_op, GNTTABOP_copy, copy, sizeof(copy), 2), 0);
    assert_int_equal(to[2], 0x12345678);
    memcpy(copy, at(ARG), sizeof(copy));
    assert_int_equal(copy[0].status, GNTST_okay);
    assert_int_equal(copy[1].status, GNTST_bad_copy_arg);
    assert_int_equal(copy[1].to.offset, 9000);
}

static void grant_tables_are_not_set_up_by_frame_numbers(void **state)
{
    struct {
        domid_t domid;
        uint32_t frames;
        int16_t status;
        uint32_t list;
    } setup_table = { DOMID_SELF, 1, 99, LIST };

    assert_int_equal(call(hypercall_grant_table_op, GNTTABOP_setup_table, &setup_table,
                          sizeof(setup_table), 1),
                     0);
    memcpy(&setup_table, at(ARG), sizeof(setup_table));
    assert_int_equal(setup_table.status, GNTST_general_error);
    assert_int_equal(setup_table.list, LIST);
}

/* Random structures in every operation: only errors result. */
static void nonsense(void **state)
{
    uint32_t words[16], seed = 1;

    for (unsigned int n = 0; n < 20000; n++) {
        for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
            seed = seed * 1664525 + 1013904223;
            words[i] = seed >> 28 == 0 ? seed : seed >> 16 & 0x10fff;
            if (seed >> 28 == 1)
                words[i] = DOMID_SELF;
        }
        if (type_at(0) != P2M_RAM) { /* the call moved or freed the page of its arguments */
            assert_true(type_at(0) == P2M_HOLE || p2m_remove(dom, GFN(0)) == 0);
            harness_populate(dom, 0, 1);
        }
        (void)call(n & 1 ? hypercall_memory_op : hypercall_grant_table_op, n / 2 % 64, words,
                   sizeof(words), seed >> 24 & 3);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(populate_and_decrease),
        TEST(physmap),
        TEST(memory_map),
        TEST(grant_copies),
        TEST(grant_tables_are_not_set_up_by_frame_numbers),
        TEST(nonsense),
    };

    return cmocka_run_group_tests_name("compat", tests, NULL, NULL);
}
