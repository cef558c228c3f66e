/* SPDX-License-Identifier: MIT */
/*
 * Consoles of one guest: the first one types, the others read the log that xenconsoled writes. The
 * guest is a pseudo-terminal and a file of the test's own, and a console is a process with its
 * output in a file. Run from the tree's root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "console.h"
#include "report.h"
#include "store.h"

#define FOLDER "build/tests/tools/console"
#define LOG FOLDER "/guest-vm.log"
#define LIMIT_MS 20000

static struct domain vm = { .domid = 1, .name = "vm" };
static int guest; /* its end of the pseudo-terminal */
static char tty[64];
static bool *gone; /* shared with the consoles */

bool __wrap_store_read_text(struct xs_handle *store, char *text, size_t size, const char *format,
                            ...);
bool __wrap_store_read_text(struct xs_handle *store, char *text, size_t size, const char *format,
                            ...)
{
    (void)store;
    (void)format;
    snprintf(text, size, "%s", tty);
    return true;
}

int __wrap_domain_get(struct hv *hv, uint32_t domid, const char *uuid, struct domain *domain);
int __wrap_domain_get(struct hv *hv, uint32_t domid, const char *uuid, struct domain *domain)
{
    (void)hv;
    (void)domid;
    (void)uuid;
    *domain = vm;
    return *gone ? -ESRCH : 0;
}

static void append(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static bool has(const char *path, const char *text)
{
    char bytes[4096] = "";
    FILE *file = fopen(path, "r");

    if (file) {
        bytes[fread(bytes, 1, sizeof(bytes) - 1, file)] = '\0';
        fclose(file);
    }
    return strstr(bytes, text);
}

static void await(const char *path, const char *text)
{
    for (int ms = 0; !has(path, text); ms += 10) {
        if (ms > LIMIT_MS)
            fail_msg("%s does not get: %s", path, text);
        usleep(10 * 1000);
    }
}

/* Starts a console whose words and messages go to a file. Returns its process. */
static pid_t start(const char *path, bool only_reads)
{
    struct report report = { .echo = stderr };
    pid_t child = fork();

    if (child != 0)
        return child;
    freopen("/dev/null", "r", stdin);
    freopen(path, "w", stdout);
    dup2(STDOUT_FILENO, STDERR_FILENO);
    setvbuf(stderr, NULL, _IONBF, 0);
    report_begin(&report);
    _exit((only_reads ? console_watch(NULL, &vm) : console_attach(NULL, NULL, &vm)) == 0 ? 0 : 1);
}

/* Starts one that only reads, and waits until it reads. */
static pid_t start_reader(void)
{
    pid_t child = start(FOLDER "/reader", true);
    char command[128];

    snprintf(command, sizeof(command), "ls -l /proc/%d/fd | grep -q guest-vm", child);
    for (int ms = 0; system(command) != 0; ms += 10) {
        assert_true(ms < LIMIT_MS);
        usleep(10 * 1000);
    }
    return child;
}

static int end_of(pid_t child)
{
    int status;

    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static int begin(void **state)
{
    int other;

    (void)state;
    assert_int_equal(system("rm -rf " FOLDER " && mkdir -p " FOLDER), 0);
    assert_int_equal(openpty(&guest, &other, tty, NULL, NULL), 0);
    gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    close(guest);
    return 0;
}

static void say(const char *text)
{
    assert_int_equal(write(guest, text, strlen(text)), strlen(text));
}

static void the_second_console_reads_the_log(void **state)
{
    pid_t first, second;

    (void)state;
    append(LOG, "before\n");
    first = start(FOLDER "/first", false);
    say("one ");
    await(FOLDER "/first", "one ");
    second = start(FOLDER "/second", false);
    await(FOLDER "/second", "another `cleave console` is connected: this one only shows");
    say("two ");
    append(LOG, "two in the log\n");
    await(FOLDER "/first", "two ");
    await(FOLDER "/second", "two in the log");
    say("three ");
    await(FOLDER "/first", "one two three ");
    assert_false(has(FOLDER "/second", "before"));
    assert_false(has(FOLDER "/second", "three"));
    /* what is written at the end is not lost */
    append(LOG, "last words\n");
    *gone = true;
    assert_int_equal(end_of(second), 0);
    assert_true(has(FOLDER "/second", "last words"));
    assert_int_equal(end_of(first), 0);
}

static void one_that_only_reads_leaves_the_terminal_alone(void **state)
{
    pid_t reader, first;

    (void)state;
    append(LOG, "");
    reader = start_reader();
    first = start(FOLDER "/first", false);
    say("for the first");
    await(FOLDER "/first", "for the first");
    append(LOG, "logged\n");
    await(FOLDER "/reader", "logged");
    assert_false(has(FOLDER "/first", "another"));
    *gone = true;
    assert_int_equal(end_of(reader), 0);
    assert_int_equal(end_of(first), 0);
}

/* xenconsoled's log is rotated; cleave-dm's begins anew when it is full. */
static void a_log_that_begins_anew_is_followed(void **state)
{
    pid_t reader;

    (void)state;
    append(LOG, "a long first line of this log\n");
    reader = start_reader();
    append(LOG, "second\n");
    await(FOLDER "/reader", "second\n");
    assert_int_equal(truncate(LOG, 0), 0);
    append(LOG, "cut\n");
    await(FOLDER "/reader", "cut\n");
    assert_int_equal(rename(LOG, LOG ".1"), 0);
    append(LOG, "rotated, and longer than what was read\n");
    await(FOLDER "/reader", "rotated, and longer");
    *gone = true;
    assert_int_equal(end_of(reader), 0);
}

static void without_a_log_there_is_a_remedy(void **state)
{
    pid_t first, second;

    (void)state;
    assert_int_equal(end_of(start(FOLDER "/reader", true)), 1);
    assert_true(has(FOLDER "/reader", "--log=guest"));
    first = start(FOLDER "/first", false);
    say("one");
    await(FOLDER "/first", "one");
    second = start(FOLDER "/second", false);
    await(FOLDER "/second", "each gets only a part");
    *gone = true;
    assert_int_equal(end_of(first), 0);
    assert_int_equal(end_of(second), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_second_console_reads_the_log),
        TEST(one_that_only_reads_leaves_the_terminal_alone),
        TEST(a_log_that_begins_anew_is_followed),
        TEST(without_a_log_there_is_a_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
