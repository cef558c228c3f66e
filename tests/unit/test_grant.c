/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: who may map and copy what, that a frame stays as long as anybody can reach it, and that a
 * granter or mapper who lies, changes its mind or dies hurts only itself. The core's grant*.c and
 * hypercall/grant_table.c with the real memory management.
 */
#include "harness.h"

#include "alloc.h"
#include "core/grant_internal.h"
#include "directmap.h"

#define GRANTER 1
#define RAM_PAGES 64u
#define ARGS_PAGE 8u                  /* of either domain's RAM, counted from its first page */
#define DOM0_RAM 0x300u
#define MAP_GFN 0x80000u              /* dom0 maps from here on: nothing is there */
#define READ_MAP (GNTMAP_host_map | GNTMAP_readonly)
#define MAP_AT(n) ((MAP_GFN + (n)) * PAGE_SIZE)

static struct domain *back, *front;   /* dom0 and a guest that grants */

/* core/domain.c */
struct domain *domain_get_next(domid_t first)
{
    for (domid_t id = first; id < 4; id++) {
        struct domain *d = domain_get(id);

        if (d)
            return d;
    }
    return NULL;
}

/* Entries of d's that are in use; handles of d's. */
static unsigned int used(struct domain *d)
{
    unsigned int n = 0;

    for (uint32_t ref = 0; ref < d->grant.frames * GRANT_ENTRIES; ref++) {
        const struct grant_active *page = d->grant.active[ref / GRANT_ENTRIES];

        n += page && (page[ref % GRANT_ENTRIES].readers || page[ref % GRANT_ENTRIES].writers);
    }
    return n;
}

static unsigned int mapped(struct domain *d)
{
    unsigned int n = 0;

    for (uint32_t handle = 0; handle < d->grant.maptrack_size; handle++)
        n += grant_mapping_at(d, handle)->state != MAPPING_FREE;
    return n;
}

static int setup(void **state)
{
    (void)state;
    harness_machine(64);
    back = harness_domain(0, 4096);
    front = harness_domain(GRANTER, 4096);
    assert_int_equal(grant_init(back, -1, -1), 0);
    assert_int_equal(grant_init(front, -1, -1), 0);
    harness_populate(back, DOM0_RAM, RAM_PAGES);
    harness_populate(front, 0, RAM_PAGES);
    return 0;
}

static void end(struct domain *d)
{
    if (d->dying == DOMAIN_DEAD)
        return;
    while (grant_teardown(d) == -ERESTART)
        ;
    assert_int_equal(mapped(d), 0);
    while (grant_free(d) == -ERESTART)
        ;
    harness_kill(d);
    assert_int_equal(d->pool.used, 0);
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    end(back); /* maps front's frames: nothing of front is held any more after this */
    assert_int_equal(used(front), 0);
    end(front);
    assert_int_equal(front->refs, 0); /* dom0's parked frames keep one on dom0, which never dies */
    assert_int_equal(heap_used(), 0);
    harness_check_memory();
    return 0;
}

/* --- helpers --- */

static grant_entry_v1_t *entry(uint32_t ref)
{
    return (grant_entry_v1_t *)front->grant.shared[ref / 512] + ref % 512;
}

static void grant(uint32_t ref, uint32_t gfn, uint16_t flags)
{
    *entry(ref) = (grant_entry_v1_t){ .flags = flags, .domid = back->id, .frame = gfn };
}

static int16_t map(uint32_t ref, uint64_t at, uint32_t flags, uint32_t *handle)
{
    struct gnttab_map_grant_ref op = { .host_addr = at, .flags = flags, .ref = ref, .dom = front->id };
    int16_t status = grant_map(back, &op);

    *handle = op.handle;
    return status;
}

static int16_t unmap(uint32_t handle, uint64_t at)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = at, .handle = handle };
    struct grant_unmap batch;
    int16_t status;

    grant_unmap_init(&batch, back);
    status = grant_unmap_add(&batch, &op);
    grant_unmap_finish(&batch);
    return status;
}

static mfn_t frame_of(uint32_t gfn)
{
    return p2m_lookup(front, GFN(gfn), NULL, NULL);
}

static enum p2m_type type_at(struct domain *d, uint64_t gfn)
{
    enum p2m_type type;

    p2m_lookup(d, GFN(gfn), &type, NULL);
    return type;
}

static long call_at(uint32_t cmd, uint64_t at)
{
    return harness_hypercall(hypercall_grant_table_op, back->vcpu[0], cmd, at, 1, NULL);
}

static uint64_t args_at(struct domain *d)
{
    return gfn_to_gpa(GFN((d == back ? DOM0_RAM : 0) + ARGS_PAGE));
}

static long call(struct domain *d, uint32_t cmd, void *args, size_t size, uint64_t count,
                 unsigned int *restarts)
{
    long rc;

    memcpy(harness_guest(d, args_at(d)), args, size);
    rc = harness_hypercall(hypercall_grant_table_op, d->vcpu[0], cmd, args_at(d), count, restarts);
    memcpy(args, harness_guest(d, args_at(d)), size);
    return rc;
}

/* --- mapping --- */

static void test_map(void **state)
{
    uint32_t handle, flushes;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map | GNTMAP_device_map, &handle), GNTST_okay);
    assert_int_equal(type_at(back, MAP_GFN), P2M_GRANT);
    assert_int_equal(p2m_lookup(back, GFN(MAP_GFN), NULL, NULL).n, frame_of(5).n);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(mfn_to_frame(frame_of(5))->count, 3); /* front's own, the use, the entry */

    flushes = harness_flushes;
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(harness_flushes, flushes + 1);
    assert_int_equal(type_at(back, MAP_GFN), P2M_HOLE);
    assert_int_equal(entry(8)->flags, GTF_permit_access);
    assert_int_equal(mfn_to_frame(frame_of(5))->count, 1);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_bad_handle);
}

/* Marks are kept while somebody needs them: two readers and a writer of one grant. */
static void test_map_shared(void **state)
{
    uint32_t r1, r2, w;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map | GNTMAP_readonly, &r1), GNTST_okay);
    assert_int_equal(type_at(back, MAP_GFN), P2M_GRANT_RO);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &w), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(map(8, MAP_AT(2), GNTMAP_host_map | GNTMAP_readonly, &r2), GNTST_okay);
    assert_int_equal(used(front), 1);
    assert_int_equal(unmap(r1, MAP_AT(0)), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(unmap(w, MAP_AT(1)), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(grant_check(front), 0);
    assert_int_equal(unmap(r2, MAP_AT(2)), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access);
    assert_int_equal(used(front), 0);
}

static void test_map_refused(void **state)
{
    struct gnttab_map_grant_ref op = { .host_addr = MAP_AT(0), .flags = GNTMAP_host_map, .ref = 8, .dom = 9 };
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access | GTF_readonly);
    assert_int_equal(grant_map(back, &op), GNTST_bad_domain);
    op.dom = DOMID_SELF;
    assert_int_equal(grant_map(back, &op), GNTST_bad_domain);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error); /* read-only */
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_device_map, &handle), GNTST_general_error);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map | GNTMAP_contains_pte, &handle), GNTST_general_error);
    assert_int_equal(map(8, MAP_AT(0), 0, &handle), GNTST_general_error);
    assert_int_equal(map(512, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_bad_gntref);
    assert_int_equal(map(~0u, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_bad_gntref);
    assert_int_equal(map(9, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error); /* never granted */

    grant(8, 5, GTF_permit_access);
    entry(8)->domid = 7; /* to somebody else */
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);
    grant(8, 5, GTF_accept_transfer);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);
    grant(8, 5, GTF_transitive);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);
    grant(8, 5, GTF_permit_access | GTF_sub_page);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_general_error);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_sub_page);
    assert_int_equal(mapped(back) + used(front), 0);
}

/* What the granter names must be its own RAM. */
static void test_map_bad_frame(void **state)
{
    static const uint32_t bad[] = { RAM_PAGES, 0x7fffffff, 0xffffffff };
    uint32_t handle;

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        grant(8, bad[i], GTF_permit_access);
        assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_bad_page);
        assert_int_equal(entry(8)->flags, GTF_permit_access);
    }
    /* its grant table, which belongs to the core */
    assert_int_equal(p2m_set(front, GFN(100), grant_shared_frame(front, 0), ORDER_4K, P2M_XENPAGE), 0);
    grant(8, 100, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_bad_page);
    /* a page that is away for the moment: the back end tries again */
    assert_int_equal(p2m_set(front, GFN(101), MFN(0), ORDER_4K, P2M_ABSENT), 0);
    grant(8, 101, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_eagain);
    assert_int_equal(mapped(back) + used(front), 0);
}

/*
 * Where it shall appear: an aligned address with nothing there, not 0 (which unmapping takes for "not
 * asked").
 */
static void test_map_bad_address(void **state)
{
    static const uint64_t bad[] = { 0,          MAP_AT(0) + 8, MAP_AT(0) + 4095, 1ull << 48,
                                    1ull << 52, ~0ull,         ~0ull << 12,      DOM0_RAM * PAGE_SIZE };
    uint32_t handle, second;

    (void)state;
    grant(8, 5, GTF_permit_access);
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(map(8, bad[i], GNTMAP_host_map, &handle), GNTST_bad_virt_addr);
    assert_int_equal(used(front), 0);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &second), GNTST_bad_virt_addr);
    assert_int_equal(unmap(handle, MAP_AT(1)), GNTST_bad_virt_addr);
    assert_int_equal(unmap(handle, 0), GNTST_okay); /* nothing asked, nothing done */
    assert_int_equal(type_at(back, MAP_GFN), P2M_GRANT);
    assert_int_equal(unmap(handle + 1, MAP_AT(0)), GNTST_bad_handle);
    assert_int_equal(unmap(MAX(handle, 127) + 1, MAP_AT(0)), GNTST_bad_handle);
    assert_int_equal(unmap(~0u, MAP_AT(0)), GNTST_bad_handle);
}

/* The n-th allocation fails, for each n: an error, and no trace. */
static void test_map_no_memory(void **state)
{
    unsigned int n = 0;
    uint32_t handle;
    int16_t status;

    (void)state;
    grant(8, 5, GTF_permit_access);
    do {
        harness_fail_alloc(++n);
        status = map(8, MAP_AT(0), GNTMAP_host_map, &handle);
        if (status) {
            assert_int_equal(status, GNTST_no_space);
            assert_int_equal(mapped(back) + used(front), 0);
            assert_int_equal(entry(8)->flags, GTF_permit_access);
            assert_int_equal(mfn_to_frame(frame_of(5))->count, 1);
            assert_int_equal(grant_check(front) + grant_check(back), 0);
        }
    } while (status);
    assert_false(harness_alloc_has_failed());
    assert_true(n > 3);
    harness_fail_alloc(0);
}

/*
 * The guest takes its page away while it is mapped: the frame stays, though nobody else gets it, until the
 * mapper lets go.
 */
static void test_granter_takes_away(void **state)
{
    mfn_t m = frame_of(5);
    uint32_t handle, second;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    entry(8)->frame = 6;
    entry(8)->flags = 0;
    assert_int_equal(p2m_remove(front, GFN(5)), 0);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_DOMAIN);
    assert_true(mfn_to_frame(m)->owner == front);
    /* still the same grant in use */
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_okay);
    assert_int_equal(p2m_lookup(back, GFN(MAP_GFN + 1), NULL, NULL).n, m.n);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    assert_int_equal(unmap(second, MAP_AT(1)), GNTST_okay);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
    assert_int_equal(entry(8)->flags, 0);
}

/* A read-only use goes on to a writable one only for the same frame and if the entry says so now. */
static void test_upgrade_refused(void **state)
{
    uint32_t handle, second;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    entry(8)->frame = 6;
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_bad_page);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(mfn_to_frame(frame_of(6))->count, 1);
    entry(8)->frame = 5;
    entry(8)->flags |= GTF_readonly;
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_general_error);
    entry(8)->flags &= ~GTF_readonly;
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_okay);
}

/* While one domain uses a grant, another cannot, whatever the entry says now. */
static void test_two_users(void **state)
{
    struct domain *other = harness_domain(2, 64);
    struct gnttab_map_grant_ref op = { .host_addr = MAP_AT(0), .flags = GNTMAP_host_map, .ref = 8, .dom = 1 };
    uint32_t handle;

    (void)state;
    assert_int_equal(grant_init(other, 1, -1), 0);
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    entry(8)->domid = 2;
    assert_int_equal(grant_map(other, &op), GNTST_general_error);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(grant_map(other, &op), GNTST_okay);
    assert_int_equal(grant_check(front), 0);
    end(other);
}

/* The mapper removes the page behind our back: nothing is mapped, and the grant is free after the unmap. */
static void test_mapper_removes(void **state)
{
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(p2m_remove(back, GFN(MAP_GFN)), 0);
    assert_int_equal(used(front), 1);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    harness_flushes = 0; /* that of the removal may still be under way on another CPU */
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(harness_flushes, 1);
    assert_int_equal(used(front), 0);
    assert_int_equal(mfn_to_frame(frame_of(5))->count, 1);
}

/* The granter dies first: its frames and its structure stay until the mapper lets go. */
static void test_granter_dies(void **state)
{
    mfn_t m = frame_of(5);
    uint32_t handle, second;
    uint32_t refs;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    front->dying = DOMAIN_DYING;
    assert_int_equal(map(8, MAP_AT(1), GNTMAP_host_map, &second), GNTST_bad_domain);
    assert_false(mfn_valid_number(grant_shared_frame(front, 0)));
    front->dying = DOMAIN_ALIVE;
    end(front);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_DOMAIN);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    refs = front->refs;
    assert_true(refs > 0);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
    assert_int_equal(front->refs, 0);
}

/* The mapper dies first, in as many steps as it takes. */
static void test_mapper_dies(void **state)
{
    uint32_t handle;
    unsigned int steps = 0;

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        grant(8 + i, i, GTF_permit_access);
        for (uint32_t n = 0; n < 5; n++)
            assert_int_equal(map(8 + i, MAP_AT(5 * i + n), n & 1 ? GNTMAP_host_map : READ_MAP, &handle), 0);
    }
    assert_int_equal(mapped(back), 200);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    harness_preempt_every = 7;
    while (grant_teardown(back) == -ERESTART)
        steps++;
    assert_true(steps > 5);
    assert_int_equal(mapped(back) + used(front), 0);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(entry(8 + i)->flags, GTF_permit_access);
}

/* Handles run out at the limit; those that come back are used again. */
static void test_handles(void **state)
{
    uint32_t handle = 0, limit;

    (void)state;
    grant(8, 5, GTF_permit_access);
    limit = back->grant.maptrack_max = 256;
    for (uint32_t i = 0; i < limit; i++)
        assert_int_equal(map(8, MAP_AT(i), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(map(8, MAP_AT(limit), GNTMAP_host_map, &handle), GNTST_no_space);
    handle = 77;
    assert_int_equal(unmap(handle, MAP_AT(77)), GNTST_okay);
    assert_int_equal(map(8, MAP_AT(limit), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(handle, 77);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
}

static void test_many_handles(void **state)
{
    uint32_t handle = 0;

    (void)state;
    grant(8, 5, GTF_permit_access);
    for (uint32_t i = 0; i < 5000; i++) /* more than the first array of buckets */
        assert_int_equal(map(8, MAP_AT(i), GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    assert_int_equal(mfn_to_frame(frame_of(5))->count, 5002);
    harness_flushes = 0;
    while (grant_teardown(back) == -ERESTART)
        ;
    assert_true(harness_flushes < 5000 / 16);
}

/* --- copying --- */

static uint8_t *front_page(uint32_t gfn)
{
    return harness_guest(front, gfn_to_gpa(GFN(gfn)));
}

static uint8_t *back_page(uint32_t n)
{
    return harness_guest(back, gfn_to_gpa(GFN(DOM0_RAM + n)));
}

static struct gnttab_copy copy_in(uint32_t ref, uint16_t from, uint32_t page, uint16_t to, uint16_t len)
{
    return (struct gnttab_copy){ .source = { .u.ref = ref, .domid = GRANTER, .offset = from },
                                 .dest = { .u.gmfn = DOM0_RAM + page, .domid = DOMID_SELF, .offset = to },
                                 .len = len,
                                 .flags = GNTCOPY_source_gref };
}

static struct gnttab_copy copy_out(uint32_t page, uint16_t from, uint32_t ref, uint16_t to, uint16_t len)
{
    return (struct gnttab_copy){ .source = { .u.gmfn = DOM0_RAM + page, .domid = DOMID_SELF, .offset = from },
                                 .dest = { .u.ref = ref, .domid = GRANTER, .offset = to },
                                 .len = len,
                                 .flags = GNTCOPY_dest_gref };
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
    assert_int_equal(grant_copy(back, &op), GNTST_okay); /* nothing, from the end */
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
    assert_int_equal(grant_copy(front, &op), GNTST_general_error); /* granted to somebody else */
    assert_int_equal(p2m_set(back, GFN(MAP_GFN), MFN(0), ORDER_4K, P2M_ABSENT), 0);
    op.dest.u.gmfn = MAP_GFN;
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

/* --- the table --- */

static void test_grow(void **state)
{
    mfn_t m;

    (void)state;
    assert_int_equal(front->grant.frames, 1);
    m = grant_shared_frame(front, 3); /* Linux begins with the last one */
    assert_true(mfn_valid_number(m));
    assert_int_equal(mfn_to_frame(m)->count, 2);
    frame_put(m);
    assert_int_equal(front->grant.frames, 4);
    assert_false(mfn_valid_number(grant_shared_frame(front, GRANT_DEFAULT_FRAMES)));
    assert_false(mfn_valid_number(grant_shared_frame(front, ~0u)));
    harness_fail_alloc(2);
    assert_false(mfn_valid_number(grant_shared_frame(front, 10)));
    harness_fail_alloc(0);
    grant(4 * 512 - 1, 7, GTF_permit_access);
    assert_int_equal(map(4 * 512 - 1, MAP_AT(0), GNTMAP_host_map, &(uint32_t){ 0 }), GNTST_okay);
}

/* Both sides pay for what the core keeps: what does not fit into their pools is refused, and costs nothing. */
static void test_pools(void **state)
{
    uint64_t used = front->pool.used;
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(alloc_set_pool(front, used + 5), 0);
    assert_false(mfn_valid_number(grant_shared_frame(front, 2)));
    assert_int_equal(front->grant.frames, 2); /* three frames for each */
    assert_int_equal(front->pool.used, used + 3);
    used = back->pool.used;
    back->is_dom0 = false;
    assert_int_equal(alloc_set_pool(back, used), 0);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_no_space); /* no handle */
    assert_int_equal(alloc_set_pool(back, used + 1), 0);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_no_space); /* no table */
    assert_int_equal(mapped(back), 0);
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    assert_int_equal(alloc_set_pool(back, used + 4), 0);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(unmap(handle, MAP_AT(0)), GNTST_okay);
    assert_int_equal(back->pool.used, used + 1); /* handles stay */
    back->is_dom0 = true;
}

/* dom0 has the table mapped when its owner dies: the frame stays as long as it is there. */
static void test_table_outlives(void **state)
{
    mfn_t m = grant_shared_frame(front, 0);

    (void)state;
    assert_int_equal(p2m_set(back, GFN(MAP_GFN), m, ORDER_4K, P2M_FOREIGN), 0);
    end(front);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_CORE);
    assert_int_equal(p2m_remove(back, GFN(MAP_GFN)), 0);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
}

/* Its owner dies while somebody is about to map or copy: the frame stays until that is done. */
static void test_use_outlives(void **state)
{
    mfn_t m;

    (void)state;
    grant(0, 6, GTF_permit_access); /* the first entry: no table has fewer */
    assert_int_equal(grant_acquire(front, 0, back->id, true, &m), GNTST_okay);
    end(front);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_DOMAIN);
    assert_int_equal(mfn_to_frame(m)->count, 1);
    frame_put(m);
    grant_release(front, 0, true);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
}

static void test_init_refused(void **state)
{
    struct domain *d = harness_domain(3, 16);

    (void)state;
    assert_int_equal(grant_init(d, 0, -1), -EINVAL);
    assert_int_equal(grant_init(d, GRANT_MAX_FRAMES + 1, -1), -EINVAL);
    assert_int_equal(grant_init(d, 1, GRANT_MAX_MAPTRACK + 1), -EINVAL);
    for (unsigned int n = 1; n <= 3; n++) {
        harness_fail_alloc(n);
        assert_int_equal(grant_init(d, -1, -1), -ENOMEM);
        assert_int_equal(grant_free(d), 0);
    }
    harness_fail_alloc(0);
    assert_int_equal(grant_init(d, 1, 0), 0);
    while (grant_free(d) == -ERESTART)
        ;
    harness_kill(d);
}

/* The checker finds what is wrong. */
static void test_check_finds(void **state)
{
    uint32_t handle;

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &handle), GNTST_okay);
    harness_quiet = true;
    grant_dump(front);
    mfn_to_frame(frame_of(5))->owner = back;
    assert_int_not_equal(grant_check(front), 0);
    mfn_to_frame(frame_of(5))->owner = front;
    back->grant.maptrack_size = 0; /* a mapping that nobody knows of */
    assert_int_not_equal(grant_check(front), 0);
    assert_int_not_equal(grant_check(back), 0);
    back->grant.maptrack_size = 1;
    assert_int_equal(grant_check(front) + grant_check(back), 0);
}

/* --- the hypercall --- */

static void test_hypercall_batch(void **state)
{
    struct gnttab_map_grant_ref maps[100];
    struct gnttab_unmap_grant_ref unmaps[100];
    struct gnttab_copy copies[50];
    unsigned int restarts;

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        grant(8 + i, i % RAM_PAGES, GTF_permit_access);
        maps[i] = (struct gnttab_map_grant_ref){ MAP_AT(i), GNTMAP_host_map, 8 + i, GRANTER, 99, 99, 99 };
    }
    maps[50].ref = 600;
    harness_preempt_every = 3;
    assert_int_equal(call(back, GNTTABOP_map_grant_ref, maps, sizeof(maps), 100, &restarts), 0);
    assert_true(restarts > 30);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(maps[i].status, i == 50 ? GNTST_bad_gntref : GNTST_okay);
        unmaps[i] = (struct gnttab_unmap_grant_ref){ MAP_AT(i), 0, maps[i].handle, 99 };
    }
    assert_int_equal(mapped(back), 99);
    harness_flushes = 0;
    assert_int_equal(call(back, GNTTABOP_unmap_grant_ref, unmaps, sizeof(unmaps), 100, NULL), 0);
    assert_int_equal(harness_flushes, 4);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(unmaps[i].status, i == 50 ? GNTST_bad_handle : GNTST_okay);
    assert_int_equal(mapped(back), 0);

    for (uint32_t i = 0; i < 50; i++)
        copies[i] = copy_in(8 + i, 0, 20, i, 1);
    assert_int_equal(call(back, GNTTABOP_copy, copies, sizeof(copies), 50, &restarts), 0);
    assert_true(restarts > 10);
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(copies[i].status, GNTST_okay);
}

/* One handle twice in a batch: the second is an error, the first works. */
static void test_hypercall_twice(void **state)
{
    struct gnttab_unmap_grant_ref unmaps[2] = { { .host_addr = MAP_AT(0) }, { .host_addr = MAP_AT(0) } };

    (void)state;
    grant(8, 5, GTF_permit_access);
    assert_int_equal(map(8, MAP_AT(0), GNTMAP_host_map, &unmaps[0].handle), GNTST_okay);
    unmaps[1].handle = unmaps[0].handle;
    assert_int_equal(call(back, GNTTABOP_unmap_grant_ref, unmaps, sizeof(unmaps), 2, NULL), 0);
    assert_int_equal(unmaps[0].status, GNTST_okay);
    assert_int_equal(unmaps[1].status, GNTST_bad_handle);
    assert_int_equal(used(front), 0);
}

static void test_hypercall_misc(void **state)
{
    struct gnttab_query_size size = { .dom = GRANTER };
    struct gnttab_set_version version = { 1 };
    struct gnttab_get_version get = { .dom = DOMID_SELF };
    struct gnttab_setup_table table = { .dom = DOMID_SELF, .nr_frames = 1 };
    uint8_t any[64] = { 0 };

    (void)state;
    assert_int_equal(call(back, GNTTABOP_query_size, &size, sizeof(size), 1, NULL), 0);
    assert_int_equal(size.status, GNTST_okay);
    assert_int_equal(size.nr_frames, 1);
    assert_int_equal(size.max_nr_frames, GRANT_DEFAULT_FRAMES);
    size.dom = 0;
    assert_int_equal(call(front, GNTTABOP_query_size, &size, sizeof(size), 1, NULL), 0);
    assert_int_equal(size.status, GNTST_permission_denied);
    size.dom = 9;
    assert_int_equal(call(back, GNTTABOP_query_size, &size, sizeof(size), 1, NULL), 0);
    assert_int_equal(size.status, GNTST_bad_domain);
    assert_int_equal(call(front, GNTTABOP_set_version, &version, sizeof(version), 1, NULL), 0);
    version.version = 2;
    assert_int_equal(call(front, GNTTABOP_set_version, &version, sizeof(version), 1, NULL), -ENOSYS);
    assert_int_equal(version.version, 1);
    version.version = 3;
    assert_int_equal(call(front, GNTTABOP_set_version, &version, sizeof(version), 1, NULL), -EINVAL);
    assert_int_equal(call(front, GNTTABOP_get_version, &get, sizeof(get), 1, NULL), 0);
    assert_int_equal(get.version, 1);
    get.dom = 0;
    assert_int_equal(call(front, GNTTABOP_get_version, &get, sizeof(get), 1, NULL), -EPERM);
    assert_int_equal(call(front, GNTTABOP_setup_table, &table, sizeof(table), 1, NULL), 0);
    assert_int_equal(table.status, GNTST_general_error);

    assert_int_equal(call(front, GNTTABOP_transfer, any, sizeof(any), 1, NULL), -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_unmap_and_replace, any, sizeof(any), 1, NULL), -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_get_status_frames, any, sizeof(any), 1, NULL), -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_swap_grant_ref, any, sizeof(any), 1, NULL), -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_cache_flush, any, sizeof(any), 1, NULL), -EOPNOTSUPP);
    assert_int_equal(call(front, GNTTABOP_dump_table, any, sizeof(any), 1, NULL), -ENOSYS);
    for (uint32_t cmd = 13; cmd < 40; cmd++)
        assert_int_equal(call(front, cmd, any, sizeof(any), 1, NULL), -ENOSYS);
    for (uint32_t cmd = 0; cmd < 7; cmd++)
        if (cmd != GNTTABOP_dump_table && cmd != GNTTABOP_transfer)
            assert_int_equal(call(front, cmd, any, sizeof(any), 0, NULL), 0);
    assert_int_equal(call(front, GNTTABOP_copy, any, sizeof(any), 0x80000000, NULL), -EINVAL);
}

/* An array that is not all there, or cannot be answered into. */
static void test_hypercall_bad_address(void **state)
{
    struct gnttab_map_grant_ref op = { .host_addr = MAP_AT(0), .flags = GNTMAP_host_map, .ref = 8, .dom = 1 };
    static const uint64_t bad[] = { 1ull << 31, ~0ull, 0xfffffff0, (DOM0_RAM + RAM_PAGES) * PAGE_SIZE - 2 };
    mfn_t m = alloc_core(0);

    (void)state;
    for (uint32_t cmd = 0; cmd <= GNTTABOP_swap_grant_ref; cmd++)
        for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
            long rc = call_at(cmd, bad[i]);

            assert_true(rc == -EFAULT || rc == -ENOSYS || rc == -EOPNOTSUPP);
        }
    /* In a page that the caller can only read: the mapping is made, cannot be answered, and is undone. */
    grant(8, 5, GTF_permit_access);
    memcpy(mfn_to_virt(m), &op, sizeof(op));
    assert_int_equal(p2m_set(back, GFN(MAP_GFN + 9), m, ORDER_4K, P2M_GRANT_RO), 0);
    assert_int_equal(call_at(GNTTABOP_map_grant_ref, MAP_AT(9)), -EFAULT);
    assert_int_equal(used(front) + mapped(back), 0);
    assert_int_equal(p2m_remove(back, GFN(MAP_GFN + 9)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_bad_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_bad_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_granter_takes_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_upgrade_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mapper_removes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_granter_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mapper_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_handles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_handles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_to_readonly_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pools, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table_outlives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_use_outlives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_init_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_finds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hypercall_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hypercall_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hypercall_misc, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hypercall_bad_address, setup, teardown),
    };

    return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
