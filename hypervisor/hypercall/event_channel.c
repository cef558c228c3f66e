/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_event_channel_op (<xen/event_channel.h>): copies the arguments and calls
 * core/evtchn.c. The structures have the same layout for 32-bit and 64-bit callers. bind_pirq is
 * not implemented: no guest receives physical interrupts as events.
 */
#include "core/domain.h"
#include "core/evtchn.h"
#include "core/vcpu.h"
#include "errors.h"
#include "hypercall/hypercall.h"
#include "hypercall/operation.h"

/* DOMID_SELF is always the caller, even in an operation on another domain. */
static domid_t resolve_peer(const struct hypercall *hc, domid_t id)
{
    return id == DOMID_SELF ? hc->v->d->id : id;
}

static long bind_interdomain(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_bind_interdomain *a = arg;

    return evtchn_bind_interdomain(d, resolve_peer(hc, a->remote_dom), a->remote_port,
                                   &a->local_port);
}

static long bind_virq(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_bind_virq *a = arg;

    return evtchn_bind_virq(d, a->virq, a->vcpu, &a->port);
}

static long close_port(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_close_port(d, ((struct evtchn_close *)arg)->port);
}

static long send_event(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_send(d, ((struct evtchn_send *)arg)->port);
}

static long get_status(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_status_of(d, arg);
}

static long alloc_unbound(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_alloc_unbound *a = arg;

    return evtchn_alloc_unbound(d, resolve_peer(hc, a->remote_dom), &a->port);
}

static long bind_ipi(struct hypercall *hc, struct domain *d, void *arg)
{
    struct evtchn_bind_ipi *a = arg;

    return evtchn_bind_ipi(d, a->vcpu, &a->port);
}

static long bind_vcpu(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct evtchn_bind_vcpu *a = arg;

    return evtchn_bind_vcpu(d, a->port, a->vcpu);
}

static long unmask_port(struct hypercall *hc, struct domain *d, void *arg)
{
    return evtchn_unmask(d, ((struct evtchn_unmask *)arg)->port);
}

/* Another domain must be paused by the tools: a running one would lose events that it binds. */
static long reset_ports(struct hypercall *hc, struct domain *d, void *arg)
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
    const struct evtchn_set_priority *a = arg;

    return evtchn_fifo_set_priority(d, a->port, a->priority);
}

#define ARG(type) OPERATION_ARG(struct evtchn_##type)
#define TARGET(type) OPERATION_TARGET(struct evtchn_##type, dom)

static const struct operation event_channel_ops[] = {
    [EVTCHNOP_bind_interdomain] = { bind_interdomain, ARG(bind_interdomain), .out = OUT_CHECKED },
    [EVTCHNOP_bind_virq] = { bind_virq, ARG(bind_virq), .out = OUT_CHECKED },
    [EVTCHNOP_close] = { close_port, ARG(close) },
    [EVTCHNOP_send] = { send_event, ARG(send) },
    [EVTCHNOP_status] = { get_status, TARGET(status), .out = OUT_SUCCESS },
    [EVTCHNOP_alloc_unbound] = { alloc_unbound, TARGET(alloc_unbound), .out = OUT_CHECKED },
    [EVTCHNOP_bind_ipi] = { bind_ipi, ARG(bind_ipi), .out = OUT_CHECKED },
    [EVTCHNOP_bind_vcpu] = { bind_vcpu, ARG(bind_vcpu) },
    [EVTCHNOP_unmask] = { unmask_port, ARG(unmask) },
    [EVTCHNOP_reset] = { reset_ports, TARGET(reset) },
    [EVTCHNOP_init_control] = { init_control, ARG(init_control), .out = OUT_CHECKED },
    [EVTCHNOP_expand_array] = { expand_array, ARG(expand_array) },
    [EVTCHNOP_set_priority] = { set_priority, ARG(set_priority) },
};

/* (cmd, args) */
long hypercall_event_channel_op(struct hypercall *hc)
{
    return operation_run(hc, event_channel_ops, ARRAY_SIZE(event_channel_ops), (uint32_t)hc->arg[0],
                         hc->arg[1]);
}
