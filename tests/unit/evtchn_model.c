/* SPDX-License-Identifier: MIT */
/* Two domains with event channels, and the actions of their guests. See evtchn_model.h. */
#include "evtchn_model.h"
#include "directmap.h"
#include "mm/alloc.h"
#include "mm/heap.h"

#include <stdlib.h>
#include <string.h>

struct domain *dom0, *a, *b;
unsigned int upcalls[2][VCPUS], unblocks[2][VCPUS];

void vcpu_event_upcall(struct vcpu *v) { upcalls[v->d->id][v->id]++; }

bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what)
{
    assert_int_equal(v->wait, what);
    unblocks[v->d->id][v->id]++;
    v->wait = WAIT_NONE;
    return true;
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

int evtchn_model_setup(void **state)
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
    alloc_free(d->shared_info_mfn, 0);
    harness_kill(d);
    assert_int_equal(d->tot_pages, 0); /* nothing is pinned */
    assert_int_equal(d->pool.used, 0);
    for (unsigned int i = 1; i < VCPUS; i++)
        free(d->vcpu[i]);
}

int evtchn_model_teardown(void **state)
{
    (void)state;
    assert_int_equal(evtchn_check(a) + evtchn_check(b), 0);
    end(b);
    end(a);
    assert_int_equal(heap_used(), 0);
    harness_check_memory();
    return 0;
}

/* --- bindings --- */

uint32_t unbound(struct domain *d, domid_t remote)
{
    uint32_t port = 0;

    assert_int_equal(evtchn_alloc_unbound(d, remote, &port), 0);
    return port;
}

uint32_t ipi(struct domain *d, uint32_t vcpu)
{
    uint32_t port = 0;

    assert_int_equal(evtchn_bind_ipi(d, vcpu, &port), 0);
    return port;
}

struct evtchn_status status_of(struct domain *d, uint32_t port)
{
    struct evtchn_status s = { .port = port };

    assert_int_equal(evtchn_status_of(d, &s), 0);
    return s;
}

void channel(uint32_t *pa, uint32_t *pb)
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

bool pending_2l(struct domain *d, uint32_t port)
{
    return d->shared_info->evtchn_pending[port / 64] >> port % 64 & 1;
}

/* --- FIFO --- */

static uint32_t guest_head[VCPUS][EVTCHN_FIFO_MAX_QUEUES];

void forget_heads(void) { memset(guest_head, 0, sizeof(guest_head)); }

evtchn_fifo_control_block_t *control(unsigned int vcpu)
{
    return harness_guest(b, gfn_to_gpa(GFN(CONTROL_GFN + vcpu)) + 8);
}

event_word_t *word(uint32_t port)
{
    return (event_word_t *)harness_guest(b, gfn_to_gpa(GFN(ARRAY_GFN + port / 1024))) + port % 1024;
}

int init_control(unsigned int vcpu, uint64_t gfn, uint32_t offset)
{
    struct evtchn_init_control arg = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    int rc = evtchn_fifo_init_control(b, &arg);

    if (!rc)
        assert_int_equal(arg.link_bits, EVTCHN_FIFO_LINK_BITS);
    return rc;
}

void start_fifo(void)
{
    forget_heads();
    for (unsigned int i = 0; i < VCPUS; i++)
        assert_int_equal(init_control(i, CONTROL_GFN + i, 8), 0);
    for (unsigned int i = 0; i < 1024; i++)
        *(event_word_t *)harness_guest(b, gfn_to_gpa(GFN(ARRAY_GFN)) + i * 4) = WORD_MASKED;
    assert_int_equal(evtchn_fifo_expand_array(b, ARRAY_GFN), 0);
}

uint32_t fifo_ipi(unsigned int vcpu, unsigned int priority)
{
    uint32_t p = ipi(b, vcpu);

    assert_int_equal(evtchn_fifo_set_priority(b, p, priority), 0);
    assert_int_equal(evtchn_unmask(b, p), 0);
    return p;
}

uint32_t take(unsigned int vcpu)
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
