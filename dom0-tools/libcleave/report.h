/* SPDX-License-Identifier: MIT */
/* Error messages: one line that names the first cause, the numbers and a remedy, and its class. */
#ifndef LIBCLEAVE_REPORT_H
#define LIBCLEAVE_REPORT_H

#include <stdio.h>

/* What kind of error. The numbers are the exit statuses of cleave. */
enum report_class {
    REPORT_NONE = 0,
    REPORT_INTERNAL = 1,    /* a part of the system is broken, missing or out of its own memory */
    REPORT_USAGE = 2,       /* the command line, a VM file or a file named there is wrong */
    REPORT_NOT_FOUND = 3,   /* no such VM, file, bridge, ... */
    REPORT_STATE = 4,       /* exists already, is in use, or is in the wrong state */
    REPORT_MEMORY = 5,      /* the machine has too little memory for it */
    REPORT_CPU = 6,         /* the machine's CPUs or its scheduler refuse it */
    REPORT_TIMEOUT = 7,     /* not done in time; it may still happen */
    REPORT_GUEST = 8,       /* the guest failed */
    REPORT_PERMISSION = 9,  /* not allowed, or not root */
    REPORT_COOPERATION = 10 /* the guest does not take part: no driver, or not yet */
};

/* The first error of an operation. One belongs to each thread of control. */
struct report {
    enum report_class class; /* REPORT_NONE: no error */
    char *text;              /* one line without a newline; NULL: no error */
    FILE *echo;              /* errors and warnings are also printed there; NULL: nowhere */
    /* Gets each error, also later ones, and each warning (REPORT_NONE), if not NULL. */
    void (*listen)(void *listener, enum report_class class, const char *text);
    void *listener;
};

/*
 * Begins an operation of this thread: its first error goes to report, which is emptied. The library
 * reports to it until the next report_begin. Another thread that works for the same operation calls
 * report_join. report_end frees the text.
 */
void report_begin(struct report *report);
void report_end(struct report *report);
void report_join(struct report *report);
struct report *report_current(void); /* NULL: none has begun, and errors go to standard error */

/*
 * Records an error, unless the operation has one: consequences and clean-up would hide the first
 * cause. Functions of this library report, then return a negative errno.
 */
void report_error(enum report_class class, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints "cleave: warning: ...". */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "cleave: note: ...": what a script need not care about. */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Accessors. A text of "" and a name of "none" mean no error. */
enum report_class report_class(const struct report *report);
const char *report_text(const struct report *report);
const char *report_class_name(enum report_class class);

/* Returns the class of a failed system call or hypercall, when errno is all that is known. */
enum report_class report_by_errno(int error);

#endif
