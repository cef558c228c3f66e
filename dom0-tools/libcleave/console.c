/* SPDX-License-Identifier: MIT */
/*
 * xenconsoled provides each guest's console on a pseudo-terminal of dom0 and writes its name to the
 * store. Input is passed byte by byte, so the user's terminal is raw while connected. The
 * pseudo-terminal stays open for only a moment after the guest ends; a hang-up means the end. The
 * first of several consoles holds a lock on it; the others read the log, as bytes of the
 * pseudo-terminal go to one reader only. Read next: domain.c.
 */
#define _GNU_SOURCE
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cleave-schema.h"
#include "report.h"

#define LEAVE 0x1d /* Ctrl-] */
#define OPEN_MS 10000
#define OPEN_STEP 50
/* Interval of checks whether the guest still exists, while the console is silent. */
#define IDLE_MS 1000
#define CONSOLE_LOG_MAX 320

/*
 * Opens the console. xenconsoled creates the terminal shortly after the domain. Returns a
 * descriptor, or a negative errno after an error line.
 */
static int open_tty(struct hv *hv, struct xs_handle *store, const struct domain *domain)
{
    struct domain now;
    char path[64];
    int rc;

    for (int waited = 0; waited < OPEN_MS; waited += OPEN_STEP) {
        if (store_read_text(store, path, sizeof(path), SCHEMA_CONSOLE_TTY_PATH, domain->domid) &&
            path[0]) {
            int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

            if (fd >= 0)
                return fd;
            rc = -errno;
            report_error(report_by_errno(-rc), "console of \"%s\": %s: %s", domain->name, path,
                         strerror(-rc));
            return rc;
        }
        if (domain_get(hv, domain->domid, domain->uuid, &now) == -ESRCH) {
            report_error(REPORT_STATE, "console of \"%s\": the VM has ended", domain->name);
            return -ESRCH;
        }
        usleep(OPEN_STEP * 1000);
    }
    report_error(REPORT_TIMEOUT,
                 "console of \"%s\": no terminal after %d s: is xenconsoled running?", domain->name,
                 OPEN_MS / 1000);
    return -ENOENT;
}

/* The signal to exit by, after the terminal is restored. */
static volatile sig_atomic_t ended_by;

static void note_signal(int signal) { ended_by = signal; }

static int write_all(int fd, const char *bytes, ssize_t length)
{
    while (length > 0 && !ended_by) {
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

/*
 * Input that the pseudo-terminal has not accepted: the guest may not read it, or xenconsoled may be
 * stopped.
 */
struct input {
    bool open;
    char bytes[512];
    size_t length;
};

/* Reads input. False: the user detaches. Input beyond the buffer is dropped, except Ctrl-]. */
static bool read_input(struct input *input)
{
    char bytes[sizeof(input->bytes)];
    bool terminal = isatty(STDIN_FILENO);
    ssize_t length = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (length <= 0) {
        input->open = false;
        return !terminal;
    }
    const char *leave = terminal ? memchr(bytes, LEAVE, length) : NULL;

    if (input->length == 0) {
        input->length = leave ? leave - bytes : length;
        memcpy(input->bytes, bytes, input->length);
    }
    return !leave;
}

/* Returns 0, or a negative errno if the terminal is gone. */
static int write_input(int tty, struct input *input)
{
    ssize_t written = write(tty, input->bytes, input->length);

    if (written < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    input->length -= written;
    memmove(input->bytes, input->bytes + written, input->length);
    return 0;
}

static bool has_ended(const struct domain *domain)
{
    return domain->info.flags & XEN_DOMINF_dying || domain_is_shut_down(&domain->info);
}

/*
 * Copies data until the user detaches or the guest ends. Returns 0, or a negative errno after an
 * error line.
 */
static int exchange(struct hv *hv, int tty, const struct domain *domain)
{
    struct input input = { .open = true };
    bool terminal = isatty(STDIN_FILENO);
    char bytes[4096];

    while (!ended_by) {
        bool listens = input.open && (terminal || input.length == 0);
        struct pollfd fds[2] = { { .fd = tty, .events = input.length ? POLLIN | POLLOUT : POLLIN },
                                 { .fd = listens ? STDIN_FILENO : -1, .events = POLLIN } };
        int count = poll(fds, 2, IDLE_MS);
        struct domain now;

        /* A dying domain may persist while a stopped xenconsoled maps its page. */
        int rc = count == 0 ? domain_get(hv, domain->domid, domain->uuid, &now) : 0;

        /* One that is kept after its end says nothing more. */
        if (rc == -ESRCH || (count == 0 && rc == 0 && has_ended(&now)))
            break;
        if (count <= 0)
            continue;
        if (fds[0].revents & POLLOUT && write_input(tty, &input) < 0)
            break;
        if (fds[0].revents & ~POLLOUT) {
            ssize_t length = read(tty, bytes, sizeof(bytes));

            rc = length > 0 ? write_all(STDOUT_FILENO, bytes, length) : 0;

            if (rc < 0)
                report_error(REPORT_INTERNAL, "console of \"%s\": cannot write the output: %s",
                             domain->name, strerror(-rc));
            if (rc < 0 || length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
                return rc;
        }
        if (fds[1].revents && !read_input(&input)) {
            write_input(tty, &input);
            break;
        }
    }
    return 0;
}

/* --- only reading ----------------------------------------------------------------------------- */

/* Opens the log of the guest's console at its end. Returns a descriptor, or a negative errno. */
static int open_log(const struct domain *domain)
{
    char path[CONSOLE_LOG_MAX];
    int log;

    snprintf(path, sizeof(path), CONSOLE_LOG, domain->name);
    log = open(path, O_RDONLY | O_CLOEXEC);
    if (log < 0)
        return -errno;
    lseek(log, 0, SEEK_END);
    return log;
}

/* Goes on at the beginning, if the log was cut or replaced: it is full, or was rotated. */
static void go_on(int log, const struct domain *domain)
{
    char path[CONSOLE_LOG_MAX];
    struct stat opened, named;
    int next;

    snprintf(path, sizeof(path), CONSOLE_LOG, domain->name);
    if (fstat(log, &opened) < 0 || stat(path, &named) < 0)
        return;
    if (opened.st_ino != named.st_ino && (next = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
        dup3(next, log, O_CLOEXEC);
        close(next);
    } else if (opened.st_size < lseek(log, 0, SEEK_CUR)) {
        lseek(log, 0, SEEK_SET);
    }
}

/* Waits for a moment. False: the user leaves. Other keys have no effect. */
static bool stays(void)
{
    struct pollfd keys = { .fd = isatty(STDIN_FILENO) ? STDIN_FILENO : -1, .events = POLLIN };
    char bytes[64];
    ssize_t length;

    if (poll(&keys, 1, CONSOLE_FOLLOW_MS) <= 0)
        return true;
    length = read(STDIN_FILENO, bytes, sizeof(bytes));
    return length > 0 && !memchr(bytes, LEAVE, length);
}

/*
 * Copies what the guest says, from its log, until the user leaves or the guest ends. Returns 0, or
 * a negative errno after an error line.
 */
static int follow(struct hv *hv, int log, const struct domain *domain)
{
    bool ended = false, last = false;
    char bytes[4096];
    struct domain now;

    while (!ended_by) {
        ssize_t length = read(log, bytes, sizeof(bytes));
        int rc = length > 0 ? write_all(STDOUT_FILENO, bytes, length) : 0;

        if (rc < 0) {
            report_error(REPORT_INTERNAL, "console of \"%s\": cannot write the output: %s",
                         domain->name, strerror(-rc));
            return rc;
        }
        if (length > 0)
            continue;
        if (last || !stays())
            break;
        last = ended; /* once more: xenconsoled writes what was left */
        rc = domain_get(hv, domain->domid, domain->uuid, &now);
        ended = rc == -ESRCH || (rc == 0 && has_ended(&now));
        go_on(log, domain);
    }
    return 0;
}

/* --- the user's terminal ---------------------------------------------------------------------- */

/* exchange or follow */
typedef int copier(struct hv *hv, int from, const struct domain *domain);

/* Copies data with the user's terminal in raw mode, and always restores it. */
static int copy_raw(struct hv *hv, int from, const struct domain *domain, copier *copy)
{
    struct sigaction noted = { .sa_handler = note_signal }, old[2];
    struct termios saved, raw;
    int rc;

    fprintf(stderr, "Console of \"%s\"; Ctrl-] leaves it.\r\n", domain->name);
    tcgetattr(STDIN_FILENO, &saved);
    raw = saved;
    cfmakeraw(&raw);
    sigaction(SIGTERM, &noted, &old[0]);
    sigaction(SIGHUP, &noted, &old[1]);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    rc = copy(hv, from, domain);
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    sigaction(SIGTERM, &old[0], NULL);
    sigaction(SIGHUP, &old[1], NULL);
    if (ended_by)
        raise(ended_by);
    return rc;
}

static int copy_either(struct hv *hv, int from, const struct domain *domain, copier *copy)
{
    return isatty(STDIN_FILENO) ? copy_raw(hv, from, domain, copy) : copy(hv, from, domain);
}

/* Says what is left of a guest that was watched to its end. */
static void note_end(struct hv *hv, const struct domain *domain)
{
    struct domain now;

    if (domain_get(hv, domain->domid, domain->uuid, &now) == 0 && domain_is_shut_down(&now.info))
        report_note("\"%s\" has ended (%s) and is kept: `cleave destroy %s` removes what is left",
                    domain->name, domain_state(&now.info), domain->name);
}

int console_watch(struct hv *hv, const struct domain *domain)
{
    int log = open_log(domain);
    int rc;

    if (log < 0) {
        report_error(report_by_errno(-log),
                     "console of \"%s\": no log of it, " CONSOLE_LOG ": %s: xenconsoled writes it "
                     "when started with --log=guest",
                     domain->name, domain->name, strerror(-log));
        return log;
    }
    rc = copy_either(hv, log, domain, follow);
    close(log);
    if (rc == 0)
        note_end(hv, domain);
    return rc;
}

/* True if another console has the lock, and this one has shown the guest's words from the log. */
static bool watch_beside(struct hv *hv, int tty, const struct domain *domain, int *rc)
{
    int log;

    if (flock(tty, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return false;
    log = open_log(domain);
    if (log < 0) {
        report_warning("console of \"%s\": another `cleave console` is connected: each gets only a "
                       "part of the output",
                       domain->name);
        return false;
    }
    close(tty);
    report_note(
        "console of \"%s\": another `cleave console` is connected: this one only shows what "
        "the guest says from now on",
        domain->name);
    *rc = copy_either(hv, log, domain, follow);
    close(log);
    return true;
}

int console_attach(struct hv *hv, struct xs_handle *store, const struct domain *domain)
{
    int tty = open_tty(hv, store, domain);
    struct termios raw;
    int rc;

    if (tty < 0)
        return tty;
    store_unguard(); /* no more requests follow */
    if (!watch_beside(hv, tty, domain, &rc)) {
        if (tcgetattr(tty, &raw) == 0) {
            cfmakeraw(&raw);
            tcsetattr(tty, TCSANOW, &raw);
        }
        rc = copy_either(hv, tty, domain, exchange);
        close(tty);
    }
    if (rc == 0)
        note_end(hv, domain);
    return rc;
}
