/* SPDX-License-Identifier: MIT */
/* Guest CPUID (vdev/cpuid.c). */
#ifndef CLV_VDEV_CPUID_H
#define CLV_VDEV_CPUID_H

#include "types.h"

struct cpuid_policy;
struct domain;
struct vcpu;
struct xen_cpuid_leaf;

struct cpuid_regs {
    uint32_t a, b, c, d;
};
/* builds the policies from the host's CPUID */
void cpuid_init(void);
/* Executes CPUID for v. cr4: v's CR4. */
void cpuid_guest(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint64_t cr4,
                 struct cpuid_regs *out);
int cpuid_domain_init(struct domain *d);
uint64_t cpuid_guest_xcr0_mask(struct domain *d); /* XCR0 bits that this domain may set */
uint64_t cpuid_guest_cr4_mask(struct domain *d);  /* CR4 bits that this domain may set */
bool cpuid_guest_has(struct domain *d, unsigned int feature); /* XEN_X86_FEATURE_* */
/*
 * For the tools (hypercall/cpu_policy.c). leaves: serialises a policy as in <xen/arch-x86/xen.h>
 * and returns the number of leaves, at most CPUID_POLICY_LEAVES. words: returns its feature set.
 * set: applies all leaves or none; on -EINVAL, *err_leaf and *err_subleaf name the invalid one. d's
 * vcpus must be paused.
 */
struct xen_cpuid_leaf;
#define CPUID_POLICY_LEAVES 64
#define CPUID_FEATURE_WORDS 19
/* the host's policy; the maximum for guests */
extern struct cpuid_policy cpuid_host, cpuid_max;
unsigned int cpuid_policy_leaves(struct cpuid_policy *p, struct xen_cpuid_leaf *out);
void cpuid_policy_words(struct cpuid_policy *p, uint32_t words[CPUID_FEATURE_WORDS]);
int must_check cpuid_policy_set(struct domain *d, const struct xen_cpuid_leaf *leaves,
                                unsigned int n, uint32_t *err_leaf, uint32_t *err_subleaf);

#endif
