/* SPDX-License-Identifier: MIT */
/*
 * The serial port: a 16550 at 115200 8n1. The transmitter interrupt drains the output ring, one
 * FIFO at a time. The port is polled until a first interrupt has arrived, and again when the
 * machine goes down.
 *
 * Lock: console_lock.
 */
#include "platform/uart.h"
#include "cpu.h"
#include "cpu/irq.h"
#include "cpu/softirq.h"
#include "lib.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "percpu.h"
#include "platform/host_ioapic.h"
#include "spinlock.h"

/* register offsets */
enum { UART_DATA, UART_IER, UART_FCR, UART_LCR, UART_MCR, UART_LSR };
#define IER_RECEIVED 0x01
#define IER_SENT 0x02
#define LSR_DATA_READY 0x01
#define LSR_FIFO_EMPTY 0x20
#define LSR_ALL_SENT 0x40
/* Xen and some emulators print bytes written here; elsewhere this is harmless */
#define DEBUG_PORT 0xe9
#define UART_FIFO 16
#define RECEIVE_BATCH 1024 /* bytes read per interrupt */
#define PATIENCE 100000    /* polls of a busy port before it is written anyway */

uint16_t uart_port = 0x3f8;
unsigned int uart_irq = 4;
static bool polled = true; /* no interrupt has arrived yet */

void uart_init(void)
{
    const char *word = cmdline_get("console");

    if (word && strcmp(word, "com2") == 0) {
        uart_port = 0x2f8;
        uart_irq = 3;
    } else if (word && strcmp(word, "none") == 0) {
        uart_port = 0;
        console_set_driver(NULL);
        return;
    } else if (word && strcmp(word, "com1")) {
        log_warn("console=%s: not one of com1, com2, none; using com1\n", word);
    }
    outb(uart_port + UART_IER, 0);
    outb(uart_port + UART_LCR, 0x80); /* divisor */
    outb(uart_port + UART_DATA, 1);   /* 115200 */
    outb(uart_port + UART_IER, 0);
    outb(uart_port + UART_LCR, 0x03); /* 8n1 */
    outb(uart_port + UART_FCR, 0x07); /* enable and clear FIFO */
    outb(uart_port + UART_MCR, 0x0b); /* DTR, RTS, interrupt enabled */
    if (inb(uart_port + UART_LSR) == 0xff)
        uart_port = DEBUG_PORT; /* no UART */
}

static void fill_fifo(void)
{
    for (unsigned int i = 0; i < UART_FIFO && console_waiting(); i++)
        outb(uart_port + UART_DATA, console_next());
}

/*
 * Sends all pending output and waits for its completion. Waits before each FIFO load, unless the
 * port has timed out already.
 */
static void send_all(void)
{
    unsigned int patience = PATIENCE;

    for (;;) {
        unsigned int left = patience;

        while (left > 0 && uart_port != DEBUG_PORT && !(inb(uart_port + UART_LSR) & LSR_ALL_SENT))
            left--;
        patience = left ? PATIENCE : 0;
        if (!console_waiting())
            return;
        fill_fifo();
    }
}

/* Fills the FIFO; the interrupt asks for the rest. */
void uart_send(bool at_once)
{
    polled |= at_once;
    if (polled) {
        send_all();
        return;
    }
    if (inb(uart_port + UART_LSR) & LSR_FIFO_EMPTY)
        fill_fifo();
    if (console_waiting())
        outb(uart_port + UART_IER, IER_RECEIVED | IER_SENT);
}

/*
 * The line is edge-triggered. Clearing and setting IER makes a new edge if a condition is still, or
 * again, pending.
 */
static void handle_interrupt(unsigned int vector, void *data)
{
    unsigned int received = 0;

    spin_lock_scope(&console_lock);
    for (; received < RECEIVE_BATCH && (inb(uart_port + UART_LSR) & LSR_DATA_READY); received++)
        console_received((char)inb(uart_port + UART_DATA));
    polled = false;
    console_send();
    outb(uart_port + UART_IER, 0);
    outb(uart_port + UART_IER, IER_RECEIVED | (console_waiting() ? IER_SENT : 0));
    if (received)
        softirq_raise(this_cpu()->id, SOFTIRQ_CONSOLE);
}

void uart_start_interrupts(void)
{
    if (uart_port == 0 || uart_port == DEBUG_PORT) {
        uart_irq = ~0u; /* line and port belong to dom0 */
        return;
    }
    if (uart_irq >= host_ioapic_lines()) {
        log_warn("console: no I/O APIC line for the serial port: polling it, without input\n");
        return;
    }

    struct host_route route = { .vector = (uint8_t)(VECTOR_GSI_FIRST + uart_irq),
                                .apic_id = this_cpu()->apic_id };

    irq_set_handler(route.vector, handle_interrupt, NULL);
    host_ioapic_route(uart_irq, &route);
    outb(uart_port + UART_IER, IER_RECEIVED | IER_SENT); /* the first interrupt ends polling */
}
