/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the domctl and sysctl families: handlers by the file that has them, and what
 * both families share. A handler gets the caller's structure as a local copy; what it changes there
 * goes back to the caller when the operation's row says so. It returns 0, a negative errno, or
 * -ERESTART with its progress in the copy.
 */
#ifndef CLV_HYPERCALL_DOMCTL_H
#define CLV_HYPERCALL_DOMCTL_H

#include "hypercall/operation.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

/* The families' structures, which `arg` of an operation_fn is; without their heads. */
#define DOMCTL(arg) (&((struct xen_domctl *)(arg))->u)
#define SYSCTL(arg) (&((struct xen_sysctl *)(arg))->u)

/* domctl.c */
void domctl_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* domctl_memory.c */
operation_fn domctl_memory_max, domctl_memory_page_types, domctl_memory_shadow,
    domctl_memory_get_mempool, domctl_memory_set_mempool, domctl_memory_get_nodes,
    domctl_memory_set_nodes;

/* domctl_vcpu.c */
operation_fn domctl_vcpu_info, domctl_vcpu_affinity, domctl_vcpu_scheduler, domctl_vcpu_trigger;

/* hvmcontext.c */
operation_fn hvmcontext_get, hvmcontext_set;

/* cpu_policy.c */
operation_fn cpu_policy_get_domain, cpu_policy_set_domain, cpu_policy_get_system,
    cpu_policy_featureset;

#endif
