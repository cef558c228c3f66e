/* SPDX-License-Identifier: MIT */
/*
 * For tests of hypercalls' arguments: the families' own files run on real guest memory (mm/), the
 * core below them is faked (hypercall_core.c). dom0 has RAM from DOM0_BASE on, the guest 16 pages
 * from 0; neither has paging, so that a hypercall's buffers are at physical addresses.
 */
#ifndef HYPERCALL_CORE_H
#define HYPERCALL_CORE_H

#include "harness.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

#define DOM0_BASE 0x1000u
#define BUF(n) (((gva_t)DOM0_BASE + (n)) << PAGE_SHIFT) /* page n of dom0's memory */
#define NOWHERE 0x70000000ull

/* What the core was asked to do, how often. */
struct hypercall_core_did {
    unsigned int created, killed, pauses, vcpus, loaded, policies, upcalls, woken, shutdowns,
        timers, wall, checks, dispatched, runstates, blocks, yields, softirqs, dumps,
        refused_meanwhile;
};
extern struct hypercall_core_did did;

extern struct domain *guest;     /* domain 3 */
extern struct vcpu *tool, *user; /* dom0's and the guest's vcpu */

/* How the core behaves. */
extern unsigned int kill_restarts;     /* so often domain_kill asks to be called again */
extern unsigned int dispatch_restarts; /* likewise an entry of a multicall with number 99 */
/* ports (a bit mask) that become pending while a vcpu blocks */
extern unsigned int block_sets_port;
extern uint64_t pending_ports;
extern domid_t wanted_id;                     /* what domain_create must be asked for */
extern bool interrupts_on, interrupt_pending; /* of the vcpu that calls */
/* domain_kill makes the same call once more, as another CPU might */
extern bool kill_asks_again;
extern int runstate; /* RUNSTATE_* of any vcpu */
extern nsec_t now;

/* What it was given. */
extern uint64_t affinity, soft;
extern nsec_t timer_expires;
extern uint8_t shutdown_reason;
extern char serial[2048];
extern size_t serial_length, serial_room; /* so much is taken at once */
extern bool ring_cleared;

int hypercall_core_setup(void **state);
/* What a hypercall took, it gave back. */
void no_lock_held(void);
/* dom0's memory, as an address here. */
void *at(gva_t va);

/* A domctl or sysctl of dom0's; what came back is in op. */
long domctl(struct xen_domctl *op);
long sysctl(struct xen_sysctl *op);
/* A hypercall of `v` with its argument structure in page 1 of its memory. */
long call(hypercall_fn *fn, struct vcpu *v, uint64_t op, const void *arg, size_t size);
long vcpu_call(struct vcpu *v, uint64_t op, uint64_t id, const void *arg, size_t size);

#endif
