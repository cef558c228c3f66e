/* SPDX-License-Identifier: MIT */
/*
 * cpu/features.c on invented CPUs: required features, the bit for each feature, C-state ports, and
 * the setup of each CPU.
 */
#include "msr_fake.h"
#include "harness.h"
#include "cpu/features.h"

#include <string.h>

enum { A, B, C, D };
enum { L0, L1, L7, LD, LD2, E0, E1, E7, E8, EA, E21, LEAVES };

static const struct {
    uint32_t leaf, sub;
} names[LEAVES] = {
    [L0] = { 0 },          [L1] = { 1 },          [L7] = { 7 },           [LD] = { 0xd },
    [LD2] = { 0xd, 2 },    [E0] = { 0x80000000 }, [E1] = { 0x80000001 },  [E7] = { 0x80000007 },
    [E8] = { 0x80000008 }, [EA] = { 0x8000000a }, [E21] = { 0x80000021 },
};
static uint32_t leaves[LEAVES][4];
static uint64_t cstate_base, efer, pat, de_cfg, cr0, cr4, xcr0;
static unsigned int reads;

/* A leaf beyond the limit returns the last leaf, which must not be used. */
void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    memset(out, leaf > leaves[leaf & 0x80000000 ? E0 : L0][A] ? 0xff : 0, 4 * sizeof(*out));
    for (unsigned int i = 0; i < LEAVES; i++)
        if (names[i].leaf == leaf && names[i].sub == sub &&
            leaf <= leaves[leaf & 0x80000000 ? E0 : L0][A])
            memcpy(out, leaves[i], sizeof(leaves[i]));
}

uint64_t harness_msr_read(uint32_t msr)
{
    reads++;
    switch (msr) {
    case 0xc0010073: return cstate_base;
    case 0xc0011029: return de_cfg;
    case 0xc0000080: return efer;
    default: fail_msg("MSR %x is read", msr); return 0;
    }
}

void harness_msr_write(uint32_t msr, uint64_t val)
{
    switch (msr) {
    case 0xc0011029: de_cfg = val; break;
    case 0xc0000080: efer = val; break;
    case 0x277: pat = val; break;
    default: fail_msg("MSR %x is written", msr);
    }
}

/* A Zen with only the features that the core requires. */
static int setup(void **state)
{
    harness_quiet = true;
    memset(&cpu_features, 0, sizeof(cpu_features));
    memset(leaves, 0, sizeof(leaves));
    leaves[L0][A] = 0xd;
    leaves[E0][A] = 0x80000021;
    leaves[L1][A] = 0x00800f12;
    leaves[E1][D] = 1u << 20;
    leaves[E1][C] = 1u << 2;
    leaves[EA][D] = 1u << 0;
    cstate_base = efer = pat = de_cfg = cr0 = cr4 = xcr0 = reads = 0;
    return 0;
}

/* --- features --- */

static void what_is_needed(void **state)
{
    static const struct {
        unsigned int leaf, reg;
        const char *words;
    } needed[] = {
        { E1, D, "no-execute" },
        { E1, C, "SVM" },
        { EA, D, "nested paging" },
    };

    features_init();
    for (volatile unsigned int i = 0; i < ARRAY_SIZE(needed); i++) {
        uint32_t *r = &leaves[needed[i].leaf][needed[i].reg], before = *r;

        *r = ~*r; /* all bits but this one */
        assert_panics(features_init());
        assert_non_null(strstr(harness_log, needed[i].words));
        *r = before;
    }
    leaves[E0][A] = 0x80000009; /* the SVM leaf is missing */
    assert_panics(features_init());
    assert_non_null(strstr(harness_log, "nested paging"));
}

static void each_bit_is_a_feature(void **state)
{
    static const struct {
        unsigned int leaf, reg, bit;
        bool *feature;
    } bits[] = {
        { L1, C, 21, &cpu_features.x2apic },
        { E1, D, 26, &cpu_features.pages_1g },
        { E1, D, 27, &cpu_features.rdtscp },
        { E7, D, 8, &cpu_features.invariant_tsc },
        { E8, B, 12, &cpu_features.ibpb },
        { L7, C, 3, &cpu_features.pku },
        { EA, D, 1, &cpu_features.lbr_virtualization },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
        uint32_t *r = &leaves[bits[i].leaf][bits[i].reg], needed;

        setup(state);
        needed = *r;
        features_init();
        for (unsigned int n = 0; n < ARRAY_SIZE(bits); n++)
            assert_false(*bits[n].feature);
        *r |= 1u << bits[i].bit;
        features_init();
        for (unsigned int n = 0; n < ARRAY_SIZE(bits); n++)
            assert_int_equal(*bits[n].feature, n == i);
        /* no other bit of this leaf sets it */
        memset(leaves[bits[i].leaf], 0xff, sizeof(leaves[0]));
        *r = needed | ~(1u << bits[i].bit);
        features_init();
        assert_false(*bits[i].feature);
    }
}

static void numbers(void **state)
{
    leaves[E8][A] = 0x00003930;
    leaves[EA][B] = 0x8000;
    features_init();
    assert_int_equal(cpu_features.physical_bits, 0x30);
    assert_int_equal(cpu_features.asid_count, 0x8000);
    leaves[E0][A] = 0x80000007; /* leaves beyond the limit are ignored */
    leaves[EA][D] = 1;
    assert_panics(features_init());
    assert_int_equal(cpu_features.physical_bits, 0);
}

/* x87 and SSE are in the legacy area; of the other states, only AVX is offered. */
static void states_of_xsave(void **state)
{
    leaves[LD][A] = 0x207;
    leaves[LD2][A] = 256;
    leaves[LD2][B] = 640;
    features_init();
    assert_int_equal(cpu_features.xcr0_mask, 0); /* without XSAVE */
    assert_int_equal(cpu_features.xsave_size, 576);
    leaves[L1][C] = 1u << 26;
    features_init();
    assert_int_equal(cpu_features.xcr0_mask, 7);
    assert_int_equal(cpu_features.xsave_size, 896);
    leaves[LD][A] = 3;
    features_init();
    assert_int_equal(cpu_features.xcr0_mask, 3);
    assert_int_equal(cpu_features.xsave_size, 576);
}

static uint16_t ports_of(uint32_t of_signature, bool is_emulated, uint64_t is_base)
{
    leaves[L1][A] = of_signature;
    leaves[L1][C] = is_emulated ? 1u << 31 : 0;
    cstate_base = is_base;
    reads = 0;
    features_init();
    return cpu_features.cstate_ports;
}

static void sleep_ports(void **state)
{
    assert_int_equal(ports_of(0x00800f12, false, 0x413), 0x413);              /* Zen */
    assert_int_equal(ports_of(0x00a20f10, false, 0xffffffffffff0813), 0x813); /* Zen 3 */
    assert_int_equal(ports_of(0x00800f12, false, 0), 0);
    assert_int_equal(ports_of(0x00800f12, false, 0xfff8), 0xfff8);
    assert_int_equal(ports_of(0x00800f12, false, 0xfff9), 0);
    assert_int_equal(reads, 1);
    /* Without the register it is not read: the core could not handle the fault. */
    assert_int_equal(ports_of(0x00800f12, true, 0x413), 0);
    assert_int_equal(reads, 0);
    assert_int_equal(ports_of(0x00600f20, false, 0x413), 0);     /* family 15h */
    assert_int_equal(ports_of(0x00700f20, false, 0x413), 0);     /* family 16h */
    assert_int_equal(ports_of(0x07f00012, false, 0x413), 0x413); /* base plus extended family */
    assert_int_equal(reads, 1);
}

/* --- how a CPU is set up --- */

static unsigned int execute(const uint8_t *code, long long *r)
{
    bool rex = (code[0] & 0xf0) == 0x40;
    const uint8_t *op = code + rex;
    unsigned int which = op[2] >> 3 & 7;

    if (memcmp(op, "\x0f\x01\xd1", 3) == 0) { /* XSETBV */
        xcr0 = (uint32_t)r[HARNESS_RAX] | (uint64_t)r[HARNESS_RDX] << 32;
        return cr4 & CR4_OSXSAVE && (uint32_t)r[HARNESS_RCX] == 0 ? 3 : 0;
    }
    if (memcmp(op, "\x0f\x22", 2) || (which != 0 && which != 4)) /* MOV to CR0 or CR4 */
        return 0;
    *(which ? &cr4 : &cr0) =
        (uint64_t)*harness_register(r, (op[2] & 7) | (rex && (code[0] & 1) ? 8 : 0));
    return rex + 3;
}

static void a_cpu_without_extras(void **state)
{
    harness_on_refused(execute);
    efer = 0xd01;
    de_cfg = 0x30;
    features_init();
    features_init_cpu();
    assert_int_equal(cr0, 0x80010033);
    assert_int_equal(cr4, 0x6e0);
    assert_int_equal(efer, 0xd01 | 1u << 11);
    assert_int_equal(pat, 0x0007040600070406);
    assert_int_equal(xcr0, 0);
    assert_int_equal(de_cfg, 0x32);
}

/*
 * The LFENCE bit is not set under a hypervisor, which may lack the register, and not where LFENCE
 * always serialises.
 */
static void a_cpu_with_extras(void **state)
{
    static const struct {
        unsigned int leaf, reg, bit;
        uint64_t cr4, xcr0;
        bool fence;
    } extras[] = {
        { L7, B, 7, 1u << 20, 0, true }, { L7, B, 20, 1u << 21, 0, true },
        { L7, C, 3, 1u << 22, 0, true }, { L1, C, 26, 1u << 18, 3, true },
        { L1, C, 31, 0, 0, false },      { E21, A, 2, 0, 0, false },
    };

    harness_on_refused(execute);
    for (unsigned int i = 0; i < ARRAY_SIZE(extras); i++) {
        setup(state);
        leaves[LD][A] = 3;
        leaves[extras[i].leaf][extras[i].reg] |= 1u << extras[i].bit;
        features_init();
        features_init_cpu();
        assert_int_equal(cr4, 0x6e0 | extras[i].cr4);
        assert_int_equal(xcr0, extras[i].xcr0);
        assert_int_equal(de_cfg, extras[i].fence ? 2 : 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_needed, setup),
        cmocka_unit_test_setup(each_bit_is_a_feature, setup),
        cmocka_unit_test_setup(numbers, setup),
        cmocka_unit_test_setup(states_of_xsave, setup),
        cmocka_unit_test_setup(sleep_ports, setup),
        cmocka_unit_test_setup(a_cpu_without_extras, setup),
        cmocka_unit_test_setup(a_cpu_with_extras, setup),
    };

    return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
