/* SPDX-License-Identifier: MIT */
/* The run loop, and what the files of guest/ offer each other: exits, faults, emulated instructions. */
#ifndef CLV_GUEST_EXITS_H
#define CLV_GUEST_EXITS_H

#include "types.h"

struct exit;
struct vcpu;

/* run.c: the loop of every CPU: softirqs, pick, enter, exit, for ever. */
noreturn void run_cpu(void);

/* exit.c */
void exit_handle(struct vcpu *v, const struct exit *e);
void exit_wbinvd_softirq(void); /* on the CPU that is asked to write its cache back */

/*
 * A nested page fault on gpa. 0: retry the instruction; -ENOENT: nothing is mapped here, emulate it; -EACCES:
 * not allowed as `write` or `exec`; -ENOMEM: no memory for a table, or RAM that has no frame now.
 */
int fault_resolve(struct vcpu *v, gpa_t gpa, bool write, bool exec);

/*
 * The access of the instruction at RIP to gpa, where no memory is: executes it on v's bus and advances RIP,
 * or injects a fault. -EINVAL: it cannot be done on a device. -ENOENT: a frame is absent.
 */
int emulate_access(struct vcpu *v, gpa_t gpa);

#endif
