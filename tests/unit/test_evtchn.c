/* SPDX-License-Identifier: MIT */
/* Event channels: bindings, 2-level delivery, polling, reset, and the checker's findings. */
#include "evtchn_model.h"
#include "mm/alloc.h"
#include "percpu.h"

#include <string.h>

/* --- ports and bindings --- */

static void test_interdomain(void **state)
{
    struct evtchn_status s;
    uint32_t pb = unbound(b, 0), pa = 0, other = 0;

    (void)state;
    assert_int_equal(pb, 1);
    s = status_of(b, pb);
    assert_int_equal(s.status, EVTCHNSTAT_unbound);
    assert_int_equal(s.u.unbound.dom, 0);

    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &pa), 0);
    assert_true(pending_2l(a, pa)); /* even without a send by b */
    assert_false(pending_2l(b, pb));
    s = status_of(a, pa);
    assert_int_equal(s.status, EVTCHNSTAT_interdomain);
    assert_int_equal(s.u.interdomain.dom, 1);
    assert_int_equal(s.u.interdomain.port, pb);
    s = status_of(b, pb);
    assert_int_equal(s.u.interdomain.dom, 0);
    assert_int_equal(s.u.interdomain.port, pa);
    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &other), -EINVAL); /* already has a peer */

    assert_int_equal(evtchn_close_port(a, pa), 0);
    assert_int_equal(status_of(a, pa).status, EVTCHNSTAT_closed);
    s = status_of(b, pb);
    assert_int_equal(s.status, EVTCHNSTAT_unbound);
    assert_int_equal(s.u.unbound.dom, 0);
    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &pa), 0); /* once more */
}

static void test_bind_refused(void **state)
{
    uint32_t self = unbound(b, b->id), port = 0;

    (void)state;
    assert_int_equal(evtchn_bind_interdomain(a, 1, self, &port), -EINVAL); /* not for a */
    assert_int_equal(evtchn_bind_interdomain(a, 1, 0, &port), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, 1, self + 1, &port), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, 1, BAD_PORT, &port), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, 1, ~0u, &port), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, 7, 1, &port), -ESRCH);
    assert_int_equal(evtchn_bind_interdomain(a, DOMID_INVALID, 1, &port), -ESRCH);
    assert_int_equal(port, 0);
}

static void test_loopback(void **state)
{
    uint32_t p = unbound(b, b->id), q = 0;

    (void)state;
    assert_int_equal(evtchn_bind_interdomain(b, b->id, p, &q), 0);
    assert_int_not_equal(p, q);
    assert_true(pending_2l(b, q));
    assert_int_equal(evtchn_send(b, q), 0);
    assert_true(pending_2l(b, p));
    assert_int_equal(evtchn_close_port(b, p), 0);
    assert_int_equal(status_of(b, q).status, EVTCHNSTAT_unbound);
}

static void test_bad_ports(void **state)
{
    static const uint32_t bad[] = { 0,    5,      EVTCHN_BUCKET, MAX_PORT, MAX_PORT + 1,
                                    4096, 131071, 131072,        BAD_PORT, ~0u };
    struct evtchn_status s = { 0 };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(evtchn_send(b, bad[i]), -EINVAL);
        assert_int_equal(evtchn_close_port(b, bad[i]), -EINVAL);
        assert_int_equal(evtchn_unmask(b, bad[i]), -EINVAL);
        assert_int_equal(evtchn_bind_vcpu(b, bad[i], 0), -EINVAL);
        assert_int_equal(evtchn_is_pending(b, bad[i]), -EINVAL);
        assert_int_equal(evtchn_fifo_set_priority(b, bad[i], 0), -ENOSYS);
    }
    /* lsevtchn counts from 0 up to the first error */
    assert_int_equal(evtchn_status_of(b, &s), 0);
    assert_int_equal(s.status, EVTCHNSTAT_closed);
    s.port = EVTCHN_BUCKET;
    assert_int_equal(evtchn_status_of(b, &s), -EINVAL);
}

static void test_virq(void **state)
{
    uint32_t timer0 = 0, timer1 = 0, exc = 0, port = 0;

    (void)state;
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 0, &timer0), 0);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 1, &timer1), 0);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 1, &port), -EEXIST);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, VCPUS, &port), -ENOENT);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, ~0u, &port), -ENOENT);
    assert_int_equal(evtchn_bind_virq(b, NR_VIRQS, 0, &port), -EINVAL);
    assert_int_equal(evtchn_bind_virq(b, ~0u, 0, &port), -EINVAL);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_DOM_EXC, 0, &port), -EPERM);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 1, &port), -EINVAL);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 0, &exc), 0);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 0, &port), -EEXIST);
    assert_int_equal(status_of(b, timer1).vcpu, 1);
    assert_int_equal(status_of(b, timer1).status, EVTCHNSTAT_virq);

    evtchn_raise_virq(b->vcpu[1], VIRQ_TIMER);
    assert_true(pending_2l(b, timer1));
    assert_false(pending_2l(b, timer0));
    assert_int_equal(upcalls[1][1], 1);
    evtchn_raise_virq(b->vcpu[1], VIRQ_DEBUG);                 /* not bound */
    assert_int_equal(evtchn_bind_vcpu(b, timer1, 0), -EINVAL); /* stays where it is */

    evtchn_raise_global_virq(VIRQ_DOM_EXC);
    assert_true(pending_2l(a, exc));
    evtchn_raise_global_virq(VIRQ_CONSOLE);
    assert_int_equal(evtchn_bind_vcpu(a, exc, 3), 0); /* a global one moves */
    assert_int_equal(status_of(a, exc).vcpu, 3);
    a->shared_info->evtchn_pending[0] = 0;
    evtchn_raise_global_virq(VIRQ_DOM_EXC);
    assert_int_equal(upcalls[0][3], 1);
    assert_int_equal(evtchn_close_port(a, exc), 0);
    a->shared_info->evtchn_pending[0] = 0;
    evtchn_raise_global_virq(VIRQ_DOM_EXC);
    assert_int_equal(a->shared_info->evtchn_pending[0], 0);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 0, &exc), 0);
    assert_int_equal(evtchn_send(b, timer0), -EINVAL);
}

static void test_ipi(void **state)
{
    uint32_t p = ipi(b, 2), port = 0;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(b, VCPUS, &port), -ENOENT);
    assert_int_equal(evtchn_bind_ipi(b, ~0u, &port), -ENOENT);
    assert_int_equal(evtchn_send(b, p), 0);
    assert_true(pending_2l(b, p));
    assert_int_equal(upcalls[1][2], 1);
    assert_int_equal(evtchn_bind_vcpu(b, p, 0), -EINVAL);
    assert_int_equal(status_of(b, p).status, EVTCHNSTAT_ipi);
    assert_int_equal(status_of(b, p).vcpu, 2);
}

/* All ports up to the domain's limit can be allocated, not one more, and a closed one is reused. */
static void test_all_ports(void **state)
{
    struct evtchn_status beyond = { .port = MAX_PORT + 1 };
    uint32_t port = 0;

    (void)state;
    for (uint32_t i = 1; i <= MAX_PORT; i++)
        assert_int_equal(unbound(b, 0), i);
    assert_int_equal(evtchn_status_of(b, &beyond), -EINVAL);
    assert_int_equal(evtchn_alloc_unbound(b, 0, &port), -ENOSPC);
    assert_int_equal(evtchn_bind_ipi(b, 0, &port), -ENOSPC);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 0, &port), -ENOSPC);
    assert_int_equal(b->vcpu[0]->evtchn.virq_port[VIRQ_TIMER], 0);
    assert_int_equal(evtchn_close_port(b, 500), 0);
    assert_int_equal(unbound(b, 0), 500);
    for (uint32_t i = 1; i < EVTCHN_2L_NR_CHANNELS; i++)
        assert_int_equal(unbound(a, 0), i);
    /* more than 2-level words can hold */
    assert_int_equal(evtchn_alloc_unbound(a, 0, &port), -ENOSPC);
}

static void test_no_memory(void **state)
{
    uint32_t port = 0;

    (void)state;
    for (uint32_t i = 1; i < EVTCHN_BUCKET; i++)
        unbound(b, 0);
    harness_fail_alloc(1);
    assert_int_equal(evtchn_alloc_unbound(b, 0, &port), -ENOMEM);
    harness_fail_alloc(0);
    assert_int_equal(evtchn_alloc_unbound(b, 0, &port), 0);
    assert_int_equal(port, EVTCHN_BUCKET);
    /* even if the pool has room */
    for (uint32_t i = EVTCHN_BUCKET + 1; i < 2 * EVTCHN_BUCKET; i++)
        unbound(b, 0);
    assert_int_equal(alloc_set_pool(b, b->pool.used), 0);
    assert_int_equal(evtchn_alloc_unbound(b, 0, &port), -ENOMEM);
    assert_int_equal(alloc_set_pool(b, b->pool.used + 1), 0);
    assert_int_equal(evtchn_alloc_unbound(b, 0, &port), 0);
}

static void test_dying(void **state)
{
    uint32_t pb = unbound(b, 0), port = 0;

    (void)state;
    b->dying = DOMAIN_DYING;
    assert_int_equal(evtchn_alloc_unbound(b, 0, &port), -EINVAL);
    assert_int_equal(evtchn_bind_ipi(b, 0, &port), -EINVAL);
    /* disconnected when b's ports are closed */
    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &port), 0);
    while (evtchn_teardown(b) == -ERESTART)
        ;
    assert_int_equal(status_of(a, port).status, EVTCHNSTAT_unbound);
    assert_int_equal(evtchn_send(a, port), 0);
    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &pb), -EINVAL);
    assert_int_equal(evtchn_reset_all(b), 0);
    assert_int_equal(evtchn_alloc_unbound(b, 0, &port), -EINVAL);
    evtchn_raise_virq(b->vcpu[0], VIRQ_TIMER);
}

/* --- 2-level delivery --- */

static void test_send_2l(void **state)
{
    uint32_t pa, pb;

    (void)state;
    channel(&pa, &pb);
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_true(pending_2l(b, pb));
    assert_int_equal(b->vcpu[0]->info->evtchn_pending_sel, 1ull << pb / 64);
    assert_int_equal(b->vcpu[0]->info->evtchn_upcall_pending, 1);
    assert_int_equal(upcalls[1][0], 1);
    assert_int_equal(evtchn_is_pending(b, pb), 1);
    assert_int_equal(evtchn_send(a, pa), 0); /* is pending already */
    assert_int_equal(upcalls[1][0], 1);

    b->shared_info->evtchn_pending[pb / 64] = 0;
    assert_int_equal(evtchn_is_pending(b, pb), 0);
    assert_int_equal(evtchn_send(a, pa), 0); /* the guest has not read its selector yet */
    assert_int_equal(upcalls[1][0], 1);

    b->shared_info->evtchn_pending[pb / 64] = 0;
    b->vcpu[0]->info->evtchn_pending_sel = 0;
    b->vcpu[0]->info->evtchn_upcall_pending = 0;
    assert_int_equal(evtchn_bind_vcpu(b, pb, 3), 0);
    assert_int_equal(evtchn_bind_vcpu(b, pb, VCPUS), -ENOENT);
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_int_equal(upcalls[1][3], 1);
    assert_int_equal(upcalls[1][0], 1);
    assert_int_equal(evtchn_send(b, unbound(b, 0)), 0); /* to no peer */
}

static void test_mask_2l(void **state)
{
    uint32_t p = ipi(b, 1);

    (void)state;
    b->shared_info->evtchn_mask[p / 64] = 1ull << p % 64;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_true(pending_2l(b, p));
    assert_int_equal(b->vcpu[1]->info->evtchn_pending_sel, 0);
    assert_int_equal(upcalls[1][1], 0);
    assert_int_equal(evtchn_unmask(b, p), 0);
    assert_int_equal(b->shared_info->evtchn_mask[p / 64], 0);
    assert_int_equal(upcalls[1][1], 1);
    assert_int_equal(evtchn_unmask(b, p), 0); /* was not masked */
    assert_int_equal(upcalls[1][1], 1);
    b->shared_info->evtchn_mask[p / 64] = ~0ull;
    b->shared_info->evtchn_pending[p / 64] = 0;
    assert_int_equal(evtchn_unmask(b, p), 0); /* nothing pending */
    assert_int_equal(upcalls[1][1], 1);
}

/* As core/domain.c does. */
static void set_compat(struct domain *d, bool compat)
{
    d->compat = compat;
    for_each_vcpu(d, v)
        evtchn_vcpu_info_moved(v);
}

/*
 * Words of a 32-bit guest: the masks follow after 1024 bits, the selector is the second word of
 * vcpu_info.
 */
static void test_compat_2l(void **state)
{
    uint32_t p = ipi(b, 1), *pending = (uint32_t *)b->shared_info->evtchn_pending,
             *mask = pending + 32;
    uint32_t *selector = (uint32_t *)b->vcpu[1]->info + 1;

    (void)state;
    while (p < 40)
        p = ipi(b, 1);
    assert_int_equal(evtchn_send(b, p), 0);
    set_compat(b, true); /* pending events appear in the new place */
    assert_int_equal(pending[p / 32], 1u << p % 32);
    assert_int_equal(*selector, ~0u);
    assert_int_equal(b->vcpu[1]->info->evtchn_upcall_pending, 1);
    assert_int_equal(upcalls[1][1], 2);

    pending[p / 32] = *selector = b->vcpu[1]->info->evtchn_upcall_pending = 0;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(pending[p / 32], 1u << p % 32);
    assert_int_equal(*selector, 1u << p / 32);
    assert_int_equal(upcalls[1][1], 3);

    pending[p / 32] = *selector = b->vcpu[1]->info->evtchn_upcall_pending = 0;
    mask[p / 32] = 1u << p % 32;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(upcalls[1][1], 3);
    assert_int_equal(evtchn_unmask(b, p), 0);
    assert_int_equal(mask[p / 32], 0);
    assert_int_equal(upcalls[1][1], 4);
    set_compat(b, false);
    assert_int_equal(b->vcpu[1]->info->evtchn_pending_sel, ~0ull);
}

/* A reused port starts not pending, on vcpu 0. */
static void test_close_clears(void **state)
{
    uint32_t p = ipi(b, 2);

    (void)state;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(evtchn_close_port(b, p), 0);
    assert_false(pending_2l(b, p));
    assert_int_equal(unbound(b, 0), p);
    assert_int_equal(status_of(b, p).vcpu, 0);
}

static void test_poll(void **state)
{
    uint32_t p = ipi(b, 0);

    (void)state;
    b->shared_info->evtchn_mask[p / 64] = ~0ull; /* a poller keeps its port masked */
    b->vcpu[2]->wait = WAIT_POLL, b->evtchn.polled = true;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(unblocks[1][2], 1);
    assert_int_equal(b->vcpu[2]->wait, WAIT_NONE);
    assert_int_equal(unblocks[1][0] + unblocks[1][1] + unblocks[1][3], 0);
    b->vcpu[2]->wait = WAIT_POLL, b->evtchn.polled = true;
    assert_int_equal(evtchn_send(b, p), 0); /* was pending: nothing new */
    assert_int_equal(unblocks[1][2], 1);
}

static void test_info_moved(void **state)
{
    vcpu_info_t elsewhere = { 0 };

    (void)state;
    b->vcpu[1]->info = &elsewhere;
    evtchn_vcpu_info_moved(b->vcpu[1]);
    assert_int_equal(elsewhere.evtchn_upcall_pending, 1);
    assert_true(elsewhere.evtchn_pending_sel == ~0ul);
    assert_int_equal(upcalls[1][1], 1);
    b->vcpu[1]->info = &b->shared_info->vcpu_info[1];
}

static void test_reset(void **state)
{
    uint32_t pa, pb, exc = 0;

    (void)state;
    /* with the three below, no port is free */
    for (unsigned int i = 0; i < 3 * EVTCHN_BUCKET - 4; i++)
        unbound(b, 0);
    channel(&pa, &pb);
    ipi(b, 0);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 2, &exc), 0);
    harness_preempt_every = 10;
    for (unsigned int i = 0; evtchn_reset_all(b) == -ERESTART; i++) {
        assert_int_equal(evtchn_check(b), 0);
        if (i == 12)
            ipi(b, 0); /* bound meanwhile, where the reset has already been: closed too */
    }
    assert_int_equal(b->evtchn.active, 0);
    assert_int_equal(b->evtchn.ports, 1);
    assert_int_equal(b->vcpu[2]->evtchn.virq_port[VIRQ_TIMER], 0);
    assert_int_equal(status_of(a, pa).status, EVTCHNSTAT_unbound);
    assert_int_equal(unbound(b, 0), 1);
    harness_preempt_every = 0;
    assert_int_equal(evtchn_reset_all(a), 0);
    assert_int_equal(evtchn_reset_all(a), 0);
}

/* Teardown is preemptible and resumes. */
static void test_teardown_in_steps(void **state)
{
    unsigned int steps = 0;

    (void)state;
    for (unsigned int i = 0; i < 3 * EVTCHN_BUCKET - 1; i++)
        unbound(b, 0);
    b->dying = DOMAIN_DYING;
    harness_preempt_every = 1;
    while (b->evtchn.buckets) {
        int rc = evtchn_teardown(b);

        assert_int_equal(rc, b->evtchn.buckets ? -ERESTART : 0);
        steps++;
    }
    assert_true(steps >= 3 * EVTCHN_BUCKET);
    assert_int_equal(evtchn_teardown(b), 0);
    harness_preempt_every = 0;
}

static unsigned int pauses, changes_left;

static void change_ports(void)
{
    pauses++;
    assert_int_equal(cpus[0].held[LOCK_EVTCHN], 0);
    if (changes_left == 0)
        return;
    changes_left--;
    unbound(b, 0); /* changes the sums each time */
}

/* The checker releases the lock after each batch, and its sums are correct. */
static void test_check_lets_others_in(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 1000; i++)
        unbound(b, 0);
    for (uint32_t port = 10; port < 500; port += 2)
        assert_int_equal(evtchn_close_port(b, port), 0);
    pauses = changes_left = 0;
    harness_on_pause = change_ports;
    assert_int_equal(evtchn_check(b), 0);
    assert_in_range(pauses, 4, 5); /* 1000 ports, 245 of them a second time in the queue */
    for (unsigned int n = 1; n < 7; n++) {
        changes_left = n;
        assert_int_equal(evtchn_check(b), 0);
        assert_int_equal(changes_left, 0);
    }
    harness_quiet = true;
    changes_left = 2;
    b->evtchn.active++;
    assert_int_equal(evtchn_check(b), 1);
    b->evtchn.active--;
    harness_on_pause = NULL;
}

/* The checker finds each inconsistency. */
static void test_check_finds(void **state)
{
    uint32_t pa, pb, virq = 0;

    (void)state;
    channel(&pa, &pb);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 1, &virq), 0);
    assert_int_equal(evtchn_check(a) + evtchn_check(b), 0);
    harness_quiet = true;
    b->evtchn.active++;
    assert_in_range(evtchn_check(b), 1, 20);
    b->evtchn.active--;
    b->vcpu[1]->evtchn.virq_port[VIRQ_TIMER] = pb;
    assert_in_range(evtchn_check(b), 1, 20);
    b->vcpu[1]->evtchn.virq_port[VIRQ_TIMER] = virq;
    uint32_t free = unbound(b, 0);

    assert_int_equal(evtchn_check(b), 0);
    b->evtchn.ports++; /* a port that is neither used nor free */
    assert_in_range(evtchn_check(b), 1, 20);
    b->evtchn.ports--;
    b->shared_info->evtchn_pending[0] = b->shared_info->evtchn_mask[0] = 1ull << free;
    evtchn_dump(b); /* the last line is for the highest port */
    assert_non_null(strstr(harness_log, "unbound, for d0, vcpu 0, pending, masked\n"));
    assert_int_equal(evtchn_close_port(b, free), 0);
    evtchn_dump(b);
    assert_non_null(strstr(harness_log, "virq 0, vcpu 1\n"));
    evtchn_dump(a);
    assert_non_null(strstr(harness_log, "to d1 port 1, vcpu 0\n"));
}

/*
 * The lock for all domains is acquired to bind and unbind two domains, not for failed attempts of a
 * guest.
 */
static void only_bindings_take_the_lock_of_all(void **state)
{
    unsigned int before = harness_locks_taken(LOCK_BIND);
    uint32_t port, offer;

    (void)state;
    assert_int_equal(evtchn_close_port(b, 0), -EINVAL);
    assert_int_equal(evtchn_close_port(b, 5), -EINVAL);
    assert_int_equal(evtchn_close_port(b, ~0u), -EINVAL);
    assert_int_equal(evtchn_bind_ipi(b, 1, &port), 0);
    assert_int_equal(evtchn_close_port(b, port), 0);
    assert_int_equal(evtchn_close_port(b, port), -EINVAL);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 1, &port), 0);
    assert_int_equal(evtchn_close_port(b, port), 0);
    assert_int_equal(evtchn_alloc_unbound(a, 1, &offer), 0);
    assert_int_equal(evtchn_bind_interdomain(b, 0, offer + 1, &port), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(b, 1, offer, &port), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(b, 0, ~0u, &port), -EINVAL);
    assert_int_equal(evtchn_close_port(a, offer), 0);
    assert_int_equal(harness_locks_taken(LOCK_BIND), before);
    assert_int_equal(evtchn_alloc_unbound(a, 1, &offer), 0);
    assert_takes(LOCK_BIND, 1, assert_int_equal(evtchn_bind_interdomain(b, 0, offer, &port), 0));
    assert_takes(LOCK_BIND, 1, assert_int_equal(evtchn_close_port(b, port), 0));
    assert_int_equal(evtchn_close_port(a, offer), 0);
}

/* Vcpus without a vcpu_info get no upcall. */
static void without_a_vcpu_info_there_is_no_upcall(void **state)
{
    struct vcpu *v = b->vcpu[2];
    vcpu_info_t *place = v->info;
    uint32_t port;

    (void)state;
    v->info = &v->no_info;
    assert_int_equal(evtchn_bind_ipi(b, 2, &port), 0);
    assert_int_equal(evtchn_send(b, port), 0);
    evtchn_vcpu_info_moved(v);
    assert_int_equal(upcalls[1][2], 0);
    assert_int_equal(v->no_info.evtchn_upcall_pending, 0);
    v->info = place; /* what was sent is pending once it has one */
    evtchn_vcpu_info_moved(v);
    assert_int_equal(upcalls[1][2], 1);
    assert_true(place->evtchn_upcall_pending && place->evtchn_pending_sel);
    assert_int_equal(evtchn_close_port(b, port), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVTCHN_TEST(test_interdomain),
        EVTCHN_TEST(test_bind_refused),
        EVTCHN_TEST(test_loopback),
        EVTCHN_TEST(test_bad_ports),
        EVTCHN_TEST(test_virq),
        EVTCHN_TEST(test_ipi),
        EVTCHN_TEST(test_all_ports),
        EVTCHN_TEST(test_no_memory),
        EVTCHN_TEST(test_dying),
        EVTCHN_TEST(test_send_2l),
        EVTCHN_TEST(test_mask_2l),
        EVTCHN_TEST(test_compat_2l),
        EVTCHN_TEST(test_close_clears),
        EVTCHN_TEST(test_poll),
        EVTCHN_TEST(test_info_moved),
        EVTCHN_TEST(test_reset),
        EVTCHN_TEST(test_teardown_in_steps),
        EVTCHN_TEST(test_check_lets_others_in),
        EVTCHN_TEST(test_check_finds),
        EVTCHN_TEST(only_bindings_take_the_lock_of_all),
        EVTCHN_TEST(without_a_vcpu_info_there_is_no_upcall),
    };

    return cmocka_run_group_tests_name("evtchn", tests, NULL, NULL);
}
