/* SPDX-License-Identifier: MIT */
/*
 * vdev/cpuid.c on an invented host with every feature bit set, or none: what guests see of it, bits
 * that depend on a vcpu's state, and Xen's leaves. Tools can narrow a policy but never widen it.
 */
#include "cpuid_fake.h"
#include "harness.h"
#include "cpu/clock.h"
#include "cpu/features.h"
#include "mm/heap.h"
#include "vdev/cpuid.h"

#include <stdlib.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#define F(name) XEN_X86_FEATURE_##name
#define AVX_SIZE 832

uint64_t clock_tsc_khz = 2500000;
struct clock_scale clock_scale = { .mul = 0xcccccccc, .shift = -1 };

static uint32_t feature_bits; /* the value of the host's feature registers */
static struct domain *d;
static struct vcpu *v;

static void limit_and_vendor(uint32_t out[4], uint32_t limit)
{
    out[0] = limit;
    memcpy(&out[1], "Auth", 4);
    memcpy(&out[3], "enti", 4);
    memcpy(&out[2], "cAMD", 4);
}

/* The leaves of an AMD CPU; the feature registers are all alike. */
void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    memset(out, 0, 16);
    switch (leaf) {
    case 0: limit_and_vendor(out, 0x10); break;
    case 1:
        out[0] = 0x800f12;
        out[1] = 0x01040800;
        out[2] = out[3] = feature_bits;
        break;
    case 7:
        out[0] = sub ? feature_bits : 2;
        out[1] = out[2] = out[3] = sub < 3 ? feature_bits : 0;
        break;
    case 0xb:
        out[0] = 1;
        out[1] = 2;
        out[2] = 0x100;
        out[3] = 77;
        break;
    case 0xd:
        if (sub == 0)
            out[0] = 0x207, out[1] = out[2] = 2696;
        else if (sub == 1)
            out[0] = feature_bits;
        else if (sub == 2)
            out[0] = 256, out[1] = 576;
        break;
    case 0x80000000: limit_and_vendor(out, 0x80000025); break;
    case 0x80000001:
        out[0] = 0x800f12;
        out[1] = 0x40000000;
        out[2] = out[3] = feature_bits;
        break;
    case 0x80000002 ... 0x80000004: memset(out, 'x', 16); break;
    case 0x80000005 ... 0x80000006:
    case 0x80000019 ... 0x8000001a: memset(out, 0x11, 16); break; /* caches and TLBs: harmless */
    case 0x80000007:
        out[0] = out[1] = out[2] = 0x55;
        out[3] = feature_bits;
        break;
    case 0x80000008:
        out[0] = 0x3028;
        out[1] = feature_bits;
        out[2] = 0x7003;
        out[3] = 0x99;
        break;
    case 0x80000021: out[0] = out[1] = out[2] = out[3] = feature_bits; break;
    default: memset(out, 0xee, 16); break; /* must not be visible to guests */
    }
}

static void start(uint32_t bits)
{
    feature_bits = bits;
    cpu_features.xcr0_mask = 7;
    cpu_features.invariant_tsc = false;
    harness_paging = (struct guest_paging){ 0 };
    cpuid_init();
    d = calloc(1, sizeof(*d));
    v = calloc(1, sizeof(*v));
    d->id = 5;
    d->max_vcpus = 4;
    v->d = d;
    v->id = 3;
    v->vdev.lapic.id = 6;
    v->vdev.lapic.base_msr = 0xfee00800;
    assert_int_equal(cpuid_domain_init(d), 0);
}

static int setup(void **state)
{
    (void)state;
    start(~0u);
    return 0;
}

static int setup_poor(void **state)
{
    (void)state;
    start(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    heap_free(d->vdev.cpuid);
    free(v);
    free(d);
    return 0;
}

static struct cpuid_regs get(uint32_t leaf, uint32_t sub)
{
    struct cpuid_regs r;

    cpuid_guest(v, leaf, sub, harness_paging.cr4, &r);
    return r;
}

static uint32_t word(unsigned int n)
{
    switch (n) {
    case 0: return get(1, 0).d;
    case 1: return get(1, 0).c;
    case 2: return get(0x80000001, 0).d;
    case 3: return get(0x80000001, 0).c;
    case 4: return get(0xd, 1).a;
    case 5: return get(7, 0).b;
    case 6: return get(7, 0).c;
    case 7: return get(0x80000007, 0).d;
    case 8: return get(0x80000008, 0).b;
    case 9: return get(7, 0).d;
    case 10: return get(7, 1).a;
    case 11: return get(0x80000021, 0).a;
    case 12: return get(7, 1).b;
    case 13: return get(7, 2).d;
    case 14: return get(7, 1).c;
    case 15: return get(7, 1).d;
    case 18: return get(0x80000021, 0).c;
    default: return 0;
    }
}

static bool has(unsigned int feature) { return word(feature / 32) >> (feature % 32) & 1; }

static void hidden(void **state)
{
    static const uint16_t never[] = {
        F(MCE),          F(MCA),      F(DS),        F(ACPI),       F(MONITOR),    F(VMX),
        F(TSC_DEADLINE), F(PDCM),     F(OSXSAVE),   F(SVM),        F(EXTAPIC),    F(OSVW),
        F(IBS),          F(SKINIT),   F(WDT),       F(LWP),        F(NODEID_MSR), F(TOPOEXT),
        F(DBEXT),        F(MONITORX), F(XSAVES),    F(TSC_ADJUST), F(MPX),        F(PQM),
        F(PQE),          F(AVX512F),  F(AVX512VL),  F(SGX),        F(RTM),        F(HLE),
        F(PROC_TRACE),   F(PKU),      F(OSPKE),     F(CET_SS),     F(ENQCMD),     F(HW_PSTATE),
        F(ITSC),         F(CPB),      F(EFRO),      F(IBRS),       F(AMD_STIBP),  F(AMD_SSBD),
        F(VIRT_SSBD),    F(AMD_PPIN), F(ARCH_CAPS), F(CORE_CAPS),  F(SSBD),       F(FFXSR),
        F(AUTO_IBRS),
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(never); i++)
        if (has(never[i]))
            fail_msg("feature %u*32+%u is shown", never[i] / 32, never[i] % 32);
}

static void shown(void **state)
{
    static const uint16_t always[] = {
        F(FPU),  F(TSC),     F(PAE),    F(CX8),     F(APIC),       F(PGE),      F(SSE2),
        F(CX16), F(X2APIC),  F(XSAVE),  F(AVX),     F(HYPERVISOR), F(SYSCALL),  F(NX),
        F(LM),   F(PAGE1GB), F(RDTSCP), F(LAHF_LM), F(XSAVEOPT),   F(FSGSBASE), F(SMEP),
        F(SMAP), F(AVX2),    F(IBPB),   F(PAT),     F(MTRR),
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(always); i++)
        if (!has(always[i]))
            fail_msg("feature %u*32+%u is not shown", always[i] / 32, always[i] % 32);
    assert_int_equal(cpuid_guest_cr4_mask(d), 0x370fff); /* not VMXE, SMXE, LA57, PKE, CET, PKS */
    assert_int_equal(get(0, 0).a, 0xd);
    assert_int_equal(get(0, 0).b, 0x68747541); /* the vendor, from which kernels choose VMMCALL */
    assert_int_equal(get(0x80000000, 0).a, 0x80000021);
    assert_int_equal(get(0x80000000, 0).b, 0x68747541);
    assert_int_equal(get(1, 0).a, 0x800f12);
    assert_int_equal(get(7, 0).a, 2);
    assert_int_equal(get(0x80000008, 0).a, 0x3028);
    assert_int_equal(get(0x80000002, 0).a, 0x78787878);
    assert_true(cpuid_guest_has(d, XEN_X86_FEATURE_LM));
    assert_false(cpuid_guest_has(d, XEN_X86_FEATURE_SVM));
}

/* A host without features: only those that the core provides. */
static void poor_host(void **state)
{
    (void)state;
    for (unsigned int f = 0; f < 19 * 32; f++)
        assert_int_equal(has(f), f == F(APIC) || f == F(X2APIC) || f == F(HYPERVISOR) ||
                                     f == F(HTT) || f == F(CMP_LEGACY) || f == F(MTRR) ||
                                     f == 2 * 32 + 9 /* APIC again */ ||
                                     f == 2 * 32 + 12 /* MTRR */);
    assert_int_equal(cpuid_guest_xcr0_mask(d), 0);
    assert_int_equal(cpuid_guest_cr4_mask(d), 1u << 6 | 1u << 8); /* MCE, PCE */
    assert_int_equal(get(0xd, 0).a, 0);
    assert_int_equal(get(0xd, 0).b | get(0xd, 1).b, 0);
}

/* Leaves beyond the limits are zero, and no (leaf, sub-leaf) leaks the host's value. */
static void everything_else_is_zero(void **state)
{
    static const uint32_t starts[] = {
        0, 0x40000000, 0x40000100, 0x4000ff00, 0x80000000, 0xc0000000, 0xffffff00,
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(starts); i++)
        for (uint32_t n = 0; n < 0x100; n++)
            for (uint32_t sub = 0; sub < 80; sub++) {
                uint32_t leaf = starts[i] + n;
                struct cpuid_regs r = get(leaf, sub);

                assert_int_not_equal(r.a, 0xeeeeeeee);
                assert_int_not_equal(r.d, 0xeeeeeeee);
                if ((leaf > 0xd && leaf < 0x40000000) || (leaf > 0x40000005 && leaf < 0x80000000) ||
                    leaf > 0x80000021 || leaf == 2 || leaf == 5 || leaf == 6 || leaf == 0xa ||
                    leaf == 0x8000000a)
                    assert_int_equal(r.a | r.b | r.c | r.d, 0);
            }
    assert_int_equal(get(0, ~0u).a, 0xd);
    assert_int_equal(get(7, ~0u).b, 0);
    assert_int_equal(get(0xd, ~0u).a, 0);
}

static void follows_the_vcpu(void **state)
{
    uint32_t lo, hi;

    (void)state;
    assert_int_equal(get(1, 0).b >> 24, 6);
    assert_int_equal(get(1, 0).b >> 16 & 0xff, 8); /* ids of 4 vcpus: 0 2 4 6 */
    assert_int_equal(get(0x80000008, 0).c, 0x3007);
    assert_int_equal(get(0xb, 0).d, 6);
    assert_int_equal(get(0xb, 5).d, 6);
    assert_int_equal(get(0xb, 5).c, 5);
    assert_false(has(F(OSXSAVE)));
    harness_paging.cr4 = 1u << 18;
    assert_true(has(F(OSXSAVE)));
    v->vdev.lapic.base_msr = 0xfee00000;
    assert_false(has(F(APIC)));
    assert_int_equal(get(0x80000001, 0).d >> 9 & 1, 0);
    assert_int_equal(cpuid_guest_xcr0_mask(d), 7);
    assert_int_equal(get(0xd, 0).a, 7);
    assert_int_equal(get(0xd, 0).c, AVX_SIZE);
    assert_int_equal(get(0xd, 2).a, 256);
    assert_int_equal(get(0xd, 2).b, 576);
    assert_int_equal(get(0xd, 9).a, 0);
    /* as the core reads it, here from the test's host */
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    assert_int_equal(get(0xd, 0).b, lo & 4 ? AVX_SIZE : 576);
    assert_int_equal(get(0xd, 1).b, lo & 4 ? AVX_SIZE : 576); /* of the compacted format */
    assert_int_equal(get(0xd, 2).b, 576);                     /* an offset: no size */
}

static void xen_leaves(void **state)
{
    struct cpuid_regs r = get(0x40000000, 0);

    (void)state;
    assert_int_equal(r.a, 0x40000005);
    assert_int_equal(r.b, XEN_CPUID_SIGNATURE_EBX);
    assert_int_equal(r.c, XEN_CPUID_SIGNATURE_ECX);
    assert_int_equal(r.d, XEN_CPUID_SIGNATURE_EDX);
    assert_int_equal(get(0x40000001, 0).a, 4u << 16 | 17);
    assert_int_equal(get(0x40000002, 0).a, 1);
    assert_int_equal(get(0x40000002, 0).b, 0x40000000);
    assert_int_equal(get(0x40000003, 0).c, 2500000);
    assert_int_equal(get(0x40000003, 1).c, 0xcccccccc);
    assert_int_equal(get(0x40000003, 1).d, 0xffffffff);
    assert_int_equal(get(0x40000004, 0).a, 0x58);
    assert_int_equal(get(0x40000004, 0).b, 3);
    assert_int_equal(get(0x40000004, 0).c, 5);
    assert_int_equal(get(0x40000004, 1).a, 0);
    assert_int_equal(get(0x40000002, 0).c | get(0x40000002, 0).d, 0);
    assert_int_equal(get(0x40000003, 0).a, 4); /* RDTSCP */
    assert_int_equal(get(0x40000003, 2).a, 2500000);
    assert_int_equal(get(0x40000003, 3).a, 0);
    cpu_features.invariant_tsc = true;
    assert_int_equal(get(0x40000003, 0).a, 6);
}

/* The number of APIC id bits within the package, for 1 to 64 vcpus with ids 0, 2, 4 ... */
static void topologies(void **state)
{
    (void)state;
    for (unsigned int n = 1; n <= 128; n++) {
        unsigned int bits = 1;

        while ((1u << bits) < 2 * n && bits < 7)
            bits++;
        heap_free(d->vdev.cpuid);
        d->max_vcpus = n;
        assert_int_equal(cpuid_domain_init(d), 0);
        assert_int_equal(get(1, 0).b >> 16 & 0xff, 1u << bits);
        assert_int_equal(get(0x80000008, 0).c, bits << 12 | ((1u << bits) - 1));
        assert_int_equal(has(F(HTT)), n > 1);
        assert_int_equal(has(F(CMP_LEGACY)), n > 1);
    }
    struct cpuid_policy *kept = d->vdev.cpuid;

    harness_fail_alloc(1);
    assert_int_equal(cpuid_domain_init(d), -ENOMEM);
    harness_fail_alloc(0);
    assert_ptr_equal(d->vdev.cpuid, kept);
}

/* A host without AVX, or with AVX off in XCR0. */
static void without_avx(void **state)
{
    (void)state;
    cpu_features.xcr0_mask = 3;
    assert_int_equal(cpuid_guest_xcr0_mask(d), 3);
    heap_free(d->vdev.cpuid);
    cpuid_init();
    assert_int_equal(cpuid_domain_init(d), 0);
    assert_int_equal(get(0xd, 0).a, 3);
    assert_int_equal(get(0xd, 0).c, 576);
    assert_int_equal(get(0xd, 2).a | get(0xd, 2).b, 0);
}

static xen_cpuid_leaf_t leaves[CPUID_POLICY_LEAVES];

static xen_cpuid_leaf_t *find(unsigned int n, uint32_t leaf, uint32_t sub)
{
    for (unsigned int i = 0; i < n; i++)
        if (leaves[i].leaf == leaf && leaves[i].subleaf == sub)
            return &leaves[i];
    fail_msg("leaf %#x is not in the list", leaf);
    return NULL;
}

static void listed(void **state)
{
    struct cpuid_policy *which[] = { &cpuid_host, &cpuid_max, d->vdev.cpuid };

    (void)state;
    for (unsigned int w = 0; w < ARRAY_SIZE(which); w++) {
        unsigned int n = cpuid_policy_leaves(which[w], leaves);

        assert_in_range(n, 40, CPUID_POLICY_LEAVES);
        for (unsigned int i = 1; i < n; i++) /* in order, without duplicates */
            if (leaves[i].leaf <= leaves[i - 1].leaf) {
                assert_int_equal(leaves[i].leaf, leaves[i - 1].leaf);
                assert_int_equal(leaves[i].subleaf, leaves[i - 1].subleaf + 1);
            }
        find(n, 1, XEN_CPUID_NO_SUBLEAF);
        find(n, 4, 0);
        find(n, 7, 2);
        find(n, 0xb, 0);
        find(n, 0xd, 2);
        /* libxc writes back as many as it read, including these */
        find(n, 0x40000000, XEN_CPUID_NO_SUBLEAF);
        find(n, 0x40000100, XEN_CPUID_NO_SUBLEAF);
        find(n, 0x80000021, XEN_CPUID_NO_SUBLEAF);
    }
}

static void feature_words(void **state)
{
    uint32_t words[CPUID_FEATURE_WORDS];

    (void)state;
    cpuid_policy_words(d->vdev.cpuid, words);
    for (unsigned int i = 0; i < CPUID_FEATURE_WORDS; i++)
        assert_int_equal(words[i], word(i));
}

static void set_back_is_no_change(void **state)
{
    xen_cpuid_leaf_t before[CPUID_POLICY_LEAVES];
    unsigned int n = cpuid_policy_leaves(d->vdev.cpuid, before);
    uint32_t leaf, sub;

    (void)state;
    assert_int_equal(cpuid_policy_set(d, before, n, &leaf, &sub), 0);
    assert_int_equal(cpuid_policy_leaves(d->vdev.cpuid, leaves), n);
    assert_memory_equal(before, leaves, n * sizeof(leaves[0]));
}

/* Tools that request the host's whole policy, or all ones, get no bit beyond cpuid_max. */
static void cannot_be_widened(void **state)
{
    uint32_t words[19], leaf, sub;
    unsigned int n = cpuid_policy_leaves(&cpuid_host, leaves);

    (void)state;
    for (unsigned int i = 0; i < 19; i++)
        words[i] = word(i);
    assert_int_equal(cpuid_policy_set(d, leaves, n, &leaf, &sub), 0);
    for (unsigned int i = 0; i < 19; i++)
        assert_int_equal(word(i), words[i]);
    for (unsigned int i = 0; i < n; i++)
        leaves[i].a = leaves[i].b = leaves[i].c = leaves[i].d = ~0u;
    leaves[0].leaf = 0x40000000;
    assert_int_equal(cpuid_policy_set(d, leaves, n, &leaf, &sub), 0);
    for (unsigned int i = 0; i < 19; i++)
        assert_int_equal(word(i), words[i]);
    assert_int_equal(get(0, 0).a, 0xd);
    assert_int_equal(get(0, 0).b, 0x68747541); /* the vendor is the host's */
    assert_int_equal(get(0x80000000, 0).a, 0x80000021);
    assert_int_equal(get(0x80000000, 0).b, 0x68747541);
    assert_int_equal(get(7, 0).a, 2);
    assert_int_equal(get(0x80000008, 0).a, 0x3028);
    assert_int_equal(get(0xd, 0).a, 7);
    assert_int_equal(cpuid_guest_xcr0_mask(d), 7);
    assert_int_equal(get(0x8000000a, 0).d, 0);
    assert_int_equal(get(0x40000000, 0).a, 0x40000005);
    everything_else_is_zero(NULL);
}

static void can_be_narrowed(void **state)
{
    unsigned int n = cpuid_policy_leaves(&cpuid_max, leaves);
    uint32_t leaf = 0, sub = 0;

    (void)state;
    /* no XSAVE, and nothing that depends on it */
    find(n, 1, XEN_CPUID_NO_SUBLEAF)->c &= ~(1u << 26);
    find(n, 1, XEN_CPUID_NO_SUBLEAF)->b = 0x00100000; /* tools set the number of ids */
    find(n, 0x80000008, XEN_CPUID_NO_SUBLEAF)->a = 0x3024;
    assert_int_equal(cpuid_policy_set(d, leaves, n, &leaf, &sub), 0);
    assert_false(has(F(XSAVE)) || has(F(AVX)) || has(F(AVX2)) || has(F(FMA4)) || has(F(XSAVEOPT)));
    assert_true(has(F(SSE4_2)));
    assert_int_equal(cpuid_guest_xcr0_mask(d), 0);
    assert_int_equal(cpuid_guest_cr4_mask(d), 0x370fff & ~(1u << 18));
    assert_int_equal(get(0xd, 0).a | get(0xd, 0).c | get(0xd, 1).a | get(0xd, 2).a, 0);
    harness_paging.cr4 = 1u << 18;
    assert_false(has(F(OSXSAVE)));
    assert_int_equal(get(1, 0).b, 0x06100800);
    assert_int_equal(get(0x80000008, 0).a, 0x3024);
    for (unsigned int i = 0; i < n; i++)
        leaves[i].a = leaves[i].b = leaves[i].c = leaves[i].d = 0;
    assert_int_equal(cpuid_policy_set(d, leaves, n, &leaf, &sub), 0);
    assert_true(has(F(APIC)) == false); /* leaf 1 is removed */
    assert_int_equal(get(0, 0).a, 0);
    assert_int_equal(get(1, 0).c, 0);
}

static void set_policy(unsigned int n)
{
    uint32_t leaf, sub;

    assert_int_equal(cpuid_policy_set(d, leaves, n, &leaf, &sub), 0);
}

/* The host has AVX, and the guest must not have it. */
static void without_avx_for_a_guest(void **state)
{
    unsigned int n = cpuid_policy_leaves(&cpuid_max, leaves);

    (void)state;
    find(n, 1, XEN_CPUID_NO_SUBLEAF)->c &= ~(1u << F(AVX) % 32);
    set_policy(n);
    assert_int_equal(cpuid_guest_xcr0_mask(d), 3);
    assert_int_equal(get(0xd, 0).a, 3);
    assert_int_equal(get(0xd, 0).c, 576);
}

/*
 * Whatever tools write, these fields come from the core or are empty. Otherwise they would describe
 * the host.
 */
static void fields_of_the_core(void **state)
{
    unsigned int n = cpuid_policy_leaves(&cpuid_max, leaves);

    (void)state;
    for (unsigned int i = 0; i < n; i++)
        if (leaves[i].leaf & 0xf) /* all but the highest leaves */
            leaves[i].a = leaves[i].b = leaves[i].c = leaves[i].d = ~0u;
    set_policy(n);
    assert_int_equal(get(1, 0).b, 0x06ff0800);
    for (uint32_t leaf = 2; leaf < 0xd; leaf++)
        if (leaf != 7 && leaf != 0xb)
            assert_int_equal(get(leaf, 0).a | get(leaf, 0).b | get(leaf, 0).c | get(leaf, 0).d, 0);
    /* no levels, but the id in EDX */
    assert_int_equal(get(0xb, 0).a | get(0xb, 0).b | get(0xb, 0).c, 0);
    assert_int_equal(get(0xd, 0).d, 0);
    assert_int_equal(get(0x80000001, 0).b, 0);
    assert_int_equal(get(0x80000007, 0).a | get(0x80000007, 0).b | get(0x80000007, 0).c, 0);
    assert_int_equal(get(0x80000008, 0).c, 0xf0ff);
    assert_int_equal(get(0x80000008, 0).d, 0);
    assert_int_equal(get(0x80000021, 0).b | get(0x80000021, 0).d, 0);
    for (uint32_t leaf = 0x80000009; leaf < 0x80000021; leaf++)
        if (leaf < 0x80000019 || leaf > 0x8000001a) {
            assert_int_equal(get(leaf, 0).a | get(leaf, 0).b | get(leaf, 0).c | get(leaf, 0).d, 0);
        } else { /* TLBs: harmless */
            assert_int_equal(get(leaf, 0).a, ~0u);
        }
    /* its size is computed */
    assert_int_equal(get(0xd, 1).b | get(0xd, 1).c | get(0xd, 1).d, AVX_SIZE);
}

/* A guest always has an APIC and sees a hypervisor; its addresses are no wider than the host's. */
static void what_tools_cannot_take_away(void **state)
{
    unsigned int n = cpuid_policy_leaves(&cpuid_max, leaves);

    (void)state;
    find(n, 1, XEN_CPUID_NO_SUBLEAF)->c = 0;
    find(n, 1, XEN_CPUID_NO_SUBLEAF)->d = 0;
    find(n, 0x80000001, XEN_CPUID_NO_SUBLEAF)->d = ~0u;
    find(n, 0x80000008, XEN_CPUID_NO_SUBLEAF)->a = 0x2029;
    set_policy(n);
    assert_int_equal(get(1, 0).c, 1u << 31);
    assert_int_equal(get(1, 0).d, 1u << 9);
    assert_true(has(2 * 32 + 9)); /* copies of bits of leaf 1 */
    assert_false(has(2 * 32 + 4) || has(2 * 32 + 15));
    assert_int_equal(get(0x80000008, 0).a, 0x2028);
    find(n, 0x80000008, XEN_CPUID_NO_SUBLEAF)->a = 0x3128;
    set_policy(n);
    assert_int_equal(get(0x80000008, 0).a, 0x3028);
}

/* Features that depend on a removed one are removed too, in CPUID and CR4. */
static void features_that_need_others(void **state)
{
    static const struct {
        uint16_t without, gone[13];
        uint32_t cr4;
    } cases[] = {
        { F(AVX),
          { F(FMA), F(F16C), F(AVX2), F(XOP), F(FMA4), F(AVX_VNNI), F(VAES), F(VPCLMULQDQ) },
          0 },
        { F(XSAVE),
          { F(XSAVEOPT), F(XSAVEC), F(XGETBV1), F(AVX), F(FMA), F(F16C), F(AVX2), F(XOP), F(FMA4),
            F(AVX_VNNI), F(VAES), F(VPCLMULQDQ) },
          1u << 18 },
        { F(PAE), { F(LM), F(PAGE1GB), F(LAHF_LM), F(PCID), F(INVPCID) }, 1u << 5 | 1u << 17 },
        { F(LM), { F(PAGE1GB), F(LAHF_LM), F(PCID), F(INVPCID) }, 1u << 17 },
        { F(PCID), { F(INVPCID) }, 1u << 17 },
        { F(XOP), { F(FMA4) }, 0 },
        { F(VME), { 0 }, 3 },
        { F(TSC), { 0 }, 1u << 2 },
        { F(DE), { 0 }, 1u << 3 },
        { F(PSE), { 0 }, 1u << 4 },
        { F(PGE), { 0 }, 1u << 7 },
        { F(FXSR), { 0 }, 1u << 9 },
        { F(SSE), { 0 }, 1u << 10 },
        { F(UMIP), { 0 }, 1u << 11 },
        { F(FSGSBASE), { 0 }, 1u << 16 },
        { F(SMEP), { 0 }, 1u << 20 },
        { F(SMAP), { 0 }, 1u << 21 },
    };
    uint32_t before[19];

    (void)state;
    for (unsigned int w = 0; w < 19; w++)
        before[w] = word(w);
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned int n = cpuid_policy_leaves(&cpuid_max, leaves), f = cases[i].without;
        uint32_t gone[19] = { 0 };

        gone[f / 32] = 1u << f % 32;
        for (const uint16_t *g = cases[i].gone; *g; g++)
            gone[*g / 32] |= 1u << *g % 32;
        gone[2] |= gone[0] & 0x0183f3ff; /* which leaf 0x80000001 repeats */
        if (f / 32 == 0)
            find(n, 1, XEN_CPUID_NO_SUBLEAF)->d &= ~(1u << f % 32);
        else if (f / 32 == 1)
            find(n, 1, XEN_CPUID_NO_SUBLEAF)->c &= ~(1u << f % 32);
        else if (f / 32 == 2)
            find(n, 0x80000001, XEN_CPUID_NO_SUBLEAF)->d &= ~(1u << f % 32);
        else if (f / 32 == 3)
            find(n, 0x80000001, XEN_CPUID_NO_SUBLEAF)->c &= ~(1u << f % 32);
        else if (f / 32 == 5)
            find(n, 7, 0)->b &= ~(1u << f % 32);
        else
            find(n, 7, 0)->c &= ~(1u << f % 32);
        heap_free(d->vdev.cpuid);
        assert_int_equal(cpuid_domain_init(d), 0);
        set_policy(n);
        for (unsigned int w = 0; w < 19; w++)
            if (word(w) != (before[w] & ~gone[w]))
                fail_msg("without %u*32+%u: word %u is %x", f / 32, f % 32, w, word(w));
        assert_int_equal(cpuid_guest_cr4_mask(d), 0x370fff & ~cases[i].cr4);
    }
}

static void refused(void **state)
{
    static const struct {
        uint32_t leaf, sub;
    } bad[] = {
        { 0xe, XEN_CPUID_NO_SUBLEAF },        { 7, 3 },
        { 7, XEN_CPUID_NO_SUBLEAF },          { 0x80000022, XEN_CPUID_NO_SUBLEAF },
        { 0x40000001, XEN_CPUID_NO_SUBLEAF }, { 0xffffffff, 0 },
    };
    uint32_t words[19], leaf, sub;

    (void)state;
    for (unsigned int i = 0; i < 19; i++)
        words[i] = word(i);
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        leaves[0] = (xen_cpuid_leaf_t){ .leaf = 1, .subleaf = XEN_CPUID_NO_SUBLEAF };
        leaves[1] = (xen_cpuid_leaf_t){ .leaf = bad[i].leaf, .subleaf = bad[i].sub };
        assert_int_equal(cpuid_policy_set(d, leaves, 2, &leaf, &sub), -EINVAL);
        assert_int_equal(leaf, bad[i].leaf);
        assert_int_equal(sub, bad[i].sub);
        for (unsigned int w = 0; w < 19; w++) /* nothing was changed */
            assert_int_equal(word(w), words[w]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hidden, setup, teardown),
        cmocka_unit_test_setup_teardown(shown, setup, teardown),
        cmocka_unit_test_setup_teardown(poor_host, setup_poor, teardown),
        cmocka_unit_test_setup_teardown(everything_else_is_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(follows_the_vcpu, setup, teardown),
        cmocka_unit_test_setup_teardown(xen_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(topologies, setup, teardown),
        cmocka_unit_test_setup_teardown(without_avx, setup, teardown),
        cmocka_unit_test_setup_teardown(listed, setup, teardown),
        cmocka_unit_test_setup_teardown(feature_words, setup, teardown),
        cmocka_unit_test_setup_teardown(set_back_is_no_change, setup, teardown),
        cmocka_unit_test_setup_teardown(cannot_be_widened, setup, teardown),
        cmocka_unit_test_setup_teardown(can_be_narrowed, setup, teardown),
        cmocka_unit_test_setup_teardown(without_avx_for_a_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_of_the_core, setup, teardown),
        cmocka_unit_test_setup_teardown(what_tools_cannot_take_away, setup, teardown),
        cmocka_unit_test_setup_teardown(features_that_need_others, setup, teardown),
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
    };

    return cmocka_run_group_tests_name("cpuid", tests, NULL, NULL);
}
