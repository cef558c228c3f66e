/* SPDX-License-Identifier: MIT */
/*
 * The guest is never held up by its terminal. A serial port sends bytes one by one: they are passed
 * on by lines, or after a moment, since each system call costs the guest more than its byte. The
 * log, which begins anew when it is full, is in the place and form of xenconsoled's. Read next:
 * serial.c.
 */
#define _GNU_SOURCE
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#define LOG_MAX (4u << 20)
#define PART 256
#define MANY 1024

int terminal_open(struct terminal *terminal, int log)
{
    struct termios raw;
    int master, slave;

    memset(&raw, 0, sizeof(raw));
    cfmakeraw(&raw);
    if (openpty(&master, &slave, terminal->name, &raw, NULL) < 0)
        return -errno;
    fcntl(master, F_SETFL, O_NONBLOCK);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    terminal->source.fd = master;
    terminal->slave = slave;
    terminal->log = log;
    return 0;
}

static void watch(struct terminal *t)
{
    uint32_t events = t->kept ? EPOLLOUT : 0;

    if (t->room(t->owner))
        events |= EPOLLIN;
    loop_watch(&t->source, events);
}

static void take_input(struct terminal *t)
{
    char bytes[PART];
    size_t room = t->room(t->owner);
    ssize_t length;

    if (!room)
        return;
    length = read(t->source.fd, bytes, room < PART ? room : PART);
    if (length > 0)
        t->receive(t->owner, bytes, length);
}

static void ready(struct loop_source *source, uint32_t events)
{
    struct terminal *t = source->owner;

    if (events & EPOLLIN)
        take_input(t);
    terminal_flush(t);
}

void terminal_start(struct terminal *terminal)
{
    terminal->source.ready = ready;
    terminal->source.owner = terminal;
    watch(terminal);
}

static void write_log(struct terminal *t, const char *bytes, size_t length)
{
    ssize_t written;

    if (t->log < 0 || !length)
        return;
    if (t->logged + length > LOG_MAX) {
        if (ftruncate(t->log, 0) < 0)
            return;
        t->logged = 0;
    }
    written = write(t->log, bytes, length);
    if (written > 0)
        t->logged += written;
}

bool terminal_is_full(const struct terminal *terminal)
{
    return terminal->fresh >= MANY || (terminal->fresh && terminal->line);
}

bool terminal_is_fresh(const struct terminal *terminal) { return terminal->fresh; }

void terminal_send(struct terminal *terminal, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (terminal->fresh == TERMINAL_KEPT)
            terminal_flush(terminal);
        terminal->output[(terminal->head + terminal->kept) % TERMINAL_KEPT] = bytes[i];
        if (terminal->kept < TERMINAL_KEPT)
            terminal->kept++;
        else
            terminal->head = (terminal->head + 1) % TERMINAL_KEPT;
        terminal->fresh++;
        terminal->line |= bytes[i] == '\n';
    }
}

/* The fresh bytes are the last ones that are kept, in at most two pieces. */
static void log_fresh(struct terminal *t)
{
    size_t from = (t->head + t->kept - t->fresh) % TERMINAL_KEPT;
    size_t part = TERMINAL_KEPT - from < t->fresh ? TERMINAL_KEPT - from : t->fresh;

    write_log(t, t->output + from, part);
    write_log(t, t->output, t->fresh - part);
    t->fresh = 0;
    t->line = false;
}

void terminal_flush(struct terminal *terminal)
{
    log_fresh(terminal);
    while (terminal->kept) {
        size_t part = TERMINAL_KEPT - terminal->head;
        ssize_t written;

        if (part > terminal->kept)
            part = terminal->kept;
        written = write(terminal->source.fd, terminal->output + terminal->head, part);
        if (written <= 0)
            break;
        terminal->head = (terminal->head + written) % TERMINAL_KEPT;
        terminal->kept -= written;
    }
    watch(terminal);
}

void terminal_ready(struct terminal *terminal) { watch(terminal); }
