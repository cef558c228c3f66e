/* SPDX-License-Identifier: MIT */
/*
 * The console: a 16550 serial port (115200 8n1), shared by the core's own lines and dom0's hvc0, and a ring
 * that keeps the core's lines for sysctl readconsole. What is sent waits in a second ring, which the
 * transmitter's interrupt empties, a FIFO at a time: nobody waits for the port. It is polled until a first
 * interrupt has shown that they come, and again when the machine ends. What is typed goes to a buffer,
 * and VIRQ_CONSOLE tells dom0 to fetch it by console_io.
 *
 * Whoever writes more than the port sends meets a limit: guests' lines have half of the ring, dom0 has three
 * quarters, so that the core's find room. A line that finds none is missing on the port only, and counted
 * there; dom0 has to wait (hypercall/console_io.c).
 *
 * Lock: protects the port, the rings and the input buffer. Last in the order, so that any code may print. Any
 * context; a panic breaks it.
 *
 * Read next: printk.c; hypercall/console_io.c.
 */
#include "cpu.h"
#include "lib.h"
#include "platform.h"
#include "spinlock.h"

enum { UART_DATA, UART_IER, UART_FCR, UART_LCR, UART_MCR, UART_LSR }; /* of a 16550, from the base port */
#define IER_RECEIVED 0x01
#define IER_SENT 0x02
#define LSR_DATA_READY 0x01
#define LSR_FIFO_EMPTY 0x20
#define LSR_ALL_SENT 0x40
#define DEBUG_PORT 0xe9        /* a Xen below us and some emulators print what comes; others do not mind */
#define UART_FIFO 16
#define UART_PATIENCE 100000   /* looks at a full port; then it gets the bytes all the same */

#define RING_SIZE 65536u       /* a power of two, like the next ones */
#define OUTPUT_SIZE 32768u
#define INPUT_SIZE 1024u

uint16_t console_port = 0x3f8;
unsigned int console_irq = 4;
static struct spinlock console_lock = SPINLOCK(LOCK_CONSOLE);
static bool polled = true;     /* no interrupt of the port is known to come */
static bool inside_line;       /* the last character for the port was not a newline */

/* On its way to the port; the lines of which there is nothing in it, since the port last said so. */
static char output[OUTPUT_SIZE];
static uint32_t output_head, output_tail, lines_lost;

/* Bytes ever written and the first that `clear` left; the ring has the last RING_SIZE of them. */
static char ring[RING_SIZE];
static uint32_t ring_end, ring_start;

static char input[INPUT_SIZE];
static uint32_t input_head, input_tail;

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

/* --- sending; console_lock is held --- */

static uint32_t waiting(void) { return output_head - output_tail; }

static void put(const char *s, size_t n)
{
    ASSERT(spin_lock_held(&console_lock));
    for (size_t i = 0; i < n && console_port; i++) {
        if (s[i] == '\n')
            output[output_head++ % OUTPUT_SIZE] = '\r';
        output[output_head++ % OUTPUT_SIZE] = s[i];
        inside_line = s[i] != '\n';
    }
}

/* A whole line, which begins at the left. False: it would leave more than `limit` bytes waiting. */
static bool put_line(const char *line, size_t n, uint32_t limit)
{
    if (waiting() + 2 * n + 2 > limit) /* a newline becomes two bytes */
        return false;
    if (inside_line)
        put("\n", 1);
    put(line, n);
    return true;
}

static void fill_fifo(void)
{
    for (unsigned int i = 0; i < UART_FIFO && waiting(); i++)
        outb(console_port + UART_DATA, (uint8_t)output[output_tail++ % OUTPUT_SIZE]);
}

/* Until the port has sent everything; one that never gets ready is waited for once. */
static void send_all(void)
{
    unsigned int patience = UART_PATIENCE;

    for (;;) {
        while (patience > 0 && console_port != DEBUG_PORT &&
               !(inb(console_port + UART_LSR) & LSR_ALL_SENT))
            patience--;
        if (!waiting())
            return;
        fill_fifo();
    }
}

/* Gives the port what it has room for; its interrupt asks for the rest. */
static void send(void)
{
    char note[80];

    ASSERT(spin_lock_held(&console_lock));
    if (!console_port)
        return;
    if (lines_lost && waiting() < OUTPUT_SIZE / 4) {
        size_t n = (size_t)snprintf(note, sizeof(note), "(CLV) console: %u lines were too much for the "
                                    "serial port\n", lines_lost);

        lines_lost = 0;
        put_line(note, n, OUTPUT_SIZE);
    }
    if (polled) {
        send_all();
        return;
    }
    if (inb(console_port + UART_LSR) & LSR_FIFO_EMPTY)
        fill_fifo();
    if (waiting())
        outb(console_port + UART_IER, IER_RECEIVED | IER_SENT);
}

size_t console_write_raw(const char *s, size_t n)
{
    spin_lock_scope(&console_lock);

    uint32_t limit = OUTPUT_SIZE / 4 * 3, room = waiting() < limit ? (limit - waiting()) / 2 : 0;

    n = MIN(n, room);
    put(s, n);
    send();
    return n;
}

void console_line(const char *line, size_t n, bool of_guest)
{
    spin_lock_scope(&console_lock);
    if (!put_line(line, n, of_guest ? OUTPUT_SIZE / 2 : OUTPUT_SIZE))
        lines_lost++;
    for (size_t i = 0; i < n; i++)
        ring[ring_end++ % RING_SIZE] = line[i];
    if (ring_end - ring_start > RING_SIZE)
        ring_start = ring_end - RING_SIZE;
    send();
}

void console_take_over(void)
{
    spin_init(&console_lock, LOCK_CONSOLE);
    this_cpu()->held[LOCK_CONSOLE] = 0;
    polled = true;
    console_write_raw("", 0);
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

/* --- the interrupt --- */

/* The I/O APIC sees edges: off and on makes a new one if there is still, or again, something to be done. */
static void interrupt(unsigned int vector, void *data)
{
    unsigned int received = 0;

    spin_lock_scope(&console_lock);
    for (; received < INPUT_SIZE && (inb(console_port + UART_LSR) & LSR_DATA_READY); received++) {
        char c = (char)inb(console_port + UART_DATA);

        if (input_head - input_tail < INPUT_SIZE)
            input[input_head++ % INPUT_SIZE] = c;
    }
    polled = false;
    send();
    outb(console_port + UART_IER, 0);
    outb(console_port + UART_IER, IER_RECEIVED | (waiting() ? IER_SENT : 0));
    if (received)
        softirq_raise(this_cpu()->id, SOFTIRQ_CONSOLE);
}

void console_start_interrupts(void)
{
    if (console_port == 0 || console_port == DEBUG_PORT) {
        console_irq = ~0u;               /* the line is dom0's, like the port */
        return;
    }
    if (console_irq >= host_ioapic_lines()) {
        log_warn("console: no I/O APIC line for the serial port: it is polled, and what is typed is not "
                 "seen\n");
        return;
    }

    struct host_route route = { .vector = (uint8_t)(VECTOR_GSI_FIRST + console_irq),
                                .apic_id = this_cpu()->apic_id };

    irq_set_handler(route.vector, interrupt, NULL);
    host_ioapic_route(console_irq, &route);
    outb(console_port + UART_IER, IER_RECEIVED | IER_SENT); /* the first shows that they come */
}

size_t console_dom0_read(char *buf, size_t n)
{
    size_t done = 0;

    spin_lock_scope(&console_lock);
    while (done < n && input_tail != input_head)
        buf[done++] = input[input_tail++ % INPUT_SIZE];
    return done;
}
