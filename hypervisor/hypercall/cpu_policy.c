/* SPDX-License-Identifier: MIT */
/*
 * CPU policies for the tools: the leaves that vdev/cpuid.c holds, in and out, by sysctl (of the system) and
 * domctl (of a domain), and the feature sets, which are chosen words of the same leaves.
 *
 * The MSR part of a policy has the two registers of the ABI, both zero: Intel's, hidden from guests.
 *
 * Read next: vdev/cpuid.c.
 */
#include "alloc.h"
#include "domctl.h"
#include "lib.h"

#define MSR_PLATFORM_INFO 0xceu
#define MSR_ARCH_CAPABILITIES 0x10au
#define POLICY_MSRS 2u

static const xen_msr_entry_t policy_msrs[POLICY_MSRS] = {
    { .idx = MSR_PLATFORM_INFO }, { .idx = MSR_ARCH_CAPABILITIES },
};

/* --- out --- */

/*
 * d's policy, or with d == NULL the system's. *nr_*: in entries of room, out entries there are; without a
 * buffer the most there can be.
 */
static int policy_write(struct vcpu *caller, struct domain *d, enum cpuid_policy_index which, gva_t leaves_va,
                        uint32_t *nr_leaves, gva_t msrs_va, uint32_t *nr_msrs)
{
    xen_cpuid_leaf_t *leaves = NULL;
    unsigned int n;
    int rc = 0;

    if ((msrs_va != 0 && *nr_msrs < POLICY_MSRS))
        return -ENOBUFS;
    if (leaves_va != 0) {
        leaves = heap_alloc(CPUID_POLICY_LEAVES * sizeof(*leaves));
        if (leaves == NULL)
            return -ENOMEM;
        n = cpuid_policy_leaves(which, d, leaves, CPUID_POLICY_LEAVES);
        ASSERT(n <= CPUID_POLICY_LEAVES);
        rc = *nr_leaves < n ? -ENOBUFS : guest_write(caller, leaves_va, leaves, n * sizeof(*leaves));
        heap_free(leaves);
        if (rc != 0)
            return rc;
        *nr_leaves = n;
    } else {
        *nr_leaves = CPUID_POLICY_LEAVES;
    }
    if (msrs_va != 0)
        rc = guest_write(caller, msrs_va, policy_msrs, sizeof(policy_msrs));
    *nr_msrs = POLICY_MSRS;
    return rc;
}

static int system_index(uint32_t index, enum cpuid_policy_index *which)
{
    switch (index) {
    case XEN_SYSCTL_cpu_policy_raw:
    case XEN_SYSCTL_cpu_policy_host:
        *which = CPUID_POLICY_HOST;
        return 0;
    case XEN_SYSCTL_cpu_policy_hvm_max:
        *which = CPUID_POLICY_HVM_MAX;
        return 0;
    case XEN_SYSCTL_cpu_policy_hvm_default:
        *which = CPUID_POLICY_HVM_DEFAULT;
        return 0;
    case XEN_SYSCTL_cpu_policy_pv_max:
    case XEN_SYSCTL_cpu_policy_pv_default:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

long cpu_policy_get_system(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_cpu_policy *p = &SYSCTL(arg)->cpu_policy;
    enum cpuid_policy_index which;
    int rc = p->_rsvd == 0 ? system_index(p->index, &which) : -EINVAL;

    if (rc != 0)
        return rc;
    return policy_write(hc->v, NULL, which, HANDLE_VA(p->leaves), &p->nr_leaves, HANDLE_VA(p->msrs),
                        &p->nr_msrs);
}

long cpu_policy_get_domain(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_cpu_policy *p = &DOMCTL(arg)->cpu_policy;

    return policy_write(hc->v, d, CPUID_POLICY_HVM_DEFAULT, HANDLE_VA(p->leaves), &p->nr_leaves,
                        HANDLE_VA(p->msrs), &p->nr_msrs);
}

/* --- in --- */

static int check_msrs(struct vcpu *caller, struct xen_domctl_cpu_policy *p)
{
    xen_msr_entry_t msrs[POLICY_MSRS];
    int rc;

    if (p->nr_msrs > POLICY_MSRS)
        return -E2BIG;
    rc = guest_read(caller, msrs, HANDLE_VA(p->msrs), p->nr_msrs * sizeof(msrs[0]));
    for (uint32_t i = 0; rc == 0 && i < p->nr_msrs; i++) {
        bool known = msrs[i].idx == MSR_PLATFORM_INFO || msrs[i].idx == MSR_ARCH_CAPABILITIES;

        if (!known || msrs[i].flags != 0 || msrs[i].val != 0) {
            p->err_msr = msrs[i].idx;
            rc = -EINVAL;
        }
    }
    return rc;
}

long cpu_policy_set_domain(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl_cpu_policy *p = &DOMCTL(arg)->cpu_policy;
    xen_cpuid_leaf_t *leaves;
    int rc;

    p->err_leaf = p->err_subleaf = p->err_msr = ~0u;
    if (p->nr_leaves > CPUID_POLICY_LEAVES)
        return -E2BIG;
    if (d->controller_pauses == 0)
        return -EBUSY; /* what a running guest has seen of its CPU must stay true */
    rc = check_msrs(hc->v, p);
    if (rc != 0)
        return rc;
    leaves = heap_alloc(CPUID_POLICY_LEAVES * sizeof(*leaves));
    if (leaves == NULL)
        return -ENOMEM;
    rc = guest_read(hc->v, leaves, HANDLE_VA(p->leaves), p->nr_leaves * sizeof(*leaves));
    if (rc == 0) {
        domain_pause_sync(d);
        rc = cpuid_policy_set(d, leaves, p->nr_leaves, &p->err_leaf, &p->err_subleaf);
        domain_unpause(d);
    }
    heap_free(leaves);
    return rc;
}

/* --- feature sets --- */

/*
 * The words of a feature set, in the order of <xen/arch-x86/cpufeatureset.h>. Two are of an MSR, zero here.
 */
static const struct feature_word {
    uint32_t leaf, subleaf;
    uint8_t reg; /* 0 a .. 3 d, 4 none */
} feature_words[] = {
    { 0x1, 0, 3 }, { 0x1, 0, 2 },        { 0x80000001, 0, 3 }, { 0x80000001, 0, 2 }, { 0xd, 1, 0 },
    { 0x7, 0, 1 }, { 0x7, 0, 2 },        { 0x80000007, 0, 3 }, { 0x80000008, 0, 1 }, { 0x7, 0, 3 },
    { 0x7, 1, 0 }, { 0x80000021, 0, 0 }, { 0x7, 1, 1 },        { 0x7, 2, 3 },        { 0x7, 1, 2 },
    { 0x7, 1, 3 }, { 0, 0, 4 },          { 0, 0, 4 },          { 0x80000021, 0, 2 },
};

static uint32_t word_of(const xen_cpuid_leaf_t *leaves, unsigned int n, const struct feature_word *w)
{
    for (unsigned int i = 0; i < n; i++) {
        const xen_cpuid_leaf_t *l = &leaves[i];

        if (l->leaf != w->leaf ||
            (l->subleaf != w->subleaf && !(l->subleaf == XEN_CPUID_NO_SUBLEAF && w->subleaf == 0)))
            continue;
        return (const uint32_t[]){ l->a, l->b, l->c, l->d, 0 }[w->reg];
    }
    return 0;
}

static int feature_set(enum cpuid_policy_index which, uint32_t *words, unsigned int count)
{
    xen_cpuid_leaf_t *leaves = heap_alloc(CPUID_POLICY_LEAVES * sizeof(*leaves));
    unsigned int n;

    if (leaves == NULL)
        return -ENOMEM;
    n = cpuid_policy_leaves(which, NULL, leaves, CPUID_POLICY_LEAVES);
    for (unsigned int i = 0; i < count; i++)
        words[i] = i < ARRAY_SIZE(feature_words) ? word_of(leaves, n, &feature_words[i]) : 0;
    heap_free(leaves);
    return 0;
}

int cpu_policy_host_words(uint32_t *words, unsigned int n)
{
    return feature_set(CPUID_POLICY_HOST, words, n);
}

static int featureset_index(uint32_t index, enum cpuid_policy_index *which)
{
    static const uint8_t policy[] = {
        [XEN_SYSCTL_cpu_featureset_raw] = XEN_SYSCTL_cpu_policy_raw,
        [XEN_SYSCTL_cpu_featureset_host] = XEN_SYSCTL_cpu_policy_host,
        [XEN_SYSCTL_cpu_featureset_pv] = XEN_SYSCTL_cpu_policy_pv_default,
        [XEN_SYSCTL_cpu_featureset_hvm] = XEN_SYSCTL_cpu_policy_hvm_default,
        [XEN_SYSCTL_cpu_featureset_pv_max] = XEN_SYSCTL_cpu_policy_pv_max,
        [XEN_SYSCTL_cpu_featureset_hvm_max] = XEN_SYSCTL_cpu_policy_hvm_max,
    };

    return index < ARRAY_SIZE(policy) ? system_index(policy[index], which) : -EINVAL;
}

long cpu_policy_featureset(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_cpu_featureset *f = &SYSCTL(arg)->cpu_featureset;
    uint32_t words[ARRAY_SIZE(feature_words)], room = f->nr_features;
    enum cpuid_policy_index which;
    int rc = featureset_index(f->index, &which);

    if (rc != 0)
        return rc;
    f->nr_features = ARRAY_SIZE(words);
    if (HANDLE_VA(f->features) == 0)
        return 0;
    f->nr_features = MIN(room, (uint32_t)ARRAY_SIZE(words));
    rc = feature_set(which, words, f->nr_features);
    if (rc == 0)
        rc = guest_write_array(hc->v, f->features, 0, words, f->nr_features);
    if (rc == 0 && room < ARRAY_SIZE(words))
        rc = -ENOBUFS;
    return rc;
}
