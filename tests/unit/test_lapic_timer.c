/* SPDX-License-Identifier: MIT */
/* vdev/lapic_timer.c on a clock that the test moves. */
#include "lapic_model.h"

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
    write_msr(v[0], MSR_LVT_TIMER, 0x10040); /* masked: counts without interrupts */
    write_msr(v[0], MSR_INITIAL, 10);
    advance(v[0], 1000000);
    assert_int_equal(irr(0), 0);
}

/* The divide register is read back, whatever vector has the same number. */
static void divisors_are_read_back(void **state)
{
    for (uint32_t divisor = 0; divisor < 16; divisor++) {
        if (divisor & 4)
            continue;
        write_msr(v[0], MSR_DIVIDE, divisor);
        assert_int_equal(read_msr(v[0], MSR_DIVIDE), divisor);
        write_msr(v[0], MSR_ESR, 0);
        assert_int_equal(read_msr(v[0], MSR_ESR), 0);
        assert_int_equal(irr(0), 0);
    }
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
    advance(v[0], 300000); /* taken late: the next one still comes on time */
    write_msr(v[0], MSR_INITIAL, 100000);
    for (int i = 0; i < 10; i++) {
        advance(v[0], 1000000 + (i ? -1 : 0) * 250000);
        advance(v[0], 250000);
        assert_true(take(v[0], 0x40));
        assert_int_equal(read_msr(v[0], MSR_CURRENT), 75000);
    }
    write_msr(v[0], MSR_INITIAL, 1); /* 100 million per second are not possible */
    assert_true(v[0]->vdev.lapic.timer.expires - now >= 50000);
    write_msr(v[0], MSR_LVT_TIMER, 0x40); /* a change of mode stops it */
    assert_false(v[0]->vdev.lapic.timer.armed);
    v[0]->vdev.lapic.timer.fn(v[0]); /* was expiring on another CPU */
    assert_true(take(v[0], 0x40));
    assert_false(v[0]->vdev.lapic.timer.armed);
}

/*
 * Expiries that the guest cannot see cost no host timer; the count continues, with the same phase.
 */
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

    advance(v[0], SEC(1)); /* pending: the vcpu sleeps, is paused, or has interrupts off */
    lapic_timer_resume(v[0]);
    assert_false(v[0]->vdev.lapic.timer.armed);
    assert_int_equal(expiries, 1);
    assert_true(take(v[0], 0x40));
    advance(v[0], 1000000);
    assert_int_equal(expiries, 2);
    assert_true(take(v[0], 0x40));
    lapic_set_irq(v[0], 0x40, false); /* the same vector from another source */
    advance(v[0], SEC(1));
    assert_int_equal(expiries, 3);
    lapic_accept(v[0], 0x40);
    lapic_return(v[0], 0x40); /* offered, not taken */
    advance(v[0], SEC(1));
    assert_int_equal(expiries, 4);
    assert_true(take(v[0], 0x40));
    write_msr(v[0], MSR_SVR, 0xff); /* switched off: masked */
    advance(v[0], SEC(1));
    assert_in_range(expiries, 5, 6);
    start_periodic(0x05, 1); /* an invalid vector */
    write_msr(v[0], MSR_SVR, 0x1ff);
    write_msr(v[0], MSR_LVT_TIMER, 0x20005);
    advance(v[0], SEC(1));
    assert_in_range(expiries, 6, 7);
    write_msr(v[0], MSR_INITIAL, 0);
    write_msr(v[0], MSR_LVT_TIMER, 0x20040);
    assert_false(v[0]->vdev.lapic.timer.armed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAPIC_TEST(one_shot_timer),
        LAPIC_TEST(divisors_are_read_back),
        LAPIC_TEST(periodic_timer),
        LAPIC_TEST(periodic_timer_that_nobody_hears),
    };

    return cmocka_run_group_tests_name("lapic_timer", tests, NULL, NULL);
}
