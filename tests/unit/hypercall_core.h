/* SPDX-License-Identifier: MIT */
/*
 * For tests of hypercall arguments: the files of hypercall/ run on real guest memory (mm/), with
 * the core below them faked (hypercall_core.c). dom0 has RAM from DOM0_BASE on, the guest 16 pages
 * from 0. Neither uses paging, so buffers are at physical addresses.
 */
#ifndef HYPERCALL_CORE_H
#define HYPERCALL_CORE_H

#include "harness.h"

#include <xen/domctl.h>
#include <xen/hvm/save.h>
#include <xen/sysctl.h>

#define DOM0_BASE 0x1000u
#define BUF(n) (((gva_t)DOM0_BASE + (n)) << PAGE_SHIFT) /* page n of dom0's memory */
#define NOWHERE 0x70000000ull

/* Counts the requests to the core. */
struct hypercall_core_did {
    unsigned int created, killed, pauses, vcpus, loaded, policies, upcalls, woken, shutdowns,
        timers, wall, checks, dispatched, runstates, blocks, yields, softirqs, dumps,
        refused_meanwhile, slots;
    uint64_t cookie; /* of the tables committed */
};
extern struct hypercall_core_did did;

extern struct domain *guest;     /* domain 3 */
extern struct vcpu *tool, *user; /* dom0's and the guest's vcpu */

/* Controls how the core behaves. */
extern unsigned int kill_restarts;     /* number of times that domain_kill returns -ERESTART */
extern unsigned int dispatch_restarts; /* likewise for a multicall entry with number 99 */
/* ports (a bit mask) that become pending while a vcpu blocks */
extern unsigned int block_sets_port;
extern uint64_t pending_ports;
extern domid_t wanted_id;                     /* the id that domain_create must be called with */
extern bool interrupts_on, interrupt_pending; /* of the vcpu that calls */
/* domain_kill repeats the call, as another CPU might */
extern bool kill_asks_again;
extern struct hvm_hw_cpu saved_registers; /* of any vcpu */
extern int runstate;                      /* RUNSTATE_* of any vcpu */
extern nsec_t now;

/* Values that the core received. */
extern cpumask_t affinity, soft;
extern nsec_t timer_expires;
extern uint8_t shutdown_reason;
extern char serial[2048];
extern size_t serial_length, serial_room; /* bytes accepted per call */
extern bool ring_cleared;

int hypercall_core_setup(void **state);
/* Checks that a hypercall released its locks and references. */
void no_lock_held(void);
/* Returns the host address of dom0's memory at va. */
void *at(gva_t va);

/* A domctl or sysctl by dom0; the result is copied back to op. */
long domctl(struct xen_domctl *op);
long sysctl(struct xen_sysctl *op);
/* A hypercall of `v` with its argument structure in page 1 of its memory. */
long call(hypercall_fn *fn, struct vcpu *v, uint64_t op, const void *arg, size_t size);
long vcpu_call(struct vcpu *v, uint64_t op, uint64_t id, const void *arg, size_t size);

#endif
