/* SPDX-License-Identifier: MIT */
/*
 * CPUID as guests see it. Three policies are made at boot: what the host has; the most a guest may have
 * (hvm_max: the features listed below that the host has, plus those that the core makes); and what a guest
 * gets unless its tools say otherwise, which here is the same. Each domain has its own copy, which tools may
 * narrow (domctl set_cpu_policy). dom0 gets what a guest gets.
 *
 * A feature is offered only if nothing of it needs the core's help that is not there: no MONITOR (idle must
 * exit), SVM, MTRR, machine check banks, performance counters, speculation control MSRs, supervisor XSAVE
 * states, invariant TSC. Feature names: <xen/arch-x86/cpufeatureset.h>; leaves: APM vol. 3, appendix E; Xen's
 * own: <xen/arch-x86/cpuid.h>.
 *
 * Read next: msr.c. The tools' side: ../hypercall/cpu_policy.c.
 */
#include "alloc.h"
#include "cpu.h"
#include "domain.h"
#include "errors.h"
#include "lib.h"
#include "svm.h"
#include "vdev.h"
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#define BASIC_LEAVES 0xe
#define CACHE_LEAVES 6
#define FEATURE_LEAVES 3
#define TOPOLOGY_LEAVES 2
#define XSTATE_LEAVES 3      /* 0, 1, and 2: AVX */
#define EXTENDED_LEAVES 0x22
#define EXTENDED 0x80000000u
#define XEN_LEAF 0x40000000u
#define XEN_LEAF_ALTERNATIVE 0x40000100u

struct cpuid_policy {
    struct cpuid_regs basic[BASIC_LEAVES], cache[CACHE_LEAVES], feature[FEATURE_LEAVES];
    struct cpuid_regs topology[TOPOLOGY_LEAVES], xstate[XSTATE_LEAVES], extended[EXTENDED_LEAVES];
    uint32_t xen_limit, alternative_limit; /* highest leaf from XEN_LEAF on, 0: all */
};

static struct cpuid_policy host, hvm_max;

/* --- features --- */

#define F(name) XEN_X86_FEATURE_##name

/* What a guest may have if the host has it. */
static const uint16_t passed[] = {
    F(FPU), F(VME), F(DE), F(PSE), F(TSC), F(MSR), F(PAE), F(CX8), F(APIC), F(SEP), F(PGE), F(CMOV), F(PAT),
    F(PSE36), F(CLFLUSH), F(MMX), F(FXSR), F(SSE), F(SSE2),
    F(SSE3), F(PCLMULQDQ), F(SSSE3), F(FMA), F(CX16), F(PCID), F(SSE4_1), F(SSE4_2), F(MOVBE), F(POPCNT),
    F(AESNI), F(XSAVE), F(AVX), F(F16C), F(RDRAND),
    F(SYSCALL), F(NX), F(MMXEXT), F(PAGE1GB), F(RDTSCP), F(LM), F(3DNOWEXT), F(3DNOW),
    F(LAHF_LM), F(CR8_LEGACY), F(ABM), F(SSE4A), F(MISALIGNSSE), F(3DNOWPREFETCH), F(XOP), F(FMA4), F(TBM),
    F(XSAVEOPT), F(XSAVEC), F(XGETBV1),
    F(FSGSBASE), F(BMI1), F(AVX2), F(FDP_EXCP_ONLY), F(SMEP), F(BMI2), F(ERMS), F(INVPCID), F(NO_FPU_SEL),
    F(RDSEED), F(ADX), F(SMAP), F(CLFLUSHOPT), F(CLWB), F(SHA),
    F(UMIP), F(GFNI), F(VAES), F(VPCLMULQDQ), F(RDPID),
    F(CLZERO), F(RSTR_FP_ERR_PTRS), F(IBPB), F(SSB_NO), F(BTC_NO), F(IBPB_RET),
    F(FSRM), F(AVX_VNNI), F(FZRM), F(FSRS), F(FSRCS),
    F(LFENCE_DISPATCH), F(NSCB), F(SRSO_NO), F(SRSO_US_NO), F(TSA_SQ_NO), F(TSA_L1_NO),
};

/* Made by the core, or said by tools about the topology that they chose, whatever the host has. */
static const uint16_t made[] = { F(APIC), F(X2APIC), F(HYPERVISOR), F(HTT), F(CMP_LEGACY) };

/* The first means nothing without the second. Chains are in order, so that one pass is enough. */
static const struct { uint16_t feature, needs; } dependencies[] = {
    { F(XSAVEOPT), F(XSAVE) }, { F(XSAVEC), F(XSAVE) }, { F(XGETBV1), F(XSAVE) }, { F(AVX), F(XSAVE) },
    { F(FMA), F(AVX) }, { F(F16C), F(AVX) }, { F(AVX2), F(AVX) }, { F(XOP), F(AVX) }, { F(FMA4), F(XOP) },
    { F(AVX_VNNI), F(AVX) }, { F(VAES), F(AVX) }, { F(VPCLMULQDQ), F(AVX) },
    { F(LM), F(PAE) }, { F(PAGE1GB), F(LM) }, { F(LAHF_LM), F(LM) }, { F(PCID), F(LM) },
    { F(INVPCID), F(PCID) },
};

#define FEATURE_WORDS 19
#define COMMON_1D 0x0183f3ffu /* bits of 0x80000001:EDX that repeat leaf 1's */

/* Where a word of the feature set is in a policy; NULL for those that come from MSRs (none is offered). */
static uint32_t *feature_word(struct cpuid_policy *p, unsigned int word)
{
    uint32_t *const where[FEATURE_WORDS] = {
        &p->basic[1].d, &p->basic[1].c, &p->extended[1].d, &p->extended[1].c, &p->xstate[1].a,
        &p->feature[0].b, &p->feature[0].c, &p->extended[7].d, &p->extended[8].b, &p->feature[0].d,
        &p->feature[1].a, &p->extended[0x21].a, &p->feature[1].b, &p->feature[2].d, &p->feature[1].c,
        &p->feature[1].d, NULL, NULL, &p->extended[0x21].c,
    };

    return where[word];
}

static bool has(struct cpuid_policy *p, unsigned int feature)
{
    return *feature_word(p, feature / 32) >> (feature % 32) & 1;
}

static void set(struct cpuid_policy *p, unsigned int feature, bool on)
{
    uint32_t *word = feature_word(p, feature / 32), bit = 1u << (feature % 32);

    *word = on ? *word | bit : *word & ~bit;
}

static void narrow_features(struct cpuid_policy *p, struct cpuid_policy *max)
{
    for (unsigned int i = 0; i < FEATURE_WORDS; i++)
        if (feature_word(p, i))
            *feature_word(p, i) &= *feature_word(max, i);
    set(p, F(HYPERVISOR), true);
    set(p, F(APIC), true);
    for (unsigned int i = 0; i < ARRAY_SIZE(dependencies); i++)
        if (!has(p, dependencies[i].needs))
            set(p, dependencies[i].feature, false);
    p->extended[1].d = (p->extended[1].d & ~COMMON_1D) | (p->basic[1].d & COMMON_1D);
}

/* --- policies --- */

/* The registers of a leaf in a policy, or NULL when policies do not have it. */
static struct cpuid_regs *find(struct cpuid_policy *p, uint32_t leaf, uint32_t sub)
{
    switch (leaf) {
    case 4: return sub < CACHE_LEAVES ? &p->cache[sub] : NULL;
    case 7: return sub < FEATURE_LEAVES ? &p->feature[sub] : NULL;
    case 0xb: return sub < TOPOLOGY_LEAVES ? &p->topology[sub] : NULL;
    case 0xd: return sub < XSTATE_LEAVES ? &p->xstate[sub] : NULL;
    default:
        if (leaf < BASIC_LEAVES)
            return &p->basic[leaf];
        return (leaf ^ EXTENDED) < EXTENDED_LEAVES ? &p->extended[leaf ^ EXTENDED] : NULL;
    }
}

static bool has_subleaves(uint32_t leaf) { return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd; }

static uint64_t xcr0_mask(struct cpuid_policy *p)
{
    if (!has(p, F(XSAVE)))
        return 0;
    return cpu_features.xcr0_mask & (has(p, F(AVX)) ? 7 : 3);
}

/* Bytes that XSAVE needs for these states; AVX is also where the compact form has it. */
static uint32_t xsave_size(uint64_t xcr0) { return xcr0 & 4 ? host.xstate[2].a + host.xstate[2].b : 576; }

static void compute_xstate(struct cpuid_policy *p)
{
    uint64_t mask = xcr0_mask(p);
    uint32_t features = mask ? p->xstate[1].a : 0;

    memset(p->xstate, 0, sizeof(p->xstate));
    if (!mask)
        return;
    p->xstate[0] = (struct cpuid_regs){ (uint32_t)mask, xsave_size(mask), xsave_size(mask), 0 };
    p->xstate[1].a = features;
    if (mask & 4)
        p->xstate[2] = host.xstate[2];
}

/* Leaf 0 of a range: the highest leaf, and the host's vendor. */
static void limit_leaves(struct cpuid_regs *r, const struct cpuid_regs *max)
{
    *r = (struct cpuid_regs){ MIN(r->a, max->a), max->b, max->c, max->d };
}

/* Makes p, whatever tools wrote into it, a policy that a guest can be given. */
static void narrow(struct cpuid_policy *p, struct cpuid_policy *max)
{
    static const uint8_t no_basic[] = { 2, 3, 5, 6, 8, 9, 0xa, 0xc };
    struct cpuid_regs *e = p->extended, *m = max->extended;

    limit_leaves(&p->basic[0], &max->basic[0]);
    limit_leaves(&e[0], &m[0]);
    p->basic[1].b = (p->basic[1].b & 0x00ff0000) | (host.basic[1].b & 0xff00);
    narrow_features(p, max);
    for (unsigned int i = 0; i < ARRAY_SIZE(no_basic); i++)
        memset(&p->basic[no_basic[i]], 0, sizeof(p->basic[0]));
    memset(p->cache, 0, sizeof(p->cache));
    memset(p->topology, 0, sizeof(p->topology));
    p->feature[0].a = MIN(p->feature[0].a, max->feature[0].a);
    e[1].b = 0;
    e[7] = (struct cpuid_regs){ .d = e[7].d };
    e[8].a = MIN(e[8].a & 0xff, m[8].a & 0xff) | MIN(e[8].a & 0xff00, m[8].a & 0xff00);
    e[8].c &= 0xf0ff;
    e[8].d = 0;
    memset(&e[9], 0, 0x10 * sizeof(*e));      /* SVM and what is reserved */
    memset(&e[0x1b], 0, 6 * sizeof(*e));      /* sampling, profiling, topology, encryption */
    e[0x21] = (struct cpuid_regs){ .a = e[0x21].a, .c = e[0x21].c };
    compute_xstate(p);
}

static void read_leaf(uint32_t leaf, uint32_t sub)
{
    uint32_t out[4];

    cpu_cpuid(leaf, sub, out);
    *find(&host, leaf, sub) = (struct cpuid_regs){ out[0], out[1], out[2], out[3] };
}

static void read_host(void)
{
    uint32_t last;

    read_leaf(0, 0);
    last = MIN(host.basic[0].a, BASIC_LEAVES - 1);
    for (uint32_t leaf = 1; leaf <= last; leaf++)
        for (uint32_t sub = 0; sub == 0 || (has_subleaves(leaf) && find(&host, leaf, sub)); sub++)
            read_leaf(leaf, sub);
    read_leaf(EXTENDED, 0);
    last = MIN(host.extended[0].a, EXTENDED + EXTENDED_LEAVES - 1);
    for (uint32_t leaf = EXTENDED + 1; leaf <= last; leaf++)
        read_leaf(leaf, 0);
}

void cpuid_init(void)
{
    uint32_t allowed[FEATURE_WORDS] = { 0 };

    read_host();
    hvm_max = host;
    for (unsigned int i = 0; i < ARRAY_SIZE(passed); i++)
        allowed[passed[i] / 32] |= 1u << (passed[i] % 32);
    for (unsigned int i = 0; i < FEATURE_WORDS; i++)
        if (feature_word(&hvm_max, i))
            *feature_word(&hvm_max, i) &= allowed[i];
    for (unsigned int i = 0; i < ARRAY_SIZE(made); i++)
        set(&hvm_max, made[i], true);
    hvm_max.basic[0].a = MIN(host.basic[0].a, BASIC_LEAVES - 1);
    hvm_max.extended[0].a = MIN(host.extended[0].a, EXTENDED + EXTENDED_LEAVES - 1);
    hvm_max.feature[0].a = MIN(host.feature[0].a, FEATURE_LEAVES - 1);
    narrow(&hvm_max, &hvm_max);
}

/* All vcpus as cores of one package: local APIC ids are 2 * vcpu id. */
static void describe_topology(struct cpuid_policy *p, unsigned int vcpus)
{
    unsigned int bits = 1;

    while ((1u << bits) < 2 * vcpus && bits < 7)
        bits++;
    set(p, F(HTT), vcpus > 1);
    set(p, F(CMP_LEGACY), vcpus > 1);
    p->basic[1].b = (p->basic[1].b & ~0x00ff0000u) | 1u << (bits + 16);
    p->extended[8].c = bits << 12 | ((1u << bits) - 1);
}

int cpuid_domain_init(struct domain *d)
{
    struct cpuid_policy *p = heap_alloc(sizeof(*p));

    if (!p)
        return -ENOMEM;
    *p = hvm_max;
    describe_topology(p, d->max_vcpus);
    d->vdev.cpuid = p;
    return 0;
}

/* --- what a vcpu reads --- */

uint64_t cpuid_guest_xcr0_mask(struct domain *d) { return xcr0_mask(d->vdev.cpuid); }

bool cpuid_guest_has(struct domain *d, unsigned int feature) { return has(d->vdev.cpuid, feature); }

static void xen_leaf(struct vcpu *v, uint32_t index, uint32_t sub, struct cpuid_regs *r)
{
    uint32_t limit = v->d->vdev.cpuid->xen_limit & 0xff;

    limit = limit ? MAX(limit, 2u) : XEN_CPUID_MAX_NUM_LEAVES;
    limit = MIN(limit, XEN_CPUID_MAX_NUM_LEAVES);
    if (index > limit)
        return;
    switch (index) {
    case 0:
        *r = (struct cpuid_regs){ XEN_LEAF + limit, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
                                  XEN_CPUID_SIGNATURE_EDX };
        break;
    case 1: /* the ABI's version, not ours */
        r->a = 4u << 16 | 17;
        break;
    case 2: /* hypercall pages, and the MSR that asks for one (msr.c) */
        r->a = 1;
        r->b = XEN_LEAF;
        break;
    case 3: /* never emulated; reliable where the host's is; RDTSCP */
        if (sub == 0)
            *r = (struct cpuid_regs){ .a = (cpu_features.invariant_tsc ? 2u : 0) |
                                           (has(v->d->vdev.cpuid, F(RDTSCP)) ? 4u : 0),
                                      .c = (uint32_t)tsc_khz };
        else if (sub == 1)
            *r = (struct cpuid_regs){ 0, 0, clock_scale.mul, (uint32_t)clock_scale.shift };
        else if (sub == 2)
            r->a = (uint32_t)tsc_khz;
        break;
    case 4:
        if (sub == 0)
            *r = (struct cpuid_regs){ XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT |
                                          XEN_HVM_CPUID_UPCALL_VECTOR,
                                      v->id, v->d->id, 0 };
        break;
    default:
        break;
    }
}

/* Bits that follow the vcpu's state. */
static void adjust(struct vcpu *v, uint32_t leaf, uint32_t sub, struct cpuid_regs *r)
{
    uint32_t apic_bit = 1u << (F(APIC) % 32);

    switch (leaf) {
    case 1:
        r->b |= v->vdev.lapic.id << 24;
        if (has(v->d->vdev.cpuid, F(XSAVE)) && (svm_get_paging(v).cr4 & CR4_OSXSAVE))
            r->c |= 1u << (F(OSXSAVE) % 32);
        /* fall through */
    case EXTENDED + 1:
        if (!(v->vdev.lapic.base_msr >> 11 & 1))
            r->d &= ~apic_bit;
        break;
    case 0xb:
        r->c = sub & 0xff;
        r->d = v->vdev.lapic.id;
        break;
    case 0xd:
        if (sub == 0 ? r->b : r->a & 1u << (F(XSAVEC) % 32) && sub == 1)
            r->b = xsave_size(cpu_xgetbv()); /* the guest's (svm/switch.c) */
        break;
    default:
        break;
    }
}

void cpuid_guest(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
    struct cpuid_policy *p = v->d->vdev.cpuid;
    struct cpuid_regs *r;

    *out = (struct cpuid_regs){ 0 };
    if (leaf >> 8 == XEN_LEAF >> 8) {
        xen_leaf(v, leaf & 0xff, subleaf, out);
        return;
    }
    r = find(p, leaf, subleaf);
    if (leaf > (leaf & EXTENDED ? p->extended[0].a : p->basic[0].a))
        return;
    if (r)
        *out = *r;
    adjust(v, leaf, subleaf, out);
}

/* --- what tools read and write --- */

struct leaf_writer { struct xen_cpuid_leaf *out; unsigned int n, max; };

static void put(struct leaf_writer *w, uint32_t leaf, uint32_t sub, const struct cpuid_regs *r)
{
    if (w->n < w->max)
        w->out[w->n] = (struct xen_cpuid_leaf){ leaf, sub, r->a, r->b, r->c, r->d };
    w->n++;
}

/* How many sub-leaves of a leaf are listed: caches up to the first that is none. */
static unsigned int subleaves(const struct cpuid_policy *p, uint32_t leaf)
{
    unsigned int n = 1;

    switch (leaf) {
    case 4:
        while (n < CACHE_LEAVES && (p->cache[n - 1].a & 0x1f))
            n++;
        return n;
    case 7: return MIN(p->feature[0].a, FEATURE_LEAVES - 1u) + 1;
    case 0xb: return TOPOLOGY_LEAVES;
    case 0xd: return p->xstate[0].a & 4 ? XSTATE_LEAVES : XSTATE_LEAVES - 1;
    default: return 1;
    }
}

/* The leaves in the order and number that libxc expects from Xen. */
unsigned int cpuid_policy_leaves(enum cpuid_policy_index which, const struct domain *d,
                                 struct xen_cpuid_leaf *out, unsigned int max)
{
    struct cpuid_policy *p = d ? d->vdev.cpuid : which == CPUID_POLICY_HOST ? &host : &hvm_max;
    struct leaf_writer w = { out, 0, max };

    for (uint32_t leaf = 0; leaf <= MIN(p->basic[0].a, BASIC_LEAVES - 1u); leaf++)
        for (unsigned int sub = 0; sub < subleaves(p, leaf); sub++)
            put(&w, leaf, has_subleaves(leaf) ? sub : XEN_CPUID_NO_SUBLEAF, find(p, leaf, sub));
    put(&w, XEN_LEAF, XEN_CPUID_NO_SUBLEAF, &(struct cpuid_regs){ .a = p->xen_limit });
    put(&w, XEN_LEAF_ALTERNATIVE, XEN_CPUID_NO_SUBLEAF, &(struct cpuid_regs){ .a = p->alternative_limit });
    for (uint32_t leaf = 0; leaf <= MIN(p->extended[0].a & 0xffff, EXTENDED_LEAVES - 1u); leaf++)
        put(&w, EXTENDED + leaf, XEN_CPUID_NO_SUBLEAF, &p->extended[leaf]);
    return w.n;
}

int cpuid_policy_set(struct domain *d, const struct xen_cpuid_leaf *leaves, unsigned int n,
                     uint32_t *err_leaf, uint32_t *err_subleaf)
{
    struct cpuid_policy new = *d->vdev.cpuid;

    for (unsigned int i = 0; i < n; i++) {
        const struct xen_cpuid_leaf *l = &leaves[i];
        struct cpuid_regs *r = find(&new, l->leaf, l->subleaf);

        if (l->leaf == XEN_LEAF) {
            new.xen_limit = l->a;
        } else if (l->leaf == XEN_LEAF_ALTERNATIVE) {
            new.alternative_limit = l->a;
        } else if (r) {
            *r = (struct cpuid_regs){ l->a, l->b, l->c, l->d };
        } else if (l->leaf != 0xd) { /* states that are not offered anyway */
            *err_leaf = l->leaf;
            *err_subleaf = l->subleaf;
            return -EINVAL;
        }
    }
    narrow(&new, &hvm_max);
    *d->vdev.cpuid = new;
    return 0;
}
