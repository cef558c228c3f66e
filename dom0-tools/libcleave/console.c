/* SPDX-License-Identifier: MIT */
/*
 * xenconsoled serves each guest's console on a pseudo-terminal of dom0 and writes its name into the store.
 * What a user types goes there byte by byte, so the own terminal is raw while connected. The pseudo-terminal
 * stays open when the guest ends only for a moment; a hang-up is the end. Next to read: domain.c.
 */
#define _GNU_SOURCE
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cleave-schema.h"
#include "report.h"

#define LEAVE      0x1d      /* Ctrl-] */
#define OPEN_MS    10000
#define OPEN_STEP  50
/* How often a silent console is checked for a guest that is gone. */
#define IDLE_MS    1000

/*
 * xenconsoled makes the terminal a moment after the domain. The descriptor, or a negative errno after an
 * error line.
 */
static int open_tty(struct xs_handle *store, const struct domain *domain)
{
    char path[64];

    for (int waited = 0; waited < OPEN_MS; waited += OPEN_STEP) {
        if (store_read_text(store, path, sizeof(path), SCHEMA_CONSOLE_TTY_PATH, domain->domid) && path[0]) {
            int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

            if (fd >= 0)
                return fd;
            report_error("console of \"%s\": %s: %s", domain->name, path, strerror(errno));
            return -errno;
        }
        usleep(OPEN_STEP * 1000);
    }
    report_error("console of \"%s\": no terminal after %d s: is xenconsoled running?", domain->name,
                 OPEN_MS / 1000);
    return -ENOENT;
}

static int write_all(int fd, const char *bytes, ssize_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (written > 0) {
            bytes += written;
            length -= written;
        }
    }
    return 0;
}

/* Input for the guest; false: the user leaves. */
static bool pass_input(int tty, bool *input_open)
{
    char bytes[512];
    ssize_t length = read(STDIN_FILENO, bytes, sizeof(bytes));
    const char *leave;

    if (length <= 0) {
        *input_open = false;
        return !isatty(STDIN_FILENO);
    }
    leave = isatty(STDIN_FILENO) ? memchr(bytes, LEAVE, length) : NULL;
    return write_all(tty, bytes, leave ? leave - bytes : length) == 0 && !leave;
}

static void exchange(struct hv *hv, int tty, const struct domain *domain)
{
    bool input_open = true;
    char bytes[4096];

    for (;;) {
        struct pollfd fds[2] = { { .fd = tty, .events = POLLIN },
                                 { .fd = input_open ? STDIN_FILENO : -1, .events = POLLIN } };
        int count = poll(fds, 2, IDLE_MS);
        struct domain now;

        if (count < 0 && errno != EINTR)
            return;
        if (count == 0 && (domain_get(hv, domain->domid, &now) < 0 || strcmp(now.uuid, domain->uuid) != 0))
            return;
        if (count <= 0)
            continue;
        if (fds[0].revents) {
            ssize_t length = read(tty, bytes, sizeof(bytes));

            if (length <= 0 || write_all(STDOUT_FILENO, bytes, length) < 0)
                return;
        }
        if (fds[1].revents && !pass_input(tty, &input_open))
            return;
    }
}

int console_attach(struct hv *hv, struct xs_handle *store, const struct domain *domain)
{
    bool terminal = isatty(STDIN_FILENO);
    struct termios saved, raw;
    int tty = open_tty(store, domain);

    if (tty < 0)
        return tty;
    if (tcgetattr(tty, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(tty, TCSANOW, &raw);
    }
    if (terminal) {
        fprintf(stderr, "Console of \"%s\"; Ctrl-] leaves it.\r\n", domain->name);
        tcgetattr(STDIN_FILENO, &saved);
        raw = saved;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    exchange(hv, tty, domain);
    if (terminal)
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    close(tty);
    return 0;
}
