/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_event_channel_op (<xen/event_channel.h>): arguments in, core/evtchn.c does it, arguments out.
 * The structures are the same for 32-bit and 64-bit callers. bind_pirq is not there: no guest of ours has
 * physical interrupts as events.
 */
#include "lib.h"
#include "operation.h"

static domid_t remote_of(struct hypercall *hc, domid_t id)
{
    return id == DOMID_SELF ? hc->v->d->id : id;
}

static long alloc_unbound(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_alloc_unbound *a = arg;

    return evtchn_alloc_unbound(d, remote_of(hc, a->remote_dom), &a->port);
}

static long bind_interdomain(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_bind_interdomain *a = arg;

    return evtchn_bind_interdomain(d, remote_of(hc, a->remote_dom), a->remote_port, &a->local_port);
}

static long bind_virq(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_bind_virq *a = arg;

    return evtchn_bind_virq(d, a->virq, a->vcpu, &a->port);
}

static long bind_ipi(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_bind_ipi *a = arg;

    return evtchn_bind_ipi(d, a->vcpu, &a->port);
}

static long close_port(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_close_port(d, ((struct evtchn_close *)arg)->port);
}

static long send(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_send(d, ((struct evtchn_send *)arg)->port);
}

static long status(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_status_of(d, arg);
}

static long bind_vcpu(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_bind_vcpu *a = arg;

    return evtchn_bind_vcpu(d, a->port, a->vcpu);
}

static long unmask(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_unmask(d, ((struct evtchn_unmask *)arg)->port);
}

/* Another domain must not run meanwhile: it would lose the events that it binds. */
static long reset(struct hypercall *hc, struct domain *d, void *arg)
{
    return d == hc->v->d || READ_ONCE(d->controller_pauses) ? evtchn_reset_all(d) : -EINVAL;
}

static long init_control(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_fifo_init_control(d, arg);
}

static long expand_array(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_fifo_expand_array(d, ((struct evtchn_expand_array *)arg)->array_gfn);
}

static long set_priority(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_set_priority *a = arg;

    return evtchn_fifo_set_priority(d, a->port, a->priority);
}

static const struct operation operations[] = {
    [EVTCHNOP_bind_interdomain] = { bind_interdomain, OPERATION_ARG(struct evtchn_bind_interdomain),
                                    .out = OUT_CHECKED },
    [EVTCHNOP_bind_virq] = { bind_virq, OPERATION_ARG(struct evtchn_bind_virq), .out = OUT_CHECKED },
    [EVTCHNOP_close] = { close_port, OPERATION_ARG(struct evtchn_close) },
    [EVTCHNOP_send] = { send, OPERATION_ARG(struct evtchn_send) },
    [EVTCHNOP_status] = { status, OPERATION_TARGET(struct evtchn_status, dom), .out = OUT_SUCCESS },
    [EVTCHNOP_alloc_unbound] = { alloc_unbound, OPERATION_TARGET(struct evtchn_alloc_unbound, dom),
                                 .out = OUT_CHECKED },
    [EVTCHNOP_bind_ipi] = { bind_ipi, OPERATION_ARG(struct evtchn_bind_ipi), .out = OUT_CHECKED },
    [EVTCHNOP_bind_vcpu] = { bind_vcpu, OPERATION_ARG(struct evtchn_bind_vcpu) },
    [EVTCHNOP_unmask] = { unmask, OPERATION_ARG(struct evtchn_unmask) },
    [EVTCHNOP_reset] = { reset, OPERATION_TARGET(struct evtchn_reset, dom) },
    [EVTCHNOP_init_control] = { init_control, OPERATION_ARG(struct evtchn_init_control), .out = OUT_CHECKED },
    [EVTCHNOP_expand_array] = { expand_array, OPERATION_ARG(struct evtchn_expand_array) },
    [EVTCHNOP_set_priority] = { set_priority, OPERATION_ARG(struct evtchn_set_priority) },
};

/* (cmd, args) */
long hypercall_event_channel_op(struct hypercall *hc)
{
    return operation_run(hc, operations, ARRAY_SIZE(operations), (uint32_t)hc->arg[0], hc->arg[1]);
}
