/* SPDX-License-Identifier: MIT */
/*
 * What core/evtchn.c and its two ways of delivery share: the port, and who calls whom. Everything here is
 * under d->evtchn.lock.
 */
#ifndef CLV_EVTCHN_INTERNAL_H
#define CLV_EVTCHN_INTERNAL_H

#include "domain.h"

enum evtchn_state { EVTCHN_FREE, EVTCHN_UNBOUND, EVTCHN_INTERDOMAIN, EVTCHN_VIRQ, EVTCHN_IPI };

/*
 * 16 bytes, so that a bucket is 2 KiB. last_*: the FIFO queue that it was put in last, also of a free port.
 */
struct evtchn {
    uint8_t state : 3;                /* enum evtchn_state */
    uint8_t missed : 1;               /* FIFO: became pending before its event word was there */
    uint8_t priority : 4;
    uint8_t last_priority;
    uint8_t vcpu, last_vcpu;          /* whom it notifies */
    union {
        uint32_t next_free;           /* EVTCHN_FREE */
        uint32_t remote_port;         /* EVTCHN_INTERDOMAIN */
        uint32_t virq;                /* EVTCHN_VIRQ */
    };
    union {
        domid_t allowed;              /* EVTCHN_UNBOUND: who may bind */
        /*
         * EVTCHN_INTERDOMAIN: no reference. A binding has both its ends or none, and a domain that goes away
         * closes its ports first, under both locks: so under the lock of either end the other one is alive.
         */
        struct domain *remote;
    };
};

struct evtchn *evtchn_port(struct domain *d, uint32_t port); /* NULL: out of range; free ports are ports */
/* Marks v's upcall pending, and notifies it if that is new. */
void evtchn_upcall(struct vcpu *v);
/* A port became pending, masked or not: SCHEDOP_poll looks again. */
void evtchn_wake_pollers(struct domain *d);
void evtchn_deliver(struct domain *d, uint32_t port, struct evtchn *e);

void evtchn_2l_set_pending(struct domain *d, uint32_t port, struct evtchn *e);
void evtchn_2l_clear_pending(struct domain *d, uint32_t port);
bool evtchn_2l_is_pending(struct domain *d, uint32_t port);
bool evtchn_2l_is_masked(struct domain *d, uint32_t port);
void evtchn_2l_unmask(struct domain *d, uint32_t port, struct evtchn *e);
void evtchn_2l_resend_all(struct vcpu *v);

void evtchn_fifo_set_pending(struct domain *d, uint32_t port, struct evtchn *e);
void evtchn_fifo_clear_pending(struct domain *d, uint32_t port);
bool evtchn_fifo_is_pending(struct domain *d, uint32_t port);
bool evtchn_fifo_is_masked(struct domain *d, uint32_t port);
bool evtchn_fifo_is_linked(struct domain *d, uint32_t port);
void evtchn_fifo_unmask(struct domain *d, uint32_t port, struct evtchn *e);
void evtchn_fifo_destroy(struct domain *d);

#endif
