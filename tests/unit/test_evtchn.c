/* SPDX-License-Identifier: MIT */
/*
 * Event channels: what may be bound to what, what a guest finds in its shared words, and that whatever it
 * writes there hurts only itself. The core's evtchn*.c and hypercall/event_channel.c with the real memory
 * management; upcalls and wake-ups are counted here.
 */
#include "harness.h"

#include "alloc.h"
#include "core/evtchn_internal.h"
#include "directmap.h"

#include <stdlib.h>
#include <string.h>

#define VCPUS 4
#define MAX_PORT 1000                 /* not at the end of a bucket */
#define BAD_PORT 0x7fffffffu
#define ARGS 0x8000u                  /* guest physical: hypercall arguments */

struct domain *dom0;
static struct domain *a, *b;          /* dom0 and a guest, of VCPUS vcpus each */
static unsigned int upcalls[2][VCPUS], unblocks[2][VCPUS];

void vcpu_event_upcall(struct vcpu *v)
{
    upcalls[v->d->id][v->id]++;
}

void vcpu_unblock(struct vcpu *v)
{
    unblocks[v->d->id][v->id]++;
    v->blocked = v->polling = false;
}

static struct domain *make(domid_t id, uint32_t max_port)
{
    struct domain *d = harness_domain(id, 4096);

    d->shared_info_mfn = alloc_core(0);
    d->shared_info = mfn_to_virt(d->shared_info_mfn);
    d->max_vcpus = VCPUS;
    for (unsigned int i = 0; i < VCPUS; i++) {
        if (!d->vcpu[i])
            d->vcpu[i] = calloc(1, sizeof(struct vcpu));
        d->vcpu[i]->d = d;
        d->vcpu[i]->id = i;
        d->vcpu[i]->info = &d->shared_info->vcpu_info[i];
    }
    assert_int_equal(evtchn_init(d, max_port), 0);
    return d;
}

static int setup(void **state)
{
    (void)state;
    harness_machine(64);
    memset(upcalls, 0, sizeof(upcalls));
    memset(unblocks, 0, sizeof(unblocks));
    a = dom0 = make(0, ~0u);
    b = make(1, MAX_PORT);
    harness_populate(b, 0, 64);
    harness_populate(a, 0x300, 16);
    return 0;
}

static void end(struct domain *d)
{
    while (evtchn_teardown(d) == -ERESTART)
        ;
    assert_int_equal(evtchn_check(d), 0);
    for (unsigned int i = 0; i < VCPUS; i++)
        for (unsigned int n = 0; n < NR_VIRQS; n++)
            assert_int_equal(d->vcpu[i]->evtchn.virq_port[n], 0);
    free_core(d->shared_info_mfn, 0);
    harness_kill(d);
    assert_int_equal(d->tot_pages, 0); /* nothing is pinned */
    assert_int_equal(d->pool.used, 0);
    for (unsigned int i = 1; i < VCPUS; i++)
        free(d->vcpu[i]);
}

/* Every test ends with both domains' ends: nothing may be left, of ports, pins or memory. */
static int teardown(void **state)
{
    (void)state;
    assert_int_equal(evtchn_check(a) + evtchn_check(b), 0);
    end(b);
    end(a);
    assert_int_equal(heap_used(), 0);
    harness_check_memory();
    return 0;
}

/* --- helpers --- */

static uint32_t unbound(struct domain *d, domid_t remote)
{
    uint32_t port = 0;

    assert_int_equal(evtchn_alloc_unbound(d, remote, &port), 0);
    return port;
}

static uint32_t ipi(struct domain *d, uint32_t vcpu)
{
    uint32_t port = 0;

    assert_int_equal(evtchn_bind_ipi(d, vcpu, &port), 0);
    return port;
}

static struct evtchn_status status_of(struct domain *d, uint32_t port)
{
    struct evtchn_status s = { .port = port };

    assert_int_equal(evtchn_status_of(d, &s), 0);
    return s;
}

/* A channel from a's port *pa to b's port *pb, nothing pending. */
static void channel(uint32_t *pa, uint32_t *pb)
{
    *pb = unbound(b, a->id);
    assert_int_equal(evtchn_bind_interdomain(a, b->id, *pb, pa), 0);
    a->shared_info->evtchn_pending[*pa / 64] = 0;
    for (unsigned int i = 0; i < VCPUS; i++) {
        a->vcpu[i]->info->evtchn_pending_sel = 0;
        a->vcpu[i]->info->evtchn_upcall_pending = 0;
    }
    memset(upcalls, 0, sizeof(upcalls));
}

static bool pending_2l(struct domain *d, uint32_t port)
{
    return d->shared_info->evtchn_pending[port / 64] >> port % 64 & 1;
}

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
    assert_true(pending_2l(a, pa)); /* whatever b sent before */
    assert_false(pending_2l(b, pb));
    s = status_of(a, pa);
    assert_int_equal(s.status, EVTCHNSTAT_interdomain);
    assert_int_equal(s.u.interdomain.dom, 1);
    assert_int_equal(s.u.interdomain.port, pb);
    s = status_of(b, pb);
    assert_int_equal(s.u.interdomain.dom, 0);
    assert_int_equal(s.u.interdomain.port, pa);
    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &other), -EINVAL); /* it has a peer */

    assert_int_equal(evtchn_close_port(a, pa), 0);
    assert_int_equal(status_of(a, pa).status, EVTCHNSTAT_closed);
    s = status_of(b, pb);
    assert_int_equal(s.status, EVTCHNSTAT_unbound);
    assert_int_equal(s.u.unbound.dom, 0);
    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &pa), 0); /* and again */
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
    static const uint32_t bad[] = { 0, 5, EVTCHN_BUCKET, MAX_PORT, MAX_PORT + 1, 4096, 131071, 131072,
                                    BAD_PORT, ~0u };
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
    assert_int_equal(evtchn_status_of(b, &s), 0); /* lsevtchn begins with 0 and goes on to the first error */
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
    evtchn_raise_virq(b->vcpu[1], VIRQ_DEBUG); /* nobody wants it */
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

/* All ports up to the domain's limit can be had, not one more, and a closed one comes back. */
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
    assert_int_equal(evtchn_alloc_unbound(a, 0, &port), -ENOSPC); /* more than 2-level words can show */
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
    /* nor a pool with room */
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
    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &port), 0); /* cut again when b's ports are closed */
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
    assert_int_equal(evtchn_send(a, pa), 0); /* the guest has not looked at its selector yet */
    assert_int_equal(upcalls[1][0], 1);

    b->shared_info->evtchn_pending[pb / 64] = 0;
    b->vcpu[0]->info->evtchn_pending_sel = 0;
    b->vcpu[0]->info->evtchn_upcall_pending = 0;
    assert_int_equal(evtchn_bind_vcpu(b, pb, 3), 0);
    assert_int_equal(evtchn_bind_vcpu(b, pb, VCPUS), -ENOENT);
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_int_equal(upcalls[1][3], 1);
    assert_int_equal(upcalls[1][0], 1);
    assert_int_equal(evtchn_send(b, unbound(b, 0)), 0); /* to nobody */
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

/* As core/domain.c does it. */
static void set_compat(struct domain *d, bool compat)
{
    d->compat = compat;
    for_each_vcpu(d, v)
        evtchn_vcpu_info_moved(v);
}

/* A 32-bit guest's words: the masks follow after 1024 bits, the selector is the second word of vcpu_info. */
static void test_compat_2l(void **state)
{
    uint32_t p = ipi(b, 1), *pending = (uint32_t *)b->shared_info->evtchn_pending, *mask = pending + 32;
    uint32_t *selector = (uint32_t *)b->vcpu[1]->info + 1;

    (void)state;
    while (p < 40)
        p = ipi(b, 1);
    assert_int_equal(evtchn_send(b, p), 0);
    set_compat(b, true);              /* what was pending is seen at the new place */
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

/* The next user of a port starts afresh: not pending, on vcpu 0. */
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
    b->vcpu[2]->polling = b->evtchn.polled = true;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(unblocks[1][2], 1);
    assert_false(b->vcpu[2]->polling);
    assert_int_equal(unblocks[1][0] + unblocks[1][1] + unblocks[1][3], 0);
    b->vcpu[2]->polling = b->evtchn.polled = true;
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
    for (unsigned int i = 0; i < 3 * EVTCHN_BUCKET - 4; i++) /* with the three below no port is free */
        unbound(b, 0);
    channel(&pa, &pb);
    ipi(b, 0);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 2, &exc), 0);
    harness_preempt_every = 10;
    for (unsigned int i = 0; evtchn_reset_all(b) == -ERESTART; i++) {
        assert_int_equal(evtchn_check(b), 0);
        if (i == 12)
            ipi(b, 0); /* bound meanwhile, where the reset has been already: lost */
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

static unsigned int pauses, changes_left;

static void change_ports(void)
{
    pauses++;
    assert_int_equal(cpus[0].held[LOCK_EVTCHN], 0);
    if (changes_left == 0)
        return;
    changes_left--;
    unbound(b, 0); /* one more in the sums each time */
}

/* It lets others in after each batch, and sums up right. */
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

/* The checker finds what is wrong. */
static void test_check_finds(void **state)
{
    uint32_t pa, pb, virq = 0;

    (void)state;
    channel(&pa, &pb);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_TIMER, 1, &virq), 0);
    assert_int_equal(evtchn_check(a) + evtchn_check(b), 0);
    harness_quiet = true;
    b->evtchn.active++;
    assert_int_not_equal(evtchn_check(b), 0);
    b->evtchn.active--;
    b->vcpu[1]->evtchn.virq_port[VIRQ_TIMER] = pb;
    assert_int_not_equal(evtchn_check(b), 0);
    b->vcpu[1]->evtchn.virq_port[VIRQ_TIMER] = virq;
    uint32_t free = unbound(b, 0);

    assert_int_equal(evtchn_check(b), 0);
    b->evtchn.ports++; /* one that is neither used nor free */
    assert_int_not_equal(evtchn_check(b), 0);
    b->evtchn.ports--;
    b->shared_info->evtchn_pending[0] = b->shared_info->evtchn_mask[0] = 1ull << free;
    evtchn_dump(b); /* the last line is of the highest port */
    assert_non_null(strstr(harness_log, "unbound, for d0, vcpu 0, pending, masked\n"));
    assert_int_equal(evtchn_close_port(b, free), 0);
    evtchn_dump(b);
    assert_non_null(strstr(harness_log, "virq 0, vcpu 1\n"));
    evtchn_dump(a);
    assert_non_null(strstr(harness_log, "to d1 port 1, vcpu 0\n"));
}

/* --- FIFO --- */

#define CONTROL_GFN 16u               /* of vcpu n: CONTROL_GFN + n */
#define ARRAY_GFN 32u
#define WORD_PENDING (1u << EVTCHN_FIFO_PENDING)
#define WORD_MASKED (1u << EVTCHN_FIFO_MASKED)
#define WORD_LINKED (1u << EVTCHN_FIFO_LINKED)

static uint32_t guest_head[VCPUS][EVTCHN_FIFO_MAX_QUEUES];

static evtchn_fifo_control_block_t *control(unsigned int vcpu)
{
    return harness_guest(b, gfn_to_gpa(GFN(CONTROL_GFN + vcpu)) + 8);
}

static event_word_t *word(uint32_t port)
{
    return (event_word_t *)harness_guest(b, gfn_to_gpa(GFN(ARRAY_GFN + port / 1024))) + port % 1024;
}

static int init_control(unsigned int vcpu, uint64_t gfn, uint32_t offset)
{
    struct evtchn_init_control arg = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    int rc = evtchn_fifo_init_control(b, &arg);

    if (!rc)
        assert_int_equal(arg.link_bits, EVTCHN_FIFO_LINK_BITS);
    return rc;
}

/* As Linux does it: all words masked, then unmasked when bound. */
static void start_fifo(void)
{
    memset(guest_head, 0, sizeof(guest_head));
    for (unsigned int i = 0; i < VCPUS; i++)
        assert_int_equal(init_control(i, CONTROL_GFN + i, 8), 0);
    for (unsigned int i = 0; i < 1024; i++)
        *(event_word_t *)harness_guest(b, gfn_to_gpa(GFN(ARRAY_GFN)) + i * 4) = WORD_MASKED;
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN), 0);
}

static uint32_t fifo_ipi(unsigned int vcpu, unsigned int priority)
{
    uint32_t p = ipi(b, vcpu);

    assert_int_equal(evtchn_fifo_set_priority(b, p, priority), 0);
    assert_int_equal(evtchn_unmask(b, p), 0);
    return p;
}

/*
 * The guest's side: takes the next event of the highest ready priority; 0: none. Skips what is masked or not
 * pending.
 */
static uint32_t take(unsigned int vcpu)
{
    evtchn_fifo_control_block_t *c = control(vcpu);

    b->vcpu[vcpu]->info->evtchn_upcall_pending = 0;
    for (;;) {
        unsigned int q = 0;
        uint32_t port, w;

        while (q < EVTCHN_FIFO_MAX_QUEUES && !(c->ready >> q & 1))
            q++;
        if (q == EVTCHN_FIFO_MAX_QUEUES)
            return 0;
        port = guest_head[vcpu][q] ? guest_head[vcpu][q] : c->head[q];
        assert_in_range(port, 1, MAX_PORT);
        w = *word(port);
        *word(port) = w & ~(WORD_LINKED | EVTCHN_FIFO_LINK_MASK);
        guest_head[vcpu][q] = w & EVTCHN_FIFO_LINK_MASK;
        if (!guest_head[vcpu][q])
            c->ready &= ~(1u << q);
        assert_false(w & 1u << EVTCHN_FIFO_BUSY);
        if ((w & WORD_PENDING) && !(w & WORD_MASKED)) {
            *word(port) &= ~WORD_PENDING;
            return port;
        }
    }
}

static void test_fifo_refused(void **state)
{
    (void)state;
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN), -EOPNOTSUPP);
    assert_int_equal(init_control(VCPUS, CONTROL_GFN, 0), -ENOENT);
    assert_int_equal(init_control(~0u, CONTROL_GFN, 0), -ENOENT);
    assert_int_equal(init_control(0, CONTROL_GFN, 4), -EINVAL);
    assert_int_equal(init_control(0, CONTROL_GFN, 4096 - 64), -EINVAL); /* crosses the page's end */
    assert_int_equal(init_control(0, CONTROL_GFN, 0xfffffff8), -EINVAL);
    assert_int_not_equal(init_control(0, 10000, 0), 0);  /* no memory there */
    assert_int_not_equal(init_control(0, ~0ull, 0), 0);
    assert_null(b->evtchn.fifo);                         /* still 2-level */
    for (unsigned int n = 1; n <= 2; n++) {
        harness_fail_alloc(n);
        assert_int_equal(init_control(0, CONTROL_GFN, 0), -ENOMEM);
        assert_null(b->evtchn.fifo);
    }
    harness_fail_alloc(0);
    assert_int_equal(init_control(0, CONTROL_GFN, 4096 - 72), 0);
    assert_int_equal(init_control(0, CONTROL_GFN, 0), -EINVAL);
    assert_int_not_equal(evtchn_fifo_expand_array(b, 10000), 0);
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN), 0);
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN + 1), -ENOSPC); /* its ports end at 1023 */
    assert_int_equal(evtchn_fifo_set_priority(b, ipi(b, 0), 16), -EINVAL);
    assert_int_equal(evtchn_fifo_set_priority(b, BAD_PORT, 0), -EINVAL);
    assert_int_equal(evtchn_fifo_set_priority(b, 99, 0), -EINVAL);
}

/* From 2-level words with each port in use, the last of which is not at the end of a bucket. */
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
    *(event_word_t *)harness_guest(b, ARRAY_GFN * PAGE_SIZE) = 1u << EVTCHN_FIFO_LINKED; /* port 0's word */
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
    assert_int_equal(upcalls[1][1], 1); /* upcall_pending was set all the time */
    assert_int_equal(evtchn_is_pending(b, p), 1);
    assert_int_equal(take(1), high);
    assert_int_equal(take(1), q);
    assert_int_equal(take(1), p);
    assert_int_equal(take(1), 0);
    assert_int_equal(evtchn_is_pending(b, p), 0);
    assert_int_equal(evtchn_send(b, p), 0); /* p is the tail that we remember */
    assert_int_equal(upcalls[1][1], 2);
    assert_int_equal(take(1), p);
    assert_int_equal(take(1), 0);
    assert_int_equal(take(0), 0);
}

static void test_fifo_mask(void **state)
{
    uint32_t p;

    (void)state;
    start_fifo();
    p = fifo_ipi(0, 7);
    *word(p) |= WORD_MASKED;
    b->vcpu[3]->polling = b->evtchn.polled = true;
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(unblocks[1][3], 1);
    assert_int_equal(upcalls[1][0], 0);
    assert_int_equal(take(0), 0);
    assert_int_equal(evtchn_is_pending(b, p), 1);
    assert_int_equal(evtchn_unmask(b, p), 0);
    assert_int_equal(take(0), p);
    /* Masked while it is in the queue: the guest drops it there, unmasking brings it back. */
    assert_int_equal(evtchn_send(b, p), 0);
    *word(p) |= WORD_MASKED;
    assert_int_equal(take(0), 0);
    assert_int_equal(evtchn_unmask(b, p), 0);
    assert_int_equal(take(0), p);
}

/* A port that goes to another queue while the old one remembers it as its tail. */
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
    assert_int_equal(evtchn_send(b, q), 0);      /* tail of vcpu 1's queue now */
    assert_int_equal(evtchn_unmask(b, q), 0);    /* q is pending since it was bound: vcpu 0's */
    assert_int_equal(take(0), q);
    assert_int_equal(take(0), 0);
    assert_int_equal(take(1), p);
    assert_int_equal(take(1), 0);
    assert_int_equal(evtchn_fifo_set_priority(b, p, 3), 0);
    assert_int_equal(evtchn_send(b, q), 0);
    assert_int_equal(take(1), p);
}

/* Closed while it is in a queue: the number is not used again before the guest has taken it out. */
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

/* Pending before the switch, and before the page of the array: not lost. */
static void test_fifo_missed(void **state)
{
    uint32_t early = ipi(b, 0), late;

    (void)state;
    assert_int_equal(evtchn_send(b, early), 0);
    assert_int_equal(init_control(0, CONTROL_GFN, 8), 0);
    memset(guest_head, 0, sizeof(guest_head));
    late = ipi(b, 0);
    assert_int_equal(evtchn_send(b, late), 0);
    assert_int_equal(evtchn_is_pending(b, late), 0);
    memset(harness_guest(b, gfn_to_gpa(GFN(ARRAY_GFN))), 0, PAGE_SIZE);
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN), 0);
    assert_int_equal(take(0), early);
    assert_int_equal(take(0), late);
    assert_int_equal(take(0), 0);
}

/*
 * What an event word still has in its link field is no part of the queue; priorities begin with the default.
 */
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

/* A vcpu without a control block gets nothing, and nothing breaks. */
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

/* Random traffic, against a model: what is sent and unmasked arrives, once, and all of it. */
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
        case 0:
            *word(ports[n]) |= WORD_MASKED;
            break;
        case 1:
            assert_int_equal(evtchn_unmask(b, ports[n]), 0);
            break;
        case 2:
            assert_int_equal(evtchn_fifo_set_priority(b, ports[n], seed >> 28), 0);
            break;
        case 3:
        case 4:
            got = take(n % VCPUS);
            if (got) {
                assert_true(sent[got - ports[0]]);
                sent[got - ports[0]] = false;
            }
            break;
        default:
            assert_int_equal(evtchn_send(b, ports[n]), 0);
            sent[n] = true;
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

/* The guest writes garbage into everything that it shares: its events are lost, nothing else is. */
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

/* --- the hypercall --- */

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

/* Every row does what its name says, with each of its arguments. */
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
 * Arguments that are not there change nothing: behind the end of memory, half behind it, at the end of the
 * address space.
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

/* Arguments that cannot be answered into: no port is lost. */
static void test_hypercall_read_only(void **state)
{
    uint32_t active = b->evtchn.active;
    mfn_t m = alloc_domain(b, 0);

    (void)state;
    assert_int_equal(p2m_set(b, GFN(100), m, ORDER_4K, P2M_RAM_RO), 0);
    assert_int_equal(call_at(EVTCHNOP_bind_ipi, 100 * PAGE_SIZE), -EFAULT);
    assert_int_equal(b->evtchn.active, active);
}

/* The lock for all domains is taken to make and to end what is between two, not for what a guest may try. */
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

/* A vcpu without a vcpu_info hears nothing, and neither do others like it. */
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
    v->info = place; /* and what was sent is there once it has one */
    evtchn_vcpu_info_moved(v);
    assert_int_equal(upcalls[1][2], 1);
    assert_true(place->evtchn_upcall_pending && place->evtchn_pending_sel);
    assert_int_equal(evtchn_close_port(b, port), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_interdomain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bind_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loopback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_ports, setup, teardown),
        cmocka_unit_test_setup_teardown(test_virq, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ipi, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_ports, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dying, setup, teardown),
        cmocka_unit_test_setup_teardown(test_send_2l, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mask_2l, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compat_2l, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_clears, setup, teardown),
        cmocka_unit_test_setup_teardown(test_poll, setup, teardown),
        cmocka_unit_test_setup_teardown(test_info_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_lets_others_in, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_finds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_all_ports, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_close_linked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_missed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_fresh, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_no_control, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo_scribble, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hypercall, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hypercall_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hypercall_bad_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hypercall_read_only, setup, teardown),
        cmocka_unit_test_setup_teardown(only_bindings_take_the_lock_of_all, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_vcpu_info_there_is_no_upcall, setup, teardown),
    };

    return cmocka_run_group_tests_name("evtchn", tests, NULL, NULL);
}
