/* SPDX-License-Identifier: MIT */
/*
 * CPU policies for the tools: reads and writes the leaves kept by vdev/cpuid.c, by sysctl (the
 * system's policies) and domctl (a domain's). Feature sets are words of the same leaves.
 *
 * The MSR part of a policy has the ABI's two registers, both Intel's. PLATFORM_INFO reports CPUID
 * faulting; ARCH_CAPABILITIES is hidden from guests.
 *
 * Read next: vdev/cpuid.c.
 */
#include "core/domain.h"
#include "core/domain_shutdown.h"
#include "cpu.h"
#include "errors.h"
#include "hypercall/domctl.h"
#include "hypercall/guest_copy.h"
#include "lib.h"
#include "vdev/cpuid.h"

#define MSR_ARCH_CAPABILITIES 0x10au
#define POLICY_MSRS 2u

static const xen_msr_entry_t policy_msrs[POLICY_MSRS] = {
    { .idx = MSR_PLATFORM_INFO, .val = PLATFORM_INFO_CPUID_FAULTING },
    { .idx = MSR_ARCH_CAPABILITIES },
};

/* --- to the tools --- */

/*
 * *nr_leaves, *nr_msrs: the buffer's capacity on entry, the number of entries on return. Without a
 * buffer, returns the maximum.
 */
static int policy_write(struct vcpu *caller, struct cpuid_policy *p, gva_t leaves_va,
                        uint32_t *nr_leaves, gva_t msrs_va, uint32_t *nr_msrs)
{
    xen_cpuid_leaf_t leaves[CPUID_POLICY_LEAVES];
    uint32_t n = cpuid_policy_leaves(p, leaves), room = *nr_leaves;
    int rc = 0;

    if (msrs_va != 0 && *nr_msrs < POLICY_MSRS)
        return -ENOBUFS;
    if (leaves_va != 0)
        rc = room < n ? -ENOBUFS : guest_write(caller, leaves_va, leaves, n * sizeof(*leaves));
    if (rc == 0 && msrs_va != 0)
        rc = guest_write(caller, msrs_va, policy_msrs, sizeof(policy_msrs));
    if (rc == 0)
        *nr_leaves = leaves_va != 0 ? n : CPUID_POLICY_LEAVES;
    *nr_msrs = POLICY_MSRS;
    return rc;
}

/* Policies and feature sets share their numbers, except for those of PV, which do not exist. */
static int system_policy(uint32_t index, struct cpuid_policy **p)
{
    _Static_assert(XEN_SYSCTL_cpu_policy_raw == XEN_SYSCTL_cpu_featureset_raw &&
                       XEN_SYSCTL_cpu_policy_host == XEN_SYSCTL_cpu_featureset_host &&
                       XEN_SYSCTL_cpu_policy_hvm_max == XEN_SYSCTL_cpu_featureset_hvm &&
                       XEN_SYSCTL_cpu_policy_hvm_default == XEN_SYSCTL_cpu_featureset_hvm_max,
                   "same numbers");
    static struct cpuid_policy *const policies[] = {
        [XEN_SYSCTL_cpu_policy_raw] = &cpuid_host,
        [XEN_SYSCTL_cpu_policy_host] = &cpuid_host,
        [XEN_SYSCTL_cpu_policy_hvm_max] = &cpuid_max,
        [XEN_SYSCTL_cpu_policy_hvm_default] = &cpuid_max,
    };

    if (index >= ARRAY_SIZE(policies))
        return -EINVAL;
    *p = policies[index];
    return *p ? 0 : -EOPNOTSUPP;
}

long cpu_policy_get_system(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_cpu_policy *p = &SYSCTL(arg)->cpu_policy;
    struct cpuid_policy *policy;
    int rc = p->_rsvd == 0 ? system_policy(p->index, &policy) : -EINVAL;

    return rc != 0 ? rc
                   : policy_write(hc->v, policy, HANDLE_VA(p->leaves), &p->nr_leaves,
                                  HANDLE_VA(p->msrs), &p->nr_msrs);
}

long cpu_policy_get_domain(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_cpu_policy *p = &DOMCTL(arg)->cpu_policy;

    return policy_write(hc->v, d->vdev.cpuid, HANDLE_VA(p->leaves), &p->nr_leaves,
                        HANDLE_VA(p->msrs), &p->nr_msrs);
}

/* --- from the tools --- */

static int check_msrs(struct vcpu *caller, struct xen_domctl_cpu_policy *p)
{
    xen_msr_entry_t msrs[POLICY_MSRS];

    if (p->nr_msrs > POLICY_MSRS)
        return -E2BIG;
    int rc = guest_read_array(caller, msrs, p->msrs, 0, p->nr_msrs);

    for (uint32_t i = 0; rc == 0 && i < p->nr_msrs; i++) {
        const xen_msr_entry_t *only = &policy_msrs[msrs[i].idx == MSR_ARCH_CAPABILITIES];

        if (memcmp(&msrs[i], only, sizeof(*only)) != 0) {
            p->err_msr = msrs[i].idx;
            rc = -EINVAL;
        }
    }
    return rc;
}

long cpu_policy_set_domain(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_cpu_policy *p = &DOMCTL(arg)->cpu_policy;
    xen_cpuid_leaf_t leaves[CPUID_POLICY_LEAVES];

    p->err_leaf = p->err_subleaf = p->err_msr = ~0u;
    if (p->nr_leaves > CPUID_POLICY_LEAVES)
        return -E2BIG;
    if (d->controller_pauses == 0)
        return -EBUSY; /* the policy must not change under a running guest */
    int rc = check_msrs(hc->v, p);

    if (rc == 0)
        rc = guest_read_array(hc->v, leaves, p->leaves, 0, p->nr_leaves);
    if (rc == 0) {
        domain_pause_sync(d);
        rc = cpuid_policy_set(d, leaves, p->nr_leaves, &p->err_leaf, &p->err_subleaf);
        domain_unpause(d);
    }
    return rc;
}

/* --- feature sets, in the order of <xen/arch-x86/cpufeatureset.h> --- */

long cpu_policy_featureset(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_cpu_featureset *f = &SYSCTL(arg)->cpu_featureset;
    uint32_t words[CPUID_FEATURE_WORDS], room = f->nr_features;
    struct cpuid_policy *policy;
    int rc = system_policy(f->index, &policy);

    if (rc != 0)
        return rc;
    f->nr_features = CPUID_FEATURE_WORDS;
    if (HANDLE_VA(f->features) == 0)
        return 0;
    f->nr_features = MIN(room, CPUID_FEATURE_WORDS);
    cpuid_policy_words(policy, words);
    rc = guest_write_array(hc->v, f->features, 0, words, f->nr_features);
    return rc == 0 && room < CPUID_FEATURE_WORDS ? -ENOBUFS : rc;
}
