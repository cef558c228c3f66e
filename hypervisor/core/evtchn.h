/* SPDX-License-Identifier: MIT */
/*
 * Event channels (<xen/event_channel.h>): ports of a domain, each bound to another domain's port, a
 * VIRQ or an IPI; 2-level and FIFO delivery. core/evtchn.c has the ports and the 2-level ABI,
 * core/evtchn_fifo.c the other.
 *
 * Lock: d->evtchn.lock (LOCK_EVTCHN) protects ports, bindings, virq tables and FIFO queues. Two
 * domains: only with LOCK_BIND. The words shared with the guest are changed with atomic operations;
 * a guest may write anything into them at any time.
 */
#ifndef CLV_CORE_EVTCHN_H
#define CLV_CORE_EVTCHN_H

#include "spinlock.h"
#include "types.h"
#include "xenpub.h"

struct domain;
struct vcpu;

#define EVTCHN_BUCKET 256 /* ports per allocated bucket, which is a frame */

struct evtchn;    /* one port; core/evtchn_internal.h */
struct guest_pin; /* domain.h */

struct evtchn_domain {
    struct spinlock lock;
    struct evtchn **buckets; /* a pointer for each bucket up to max_port */
    uint32_t ports;          /* that were ever used, and port 0; 0: it was torn down */
    uint32_t max_port;       /* highest allowed (domctl createdomain max_evtchn_port) */
    uint32_t active;         /* ports in use */
    /* ports taken and freed, counted: the checker's sums are of the past */
    uint64_t changes;
    uint32_t free_last;     /* of the queue of free ports; 0: empty */
    bool polled;            /* a vcpu may be in SCHEDOP_poll; set after its own mark */
    uint32_t next_close;    /* where reset and teardown go on */
    struct guest_pin *fifo; /* pages of the event array, and how many; NULL: 2-level */
    uint32_t fifo_pages;
};

struct evtchn_vcpu {
    uint32_t virq_port[NR_VIRQS];  /* 0: unbound; global ones in vcpu 0's */
    struct evtchn_fifo_vcpu *fifo; /* NULL: 2-level, or no control block yet */
};

/* -ENOMEM: evtchn_teardown frees what is there */
int evtchn_init(struct domain *d, uint32_t max_port);
/*
 * Closes every port (peers become unbound), releases pins and memory. Bounded: -ERESTART while
 * there is more.
 */
int evtchn_teardown(struct domain *d);

/*
 * Called after v's vcpu_info moved, or the guest's words are those of a 32-bit one now, or no
 * longer: marks pending again what is pending. The old place must stay: another CPU may be about to
 * mark an event there.
 */
void evtchn_vcpu_info_moved(struct vcpu *v);

/*
 * VIRQs: of one vcpu (VIRQ_TIMER, VIRQ_DEBUG ...), and of the one domain that handles a global one
 * (dom0). Any context.
 */
void evtchn_raise_virq(struct vcpu *v, uint32_t virq);
void evtchn_raise_global_virq(uint32_t virq);

/* For SCHEDOP_poll: is this port pending? -EINVAL for no such port. */
int evtchn_is_pending(struct domain *d, uint32_t port);

/*
 * The operations of the hypercall (hypercall/event_channel.c has checked who may name which
 * domain). They return 0, or: -EINVAL no such port, or it is not in a state for this; -ENOENT no
 * such vcpu; -ENOSPC, -ENOMEM no port to be had; -EEXIST VIRQ bound already; -EPERM a global VIRQ
 * that only dom0 gets; -ESRCH no such domain; -EOPNOTSUPP, -ENOSYS not in this ABI.
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
int evtchn_reset_all(struct domain *d); /* -ERESTART while there is more */
int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *arg);
int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn);
int evtchn_fifo_set_priority(struct domain *d, uint32_t port, uint32_t priority);

/* debug-keys 'e' and the invariant checker. */
void evtchn_dump(struct domain *d);
unsigned int evtchn_check(struct domain *d);

#endif
