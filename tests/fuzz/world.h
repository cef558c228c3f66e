/* SPDX-License-Identifier: MIT */
/*
 * A small machine for fuzzing the core's hypercall layer on the host: dom0, two guests of two
 * vcpus, and their memory. Everything above the hardware is the core's own code; world.c fakes the
 * hardware.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "harness.h"

#define WORLD_DOMAINS 3
#define WORLD_HVM 2 /* has a chipset, and may have device models */
#define WORLD_VCPUS 2
#define WORLD_GUEST_FRAMES 24
/* dom0's first frame: it has WORLD_DOM0_FRAMES there, identity-mapped */
#define WORLD_DOM0_BASE 0x200u
#define WORLD_DOM0_FRAMES 64

/* A fresh machine; every variable of the core is as at boot. */
void world_new(void);
/* The vcpu, or NULL if its domain is gone or dying. */
struct vcpu *world_vcpu(unsigned int domain, unsigned int vcpu);
/* The start of a domain's memory. */
gpa_t world_base(unsigned int domain);
/*
 * Makes one hypercall, and repeats it after the softirqs while it returns -ERESTART. Panics if it
 * never ends. Returns false if dom0 powered the machine off.
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
 * Checks that all counts agree, destroys every domain including dom0, and checks that no frame is
 * missing. Panics with its finding.
 */
void world_end(void);

/*
 * For inject.c: the allocation that fails on each new machine, counted after its domains are
 * created (0: none); the name of the program, for the message; whether the allocation was reached
 * on the last machine.
 */
extern unsigned int world_fail_alloc;
extern const char *world_doing;
bool world_alloc_failed(void);

#endif
