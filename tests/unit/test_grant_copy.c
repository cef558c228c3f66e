/* SPDX-License-Identifier: MIT */
/* core/grant_copy.c: copies between pages and grants, and refusals. */
#include "grant_model.h"
#include "mm/frame.h"

static uint8_t *front_page(uint32_t gfn) { return harness_guest(front, gfn_to_gpa(GFN(gfn))); }

static uint8_t *back_page(uint32_t n) { return harness_guest(back, gfn_to_gpa(GFN(DOM0_RAM + n))); }

static struct gnttab_copy copy_out(uint32_t page, uint16_t from, uint32_t ref, uint16_t to,
                                   uint16_t len)
{
    return (struct gnttab_copy){
        .source = { .u.gmfn = DOM0_RAM + page, .domid = DOMID_SELF, .offset = from },
        .dest = { .u.ref = ref, .domid = GRANTER, .offset = to },
        .len = len,
        .flags = GNTCOPY_dest_gref
    };
}

static void test_copy(void **state)
{
    struct gnttab_copy op;

    (void)state;
    grant(8, 5, GTF_permit_access | GTF_readonly);
    grant(9, 6, GTF_permit_access);
    memset(front_page(5), 0x5a, 4096);
    op = copy_in(8, 100, 1, 200, 50);
    assert_int_equal(grant_copy(back, &op), GNTST_okay);
    assert_int_equal(back_page(1)[199], 0);
    assert_int_equal(back_page(1)[200], 0x5a);
    assert_int_equal(back_page(1)[249], 0x5a);
    assert_int_equal(back_page(1)[250], 0);
    op = copy_out(1, 200, 9, 4095, 1);
    assert_int_equal(grant_copy(back, &op), GNTST_okay);
    assert_int_equal(front_page(6)[4095], 0x5a);
    assert_int_equal(front_page(6)[4094], 0);
    op = copy_in(8, 0, 1, 0, 4096);
    assert_int_equal(grant_copy(back, &op), GNTST_okay);
    op = copy_in(8, 4096, 1, 0, 0);
    assert_int_equal(grant_copy(back, &op), GNTST_okay); /* nothing, at the end of the page */
    /* from one grant to the other, and within one page */
    op = copy_in(8, 0, 0, 10, 20);
    op.dest = (struct gnttab_copy_ptr){ .u.ref = 9, .domid = GRANTER, .offset = 10 };
    op.flags |= GNTCOPY_dest_gref;
    assert_int_equal(grant_copy(back, &op), GNTST_okay);
    assert_int_equal(front_page(6)[10], 0x5a);
    op.source = (struct gnttab_copy_ptr){ .u.ref = 9, .domid = GRANTER, .offset = 5 };
    assert_int_equal(grant_copy(back, &op), GNTST_okay);
    op.flags = 0;
    op.source = op.dest = (struct gnttab_copy_ptr){ .u.gmfn = DOM0_RAM, .domid = 0 };
    assert_int_equal(grant_copy(back, &op), GNTST_okay);
    assert_int_equal(used(front), 0);
    assert_int_equal(entry(9)->flags, GTF_permit_access);
    assert_int_equal(mfn_to_frame(MFN(DOM0_RAM))->count, 1);
    assert_int_equal(mfn_to_frame(MFN(DOM0_RAM + 1))->count, 1);
}

static void test_copy_refused(void **state)
{
    struct gnttab_copy op;

    (void)state;
    grant(8, 5, GTF_permit_access | GTF_readonly);
    op = copy_out(1, 0, 8, 0, 16);
    assert_int_equal(grant_copy(back, &op), GNTST_general_error); /* read-only */
    op = copy_in(8, 4000, 1, 0, 97);
    assert_int_equal(grant_copy(back, &op), GNTST_bad_copy_arg);
    op = copy_in(8, 0, 1, 4000, 97);
    assert_int_equal(grant_copy(back, &op), GNTST_bad_copy_arg);
    op = copy_in(8, 0xffff, 1, 0, 0xffff);
    assert_int_equal(grant_copy(back, &op), GNTST_bad_copy_arg);
    op = copy_in(8, 0, RAM_PAGES, 0, 16);
    assert_int_equal(grant_copy(back, &op), GNTST_bad_page);
    op.dest.u.gmfn = ~0ul;
    assert_int_equal(grant_copy(back, &op), GNTST_bad_page);
    op = copy_in(512, 0, 1, 0, 16);
    assert_int_equal(grant_copy(back, &op), GNTST_bad_gntref);
    op = copy_in(8, 0, 1, 0, 16);
    op.source.domid = 9;
    assert_int_equal(grant_copy(back, &op), GNTST_bad_domain);
    op = copy_in(8, 0, 1, 0, 16);
    /* another domain's memory without a grant */
    op.dest = (struct gnttab_copy_ptr){ .u.gmfn = 1, .domid = GRANTER };
    assert_int_equal(grant_copy(back, &op), GNTST_permission_denied);
    op = copy_in(8, 0, 1, 0, 16);
    assert_int_equal(grant_copy(front, &op), GNTST_general_error); /* granted to another domain */
    assert_int_equal(p2m_set(back, GFN(MAP_GFN), MFN(0), ORDER_4K, P2M_ABSENT), 0);
    op.dest.u.gmfn = MAP_GFN;
    back->max_pages = back->tot_pages; /* it cannot be filled now */
    assert_int_equal(grant_copy(back, &op), GNTST_eagain);
    assert_int_equal(used(front), 0);
    assert_int_equal(mfn_to_frame(frame_of(5))->count, 1);
}

/* A page that is mapped read-only cannot be written through a copy to its gfn either. */
static void test_copy_to_readonly_map(void **state)
{
    struct gnttab_copy op = copy_in(9, 0, 0, 0, 16);
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access | GTF_readonly);
    grant(9, 6, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    op.dest.u.gmfn = MAP_GFN;
    assert_int_equal(grant_copy(back, &op), GNTST_bad_page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GRANT_TEST(test_copy),
        GRANT_TEST(test_copy_refused),
        GRANT_TEST(test_copy_to_readonly_map),
    };

    return cmocka_run_group_tests_name("grant_copy", tests, NULL, NULL);
}
