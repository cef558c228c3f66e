/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_event_channel_op (<xen/event_channel.h>): arguments in, core/evtchn.c does it, arguments out.
 * The structures are the same for 32-bit and 64-bit callers. bind_pirq is not there: no guest of ours has
 * physical interrupts as events.
 */
#include "lib.h"
#include "operation.h"

/* The structure of an operation: what the row reads. */
#define AS(type) ((struct evtchn_##type *)arg)

static long operate(struct hypercall *hc, struct domain *d, void *arg)
{
    domid_t self = hc->v->d->id, remote;

    switch ((uint32_t)hc->arg[0]) {
    case EVTCHNOP_send:
        return evtchn_send(d, AS(send)->port);
    case EVTCHNOP_alloc_unbound:
        remote = AS(alloc_unbound)->remote_dom;
        return evtchn_alloc_unbound(d, remote == DOMID_SELF ? self : remote, &AS(alloc_unbound)->port);
    case EVTCHNOP_bind_interdomain:
        remote = AS(bind_interdomain)->remote_dom;
        return evtchn_bind_interdomain(d, remote == DOMID_SELF ? self : remote,
                                       AS(bind_interdomain)->remote_port, &AS(bind_interdomain)->local_port);
    case EVTCHNOP_bind_virq:
        return evtchn_bind_virq(d, AS(bind_virq)->virq, AS(bind_virq)->vcpu, &AS(bind_virq)->port);
    case EVTCHNOP_bind_ipi:
        return evtchn_bind_ipi(d, AS(bind_ipi)->vcpu, &AS(bind_ipi)->port);
    case EVTCHNOP_bind_vcpu:
        return evtchn_bind_vcpu(d, AS(bind_vcpu)->port, AS(bind_vcpu)->vcpu);
    case EVTCHNOP_close:
        return evtchn_close_port(d, AS(close)->port);
    case EVTCHNOP_status:
        return evtchn_status_of(d, arg);
    case EVTCHNOP_unmask:
        return evtchn_unmask(d, AS(unmask)->port);
    case EVTCHNOP_reset: /* another domain must not run meanwhile: it would lose the events that it binds */
        return d == hc->v->d || READ_ONCE(d->controller_pauses) ? evtchn_reset_all(d) : -EINVAL;
    case EVTCHNOP_init_control:
        return evtchn_fifo_init_control(d, arg);
    case EVTCHNOP_expand_array:
        return evtchn_fifo_expand_array(d, AS(expand_array)->array_gfn);
    default: /* set_priority */
        return evtchn_fifo_set_priority(d, AS(set_priority)->port, AS(set_priority)->priority);
    }
}

#define ARG(type) operate, OPERATION_ARG(struct evtchn_##type)
#define TARGET(type) operate, OPERATION_TARGET(struct evtchn_##type, dom)

static const struct operation operations[] = {
    [EVTCHNOP_bind_interdomain] = { ARG(bind_interdomain), .out = OUT_CHECKED },
    [EVTCHNOP_bind_virq] = { ARG(bind_virq), .out = OUT_CHECKED },
    [EVTCHNOP_close] = { ARG(close) },
    [EVTCHNOP_send] = { ARG(send) },
    [EVTCHNOP_status] = { TARGET(status), .out = OUT_SUCCESS },
    [EVTCHNOP_alloc_unbound] = { TARGET(alloc_unbound), .out = OUT_CHECKED },
    [EVTCHNOP_bind_ipi] = { ARG(bind_ipi), .out = OUT_CHECKED },
    [EVTCHNOP_bind_vcpu] = { ARG(bind_vcpu) },
    [EVTCHNOP_unmask] = { ARG(unmask) },
    [EVTCHNOP_reset] = { TARGET(reset) },
    [EVTCHNOP_init_control] = { ARG(init_control), .out = OUT_CHECKED },
    [EVTCHNOP_expand_array] = { ARG(expand_array) },
    [EVTCHNOP_set_priority] = { ARG(set_priority) },
};

/* (cmd, args) */
long hypercall_event_channel_op(struct hypercall *hc)
{
    return operation_run(hc, operations, ARRAY_SIZE(operations), (uint32_t)hc->arg[0], hc->arg[1]);
}
