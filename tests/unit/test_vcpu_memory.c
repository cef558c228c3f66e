/* SPDX-License-Identifier: MIT */
/* core/vcpu_memory.c: who waits, who is woken, what dom0 hears, and how an overdraft is settled. */
#include "harness.h"
#include "wait_model.h"
#include "core/evtchn.h"
#include "core/vcpu_memory.h"
#include "cpu/softirq.h"
#include "guest/fault.h"
#include "mm/alloc.h"
#include "mm/p2m.h"
#include "percpu.h"

static struct domain *d, *other;

/* --- core/ --- */

struct domain *domain_get_next(domid_t first)
{
    struct domain *next = first <= d->id ? d : other;

    if (first > next->id)
        return NULL;
    domain_ref(next);
    return next;
}

/* Two domains of 512 absent pages, which may have 2 each, and have filled them. */
static int setup(void **state)
{
    harness_setup(state);
    told = 0;
    d = harness_domain(1, 2);
    other = harness_domain(2, 2);
    for (unsigned int i = 0; i < 2; i++) {
        struct domain *each = i ? other : d;

        assert_int_equal(p2m_set(each, GFN(0), MFN(0), ORDER_2M, P2M_ABSENT), 0);
        assert_int_equal(alloc_set_memory(each, 0, 2), 0);
        each->page_ceiling = 2;
        for (uint64_t gfn = 0; gfn < 2; gfn++) {
            assert_int_equal(fault_resolve(each->vcpu[0], gfn << PAGE_SHIFT, true, false), 0);
            *(uint64_t *)harness_guest(each, gfn << PAGE_SHIFT) = 1;
        }
    }
    cpus[0].softirq = 0;
    cpus[0].vcpu = NULL;
    return 0;
}

static void touch_third(struct domain *each)
{
    assert_int_equal(fault_resolve(each->vcpu[0], 2 << PAGE_SHIFT, true, false), 0);
}

static void dom0_hears_once(void **state)
{
    (void)state;
    assert_int_equal(vcpu_memory_waiting(d, WAIT_MEMORY), 0);
    touch_third(d);
    assert_int_equal(d->vcpu[0]->wait, WAIT_MEMORY);
    assert_true(d->vcpu[0]->exit_again);
    assert_int_equal(told, 1);
    touch_third(d);
    assert_int_equal(told, 1); /* it has not asked */
    touch_third(other);
    assert_int_equal(told, 2);
    assert_int_equal(vcpu_memory_waiting(d, WAIT_MEMORY), 1);
    touch_third(d);
    assert_int_equal(told, 3);
}

static void only_who_has_room_goes_on(void **state)
{
    (void)state;
    touch_third(d);
    touch_third(other);
    vcpu_memory_softirq();
    assert_int_equal(vcpu_memory_waiting(d, WAIT_MEMORY), 1);
    cpus[0].softirq = 0;
    assert_int_equal(alloc_set_memory(other, 0, 3), 0);
    assert_true(cpus[0].softirq & 1u << SOFTIRQ_MEMORY);
    vcpu_memory_softirq();
    assert_int_equal(vcpu_memory_waiting(d, WAIT_MEMORY), 1);
    assert_int_equal(vcpu_memory_waiting(other, WAIT_MEMORY), 0);
    touch_third(other);
    assert_int_equal(other->vcpu[0]->wait, WAIT_NONE);
    /* the first one still waits, and hears of what comes later */
    cpus[0].softirq = 0;
    assert_int_equal(p2m_remove(d, GFN(0)), 0);
    assert_true(cpus[0].softirq & 1u << SOFTIRQ_MEMORY);
    vcpu_memory_softirq();
    assert_int_equal(vcpu_memory_waiting(d, WAIT_MEMORY), 0);
    /* nobody waits: nobody is disturbed */
    cpus[0].softirq = 0;
    assert_int_equal(p2m_remove(d, GFN(1)), 0);
    assert_int_equal(cpus[0].softirq, 0);
}

static void an_overdraft_is_settled_before_the_vcpu_runs(void **state)
{
    struct vcpu *v = d->vcpu[0];
    uint64_t word = 7;

    (void)state;
    assert_int_equal(guest_write_physical(d, 0x5000, &word, sizeof(word)), 0);
    assert_true(cpus[0].softirq & 1u << SOFTIRQ_MEMORY);
    vcpu_memory_softirq(); /* it is not here any more */
    assert_false(v->exit_again);
    cpus[0].vcpu = v;
    vcpu_memory_softirq();
    assert_true(v->exit_again);
    assert_int_equal(v->exit.kind, EXIT_OVERDRAWN);
    assert_int_equal(v->wait, WAIT_NONE);
    v->exit_again = false;
    fault_settle(v);
    assert_int_equal(v->wait, WAIT_MEMORY);
    assert_true(v->exit_again);
    /* a page of zeroes settles it without waiting */
    v->wait = WAIT_NONE;
    v->exit_again = false;
    *(uint64_t *)harness_guest(d, 0x1000) = 0;
    fault_settle(v);
    assert_int_equal(v->wait, WAIT_NONE);
    assert_false(v->exit_again);
    assert_false(alloc_is_overdrawn(d));
    vcpu_memory_softirq();
    assert_false(v->exit_again);
    harness_check_memory();
}

/* The exit that a vcpu waits in is not replaced. */
static void one_exit_at_a_time(void **state)
{
    struct vcpu *v = d->vcpu[0];
    uint64_t word = 7;

    (void)state;
    v->exit.kind = EXIT_FAULT;
    touch_third(d);
    assert_int_equal(guest_write_physical(d, 0x5000, &word, sizeof(word)), 0);
    cpus[0].vcpu = v;
    vcpu_memory_softirq();
    assert_int_equal(v->exit.kind, EXIT_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(dom0_hears_once, setup),
        cmocka_unit_test_setup(only_who_has_room_goes_on, setup),
        cmocka_unit_test_setup(an_overdraft_is_settled_before_the_vcpu_runs, setup),
        cmocka_unit_test_setup(one_exit_at_a_time, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
