/* SPDX-License-Identifier: MIT */
/*
 * The line of progress on a terminal: when it appears, what it says, that it vanishes, and that
 * nothing is written elsewhere. A child works with a terminal as its standard error; it waits for
 * the parent, which has seen the line. Next to read: dom0-tools/libcleave/progress.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "progress.h"
#include "report.h"

#define CLEAR "\r\033[K"
#define PATIENCE_MS 20000

static int terminal, go[2]; /* the terminal's other end; the child's permission to go on */
static char seen[65536];
static size_t length;

static void wait_for_parent(void)
{
    char byte;

    if (read(go[0], &byte, 1) != 1)
        _exit(1);
}

static pid_t start(void (*work)(void), int columns)
{
    struct winsize size = { .ws_row = 25, .ws_col = columns };
    pid_t child;

    length = 0;
    seen[0] = '\0';
    assert_int_equal(pipe(go), 0);
    child = forkpty(&terminal, NULL, NULL, &size);
    if (child == 0) {
        close(go[1]);
        signal(SIGINT, SIG_DFL); /* who started the tests may ignore it */
        progress_enable();
        work();
        _exit(0);
    }
    close(go[0]);
    return child;
}

/* Reads what the child has written. False: it has ended. */
static bool read_more(void)
{
    ssize_t count = read(terminal, seen + length, sizeof(seen) - 1 - length);

    if (count <= 0)
        return false;
    length += count;
    seen[length] = '\0';
    return true;
}

static void await_words(const char *words)
{
    struct pollfd output = { .fd = terminal, .events = POLLIN };

    while (!strstr(seen, words))
        if (poll(&output, 1, PATIENCE_MS) != 1 || !read_more())
            fail_msg("\"%s\" is not in: %s", words, seen);
}

static void let_go_on(void) { assert_int_equal(write(go[1], "", 1), 1); }

/* Returns the child's status. */
static int finish(pid_t child)
{
    int status;

    while (read_more())
        ;
    assert_int_equal(waitpid(child, &status, 0), child);
    close(terminal);
    close(go[1]);
    return status;
}

static bool ends_with(const char *words)
{
    size_t size = strlen(words);

    return length >= size && strcmp(seen + length - size, words) == 0;
}

static void work_long(void)
{
    progress_show("debian: loading %s", "the\nkernel");
    wait_for_parent();
    progress_percent(45);
    wait_for_parent();
    report_warning("the disk is slow");
    wait_for_parent();
    progress_end();
}

static void a_long_step_is_said_and_vanishes(void **state)
{
    pid_t child = start(work_long, 80);
    const char *warning;

    (void)state;
    await_words(CLEAR "debian: loading the?kernel (1 s)");
    let_go_on();
    await_words("debian: loading the?kernel 45 % (");
    let_go_on();
    await_words("slow\r\n" CLEAR "debian");
    let_go_on();
    assert_int_equal(finish(child), 0);
    warning = strstr(seen, "cleave: warning");
    assert_memory_equal(warning - strlen(CLEAR), CLEAR, strlen(CLEAR));
    if (!ends_with(CLEAR))
        fail_msg("the end is not clear: %s", seen);
}

static void work_shortly(void)
{
    for (int i = 0; i < 1000; i++) {
        progress_show("step %d", i);
        progress_end();
    }
}

static void short_steps_are_silent(void **state)
{
    (void)state;
    assert_int_equal(finish(start(work_shortly, 80)), 0);
    assert_string_equal(seen, "");
}

static void work_in_many_words(void)
{
    progress_show("%0100d", 7);
    wait_for_parent();
    progress_end();
}

/* A longer line would wrap, and the part above could not be cleared. */
static void a_line_fits_the_terminal(void **state)
{
    pid_t child = start(work_in_many_words, 30);

    (void)state;
    await_words(CLEAR "00000000000000000000000 (1 s)" CLEAR);
    let_go_on();
    assert_int_equal(finish(child), 0);
}

static void an_interrupt_clears_it(void **state)
{
    pid_t child = start(work_long, 80);
    int status;

    (void)state;
    await_words("(1 s)");
    assert_int_equal(write(terminal, "\003", 1), 1);
    status = finish(child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    /* the terminal may drop its ^C, as it drops what it has not written yet */
    if (!ends_with(CLEAR))
        fail_msg("the end is not clear: %s", seen);
}

static void work_elsewhere(void)
{
    int null = open("/dev/null", O_WRONLY);

    dup2(null, STDERR_FILENO);
    progress_enable();
    progress_show("unseen");
    progress_percent(1);
    usleep(1500000);
    progress_end();
}

static void nothing_is_written_but_to_a_terminal(void **state)
{
    (void)state;
    assert_int_equal(finish(start(work_elsewhere, 80)), 0);
    assert_string_equal(seen, "");
}

static void a_dumb_terminal_is_none(void **state)
{
    (void)state;
    setenv("TERM", "dumb", 1);
    assert_int_equal(finish(start(work_shortly, 80)), 0);
    setenv("TERM", "vt100", 1);
    assert_string_equal(seen, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_step_is_said_and_vanishes),
        cmocka_unit_test(short_steps_are_silent),
        cmocka_unit_test(a_line_fits_the_terminal),
        cmocka_unit_test(an_interrupt_clears_it),
        cmocka_unit_test(nothing_is_written_but_to_a_terminal),
        cmocka_unit_test(a_dumb_terminal_is_none),
    };

    setenv("TERM", "vt100", 1);
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
