/* SPDX-License-Identifier: MIT */
/*
 * The console: a 16550 serial port (115200 8n1), shared by the core's own lines and dom0's hvc0, and a ring
 * that keeps the core's lines for sysctl readconsole. Sending polls the port; receiving is by interrupt: what
 * is typed goes to a buffer and VIRQ_CONSOLE tells dom0 to fetch it by console_io.
 *
 * Lock: protects the port's sending side, the ring and the input buffer. Last in the order, so that any code
 * may print. Any context; a panic breaks it.
 *
 * Read next: printk.c; hypercall/console_io.c.
 */
#include "cpu.h"
#include "lib.h"
#include "platform.h"
#include "spinlock.h"

enum { UART_DATA, UART_IER, UART_FCR, UART_LCR, UART_MCR, UART_LSR }; /* of a 16550, from the base port */
#define LSR_DATA_READY 0x01
#define LSR_THR_EMPTY 0x20
#define DEBUG_PORT 0xe9        /* a Xen below us and some emulators print what comes; others do not mind */
#define UART_FIFO 16
#define UART_PATIENCE 100000   /* looks at a full port; then it gets the bytes all the same */

#define RING_SIZE 65536u       /* a power of two */
#define INPUT_SIZE 1024u

uint16_t console_port = 0x3f8;
unsigned int console_irq = 4;
static struct spinlock console_lock = SPINLOCK(LOCK_CONSOLE);
static bool inside_line;       /* the port's last character was not a newline */

/* Bytes ever written and the first that `clear` left; the ring has the last RING_SIZE of them. */
static char ring[RING_SIZE];
static uint32_t ring_end, ring_start;

static char input[INPUT_SIZE];
static uint32_t input_head, input_tail;

void console_break_lock(void)
{
    spin_init(&console_lock, LOCK_CONSOLE);
    this_cpu()->held[LOCK_CONSOLE] = 0;
}

void console_init(void)
{
    const char *word = cmdline_get("console");

    if (word && strcmp(word, "com2") == 0) {
        console_port = 0x2f8;
        console_irq = 3;
    } else if (word && strcmp(word, "none") == 0) {
        console_port = 0;
    } else if (word && strcmp(word, "com1")) {
        log_warn("console=%s: not one of com1 com2 none; com1 is used\n", word);
    }
    if (console_port == 0)
        return;
    outb(console_port + UART_IER, 0);
    outb(console_port + UART_LCR, 0x80); /* divisor */
    outb(console_port + UART_DATA, 1);   /* 115200 */
    outb(console_port + UART_IER, 0);
    outb(console_port + UART_LCR, 0x03); /* 8n1 */
    outb(console_port + UART_FCR, 0x07); /* FIFO on and emptied */
    outb(console_port + UART_MCR, 0x0b); /* DTR, RTS, interrupt line on */
    if (inb(console_port + UART_LSR) == 0xff)
        console_port = DEBUG_PORT;       /* nothing answers */
}

/* --- sending --- */

static void uart_put(char c)
{
    static unsigned int room;

    for (unsigned int tries = 0; room == 0 && console_port != DEBUG_PORT; tries++)
        if ((inb(console_port + UART_LSR) & LSR_THR_EMPTY) || tries == UART_PATIENCE)
            room = UART_FIFO;
    outb(console_port + UART_DATA, (uint8_t)c);
    room--;
}

static void write_locked(const char *s, size_t n)
{
    for (size_t i = 0; i < n && console_port; i++) {
        if (s[i] == '\n')
            uart_put('\r');
        uart_put(s[i]);
        inside_line = s[i] != '\n';
    }
}

void console_write_raw(const char *s, size_t n)
{
    spin_lock_scope(&console_lock);
    write_locked(s, n);
}

void console_line(const char *line, size_t n)
{
    spin_lock_scope(&console_lock);
    if (inside_line)
        write_locked("\n", 1);
    write_locked(line, n);
    for (size_t i = 0; i < n; i++)
        ring[ring_end++ % RING_SIZE] = line[i];
    if (ring_end - ring_start > RING_SIZE)
        ring_start = ring_end - RING_SIZE;
}

/*
 * Copies what the ring has to buf; incremental: only what came after *index. *index becomes the number of the
 * byte behind the last one copied. clear forgets everything.
 */
uint32_t console_ring_read(char *buf, uint32_t size, uint32_t *index, bool clear, bool incremental)
{
    spin_lock_scope(&console_lock);

    uint32_t from = ring_start;

    if (incremental && *index - ring_start <= ring_end - ring_start)
        from = *index;

    uint32_t n = MIN(size, ring_end - from), first = MIN(n, RING_SIZE - from % RING_SIZE);

    memcpy(buf, ring + from % RING_SIZE, first);
    memcpy(buf + first, ring, n - first);
    *index = from + n;
    if (clear)
        ring_start = ring_end;
    return n;
}

/* --- receiving --- */

static void receive(unsigned int vector, void *data)
{
    spin_lock_scope(&console_lock);
    while (inb(console_port + UART_LSR) & LSR_DATA_READY) {
        char c = (char)inb(console_port + UART_DATA);

        if (input_head - input_tail < INPUT_SIZE)
            input[input_head++ % INPUT_SIZE] = c;
    }
    softirq_raise(this_cpu()->id, SOFTIRQ_CONSOLE);
}

void console_start_input(void)
{
    if (console_port == 0 || console_port == DEBUG_PORT) {
        console_irq = ~0u;               /* the line is dom0's, like the port */
        return;
    }
    if (console_irq >= host_ioapic_lines()) {
        log_warn("console: no I/O APIC line for the serial port: what is typed is not seen\n");
        return;
    }

    struct host_route route = { .vector = (uint8_t)(VECTOR_GSI_FIRST + console_irq),
                                .apic_id = this_cpu()->apic_id };

    irq_set_handler(route.vector, receive, NULL);
    host_ioapic_route(console_irq, &route);
    outb(console_port + UART_IER, 0x01);
}

size_t console_dom0_read(char *buf, size_t n)
{
    size_t done = 0;

    spin_lock_scope(&console_lock);
    while (done < n && input_tail != input_head)
        buf[done++] = input[input_tail++ % INPUT_SIZE];
    return done;
}
