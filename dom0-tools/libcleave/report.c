/* SPDX-License-Identifier: MIT */
/*
 * One error line an operation. Library code reports where it knows the cause; its callers only unwind. So the
 * first report is the cause, and later ones are consequences and are dropped. Next to read: hv.c.
 */
#include "report.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static bool reported;

static void print_line(const char *prefix, const char *format, va_list args)
{
    char line[1024];

    vsnprintf(line, sizeof(line), format, args);
    fflush(stdout);
    fprintf(stderr, "%s%s\n", prefix, line);
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

void report_begin(void)
{
    reported = false;
}
