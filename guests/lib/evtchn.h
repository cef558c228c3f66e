/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level ABI (xen/event_channel.h, shared_info in xen/xen.h). Handlers run in the
 * upcall of the vCPU that the port is bound to, with interrupts off. A port without a handler stays
 * masked and pending, for polling.
 */
#ifndef GUESTS_LIB_EVTCHN_H
#define GUESTS_LIB_EVTCHN_H

#include "lib.h"

#include <xen/event_channel.h>
#include <xen/xen.h>

typedef void evtchn_handler(evtchn_port_t port, void *arg);

#define EVTCHN_PORTS 256   /* limit of ports with handlers */
#define EVTCHN_VECTOR 0xf3 /* upcall vector of every vCPU */

/*
 * evtchn_init maps shared_info and sets up the first vCPU, evtchn_init_vcpu each other one: its
 * vcpu_info in own memory (or "vcpu_info=shared"), and its upcall, by a vector per vCPU or
 * ("upcall=param") by HVM_PARAM_CALLBACK_IRQ.
 */
void evtchn_init(void);
void evtchn_init_vcpu(void);

/* Restore shared_info's mapping and this vCPU's upcall, after a test has changed them. */
void evtchn_repair_shared(void);
void evtchn_repair_upcall(void);

extern struct shared_info *evtchn_shared;

/* Sets the handler and unmasks the port. A pending event is delivered at once. */
void evtchn_handle(evtchn_port_t port, evtchn_handler *handler, void *arg);

/* Clears the port's pending bit. */
void evtchn_clear(evtchn_port_t port);

/* Hypercalls. Return a port number or 0, or a negative errno. */
int evtchn_bind_virq(unsigned virq, unsigned vcpu);
int evtchn_bind_ipi(unsigned vcpu);
int evtchn_alloc(domid_t remote);
int evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port);
int evtchn_send(evtchn_port_t port);
int evtchn_close(evtchn_port_t port);

#endif
