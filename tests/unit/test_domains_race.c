/* SPDX-License-Identifier: MIT */
/*
 * Two domains that act on each other concurrently: grants are made, mapped, copied, unmapped and
 * revoked; channels are bound, used and closed; a guest resets all of its ports. In any order,
 * nothing hangs, locks are acquired in order, and in the end all counts agree. Each CPU is a
 * thread; the locks are the core's own.
 */
#include "harness.h"
#include "core/grant_internal.h"
#include "mm/alloc.h"
#include "mm/frame.h"

#include <stdlib.h>

#define ROUNDS 10000
#define PAGES 4u
#define DOM0_RAM 0x300u
#define MAP_GFN 0x80000u
#define PORTS 16u

struct domain *dom0;
static struct domain *guest;

void vcpu_event_upcall(struct vcpu *v) {}
bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what) { return true; }
struct domain *domain_get_next(domid_t first) { return first <= 1 ? domain_get(first) : NULL; }

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static int setup(void **state)
{
    harness_setup(state);
    dom0 = harness_whole_domain(0, 1);
    guest = harness_whole_domain(1, 1);
    harness_populate(dom0, DOM0_RAM, 4);
    harness_slow_unlock = true;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    harness_slow_unlock = false;
    assert_int_equal(grant_check(dom0) + grant_check(guest) + evtchn_check(dom0) +
                         evtchn_check(guest),
                     0);
    while (grant_teardown(dom0) == -ERESTART)
        ;
    for (uint32_t ref = 0; ref < GRANT_ENTRIES; ref++)
        assert_int_equal(guest->grant.active[0][ref].readers + guest->grant.active[0][ref].writers,
                         0);
    assert_int_equal(mfn_to_frame(MFN(DOM0_RAM))->count, 1);
    while (evtchn_teardown(guest) == -ERESTART || evtchn_teardown(dom0) == -ERESTART)
        ;
    while (grant_free(guest) == -ERESTART)
        ;
    while (grant_free(dom0) == -ERESTART)
        ;
    alloc_free(guest->shared_info_mfn, 0);
    alloc_free(dom0->shared_info_mfn, 0);
    harness_kill(guest);
    assert_int_equal(guest->tot_pages, 0);
    assert_int_equal(guest->refs, 0);
    harness_check_memory();
    return 0;
}

/* --- grants --- */

/*
 * Grants its pages, read-only or writable, and removes pages and grants regardless of their users.
 */
static void granting_cpu(void)
{
    grant_entry_v1_t *table = guest->grant.shared[0];
    uint32_t seed = 1;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint32_t ref = next(&seed) % PAGES, gfn = next(&seed) % PAGES;

        switch (next(&seed) % 3) {
        case 0:
            if (p2m_populate(guest, GFN(gfn), 0) == -EEXIST)
                BUG_ON(p2m_remove(guest, GFN(gfn)));
            break;
        case 1: WRITE_ONCE(table[ref].flags, 0); break;
        default:
            WRITE_ONCE(table[ref].frame, gfn);
            WRITE_ONCE(table[ref].flags, GTF_permit_access | (next(&seed) & GTF_readonly));
        }
    }
}

static void unmap(uint32_t handle, uint32_t slot)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = (MAP_GFN + slot) * PAGE_SIZE,
                                         .handle = handle };
    struct grant_unmap batch;

    grant_unmap_init(&batch, dom0);
    (void)grant_unmap_add(&batch, &op);
    grant_unmap_finish(&batch);
}

/* Maps at a few addresses, unmaps guessed handles, copies. */
static void use(uint32_t seed)
{
    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint32_t ref = next(&seed) % PAGES, slot = next(&seed) % PAGES;
        struct gnttab_map_grant_ref map = {
            (MAP_GFN + slot) * PAGE_SIZE, GNTMAP_host_map, ref, 1, 0, 0, 0
        };
        struct gnttab_copy copy = { .source = { .u.ref = ref, .domid = 1 },
                                    .dest = { .u.gmfn = DOM0_RAM, .domid = DOMID_SELF },
                                    .len = 64,
                                    .flags = GNTCOPY_source_gref };

        switch (next(&seed) % 4) {
        case 0:
            map.flags |= GNTMAP_readonly;
            /* fall through */
        case 1: (void)grant_map(dom0, &map); break;
        case 2: unmap(next(&seed) % (2 * PAGES), slot); break;
        default: (void)grant_copy(dom0, &copy);
        }
    }
}

static void using_cpu(void) { use(2); }

static void other_using_cpu(void) { use(3); }

static void test_granter_and_user(void **state)
{
    (void)state;
    harness_run_cpus((void (*const[])(void)){ using_cpu, granting_cpu }, 2);
}

static void test_two_users(void **state)
{
    grant_entry_v1_t *table = guest->grant.shared[0];

    (void)state;
    harness_populate(guest, 0, PAGES);
    for (uint32_t ref = 0; ref < PAGES; ref++)
        table[ref] = (grant_entry_v1_t){ .flags = GTF_permit_access, .frame = ref };
    harness_run_cpus((void (*const[])(void)){ using_cpu, other_using_cpu }, 2);
}

/* --- event channels --- */

static void channels(struct domain *d, domid_t peer, uint32_t seed)
{
    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint32_t port = 1 + next(&seed) % PORTS, got = 0;

        switch (next(&seed) % 8) {
        case 0:
            if (d->evtchn.active < PORTS)
                (void)evtchn_alloc_unbound(d, next(&seed) % 4 ? peer : d->id, &got);
            break;
        case 1:
        case 2: (void)evtchn_bind_interdomain(d, next(&seed) % 4 ? peer : d->id, port, &got); break;
        case 3: (void)evtchn_close_port(d, port); break;
        case 4:
            (void)evtchn_unmask(d, port);
            (void)evtchn_bind_virq(d, VIRQ_TIMER, 0, &got);
            break;
        case 5:
            evtchn_raise_virq(d->vcpu[0], VIRQ_TIMER);
            (void)evtchn_is_pending(d, port);
            break;
        default: (void)evtchn_send(d, port);
        }
        if (i % 500 == 0)
            BUG_ON(d == guest ? evtchn_reset_all(d) == -ENOMEM
                              : evtchn_check(dom0) || evtchn_check(guest));
    }
}

static void dom0_cpu(void) { channels(dom0, 1, 4); }

static void guest_cpu(void) { channels(guest, 0, 5); }

static void test_channels(void **state)
{
    (void)state;
    harness_run_cpus((void (*const[])(void)){ dom0_cpu, guest_cpu }, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_granter_and_user, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_channels, setup, teardown),
    };

    return cmocka_run_group_tests_name("domains_race", tests, NULL, NULL);
}
