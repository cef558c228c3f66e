/* SPDX-License-Identifier: MIT */
/* vdev/lapic.c: IPIs between vcpus, with all forms of destinations and errors. */
#include "lapic_model.h"

static unsigned int eois;
static int eoi_vector;

static void level_eoi(struct domain *of, uint8_t vector)
{
    assert_ptr_equal(of, d);
    eois++;
    eoi_vector = vector;
}

static void x2apic_destinations(void **state)
{
    write_msr(v[0], MSR_ICR, 4ull << 32 | 0x50);
    assert_int_equal(who(0x50), 1u << 2);
    write_msr(v[0], MSR_ICR, 3ull << 32 | 0x50); /* odd ids, ids beyond the last: no target */
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

/* Sixteen ids per cluster, each with one bit, as in LDR. */
static void x2apic_clusters(void **state)
{
    static const uint32_t ids[VCPUS] = { 0x0, 0xe, 0x10, 0x1e };

    for (unsigned int i = 0; i < VCPUS; i++) {
        v[i]->vdev.lapic.id = ids[i];
        assert_int_equal(read_msr(v[i], 0x80d), ids[i] >> 4 << 16 | 1u << (ids[i] & 0xf));
    }
    for (unsigned int cluster = 0; cluster < 4; cluster++)
        for (unsigned int bit = 0; bit < 16; bit++) {
            unsigned int expected = 0;

            for (unsigned int i = 0; i < VCPUS; i++)
                expected |= (ids[i] == cluster * 16 + bit) << i;
            write_msr(v[0], MSR_ICR, (uint64_t)(cluster << 16 | 1u << bit) << 32 | 0x850);
            assert_int_equal(who(0x50), expected);
        }
    write_msr(v[0], MSR_ICR, 0x1ffffull << 32 | 0x850);
    assert_int_equal(who(0x50), 0xc);
}

/*
 * 255 means all in an 8-bit destination, as of xAPIC or a device. As a 32-bit destination it is an
 * unused id.
 */
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
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x0f); /* vectors below 16 are invalid */
    assert_int_equal(irr(1), 0);
    assert_int_equal(read_msr(v[0], MSR_ESR), 0);
    assert_int_equal(latched_errors(), 1u << 5);
    assert_int_equal(latched_errors(), 0);
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x10); /* the first valid one */
    assert_int_equal(who(0x10), 1u << 1);
    assert_int_equal(latched_errors(), 0);
    write_msr(v[0], MSR_LVT_ERROR, 0xfe);
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x0f);
    assert_int_equal(who(0xfe), 1);
    write_msr(v[0], MSR_LVT_ERROR, 5); /* an error vector that is invalid itself */
    write_msr(v[0], MSR_ESR, 0);
    write_msr(v[0], MSR_ICR, 2ull << 32 | 0x0f);
    assert_int_equal(irr(0), 0);
    assert_int_equal(latched_errors(), 1u << 5 | 1u << 6);
    /* not delivered, so not an error */
    write_msr(v[0], MSR_LVT_ERROR, LVT_MASKED | 5);
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
    eois = 0;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAPIC_TEST(x2apic_destinations), LAPIC_TEST(x2apic_clusters),  LAPIC_TEST(id_255),
        XAPIC_TEST(xapic_destinations),  LAPIC_TEST(special_messages), LAPIC_TEST(errors),
        LAPIC_TEST(level_vectors),
    };

    return cmocka_run_group_tests_name("lapic_ipi", tests, NULL, NULL);
}
