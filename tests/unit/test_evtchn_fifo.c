/* SPDX-License-Identifier: MIT */
/*
 * FIFO event channels: the guest's event words and their order. Whatever the guest writes there
 * harms only itself.
 */
#include "evtchn_model.h"

#include <string.h>

static void test_fifo_refused(void **state)
{
    (void)state;
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN), -EOPNOTSUPP);
    assert_int_equal(init_control(VCPUS, CONTROL_GFN, 0), -ENOENT);
    assert_int_equal(init_control(~0u, CONTROL_GFN, 0), -ENOENT);
    assert_int_equal(init_control(0, CONTROL_GFN, 4), -EINVAL);
    assert_int_equal(init_control(0, CONTROL_GFN, 4096 - 64), -EINVAL); /* crosses the page's end */
    assert_int_equal(init_control(0, CONTROL_GFN, 0xfffffff8), -EINVAL);
    assert_int_not_equal(init_control(0, 10000, 0), 0); /* no memory there */
    assert_int_not_equal(init_control(0, ~0ull, 0), 0);
    assert_null(b->evtchn.fifo); /* still 2-level */
    for (unsigned int n = 1; !b->evtchn.fifo; n++) {
        harness_fail_alloc(n);
        int rc = init_control(0, CONTROL_GFN, 4096 - 72);

        assert_int_equal(rc, harness_alloc_has_failed() ? -ENOMEM : 0);
        assert_true(!b->evtchn.fifo == !b->vcpu[0]->evtchn.fifo && !b->evtchn.fifo == (rc != 0));
        assert_true(n < 10);
    }
    harness_fail_alloc(0);
    assert_int_equal(init_control(0, CONTROL_GFN, 0), -EINVAL);
    assert_int_not_equal(evtchn_fifo_expand_array(b, 10000), 0);
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN), 0);
    /* its ports end at 1023 */
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN + 1), -ENOSPC);
    assert_int_equal(evtchn_fifo_set_priority(b, ipi(b, 0), 16), -EINVAL);
    assert_int_equal(evtchn_fifo_set_priority(b, BAD_PORT, 0), -EINVAL);
    assert_int_equal(evtchn_fifo_set_priority(b, 99, 0), -EINVAL);
}

/* Switches from 2-level words with every port in use, the last of which does not end a bucket. */
static void test_fifo_all_ports(void **state)
{
    uint32_t port = 0;

    (void)state;
    for (uint32_t i = 1; i <= MAX_PORT; i++)
        ipi(b, 1);
    assert_int_equal(evtchn_send(b, MAX_PORT), 0);
    start_fifo();
    assert_int_equal(evtchn_unmask(b, MAX_PORT), 0);
    assert_int_equal(take(1), MAX_PORT);
    *(event_word_t *)harness_guest(b, ARRAY_GFN * PAGE_SIZE) =
        1u << EVTCHN_FIFO_LINKED; /* port 0's word */
    assert_int_equal(evtchn_bind_ipi(b, 1, &port), -ENOSPC);
}

static void test_fifo_order(void **state)
{
    uint32_t p, q, high;

    (void)state;
    start_fifo();
    p = fifo_ipi(1, 7);
    q = fifo_ipi(1, 7);
    high = fifo_ipi(1, 0);
    assert_int_equal(evtchn_send(b, q), 0);
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(evtchn_send(b, q), 0);
    assert_int_equal(evtchn_send(b, high), 0);
    assert_int_equal(upcalls[1][1], 1); /* upcall_pending was set throughout */
    assert_int_equal(evtchn_is_pending(b, p), 1);
    assert_int_equal(take(1), high);
    assert_int_equal(take(1), q);
    assert_int_equal(take(1), p);
    assert_int_equal(take(1), 0);
    assert_int_equal(evtchn_is_pending(b, p), 0);
    assert_int_equal(evtchn_send(b, p), 0); /* p is the tail that the core remembers */
    assert_int_equal(upcalls[1][1], 2);
    assert_int_equal(take(1), p);
    assert_int_equal(take(1), 0);
    assert_int_equal(take(0), 0);
}

/*
 * An upcall is needed only if the guest has cleared READY of the queue; otherwise it will look
 * again.
 */
static void test_fifo_upcall_for_ready(void **state)
{
    uint32_t p[2], n = 0;

    (void)state;
    start_fifo();
    for (unsigned int priority = 0; priority < EVTCHN_FIFO_MAX_QUEUES; priority++) {
        for (unsigned int i = 0; i < 2; i++)
            p[i] = fifo_ipi(1, priority);
        assert_int_equal(evtchn_send(b, p[0]), 0);
        assert_int_equal(upcalls[1][1], ++n);
        b->vcpu[1]->info->evtchn_upcall_pending = 0;
        *word(p[0]) = 0; /* removed, with READY still set */
        assert_int_equal(evtchn_send(b, p[1]), 0);
        assert_int_equal(upcalls[1][1], n);
        assert_int_equal(control(1)->head[priority], p[1]);
        assert_int_equal(take(1), p[1]);
        assert_int_equal(evtchn_send(b, p[0]), 0);
        assert_int_equal(upcalls[1][1], ++n);
        assert_int_equal(take(1), p[0]);
    }
}

static void test_fifo_mask(void **state)
{
    uint32_t p;

    (void)state;
    start_fifo();
    p = fifo_ipi(0, 7);
    *word(p) |= WORD_MASKED;
    b->vcpu[3]->wait = WAIT_POLL, b->evtchn.polled = true;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(unblocks[1][3], 1);
    assert_int_equal(upcalls[1][0], 0);
    assert_int_equal(take(0), 0);
    assert_int_equal(evtchn_is_pending(b, p), 1);
    assert_int_equal(evtchn_unmask(b, p), 0);
    assert_int_equal(take(0), p);
    /* Masked while queued: the guest drops it, and unmasking queues it again. */
    assert_int_equal(evtchn_send(b, p), 0);
    *word(p) |= WORD_MASKED;
    assert_int_equal(take(0), 0);
    assert_int_equal(evtchn_unmask(b, p), 0);
    assert_int_equal(take(0), p);
}

/* A port that moves to another queue while it is the old one's tail. */
static void test_fifo_moves(void **state)
{
    uint32_t p, q;

    (void)state;
    start_fifo();
    p = unbound(b, b->id);
    assert_int_equal(evtchn_bind_interdomain(b, b->id, p, &q), 0);
    assert_int_equal(evtchn_unmask(b, p), 0);
    assert_int_equal(evtchn_send(b, q), 0);
    assert_int_equal(take(0), p);
    assert_int_equal(evtchn_bind_vcpu(b, p, 1), 0);
    assert_int_equal(evtchn_send(b, q), 0);   /* tail of vcpu 1's queue now */
    assert_int_equal(evtchn_unmask(b, q), 0); /* q has been pending since it was bound: on vcpu 0 */
    assert_int_equal(take(0), q);
    assert_int_equal(take(0), 0);
    assert_int_equal(take(1), p);
    assert_int_equal(take(1), 0);
    assert_int_equal(evtchn_fifo_set_priority(b, p, 3), 0);
    assert_int_equal(evtchn_send(b, q), 0);
    assert_int_equal(take(1), p);
}

/*
 * Sent again while still queued, after the guest only cleared it: it stays there, even if its
 * priority has changed, and later events follow it.
 */
static void test_fifo_sent_in_a_queue(void **state)
{
    uint32_t p, q, r;

    (void)state;
    start_fifo();
    p = fifo_ipi(1, 7);
    q = fifo_ipi(1, 7);
    r = fifo_ipi(1, 3);
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(evtchn_send(b, q), 0);
    *word(p) &= ~WORD_PENDING;
    assert_int_equal(evtchn_fifo_set_priority(b, p, 0), 0);
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(evtchn_send(b, r), 0);
    assert_int_equal(take(1), r);
    assert_int_equal(take(1), p);
    assert_int_equal(take(1), q);
    assert_int_equal(take(1), 0);
}

/* Closed while queued: the port is not reused until the guest has removed it. */
static void test_fifo_close_linked(void **state)
{
    uint32_t p, used;

    (void)state;
    start_fifo();
    p = fifo_ipi(0, 7);
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(evtchn_close_port(b, p), 0);
    for (used = 0; used < MAX_PORT - 1; used++)
        assert_int_not_equal(ipi(b, 1), p);
    assert_int_equal(evtchn_bind_ipi(b, 1, &used), -ENOSPC);
    assert_int_equal(take(0), 0);
    assert_int_equal(ipi(b, 1), p);
}

/* A port that is still queued does not prevent the reuse of others. */
static void test_fifo_free_behind_linked(void **state)
{
    uint32_t p[3], port = 0;

    (void)state;
    start_fifo();
    for (unsigned int i = 0; i < 3; i++)
        p[i] = fifo_ipi(0, 7);
    while (evtchn_bind_ipi(b, 1, &port) == 0)
        ;
    for (unsigned int i = 0; i < 2; i++)
        assert_int_equal(evtchn_send(b, p[i]), 0);
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(evtchn_close_port(b, p[i]), 0);
    assert_int_equal(ipi(b, 1), p[2]);
    assert_int_equal(evtchn_bind_ipi(b, 1, &port), -ENOSPC);
    assert_int_equal(take(0), 0);
    assert_int_equal(ipi(b, 1) + ipi(b, 1), p[0] + p[1]);
}

/* Pending before the switch, and before the page of the array: not lost. */
static void test_fifo_missed(void **state)
{
    uint32_t early = ipi(b, 0), late;

    (void)state;
    assert_int_equal(evtchn_send(b, early), 0);
    assert_int_equal(init_control(0, CONTROL_GFN, 8), 0);
    forget_heads();
    late = ipi(b, 0);
    assert_int_equal(evtchn_send(b, late), 0);
    assert_int_equal(evtchn_is_pending(b, late), 0);
    memset(harness_guest(b, gfn_to_gpa(GFN(ARRAY_GFN))), 0, PAGE_SIZE);
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN), 0);
    assert_int_equal(take(0), early);
    assert_int_equal(take(0), late);
    assert_int_equal(take(0), 0);
}

/* A stale link field of an event word is not part of the queue; priorities start at the default. */
static void test_fifo_fresh(void **state)
{
    uint32_t p;

    (void)state;
    start_fifo();
    p = fifo_ipi(0, 3);
    *word(p) |= 77;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(*word(p), WORD_PENDING | WORD_LINKED);
    assert_int_equal(take(0), p);
    assert_int_equal(evtchn_close_port(b, p), 0);
    while (ipi(b, 0) != p)
        ;
    *word(p) = 0;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(control(0)->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
}

/* A vcpu without a control block gets no event, without harm. */
static void test_fifo_no_control(void **state)
{
    uint32_t p;

    (void)state;
    assert_int_equal(init_control(0, CONTROL_GFN, 8), 0);
    memset(harness_guest(b, gfn_to_gpa(GFN(ARRAY_GFN))), 0, PAGE_SIZE);
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN), 0);
    p = ipi(b, 1);
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(evtchn_is_pending(b, p), 1);
    assert_int_equal(upcalls[1][1], 0);
}

static void test_fifo_reset(void **state)
{
    (void)state;
    start_fifo();
    for (unsigned int i = 0; i < 200; i++)
        assert_int_equal(evtchn_send(b, fifo_ipi(i % VCPUS, i % 16)), 0);
    assert_int_equal(evtchn_reset_all(b), 0);
    assert_null(b->evtchn.fifo);
    assert_int_equal(evtchn_send(b, ipi(b, 0)), 0);
    assert_true(pending_2l(b, 1));
    assert_int_equal(evtchn_close_port(b, 1), 0);
    start_fifo(); /* and back */
}

/* Random traffic against a model: each event that is sent and unmasked arrives exactly once. */
static void test_fifo_random(void **state)
{
    enum { PORTS = 40, ROUNDS = 20000 };
    uint32_t ports[PORTS], seed = 1;
    bool sent[PORTS] = { false };

    (void)state;
    start_fifo();
    for (unsigned int i = 0; i < PORTS; i++)
        ports[i] = fifo_ipi(i % VCPUS, i % 3);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        unsigned int n, got;

        seed = seed * 1103515245 + 12345;
        n = (seed >> 16) % PORTS;
        switch ((seed >> 8) % 8) {
        case 0: *word(ports[n]) |= WORD_MASKED; break;
        case 1: assert_int_equal(evtchn_unmask(b, ports[n]), 0); break;
        case 2: assert_int_equal(evtchn_fifo_set_priority(b, ports[n], seed >> 28), 0); break;
        case 3:
        case 4:
            got = take(n % VCPUS);
            if (got) {
                assert_true(sent[got - ports[0]]);
                sent[got - ports[0]] = false;
            }
            break;
        default: assert_int_equal(evtchn_send(b, ports[n]), 0); sent[n] = true;
        }
    }
    for (unsigned int i = 0; i < PORTS; i++)
        assert_int_equal(evtchn_unmask(b, ports[i]), 0);
    for (unsigned int v = 0; v < VCPUS; v++)
        for (uint32_t got = take(v); got; got = take(v)) {
            assert_true(sent[got - ports[0]]);
            sent[got - ports[0]] = false;
        }
    for (unsigned int i = 0; i < PORTS; i++)
        assert_false(sent[i]);
}

/* The guest writes garbage into all shared words: only its own events are lost. */
static void test_fifo_scribble(void **state)
{
    uint32_t seed = 7;

    (void)state;
    start_fifo();
    for (unsigned int i = 0; i < 100; i++)
        fifo_ipi(i % VCPUS, i % 16);
    for (unsigned int round = 0; round < 20000; round++) {
        seed = seed * 1103515245 + 12345;
        *word(1 + (seed >> 16) % 100) = seed * 2654435761u;
        ((uint32_t *)control(round % VCPUS))[(seed >> 8) % 18] = seed * 2246822519u;
        evtchn_send(b, 1 + (seed >> 20) % 100);
        evtchn_unmask(b, 1 + (seed >> 12) % 100);
        if (round % 64 == 0) {
            uint32_t port = 1 + (seed >> 18) % 100;

            if (evtchn_close_port(b, port) == 0)
                ipi(b, round % VCPUS);
        }
    }
    assert_int_equal(evtchn_check(b), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVTCHN_TEST(test_fifo_refused),
        EVTCHN_TEST(test_fifo_all_ports),
        EVTCHN_TEST(test_fifo_order),
        EVTCHN_TEST(test_fifo_upcall_for_ready),
        EVTCHN_TEST(test_fifo_mask),
        EVTCHN_TEST(test_fifo_moves),
        EVTCHN_TEST(test_fifo_sent_in_a_queue),
        EVTCHN_TEST(test_fifo_close_linked),
        EVTCHN_TEST(test_fifo_free_behind_linked),
        EVTCHN_TEST(test_fifo_missed),
        EVTCHN_TEST(test_fifo_fresh),
        EVTCHN_TEST(test_fifo_no_control),
        EVTCHN_TEST(test_fifo_reset),
        EVTCHN_TEST(test_fifo_random),
        EVTCHN_TEST(test_fifo_scribble),
    };

    return cmocka_run_group_tests_name("evtchn_fifo", tests, NULL, NULL);
}
