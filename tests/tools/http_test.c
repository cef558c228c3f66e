/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server of `cleave metrics`, in a process of its own, against clients that know HTTP and
 * clients that do not: each gets its answer, and none delays another.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "deadline.h"
#include "http.h"
#include "report.h"

#define LINE "0123456789abcdef\n"
#define LINES 500000 /* 8 MiB: more than a socket holds */

static pid_t server;
static struct sockaddr_in address;

/* Each second request fails, after a part of the page. */
static int render(FILE *out, void *data)
{
    static int calls;

    (void)data;
    if (++calls % 2 == 0) {
        fprintf(out, "part of a page, which is not sent");
        report_error(REPORT_INTERNAL, "no hypervisor");
        return -EIO;
    }
    for (int i = 0; i < LINES; i++)
        fputs(LINE, out);
    return 0;
}

static int start(void **state)
{
    static const struct http_page page = { "/metrics", "text/test", render, NULL };
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    (void)state;
    address =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 256) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        return -1;
    server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        http_serve(listener, &page);
        _exit(1);
    }
    close(listener);
    return server < 0;
}

/* The server is still there: no client has ended it. */
static int stop(void **state)
{
    int status, gone = waitpid(server, &status, WNOHANG);

    (void)state;
    kill(server, SIGKILL);
    waitpid(server, &status, 0);
    return gone != 0;
}

/* --- clients ---------------------------------------------------------------------------------- */

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Reads until the server closes. The caller frees the text. */
static char *drain(int fd, size_t *length)
{
    char *text = NULL, part[4096];
    FILE *all = open_memstream(&text, length);
    ssize_t got;

    while ((got = read(fd, part, sizeof(part))) > 0)
        fwrite(part, 1, got, all);
    fclose(all);
    close(fd);
    return text;
}

static void assert_answer(const char *text, size_t length, const char *status)
{
    const char *body = strstr(text, "\r\n\r\n"), *field = strstr(text, "Content-Length: ");

    if (strncmp(text, "HTTP/1.1 ", 9) != 0 || strncmp(text + 9, status, strlen(status)) != 0)
        fail_msg("not %s: %.60s", status, text);
    assert_non_null(body);
    assert_non_null(field);
    assert_non_null(strstr(text, "Connection: close\r\n"));
    assert_int_equal(strtoul(field + 16, NULL, 10), length - (body + 4 - text));
}

/* Sends a request, and ends sending if half is set. */
static void assert_status(const char *request, size_t size, bool half, const char *status)
{
    int fd = dial();
    size_t length;
    char *text;

    assert_int_equal(send(fd, request, size, MSG_NOSIGNAL), size);
    if (half)
        shutdown(fd, SHUT_WR);
    text = drain(fd, &length);
    assert_answer(text, length, status);
    free(text);
}

#define GET "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"

static void assert_page_or_error(const char *text, size_t length)
{
    bool page = strncmp(text, "HTTP/1.1 200", 12) == 0;

    assert_answer(text, length, page ? "200 OK" : "500");
    assert_true(page == (length > (size_t)LINES * strlen(LINE)));
    assert_int_equal(page, strstr(text, "text/test") != NULL);
    assert_int_equal(!page, strstr(text, "no hypervisor") != NULL);
    assert_null(strstr(text, "part of a page"));
}

/* --- tests ------------------------------------------------------------------------------------ */

static void the_page_is_served(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        size_t length;
        int fd = dial();
        char *text;

        assert_int_equal(write(fd, GET, strlen(GET)), strlen(GET));
        if (i >= 2)
            shutdown(fd, SHUT_WR);
        text = drain(fd, &length);
        assert_page_or_error(text, length);
        assert_int_equal(i % 2, strncmp(text, "HTTP/1.1 200", 12) != 0);
        free(text);
    }
}

static void other_requests_are_refused(void **state)
{
    static const struct {
        const char *request, *status;
    } cases[] = {
        { "GET / HTTP/1.1\r\n\r\n", "404" },
        { "GET /metrics/ HTTP/1.1\r\n\r\n", "404" },
        { "POST /x HTTP/1.1\r\n\r\n", "404" },
        { "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405" },
        { "HEAD /metrics HTTP/1.0\r\n\r\n", "405" },
        { "DELETE /metrics?x=y HTTP/1.0\n\n", "405" },
        { "GET /metrics\r\n\r\n", "400" },
        { "GET /metrics HTTP/2.0\r\n\r\n", "400" },
        { "GET /metrics HTTP/1.1 more\r\n\r\n", "400" },
        { "GET  /metrics HTTP/1.1\r\n\r\n", "400" },
        { "get /metrics HTTP/1.1\r\n\r\n", "400" },
        { " /metrics HTTP/1.1\r\n\r\n", "400" },
        { "GET metrics HTTP/1.1\r\n\r\n", "400" },
        { "\r\n\r\n", "400" },
        { "\x16\x03\x01\n\n", "400" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int half = 0; half < 2; half++)
            assert_status(cases[i].request, strlen(cases[i].request), half, cases[i].status);
    assert_status("GET /metrics\0 HTTP/1.1\r\n\r\n", 26, false, "400");
    assert_status("GET /met", 8, true, "400");
    assert_status("", 0, true, "400");
}

static void a_long_request_is_refused(void **state)
{
    static char request[4 * HTTP_REQUEST_MAX];

    (void)state;
    memset(request, 'a', sizeof(request));
    memcpy(request, "GET /metrics HTTP/1.1\r\nX: ", 26);
    assert_status(request, sizeof(request), false, "400");
    assert_status(request, HTTP_REQUEST_MAX, false, "400");
}

/* 200 clients say nothing, others stop in their request or do not read: one more is served. */
static void many_clients_block_nobody(void **state)
{
    int fds[200];
    long long begin = deadline_now();

    (void)state;
    for (int i = 0; i < 200; i++) {
        fds[i] = dial();
        if (i % 4 == 1)
            assert_int_equal(write(fds[i], "GET /", 5), 5);
        if (i % 4 == 2 && i > 180)
            send(fds[i], GET, strlen(GET), MSG_NOSIGNAL);
        if (i % 10 == 3)
            assert_status("GET / HTTP/1.1\r\n\r\n", 18, false, "404");
    }
    for (int i = 0; i < 10; i++)
        assert_status("GET / HTTP/1.1\r\n\r\n", 18, i % 2, "404");
    assert_true(deadline_now() - begin < HTTP_REQUEST_MS);
    for (int i = 0; i < 200; i++)
        close(fds[i]);
    assert_status("GET / HTTP/1.1\r\n\r\n", 18, false, "404");
}

/* A request comes byte by byte, and is answered; one that does not end is dropped. */
static void slow_clients_have_their_time(void **state)
{
    long long begin = deadline_now();
    int slow = dial(), fd = dial();
    size_t length;
    char *text;

    (void)state;
    assert_int_equal(write(slow, "GET /metrics", 12), 12);
    for (const char *c = "GET /x HTTP/1.1\r\n\r\n"; *c; c++) {
        assert_int_equal(write(fd, c, 1), 1);
        usleep(5000);
    }
    text = drain(fd, &length);
    assert_answer(text, length, "404");
    free(text);
    free(drain(slow, &length));
    assert_int_equal(length, 0);
    assert_in_range(deadline_now() - begin, HTTP_REQUEST_MS - 1000, 4 * HTTP_REQUEST_MS);
}

static void addresses_are_checked(void **state)
{
    static const char *const wrong[] = { "",        "0",       "65536",    "x",
                                         "-1",      "80x",     ":80",      "1.2.3:80",
                                         "host:80", "::1:80",  "[::1]:0",  "[1.2.3.4]:80",
                                         "[::1:80", "1.2.3.4", "1.2.3.4:", "99999999999999999999" };
    static struct report report;
    char taken[16];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        report_begin(&report);
        assert_true(http_listen(wrong[i]) < 0);
        assert_int_equal(report_class(&report), REPORT_USAGE);
    }
    report_begin(&report);
    snprintf(taken, sizeof(taken), "%u", ntohs(address.sin_port));
    assert_true(http_listen(taken) < 0);
    assert_int_equal(report_class(&report), REPORT_STATE);
    report_end(&report);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_page_is_served, start, stop),
        cmocka_unit_test_setup_teardown(other_requests_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(a_long_request_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(many_clients_block_nobody, start, stop),
        cmocka_unit_test_setup_teardown(slow_clients_have_their_time, start, stop),
        cmocka_unit_test_setup_teardown(addresses_are_checked, start, stop),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
