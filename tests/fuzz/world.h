/* SPDX-License-Identifier: MIT */
/*
 * A small machine for fuzzing the core's hypercall layer on the host: dom0, two guests of two
 * vcpus, their memory, and everything above the hardware is the core's own code. Below it world.c
 * fakes what only hardware has.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "harness.h"

#define WORLD_DOMAINS 3
#define WORLD_VCPUS 2
#define WORLD_GUEST_FRAMES 24
/* dom0's first frame: it has WORLD_DOM0_FRAMES there, identity-mapped */
#define WORLD_DOM0_BASE 0x200u
#define WORLD_DOM0_FRAMES 64

/* A fresh machine; every variable of the core is as at boot. */
void world_new(void);
/* The vcpu, or NULL when its domain is gone or dying. */
struct vcpu *world_vcpu(unsigned int domain, unsigned int vcpu);
/* Where a domain's memory begins. */
gpa_t world_base(unsigned int domain);
/*
 * One hypercall, to its end: what asks to be executed again is, after the softirqs. Panics when it
 * never ends. dom0 may switch the machine off by it: false.
 */
bool world_hypercall(struct vcpu *v, uint32_t nr, const uint64_t arg[HYPERCALL_ARGS]);
void world_pass(nsec_t time); /* timers fire */
/*
 * At the n-th moment from now when the core holds no lock, another vcpu makes this hypercall
 * (between.c).
 */
void world_meanwhile(unsigned int n, struct vcpu *v, uint32_t nr,
                     const uint64_t arg[HYPERCALL_ARGS]);
/*
 * All counts agree; then every domain is ended, dom0 too, and no frame is missing. Panics with what
 * it found.
 */
void world_end(void);

/*
 * For inject.c: this allocation on each new machine fails, counted from when its domains are there
 * (0: none); what runs, for the message; and whether it came to that on the last machine.
 */
extern unsigned int world_fail_alloc;
extern const char *world_doing;
bool world_alloc_failed(void);

#endif
