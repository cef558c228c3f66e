/* SPDX-License-Identifier: MIT */
/*
 * Event channels (<xen/event_channel.h>): ports of a domain, each bound to another domain's port, a VIRQ or an IPI; 2-level and
 * FIFO delivery. core/evtchn.c has the ports, core/evtchn_2l.c and core/evtchn_fifo.c how a port is marked pending.
 *
 * Lock: d->evtchn.lock (LOCK_EVTCHN) protects ports, bindings, virq tables. Two domains: lower id first. Setting a
 * port pending and the words shared with the guest are atomic operations; a guest may write anything into them at any time.
 */
#ifndef CLV_EVTCHN_H
#define CLV_EVTCHN_H

#include "guest_fwd.h"
#include "spinlock.h"
#include "types.h"
#include "xenpub.h"

#define EVTCHN_BUCKET 128             /* ports per allocated bucket */
#define EVTCHN_MAX_BUCKETS 1024       /* 131072 ports (FIFO); 2-level guests use 4096 */

struct evtchn;                        /* one port; in core/evtchn.c's private view, core/evtchn_internal.h */

struct evtchn_domain {
    struct spinlock lock;
    struct evtchn **buckets;          /* EVTCHN_MAX_BUCKETS pointers, allocated with the domain */
    uint32_t ports;                   /* allocated (multiple of EVTCHN_BUCKET) */
    uint32_t max_port;                /* highest allowed (domctl createdomain max_evtchn_port) */
    uint32_t active;                  /* ports in use, for the invariant checker */
    struct evtchn_fifo *fifo;         /* NULL: 2-level */
};

struct evtchn_vcpu {
    uint32_t virq_port[24];           /* NR_VIRQS; 0: unbound */
    struct evtchn_fifo_queue *fifo;   /* NULL: 2-level */
};

int evtchn_init(struct domain *d, uint32_t max_port);
/* Closes every port (peers become unbound), releases pins and memory. Bounded: -ERESTART while there is more. */
int evtchn_teardown(struct domain *d);

/* Called after v's vcpu_info moved or the ABI was chosen: marks pending again what is pending. */
void evtchn_vcpu_info_moved(struct vcpu *v);

/* VIRQs: of one vcpu (VIRQ_TIMER, VIRQ_DEBUG ...), and of the one domain that handles a global one (dom0). Any context. */
void evtchn_raise_virq(struct vcpu *v, uint32_t virq);
void evtchn_raise_global_virq(uint32_t virq);

/* A port of d becomes pending as if its peer had sent (core-internal senders). */
void evtchn_set_pending(struct domain *d, uint32_t port);

/* For SCHEDOP_poll: is this port pending? -EINVAL for no such port. */
int evtchn_is_pending(struct domain *d, uint32_t port);

/* Core-made ports (ioreq): unbound port of d for remote; returns the port or -E. */
int evtchn_alloc_for(struct domain *d, struct vcpu *notify, domid_t remote);
int evtchn_close_port(struct domain *d, uint32_t port);

/* debug-keys 'e' and the invariant checker. */
void evtchn_dump(struct domain *d);
unsigned int evtchn_check(struct domain *d);

#endif
