/* SPDX-License-Identifier: MIT */
/*
 * mm/guest.c: page walks in each paging mode, with permissions and faults; copies across pages and
 * holes; pins.
 */
#include "harness.h"
#include "layouts.h"
#include "mm/alloc.h"
#include "mm/frame.h"

#include <string.h>

#define P 1ull
#define W 2ull
#define U 4ull
#define D 64ull
#define PS 128ull
#define NX (1ull << 63)

#define CR0_PG_WP (1ull << 31 | 1ull << 16 | 1)
#define CR4_PSE (1ull << 4)
#define CR4_PAE (1ull << 5)
#define EFER_LONG (1ull << 8 | 1ull << 10 | 1ull << 11) /* LME LMA NXE */

static struct domain *dom;
static struct vcpu *vcpu;

static int setup(void **state)
{
    harness_setup(state);
    dom = harness_domain(1, 1000);
    vcpu = dom->vcpu[0];
    harness_populate(dom, 0, 64);
    return 0;
}

static void put64(gpa_t at, uint64_t v) { *(uint64_t *)harness_guest(dom, at) = v; }

static void put32(gpa_t at, uint32_t v) { *(uint32_t *)harness_guest(dom, at) = v; }

/*
 * 4-level tables at 0x10000 ..: va 0x8080604000 (1, 2, 3, 4) -> 0x20000, permissions in the entry
 * of each level.
 */
#define VA4 0x8080604000ull
static void long_mode(uint64_t r4, uint64_t r3, uint64_t r2, uint64_t r1)
{
    harness_paging = (struct guest_paging){
        .cr0 = CR0_PG_WP, .cr3 = 0x10018, .cr4 = CR4_PAE, .efer = EFER_LONG
    };
    put64(0x10000 + 1 * 8, 0x11000 | r4);
    put64(0x11000 + 2 * 8, 0x12000 | r3);
    put64(0x12000 + 3 * 8, 0x13000 | r2);
    put64(0x13000 + 4 * 8, 0x20000 | r1);
}

static int walk(gva_t va, unsigned int access, gpa_t *gpa, uint32_t *fault)
{
    *gpa = 0xdead;
    return guest_walk(vcpu->d, &harness_paging, va, access, gpa, fault);
}

static void no_paging_is_identity(void **state)
{
    uint32_t fault, word = 0x12345678, back = 0;
    gpa_t gpa;

    (void)state;
    assert_int_equal(walk(0x5123, GUEST_WALK_WRITE, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x5123);
    assert_int_equal(guest_write(vcpu, 0x5ffe, &word, 4), 0);
    assert_int_equal(guest_read(vcpu, &back, 0x5ffe, 4), 0);
    assert_int_equal(back, word);
    assert_int_equal(*(uint16_t *)harness_guest(dom, 0x6000), 0x1234);
    /* 32 bits */
    assert_int_equal(walk(0x100005123, 0, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x5123);
}

static void four_levels(void **state)
{
    const unsigned int all = GUEST_WALK_WRITE | GUEST_WALK_USER | GUEST_WALK_EXEC;
    uint32_t fault;
    gpa_t gpa;

    (void)state;
    long_mode(P | W | U, P | W | U, P | W | U, P | W | U);
    assert_int_equal(walk(VA4 + 0x123, all, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x20123);
    assert_int_equal(walk(VA4 + 0x1000, 0, &gpa, &fault), -EFAULT);
    assert_int_equal(fault, 0);
    assert_int_equal(walk(0, GUEST_WALK_WRITE, &gpa, &fault), -EFAULT);
    assert_int_equal(fault, 2);
    /* not canonical; and canonical in the upper half */
    put64(0x10000 + 257 * 8, 0x11000 | P | W);
    assert_int_equal(walk(0x800000000000 | VA4, 0, &gpa, &fault), -EFAULT);
    assert_int_equal(walk(0xffff800000000000 | VA4, 0, &gpa, &fault), 0);
    assert_int_equal(walk(1ull << 63, 0, &gpa, &fault), -EFAULT);
    put64(0x10000 + 511 * 8, 0x11000 | P | W);
    assert_int_equal(walk(0xffffff8000000000 | (VA4 & 0x7fffffffff), GUEST_WALK_WRITE, &gpa,
                          &fault),
                     0);
    assert_int_equal(gpa, 0x20000);
}

static void rights_of_all_levels_count(void **state)
{
    const uint64_t all = P | W | U;
    uint32_t fault;
    gpa_t gpa;

    (void)state;
    for (unsigned int level = 0; level < 4; level++) {
        uint64_t r[4] = { all, all, all, all };

        r[level] = P | W;
        long_mode(r[0], r[1], r[2], r[3]);
        assert_int_equal(walk(VA4, GUEST_WALK_USER, &gpa, &fault), -EFAULT);
        assert_int_equal(fault, 1 | 4);
        assert_int_equal(walk(VA4, GUEST_WALK_WRITE, &gpa, &fault), 0);

        r[level] = P | U;
        long_mode(r[0], r[1], r[2], r[3]);
        assert_int_equal(walk(VA4, GUEST_WALK_WRITE, &gpa, &fault), -EFAULT);
        assert_int_equal(fault, 1 | 2);
        assert_int_equal(walk(VA4, 0, &gpa, &fault), 0);
        harness_paging.cr0 &= ~(1ull << 16); /* without WP, the kernel may write */
        assert_int_equal(walk(VA4, GUEST_WALK_WRITE, &gpa, &fault), 0);
        assert_int_equal(walk(VA4, GUEST_WALK_WRITE | GUEST_WALK_USER, &gpa, &fault), -EFAULT);
        assert_int_equal(fault, 1 | 2 | 4);

        r[level] = all | NX;
        long_mode(r[0], r[1], r[2], r[3]);
        assert_int_equal(walk(VA4, GUEST_WALK_EXEC, &gpa, &fault), -EFAULT);
        assert_int_equal(fault, 1 | 16);
        assert_int_equal(walk(VA4, GUEST_WALK_WRITE, &gpa, &fault), 0);

        r[level] = W | U;
        long_mode(r[0], r[1], r[2], r[3]);
        assert_int_equal(walk(VA4, 0, &gpa, &fault), -EFAULT);
        assert_int_equal(fault, 0);
    }
}

static void large_pages(void **state)
{
    uint32_t fault;
    gpa_t gpa;

    (void)state;
    long_mode(P | W, P | W, P | W, P | W);
    put64(0x12000 + 3 * 8, 0x40200000 | P | W | PS);
    assert_int_equal(walk(VA4 + 0x12345, 0, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x40200000 + ((VA4 + 0x12345) & 0x1fffff));
    put64(0x11000 + 2 * 8, 0x80000000 | P | W | PS);
    assert_int_equal(walk(VA4, 0, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x80000000 + (VA4 & 0x3fffffff));
    /* bit 12 of a large entry is the PAT's, not an address */
    put64(0x12000 + 3 * 8, 0x40201000 | P | W | PS);
    put64(0x11000 + 2 * 8, 0x12000 | P | W);
    assert_int_equal(walk(VA4, 0, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x40200000 + (VA4 & 0x1fffff));
    long_mode(P | W | PS, P | W, P | W, P | W); /* 512G pages do not exist */
    assert_int_equal(walk(VA4 + 0x123, 0, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x20123);
}

static void pae(void **state)
{
    uint32_t fault;
    gpa_t gpa;

    (void)state;
    harness_paging =
        (struct guest_paging){ .cr0 = CR0_PG_WP, .cr3 = 0x10020, .cr4 = CR4_PAE, .efer = 1 << 11 };
    put64(0x10020 + 2 * 8, 0x11000 | P | 0x20); /* the accessed bit, which the emulator sets */
    put64(0x11000 + 3 * 8, 0x12000 | P | W);
    put64(0x12000 + 4 * 8, 0x21000 | P | W | NX);
    put64(0x11000 + 5 * 8, 0x10f600000 | P | PS);
    assert_int_equal(walk(0x80604321, GUEST_WALK_WRITE, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x21321);
    assert_int_equal(walk(0x1080604321, 0, &gpa, &fault), 0); /* without the upper half */
    assert_int_equal(walk(0x80604321, GUEST_WALK_EXEC, &gpa, &fault), -EFAULT);
    assert_int_equal(walk(0x80a54321, 0, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x10f654321);
    assert_int_equal(walk(0x80a54321, GUEST_WALK_WRITE, &gpa, &fault), -EFAULT);
    assert_int_equal(walk(0x604321, 0, &gpa, &fault), -EFAULT);
    put64(0x10020 + 2 * 8, 0x11000 | P | PS); /* nor of 1G with three levels */
    assert_int_equal(walk(0x80604321, 0, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x21321);
}

static void two_levels(void **state)
{
    uint32_t fault;
    gpa_t gpa;

    (void)state;
    harness_paging = (struct guest_paging){ .cr0 = CR0_PG_WP, .cr3 = 0x10fff };
    put32(0x10000 + 0x301 * 4, 0x11000 | P | W | U);
    put32(0x11000 + 0x023 * 4, 0x22000 | P | U);
    assert_int_equal(walk(0xc0423456, GUEST_WALK_USER, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x22456);
    assert_int_equal(walk(0xc0423456, GUEST_WALK_WRITE, &gpa, &fault), -EFAULT);
    assert_int_equal(fault, 3);
    /* a 4M page, with PSE only; bits 32-39 of its address are in 13-20 */
    put32(0x10000 + 0x302 * 4, 0x00c00000 | 0x5 << 13 | P | W | PS);
    assert_int_equal(walk(0xc0923456, GUEST_WALK_WRITE, &gpa, &fault), -EFAULT);
    harness_paging.cr4 = CR4_PSE;
    assert_int_equal(walk(0xc0923456, GUEST_WALK_WRITE, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x500d23456);
}

static void tables_may_lie_anywhere(void **state)
{
    uint32_t fault;
    gpa_t gpa;

    (void)state;
    long_mode(P | W, P | W, P | W, P | W);
    put64(0x12000 + 3 * 8, 0xfffff000 | P | W); /* a table without memory */
    assert_int_equal(walk(VA4, GUEST_WALK_WRITE, &gpa, &fault), -EFAULT);
    put64(0x12000 + 3 * 8, 0x000ffffffffff000 | P | W);
    assert_int_equal(walk(VA4, 0, &gpa, &fault), -EFAULT);
    put64(0x12000 + 3 * 8, 0x100000 | P | W);
    assert_int_equal(p2m_set(dom, GFN(0x100), MFN(0), 0, P2M_ABSENT), 0);
    assert_int_equal(walk(VA4, 0, &gpa, &fault), -EFAULT); /* full of zeroes */
    harness_paging.cr3 = 0xfffffffffffff000;
    assert_int_equal(walk(VA4, 0, &gpa, &fault), -EFAULT);
    /* a table that is its own parent */
    harness_paging.cr3 = 0x10000;
    put64(0x10000 + 511 * 8, 0x10000 | P | W);
    assert_int_equal(walk(~0ull, 0, &gpa, &fault), 0);
    assert_int_equal(gpa, 0x10fff);
}

static void writes_set_the_dirty_bit(void **state)
{
    uint32_t word = 1;

    (void)state;
    long_mode(P | W, P | W, P | W, P | W);
    assert_int_equal(guest_read(vcpu, &word, VA4, 4), 0);
    assert_int_equal(*(uint64_t *)harness_guest(dom, 0x13000 + 4 * 8) & D, 0);
    assert_int_equal(guest_write(vcpu, VA4, &word, 4), 0);
    assert_int_equal(*(uint64_t *)harness_guest(dom, 0x13000 + 4 * 8), 0x20000 | P | W | D);
    assert_int_equal(*(uint64_t *)harness_guest(dom, 0x12000 + 3 * 8) & D, 0);
}

static void copies_cross_pages(void **state)
{
    static uint8_t out[3 * 4096], in[3 * 4096];

    (void)state;
    long_mode(P | W, P | W, P | W, P | W);
    put64(0x13000 + 5 * 8, 0x25000 | P | W);
    put64(0x13000 + 6 * 8, 0x22000 | P | W);
    for (unsigned int i = 0; i < sizeof(out); i++)
        out[i] = i * 7 + i / 256;
    assert_int_equal(guest_write(vcpu, VA4 + 100, out, 3 * 4096 - 100), 0);
    assert_int_equal(guest_read(vcpu, in, VA4 + 100, 3 * 4096 - 100), 0);
    assert_memory_equal(in, out, 3 * 4096 - 100);
    assert_memory_equal(harness_guest(dom, 0x25000), out + 4096 - 100, 4096);
    assert_memory_equal(harness_guest(dom, 0x22000), out + 8192 - 100, 4096);
    assert_int_equal(guest_zero(vcpu, VA4 + 4090, 20), 0);
    assert_int_equal(*(uint8_t *)harness_guest(dom, 0x20ff9), out[4089 - 100]);
    assert_int_equal(*(uint8_t *)harness_guest(dom, 0x20ffa), 0);
    assert_int_equal(*(uint8_t *)harness_guest(dom, 0x2500d), 0);
    assert_int_equal(*(uint8_t *)harness_guest(dom, 0x2500e), out[4096 - 100 + 14]);
    /* the part before the hole is written */
    assert_int_equal(guest_write(vcpu, VA4 + 2 * 4096, out, 4097), -EFAULT);
}

static void copies_do_not_wrap(void **state)
{
    uint8_t byte[16] = { 0 };

    (void)state;
    assert_int_equal(guest_read(vcpu, byte, ~0ull, 2), -EFAULT);
    assert_int_equal(guest_read(vcpu, byte, 0x1000, ~0ull), -EFAULT);
    assert_int_equal(guest_read_physical(dom, byte, ~0ull - 3, 8), -EFAULT);
    assert_int_equal(guest_read(vcpu, byte, ~0ull, 0), 0);
    assert_int_equal(guest_write(vcpu, 0x50000, byte, 1), -EFAULT);
}

static void types_say_what_may_be_done(void **state)
{
    uint32_t word = 5;
    mfn_t ram = alloc_domain(dom, 0), core = alloc_core(0);

    (void)state;
    assert_int_equal(p2m_set(dom, GFN(0x100), ram, 0, P2M_RAM_RO), 0);
    assert_int_equal(p2m_set(dom, GFN(0x101), core, 0, P2M_XENPAGE), 0);
    assert_int_equal(p2m_set(dom, GFN(0x102), MFN(0x80), 0, P2M_MMIO), 0);
    assert_int_equal(p2m_set(dom, GFN(0x103), MFN(0), 0, P2M_ABSENT), 0);
    assert_int_equal(guest_read_physical(dom, &word, 0x100000, 4), 0);
    assert_int_equal(word, 0);
    assert_int_equal(guest_write_physical(dom, 0x100000, &word, 4), -EFAULT);
    assert_int_equal(guest_write_physical(dom, 0x101000, &word, 4), 0);
    assert_int_equal(guest_read_physical(dom, &word, 0x102000, 4), -EFAULT);
    word = 1;
    assert_int_equal(guest_read_physical(dom, &word, 0x103000, 4), 0);
    assert_int_equal(word, 0);
    assert_int_equal(guest_write_physical(dom, 0x103000, &word, 4), 0);
    assert_int_equal(guest_read_physical(dom, &word, 0x104000, 4), -EFAULT);
    harness_check_memory();
}

/* The frame cached by a copy is dropped when its mapping is removed, 4K or large. */
static void removed_frames_are_forgotten(void **state)
{
    const gfn_t small = GFN(20), large = GFN(1024);
    struct p2m_batch batch;
    uint32_t word = 1;
    unsigned int order;

    (void)state;
    assert_int_equal(guest_write_physical(dom, gfn_to_gpa(small), &word, 4), 0);
    assert_int_equal(p2m_remove(dom, small), 0);
    assert_int_equal(guest_read_physical(dom, &word, gfn_to_gpa(small), 4), -EFAULT);
    assert_int_equal(p2m_populate(dom, small, ORDER_4K), 0);
    assert_int_equal(guest_read_physical(dom, &word, gfn_to_gpa(small), 4), 0);
    assert_int_equal(word, 0);

    assert_int_equal(p2m_populate(dom, large, ORDER_2M), 0);
    assert_int_equal(guest_read_physical(dom, &word, gfn_to_gpa(large) + 0x5000, 4), 0);
    p2m_batch_init(&batch, dom);
    assert_int_equal(p2m_batch_remove(&batch, large, ORDER_2M, P2M_ANY_TYPE, &order), 0);
    assert_int_equal(order, ORDER_2M);
    assert_int_equal(guest_read_physical(dom, &word, gfn_to_gpa(large) + 0x5000, 4), -EFAULT);
    p2m_batch_finish(&batch);
}

static void pins_hold_their_frame(void **state)
{
    struct guest_pin pin, nothing = { .va = NULL };
    mfn_t core = alloc_core(0);
    uint64_t pages = dom->tot_pages;

    (void)state;
    assert_int_equal(guest_pin(dom, GFN(5), &pin), 0);
    *(uint32_t *)pin.va = 77;
    assert_int_equal(*(uint32_t *)harness_guest(dom, 0x5000), 77);
    assert_int_equal(p2m_remove(dom, GFN(5)), 0);
    assert_int_equal(*(uint32_t *)pin.va, 77);
    assert_int_equal(dom->tot_pages, pages);
    guest_unpin(&pin);
    assert_null(pin.va);
    assert_int_equal(dom->tot_pages, pages - 1);
    guest_unpin(&pin);
    guest_unpin(&nothing);

    assert_int_equal(guest_pin(dom, GFN(0x100), &pin), -EINVAL);
    assert_null(pin.va);
    assert_int_equal(p2m_set(dom, GFN(0x100), core, 0, P2M_XENPAGE), 0);
    assert_int_equal(guest_pin(dom, GFN(0x100), &pin), -EINVAL);
    assert_int_equal(mfn_to_frame(core)->count, 1);
    assert_int_equal(p2m_set(dom, GFN(0x101), MFN(0), 0, P2M_ABSENT), 0);
    assert_int_equal(guest_pin(dom, GFN(0x101), &pin), 0);
    guest_unpin(&pin);
    harness_check_memory();
}

/* --- layouts of 32-bit callers --- */

#define SMALL 0x6000

/*
 * Checks that a field's bytes in the caller's structure map to those in ours, in both directions,
 * and to no others.
 */
static void check_field(const char *name, const char *layout, uint8_t *full, uint64_t full_size,
                        uint8_t *field, uint64_t field_size, unsigned int small_at,
                        unsigned int small_size)
{
    uint8_t *small = harness_guest(dom, SMALL);
    uint64_t size = guest_layout_size(full_size, layout, true);

    memset(full, 0, full_size);
    memset(field, 0x5a, field_size);
    memset(small, 0xee, 128);
    assert_int_equal(guest_write_layout(vcpu, SMALL, full, full_size, layout, true), 0);
    for (unsigned int i = 0; i < 128; i++) {
        uint8_t wanted = i >= size ? 0xee : 0;

        if (i < size && i >= small_at && i < small_at + small_size)
            wanted = 0x5a;
        if (small[i] != wanted)
            fail_msg("%s, byte %u of the caller's: %x", name, i, small[i]);
    }
    memset(full, 0xee, full_size);
    assert_int_equal(guest_read_layout(vcpu, full, SMALL, full_size, layout, true), 0);
    for (uint64_t i = 0; i < full_size; i++) {
        bool inside = full + i >= field && full + i < field + small_size;

        if (full[i] != (inside ? 0x5a : 0))
            fail_msg("%s, byte %u of ours: %x", name, (unsigned int)i, full[i]);
    }
}

static void layouts_are_those_of_the_headers(void **state)
{
    (void)state;
#define CHECK_STRUCT(type, layout, size) \
    assert_int_equal(guest_layout_size(sizeof(type), layout, true), size); \
    assert_int_equal(guest_layout_size(sizeof(type), layout, false), sizeof(type));
#define CHECK_FIELD(type, layout, name, small_at, small_size) \
    { \
        type s; \
        check_field(#type " " #name, layout, (uint8_t *)&s, sizeof(s), (uint8_t *)&s.name, \
                    sizeof(s.name), small_at, small_size); \
    }
    LAYOUTS(CHECK_STRUCT, CHECK_FIELD)
    assert_int_equal(guest_layout_size(40, NULL, true), 40);
    assert_int_equal(guest_read_layout(vcpu, &state, 64 << PAGE_SHIFT, sizeof(state), LAYOUT_WORD,
                                       true),
                     -EFAULT);
    assert_int_equal(guest_write_layout(vcpu, 64 << PAGE_SHIFT, &state, sizeof(state), LAYOUT_WORD,
                                        true),
                     -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_paging_is_identity, setup),
        cmocka_unit_test_setup(four_levels, setup),
        cmocka_unit_test_setup(rights_of_all_levels_count, setup),
        cmocka_unit_test_setup(large_pages, setup),
        cmocka_unit_test_setup(pae, setup),
        cmocka_unit_test_setup(two_levels, setup),
        cmocka_unit_test_setup(tables_may_lie_anywhere, setup),
        cmocka_unit_test_setup(writes_set_the_dirty_bit, setup),
        cmocka_unit_test_setup(copies_cross_pages, setup),
        cmocka_unit_test_setup(copies_do_not_wrap, setup),
        cmocka_unit_test_setup(types_say_what_may_be_done, setup),
        cmocka_unit_test_setup(removed_frames_are_forgotten, setup),
        cmocka_unit_test_setup(pins_hold_their_frame, setup),
        cmocka_unit_test_setup(layouts_are_those_of_the_headers, setup),
    };

    return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
