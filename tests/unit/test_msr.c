/* SPDX-License-Identifier: MIT */
/*
 * vdev/msr.c: every MSR in the architectural ranges is either in this file's list or raises #GP;
 * the hypercall page byte by byte.
 */
#include "privileged_fake.h"
#include "harness.h"
#include "cpu/clock.h"
#include "mm/p2m.h"
#include "percpu.h"
#include "vdev/cpuid.h"
#include "vdev/lapic.h"
#include "vdev/msr.h"

#include <xen/arch-x86/cpufeatureset.h>

static struct domain *d;
static struct vcpu *v;
static bool all_features;
static unsigned int feature; /* the only feature that the guest has, if not all */
static uint32_t last_msr, host_msr;
static uint64_t last_value, host_value;
static unsigned int host_writes;

int lapic_msr_read(struct vcpu *of, uint32_t msr, uint64_t *val)
{
    (void)of;
    *val = msr;
    return 0;
}

int lapic_msr_write(struct vcpu *of, uint32_t msr, uint64_t val)
{
    (void)of;
    last_msr = msr;
    last_value = val;
    return 0;
}

void cpu_wrmsr(uint32_t msr, uint64_t val)
{
    host_writes++;
    host_msr = msr;
    host_value = val;
}

bool cpuid_guest_has(struct domain *of, unsigned int asked)
{
    return all_features || asked == feature;
}

static int setup(void **state)
{
    harness_setup(state);
    d = harness_domain(1, 100);
    harness_populate(d, 0x10, 2);
    v = d->vcpu[0];
    all_features = false;
    feature = ~0u;
    host_writes = 0;
    harness_quiet = true;
    return 0;
}

#define R 1u
#define W 2u

static const struct {
    uint32_t first, last;
    unsigned int access;
} known[] = {
    { 0x10, 0x10, R | W },
    { 0x1b, 0x1b, R | W },
    { 0x8b, 0x8b, R | W },
    { 0xce, 0xce, R },
    { 0xfe, 0xfe, R },
    { 0x140, 0x140, R | W },
    { 0x2ff, 0x2ff, R | W },
    { 0x179, 0x17b, R | W },
    { 0x400, 0x407, R | W },
    { 0x800, 0x8ff, R | W },
    { 0x40000000, 0x40000000, R },
    { 0xc0010000, 0xc0010007, R | W },
    { 0xc0010010, 0xc0010010, R | W },
    { 0xc0010015, 0xc0010015, R | W },
    { 0xc0010016, 0xc001001a, R },
    { 0xc001001d, 0xc001001d, R },
    { 0xc001001f, 0xc001001f, R | W },
    { 0xc0010200, 0xc001020b, R | W },
    { 0xc0011029, 0xc0011029, R | W },
};

static unsigned int access_of(uint32_t msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(known); i++)
        if (msr >= known[i].first && msr <= known[i].last)
            return known[i].access;
    return 0;
}

static void all_others_fault(void **state)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        { 0, 0x1fff },
        { 0x40000000, 0x40001fff },
        { 0xc0000000, 0xc0001fff },
        { 0xc0010000, 0xc0011fff },
    };
    uint64_t val;

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++)
        for (uint32_t msr = ranges[i].first; msr <= ranges[i].last; msr++) {
            int refused = access_of(msr) || msr == 0x49 || msr == 0xc0000103 ? -EFAULT : -ENOENT;

            assert_int_equal(msr_guest_read(v, msr, &val), access_of(msr) & R ? 0 : refused);
            if (msr != 0x40000000)
                assert_int_equal(msr_guest_write(v, msr, 0), access_of(msr) & W ? 0 : refused);
        }
    assert_int_equal(msr_guest_read(v, 0xffffffff, &val), -ENOENT);
}

static void what_reads(void **state)
{
    uint64_t val = 1, tsc;

    (void)state;
    assert_int_equal(msr_guest_read(v, 0xc0010010, &val), 0);
    assert_int_equal(val, 0);
    assert_int_equal(msr_guest_write(v, 0xc0010000, 0xabcd), 0); /* a counter that does not count */
    assert_int_equal(msr_guest_read(v, 0xc0010000, &val), 0);
    assert_int_equal(val, 0);
    assert_int_equal(msr_guest_read(v, 0xc0010015, &val), 0);
    assert_int_equal(val, 1u << 24);
    assert_int_equal(msr_guest_read(v, 0xfe, &val), 0); /* MTRRs: no ranges, but write-combining */
    assert_int_equal(val, 0x400);
    assert_int_equal(msr_guest_write(v, 0x2ff, 0), 0);
    assert_int_equal(msr_guest_read(v, 0x2ff, &val), 0);
    assert_int_equal(val, 0x806);
    assert_int_equal(msr_guest_read(v, 0xce, &val), 0); /* CPUID faulting */
    assert_int_equal(val, 1u << 31);
    assert_int_equal(msr_guest_write(v, 0x140, 2), -EFAULT);
    assert_int_equal(msr_guest_write(v, 0x140, 1), 0);
    assert_true(v->vdev.cpuid_faulting);
    assert_int_equal(msr_guest_read(v, 0x140, &val), 0);
    assert_int_equal(val, 1);
    assert_int_equal(msr_guest_write(v, 0x140, 1ull << 32), -EFAULT);
    assert_int_equal(msr_guest_write(v, 0x140, 0), 0);
    assert_false(v->vdev.cpuid_faulting);
    assert_int_equal(msr_guest_read(v, 0x808, &val), 0);
    assert_int_equal(val, 0x808);
    tsc = rdtsc();
    assert_int_equal(msr_guest_read(v, 0x10, &val), 0);
    assert_true(val >= tsc);
    assert_int_equal(msr_guest_read(v, 0xc0000103, &val), -EFAULT); /* TSC_AUX without RDTSCP */
    all_features = true;
    v->vdev.tsc_aux = 7;
    assert_int_equal(msr_guest_read(v, 0xc0000103, &val), 0);
    assert_int_equal(val, 7);
    assert_int_equal(msr_guest_write(v, 0xc0000103, 1ull << 32), -EFAULT);
    assert_int_equal(msr_guest_write(v, 0x49, 2), -EFAULT); /* the barrier has one bit */
    assert_int_equal(msr_guest_write(v, 0x49, 0), 0);
    assert_int_equal(msr_guest_read(v, 0x49, &val), -EFAULT);
}

/* MSRs that are passed on, with number and value. */
static void passed_on(void **state)
{
    uint64_t val;

    (void)state;
    assert_int_equal(msr_guest_write(v, 0x1b, 77), 0);
    assert_int_equal(last_msr, 0x1b);
    assert_int_equal(msr_guest_write(v, 0x830, 78), 0);
    assert_int_equal(last_msr, 0x830);
    assert_int_equal(last_value, 78);
    assert_int_equal(msr_guest_read(v, 0x1b, &val), 0);
    assert_int_equal(val, 0x1b);
    assert_int_equal(host_writes, 0);
}

/* The only two host registers that are written for a guest, and only if its CPUID has them. */
static void of_the_host(void **state)
{
    static const unsigned int have_aux[] = { XEN_X86_FEATURE_RDTSCP, XEN_X86_FEATURE_RDPID };

    (void)state;
    assert_int_equal(msr_guest_write(v, 0xc0000103, 5), -EFAULT);
    assert_int_equal(msr_guest_write(v, 0x49, 1), -EFAULT);
    assert_int_equal(host_writes, 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(have_aux); i++) {
        feature = have_aux[i];
        assert_int_equal(msr_guest_write(v, 0xc0000103, 0xffffffff - i), 0);
        assert_int_equal(v->vdev.tsc_aux, 0xffffffff - i);
        assert_int_equal(host_msr, 0xc0000103);
        assert_int_equal(host_value, 0xffffffff - i);
        assert_int_equal(msr_guest_write(v, 0xc0000103, 1ull << 32), -EFAULT);
        assert_int_equal(msr_guest_write(v, 0x49, 1), -EFAULT);
        assert_int_equal(host_writes, i + 1);
    }
    feature = XEN_X86_FEATURE_IBPB;
    assert_int_equal(msr_guest_write(v, 0xc0000103, 5), -EFAULT);
    assert_int_equal(msr_guest_write(v, 0x49, 0), 0); /* nothing to do */
    assert_int_equal(msr_guest_write(v, 0x49, 2), -EFAULT);
    assert_int_equal(msr_guest_write(v, 0x49, 3), -EFAULT);
    assert_int_equal(host_writes, 2);
    assert_int_equal(msr_guest_write(v, 0x49, 1), 0);
    assert_int_equal(host_writes, 3);
    assert_int_equal(host_msr, 0x49);
    assert_int_equal(host_value, 1);
}

static void hypercall_page(void **state)
{
    uint8_t *page;

    (void)state;
    assert_int_equal(msr_guest_write(v, 0x40000000, 0x11000), 0);
    page = harness_guest(d, 0x11000);
    for (unsigned int nr = 0; nr < 128; nr++) {
        const uint8_t expected[] = { 0xb8, (uint8_t)nr, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3, 0xcc };

        assert_memory_equal(page + nr * 32, expected, sizeof(expected));
        assert_int_equal(page[nr * 32 + 31], 0xcc);
    }
    assert_int_equal(msr_guest_write(v, 0x40000000, 0x11001), -EFAULT); /* only one page */
    assert_int_equal(msr_guest_write(v, 0x40000000, 0x50000), -EFAULT); /* no RAM */
    assert_int_equal(msr_guest_write(v, 0x40000000, ~0xfffull), -EFAULT);
    assert_int_equal(p2m_page_evict(d, GFN(0x11), page), 0);
    assert_int_equal(msr_guest_write(v, 0x40000000, 0x11000), -ERESTART);
    assert_int_equal(this_cpu()->paged.n, 0x11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_others_fault, setup), cmocka_unit_test_setup(what_reads, setup),
        cmocka_unit_test_setup(hypercall_page, setup),   cmocka_unit_test_setup(passed_on, setup),
        cmocka_unit_test_setup(of_the_host, setup),
    };

    return cmocka_run_group_tests_name("msr", tests, NULL, NULL);
}
