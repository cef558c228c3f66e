/* SPDX-License-Identifier: MIT */
/*
 * How the tools speak to people: one error line, which names the first cause, the numbers and a
 * remedy.
 */
#ifndef LIBCLEAVE_REPORT_H
#define LIBCLEAVE_REPORT_H

/*
 * Prints "cleave: ..." to standard error, unless an error was already reported since report_begin:
 * what follows from the first cause would only hide it. Functions of this library report and then
 * return a negative errno.
 */
void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "cleave: warning: ...". */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A new operation: the next error is a first one again. For programs that live on after one. */
void report_begin(void);

#endif
