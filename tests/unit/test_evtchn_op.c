/* SPDX-License-Identifier: MIT */
/* hypercall/event_channel.c: each operation and who may call it; unmapped arguments. */
#include "evtchn_model.h"
#include "mm/alloc.h"

#include <string.h>

#define ARGS 0x8000u /* guest physical: hypercall arguments */

static long call_at(uint32_t cmd, uint64_t at)
{
    return harness_hypercall(hypercall_event_channel_op, b->vcpu[0], cmd, at, 0, NULL);
}

static long call(struct domain *d, uint32_t cmd, void *arg, size_t size)
{
    gpa_t at = d == a ? 0x300 * PAGE_SIZE : ARGS;
    long rc;

    memcpy(harness_guest(d, at), arg, size);
    rc = harness_hypercall(hypercall_event_channel_op, d->vcpu[0], cmd, at, 0, NULL);
    memcpy(arg, harness_guest(d, at), size);
    return rc;
}

static void test_hypercall(void **state)
{
    struct evtchn_alloc_unbound alloc = { .dom = 1, .remote_dom = DOMID_SELF };
    struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF };
    struct evtchn_status status = { .dom = 1 };
    struct evtchn_reset reset = { .dom = 1 };
    struct evtchn_send send;

    (void)state;
    /* the toolstack, for a guest */
    assert_int_equal(call(a, EVTCHNOP_alloc_unbound, &alloc, sizeof(alloc)), 0);
    status.port = alloc.port;
    assert_int_equal(call(a, EVTCHNOP_status, &status, sizeof(status)), 0);
    assert_int_equal(status.u.unbound.dom, 0);
    alloc = (struct evtchn_alloc_unbound){ .dom = 0, .remote_dom = 1 };
    assert_int_equal(call(b, EVTCHNOP_alloc_unbound, &alloc, sizeof(alloc)), -EPERM);
    alloc = (struct evtchn_alloc_unbound){ .dom = 9, .remote_dom = 1 };
    assert_int_equal(call(a, EVTCHNOP_alloc_unbound, &alloc, sizeof(alloc)), -ESRCH);
    alloc = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    assert_int_equal(call(b, EVTCHNOP_alloc_unbound, &alloc, sizeof(alloc)), 0);
    bind.remote_port = alloc.port;
    assert_int_equal(call(b, EVTCHNOP_bind_interdomain, &bind, sizeof(bind)), 0);
    send.port = bind.local_port;
    assert_int_equal(call(b, EVTCHNOP_send, &send, sizeof(send)), 0);
    assert_true(pending_2l(b, alloc.port));

    status = (struct evtchn_status){ .dom = 0, .port = 1 };
    assert_int_equal(call(b, EVTCHNOP_status, &status, sizeof(status)), -EPERM);
    assert_int_equal(call(a, EVTCHNOP_reset, &reset, sizeof(reset)), -EINVAL); /* b is not paused */
    b->controller_pauses = 1;
    assert_int_equal(call(a, EVTCHNOP_reset, &reset, sizeof(reset)), 0);
    b->controller_pauses = 0;
    reset.dom = DOMID_SELF;
    assert_int_equal(call(b, EVTCHNOP_reset, &reset, sizeof(reset)), 0);

    assert_int_equal(call(b, EVTCHNOP_bind_pirq, &send, sizeof(send)), -ENOSYS);
    for (uint32_t cmd = 14; cmd < 40; cmd++)
        assert_int_equal(call(b, cmd, &send, sizeof(send)), -ENOSYS);
    assert_int_equal(call_at(0xffffffff, ARGS), -ENOSYS);
}

/* Every row does what its name implies, with each of its arguments. */
static void test_hypercall_rows(void **state)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER, .vcpu = 2 };
    struct evtchn_bind_ipi ipi = { .vcpu = 3 };
    struct evtchn_bind_vcpu move = { .vcpu = 1 };
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = 0 };
    struct evtchn_init_control control = { .control_gfn = 16, .offset = 8, .vcpu = 2 };
    struct evtchn_expand_array array = { .array_gfn = 32 };
    struct evtchn_set_priority priority = { .priority = 3 };
    struct evtchn_unmask unmask;
    struct evtchn_close close;

    (void)state;
    assert_int_equal(call(b, EVTCHNOP_bind_virq, &virq, sizeof(virq)), 0);
    assert_int_equal(b->vcpu[2]->evtchn.virq_port[VIRQ_TIMER], virq.port);
    assert_int_equal(call(b, EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)), 0);
    assert_int_equal(status_of(b, ipi.port).status, EVTCHNSTAT_ipi);
    assert_int_equal(status_of(b, ipi.port).vcpu, 3);
    assert_int_equal(call(b, EVTCHNOP_alloc_unbound, &alloc, sizeof(alloc)), 0);
    move.port = alloc.port;
    assert_int_equal(call(b, EVTCHNOP_bind_vcpu, &move, sizeof(move)), 0);
    assert_int_equal(status_of(b, alloc.port).vcpu, 1);

    b->shared_info->evtchn_mask[0] = ~0ull;
    b->shared_info->evtchn_pending[0] = 1ull << ipi.port;
    unmask.port = ipi.port;
    assert_int_equal(call(b, EVTCHNOP_unmask, &unmask, sizeof(unmask)), 0);
    assert_int_equal(b->shared_info->evtchn_mask[0], ~(1ull << ipi.port));
    assert_int_equal(upcalls[1][3], 1);
    unmask.port = BAD_PORT;
    assert_int_equal(call(b, EVTCHNOP_unmask, &unmask, sizeof(unmask)), -EINVAL);

    assert_int_equal(call(b, EVTCHNOP_expand_array, &array, sizeof(array)), -EOPNOTSUPP);
    assert_int_equal(call(b, EVTCHNOP_init_control, &control, sizeof(control)), 0);
    assert_int_equal(control.link_bits, EVTCHN_FIFO_LINK_BITS);
    assert_non_null(b->vcpu[2]->evtchn.fifo);
    assert_int_equal(call(b, EVTCHNOP_expand_array, &array, sizeof(array)), 0);
    assert_int_equal(b->evtchn.fifo_pages, 1);
    priority.port = ipi.port;
    assert_int_equal(call(b, EVTCHNOP_set_priority, &priority, sizeof(priority)), 0);
    assert_int_equal(b->evtchn.buckets[0][ipi.port].priority, 3);
    priority.port = BAD_PORT;
    assert_int_equal(call(b, EVTCHNOP_set_priority, &priority, sizeof(priority)), -EINVAL);

    close.port = ipi.port;
    assert_int_equal(call(b, EVTCHNOP_close, &close, sizeof(close)), 0);
    assert_int_equal(status_of(b, ipi.port).status, EVTCHNSTAT_closed);
    assert_int_equal(call(b, EVTCHNOP_close, &close, sizeof(close)), -EINVAL);
}

/*
 * Unmapped arguments change nothing: past the end of memory, across it, at the end of the address
 * space.
 */
static void test_hypercall_bad_address(void **state)
{
    static const uint64_t bad[] = { 64 * PAGE_SIZE, 64 * PAGE_SIZE - 1, ~0ull, ~0ull - 7 };
    uint32_t active;

    (void)state;
    unbound(b, 0);
    active = b->evtchn.active;
    for (uint32_t cmd = EVTCHNOP_bind_interdomain; cmd <= EVTCHNOP_set_priority; cmd++)
        for (unsigned int i = 0; i < ARRAY_SIZE(bad) && cmd != EVTCHNOP_bind_pirq; i++)
            assert_int_equal(call_at(cmd, bad[i]), -EFAULT);
    assert_int_equal(b->evtchn.active, active);
}

/* A result that cannot be written back: no port is lost. */
static void test_hypercall_read_only(void **state)
{
    uint32_t active = b->evtchn.active;
    mfn_t m = alloc_domain(b, 0);

    (void)state;
    assert_int_equal(p2m_set(b, GFN(100), m, ORDER_4K, P2M_RAM_RO), 0);
    assert_int_equal(call_at(EVTCHNOP_bind_ipi, 100 * PAGE_SIZE), -EFAULT);
    assert_int_equal(b->evtchn.active, active);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVTCHN_TEST(test_hypercall),
        EVTCHN_TEST(test_hypercall_rows),
        EVTCHN_TEST(test_hypercall_bad_address),
        EVTCHN_TEST(test_hypercall_read_only),
    };

    return cmocka_run_group_tests_name("evtchn_op", tests, NULL, NULL);
}
