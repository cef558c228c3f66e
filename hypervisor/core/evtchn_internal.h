/* SPDX-License-Identifier: MIT */
/*
 * Shared by core/evtchn.c and core/evtchn_fifo.c. Everything here is protected by d->evtchn.lock.
 */
#ifndef CLV_CORE_EVTCHN_INTERNAL_H
#define CLV_CORE_EVTCHN_INTERNAL_H

#include "core/evtchn.h"

/*
 * One port. 16 bytes, so that a bucket is one frame. last_*: the FIFO queue that it was last
 * appended to, also for a free port.
 */
struct evtchn {
    uint8_t state : 3; /* EVTCHNSTAT_*; closed: free */
    /* FIFO: became pending before its event word existed */
    uint8_t missed : 1;
    uint8_t priority : 4;
    uint8_t last_priority : 4;
    /* of the core, not of the guest: an event ends the vcpu's wait for a device model (ioreq.c) */
    uint8_t core : 1;
    uint8_t vcpu, last_vcpu; /* vcpu: the one notified */
    union {
        uint32_t next_free;   /* closed */
        uint32_t remote_port; /* interdomain */
        uint32_t virq;        /* virq */
    };
    union {
        domid_t allowed; /* unbound: the domain that may bind */
        /*
         * interdomain: not a reference. A binding always has both ends, and a dying domain first
         * closes its ports under both locks. So while the lock of either end is held, the other
         * domain is alive.
         */
        struct domain *remote;
    };
};

struct evtchn *evtchn_used_port(struct domain *d, uint32_t port); /* NULL: out of range or free */
/* Marks the port pending and, unless it is masked, notifies its vcpu. */
void evtchn_deliver(struct domain *d, uint32_t port, struct evtchn *e);
/* Sets evtchn_upcall_pending of v, and notifies v if it was clear. */
void evtchn_upcall(struct vcpu *v);

/* Returns the port's event word; NULL: the guest has not registered its page. */
event_word_t *evtchn_fifo_word(struct domain *d, uint32_t port);
/* Marks the port pending. True: it was not pending before. */
bool evtchn_fifo_set_pending(struct domain *d, uint32_t port, struct evtchn *e);
void evtchn_fifo_destroy(struct domain *d);

#endif
