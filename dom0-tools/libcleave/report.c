/* SPDX-License-Identifier: MIT */
/*
 * One error per operation. Library code reports where it knows the cause; its callers only unwind.
 * So the first report is the cause; later ones are consequences, and dropped. Read next: hv.c.
 */
#define _GNU_SOURCE
#include "report.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

#include "progress.h"

static _Thread_local struct report *current;

/*
 * Protects: the fields class and text of every report, since several threads may join one.
 * Order: innermost. Context: any thread.
 */
static pthread_mutex_t reports = PTHREAD_MUTEX_INITIALIZER;

/* Formats one line of any length. User input may contain control characters, which are replaced. */
static char *format_line(const char *format, va_list args)
{
    char *line;

    if (vasprintf(&line, format, args) < 0)
        return NULL;
    for (char *c = line; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    return line;
}

static void print_line(const char *prefix, const char *line)
{
    FILE *out = current ? current->echo : stderr;

    if (!out)
        return;
    progress_make_room();
    fflush(stdout);
    fprintf(out, "%s%s\n", prefix, line ? line : "out of memory");
    fflush(out);
}

void report_begin(struct report *report)
{
    pthread_mutex_lock(&reports);
    free(report->text);
    report->text = NULL;
    report->class = REPORT_NONE;
    pthread_mutex_unlock(&reports);
    current = report;
}

void report_end(struct report *report)
{
    report_begin(report);
    current = NULL;
}

void report_join(struct report *report) { current = report; }

struct report *report_current(void) { return current; }

static void tell_listener(enum report_class class, const char *line)
{
    if (current && current->listen)
        current->listen(current->listener, class, line ? line : "out of memory");
}

void report_error(enum report_class class, const char *format, ...)
{
    va_list args;
    char *line;

    va_start(args, format);
    line = format_line(format, args);
    va_end(args);
    pthread_mutex_lock(&reports);
    tell_listener(class, line);
    if (!current || current->class == REPORT_NONE) {
        print_line("cleave: ", line);
        if (current) {
            current->class = class;
            current->text = line;
            line = NULL;
        }
    }
    pthread_mutex_unlock(&reports);
    free(line);
}

void report_warning(const char *format, ...)
{
    va_list args;
    char *line;

    va_start(args, format);
    line = format_line(format, args);
    va_end(args);
    pthread_mutex_lock(&reports);
    tell_listener(REPORT_NONE, line);
    print_line("cleave: warning: ", line);
    pthread_mutex_unlock(&reports);
    free(line);
}

void report_note(const char *format, ...)
{
    va_list args;
    char *line;

    va_start(args, format);
    line = format_line(format, args);
    va_end(args);
    print_line("cleave: note: ", line);
    free(line);
}

enum report_class report_class(const struct report *report) { return report->class; }

const char *report_text(const struct report *report) { return report->text ? report->text : ""; }

const char *report_class_name(enum report_class class)
{
    static const char *const names[] = {
        [REPORT_NONE] = "none",
        [REPORT_INTERNAL] = "internal",
        [REPORT_USAGE] = "usage",
        [REPORT_NOT_FOUND] = "not-found",
        [REPORT_STATE] = "state",
        [REPORT_MEMORY] = "memory",
        [REPORT_CPU] = "cpu",
        [REPORT_TIMEOUT] = "timeout",
        [REPORT_GUEST] = "guest",
        [REPORT_PERMISSION] = "permission",
        [REPORT_COOPERATION] = "cooperation",
    };

    return class < sizeof(names) / sizeof(names[0]) ? names[class] : "internal";
}

enum report_class report_by_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
    case ENODEV: return REPORT_NOT_FOUND;
    case EEXIST:
    case EBUSY:
    case EALREADY: return REPORT_STATE;
    case ENOMEM: return REPORT_MEMORY;
    case ETIMEDOUT: return REPORT_TIMEOUT;
    case EPERM:
    case EACCES:
    case EROFS: return REPORT_PERMISSION;
    default: return REPORT_INTERNAL;
    }
}
