/* SPDX-License-Identifier: MIT */
/*
 * The console. The core's log and dom0's hvc0 share one serial port. A log ring keeps the core's
 * lines for sysctl readconsole. Output waits in a second ring, which the port's driver
 * (platform/uart.c) drains, so no CPU waits for the port. Input goes to a buffer, and VIRQ_CONSOLE
 * tells dom0 to fetch it through console_io.
 *
 * The output ring is limited per writer so that the core's own lines find room: guests' lines may
 * fill half of it, dom0 three quarters. A line that does not fit is counted and dropped from the
 * port only; it still reaches the log ring. dom0 gets a short write and must wait
 * (hypercall/console_io.c).
 *
 * Lock: console_lock protects both rings, the input buffer and the driver. It is the last in the
 * lock order, so that any code may print. Any context; a panic breaks it.
 *
 * Read next: log.c; platform/uart.c; hypercall/console_io.c.
 */
#include "lib/console.h"
#include "lib.h"
#include "percpu.h"

#define RING_SIZE 65536u /* all sizes are powers of two */
#define OUTPUT_SIZE 32768u
#define INPUT_SIZE 1024u

struct spinlock console_lock = SPINLOCK(LOCK_CONSOLE);
static console_send_fn *driver; /* NULL: no port */
static bool at_once;            /* after console_take_over: send by polling */
static bool inside_line;        /* the last character queued was not a newline */

/* Output waiting for the port, and the number of lines dropped since the last report. */
static char output[OUTPUT_SIZE];
static uint32_t output_head, output_tail, lines_lost;

/*
 * Counts of bytes: written in total, and at the last `clear`. The ring holds the last RING_SIZE
 * bytes.
 */
static char ring[RING_SIZE];
static uint32_t ring_end, ring_start;

static char input[INPUT_SIZE];
static uint32_t input_head, input_tail;

void console_set_driver(console_send_fn *send) { driver = send; }

/* --- output; console_lock is held --- */

uint32_t console_waiting(void) { return output_head - output_tail; }
uint8_t console_next(void) { return (uint8_t)output[output_tail++ % OUTPUT_SIZE]; }

static void queue_output(const char *s, size_t n)
{
    ASSERT(spin_lock_held(&console_lock));
    for (size_t i = 0; i < n && driver; i++) {
        if (s[i] == '\n')
            output[output_head++ % OUTPUT_SIZE] = '\r';
        output[output_head++ % OUTPUT_SIZE] = s[i];
        inside_line = s[i] != '\n';
    }
}

/* Queues a whole line, on a line by itself. Returns false if more than `limit` bytes would wait. */
static bool put_line(const char *line, size_t n, uint32_t limit)
{
    if (console_waiting() + 2 * n + 2 > limit) /* \n becomes \r\n */
        return false;
    if (inside_line)
        queue_output("\n", 1);
    queue_output(line, n);
    return true;
}

void console_send(void)
{
    char note[80];

    ASSERT(spin_lock_held(&console_lock));
    if (!driver)
        return;
    if (lines_lost && console_waiting() < OUTPUT_SIZE / 4) {
        size_t n = (size_t)snprintf(note, sizeof(note),
                                    "(CLV) console: %u lines dropped on the serial port\n",
                                    lines_lost);

        lines_lost = 0;
        put_line(note, n, OUTPUT_SIZE);
    }
    driver(at_once);
}

size_t console_write_raw(const char *s, size_t n)
{
    spin_lock_scope(&console_lock);

    uint32_t limit = OUTPUT_SIZE / 4 * 3, room = limit - MIN(console_waiting(), limit);

    n = MIN(n, room / 2);
    queue_output(s, n);
    console_send();
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
    console_send();
}

void console_take_over(void)
{
    spin_init(&console_lock, LOCK_CONSOLE);
    this_cpu()->held[LOCK_CONSOLE] = 0;
    at_once = true;
    console_write_raw("", 0);
}

/*
 * Copies the log ring to buf, if incremental only from byte *index on. Sets *index to the byte
 * after the last one copied. clear discards the ring's contents.
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

/* --- input --- */

void console_received(char c)
{
    ASSERT(spin_lock_held(&console_lock));
    if (input_head - input_tail < INPUT_SIZE)
        input[input_head++ % INPUT_SIZE] = c;
}

size_t console_dom0_read(char *buf, size_t n)
{
    size_t done = 0;

    spin_lock_scope(&console_lock);
    while (done < n && input_tail != input_head)
        buf[done++] = input[input_tail++ % INPUT_SIZE];
    return done;
}
