/* SPDX-License-Identifier: MIT */
/*
 * vdev/pc*.c: the chipset of an HVM guest. Lines reach the PIC pair and the I/O APIC by their
 * routes; priorities, masks and ends of interrupts are those of an 8259A and an I/O APIC; counters
 * follow the clock; the events of power management raise their line. No access of any size to any
 * register leaves its bounds.
 */
#include "harness.h"
#include "cpu/clock.h"
#include "vdev/bus.h"
#include "vdev/lapic.h"
#include "vdev/pc.h"
#include "vdev/pc_internal.h"
#include "vdev/text.h"

#include <xen/hvm/save.h>

#include <stdlib.h>

#define IOAPIC_PAGE 0xfec00000ull
#define VCPUS 2
#define MASKED 0x10000u
#define LEVEL 0x8000u
#define REMOTE_IRR 0x4000u
#define EXTINT 0x700u
#define PIT_NS(ticks) ((nsec_t)((uint64_t)(ticks)*1000000000 / 1193182))

static struct domain *d;
static struct vcpu *v;
static nsec_t now;
static unsigned int extints[VCPUS]; /* marks */
static bool takes[VCPUS];           /* LINT0 in mode ExtINT */
static struct {
    unsigned int n;
    uint32_t dest, message;
} sent;

nsec_t clock_now(void) { return now; }
void lapic_raise_extint(struct vcpu *to) { extints[to->id]++; }
bool lapic_takes_extint(const struct vcpu *of) { return takes[of->id]; }
uint32_t lapic_mmio_read(struct vcpu *of, uint32_t offset) { return 0x14; }
void lapic_mmio_write(struct vcpu *of, uint32_t offset, uint32_t val) {}
bool lapic_has_page(const struct vcpu *of, gpa_t gpa) { return (gpa & PAGE_MASK) == LAPIC_PAGE; }
void text_print(struct domain *of, const char *text, size_t n) {}
void timer_set(struct timer *t, nsec_t expires) { harness_timer_arm(t, expires); }

void lapic_deliver(struct domain *to, uint32_t dest, uint32_t message)
{
    sent.n++;
    sent.dest = dest;
    sent.message = message;
}

static void out(uint16_t port, uint8_t val) { bus_port_write(v, port, 1, val); }
static uint8_t in(uint16_t port) { return (uint8_t)bus_port_read(v, port, 1); }

static uint32_t io_read(uint32_t reg)
{
    bus_memory_write(v, IOAPIC_PAGE, 4, reg);
    return (uint32_t)bus_memory_read(v, IOAPIC_PAGE + 0x10, 4);
}

static void io_write(uint32_t reg, uint32_t val)
{
    bus_memory_write(v, IOAPIC_PAGE, 4, reg);
    bus_memory_write(v, IOAPIC_PAGE + 0x10, 4, val);
}

static void set_pin(unsigned int pin, uint32_t low)
{
    io_write(0x11 + 2 * pin, 2u << 24);
    io_write(0x10 + 2 * pin, low);
}

static void advance(nsec_t by)
{
    nsec_t until = now + by;
    struct timer *t;

    while ((t = harness_first_timer()) && t->expires <= until) {
        now = t->expires;
        timer_stop(t);
        t->fn(t->data);
    }
    now = until;
}

static int setup(void **state)
{
    harness_memory_new(1);
    harness_machine(16);
    d = calloc(1, sizeof(*d));
    d->max_vcpus = VCPUS;
    d->hvm = true;
    for (unsigned int i = 0; i < VCPUS; i++) {
        d->vcpu[i] = calloc(1, sizeof(*v));
        d->vcpu[i]->d = d;
        d->vcpu[i]->id = i;
        d->vcpu[i]->vdev.lapic.id = 2 * i;
        extints[i] = takes[i] = 0;
    }
    v = d->vcpu[0];
    takes[0] = true;
    spin_init(&d->vdev.lock, LOCK_VDEV);
    memset(&sent, 0, sizeof(sent));
    now = SEC(5);
    harness_timers_forget();
    assert_int_equal(pc_init(d), 0);
    return 0;
}

static int teardown(void **state)
{
    pc_free(d);
    for (unsigned int i = 0; i < VCPUS; i++)
        free(d->vcpu[i]);
    free(d);
    return 0;
}

/* As firmware does: vectors from 0x20 and 0x28, all lines open. */
static void init_pics(uint8_t icw4)
{
    static const uint16_t ports[2] = { 0x20, 0xa0 };

    for (unsigned int i = 0; i < 2; i++) {
        out(ports[i], 0x11);
        out(ports[i] + 1, (uint8_t)(0x20 + 8 * i));
        out(ports[i] + 1, i ? 2 : 4);
        out(ports[i] + 1, icw4);
        out(ports[i] + 1, 0);
    }
}

static void take(int vector)
{
    assert_int_equal(pc_highest(v), vector);
    pc_accept(v, (uint8_t)vector);
}

/* --- the PIC pair --- */

static void an_edge_interrupts_once(void **state)
{
    init_pics(1);
    assert_int_equal(pc_highest(v), -1);
    pc_set_isa(d, 4, true);
    assert_true(extints[0] > 0);
    take(0x24);
    assert_int_equal(pc_highest(v), -1); /* in service */
    pc_set_isa(d, 4, true);
    out(0x20, 0x20);
    assert_int_equal(pc_highest(v), -1); /* no new edge */
    pc_set_isa(d, 4, false);
    pc_set_isa(d, 4, true);
    take(0x24);
    out(0x20, 0x64); /* a specific end of another line does not end it */
    out(0x20, 0x63);
    assert_int_equal(pc_highest(v), -1);
    pc_set_isa(d, 4, false);
    pc_set_isa(d, 4, true);
    assert_int_equal(pc_highest(v), 0x24);
}

static void a_level_interrupts_while_it_is_there(void **state)
{
    init_pics(1);
    out(0x4d0, 0xff);
    out(0x4d1, 0xff);
    assert_int_equal(in(0x4d0), 0xf8); /* timer, keyboard, cascade are edges */
    assert_int_equal(in(0x4d1), 0xde);
    pc_set_isa(d, 11, true);
    take(0x2b);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    take(0x2b); /* again */
    pc_set_isa(d, 11, false);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    assert_int_equal(pc_highest(v), -1);
}

static void priorities_and_masks(void **state)
{
    init_pics(1);
    pc_set_isa(d, 7, true);
    pc_set_isa(d, 8, true);
    take(0x28); /* the second one's are at line 2 */
    assert_int_equal(pc_highest(v), -1);
    pc_set_isa(d, 1, true);
    take(0x21); /* higher: it interrupts the handler */
    out(0x20, 0x20);
    assert_int_equal(pc_highest(v), -1);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    out(0x21, 0x80);
    assert_int_equal(in(0x21), 0x80);
    assert_int_equal(pc_highest(v), -1);
    assert_int_equal(in(0x20), 0x80); /* IRR */
    out(0x21, 0);
    take(0x27);
    out(0x20, 0x0b);
    assert_int_equal(in(0x20), 0x80); /* ISR */
    out(0x20, 0x0a);
    assert_int_equal(in(0x20), 0);
    out(0xa1, 0xff);
    pc_set_isa(d, 12, true);
    out(0x20, 0x20);
    assert_int_equal(pc_highest(v), -1); /* masked there */
    out(0xa1, 0);
    assert_int_equal(pc_highest(v), 0x2c);
}

static void rotation_special_mask_and_poll(void **state)
{
    init_pics(1);
    pc_set_isa(d, 3, true);
    take(0x23);
    out(0x20, 0xa0); /* end, and line 3 has the lowest priority now */
    pc_set_isa(d, 3, false);
    pc_set_isa(d, 3, true);
    pc_set_isa(d, 4, true);
    take(0x24);
    out(0x20, 0x20);
    take(0x23);
    out(0x20, 0xc7); /* line 7 the lowest, as at first */
    out(0x21, 0x08);
    pc_set_isa(d, 5, true);
    assert_int_equal(pc_highest(v), -1); /* line 3 is in service */
    out(0x20, 0x68);                     /* special mask: what is masked does not count */
    assert_int_equal(pc_highest(v), 0x25);
    out(0x20, 0x48);
    assert_int_equal(pc_highest(v), -1);
    out(0x20, 0x20);
    out(0x20, 0x0c); /* poll acknowledges */
    assert_int_equal(in(0x20), 0x85);
    assert_int_equal(pc_highest(v), -1);
    out(0x20, 0x20);
    out(0x20, 0x0c);
    assert_int_equal(in(0x20), 0);
    init_pics(3); /* ends by itself */
    pc_set_isa(d, 5, false);
    pc_set_isa(d, 5, true);
    take(0x25);
    pc_set_isa(d, 5, false);
    pc_set_isa(d, 5, true);
    assert_int_equal(pc_highest(v), 0x25);
}

static void who_takes_it(void **state)
{
    init_pics(1);
    takes[0] = false;
    pc_set_isa(d, 4, true);
    assert_int_equal(pc_highest(v), -1);
    assert_int_equal(extints[0], 0);
    set_pin(0, EXTINT); /* to the local APIC 2 */
    assert_true(extints[1] > 0);
    assert_int_equal(extints[0], 0);
    assert_int_equal(pc_highest(d->vcpu[1]), 0x24);
    assert_int_equal(pc_highest(v), -1);
    set_pin(0, EXTINT | MASKED);
    assert_int_equal(pc_highest(d->vcpu[1]), -1);
    assert_int_equal(sent.n, 0);
}

/* --- routes --- */

static void pci_pins_go_to_links_and_to_pins(void **state)
{
    init_pics(1);
    out(0x4d1, 0x0c);
    pc_set_link(d, 3, 11);
    set_pin(16 + ((3 * 4 + 0) & 31), LEVEL | 0x61);
    pc_set_intx(d, 3, 0, true); /* device 3, pin A: link 3, pin 28 */
    assert_int_equal(sent.n, 1);
    assert_int_equal(sent.dest, 2);
    assert_int_equal(sent.message & 0xff, 0x61);
    assert_int_equal(pc_highest(v), 0x2b);
    pc_set_intx(d, 3, 0, true); /* the same level again */
    assert_int_equal(sent.n, 1);
    pc_set_intx(d, 11, 0, true); /* shares the link; its pin is 16 + 45 % 32 = 29 */
    pc_set_intx(d, 3, 0, false);
    assert_int_equal(pc_highest(v), 0x2b);
    pc_set_link(d, 3, 10); /* the link moves with its level */
    assert_int_equal(pc_highest(v), 0x2a);
    pc_set_link(d, 3, 0);
    assert_int_equal(pc_highest(v), -1);
    pc_set_link(d, 3, 5);
    pc_set_intx(d, 11, 0, false);
    for (unsigned int device = 0; device < 32; device++)
        for (unsigned int pin = 0; pin < 4; pin++) {
            unsigned int gsi = 16 + ((device * 4 + device / 8 + pin) & 31);

            set_pin(gsi, 0x40 + gsi);
            sent.n = 0;
            pc_set_intx(d, device, pin, true);
            assert_int_equal(sent.n, 1);
            assert_int_equal(sent.message & 0xff, 0x40 + gsi);
            pc_set_intx(d, device, pin, false);
        }
}

static void pins_of_the_ioapic(void **state)
{
    assert_int_equal(io_read(1), 0x2f0020);
    for (unsigned int pin = 0; pin < 48; pin++)
        assert_int_equal(io_read(0x10 + 2 * pin), MASKED);
    assert_int_equal(io_read(0x10 + 96), ~0u);
    set_pin(4, 0x44);
    pc_set_isa(d, 4, true);
    assert_int_equal(sent.n, 1);
    pc_set_isa(d, 4, true);
    assert_int_equal(sent.n, 1); /* an edge */
    set_pin(9, LEVEL | 0x49 | MASKED);
    pc_set_isa(d, 9, true);
    assert_int_equal(sent.n, 1);
    set_pin(9, LEVEL | 0x49);
    assert_int_equal(sent.n, 2);
    assert_int_equal(io_read(0x10 + 18), LEVEL | 0x49 | REMOTE_IRR);
    pc_set_isa(d, 9, true);
    assert_int_equal(sent.n, 2);
    pc_ioapic_end(d, 0x48);
    assert_int_equal(sent.n, 2);
    d->vdev.level_eoi(d, 0x49);
    assert_int_equal(sent.n, 3); /* it is still asserted */
    pc_set_isa(d, 9, false);
    bus_memory_write(v, IOAPIC_PAGE + 0x40, 4, 0x49);
    assert_int_equal(sent.n, 3);
    assert_int_equal(io_read(0x10 + 18), LEVEL | 0x49);
    io_write(0, 0x0f000000);
    assert_int_equal(io_read(0), 0x0f000000);
    bus_memory_write(v, IOAPIC_PAGE, 4, 1);
    bus_memory_write(v, IOAPIC_PAGE + 0x10, 4, ~0u); /* read-only */
    assert_int_equal(io_read(1), 0x2f0020);
}

static void messages(void **state)
{
    pc_inject_msi(d, 0xfee02000, 0x4061);
    assert_int_equal(sent.dest, 2);
    assert_int_equal(sent.message, 0x61);
    pc_inject_msi(d, 0xfeeff004, 0x0131);
    assert_int_equal(sent.dest, 0xff);
    assert_int_equal(sent.message, 0x131 | LAPIC_LOGICAL);
    pc_inject_msi(d, 0x3000, 0x61); /* as QEMU's model of the local APIC passes it on */
    assert_int_equal(sent.dest, 3);
    assert_int_equal(sent.message, 0x61);
    assert_int_equal(sent.n, 3);
}

/* --- timers --- */

static void set_counter(unsigned int channel, unsigned int mode, uint16_t count)
{
    out(0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1));
    out((uint16_t)(0x40 + channel), (uint8_t)count);
    out((uint16_t)(0x40 + channel), (uint8_t)(count >> 8));
}

static uint16_t get_counter(unsigned int channel)
{
    out(0x43, (uint8_t)(channel << 6));
    uint8_t low = in((uint16_t)(0x40 + channel));

    return (uint16_t)(low | in((uint16_t)(0x40 + channel)) << 8);
}

static void the_timer_interrupts(void **state)
{
    unsigned int n = 0;

    init_pics(1);
    set_counter(0, 2, 11932); /* 100 Hz */
    for (unsigned int i = 0; i < 100; i++) {
        advance(MSEC(10));
        if (pc_highest(v) < 0)
            continue;
        take(0x20);
        out(0x20, 0x20);
        n++;
    }
    assert_in_range(n, 98, 100);
    set_counter(0, 0, 1000); /* once */
    advance(PIT_NS(999));
    assert_int_equal(pc_highest(v), -1);
    advance(PIT_NS(2));
    take(0x20);
    out(0x20, 0x20);
    advance(SEC(1));
    assert_int_equal(pc_highest(v), -1);
    set_pin(2, 0x42); /* the pin of the I/O APIC that has the timer */
    set_counter(0, 3, 0);
    sent.n = 0;
    advance(SEC(1));
    assert_in_range(sent.n, 17, 19);
    set_counter(0, 2, 2); /* at a rate that is bounded */
    sent.n = 0;
    advance(SEC(1));
    assert_in_range(sent.n, 4000, 5001);
    d->pause_count = 1;
    sent.n = 0;
    advance(SEC(1));
    assert_in_range(sent.n, 1, 110);
    out(0x43, 0x34); /* a new mode stops it */
    sent.n = 0;
    advance(SEC(1));
    assert_int_equal(sent.n, 0);
}

static void counters_follow_the_clock(void **state)
{
    set_counter(2, 0, 0xffff);
    advance(PIT_NS(100) + 1);
    assert_in_range(get_counter(2), 0xffff - 101, 0xffff - 99);
    assert_int_equal(in(0x61) & 0x20, 0);
    advance(PIT_NS(0x10000));
    assert_int_equal(in(0x61) & 0x20, 0x20); /* the output, as calibration waits for it */
    out(0x61, 0xff);
    assert_int_equal(in(0x61) & 3, 3);
    set_counter(2, 3, 1000);
    assert_int_equal(in(0x61) & 0x20, 0x20);
    advance(PIT_NS(600));
    assert_int_equal(in(0x61) & 0x20, 0);
    out(0x43, 0x80); /* latched: time goes on */
    uint16_t first = in(0x42);
    first |= (uint16_t)(in(0x42) << 8);
    out(0x43, 0xe8); /* status of channel 2: mode 3, both bytes */
    assert_int_equal(in(0x42) & 0x3f, 0x36);
    assert_in_range(first, 796, 802);
    out(0x43, 0x94); /* the low byte only */
    out(0x42, 50);
    advance(PIT_NS(10) + 1);
    assert_in_range(in(0x42), 38, 41);
    out(0x43, 0xa4); /* the high byte only */
    out(0x42, 1);
    assert_in_range(in(0x42), 0, 1);
    uint8_t refresh = in(0x61) & 0x10;
    advance(USEC(15));
    assert_int_equal(in(0x61) & 0x10, refresh ^ 0x10);
}

static void power_management(void **state)
{
    uint64_t base = 0x1f40;

    for (unsigned int i = 0; i < 2; i++, base = 0xb000) {
        d->hvm_params[HVM_PARAM_ACPI_IOPORTS_LOCATION] = i;
        uint32_t t = bus_port_read(v, (uint16_t)(base + 8), 4);

        advance(MSEC(1));
        assert_in_range((bus_port_read(v, (uint16_t)(base + 8), 4) - t) & 0xffffff, 3578, 3581);
        assert_false(bus_has_port(v, (uint16_t)(base + 4))); /* a device model's */
    }
    assert_false(bus_has_port(v, 0x1f48));
    set_pin(9, LEVEL | 0x49);
    pc_press_button(d, false);
    assert_int_equal(sent.n, 0); /* not enabled */
    assert_int_equal(bus_port_read(v, 0xb000, 2), 0x100);
    bus_port_write(v, 0xb002, 2, 0x100);
    assert_int_equal(sent.n, 1);
    assert_int_equal(bus_port_read(v, 0xb000, 4), 0x1000100);
    bus_port_write(v, 0xb001, 1, 1); /* clears it, by a byte */
    pc_ioapic_end(d, 0x49);
    assert_int_equal(sent.n, 1);
    bus_port_write(v, 0xb003, 1, 2);
    assert_int_equal(bus_port_read(v, 0xb002, 2), 0x200);
    pc_press_button(d, true);
    assert_int_equal(sent.n, 2);
    bus_port_write(v, 0xb000, 4, 0);
    assert_int_equal(bus_port_read(v, 0xb000, 4), 0x200);
    assert_int_equal(bus_port_read(v, 0xb003, 2), 0xffff); /* not of one register */
}

/* --- everything --- */

static void what_is_not_there(void **state)
{
    assert_int_equal(bus_memory_read(v, 0xfed00000, 4), ~0u); /* no HPET */
    assert_true(bus_has_memory(v, 0xfed00000));               /* nor one of a device model */
    assert_true(bus_has_memory(v, 0xfeeff000));
    assert_false(bus_has_memory(v, 0xfed01000));
    assert_false(bus_has_memory(v, 0xfef00000));
    assert_int_equal(bus_memory_read(v, 0xfee00030, 4), 0x14);
    assert_false(bus_has_port(v, 0x70)); /* the clock is a device model's */
    assert_int_equal(in(0xe9), 0xe9);
}

static void any_access(void **state)
{
    static const uint16_t bases[] = { 0x20, 0xa0, 0x40, 0x60, 0x4d0, 0xb000, 0xb008 };

    srand(7);
    d->hvm_params[HVM_PARAM_ACPI_IOPORTS_LOCATION] = 1;
    for (unsigned int i = 0; i < 200000; i++) {
        uint16_t port = bases[(unsigned int)rand() % ARRAY_SIZE(bases)] + (rand() & 3);
        unsigned int size = 1u << rand() % 3;

        if (rand() & 1)
            bus_port_write(v, port, size, (uint32_t)rand());
        else
            (void)bus_port_read(v, port, size);
        bus_memory_write(v, IOAPIC_PAGE + (rand() & 0x7f), 1u << rand() % 4, (uint64_t)rand());
        (void)bus_memory_read(v, IOAPIC_PAGE + (rand() & 0x7f), 1u << rand() % 4);
        pc_set_isa(d, rand() & 15, rand() & 1);
        pc_set_link(d, rand() & 3, rand() & 15);
        pc_set_intx(d, rand() & 31, rand() & 3, rand() & 1);
        int vector = pc_highest(d->vcpu[rand() & 1]);

        if (vector >= 0)
            pc_accept(v, (uint8_t)(rand() & 7 ? vector : rand()));
        assert_in_range(d->vdev.pc->pic[0].first, 0, 7);
    }
}

/* What is saved and loaded is the same; nonsense is reduced to a state that exists. */
static void saved_and_loaded(void **state)
{
    static const struct {
        unsigned int code, instance;
        size_t size;
    } records[] = {
        { HVM_SAVE_CODE(PIC), 0, HVM_SAVE_LENGTH(PIC) },
        { HVM_SAVE_CODE(PIC), 1, HVM_SAVE_LENGTH(PIC) },
        { HVM_SAVE_CODE(IOAPIC), 0, HVM_SAVE_LENGTH(IOAPIC) },
        { HVM_SAVE_CODE(PCI_IRQ), 0, HVM_SAVE_LENGTH(PCI_IRQ) },
        { HVM_SAVE_CODE(ISA_IRQ), 0, HVM_SAVE_LENGTH(ISA_IRQ) },
        { HVM_SAVE_CODE(PCI_LINK), 0, HVM_SAVE_LENGTH(PCI_LINK) },
        { HVM_SAVE_CODE(PIT), 0, HVM_SAVE_LENGTH(PIT) },
        { HVM_SAVE_CODE(PMTIMER), 0, HVM_SAVE_LENGTH(PMTIMER) },
    };
    static uint64_t saved[8][64], again[64];

    init_pics(1);
    out(0x21, 0x5a);
    out(0x4d1, 0x0c);
    set_pin(20, LEVEL | 0x66);
    pc_set_link(d, 1, 11);
    pc_set_isa(d, 4, true);
    pc_set_intx(d, 5, 0, true);
    set_counter(0, 2, 1234);
    out(0x61, 3);
    pc_press_button(d, true);
    for (unsigned int i = 0; i < 8; i++)
        pc_save(d, records[i].code, records[i].instance, saved[i]);
    pc_free(d);
    assert_int_equal(pc_init(d), 0);
    for (unsigned int i = 0; i < 8; i++)
        pc_load(d, records[i].code, records[i].instance, saved[i]);
    for (unsigned int i = 0; i < 8; i++) {
        memset(again, 0, sizeof(again));
        pc_save(d, records[i].code, records[i].instance, again);
        assert_memory_equal(again, saved[i], records[i].size);
    }
    assert_int_equal(in(0x21), 0x5a);
    assert_true(harness_first_timer() != NULL);
    srand(3);
    for (unsigned int round = 0; round < 2000; round++) {
        unsigned int i = (unsigned int)rand() % 8;

        for (unsigned int n = 0; n < sizeof(again); n++)
            ((uint8_t *)again)[n] = (uint8_t)rand();
        pc_load(d, records[i].code, records[i].instance, again);
        (void)pc_highest(v);
        (void)get_counter((unsigned int)rand() % 3);
        advance(USEC(300));
    }
}

static void memory_for_it_fails(void **state)
{
    pc_free(d);
    d->vdev.pc = NULL;
    harness_fail_alloc(1);
    assert_int_equal(pc_init(d), -ENOMEM);
    harness_fail_alloc(0);
    pc_free(d);
    assert_int_equal(pc_init(d), 0);
    assert_int_equal(pc_config_index(d), 0);
    pc_set_config_index(d, 0x80000004);
    assert_int_equal(pc_config_index(d), 0x80000004);
}

static void locks_are_taken(void **state)
{
    uint64_t record[64];

    assert_takes(LOCK_VDEV, 1, pc_set_isa(d, 1, true));
    assert_takes(LOCK_VDEV, 1, pc_set_intx(d, 1, 1, true));
    assert_takes(LOCK_VDEV, 1, pc_set_link(d, 1, 1));
    assert_takes(LOCK_VDEV, 1, pc_press_button(d, true));
    assert_takes(LOCK_VDEV, 1, (void)pc_highest(v));
    assert_takes(LOCK_VDEV, 1, pc_accept(v, 0x20));
    assert_takes(LOCK_VDEV, 1, pc_ioapic_end(d, 0x20));
    assert_takes(LOCK_VDEV, 1, pc_save(d, HVM_SAVE_CODE(PIT), 0, record));
    assert_takes(LOCK_VDEV, 1, pc_load(d, HVM_SAVE_CODE(PIT), 0, record));
    assert_takes(LOCK_VDEV, 1, (void)in(0x20));
    assert_takes(LOCK_VDEV, 1, (void)in(0x40));
    assert_takes(LOCK_VDEV, 1, (void)in(0x61));
    assert_takes(LOCK_VDEV, 1, (void)in(0x4d0));
    assert_takes(LOCK_VDEV, 2, (void)io_read(1));
    assert_takes(LOCK_VDEV, 1, (void)bus_port_read(v, 0x1f40, 2));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_edge_interrupts_once),
        TEST(a_level_interrupts_while_it_is_there),
        TEST(priorities_and_masks),
        TEST(rotation_special_mask_and_poll),
        TEST(who_takes_it),
        TEST(pci_pins_go_to_links_and_to_pins),
        TEST(pins_of_the_ioapic),
        TEST(messages),
        TEST(the_timer_interrupts),
        TEST(counters_follow_the_clock),
        TEST(power_management),
        TEST(what_is_not_there),
        TEST(any_access),
        TEST(saved_and_loaded),
        TEST(memory_for_it_fails),
        TEST(locks_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
