/* SPDX-License-Identifier: MIT */
/*
 * The journal of events. Writers append under a lock, so that lines are whole and in order, and the
 * file that is full becomes the old one. An append that the disk has no room for is taken back.
 * Read next: life.c.
 */
#define _GNU_SOURCE
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "report.h"

/* The journal takes at most twice as much. */
#define JOURNAL_MAX (1 << 20)

static bool echo;

void events_echo(void) { echo = true; }

static void timestamp(char *text, size_t size)
{
    struct timespec now;
    struct tm utc;
    size_t length;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    length = strftime(text, size, "%FT%T", &utc);
    snprintf(text + length, size - length, ".%03ldZ", now.tv_nsec / 1000000);
}

/* The caller frees the line. NULL: out of memory, or not UTF-8. */
static char *event_line(const struct vms_record *vm, const char *what, const char *detail)
{
    char time[32], *text, *line = NULL;
    json_t *event;

    timestamp(time, sizeof(time));
    event = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "v", 1, "time", time, "kind",
                      "lifecycle", "uuid", vm->uuid, "name", vm->name, "domid",
                      vm->domid == VMS_NO_DOMAIN ? json_null() : json_integer(vm->domid), "what",
                      what, "detail", detail);
    text = event ? json_dumps(event, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(event);
    if (text && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    return line;
}

/* Returns the journal's descriptor with its lock held, or a negative errno. */
static int open_journal(void)
{
    struct stat opened, named;
    int fd;

    for (;;) {
        fd = open(EVENTS_PATH, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX) < 0 || fstat(fd, &opened) < 0)
            break;
        /* another process may have made it the old one meanwhile */
        if (stat(EVENTS_PATH, &named) == 0 && named.st_ino == opened.st_ino) {
            if (opened.st_size < JOURNAL_MAX)
                return fd;
            if (rename(EVENTS_PATH, EVENTS_OLD_PATH) < 0)
                break;
        }
        close(fd);
    }

    int error = errno;

    close(fd);
    return -error;
}

static int append(const char *line)
{
    int fd = open_journal();
    size_t length = strlen(line);
    off_t end;
    ssize_t written;
    int rc = 0;

    if (fd < 0)
        return fd;
    end = lseek(fd, 0, SEEK_END);
    written = write(fd, line, length);
    if (written < 0 || (size_t)written < length) {
        rc = written < 0 ? -errno : -ENOSPC;
        if (ftruncate(fd, end) < 0)
            rc = -errno;
    }
    close(fd);
    return rc;
}

void events_append(const struct vms_record *vm, const char *what, const char *format, ...)
{
    static bool warned;
    char detail[512];
    va_list args;
    char *line;
    int rc;

    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    for (char *c = detail; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    if (echo)
        fprintf(stderr, "%s: %s%s%s\n", vm->name, what, detail[0] ? ": " : "", detail);
    line = event_line(vm, what, detail);
    rc = line ? append(line) : -ENOMEM;
    free(line);
    if (rc < 0 && !warned)
        report_warning("events are not written to " EVENTS_PATH ": %s", strerror(-rc));
    warned = rc < 0;
}
