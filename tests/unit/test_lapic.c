/* SPDX-License-Identifier: MIT */
/*
 * vdev/lapic.c: priorities; xAPIC and x2APIC access with refusals; the state after reset, INIT and
 * disabling; saving and loading.
 */
#include "lapic_model.h"
#include "lib/log.h"

#include <xen/hvm/save.h>

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

static void priorities(void **state)
{
    assert_int_equal(lapic_highest_pending(v[0]), -1);
    lapic_set_irq(v[0], 0x31, false);
    lapic_set_irq(v[0], 0x45, false);
    assert_int_equal(kicks[0], 2);
    lapic_set_irq(v[0], 0x45, false); /* still pending: no new kick */
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
    /* still offered: the CPU checks its TPR */
    assert_int_equal(lapic_highest_request(v[0]), 0x31);
    write_msr(v[0], MSR_TPR, 0x2f);
    assert_true(take(v[0], 0x31));
    write_msr(v[0], MSR_EOI, 0); /* nothing in service: nothing happens */
    assert_int_equal(read_msr(v[0], 0x80a), 0x2f);
}

/* A vector requested again while the guest handles it must be delivered again. */
static void offered(void **state)
{
    lapic_set_irq(v[0], 0x45, false);
    lapic_accept(v[0], 0x45);
    lapic_set_irq(v[0], 0x45, false);
    assert_int_equal(lapic_highest_pending(v[0]), -1);
    write_msr(v[0], MSR_EOI, 0);
    assert_int_equal(lapic_highest_pending(v[0]), 0x45);
    lapic_accept(v[0], 0x45);
    lapic_return(v[0], 0x45); /* not taken: state as before the offer */
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
    assert_int_equal(read_msr(v[0], MSR_LVT_TIMER), 0x10040); /* masks the LVT */
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

/* The upcall for events is raised only once. Enabling the APIC must restore what INIT discarded. */
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
    static const bool allowed[4][4] = {
        /* from, to */
        { true, false, true, false },
        { false },
        { true, false, true, true },
        { true, false, false, true },
    };

    for (unsigned int from = 0; from < 4; from++)
        for (unsigned int to = 0; to < 4 && from != 1; to++) {
            v[1]->vdev.lapic.base_msr = BASE | modes[from];
            assert_int_equal(lapic_msr_write(v[1], MSR_BASE, BASE | modes[to]),
                             allowed[from][to] ? 0 : -EFAULT);
            assert_int_equal(read_msr(v[1], MSR_BASE), BASE | modes[allowed[from][to] ? to : from]);
        }
    /* cannot move */
    assert_int_equal(lapic_msr_write(v[1], MSR_BASE, 0xfed00000 | ENABLE), -EFAULT);
    assert_int_equal(lapic_msr_write(v[1], MSR_BASE, BASE | ENABLE | 1), -EFAULT);
    write_msr(v[1], MSR_BASE, BASE);
    write_msr(v[1], MSR_BASE, BASE | ENABLE | BSP);
    assert_int_equal(read_msr(v[1], MSR_BASE), BASE | ENABLE); /* BSP cannot be set */
    /* xAPIC mode: no MSRs */
    assert_int_equal(lapic_msr_read(v[1], 0x802, &(uint64_t){ 0 }), -EFAULT);
    assert_int_equal(lapic_msr_write(v[1], MSR_TPR, 0), -EFAULT);
}

/* A disabled APIC loses its state, also what it was about to deliver. */
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
    return msr == 0x802 || msr == 0x803 || msr == 0x808 || msr == 0x80a || msr == 0x80d ||
           msr == 0x80f || (msr >= 0x810 && msr <= 0x828) || msr == 0x830 ||
           (msr >= 0x832 && msr <= 0x839) || msr == 0x83e;
}

static bool writable(uint32_t msr)
{
    return msr == 0x808 || msr == 0x80b || msr == 0x80f || msr == 0x828 || msr == 0x830 ||
           (msr >= 0x832 && msr <= 0x838) || msr == 0x83e || msr == 0x83f;
}

static void x2apic_registers(void **state)
{
    static const struct {
        uint32_t msr;
        uint64_t bad;
    } reserved[] = {
        { MSR_TPR, 0x100 },          { MSR_EOI, 1 },
        { MSR_SVR, 0x400 },          { MSR_ESR, 1 },
        { MSR_ICR, 1u << 13 },       { MSR_ICR, 1u << 16 },
        { MSR_ICR, 1u << 20 },       { MSR_LVT_TIMER, 1u << 18 },
        { 0x834, 1u << 15 },         { 0x835, 1u << 11 },
        { MSR_LVT_ERROR, 1u << 8 },  { MSR_DIVIDE, 4 },
        { MSR_SELF_IPI, 0x100 },     { MSR_TPR, 1ull << 32 },
        { MSR_INITIAL, 1ull << 32 },
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

static void page_accesses(void **state)
{
    lapic_mmio_write(v[0], 0x80, 0x1ff);
    assert_int_equal(lapic_mmio_read(v[0], 0x80), 0xff);
    lapic_mmio_write(v[0], 0x20, 0x7000000); /* the id is read-only */
    assert_int_equal(lapic_mmio_read(v[0], 0x20), 0);
    for (uint32_t offset = 0; offset < 0x1000; offset++) { /* no access may do harm */
        lapic_mmio_read(v[0], offset);
        lapic_mmio_write(v[0], offset, 0xffffffff);
    }
    lapic_mmio_write(v[0], 0x280, 0);
    assert_true(lapic_mmio_read(v[0], 0x280) & 1u << 7); /* illegal register */
    lapic_mmio_write(v[0], 0x320, 0x31);
    lapic_mmio_write(v[0], 0x324, 0x32); /* no such register */
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

/* A hostile record: results in no state that a guest could not reach itself. */
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
        LAPIC_TEST(as_after_reset),
        LAPIC_TEST(priorities),
        LAPIC_TEST(offered),
        LAPIC_TEST(every_vector),
        LAPIC_TEST(disabled_by_software),
        LAPIC_TEST(upcall_survives_init),
        LAPIC_TEST(base_transitions),
        LAPIC_TEST(switched_off_and_on),
        LAPIC_TEST(x2apic_registers),
        XAPIC_TEST(page_accesses),
        LAPIC_TEST(saved_and_loaded),
        LAPIC_TEST(loaded_rubbish),
    };

    return cmocka_run_group_tests_name("lapic", tests, NULL, NULL);
}
