/* SPDX-License-Identifier: MIT */
/*
 * One line on the terminal that says what a long operation does now. It appears after a second, is
 * rewritten in place, and vanishes at the end. All is silent unless progress_enable was called and
 * standard error is a terminal.
 */
#ifndef LIBCLEAVE_PROGRESS_H
#define LIBCLEAVE_PROGRESS_H

void progress_enable(void);

/*
 * Says what is being done from now on, e.g. "debian: loading the kernel". A loop may call it in
 * each round, with numbers that change. Costs nothing while silent.
 */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Adds how far the present step is. */
void progress_percent(int percent);

/* The operation is over: what was shown vanishes. The next one has its own second. */
void progress_end(void);

/*
 * Makes room for another line on the terminal: clears what is shown, which returns a moment later.
 * Errors and warnings do so (report.c).
 */
void progress_make_room(void);

#endif
