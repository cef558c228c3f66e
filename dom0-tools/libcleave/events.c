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
#include "vms.h"

/* The journal takes at most twice as much. */
#define JOURNAL_MAX (1 << 20)

static bool echo;
static const char *actor; /* NULL: this program */

void events_echo(void) { echo = true; }

void events_by(const char *who) { actor = who; }

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

/* JSON holds UTF-8 only, and a terminal is spared control characters. */
static void make_printable(char *text)
{
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* The program, and who called it by sudo. */
static void name_actor(char *text, size_t size)
{
    const char *user = actor ? NULL : getenv("SUDO_USER");

    snprintf(text, size, "%s%s%s", actor ? actor : program_invocation_short_name,
             user && *user ? "/" : "", user && *user ? user : "");
    make_printable(text);
}

/* One event before it is written. */
struct event {
    const char *kind;
    const char *uuid, *name;
    uint32_t domid; /* VMS_NO_DOMAIN: none */
    const char *what;
    char detail[512];
    json_t *more; /* further members, or NULL */
};

/* The caller frees the line. NULL: out of memory, or not UTF-8. */
static char *event_line(const struct event *event)
{
    char time[32], by[64], *text, *line = NULL;
    json_t *object;

    timestamp(time, sizeof(time));
    name_actor(by, sizeof(by));
    object = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "v", 1, "time", time,
                       "kind", event->kind, "uuid", event->uuid, "name", event->name, "domid",
                       event->domid == VMS_NO_DOMAIN ? json_null() : json_integer(event->domid),
                       "what", event->what, "detail", event->detail, "by", by);
    if (object && event->more)
        json_object_update(object, event->more);
    text = object ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(object);
    if (text && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    return line;
}

/* Returns the journal's descriptor with its lock held, or a negative errno. */
static int open_journal(void)
{
    struct stat opened, named;
    bool made = false;
    int fd;

    for (;;) {
        fd = open(EVENTS_PATH, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fd < 0 && errno == ENOENT && !made && vms_make_folders() == 0) {
            made = true;
            continue;
        }
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

/* Writes the event to the journal, and frees its further members. */
static void write_event(struct event *event)
{
    static bool warned;
    const char *detail = event->detail;
    char *line;
    int rc;

    make_printable(event->detail);
    if (echo)
        fprintf(stderr, "%s: %s%s%s\n", event->name, event->what, detail[0] ? ": " : "", detail);
    line = event_line(event);
    rc = line ? append(line) : -ENOMEM;
    free(line);
    json_decref(event->more);
    if (rc < 0 && !warned)
        report_warning("events are not written to " EVENTS_PATH ": %s", strerror(-rc));
    warned = rc < 0;
}

static void append_kind(const char *kind, const struct vms_record *vm, const char *what,
                        const char *format, va_list args)
{
    struct event event = { kind, vm->uuid, vm->name, vm->domid, what, "", NULL };

    vsnprintf(event.detail, sizeof(event.detail), format, args);
    write_event(&event);
}

void events_append(const struct vms_record *vm, const char *what, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append_kind("lifecycle", vm, what, format, args);
    va_end(args);
}

void events_promise(const struct vms_record *vm, const char *what, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append_kind("promise", vm, what, format, args);
    va_end(args);
}

/* Names are chosen by the owners of VMs: xl accepts any bytes. */
static struct event event_of(const struct domain *domain, const char *kind, const char *what,
                             char *name, size_t size)
{
    snprintf(name, size, "%s", domain->name);
    make_printable(name);
    return (struct event){ kind, domain->uuid, name, domain->domid, what, "", NULL };
}

static void append_of_domain(const struct domain *domain, const char *kind, const char *what,
                             const char *detail)
{
    char name[sizeof(domain->name)];
    struct event event = event_of(domain, kind, what, name, sizeof(name));

    snprintf(event.detail, sizeof(event.detail), "%s", detail);
    write_event(&event);
}

void events_domain(const struct domain *domain, const char *what, const char *detail)
{
    append_of_domain(domain, "lifecycle", what, detail);
}

void events_store(const struct domain *domain, const char *what, const char *detail)
{
    append_of_domain(domain, "store", what, detail);
}

/* reason: or NULL. */
static void append_sizes(const struct domain *domain, const char *what, uint64_t old_kib,
                         uint64_t new_kib, const char *reason)
{
    char name[sizeof(domain->name)];
    struct event event = event_of(domain, "memory", what, name, sizeof(name));

    snprintf(event.detail, sizeof(event.detail), "%llu -> %llu MiB%s%s",
             (unsigned long long)old_kib / 1024, (unsigned long long)new_kib / 1024,
             reason ? ": " : "", reason ? reason : "");
    event.more =
        json_pack("{s:I, s:I}", "old_kib", (json_int_t)old_kib, "new_kib", (json_int_t)new_kib);
    write_event(&event);
}

void events_memory(const struct domain *domain, const char *what, uint64_t old_kib,
                   uint64_t new_kib)
{
    append_sizes(domain, what, old_kib, new_kib, NULL);
}

void events_target(const struct domain *domain, uint64_t old_kib, uint64_t new_kib,
                   const char *reason)
{
    append_sizes(domain, "memory-target", old_kib, new_kib, reason);
}

void events_balance(const struct domain *domain, const char *what, const char *detail)
{
    append_of_domain(domain, "memory", what, detail);
}

void events_vcpus(const struct domain *domain, const char *what, unsigned int before,
                  unsigned int after)
{
    char name[sizeof(domain->name)];
    struct event event = event_of(domain, "vcpus", what, name, sizeof(name));

    snprintf(event.detail, sizeof(event.detail), "%u -> %u", before, after);
    event.more = json_pack("{s:i, s:i}", "old", (int)before, "new", (int)after);
    write_event(&event);
}

void events_device(const struct domain *domain, const char *what, const char *device)
{
    append_of_domain(domain, "device", what, device);
}
