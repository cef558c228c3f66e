/* SPDX-License-Identifier: MIT */
/*
 * Event channels (<xen/event_channel.h>): the ports of a domain, each bound to a port of another
 * domain, a VIRQ or an IPI, with 2-level or FIFO delivery. core/evtchn.c has the ports and the
 * 2-level ABI, core/evtchn_fifo.c the FIFO ABI.
 *
 * Lock: d->evtchn.lock (LOCK_EVTCHN) protects ports, bindings, VIRQ tables and FIFO queues. Two of
 * them are held only with LOCK_BIND. Words shared with the guest are changed by atomic operations;
 * the guest may write them at any time.
 */
#ifndef CLV_CORE_EVTCHN_H
#define CLV_CORE_EVTCHN_H

#include "spinlock.h"
#include "types.h"
#include "xenpub.h"

struct domain;
struct vcpu;

#define EVTCHN_BUCKET 256 /* ports per bucket, which is one frame */

struct evtchn;    /* one port; core/evtchn_internal.h */
struct guest_pin; /* domain.h */

struct evtchn_domain {
    struct spinlock lock;
    struct evtchn **buckets; /* one pointer per bucket, up to max_port */
    uint32_t ports;          /* ports ever used, including port 0; 0 after teardown */
    uint32_t max_port;       /* highest allowed (domctl createdomain max_evtchn_port) */
    uint32_t active;         /* ports in use */
    uint32_t core;           /* of them, ports of the core */
    /* ports allocated and freed, counted: tells the checker that its sums are stale */
    uint64_t changes;
    uint32_t free_last;     /* last of the queue of free ports; 0: empty */
    bool polled;            /* a vcpu may be in SCHEDOP_poll; set after v->polling */
    uint32_t next_close;    /* where reset and teardown resume */
    struct guest_pin *fifo; /* pages of the event array; NULL: 2-level */
    uint32_t fifo_pages;
};

struct evtchn_vcpu {
    uint32_t virq_port[NR_VIRQS];  /* 0: unbound; vcpu 0 has the global VIRQs */
    struct evtchn_fifo_vcpu *fifo; /* NULL: 2-level, or no control block yet */
};

/* On -ENOMEM, evtchn_teardown frees what was allocated. */
int evtchn_init(struct domain *d, uint32_t max_port);
/* Closes every port (peers become unbound), releases pins and memory. -ERESTART: more to do. */
int evtchn_teardown(struct domain *d);

/*
 * Called after v's vcpu_info moved, or the guest's layout changed between 32 and 64 bits: marks
 * pending events again. The old place must stay valid: another CPU may be about to mark an event
 * there.
 */
void evtchn_vcpu_info_moved(struct vcpu *v);

/*
 * Raise a VIRQ: of one vcpu (VIRQ_TIMER, VIRQ_DEBUG ...), or a global one, which dom0 handles. Any
 * context.
 */
void evtchn_raise_virq(struct vcpu *v, uint32_t virq);
void evtchn_raise_global_virq(uint32_t virq);

/* For SCHEDOP_poll: 1 if the port is pending, else 0; -EINVAL: no such port. */
int evtchn_is_pending(struct domain *d, uint32_t port);

/*
 * Operations of the hypercall. hypercall/event_channel.c has checked which domains the caller may
 * name. They return 0, or: -EINVAL no such port, or it has the wrong state; -ENOENT no such vcpu;
 * -ENOSPC, -ENOMEM no free port; -EEXIST VIRQ already bound; -EPERM global VIRQ, for dom0 only;
 * -ESRCH no such domain; -EOPNOTSUPP, -ENOSYS not in the current ABI.
 */
int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port);
int evtchn_bind_interdomain(struct domain *d, domid_t remote, uint32_t remote_port, uint32_t *port);
int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port);
int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port);
int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu);
int evtchn_close_port(struct domain *d, uint32_t port);
int evtchn_send(struct domain *d, uint32_t port);
int evtchn_unmask(struct domain *d, uint32_t port);
int evtchn_status_of(struct domain *d, struct evtchn_status *status);
/* -ERESTART: more to do. -EBUSY: the core uses ports of d. */
int evtchn_reset_all(struct domain *d);
int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *arg);
int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn);
int evtchn_fifo_set_priority(struct domain *d, uint32_t port, uint32_t priority);

/*
 * Ports of d that the core itself uses: remote may bind one. An event that remote sends ends the
 * wait of vcpu `vcpu` for a device model. d cannot use or close them. evtchn_send_core() ignores a
 * port that is not bound.
 */
int must_check evtchn_alloc_core(struct domain *d, domid_t remote, uint32_t vcpu, uint32_t *port);
void evtchn_send_core(struct domain *d, uint32_t port);
void evtchn_close_core(struct domain *d, uint32_t port);

/* For debug key 'e' and the invariant checker. */
void evtchn_dump(struct domain *d);
unsigned int evtchn_check(struct domain *d);

#endif
