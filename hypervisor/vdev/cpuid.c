/* SPDX-License-Identifier: MIT */
/*
 * Guest CPUID. Two policies are built at boot: the host's, and the maximum for guests: the features
 * listed below that the host has, plus those that the core emulates. Each domain has a copy of the
 * maximum, which the tools may narrow (domctl set_cpu_policy). dom0 has no more than other guests.
 *
 * A feature is offered only if the core supports all of it. So MONITOR (idle must exit), SVM,
 * machine-check banks, performance counters, speculation control MSRs, supervisor XSAVE states and
 * invariant TSC are hidden. Feature names: <xen/arch-x86/cpufeatureset.h>; leaves: APM vol. 3,
 * appendix E; Xen's leaves: <xen/arch-x86/cpuid.h>.
 *
 * Read next: msr.c. The tools' side: ../hypercall/cpu_policy.c.
 */
#include "vdev/cpuid.h"
#include "core/domain.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/clock.h"
#include "cpu/features.h"
#include "errors.h"
#include "lib.h"
#include "mm/heap.h"

#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#define BASIC_LEAVES 0xe
#define FEATURE_LEAVES 3
#define XSTATE_LEAVES 3 /* 0, 1, and 2: AVX */
#define EXTENDED_LEAVES 0x22
#define EXTENDED 0x80000000u
#define XEN_LEAF 0x40000000u
#define XEN_LEAF_ALTERNATIVE 0x40000100u

struct cpuid_policy {
    struct cpuid_regs basic[BASIC_LEAVES], feature[FEATURE_LEAVES], xstate[XSTATE_LEAVES];
    struct cpuid_regs extended[EXTENDED_LEAVES];
    uint64_t cr4; /* bits that the guest may set */
};

struct cpuid_policy cpuid_host, cpuid_max;

/* --- features --- */

#define F(name) XEN_X86_FEATURE_##name

/* clang-format off */
/* Passed through if the host has them. */
static const uint16_t passed[] = {
    F(FPU), F(VME), F(DE), F(PSE), F(TSC), F(MSR), F(PAE), F(CX8), F(APIC), F(SEP), F(PGE), F(CMOV),
    F(PAT),
    F(PSE36), F(CLFLUSH), F(MMX), F(FXSR), F(SSE), F(SSE2),
    F(SSE3), F(PCLMULQDQ), F(SSSE3), F(FMA), F(CX16), F(PCID), F(SSE4_1), F(SSE4_2), F(MOVBE),
    F(POPCNT),
    F(AESNI), F(XSAVE), F(AVX), F(F16C), F(RDRAND),
    F(SYSCALL), F(NX), F(MMXEXT), F(PAGE1GB), F(RDTSCP), F(LM), F(3DNOWEXT), F(3DNOW),
    F(LAHF_LM), F(CR8_LEGACY), F(ABM), F(SSE4A), F(MISALIGNSSE), F(3DNOWPREFETCH), F(XOP), F(FMA4),
    F(TBM),
    F(XSAVEOPT), F(XSAVEC), F(XGETBV1),
    F(FSGSBASE), F(BMI1), F(AVX2), F(FDP_EXCP_ONLY), F(SMEP), F(BMI2), F(ERMS), F(INVPCID),
    F(NO_FPU_SEL),
    F(RDSEED), F(ADX), F(SMAP), F(CLFLUSHOPT), F(CLWB), F(SHA),
    F(UMIP), F(GFNI), F(VAES), F(VPCLMULQDQ), F(RDPID),
    F(CLZERO), F(RSTR_FP_ERR_PTRS), F(IBPB), F(SSB_NO), F(BTC_NO), F(IBPB_RET),
    F(FSRM), F(AVX_VNNI), F(FZRM), F(FSRS), F(FSRCS),
    F(LFENCE_DISPATCH), F(NSCB), F(SRSO_NO), F(SRSO_US_NO), F(TSA_SQ_NO), F(TSA_L1_NO),
};

/* Emulated by the core, or set by the tools to describe a topology, independent of the host. */
static const uint16_t made[] = {
    F(APIC), F(X2APIC), F(MTRR), F(HYPERVISOR), F(HTT), F(CMP_LEGACY),
};

/* Each feature needs the second one. Chains are ordered, so one pass is enough. */
static const struct { uint16_t feature, needs; } dependencies[] = {
    { F(XSAVEOPT), F(XSAVE) }, { F(XSAVEC), F(XSAVE) }, { F(XGETBV1), F(XSAVE) }, { F(AVX), F(XSAVE)
    },
    { F(FMA), F(AVX) }, { F(F16C), F(AVX) }, { F(AVX2), F(AVX) }, { F(XOP), F(AVX) }, { F(FMA4),
    F(XOP) },
    { F(AVX_VNNI), F(AVX) }, { F(VAES), F(AVX) }, { F(VPCLMULQDQ), F(AVX) },
    { F(LM), F(PAE) }, { F(PAGE1GB), F(LM) }, { F(LAHF_LM), F(LM) }, { F(PCID), F(LM) },
    { F(INVPCID), F(PCID) },
};
/* clang-format on */

#define COMMON_1D 0x0183f3ffu /* bits of 0x80000001:EDX that duplicate leaf 1's */

/*
 * Returns the feature-set word in a policy; NULL for words that come from MSRs, none of which is
 * offered.
 */
static uint32_t *feature_word(struct cpuid_policy *p, unsigned int word)
{
    /* clang-format off */
    uint32_t *const where[CPUID_FEATURE_WORDS] = {
        &p->basic[1].d, &p->basic[1].c, &p->extended[1].d, &p->extended[1].c, &p->xstate[1].a,
        &p->feature[0].b, &p->feature[0].c, &p->extended[7].d, &p->extended[8].b, &p->feature[0].d,
        &p->feature[1].a, &p->extended[0x21].a, &p->feature[1].b, &p->feature[2].d,
        &p->feature[1].c,
        &p->feature[1].d, NULL, NULL, &p->extended[0x21].c,
    };
    /* clang-format on */

    return where[word];
}

void cpuid_policy_words(struct cpuid_policy *p, uint32_t words[CPUID_FEATURE_WORDS])
{
    for (unsigned int i = 0; i < CPUID_FEATURE_WORDS; i++)
        words[i] = feature_word(p, i) ? *feature_word(p, i) : 0;
}

static bool has_feature(struct cpuid_policy *p, unsigned int feature)
{
    return *feature_word(p, feature / 32) >> (feature % 32) & 1;
}

static void set_feature(struct cpuid_policy *p, unsigned int feature, bool on)
{
    uint32_t *word = feature_word(p, feature / 32), bit = 1u << (feature % 32);

    *word = on ? *word | bit : *word & ~bit;
}

static void narrow_features(struct cpuid_policy *p, const uint32_t allowed[CPUID_FEATURE_WORDS])
{
    for (unsigned int i = 0; i < CPUID_FEATURE_WORDS; i++)
        if (feature_word(p, i))
            *feature_word(p, i) &= allowed[i];
    set_feature(p, F(HYPERVISOR), true);
    set_feature(p, F(APIC), true);
    for (unsigned int i = 0; i < ARRAY_SIZE(dependencies); i++)
        if (!has_feature(p, dependencies[i].needs))
            set_feature(p, dependencies[i].feature, false);
    p->extended[1].d = (p->extended[1].d & ~COMMON_1D) | (p->basic[1].d & COMMON_1D);
}

/* --- policies --- */

/* Returns the registers of a leaf, or NULL if policies do not contain it. */
static struct cpuid_regs *find_leaf(struct cpuid_policy *p, uint32_t leaf, uint32_t sub)
{
    switch (leaf) {
    case 7: return sub < FEATURE_LEAVES ? &p->feature[sub] : NULL;
    case 0xd: return sub < XSTATE_LEAVES ? &p->xstate[sub] : NULL;
    default:
        if (leaf < BASIC_LEAVES)
            return &p->basic[leaf];
        return (leaf ^ EXTENDED) < EXTENDED_LEAVES ? &p->extended[leaf ^ EXTENDED] : NULL;
    }
}

static uint32_t count_subleaves(uint32_t leaf)
{
    if (leaf == 7)
        return FEATURE_LEAVES;
    return leaf == 0xd ? XSTATE_LEAVES : 1;
}

static uint64_t xcr0_mask(struct cpuid_policy *p)
{
    if (!has_feature(p, F(XSAVE)))
        return 0;
    return cpu_features.xcr0_mask & (has_feature(p, F(AVX)) ? 7 : 3);
}

/*
 * Returns the size of the XSAVE area for these states. The offset of AVX is the same in the
 * compacted format.
 */
static uint32_t xsave_size(uint64_t xcr0)
{
    return xcr0 & 4 ? cpuid_host.xstate[2].a + cpuid_host.xstate[2].b : 576;
}

static void compute_xstate(struct cpuid_policy *p)
{
    uint64_t mask = xcr0_mask(p);
    uint32_t size = mask ? xsave_size(mask) : 0;

    p->xstate[0] = (struct cpuid_regs){ (uint32_t)mask, size, size, 0 };
    p->xstate[1] = (struct cpuid_regs){ .a = p->xstate[1].a };
    p->xstate[2] = mask & 4 ? cpuid_host.xstate[2] : (struct cpuid_regs){ 0 };
}

/*
 * Computes the allowed CR4 bits from features (APM vol. 2, 3.1.3). LA57, PKE, CET and VMXE are
 * never allowed. MCE and PCE are always: firmware sets MCE unconditionally, and machine checks go
 * to the core anyway.
 */
static void compute_cr4(struct cpuid_policy *p)
{
    static const struct {
        uint32_t bits;
        uint16_t feature;
    } needs[] = {
        { CR4_VME | CR4_PVI, F(VME) }, { CR4_TSD, F(TSC) },        { CR4_DE, F(DE) },
        { CR4_PSE, F(PSE) },           { CR4_PAE, F(PAE) },        { CR4_PGE, F(PGE) },
        { CR4_OSFXSR, F(FXSR) },       { CR4_OSXMMEXCPT, F(SSE) }, { CR4_UMIP, F(UMIP) },
        { CR4_FSGSBASE, F(FSGSBASE) }, { CR4_PCIDE, F(PCID) },     { CR4_OSXSAVE, F(XSAVE) },
        { CR4_SMEP, F(SMEP) },         { CR4_SMAP, F(SMAP) },
    };

    p->cr4 = CR4_MCE | CR4_PCE;
    for (unsigned int i = 0; i < ARRAY_SIZE(needs); i++)
        p->cr4 |= has_feature(p, needs[i].feature) ? needs[i].bits : 0;
}

/* Limits leaf 0 of a range: the highest leaf, and the host's vendor. */
static void limit_leaves(struct cpuid_regs *r, const struct cpuid_regs *max)
{
    *r = (struct cpuid_regs){ MIN(r->a, max->a), max->b, max->c, max->d };
}

/* Reduces p, which may hold any values, to a policy that a guest may have. */
static void narrow_policy(struct cpuid_policy *p)
{
    static const uint8_t no_basic[] = { 2, 3, 4, 5, 6, 8, 9, 0xa, 0xb, 0xc };
    struct cpuid_regs *e = p->extended, *m = cpuid_max.extended;
    uint32_t allowed[CPUID_FEATURE_WORDS];

    limit_leaves(&p->basic[0], &cpuid_max.basic[0]);
    limit_leaves(&e[0], &m[0]);
    p->basic[1].b = (p->basic[1].b & 0x00ff0000) | (cpuid_host.basic[1].b & 0xff00);
    cpuid_policy_words(&cpuid_max, allowed);
    narrow_features(p, allowed);
    for (unsigned int i = 0; i < ARRAY_SIZE(no_basic); i++)
        memset(&p->basic[no_basic[i]], 0, sizeof(p->basic[0]));
    p->feature[0].a = MIN(p->feature[0].a, cpuid_max.feature[0].a);
    e[1].b = 0;
    e[7] = (struct cpuid_regs){ .d = e[7].d };
    e[8].a = MIN(e[8].a & 0xff, m[8].a & 0xff) | MIN(e[8].a & 0xff00, m[8].a & 0xff00);
    e[8].c &= 0xf0ff;
    e[8].d = 0;
    memset(&e[9], 0, 0x10 * sizeof(*e)); /* SVM and reserved */
    memset(&e[0x1b], 0, 6 * sizeof(*e)); /* sampling, profiling, topology, encryption */
    e[0x21] = (struct cpuid_regs){ .a = e[0x21].a, .c = e[0x21].c };
    compute_xstate(p);
    compute_cr4(p);
}

/* Reads a range of leaves. The first one reports the last. */
static void read_host(uint32_t first, uint32_t count)
{
    uint32_t last = first;

    for (uint32_t leaf = first; leaf <= last; leaf++)
        for (uint32_t sub = 0; sub < count_subleaves(leaf); sub++) {
            struct cpuid_regs *r = find_leaf(&cpuid_host, leaf, sub);

            cpu_cpuid(leaf, sub, (uint32_t *)r);
            if (leaf == first)
                last = r->a = MIN(r->a, first + count - 1);
        }
}

void cpuid_init(void)
{
    uint32_t allowed[CPUID_FEATURE_WORDS] = { 0 };

    read_host(0, BASIC_LEAVES);
    read_host(EXTENDED, EXTENDED_LEAVES);
    cpuid_host.feature[0].a = MIN(cpuid_host.feature[0].a, FEATURE_LEAVES - 1u);
    cpuid_max = cpuid_host;
    for (unsigned int i = 0; i < ARRAY_SIZE(passed); i++)
        allowed[passed[i] / 32] |= 1u << (passed[i] % 32);
    narrow_features(&cpuid_max, allowed);
    for (unsigned int i = 0; i < ARRAY_SIZE(made); i++)
        set_feature(&cpuid_max, made[i], true);
    narrow_policy(&cpuid_max);
}

/* Describes all vcpus as cores of one package, with local APIC ids 2 * vcpu id. */
static void describe_topology(struct cpuid_policy *p, unsigned int vcpus)
{
    unsigned int bits = 1;

    while ((1u << bits) < 2 * vcpus && bits < 7)
        bits++;
    set_feature(p, F(HTT), vcpus > 1);
    set_feature(p, F(CMP_LEGACY), vcpus > 1);
    p->basic[1].b = (p->basic[1].b & ~0x00ff0000u) | 1u << (bits + 16);
    p->extended[8].c = bits << 12 | ((1u << bits) - 1);
}

int cpuid_domain_init(struct domain *d)
{
    struct cpuid_policy *p = heap_alloc(sizeof(*p));

    if (!p)
        return -ENOMEM;
    *p = cpuid_max;
    describe_topology(p, d->max_vcpus);
    d->vdev.cpuid = p;
    return 0;
}

/* --- guest CPUID --- */

uint64_t cpuid_guest_xcr0_mask(struct domain *d) { return xcr0_mask(d->vdev.cpuid); }

uint64_t cpuid_guest_cr4_mask(struct domain *d) { return d->vdev.cpuid->cr4; }

bool cpuid_guest_has(struct domain *d, unsigned int feature)
{
    return has_feature(d->vdev.cpuid, feature);
}

static struct cpuid_regs get_xen_leaf(struct vcpu *v, uint32_t index, uint32_t sub)
{
    switch (index) {
    case 0:
        return (struct cpuid_regs){ XEN_LEAF + XEN_CPUID_MAX_NUM_LEAVES, XEN_CPUID_SIGNATURE_EBX,
                                    XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX };
    /* the version of the ABI */
    case 1: return (struct cpuid_regs){ .a = 4u << 16 | 17 };
    /* number of hypercall pages, and their MSR (msr.c) */
    case 2: return (struct cpuid_regs){ .a = 1, .b = XEN_LEAF };
    case 3: /* TSC: not emulated; reliable if the host's is; RDTSCP */
        if (sub == 0)
            return (struct cpuid_regs){ .a = (cpu_features.invariant_tsc ? 2u : 0) |
                                             (has_feature(v->d->vdev.cpuid, F(RDTSCP)) ? 4u : 0),
                                        .c = (uint32_t)clock_tsc_khz };
        if (sub == 1)
            return (struct cpuid_regs){ 0, 0, clock_scale.mul, (uint32_t)clock_scale.shift };
        return (struct cpuid_regs){ .a = sub == 2 ? (uint32_t)clock_tsc_khz : 0 };
    case 4:
        if (sub == 0)
            return (struct cpuid_regs){ XEN_HVM_CPUID_VCPU_ID_PRESENT |
                                            XEN_HVM_CPUID_DOMID_PRESENT |
                                            XEN_HVM_CPUID_UPCALL_VECTOR,
                                        v->id, v->d->id, 0 };
        /* fall through */
    default: return (struct cpuid_regs){ 0 };
    }
}

/* Adjusts fields that depend on the vcpu's state. */
static void adjust_leaf(struct vcpu *v, uint32_t leaf, uint32_t sub, uint64_t cr4,
                        struct cpuid_regs *r)
{
    uint32_t apic_bit = 1u << (F(APIC) % 32);
    bool compacted = r->a & 1u << (F(XSAVEC) % 32);

    switch (leaf) {
    case 1:
        r->b |= v->vdev.lapic.id << 24;
        if ((r->c & 1u << (F(XSAVE) % 32)) && (cr4 & CR4_OSXSAVE))
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
        if ((sub == 0 && r->b) || (sub == 1 && compacted))
            r->b = xsave_size(cpu_xgetbv()); /* holds the guest's value (svm/switch.c) */
        break;
    default: break;
    }
}

void cpuid_guest(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint64_t cr4,
                 struct cpuid_regs *out)
{
    struct cpuid_policy *p = v->d->vdev.cpuid;

    if (leaf >> 8 == XEN_LEAF >> 8) {
        *out = get_xen_leaf(v, leaf & 0xff, subleaf);
        return;
    }
    *out = (struct cpuid_regs){ 0 };
    if (leaf > (leaf & EXTENDED ? p->extended[0].a : p->basic[0].a))
        return;
    const struct cpuid_regs *r = find_leaf(p, leaf, subleaf);

    if (r)
        *out = *r;
    adjust_leaf(v, leaf, subleaf, cr4, out);
}

/* --- policies for the tools --- */

static unsigned int write_leaf(struct cpuid_policy *p, uint32_t leaf, struct xen_cpuid_leaf *out)
{
    bool none = leaf != 4 && leaf != 7 && leaf != 0xb && leaf != 0xd;

    for (uint32_t sub = 0; sub < count_subleaves(leaf); sub++) {
        const struct cpuid_regs *r = find_leaf(p, leaf, sub);

        out[sub] = (struct xen_cpuid_leaf){ leaf, none ? XEN_CPUID_NO_SUBLEAF : sub,
                                            r->a, r->b,
                                            r->c, r->d };
    }
    return count_subleaves(leaf);
}

/*
 * Includes Xen's leaves as zeros, i.e. without a limit: libxc writes them back to the entries that
 * it read.
 */
unsigned int cpuid_policy_leaves(struct cpuid_policy *p, struct xen_cpuid_leaf *out)
{
    unsigned int n = 0;

    for (uint32_t leaf = 0; leaf <= MIN(p->basic[0].a, BASIC_LEAVES - 1u); leaf++)
        n += write_leaf(p, leaf, out + n);
    out[n++] = (struct xen_cpuid_leaf){ XEN_LEAF, XEN_CPUID_NO_SUBLEAF, 0, 0, 0, 0 };
    out[n++] = (struct xen_cpuid_leaf){ XEN_LEAF_ALTERNATIVE, XEN_CPUID_NO_SUBLEAF, 0, 0, 0, 0 };
    for (uint32_t leaf = 0; leaf <= MIN(p->extended[0].a & 0xffff, EXTENDED_LEAVES - 1u); leaf++)
        n += write_leaf(p, EXTENDED + leaf, out + n);
    return n;
}

int cpuid_policy_set(struct domain *d, const struct xen_cpuid_leaf *leaves, unsigned int n,
                     uint32_t *err_leaf, uint32_t *err_subleaf)
{
    struct cpuid_policy new = *d->vdev.cpuid;

    for (const struct xen_cpuid_leaf *l = leaves; l < leaves + n; l++) {
        struct cpuid_regs *r = find_leaf(&new, l->leaf, l->subleaf);

        if (r) {
            *r = (struct cpuid_regs){ l->a, l->b, l->c, l->d };
        } else if (l->leaf != 0xd && l->leaf != XEN_LEAF && l->leaf != XEN_LEAF_ALTERNATIVE) {
            /* these are ignored: XSAVE states not offered, and leaves that the core defines */
            *err_leaf = l->leaf;
            *err_subleaf = l->subleaf;
            return -EINVAL;
        }
    }
    narrow_policy(&new);
    *d->vdev.cpuid = new;
    return 0;
}
