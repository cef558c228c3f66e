/* SPDX-License-Identifier: MIT */
/*
 * dom0/ioapic.c: dom0's entries reach the host's I/O APIC only as the core's own vectors on online
 * CPUs; edge and level lines from the host to dom0 and back; lines withheld from dom0; safety of
 * all register accesses.
 */
#include "harness.h"
#include "cpu/irq.h"
#include "dom0/ioapic.h"
#include "percpu.h"
#include "platform/acpi.h"
#include "platform/host_ioapic.h"
#include "platform/uart.h"
#include "vdev/bus.h"
#include "vdev/lapic.h"

#include <stdlib.h>

#define IOAPIC 0xfec80000ull
#define LINES 24
#define DATA 0x10
#define MASKED 0x10000u
#define LEVEL 0x8000u
#define LOW 0x2000u
#define REMOTE_IRR 0x4000u

static struct domain *d;
static struct vcpu *v[2];
static struct host_route routes[LINES];
unsigned int uart_irq = 4;
struct acpi_info acpi = { .ioapics = 1, .ioapic = { IOAPIC } };
static unsigned int route_count[LINES];
static irq_handler *handlers[256];
static void *handler_data[256];
static unsigned int host_lines;

static struct {
    unsigned int n;
    uint32_t dest, mode;
    bool logical, level;
    uint8_t vector;
} delivered;

void host_ioapic_route(unsigned int gsi, const struct host_route *r)
{
    assert_true(gsi < host_lines);
    routes[gsi] = *r;
    route_count[gsi]++;
}

unsigned int host_ioapic_lines(void) { return host_lines; }

void irq_set_handler(unsigned int vector, irq_handler *fn, void *data)
{
    handlers[vector] = fn;
    handler_data[vector] = data;
}

struct vcpu *lapic_by_id(struct domain *of, uint32_t apic_id)
{
    return apic_id & 1 || apic_id / 2 >= of->max_vcpus ? NULL : of->vcpu[apic_id / 2];
}

void lapic_deliver(struct domain *of, uint32_t dest, uint32_t message)
{
    assert_ptr_equal(of, d);
    delivered.n++;
    delivered.dest = dest;
    delivered.logical = message & LAPIC_LOGICAL;
    delivered.mode = LAPIC_MODE(message);
    delivered.vector = (uint8_t)message;
    delivered.level = message & LAPIC_LEVEL;
}

static int setup_lines(unsigned int lines)
{
    host_lines = lines;
    memset(routes, 0, sizeof(routes));
    memset(route_count, 0, sizeof(route_count));
    memset(handlers, 0, sizeof(handlers));
    memset(&delivered, 0, sizeof(delivered));
    memset(cpus, 0, sizeof(cpus));
    for (unsigned int i = 0; i < 2; i++)
        cpus[i] = (struct cpu){ .id = i, .apic_id = 10 + i, .online = true };
    nr_cpus = 2;
    d = calloc(1, sizeof(*d));
    d->is_dom0 = true;
    d->max_vcpus = 2;
    spin_init(&d->vdev.lock, LOCK_VDEV);
    for (unsigned int i = 0; i < 2; i++) {
        v[i] = calloc(1, sizeof(*v[i]));
        v[i]->id = i;
        v[i]->d = d;
        v[i]->sched.cpu = i;
        d->vcpu[i] = v[i];
    }
    bus_init(d);
    dom0_add_ioapic(d);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return setup_lines(LINES);
}

static int setup_few_lines(void **state)
{
    (void)state;
    return setup_lines(8);
}

static int teardown(void **state)
{
    (void)state;
    free(v[0]);
    free(v[1]);
    free(d);
    return 0;
}

static uint32_t get(uint32_t reg)
{
    bus_memory_write(v[0], IOAPIC + 0, 4, reg);
    return (uint32_t)bus_memory_read(v[0], IOAPIC + DATA, 4);
}

static void put(uint32_t reg, uint32_t val)
{
    bus_memory_write(v[0], IOAPIC + 0, 4, reg);
    bus_memory_write(v[0], IOAPIC + DATA, 4, val);
}

static void put_entry(unsigned int pin, uint8_t dest, uint32_t low)
{
    put(0x11 + 2 * pin, (uint32_t)dest << 24);
    put(0x10 + 2 * pin, low);
}

static void fire(unsigned int gsi)
{
    unsigned int vector = VECTOR_GSI_FIRST + gsi;

    handlers[vector](vector, handler_data[vector]);
}

static void registers(void **state)
{
    (void)state;
    assert_int_equal(get(1), 0x00170020);
    put(0, 0xff000000);
    assert_int_equal(get(0), 0x0f000000);
    put(1, 0);
    assert_int_equal(get(1), 0x00170020);
    for (unsigned int pin = 0; pin < LINES; pin++)
        assert_int_equal(get(0x10 + 2 * pin), MASKED);
    put(0x12, 0xffffffff);
    put(0x13, 0xffffffff);
    assert_int_equal(get(0x12), 0x1afff); /* delivery status and Remote IRR are read-only */
    assert_int_equal(get(0x13), 0xff000000);
    for (uint32_t reg = 0x40; reg < 0x100; reg++) {
        put(reg, 0xffffffff);
        assert_int_equal(get(reg), 0xffffffff);
    }
    for (uint32_t offset = 0; offset < 0x1000; offset++) {
        bus_memory_write(v[0], IOAPIC + offset, 4, 0x5a5a5a5a);
        (void)bus_memory_read(v[0], IOAPIC + offset, 4);
    }
    for (unsigned int pin = 0; pin < LINES; pin++) {
        assert_true(route_count[pin] == 0 || routes[pin].vector == VECTOR_GSI_FIRST + pin);
        assert_true(route_count[pin] == 0 || routes[pin].apic_id == 10 ||
                    routes[pin].apic_id == 11);
    }
}

static void host_entry_follows(void **state)
{
    (void)state;
    put_entry(9, 2, 0x61 | LEVEL | LOW);
    assert_int_equal(routes[9].vector, VECTOR_GSI_FIRST + 9); /* never the vector that dom0 wrote */
    assert_true(routes[9].level && routes[9].active_low && !routes[9].masked);
    assert_int_equal(routes[9].apic_id, 11); /* vcpu 1 runs there */
    put_entry(9, 2, 0x61 | LEVEL | LOW | MASKED);
    assert_true(routes[9].masked);
    put_entry(1, 0, 0x31);
    assert_false(routes[1].level || routes[1].active_low || routes[1].masked);
    assert_int_equal(routes[1].apic_id, 10);
    put_entry(1, 0x55, 0x31); /* no CPU has that id: some CPU is chosen */
    assert_int_equal(routes[1].apic_id, 10);
    v[0]->sched.cpu = 7;
    put_entry(1, 0, 0x32); /* a CPU that does not exist */
    assert_int_equal(routes[1].apic_id, 10);
    cpus[1].apic_id = 0x10b;
    put_entry(9, 2, 0x62); /* an id that does not fit into an entry */
    assert_int_equal(routes[9].apic_id, 10);
}

static void edge(void **state)
{
    (void)state;
    put_entry(1, 2, 0x31);
    fire(1);
    fire(1);
    assert_int_equal(delivered.n, 2);
    assert_int_equal(delivered.dest, 2);
    assert_int_equal(delivered.vector, 0x31);
    assert_false(delivered.level || delivered.logical);
    assert_int_equal(route_count[1], 2); /* of its two words */
    put_entry(1, 3, 0x931);
    fire(1);
    assert_true(delivered.logical);
    assert_int_equal(delivered.mode, 1);
    put_entry(1, 2, 0x31 | MASKED);
    fire(1);
    assert_int_equal(delivered.n, 3);
}

static void level(void **state)
{
    (void)state;
    put_entry(10, 0, 0x41 | LEVEL);
    put_entry(11, 0, 0x41 | LEVEL); /* two lines, one vector */
    put_entry(12, 0, 0x42 | LEVEL);
    fire(10);
    assert_int_equal(delivered.n, 1);
    assert_true(delivered.level && routes[10].masked && !routes[11].masked);
    assert_int_equal(get(0x10 + 20), 0x41 | LEVEL | REMOTE_IRR);
    fire(10); /* one more from the host before the mask takes effect: dropped */
    assert_int_equal(delivered.n, 1);
    d->vdev.level_eoi(d, 0x42);
    assert_true(routes[10].masked);
    d->vdev.level_eoi(d, 0x41);
    assert_false(routes[10].masked);
    assert_int_equal(get(0x10 + 20), 0x41 | LEVEL);
    fire(10);
    assert_int_equal(delivered.n, 2);
    put(0x10 + 20, 0x41 | LEVEL | MASKED); /* masked while it is in service */
    d->vdev.level_eoi(d, 0x41);
    assert_true(routes[10].masked);
    put(0x10 + 20, 0x41 | LEVEL);
    assert_false(routes[10].masked);
    fire(10);
    put(0x11 + 20, 2u << 24); /* moved while it is in service: the line must stay masked */
    assert_true(routes[10].masked);
    bus_memory_write(v[0], IOAPIC + 0x40, 4, 0x41); /* the EOI register */
    assert_false(routes[10].masked);
    fire(10);
    put(0x10 + 20, 0x41 | MASKED); /* acknowledged the old way: to edge and back */
    put(0x10 + 20, 0x41 | LEVEL);
    assert_false(routes[10].masked);
    fire(10);
    assert_int_equal(delivered.n, 5);
}

static void locks(void **state)
{
    (void)state;
    assert_takes(LOCK_VDEV, 1, bus_memory_write(v[0], IOAPIC + 0, 4, 0x10));
    assert_takes(LOCK_VDEV, 1, (void)bus_memory_read(v[0], IOAPIC + 0, 4));
    assert_takes(LOCK_VDEV, 1, bus_memory_write(v[0], IOAPIC + 0x40, 4, 0x41));
    assert_takes(LOCK_VDEV, 1, d->vdev.level_eoi(d, 0x41));
    assert_takes(LOCK_VDEV, 1, fire(1));
}

/* The select register can be read too; unused registers read as zero. */
static void what_can_be_read(void **state)
{
    (void)state;
    bus_memory_write(v[0], IOAPIC, 4, 0x1ff);
    assert_int_equal(bus_memory_read(v[0], IOAPIC, 4), 0xff);
    assert_int_equal(bus_memory_read(v[0], IOAPIC + 0x10, 4), 0xffffffff);
    for (uint32_t offset = 4; offset < PAGE_SIZE; offset += 4)
        if (offset != 0x10)
            assert_int_equal(bus_memory_read(v[0], IOAPIC + offset, 4), 0);
}

static void lines_of_the_core(void **state)
{
    (void)state;
    assert_null(handlers[VECTOR_GSI_FIRST + 4]); /* the serial port's */
    put_entry(4, 0, 0x34);
    assert_int_equal(get(0x18), 0x34);
    assert_int_equal(route_count[4], 0);
    put_entry(4, 0, 0x34 | LEVEL);
    d->vdev.level_eoi(d, 0x34);
    assert_int_equal(route_count[4], 0);
}

static void few_host_lines(void **state)
{
    (void)state;
    put_entry(20, 0, 0x50 | LEVEL); /* stored only; the fakes would detect more */
    assert_int_equal(get(0x10 + 40), 0x50 | LEVEL);
    assert_null(handlers[VECTOR_GSI_FIRST + 20]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registers, setup, teardown),
        cmocka_unit_test_setup_teardown(host_entry_follows, setup, teardown),
        cmocka_unit_test_setup_teardown(edge, setup, teardown),
        cmocka_unit_test_setup_teardown(level, setup, teardown),
        cmocka_unit_test_setup_teardown(few_host_lines, setup_few_lines, teardown),
        cmocka_unit_test_setup_teardown(what_can_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_of_the_core, setup, teardown),
        cmocka_unit_test_setup_teardown(locks, setup, teardown),
    };

    return cmocka_run_group_tests_name("ioapic", tests, NULL, NULL);
}
