/* SPDX-License-Identifier: MIT */
/*
 * The console, its serial port and messages, with a 16550 that the test lets send byte by byte. It
 * has one interrupt line, of which the I/O APIC sees the edges, as on the machine: a driver that
 * leaves the line high gets no further interrupt.
 */
#include "ports_fake.h"
#include "harness.h"
#include "cpu/clock.h"
#include "cpu/irq.h"
#include "cpu/softirq.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/log.h"
#include "platform/host_ioapic.h"
#include "platform/uart.h"

#include <stdio.h>
#include <string.h>

#define PORT 0x3f8
#define DEBUG_PORT 0xe9
#define FIFO 16
#define SENT_SIZE (1 << 20)

enum { DATA, IER, FCR, LCR, MCR, LSR };

void core_printk(enum log_level level, const char *fmt, ...);
void core_log_guest(const struct domain *d, const char *fmt, ...);

/* --- the UART --- */

static struct {
    uint8_t ier, lcr;
    /* absent; never sends; blocks the CPU that writes to it */
    bool absent, dead, stops;
    unsigned int looks; /* LSR reads until a byte is sent; 0: 8 */
    bool empty_told;    /* the transmitter's interrupt is pending */
    bool line, edge;    /* its level; rose since the handler last ran */
    char fifo[FIFO];
    unsigned int in_fifo, overruns, reads, writes;
    const char *typed, *typed_next; /* input that arrives when the FIFO is filled */
    char sent[SENT_SIZE];
    size_t sent_count;
} uart;

static bool at_once; /* sends at once, as an emulator does */
static irq_handler *handler;
static struct host_route route;
static const char *option_loglvl, *option_guest, *option_console;
static nsec_t now;
static unsigned int lines = 24, raised;

static void set_line(void)
{
    bool line = (uart.ier & 1 && uart.typed && *uart.typed) || (uart.ier & 2 && uart.empty_told);

    uart.edge |= line && !uart.line;
    uart.line = line;
}

static void send_byte(void)
{
    if (uart.in_fifo == 0 || uart.dead)
        return;
    assert_true(uart.sent_count < SENT_SIZE);
    uart.sent[uart.sent_count++] = uart.fifo[0];
    memmove(uart.fifo, uart.fifo + 1, --uart.in_fifo);
    if (uart.in_fifo == 0)
        uart.empty_told = true;
    set_line();
}

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    uint32_t val = 0;

    assert_int_equal(size, 1);
    uart.reads++;
    if (uart.absent)
        return 0xff;
    switch (port - PORT) {
    case DATA:
        assert_true(uart.typed && *uart.typed);
        val = (uint8_t)*uart.typed++;
        break;
    case LSR:
        val = (uart.typed && *uart.typed ? 1 : 0) | (uart.in_fifo == 0 ? 0x20 : 0);
        val |= uart.in_fifo == 0 ? 0x40 : 0;
        if (!uart.dead && !at_once && (uart.reads % (uart.looks ? uart.looks : 8)) == 0)
            send_byte(); /* repeated reads let time pass */
        break;
    default: fail_msg("port %x is read", port);
    }
    set_line();
    return val;
}

void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    assert_int_equal(size, 1);
    uart.writes++;
    if (uart.stops)
        panic("stopped\n");
    if (port == DEBUG_PORT) {
        uart.sent[uart.sent_count++] = (char)val;
        return;
    }
    switch (port - PORT) {
    case DATA:
        if (uart.lcr & 0x80)
            break;
        if (uart.in_fifo == FIFO) {
            uart.overruns++;
            break;
        }
        uart.fifo[uart.in_fifo++] = (char)val;
        uart.empty_told = false;
        if (uart.typed_next && !*uart.typed) {
            uart.typed = uart.typed_next;
            uart.typed_next = NULL;
        }
        set_line();
        if (at_once)
            send_byte();
        break;
    case IER:
        if (uart.lcr & 0x80)
            break;
        if (val & ~uart.ier & 2 && uart.in_fifo == 0)
            uart.empty_told = true;
        uart.ier = (uint8_t)val;
        break;
    case LCR: uart.lcr = (uint8_t)val; break;
    }
    set_line();
}

/* --- core functions that the console and the UART call --- */

nsec_t clock_now(void) { return now; }
unsigned int host_ioapic_lines(void) { return lines; }
void host_ioapic_route(unsigned int gsi, const struct host_route *r) { route = *r; }
void irq_set_handler(unsigned int vector, irq_handler *fn, void *data) { handler = fn; }
void softirq_raise(unsigned int cpu, enum softirq s) { raised |= 1u << s; }

const char *cmdline_get(const char *name)
{
    if (strcmp(name, "loglvl") == 0)
        return option_loglvl;
    if (strcmp(name, "guest_loglvl") == 0)
        return option_guest;
    return strcmp(name, "console") == 0 ? option_console : NULL;
}

/* --- helpers --- */

static int setup(void **state)
{
    (void)state;
    harness_memory_new(1);
    memset(&uart, 0, sizeof(uart));
    at_once = false;
    handler = NULL;
    option_loglvl = option_guest = option_console = NULL;
    now = 0;
    raised = 0;
    lines = 24;
    console_set_driver(uart_send);
    log_set_clock(clock_now);
    uart_init();
    log_init();
    return 0;
}

static void interrupt_if_edge(void)
{
    if (!uart.edge || !handler)
        return;
    uart.edge = false;
    handler(route.vector, NULL);
}

/* The port sends n bytes (or all), and interrupts are taken. */
static void let_send(unsigned int n)
{
    interrupt_if_edge();
    for (; n > 0 && uart.in_fifo; n--) {
        send_byte();
        interrupt_if_edge();
    }
}

static void start_interrupts(void)
{
    uart_start_interrupts();
    let_send(~0u);
    uart.sent_count = uart.reads = uart.writes = 0;
}

static void sent_is(const char *text)
{
    assert_int_equal(uart.sent_count, strlen(text));
    assert_memory_equal(uart.sent, text, strlen(text));
    assert_int_equal(uart.overruns, 0);
}

static bool sent_has(const char *text)
{
    uart.sent[uart.sent_count] = '\0';
    return strstr(uart.sent, text) != NULL;
}

/* Counts the character c in the output, or in the ring of `xl dmesg`. */
static unsigned int count_of(char c, const char *text, size_t n)
{
    unsigned int count = 0;

    for (size_t i = 0; i < n; i++)
        count += text[i] == c;
    return count;
}

/* A line of 100 bytes of one character. */
static void line_of(char c, bool of_guest)
{
    char line[100];

    memset(line, c, sizeof(line));
    line[99] = '\n';
    console_line(line, sizeof(line), of_guest);
}

/* --- sending --- */

static void it_is_polled_before_interrupts_come(void **state)
{
    assert_takes(LOCK_CONSOLE, 1, console_line("one\n", 4, false));
    uart_start_interrupts();
    console_line("two\n", 4, false); /* still disabled on this CPU */
    sent_is("one\r\ntwo\r\n");
    assert_true(uart.in_fifo == 0);
    assert_int_equal(route.vector, VECTOR_GSI_FIRST + 4);
}

static void a_machine_without_the_interrupt_stays_polled(void **state)
{
    lines = 4;
    uart_start_interrupts();
    assert_null(handler);
    uart.sent_count = 0;
    for (int i = 0; i < 1000; i++)
        line_of('a', true);
    assert_int_equal(uart.sent_count, 101 * 1000);
}

/* No CPU waits for the port, and the order is kept. */
static void the_interrupt_empties_the_ring(void **state)
{
    start_interrupts();
    line_of('a', false);
    assert_true(uart.reads <= 2);
    assert_true(uart.writes <= FIFO + 2);
    assert_takes(LOCK_CONSOLE, 1, assert_int_equal(console_write_raw("b\nc", 3), 3));
    line_of('d', false);
    assert_true(uart.sent_count < 10);
    let_send(~0u);
    assert_int_equal(uart.sent_count, 101 + 4 + 2 + 101);
    for (int i = 0; i < 99; i++) {
        assert_int_equal(uart.sent[i], 'a');
        assert_int_equal(uart.sent[107 + i], 'd');
    }
    assert_memory_equal(uart.sent + 99, "\r\nb\r\nc\r\n", 8);
    assert_int_equal(uart.overruns, 0);
    assert_int_equal(uart.ier, 1); /* otherwise it would keep interrupting */
}

/* An emulated port sends at once: each FIFO that it accepts raises the next interrupt. */
static void a_port_that_is_always_ready_gets_one_fifo_an_interrupt(void **state)
{
    unsigned int interrupts = 0;

    start_interrupts();
    at_once = true;
    line_of('a', false);
    assert_int_equal(uart.sent_count, FIFO);
    for (; uart.edge; interrupts++)
        interrupt_if_edge();
    assert_int_equal(uart.sent_count, 101);
    assert_in_range(interrupts, 6, 8);
}

/* Guests may fill half of the ring, dom0 three quarters. Dropped bytes are counted and reported. */
static void a_full_ring_loses_nothing_silently(void **state)
{
    static char text[65536], dmesg[65536];
    uint32_t index = 0, n;
    size_t taken = 0;

    start_interrupts();
    memset(text, 'r', sizeof(text));
    for (int i = 0; i < 400; i++)
        line_of('g', true);
    while ((n = console_write_raw(text, 256)) > 0) /* then dom0 has to wait */
        taken += n;
    assert_in_range(taken, 8000, 8500);
    line_of('g', true);
    for (int i = 0; i < 100; i++)
        line_of('c', false);
    n = console_ring_read(dmesg, sizeof(dmesg), &index, false, false);
    assert_int_equal(count_of('g', dmesg, n), 401 * 99);
    assert_int_equal(count_of('c', dmesg, n), 100 * 99);
    let_send(~0u);
    /* "dropped serial port" */
    assert_int_equal(count_of('r', uart.sent, uart.sent_count), taken + 3);
    n = count_of('g', uart.sent, uart.sent_count) / 99;
    assert_in_range(n, 155, 165);
    assert_in_range(count_of('c', uart.sent, uart.sent_count) / 99, 78, 82);
    assert_true(sent_has("lines dropped on the serial port"));
    n = 401 + 100 - n - count_of('c', uart.sent, uart.sent_count) / 99;
    snprintf(text, sizeof(text), " %u lines dropped", n);
    assert_true(sent_has(text));
    assert_int_equal(uart.overruns, 0);
    /* room again */
    assert_int_equal(console_write_raw(text, 256), 256);
    n = uart.sent_count;
    let_send(~0u);
    assert_int_equal(uart.sent_count, n + 256);
}

/* Newlines become two bytes: what fits into the ring is sent, and one line more is not. */
static void a_line_that_just_fits(void **state)
{
    static char newlines[20000];

    memset(newlines, '\n', sizeof(newlines));
    for (uint32_t waiting = 0; waiting < 2; waiting++)
        for (uint32_t more = 0; more < 2; more++) {
            setup(state);
            start_interrupts();
            assert_int_equal(console_write_raw("xxxxxxxxxxxxxxxxx", FIFO + waiting),
                             FIFO + waiting);
            uint32_t fits = (32768 - waiting) / 2 - 1; /* dom0's line is terminated first */

            console_line(newlines, fits + more, false);
            let_send(~0u);
            if (more) {
                assert_int_equal(count_of('\n', uart.sent, uart.sent_count), 2);
                assert_true(sent_has("console: 1 lines dropped"));
            } else {
                assert_int_equal(uart.sent_count, FIFO + waiting + 2 + 2 * fits);
                assert_int_equal(count_of('\n', uart.sent, uart.sent_count), 1 + fits);
            }
        }
}

/* dom0 continues at the port's pace: it waits until half a FIFO is free, not until all is. */
static void dom0_goes_on_as_the_port_does(void **state)
{
    static char text[65536];
    size_t total = 0, n;

    start_interrupts();
    memset(text, 'r', sizeof(text));
    while ((n = console_write_raw(text, 256)) == 256)
        total += n;
    total += n;
    for (int i = 0; i < 1000; i++) {
        let_send(40);
        total += console_write_raw(text, 256);
    }
    let_send(~0u);
    assert_int_equal(uart.sent_count, total);
    assert_true(total > 40 * 1000);
}

static void a_panic_and_a_power_off_send_everything(void **state)
{
    start_interrupts();
    for (int i = 0; i < 50; i++)
        line_of('a', false);
    assert_true(uart.sent_count < 50);
    console_take_over();
    assert_int_equal(uart.sent_count, 50 * 101);
    line_of('b', false);
    assert_int_equal(uart.sent_count, 51 * 101); /* also the FIFO: power goes off next */
    assert_int_equal(uart.overruns, 0);
}

static void a_cpu_that_stopped_while_it_printed_keeps_nobody(void **state)
{
    harness_cpu = 1;
    uart.stops = true;
    assert_panics(line_of('a', false));
    uart.stops = false;
    harness_cpu = 0;
    console_take_over();
    line_of('b', false);
    assert_int_equal(count_of('b', uart.sent, uart.sent_count), 99);
}

static void a_port_that_never_sends_is_not_waited_for_for_ever(void **state)
{
    start_interrupts();
    uart.dead = true;
    for (int i = 0; i < 400; i++)
        line_of('a', false);
    assert_true(uart.reads < 1000);
    console_take_over();
    assert_true(uart.reads < 200000);
}

/* 115,200 baud: a FIFO takes thousands of reads, and the last message is long. */
static void a_slow_port_gets_all_of_a_long_dump(void **state)
{
    uart.looks = 1000;
    console_take_over();
    for (int i = 0; i < 20; i++)
        line_of('a', false);
    assert_int_equal(uart.overruns, 0);
    assert_int_equal(count_of('a', uart.sent, uart.sent_count), 20 * 99);
}

static void without_a_port_there_is_the_ring(void **state)
{
    char text[8];
    uint32_t index = 0;

    memset(&uart, 0, sizeof(uart));
    option_console = "none";
    uart_init();
    uart_start_interrupts();
    console_line("hi\n", 3, false);
    assert_int_equal(console_write_raw("x", 1), 1);
    console_take_over();
    assert_int_equal(console_ring_read(text, sizeof(text), &index, false, false), 3);
    assert_int_equal(uart_irq, ~0u);
    assert_int_equal(uart.reads + uart.writes, 0);
}

/* An absent port is not polled for readiness. */
static void without_an_answer_it_is_the_debug_port(void **state)
{
    memset(&uart, 0, sizeof(uart));
    uart.absent = true;
    uart_init();
    uart_start_interrupts();
    uart.reads = 0;
    console_line("hi\n", 3, false);
    assert_int_equal(console_write_raw("x", 1), 1);
    sent_is("hi\r\nx");
    assert_int_equal(uart.reads, 0);
    assert_int_equal(uart_irq, ~0u);
}

/* --- what xl dmesg reads --- */

/*
 * The next piece begins where the last ended, also at the end of the ring. A slow reader gets what
 * is left.
 */
static void the_ring_is_read_in_pieces(void **state)
{
    static char text[65536 + 100];
    uint32_t index = 0;
    char piece[7];

    at_once = true;
    console_line("0123456789\n", 11, false);
    assert_takes(LOCK_CONSOLE, 1,
                 assert_int_equal(console_ring_read(piece, 7, &index, false, false), 7));
    assert_memory_equal(piece, "0123456", 7);
    assert_int_equal(index, 7);
    assert_int_equal(console_ring_read(piece, 7, &index, false, true), 4);
    assert_memory_equal(piece, "789\n", 4);
    assert_int_equal(index, 11);
    assert_int_equal(console_ring_read(piece, 7, &index, false, true), 0);
    assert_int_equal(console_ring_read(piece, 3, &index, false, false), 3); /* all of it again */
    assert_memory_equal(piece, "012", 3);
    assert_int_equal(index, 3);
    for (unsigned int i = 0; i < 700; i++) /* 70,000 bytes: over the end of the ring */
        line_of((char)('a' + i % 26), false);
    assert_int_equal(console_ring_read(text, sizeof(text), &index, false, true), 65536);
    assert_int_equal(index, 70011);
    for (unsigned int i = 0; i < 65536; i++) {
        unsigned int at = 70000 - 65536 + i;

        assert_int_equal(text[i], at % 100 == 99 ? '\n' : 'a' + at / 100 % 26);
    }
    assert_int_equal(console_ring_read(text, sizeof(text), &index, true, true), 0);
    assert_int_equal(console_ring_read(text, sizeof(text), &index, false, false), 0); /* cleared */
    console_line("x\n", 2, false);
    index = 5; /* older than the ring */
    assert_int_equal(console_ring_read(text, sizeof(text), &index, false, true), 2);
    assert_int_equal(index, 70013);
    index = 80000; /* in the future */
    assert_int_equal(console_ring_read(text, sizeof(text), &index, false, true), 2);
}

/* --- receiving --- */

static void what_is_typed_arrives_also_while_it_sends(void **state)
{
    char text[16] = "";

    start_interrupts();
    line_of('a', false);
    uart.typed = "hello";
    set_line();
    let_send(~0u);
    assert_int_equal(uart.sent_count, 101);
    assert_takes(LOCK_CONSOLE, 1, assert_int_equal(console_dom0_read(text, sizeof(text)), 5));
    assert_string_equal(text, "hello");
    assert_true(raised & 1u << SOFTIRQ_CONSOLE);
    uart.typed = "again";
    set_line();
    let_send(~0u);
    assert_int_equal(console_dom0_read(text, sizeof(text)), 5);
}

/*
 * Both causes at once, and the next key while the handler runs: unless the line falls, there is no
 * edge.
 */
static void no_edge_is_missed(void **state)
{
    char text[64];

    start_interrupts();
    for (int i = 0; i < 1000; i++) {
        static const char *const words[] = { "a", "bb", "ccc" };

        line_of('x', false);
        uart.typed = words[i % 3];
        uart.typed_next = "d";
        set_line();
        let_send(200);
        assert_null(uart.typed_next);
        assert_true(uart.typed[0] == '\0');
        assert_int_equal(console_dom0_read(text, sizeof(text)), i % 3 + 2);
    }
    let_send(~0u);
    assert_int_equal(uart.sent_count, 1000 * 101);
}

/* --- several CPUs --- */

static void a_hundred_lines(void)
{
    for (int i = 0; i < 100; i++)
        line_of((char)('a' + harness_cpu), false);
}

static void lines_of_two_cpus_do_not_mix(void **state)
{
    void (*const both[])(void) = { a_hundred_lines, a_hundred_lines };

    at_once = true;
    harness_run_cpus(both, 2);
    assert_int_equal(uart.sent_count, 200 * 101);
    for (int i = 0; i < 200 * 101; i += 101)
        assert_int_equal(count_of(uart.sent[i], uart.sent + i, 101), 99);
}

/* --- messages --- */

static void says(struct domain *d, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        core_log_guest(d, "!\n");
}

/* Counts the lines since the last call. */
static unsigned int said(void)
{
    unsigned int n = count_of('!', uart.sent, uart.sent_count);

    uart.sent_count = 0;
    return n;
}

static void a_domain_may_say_a_hundred_lines_at_once(void **state)
{
    static struct domain d = { .id = 3 };

    now = MSEC(900); /* the machine's first second */
    says(&d, 99);
    assert_int_equal(said(), 99);
    says(&d, 1000);
    assert_true(sent_has("d3: message rate limit reached"));
    assert_int_equal(said(), 1);
    now += SEC(9);
    says(&d, 10);
    assert_int_equal(said(), 0);
    now += SEC(2) + MSEC(10); /* one second past the silence: four more */
    says(&d, 10);
    assert_int_equal(said(), 4);
    now += SEC(3600);
    says(&d, 1000);
    assert_int_equal(said(), 100);
}

static void dom0_is_not_limited(void **state)
{
    static struct domain d = { .id = 0, .is_dom0 = true };

    says(&d, 1000);
    assert_int_equal(said(), 1000);
}

static void guest_loglvl_all_is_without_a_limit(void **state)
{
    static struct domain d = { .id = 3 };

    option_guest = "all";
    log_init();
    says(&d, 1000);
    assert_int_equal(said(), 1000);
    option_guest = "none";
    log_init();
    says(&d, 1000);
    assert_int_equal(said(), 0);
    option_guest = "none/all";
    log_init();
    says(&d, 1000);
    assert_int_equal(said(), 100);
    option_guest = "loud";
    d = (struct domain){ .id = 4 };
    log_init();
    assert_true(sent_has("warning: guest_loglvl=loud"));
    uart.sent_count = 0;
    says(&d, 1000);
    assert_int_equal(said(), 100);
}

static void loglvl_decides_what_the_core_says(void **state)
{
    option_loglvl = "warn";
    log_init();
    core_printk(LOG_INFO, "info\n");
    core_printk(LOG_WARN, "no end");
    sent_is("(CLV) warning: no end\r\n");
}

/* A message longer than a line is cut, and still ends with a newline. */
static void a_long_message_is_cut(void **state)
{
    static char text[500];
    const unsigned int most = 399 -
                              strlen("(CLV) \n"); /* lib/log.c has room for 400, a NUL among them */

    at_once = true;
    for (unsigned int newline = 0; newline < 2; newline++)
        for (unsigned int n = most - 5; n < sizeof(text) - 1; n++) {
            memset(text, 'a', n);
            strcpy(text + n, newline ? "\n" : "");
            uart.sent_count = 0;
            core_printk(LOG_INFO, "%s", text);
            assert_int_equal(count_of('a', uart.sent, uart.sent_count), MIN(n, most));
            assert_int_equal(uart.sent_count, strlen("(CLV) ") + MIN(n, most) + 2);
            assert_memory_equal(uart.sent + uart.sent_count - 3, "a\r\n", 3);
        }
}

static void a_log_of_many_causes_is_limited(void **state)
{
    struct log_rate rate = { 0 };
    unsigned int n = 0;

    for (int i = 0; i < 100000; i++) {
        bool allowed = log_allowed(&rate);

        n += allowed;
        assert_int_equal(log_is_last(&rate), n == 100);
        now += USEC(10);
    }
    assert_int_equal(n, 100);
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_polled_before_interrupts_come),
        TEST(a_machine_without_the_interrupt_stays_polled),
        TEST(the_interrupt_empties_the_ring),
        TEST(a_port_that_is_always_ready_gets_one_fifo_an_interrupt),
        TEST(a_full_ring_loses_nothing_silently),
        TEST(a_line_that_just_fits),
        TEST(dom0_goes_on_as_the_port_does),
        TEST(a_panic_and_a_power_off_send_everything),
        TEST(a_cpu_that_stopped_while_it_printed_keeps_nobody),
        TEST(a_port_that_never_sends_is_not_waited_for_for_ever),
        TEST(a_slow_port_gets_all_of_a_long_dump),
        TEST(without_a_port_there_is_the_ring),
        TEST(without_an_answer_it_is_the_debug_port),
        TEST(the_ring_is_read_in_pieces),
        TEST(what_is_typed_arrives_also_while_it_sends),
        TEST(no_edge_is_missed),
        TEST(lines_of_two_cpus_do_not_mix),
        TEST(a_domain_may_say_a_hundred_lines_at_once),
        TEST(dom0_is_not_limited),
        TEST(guest_loglvl_all_is_without_a_limit),
        TEST(loglvl_decides_what_the_core_says),
        TEST(a_long_message_is_cut),
        TEST(a_log_of_many_causes_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
