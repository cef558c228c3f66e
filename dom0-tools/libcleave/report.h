/* SPDX-License-Identifier: MIT */
/* Error messages: one line that names the first cause, the numbers and a remedy. */
#ifndef LIBCLEAVE_REPORT_H
#define LIBCLEAVE_REPORT_H

/*
 * Prints "cleave: ..." to standard error, unless an error was already reported since report_begin:
 * consequences would hide the first cause. Functions of this library report, then return a negative
 * errno.
 */
void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "cleave: warning: ...". */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Begins a new operation, whose first error is reported again. For long-running programs. */
void report_begin(void);

#endif
