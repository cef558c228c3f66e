/* SPDX-License-Identifier: MIT */
/*
 * cpu/apic.c: when the timer interrupts, on a CPU as in the manual and on QEMU's, whose APIC is
 * modelled after the expiries in its hw/intc/apic_common.c. Also cpu/features.c: which of the two a
 * CPU is.
 */
#include "msr_fake.h"
#include "harness.h"
#include "cpu/apic.h"
#include "cpu/features.h"
#include "cpu/irq.h"
#include "cpu/nmi.h"
#include "lib/log.h"
#include "mm/pagetable.h"
#include "percpu.h"

#include <string.h>

#define BASE 0x1b
#define X2APIC 0x800u
enum { TIMER_LVT = 0x32, INITIAL = 0x38, CURRENT = 0x39, DIVIDE = 0x3e };

#define GHZ 1000000u

/* One CPU's APIC: a tick is a nanosecond. */
static struct model {
    uint32_t initial, lvt;
    unsigned int shift;
    uint64_t loaded, next; /* ~0: stopped */
} model[2];
static uint64_t now;
static unsigned int timer_writes;
static uint64_t icr, tpr, eoi, base = 0xfee00000;
static unsigned int icr_writes;
static uint32_t requests[8], lint1[2];
static bool nmis_are_fatal;
static uint32_t page[PAGE_SIZE / 4]; /* of an xAPIC */

/* QEMU's apic_next_timer(). */
static void next_expiry(struct model *m, uint64_t at)
{
    uint64_t d = (at - m->loaded) >> m->shift, period = (uint64_t)m->initial + 1;

    m->next = ~0ull;
    if (m->lvt & 0x20000) {
        if (m->initial)
            m->next = m->loaded + ((d / period + 1) * period << m->shift);
    } else if (d < m->initial) {
        m->next = m->loaded + (period << m->shift);
    }
}

uint64_t harness_msr_read(uint32_t msr)
{
    if (msr >= X2APIC + 0x20 && msr < X2APIC + 0x28)
        return requests[msr - X2APIC - 0x20];
    if (msr == BASE)
        return base;
    return msr == X2APIC + 2 ? harness_cpu * 2 : 0;
}

void harness_msr_write(uint32_t msr, uint64_t val)
{
    struct model *m = &model[harness_cpu];

    timer_writes += msr >= X2APIC + TIMER_LVT && msr != X2APIC + 0x35 && msr != X2APIC + 0x36;
    switch (msr) {
    case BASE: base = val; break;
    case X2APIC + 0x08: tpr = val; break;
    case X2APIC + 0x0b: eoi = val; break;
    case X2APIC + 0x30:
        icr = val;
        icr_writes++;
        break;
    case X2APIC + 0x36: lint1[harness_cpu] = (uint32_t)val; break;
    case X2APIC + TIMER_LVT:
        m->lvt = (uint32_t)val;
        next_expiry(m, now);
        break;
    case X2APIC + INITIAL:
        m->initial = (uint32_t)val;
        m->loaded = now;
        next_expiry(m, now);
        break;
    case X2APIC + DIVIDE: m->shift = (((val & 3) | (val >> 1 & 4)) + 1) & 7; break;
    default: break;
    }
    /* On a busy host, time may pass after any write. */
    if (m->lvt & 0x20000 && m->initial)
        assert_true((uint64_t)m->initial << m->shift >= USEC(100));
}

volatile void *pagetable_map_device(paddr_t at, uint64_t size)
{
    assert_int_equal(at, 0xfee00000);
    assert_int_equal(size, PAGE_SIZE);
    assert_false(cpu_features.x2apic); /* which needs no register page */
    return page;
}

bool nmi_is_fatal(void) { return nmis_are_fatal; }

static uint32_t leaf1_ecx;
static char name[13];

/* A CPU with every feature, under a hypervisor or not. */
void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    memset(out, 0xff, 16);
    if (leaf == 1)
        out[2] = leaf1_ecx;
    if (leaf == 0x80000002 || leaf == 0x80000003 || leaf == 0x80000004)
        memset(out, 'x', 16);
    if (leaf == 0x40000000)
        memcpy(&out[1], name, 12);
}

static void boot_cpus(unsigned int n)
{
    harness_memory_new(1);
    harness_quiet = true;
    harness_cpu = 0;
    memset(model, 0, sizeof(model));
    base = 0xfee00000;
    features_init();
    for (harness_cpu = 0; harness_cpu < n; harness_cpu++) {
        model[harness_cpu].shift = 1; /* as after a reset */
        apic_init_cpu();
    }
    harness_cpu = 0;
    apic_timer_khz = GHZ;
    now = 5000;
}

static void boot(bool hypervisor, const char *its_name)
{
    leaf1_ecx = hypervisor ? ~0u : ~(1u << 31);
    memcpy(name, its_name, MIN(strlen(its_name) + 1, sizeof(name)));
    boot_cpus(2);
}

static int on_tcg(void **state)
{
    boot(true, "TCGTCGTCGTCG");
    return 0;
}

static int on_a_real_cpu(void **state)
{
    boot(false, "TCGTCGTCGTCG");
    return 0;
}

static void emulation_is_recognised(void **state)
{
    on_a_real_cpu(state);
    assert_false(cpu_features.tcg); /* without a hypervisor this leaf is undefined */
    boot(true, "KVMKVMKVM");
    assert_false(cpu_features.tcg);
    boot(true, "TCGTCGTCGTCX");
    assert_false(cpu_features.tcg);
    on_tcg(state);
    assert_true(cpu_features.tcg);
}

/* Arguments of apic_timer_arm, and the resulting settings. */
static const struct {
    nsec_t delta;
    uint64_t shot, repeated;
} shots[] = {
    { 0, USEC(100), USEC(12800) },
    { -1, USEC(100), USEC(12800) },
    { INT64_MIN, USEC(100), USEC(12800) },
    { 1, USEC(100), USEC(12800) },
    { USEC(100), USEC(100), USEC(12800) },
    { USEC(200), USEC(200), USEC(25600) },
    { USEC(999), USEC(999), USEC(127872) },
    { MSEC(1), MSEC(1), MSEC(1) },
    { MSEC(4), MSEC(4), MSEC(4) },
    { SEC(1), SEC(1), SEC(1) },
    { SEC(4), SEC(1), SEC(1) },
    { INT64_MAX, SEC(1), SEC(1) },
};

static void arm_and_check(nsec_t delta, uint64_t shot, uint64_t repeated)
{
    apic_timer_arm(delta);
    assert_in_range(model[0].next - now, shot, shot + 1);
    for (unsigned int i = 0; i < 3; i++) {
        now = model[0].next;
        next_expiry(&model[0], now);
        /* The first counts from the start; none is faster than the host can handle. */
        assert_in_range(model[0].next - now, i ? repeated : repeated - shot, repeated + 128);
        assert_in_range(model[0].next - now, USEC(100), SEC(1) + 1);
    }
}

static void lost_shot_comes_again_slowly(void **state)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(shots); i++)
        for (unsigned int before = 0; before < ARRAY_SIZE(shots); before++) {
            arm_and_check(shots[before].delta, shots[before].shot, shots[before].repeated);
            arm_and_check(shots[i].delta, shots[i].shot, shots[i].repeated);
        }
}

/* A write of the emulated page is slow: the common case, a time slice, costs one. */
static void shots_of_a_millisecond_cost_one_write(void **state)
{
    apic_timer_arm(MSEC(5));
    timer_writes = 0;
    apic_timer_arm(MSEC(4));
    assert_int_equal(timer_writes, 1);
    apic_timer_arm(USEC(200));
    assert_int_equal(timer_writes, 3);
}

static void cpus_have_dividers_of_their_own(void **state)
{
    apic_timer_arm(USEC(200));
    harness_cpu = 1;
    apic_timer_arm(USEC(200));
    assert_in_range(model[1].next - now, USEC(200), USEC(200) + 1);
    harness_cpu = 0;
    arm_and_check(USEC(200), USEC(200), USEC(25600));
}

/* After INIT, a restarted CPU's divide register has its reset value. */
static void divider_is_set_at_each_start(void **state)
{
    model[0].shift = 1;
    apic_init_cpu();
    arm_and_check(MSEC(5), MSEC(5), MSEC(5));
}

static void stopped_timer_is_silent(void **state)
{
    apic_timer_arm(USEC(200));
    apic_timer_start(0);
    assert_int_equal(model[0].next, ~0ull);
    apic_timer_start(1000000); /* raw ticks are not divided */
    assert_int_equal(model[0].next - now, 1000001);
}

static void real_shot_comes_once(void **state)
{
    assert_int_equal(model[0].lvt, VECTOR_TIMER);
    for (unsigned int i = 0; i < ARRAY_SIZE(shots); i++) {
        nsec_t delta = shots[i].delta, shot = MIN(MAX(delta, USEC(2)), SEC(4));

        timer_writes = 0;
        apic_timer_arm(delta);
        assert_int_equal(timer_writes, 1);
        assert_in_range(model[0].next - now, shot, shot + 1);
        now = model[0].next;
        next_expiry(&model[0], now);
        assert_int_equal(model[0].next, ~0ull);
    }
}

/* A 32-bit count covers less than four seconds of a fast timer. */
static void fast_timer_does_not_overflow(void **state)
{
    apic_timer_khz = 4 * GHZ;
    apic_timer_arm(SEC(4));
    assert_int_equal(model[0].initial, 0xffffffff);
}

/* --- messages to other CPUs --- */

static void an_x2apic_sends_with_one_write(void **state)
{
    icr_writes = 0;
    apic_send(0x12345, 0x4fe);
    assert_int_equal(icr_writes, 1);
    assert_int_equal(icr, 0x12345ull << 32 | 0x44fe);
    assert_int_equal(cpus[1].apic_id, 2);
    tpr = eoi = 0x55;
    apic_recheck();
    assert_int_equal(tpr, 0);
    assert_int_equal(eoi, 0x55);
    apic_eoi();
    assert_int_equal(eoi, 0);
}

static void requests_are_found(void **state)
{
    for (unsigned int vector = 0; vector < 256; vector++) {
        memset(requests, 0, sizeof(requests));
        requests[vector / 32] = 1u << vector % 32;
        for (unsigned int other = 0; other < 256; other++)
            assert_int_equal(apic_is_requested(other), other == vector);
    }
}

static void an_nmi_reaches_one_cpu_or_all(void **state)
{
    assert_int_equal(lint1[0], 0x400);
    assert_int_equal(lint1[1], 0x10000); /* masked */
    nmis_are_fatal = true;
    on_a_real_cpu(state);
    nmis_are_fatal = false;
    assert_int_equal(lint1[0], 0x400);
    assert_int_equal(lint1[1], 0x400);
}

/* In xAPIC mode: waits while the APIC is still sending, and writes the half that sends last. */
static uint32_t high_while_busy;

static void send_by_the_page(void) { apic_send(0x7e, 0x8fb); }

static void page_gets_ready(void)
{
    high_while_busy = READ_ONCE(page[0x310 / 4]);
    WRITE_ONCE(page[0x300 / 4], 0x4c31);
}

static void an_xapic_is_waited_for(void **state)
{
    static void (*const both[])(void) = { send_by_the_page, page_gets_ready };

    leaf1_ecx = ~(1u << 21);
    memset(page, 0, sizeof(page));
    page[0x20 / 4] = 0x5f000000;
    page[0x80 / 4] = 0x20;
    boot_cpus(1);
    assert_int_equal(page[0x80 / 4], 0);
    assert_int_equal(cpus[0].apic_id, 0x5f);
    assert_int_equal(base, 0xfee00800); /* enabled, without x2APIC */
    assert_int_equal(page[0xf0 / 4], 0x100 | VECTOR_SPURIOUS);
    assert_int_equal(page[0x350 / 4], 0x10000);
    assert_int_equal(page[0x320 / 4], VECTOR_TIMER | 0x20000);
    page[0x390 / 4] = 77;
    assert_int_equal(apic_timer_current(), 77);
    page[0x300 / 4] = 0x4c31 | 0x1000;
    page[0x310 / 4] = 0x33000000;
    harness_run_cpus(both, 2);
    assert_int_equal(high_while_busy, 0x33000000);
    assert_int_equal(page[0x310 / 4], 0x7e000000);
    assert_int_equal(page[0x300 / 4], 0x48fb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_x2apic_sends_with_one_write, on_tcg),
        cmocka_unit_test_setup(requests_are_found, on_tcg),
        cmocka_unit_test_setup(an_nmi_reaches_one_cpu_or_all, on_tcg),
        cmocka_unit_test(an_xapic_is_waited_for),
        cmocka_unit_test(emulation_is_recognised),
        cmocka_unit_test_setup(lost_shot_comes_again_slowly, on_tcg),
        cmocka_unit_test_setup(shots_of_a_millisecond_cost_one_write, on_tcg),
        cmocka_unit_test_setup(cpus_have_dividers_of_their_own, on_tcg),
        cmocka_unit_test_setup(divider_is_set_at_each_start, on_tcg),
        cmocka_unit_test_setup(stopped_timer_is_silent, on_tcg),
        cmocka_unit_test_setup(real_shot_comes_once, on_a_real_cpu),
        cmocka_unit_test_setup(fast_timer_does_not_overflow, on_a_real_cpu),
    };

    return cmocka_run_group_tests_name("apic", tests, NULL, NULL);
}
