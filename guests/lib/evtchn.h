/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level ABI (xen/event_channel.h, shared_info in xen/xen.h). Handlers run in the upcall
 * interrupt of the vCPU that the port is bound to, interrupts off. A port without handler stays pending,
 * unseen, for polling.
 */
#ifndef GUESTS_LIB_EVTCHN_H
#define GUESTS_LIB_EVTCHN_H

#include "lib.h"

#include <xen/event_channel.h>
#include <xen/xen.h>

typedef void evtchn_handler(evtchn_port_t port, void *arg);

#define EVTCHN_PORTS 256            /* handlers can be set for ports below this */
#define EVTCHN_VECTOR 0xf3          /* of the upcall, on every vCPU */

/*
 * Maps shared_info and readies the first vCPU; evtchn_init_vcpu does each other one: its vcpu_info in memory
 * of its own (or "vcpu_info=shared"), and the upcall form: a vector per vCPU, or ("upcall=param")
 * HVM_PARAM_CALLBACK_IRQ.
 */
void evtchn_init(void);
void evtchn_init_vcpu(void);

/* For a guest that has played with them: shared_info back in its place, this vCPU's upcall chosen again. */
void evtchn_repair_shared(void);
void evtchn_repair_upcall(void);

extern struct shared_info *evtchn_shared;

/* Sets the handler and unmasks the port; what is already pending fires at once. */
void evtchn_handle(evtchn_port_t port, evtchn_handler *handler, void *arg);

/* Forgets that the port is pending. */
void evtchn_clear(evtchn_port_t port);

/* The hypercalls: port numbers or 0 where one is returned, negative errno otherwise. */
int evtchn_bind_virq(unsigned virq, unsigned vcpu);
int evtchn_bind_ipi(unsigned vcpu);
int evtchn_alloc(domid_t remote);
int evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port);
int evtchn_send(evtchn_port_t port);
int evtchn_close(evtchn_port_t port);

#endif
