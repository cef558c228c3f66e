/* SPDX-License-Identifier: MIT */
/*
 * One error line per operation. Library code reports where it knows the cause; its callers only
 * unwind. So the first report is the cause; later ones are consequences, and dropped. Read next:
 * hv.c.
 */
#define _GNU_SOURCE
#include "report.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool reported;

/* Prints one line of any length. User input may contain control characters, which are replaced. */
static void print_line(const char *prefix, const char *format, va_list args)
{
    char *line;

    if (vasprintf(&line, format, args) < 0)
        line = NULL;
    for (char *c = line; c && *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    fflush(stdout);
    fprintf(stderr, "%s%s\n", prefix, line ? line : "out of memory");
    free(line);
}

void report_error(const char *format, ...)
{
    va_list args;

    if (reported)
        return;
    reported = true;
    va_start(args, format);
    print_line("cleave: ", format, args);
    va_end(args);
}

void report_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line("cleave: warning: ", format, args);
    va_end(args);
}

void report_begin(void) { reported = false; }
