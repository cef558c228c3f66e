/* SPDX-License-Identifier: MIT */
/*
 * vdev/lapic.c and lapic_timer.c: priorities, messages between four vcpus in all destination forms, both
 * faces with what they must refuse, the timer on a clock that the test moves, saving and loading.
 */
#include "harness.h"
#include "cpu/clock.h"
#include "lib/log.h"
#include "vdev/lapic.h"
#include "vdev/lapic_timer.h"

#include <stdlib.h>
#include <xen/hvm/save.h>

#define VCPUS 4
#define BASE 0xfee00000ull
#define ENABLE (1ull << 11)
#define X2APIC (1ull << 10)
#define BSP (1ull << 8)
#define MSR_BASE 0x1b
#define MSR_TPR 0x808
#define MSR_EOI 0x80b
#define MSR_SVR 0x80f
#define MSR_ESR 0x828
#define MSR_ICR 0x830
#define MSR_LVT_TIMER 0x832
#define MSR_LVT_ERROR 0x837
#define MSR_INITIAL 0x838
#define MSR_CURRENT 0x839
#define MSR_DIVIDE 0x83e
#define MSR_SELF_IPI 0x83f

static struct domain *d;
static struct vcpu *v[VCPUS];
static vcpu_info_t infos[VCPUS];
static unsigned int kicks[VCPUS], inits[VCPUS], eois;
static int sipis[VCPUS], eoi_vector;
static nsec_t now;
static unsigned int expiries;

void vcpu_kick(struct vcpu *to) { kicks[to->id]++; }
void vcpu_init_received(struct vcpu *to) { inits[to->id]++; }
void vcpu_sipi_received(struct vcpu *to, uint8_t vector) { sipis[to->id] = vector; }
nsec_t clock_now(void) { return now; }

static void level_eoi(struct domain *of, uint8_t vector)
{
    assert_ptr_equal(of, d);
    eois++;
    eoi_vector = vector;
}

void timer_set(struct timer *t, nsec_t expires)
{
    t->expires = expires;
    t->armed = true;
}

/* Moves the clock; runs the vcpu's timer as often as it is due. */
static void advance(struct vcpu *of, nsec_t by)
{
    struct timer *t = &of->vdev.lapic.timer;
    nsec_t end = now + by;

    while (t->armed && t->expires <= end) {
        now = t->expires;
        t->armed = false;
        expiries++;
        t->fn(t->data);
    }
    now = end;
}

static int teardown(void **state)
{
    for (unsigned int i = 0; i < VCPUS; i++)
        free(v[i]);
    free(d);
    return 0;
}

static void write_msr(struct vcpu *of, uint32_t msr, uint64_t val)
{
    assert_int_equal(lapic_msr_write(of, msr, val), 0);
}

static uint64_t read_msr(struct vcpu *of, uint32_t msr)
{
    uint64_t val = ~0ull;

    assert_int_equal(lapic_msr_read(of, msr, &val), 0);
    return val;
}

/* Four vcpus in x2APIC mode, enabled by software. */
static int setup(void **state)
{
    memset(kicks, 0, sizeof(kicks));
    memset(inits, 0, sizeof(inits));
    memset(infos, 0, sizeof(infos));
    eois = expiries = 0;
    now = 1000000;
    d = calloc(1, sizeof(*d));
    d->max_vcpus = VCPUS;
    for (unsigned int i = 0; i < VCPUS; i++) {
        v[i] = calloc(1, sizeof(*v[i]));
        v[i]->d = d;
        v[i]->id = i;
        v[i]->info = &infos[i];
        d->vcpu[i] = v[i];
        sipis[i] = -1;
        lapic_timer_setup(v[i]);
        lapic_reset(v[i], false);
        write_msr(v[i], MSR_BASE, BASE | ENABLE | X2APIC | (i ? 0 : BSP));
        write_msr(v[i], MSR_SVR, 0x1ff);
    }
    return 0;
}

static int setup_xapic(void **state)
{
    setup(state);
    for (unsigned int i = 0; i < VCPUS; i++) {
        lapic_reset(v[i], false);
        lapic_mmio_write(v[i], 0xf0, 0x1ff);
    }
    return 0;
}

static uint64_t irr(unsigned int i)
{
    const uint64_t *map = v[i]->vdev.lapic.irr;

    return map[0] | map[1] | map[2] | map[3];
}

/* Which vcpus have vector pending, as a mask; forgets it. */
static unsigned int who(uint8_t vector)
{
    unsigned int mask = 0;

    for (unsigned int i = 0; i < VCPUS; i++)
        if (bit_test_and_clear(v[i]->vdev.lapic.irr, vector))
            mask |= 1u << i;
    return mask;
}

static void as_after_reset(void **state)
{
    lapic_reset(v[1], false);
    assert_int_equal(read_msr(v[1], MSR_BASE), BASE | ENABLE);
    assert_int_equal(v[1]->vdev.lapic.id, 2);
    assert_true(lapic_has_page(v[1], BASE + 0xfff));
    assert_false(lapic_has_page(v[1], BASE + 0x1000));
    assert_int_equal(lapic_mmio_read(v[1], 0x20), 2u << 24);
    assert_int_equal(lapic_mmio_read(v[1], 0x30), 0x50014);
    assert_int_equal(lapic_mmio_read(v[1], 0xf0), 0xff);
    for (uint32_t offset = 0x320; offset <= 0x370; offset += 0x10)
        assert_int_equal(lapic_mmio_read(v[1], offset), 0x10000);
    lapic_reset(v[0], false);
    assert_int_equal(read_msr(v[0], MSR_BASE), BASE | ENABLE | BSP);
}

/* The vcpu takes the interrupt if it is pending, and acknowledges it. */
static bool take(struct vcpu *by, uint8_t vector)
{
    if (lapic_highest_pending(by) != vector)
        return false;
    lapic_accept(by, vector);
    write_msr(by, MSR_EOI, 0);
    return true;
}

static void priorities(void **state)
{
    assert_int_equal(lapic_highest_pending(v[0]), -1);
    lapic_set_irq(v[0], 0x31, false);
    lapic_set_irq(v[0], 0x45, false);
    assert_int_equal(kicks[0], 2);
    lapic_set_irq(v[0], 0x45, false); /* still pending: nobody needs to be told again */
    assert_int_equal(kicks[0], 2);
    assert_int_equal(lapic_highest_pending(v[0]), 0x45);
    lapic_accept(v[0], 0x45);
    assert_int_equal(lapic_highest_pending(v[0]), -1);
    assert_int_equal(lapic_highest_request(v[0]), -1);
    assert_int_equal(read_msr(v[0], 0x80a), 0x40);
    lapic_set_irq(v[0], 0x4f, false); /* the same class waits too */
    assert_int_equal(lapic_highest_pending(v[0]), -1);
    lapic_set_irq(v[0], 0x50, false);
    assert_int_equal(lapic_highest_pending(v[0]), 0x50);
    lapic_accept(v[0], 0x50);
    write_msr(v[0], MSR_EOI, 0); /* ends 0x50 */
    assert_int_equal(lapic_highest_pending(v[0]), -1);
    write_msr(v[0], MSR_EOI, 0); /* ends 0x45 */
    assert_true(take(v[0], 0x4f));
    write_msr(v[0], MSR_TPR, 0x30);
    assert_int_equal(lapic_highest_pending(v[0]), -1);
    assert_int_equal(lapic_highest_request(v[0]), 0x31); /* offered all the same: the CPU knows its TPR */
    write_msr(v[0], MSR_TPR, 0x2f);
    assert_true(take(v[0], 0x31));
    write_msr(v[0], MSR_EOI, 0); /* nothing in service: nothing happens */
    assert_int_equal(read_msr(v[0], 0x80a), 0x2f);
}

/* A vector that is requested again while the guest already handles it must come a second time. */
static void offered(void **state)
{
    lapic_set_irq(v[0], 0x45, false);
    lapic_accept(v[0], 0x45);
    lapic_set_irq(v[0], 0x45, false);
    assert_int_equal(lapic_highest_pending(v[0]), -1);
    write_msr(v[0], MSR_EOI, 0);
    assert_int_equal(lapic_highest_pending(v[0]), 0x45);
    lapic_accept(v[0], 0x45);
    lapic_return(v[0], 0x45); /* not taken: as before the offer */
    assert_true(take(v[0], 0x45));
    assert_int_equal(lapic_highest_pending(v[0]), -1);
}

static void every_vector(void **state)
{
    for (unsigned int vector = 16; vector < 256; vector++) {
        lapic_set_irq(v[2], (uint8_t)vector, false);
        assert_int_equal(read_msr(v[2], 0x820 + vector / 32), 1u << (vector % 32));
        assert_int_equal(lapic_highest_pending(v[2]), vector);
        lapic_accept(v[2], (uint8_t)vector);
        assert_int_equal(read_msr(v[2], 0x820 + vector / 32), 0);
        assert_int_equal(read_msr(v[2], 0x810 + vector / 32), 1u << (vector % 32));
        write_msr(v[2], MSR_EOI, 0);
        assert_int_equal(read_msr(v[2], 0x810 + vector / 32), 0);
    }
}

static void disabled_by_software(void **state)
{
    write_msr(v[0], MSR_LVT_TIMER, 0x40);
    write_msr(v[0], MSR_SVR, 0xff);
    assert_int_equal(read_msr(v[0], MSR_LVT_TIMER), 0x10040); /* masks what is local */
    write_msr(v[0], MSR_LVT_TIMER, 0x41);
    assert_int_equal(read_msr(v[0], MSR_LVT_TIMER), 0x10041);
    lapic_set_irq(v[0], 0x50, false);
    assert_int_equal(irr(0), 0);
    write_msr(v[0], MSR_SVR, 0x1ff);
    assert_int_equal(irr(0), 0);
    assert_int_equal(read_msr(v[0], MSR_LVT_TIMER), 0x10041);
    lapic_set_irq(v[0], 0x50, false);
    lapic_msr_write(v[0], MSR_SVR, 0xff);
    assert_int_equal(lapic_highest_pending(v[0]), -1); /* kept, not delivered */
    lapic_msr_write(v[0], MSR_SVR, 0x1ff);
    assert_int_equal(lapic_highest_pending(v[0]), 0x50);
}

/* The upcall for events is raised only once by who raises it: enabling must find what INIT threw away. */
static void upcall_survives_init(void **state)
{
    v[1]->vdev.upcall_vector = 0xf3;
    infos[1].evtchn_upcall_pending = 1;
    lapic_set_irq(v[1], 0xf3, false);
    lapic_reset(v[1], true);
    assert_int_equal(irr(1), 0);
    write_msr(v[1], MSR_SVR, 0x1ff);
    assert_int_equal(lapic_highest_pending(v[1]), 0xf3);
    lapic_accept(v[1], 0xf3);
    infos[1].evtchn_upcall_pending = 0;
    write_msr(v[1], MSR_EOI, 0);
    write_msr(v[1], MSR_SVR, 0x1fe);
    assert_int_equal(irr(1), 0);
}

static void base_transitions(void **state)
{
    static const uint64_t modes[4] = { 0, X2APIC, ENABLE, ENABLE | X2APIC };
    static const bool allowed[4][4] = { /* from, to */
        { true, false, true, false }, { false }, { true, false, true, true }, { true, false, false, true },
    };

    for (unsigned int from = 0; from < 4; from++)
        for (unsigned int to = 0; to < 4 && from != 1; to++) {
            v[1]->vdev.lapic.base_msr = BASE | modes[from];
            assert_int_equal(lapic_msr_write(v[1], MSR_BASE, BASE | modes[to]),
                             allowed[from][to] ? 0 : -EFAULT);
            assert_int_equal(read_msr(v[1], MSR_BASE), BASE | modes[allowed[from][to] ? to : from]);
        }
    assert_int_equal(lapic_msr_write(v[1], MSR_BASE, 0xfed00000 | ENABLE), -EFAULT); /* cannot move */
    assert_int_equal(lapic_msr_write(v[1], MSR_BASE, BASE | ENABLE | 1), -EFAULT);
    write_msr(v[1], MSR_BASE, BASE);
    write_msr(v[1], MSR_BASE, BASE | ENABLE | BSP);
    assert_int_equal(read_msr(v[1], MSR_BASE), BASE | ENABLE); /* nobody becomes the boot CPU */
    assert_int_equal(lapic_msr_read(v[1], 0x802, &(uint64_t){ 0 }), -EFAULT); /* xAPIC mode: no MSRs */
    assert_int_equal(lapic_msr_write(v[1], MSR_TPR, 0), -EFAULT);
}

/* An APIC that was switched off forgets all, also what it was about to deliver. */
static void switched_off_and_on(void **state)
{
    write_msr(v[1], MSR_TPR, 0x20);
    write_msr(v[1], MSR_LVT_TIMER, 0x20041);
    write_msr(v[1], MSR_DIVIDE, 0xb);
    write_msr(v[1], MSR_INITIAL, 1000000);
    lapic_set_irq(v[1], 0x55, false);
    write_msr(v[1], MSR_BASE, BASE);
    advance(v[1], SEC(1));
    write_msr(v[1], MSR_BASE, BASE | ENABLE);
    write_msr(v[1], MSR_BASE, BASE | ENABLE | X2APIC);
    assert_int_equal(irr(1), 0);
    assert_int_equal(read_msr(v[1], MSR_SVR), 0xff);
    assert_int_equal(read_msr(v[1], MSR_TPR), 0);
    assert_int_equal(read_msr(v[1], MSR_LVT_TIMER), 0x10000);
    assert_int_equal(read_msr(v[1], MSR_INITIAL), 0);
    assert_int_equal(read_msr(v[1], 0x802), 2);
}

static bool readable(uint32_t msr)
{
    return msr == 0x802 || msr == 0x803 || msr == 0x808 || msr == 0x80a || msr == 0x80d || msr == 0x80f ||
           (msr >= 0x810 && msr <= 0x828) || msr == 0x830 || (msr >= 0x832 && msr <= 0x839) || msr == 0x83e;
}

static bool writable(uint32_t msr)
{
    return msr == 0x808 || msr == 0x80b || msr == 0x80f || msr == 0x828 || msr == 0x830 ||
           (msr >= 0x832 && msr <= 0x838) || msr == 0x83e || msr == 0x83f;
}

static void x2apic_registers(void **state)
{
    static const struct { uint32_t msr; uint64_t bad; } reserved[] = {
        { MSR_TPR, 0x100 }, { MSR_EOI, 1 }, { MSR_SVR, 0x400 }, { MSR_ESR, 1 },
        { MSR_ICR, 1u << 13 }, { MSR_ICR, 1u << 16 }, { MSR_ICR, 1u << 20 },
        { MSR_LVT_TIMER, 1u << 18 }, { 0x834, 1u << 15 }, { 0x835, 1u << 11 }, { MSR_LVT_ERROR, 1u << 8 },
        { MSR_DIVIDE, 4 }, { MSR_SELF_IPI, 0x100 }, { MSR_TPR, 1ull << 32 }, { MSR_INITIAL, 1ull << 32 },
    };
    uint64_t val;

    for (uint32_t msr = 0x800; msr <= 0x8ff; msr++) {
        assert_int_equal(lapic_msr_read(v[3], msr, &val), readable(msr) ? 0 : -EFAULT);
        if (msr != MSR_ICR)
            assert_int_equal(lapic_msr_write(v[3], msr, 0), writable(msr) ? 0 : -EFAULT);
    }
    assert_int_equal(read_msr(v[3], 0x802), 6);
    assert_int_equal(read_msr(v[3], 0x80d), 0x40);
    for (unsigned int i = 0; i < ARRAY_SIZE(reserved); i++)
        assert_int_equal(lapic_msr_write(v[3], reserved[i].msr, reserved[i].bad), -EFAULT);
    assert_int_equal(lapic_msr_write(v[3], 0x6e0, 0), -EFAULT); /* no TSC deadline */
    assert_int_equal(lapic_msr_write(v[3], 0x900, 0), -EFAULT);
}

static void x2apic_destinations(void **state)
{
    write_msr(v[0], MSR_ICR, 4ull << 32 | 0x50);
    assert_int_equal(who(0x50), 1u << 2);
    write_msr(v[0], MSR_ICR, 3ull << 32 | 0x50); /* odd ids, ids behind the last: nobody */
    write_msr(v[0], MSR_ICR, 8ull << 32 | 0x50);
    write_msr(v[0], MSR_ICR, 0xffull << 32 | 0x50); /* not the broadcast of x2APIC */
    assert_int_equal(who(0x50), 0);
    write_msr(v[0], MSR_ICR, 0xffffffffull << 32 | 0x50);
    assert_int_equal(who(0x50), 0xf);
    write_msr(v[0], MSR_ICR, 0x44ull << 32 | 0x850); /* logical: cluster 0, ids 2 and 6 */
    assert_int_equal(who(0x50), 1u << 1 | 1u << 3);
    write_msr(v[0], MSR_ICR, 0x10044ull << 32 | 0x850); /* cluster 1 */
    assert_int_equal(who(0x50), 0);
    write_msr(v[0], MSR_ICR, 0x44ull << 32 | 0x950); /* lowest priority: one of them */
    assert_int_equal(who(0x50), 1u << 1);
    write_msr(v[1], MSR_ICR, 0x40050); /* shorthands */
    assert_int_equal(who(0x50), 1u << 1);
    write_msr(v[1], MSR_ICR, 0x80050);
    assert_int_equal(who(0x50), 0xf);
    write_msr(v[1], MSR_ICR, 0xc0050);
    assert_int_equal(who(0x50), 0xd);
    write_msr(v[1], MSR_SELF_IPI, 0x51);
    assert_int_equal(who(0x51), 1u << 1);
    write_msr(v[0], MSR_ICR, 4ull << 32 | 0x50);
    assert_int_equal(read_msr(v[0], MSR_ICR), 4ull << 32 | 0x50);
}

/* 255 means all in eight bits, as a page or a device has them; in 32 bits it is a number that nobody has. */
static void id_255(void **state)
{
    write_msr(v[0], MSR_ICR, 0xffull << 32 | 0x50);
    assert_int_equal(who(0x50), 0);
    write_msr(v[0], MSR_ICR, 0xffffffffull << 32 | 0x50);
    assert_int_equal(who(0x50), 0xf);
    lapic_deliver(d, 0xff, 0x50);
    assert_int_equal(who(0x50), 0xf);
    lapic_deliver(d, 0xfe, 0x50);
    assert_int_equal(who(0x50), 0);
    assert_null(lapic_by_id(d, 0xff));
    assert_null(lapic_by_id(d, 3));
    assert_ptr_equal(lapic_by_id(d, 6), v[3]);
    assert_null(lapic_by_id(d, 8));
}

static void xapic_send(unsigned int from, uint8_t dest, uint32_t low)
{
    lapic_mmio_write(v[from], 0x310, (uint32_t)dest << 24);
    lapic_mmio_write(v[from], 0x300, low);
}

static void xapic_destinations(void **state)
{
    xapic_send(0, 4, 0x50);
    assert_int_equal(who(0x50), 1u << 2);
    xapic_send(0, 0xff, 0x50);
    assert_int_equal(who(0x50), 0xf);
    for (unsigned int i = 0; i < VCPUS; i++)
        lapic_mmio_write(v[i], 0xd0, 1u << (24 + i)); /* flat */
    xapic_send(0, 0x0a, 0x850);
    assert_int_equal(who(0x50), 1u << 1 | 1u << 3);
    for (unsigned int i = 0; i < VCPUS; i++) {
        lapic_mmio_write(v[i], 0xe0, 0); /* clusters 0 and 1, two members each */
        lapic_mmio_write(v[i], 0xd0, (i / 2 << 4 | 1u << (i % 2)) << 24);
    }
    assert_int_equal(lapic_mmio_read(v[0], 0xe0), 0x0fffffff);
    xapic_send(0, 0x13, 0x850);
    assert_int_equal(who(0x50), 0xc);
    xapic_send(0, 0x01, 0x850);
    assert_int_equal(who(0x50), 0x1);
    assert_int_equal(lapic_mmio_read(v[0], 0x310), 0x01000000);
    assert_int_equal(lapic_mmio_read(v[0], 0x300), 0x850);
}

static void special_messages(void **state)
{
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0xc500); /* what Linux sends: INIT, its de-assert, SIPI */
    assert_int_equal(inits[1], 1);
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x8500);
    assert_int_equal(inits[1], 1);
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x698);
    assert_int_equal(sipis[1], 0x98);
    write_msr(v[0], MSR_ICR, 0xc4500); /* all but self */
    assert_int_equal(inits[0], 0);
    assert_int_equal(inits[1], 2);
    assert_int_equal(inits[3], 1);
    write_msr(v[0], MSR_ICR, 0x44500); /* self: not allowed */
    write_msr(v[0], MSR_ICR, 0x84500);
    assert_int_equal(inits[0], 0);
    write_msr(v[0], MSR_ICR, 4ull << 32 | 0x4400);
    assert_true(v[2]->vdev.nmi_pending);
    assert_false(v[1]->vdev.nmi_pending);
    assert_int_equal(kicks[2], 1);
    write_msr(v[0], MSR_ICR, 4ull << 32 | 0x4200); /* SMI, ExtINT: ignored */
    write_msr(v[0], MSR_ICR, 4ull << 32 | 0x4700);
    assert_int_equal(kicks[2], 1);
}

static uint64_t latched_errors(void)
{
    write_msr(v[0], MSR_ESR, 0);
    return read_msr(v[0], MSR_ESR);
}

static void errors(void **state)
{
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x0f); /* vectors below 16 do not exist */
    assert_int_equal(irr(1), 0);
    assert_int_equal(read_msr(v[0], MSR_ESR), 0);
    assert_int_equal(latched_errors(), 1u << 5);
    assert_int_equal(latched_errors(), 0);
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x10); /* the first that does */
    assert_int_equal(who(0x10), 1u << 1);
    assert_int_equal(latched_errors(), 0);
    write_msr(v[0], MSR_LVT_ERROR, 0xfe);
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x0f);
    assert_int_equal(who(0xfe), 1);
    write_msr(v[0], MSR_LVT_ERROR, 5); /* an error vector that is an error itself */
    write_msr(v[0], MSR_ESR, 0);
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x0f);
    assert_int_equal(irr(0), 0);
    assert_int_equal(latched_errors(), 1u << 5 | 1u << 6);
    write_msr(v[0], MSR_LVT_ERROR, LVT_MASKED | 5); /* nobody is told, so nothing is wrong with it */
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x0f);
    assert_int_equal(latched_errors(), 1u << 5);
    write_msr(v[0], MSR_LVT_ERROR, 0xfd); /* each error interrupts once until ESR is written */
    lapic_set_irq(v[0], 3, false);
    assert_int_equal(who(0xfd), 1);
    v[0]->vdev.lapic.irr[3] = 0;
    lapic_set_irq(v[0], 3, false);
    assert_int_equal(who(0xfd), 0);
    assert_int_equal(latched_errors(), 1u << 6);
}

static void level_vectors(void **state)
{
    d->vdev.level_eoi = level_eoi;
    lapic_deliver(d, 2, LAPIC_LEVEL | 0x61);
    lapic_accept(v[1], 0x61);
    assert_int_equal(read_msr(v[1], 0x818 + 3), 1u << 1);
    assert_int_equal(eois, 0);
    write_msr(v[1], MSR_EOI, 0);
    assert_int_equal(eois, 1);
    assert_int_equal(eoi_vector, 0x61);
    lapic_deliver(d, 2, 0x61); /* the same vector by edge */
    lapic_accept(v[1], 0x61);
    write_msr(v[1], MSR_EOI, 0);
    assert_int_equal(eois, 1);
    lapic_deliver(d, 0xff, 0x62);
    assert_int_equal(who(0x62), 0xf);
    lapic_deliver(d, 0x50, LAPIC_LOGICAL | 0x162); /* ids 4 and 6 of cluster 0, one of them */
    assert_int_equal(who(0x62), 1u << 2);
}

static void one_shot_timer(void **state)
{
    write_msr(v[0], MSR_LVT_TIMER, 0x40);
    write_msr(v[0], MSR_DIVIDE, 0xb); /* by 1: 10 ns each */
    write_msr(v[0], MSR_INITIAL, 1000);
    advance(v[0], 4000);
    assert_int_equal(read_msr(v[0], MSR_CURRENT), 600);
    assert_int_equal(irr(0), 0);
    advance(v[0], 6000);
    assert_int_equal(who(0x40), 1);
    assert_int_equal(read_msr(v[0], MSR_CURRENT), 0);
    advance(v[0], 1000000);
    assert_int_equal(irr(0), 0);
    write_msr(v[0], MSR_DIVIDE, 0x0); /* by 2 */
    write_msr(v[0], MSR_INITIAL, 1000);
    advance(v[0], 19990);
    assert_int_equal(irr(0), 0);
    advance(v[0], 10);
    assert_int_equal(who(0x40), 1);
    write_msr(v[0], MSR_DIVIDE, 0xa); /* by 128 */
    write_msr(v[0], MSR_INITIAL, 10);
    assert_int_equal(v[0]->vdev.lapic.timer.expires - now, 12800);
    write_msr(v[0], MSR_INITIAL, 0);
    advance(v[0], 1000000);
    assert_int_equal(irr(0), 0);
    write_msr(v[0], MSR_LVT_TIMER, 0x10040); /* masked: counts, says nothing */
    write_msr(v[0], MSR_INITIAL, 10);
    advance(v[0], 1000000);
    assert_int_equal(irr(0), 0);
}

static void start_periodic(uint32_t lvt, uint32_t count)
{
    write_msr(v[0], MSR_LVT_TIMER, 0x20000 | lvt);
    write_msr(v[0], MSR_DIVIDE, 0xb);
    write_msr(v[0], MSR_INITIAL, count);
}

static void periodic_timer(void **state)
{
    start_periodic(0x40, 100000); /* 1 ms */
    for (int i = 0; i < 10; i++) {
        advance(v[0], 999999);
        assert_false(take(v[0], 0x40));
        advance(v[0], 1);
        assert_true(take(v[0], 0x40));
        assert_int_equal(read_msr(v[0], MSR_CURRENT), 100000);
    }
    advance(v[0], 300000); /* taken late: the next one comes in its time all the same */
    write_msr(v[0], MSR_INITIAL, 100000);
    for (int i = 0; i < 10; i++) {
        advance(v[0], 1000000 + (i ? -1 : 0) * 250000);
        advance(v[0], 250000);
        assert_true(take(v[0], 0x40));
        assert_int_equal(read_msr(v[0], MSR_CURRENT), 75000);
    }
    write_msr(v[0], MSR_INITIAL, 1); /* 100 million a second are not to be had */
    assert_true(v[0]->vdev.lapic.timer.expires - now >= 50000);
    write_msr(v[0], MSR_LVT_TIMER, 0x40); /* another mode stops it */
    assert_false(v[0]->vdev.lapic.timer.armed);
    v[0]->vdev.lapic.timer.fn(v[0]);      /* it was expiring, on another CPU */
    assert_true(take(v[0], 0x40));
    assert_false(v[0]->vdev.lapic.timer.armed);
}

/* Whatever nobody would see takes no time of the core's; the count goes on, and so does the beat. */
static void periodic_timer_that_nobody_hears(void **state)
{
    start_periodic(0x40 | LVT_MASKED, 1000);
    advance(v[0], 25004000);
    assert_int_equal(expiries, 0);
    assert_int_equal(read_msr(v[0], MSR_CURRENT), 600);
    write_msr(v[0], MSR_LVT_TIMER, 0x20040); /* unmasked in the middle of a period of 10 us */
    assert_true(v[0]->vdev.lapic.timer.armed);
    start_periodic(0x40 | LVT_MASKED, 100000);
    advance(v[0], 2300000);
    write_msr(v[0], MSR_LVT_TIMER, 0x20040);
    advance(v[0], 699999);
    assert_int_equal(irr(0), 0);
    advance(v[0], 1);
    assert_int_equal(expiries, 1);

    advance(v[0], SEC(1)); /* pending: it sleeps, is paused, or does not listen */
    assert_int_equal(expiries, 1);
    assert_true(take(v[0], 0x40));
    advance(v[0], 1000000);
    assert_int_equal(expiries, 2);
    assert_true(take(v[0], 0x40));
    lapic_set_irq(v[0], 0x40, false); /* the same vector by another way */
    advance(v[0], SEC(1));
    assert_int_equal(expiries, 3);
    lapic_accept(v[0], 0x40);
    lapic_return(v[0], 0x40);         /* offered, not taken */
    advance(v[0], SEC(1));
    assert_int_equal(expiries, 4);
    assert_true(take(v[0], 0x40));
    write_msr(v[0], MSR_SVR, 0xff);   /* switched off: masked */
    advance(v[0], SEC(1));
    assert_in_range(expiries, 5, 6);
    start_periodic(0x05, 1);          /* a vector that does not exist */
    write_msr(v[0], MSR_SVR, 0x1ff);
    write_msr(v[0], MSR_LVT_TIMER, 0x20005);
    advance(v[0], SEC(1));
    assert_in_range(expiries, 6, 7);
    write_msr(v[0], MSR_INITIAL, 0);
    write_msr(v[0], MSR_LVT_TIMER, 0x20040);
    assert_false(v[0]->vdev.lapic.timer.armed);
}

static void page_accesses(void **state)
{
    lapic_mmio_write(v[0], 0x80, 0x1ff);
    assert_int_equal(lapic_mmio_read(v[0], 0x80), 0xff);
    lapic_mmio_write(v[0], 0x20, 0x7000000); /* the id stays */
    assert_int_equal(lapic_mmio_read(v[0], 0x20), 0);
    for (uint32_t offset = 0; offset < 0x1000; offset++) { /* nothing here may go wrong */
        lapic_mmio_read(v[0], offset);
        lapic_mmio_write(v[0], offset, 0xffffffff);
    }
    lapic_mmio_write(v[0], 0x280, 0);
    assert_true(lapic_mmio_read(v[0], 0x280) & 1u << 7); /* illegal register */
    lapic_mmio_write(v[0], 0x320, 0x31);
    lapic_mmio_write(v[0], 0x324, 0x32);                 /* none is there */
    assert_int_equal(lapic_mmio_read(v[0], 0x320) & 0xff, 0x31);
}

static void saved_and_loaded(void **state)
{
    struct hvm_hw_lapic hw;
    struct hvm_hw_lapic_regs regs, again;

    lapic_set_irq(v[1], 0x51, false);
    lapic_set_irq(v[1], 0xe1, true);
    lapic_accept(v[1], 0xe1);
    write_msr(v[1], MSR_TPR, 0x20);
    write_msr(v[1], MSR_LVT_TIMER, 0x20045);
    write_msr(v[1], MSR_DIVIDE, 0xb);
    write_msr(v[1], MSR_INITIAL, 500000);
    write_msr(v[1], MSR_ICR, 4ull << 32 | 0x4400);
    lapic_save(v[1], &hw, &regs);
    assert_int_equal(hw.apic_base_msr, BASE | ENABLE | X2APIC);
    assert_int_equal(hw.disabled, 0);
    assert_int_equal(hw.timer_divisor, 1);
    lapic_reset(v[1], false);
    assert_int_equal(lapic_load(v[1], &hw, &regs), 0);
    lapic_save(v[1], NULL, &again);
    assert_memory_equal(&regs, &again, sizeof(regs));
    assert_true(v[1]->vdev.lapic.timer.armed);
    write_msr(v[1], MSR_EOI, 0);
    assert_int_equal(lapic_highest_pending(v[1]), 0x51);
    hw.apic_base_msr = 0x1000 | ENABLE;
    assert_int_equal(lapic_load(v[1], &hw, &regs), -EINVAL);
    hw.apic_base_msr = BASE | X2APIC;
    assert_int_equal(lapic_load(v[1], &hw, NULL), -EINVAL);
}

/* A hostile record: nothing that a guest could not have brought about itself. */
static void loaded_rubbish(void **state)
{
    const struct lapic *l = &v[1]->vdev.lapic;
    struct hvm_hw_lapic_regs regs;

    memset(&regs, 0xff, sizeof(regs));
    assert_int_equal(lapic_load(v[1], NULL, &regs), 0);
    assert_int_equal((l->irr[0] | l->isr[0] | l->tmr[0]) & 0xffff, 0);
    assert_int_equal(read_msr(v[1], 0x80d), 4);
    assert_int_equal(read_msr(v[1], MSR_SVR), 0x3ff);
    assert_int_equal(read_msr(v[1], MSR_LVT_TIMER), 0x300ff);
    for (int i = 0; i < 300; i++)
        write_msr(v[1], MSR_EOI, 0);
    advance(v[1], SEC(60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_after_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(priorities, setup, teardown),
        cmocka_unit_test_setup_teardown(offered, setup, teardown),
        cmocka_unit_test_setup_teardown(every_vector, setup, teardown),
        cmocka_unit_test_setup_teardown(disabled_by_software, setup, teardown),
        cmocka_unit_test_setup_teardown(upcall_survives_init, setup, teardown),
        cmocka_unit_test_setup_teardown(base_transitions, setup, teardown),
        cmocka_unit_test_setup_teardown(switched_off_and_on, setup, teardown),
        cmocka_unit_test_setup_teardown(x2apic_registers, setup, teardown),
        cmocka_unit_test_setup_teardown(x2apic_destinations, setup, teardown),
        cmocka_unit_test_setup_teardown(id_255, setup, teardown),
        cmocka_unit_test_setup_teardown(xapic_destinations, setup_xapic, teardown),
        cmocka_unit_test_setup_teardown(special_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(errors, setup, teardown),
        cmocka_unit_test_setup_teardown(level_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(one_shot_timer, setup, teardown),
        cmocka_unit_test_setup_teardown(periodic_timer, setup, teardown),
        cmocka_unit_test_setup_teardown(periodic_timer_that_nobody_hears, setup, teardown),
        cmocka_unit_test_setup_teardown(page_accesses, setup_xapic, teardown),
        cmocka_unit_test_setup_teardown(saved_and_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(loaded_rubbish, setup, teardown),
    };

    return cmocka_run_group_tests_name("lapic", tests, NULL, NULL);
}
