/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_event_channel_op (<xen/event_channel.h>): arguments in, core/evtchn.c does it, arguments out.
 * The structures are the same for 32-bit and 64-bit callers. bind_pirq is not there: no guest of ours has
 * physical interrupts as events.
 */
#include "hypercall.h"
#include "lib.h"

union arguments {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_close close;
    struct evtchn_send send;
    struct evtchn_status status;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_unmask unmask;
    struct evtchn_reset reset;
    struct evtchn_init_control init_control;
    struct evtchn_expand_array expand_array;
    struct evtchn_set_priority set_priority;
};

static int do_alloc_unbound(struct hypercall *hc, union arguments *a)
{
    domid_t remote = a->alloc_unbound.remote_dom;
    int rc = 0;
    struct domain *d = hypercall_target(hc, a->alloc_unbound.dom, &rc);

    if (!d)
        return rc;
    rc = evtchn_alloc_unbound(d, remote == DOMID_SELF ? hc->v->d->id : remote, &a->alloc_unbound.port);
    domain_put(d);
    return rc;
}

static int do_bind_interdomain(struct hypercall *hc, union arguments *a)
{
    struct domain *d = hc->v->d;
    domid_t remote = a->bind_interdomain.remote_dom;

    return evtchn_bind_interdomain(d, remote == DOMID_SELF ? d->id : remote, a->bind_interdomain.remote_port,
                                   &a->bind_interdomain.local_port);
}

static int do_bind_virq(struct hypercall *hc, union arguments *a)
{
    return evtchn_bind_virq(hc->v->d, a->bind_virq.virq, a->bind_virq.vcpu, &a->bind_virq.port);
}

static int do_bind_ipi(struct hypercall *hc, union arguments *a)
{
    return evtchn_bind_ipi(hc->v->d, a->bind_ipi.vcpu, &a->bind_ipi.port);
}

static int do_close(struct hypercall *hc, union arguments *a)
{
    return evtchn_close_port(hc->v->d, a->close.port);
}

static int do_send(struct hypercall *hc, union arguments *a)
{
    return evtchn_send(hc->v->d, a->send.port);
}

static int do_status(struct hypercall *hc, union arguments *a)
{
    int rc = 0;
    struct domain *d = hypercall_target(hc, a->status.dom, &rc);

    if (!d)
        return rc;
    rc = evtchn_status_of(d, &a->status);
    domain_put(d);
    return rc;
}

static int do_bind_vcpu(struct hypercall *hc, union arguments *a)
{
    return evtchn_bind_vcpu(hc->v->d, a->bind_vcpu.port, a->bind_vcpu.vcpu);
}

static int do_unmask(struct hypercall *hc, union arguments *a)
{
    return evtchn_unmask(hc->v->d, a->unmask.port);
}

/* Another domain must not run meanwhile: it would lose the events that it binds. */
static int do_reset(struct hypercall *hc, union arguments *a)
{
    int rc = 0;
    struct domain *d = hypercall_target(hc, a->reset.dom, &rc);

    if (!d)
        return rc;
    rc = d == hc->v->d || READ_ONCE(d->controller_pauses) ? evtchn_reset_all(d) : -EINVAL;
    domain_put(d);
    return rc;
}

static int do_init_control(struct hypercall *hc, union arguments *a)
{
    return evtchn_fifo_init_control(hc->v->d, &a->init_control);
}

static int do_expand_array(struct hypercall *hc, union arguments *a)
{
    return evtchn_fifo_expand_array(hc->v->d, a->expand_array.array_gfn);
}

static int do_set_priority(struct hypercall *hc, union arguments *a)
{
    return evtchn_fifo_set_priority(hc->v->d, a->set_priority.port, a->set_priority.priority);
}

static const struct {
    int (*fn)(struct hypercall *hc, union arguments *a);
    uint8_t size;
    bool answers; /* the structure is copied back */
} operations[] = {
    [EVTCHNOP_bind_interdomain] = { do_bind_interdomain, sizeof(struct evtchn_bind_interdomain), true },
    [EVTCHNOP_bind_virq]        = { do_bind_virq, sizeof(struct evtchn_bind_virq), true },
    [EVTCHNOP_close]            = { do_close, sizeof(struct evtchn_close), false },
    [EVTCHNOP_send]             = { do_send, sizeof(struct evtchn_send), false },
    [EVTCHNOP_status]           = { do_status, sizeof(struct evtchn_status), true },
    [EVTCHNOP_alloc_unbound]    = { do_alloc_unbound, sizeof(struct evtchn_alloc_unbound), true },
    [EVTCHNOP_bind_ipi]         = { do_bind_ipi, sizeof(struct evtchn_bind_ipi), true },
    [EVTCHNOP_bind_vcpu]        = { do_bind_vcpu, sizeof(struct evtchn_bind_vcpu), false },
    [EVTCHNOP_unmask]           = { do_unmask, sizeof(struct evtchn_unmask), false },
    [EVTCHNOP_reset]            = { do_reset, sizeof(struct evtchn_reset), false },
    [EVTCHNOP_init_control]     = { do_init_control, sizeof(struct evtchn_init_control), true },
    [EVTCHNOP_expand_array]     = { do_expand_array, sizeof(struct evtchn_expand_array), false },
    [EVTCHNOP_set_priority]     = { do_set_priority, sizeof(struct evtchn_set_priority), false },
};

/* (cmd, args) */
long hypercall_event_channel_op(struct hypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    union arguments a;
    int rc;

    if (cmd >= ARRAY_SIZE(operations) || !operations[cmd].fn)
        return -ENOSYS;
    rc = guest_read(hc->v, &a, hc->arg[1], operations[cmd].size);
    /* An answer that cannot be written would lose a port: find that out before. */
    if (!rc && operations[cmd].answers)
        rc = guest_write(hc->v, hc->arg[1], &a, operations[cmd].size);
    if (!rc)
        rc = operations[cmd].fn(hc, &a);
    if (!rc && operations[cmd].answers)
        rc = guest_write(hc->v, hc->arg[1], &a, operations[cmd].size);
    return rc;
}
