/* SPDX-License-Identifier: MIT */
/*
 * Handlers of the domctl and sysctl families, by file, and what both families share. A handler gets
 * a local copy of the caller's structure. The copy is written back if the operation's row requests
 * it (operation.h). Handlers return 0, a negative errno, or -ERESTART with their progress in the
 * copy.
 */
#ifndef CLV_HYPERCALL_DOMCTL_H
#define CLV_HYPERCALL_DOMCTL_H

#include "hypercall/operation.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

/* The union of the operation's structure; `arg` is the argument of an operation_fn. */
#define DOMCTL(arg) (&((struct xen_domctl *)(arg))->u)
#define SYSCTL(arg) (&((struct xen_sysctl *)(arg))->u)

/* domctl.c */
void domctl_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* domctl_memory.c */
operation_fn domctl_memory_max, domctl_memory_page_types, domctl_memory_shadow,
    domctl_memory_get_mempool, domctl_memory_set_mempool, domctl_memory_get_nodes,
    domctl_memory_set_nodes;

/* domctl_vcpu.c */
operation_fn domctl_vcpu_info, domctl_vcpu_get_context, domctl_vcpu_get_affinity,
    domctl_vcpu_set_affinity, domctl_vcpu_scheduler, domctl_vcpu_trigger;

/* hvmcontext.c */
operation_fn hvmcontext_get, hvmcontext_set;

/* cpu_policy.c */
operation_fn cpu_policy_get_domain, cpu_policy_set_domain, cpu_policy_get_system,
    cpu_policy_featureset;

#endif
