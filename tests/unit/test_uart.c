/* SPDX-License-Identifier: MIT */
/*
 * platform/uart.c: choice of the port, its setup (PC16550D data sheet, 8), and the routing of its
 * interrupt. test_console.c tests the output.
 */
#include "ports_fake.h"
#include "harness.h"
#include "cpu/irq.h"
#include "cpu/softirq.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "percpu.h"
#include "platform/host_ioapic.h"
#include "platform/uart.h"

#include <string.h>

/* The registers of a port; the divisor replaces two of them while LCR.DLAB is set. */
enum { DATA, IER, FCR, LCR, MCR, LSR, REGISTERS };
#define DIVISOR 0x80u

static const char *option;
static uint16_t base; /* the existing port; 0: none */
static uint8_t reg[REGISTERS], divisor[2];
static unsigned int others, lines; /* accesses to other ports; to the I/O APIC */
static irq_handler *handler;
static unsigned int handled, routed;
static struct host_route route;

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    assert_int_equal(size, 1);
    others += base && port - base != LSR;
    return base ? 0x60 : 0xff;
}

void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    unsigned int n = (unsigned int)port - base;

    assert_int_equal(size, 1);
    if (!base || n >= REGISTERS)
        others++;
    else if (n <= IER && (reg[LCR] & DIVISOR))
        divisor[n] = (uint8_t)val;
    else
        reg[n] = (uint8_t)val;
}

const char *cmdline_get(const char *name) { return strcmp(name, "console") ? NULL : option; }
unsigned int host_ioapic_lines(void) { return lines; }
void softirq_raise(unsigned int cpu, enum softirq s) {}

void irq_set_handler(unsigned int vector, irq_handler *fn, void *data)
{
    handler = fn;
    handled = vector;
}

void host_ioapic_route(unsigned int gsi, const struct host_route *r)
{
    routed = gsi;
    route = *r;
}

static int setup(void **state)
{
    harness_memory_new(1);
    harness_quiet = true;
    memset(reg, 0xee, sizeof(reg));
    memset(divisor, 0xee, sizeof(divisor));
    reg[LCR] = 0;
    harness_log[0] = '\0';
    option = NULL;
    base = 0x3f8;
    others = 0;
    lines = 24;
    handler = NULL;
    cpus[0].apic_id = 5;
    return 0;
}

static void assert_set_up(unsigned int irq)
{
    uart_init();
    assert_int_equal(others, 0);
    assert_int_equal(divisor[0], 1); /* 115,200 */
    assert_int_equal(divisor[1], 0);
    assert_int_equal(reg[LCR], 0x03); /* eight bits, no parity, one stop bit */
    assert_int_equal(reg[FCR], 0x07); /* FIFOs enabled and cleared */
    assert_int_equal(reg[MCR], 0x0b); /* ready; OUT2 enables interrupts on a PC */
    assert_int_equal(reg[IER], 0);    /* none yet */
    uart_start_interrupts();
    assert_int_equal(reg[IER], 0x03);
    assert_int_equal(uart_irq, irq);
    assert_non_null(handler);
    assert_int_equal(handled, VECTOR_GSI_FIRST + irq);
    assert_int_equal(routed, irq);
    assert_int_equal(route.vector, VECTOR_GSI_FIRST + irq);
    assert_int_equal(route.apic_id, 5);
    assert_false(route.level || route.active_low || route.masked);
}

static void first_port(void **state)
{
    assert_set_up(4);
    setup(state);
    option = "com1";
    assert_set_up(4);
    assert_string_equal(harness_log, "");
}

static void second_port(void **state)
{
    option = "com2";
    base = 0x2f8;
    assert_set_up(3);
    assert_string_equal(harness_log, "");
}

static void another_word(void **state)
{
    option = "vga";
    assert_set_up(4);
    assert_non_null(strstr(harness_log, "console=vga: not one of com1, com2, none"));
}

/* Its line is the last of the I/O APIC, or beyond it. */
static void lines_of_the_io_apic(void **state)
{
    lines = 5;
    assert_set_up(4);
    lines = 4;
    handler = NULL;
    uart_start_interrupts();
    assert_null(handler);
    assert_non_null(strstr(harness_log, "no I/O APIC line"));
}

/* An absent port has no line either. */
static void no_port(void **state)
{
    base = 0;
    uart_init();
    uart_start_interrupts();
    assert_int_equal(uart_irq, ~0u);
    assert_null(handler);
    assert_string_equal(harness_log, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_port, setup),
        cmocka_unit_test_setup(second_port, setup),
        cmocka_unit_test_setup(another_word, setup),
        cmocka_unit_test_setup(lines_of_the_io_apic, setup),
        cmocka_unit_test_setup(no_port, setup),
    };

    return cmocka_run_group_tests_name("uart", tests, NULL, NULL);
}
