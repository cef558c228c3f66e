/* SPDX-License-Identifier: MIT */
/*
 * What core/evtchn.c and core/evtchn_fifo.c share: the port, and who calls whom. Everything here is
 * under d->evtchn.lock.
 */
#ifndef CLV_CORE_EVTCHN_INTERNAL_H
#define CLV_CORE_EVTCHN_INTERNAL_H

#include "core/evtchn.h"

/*
 * 16 bytes, so that a bucket is a frame. last_*: the FIFO queue that it was put in last, also of a
 * free port.
 */
struct evtchn {
    uint8_t state : 3; /* EVTCHNSTAT_*; closed: it is free */
    /* FIFO: became pending when its event word was not there yet */
    uint8_t missed : 1;
    uint8_t priority : 4;
    uint8_t last_priority;
    uint8_t vcpu, last_vcpu; /* whom it notifies */
    union {
        uint32_t next_free;   /* closed */
        uint32_t remote_port; /* interdomain */
        uint32_t virq;        /* virq */
    };
    union {
        domid_t allowed; /* unbound: who may bind */
        /*
         * interdomain: no reference. A binding has both its ends or none, and a domain that goes
         * away closes its ports first, under both locks: so under the lock of either end the other
         * one is alive.
         */
        struct domain *remote;
    };
};

struct evtchn *evtchn_used_port(struct domain *d, uint32_t port); /* NULL: out of range, or free */
/* Marks the port pending, and notifies its vcpu unless it is masked. */
void evtchn_deliver(struct domain *d, uint32_t port, struct evtchn *e);
/* Marks v's upcall pending, and notifies it if that is new. */
void evtchn_upcall(struct vcpu *v);

/* The port's event word; NULL: the guest has not given its page yet. */
event_word_t *evtchn_fifo_word(struct domain *d, uint32_t port);
/* Marks the port pending; true: that is new. */
bool evtchn_fifo_set_pending(struct domain *d, uint32_t port, struct evtchn *e);
void evtchn_fifo_destroy(struct domain *d);

#endif
