/* SPDX-License-Identifier: MIT */
/* Watches the serial line of a run: writes the log, keeps its last lines, detects a crash. */
#ifndef RIG_WATCH_H
#define RIG_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#define WATCH_LINE 512
#define WATCH_TAIL 30

struct watch {
    int log_fd; /* -1: no log */
    char line[WATCH_LINE];
    size_t used;
    char tail[WATCH_TAIL][WATCH_LINE]; /* a ring; lines counts all lines ever seen */
    size_t lines;
    bool crashed;
    char crash[WATCH_LINE]; /* the line that showed it */
};

/* Processes output of the serial line. Returns 0, or a negative errno from writing the log. */
int watch_feed(struct watch *watch, const char *bytes, size_t length);

/* Whether a line of the serial log reports a crash of the hypervisor or of dom0's kernel. */
bool watch_is_crash(const char *line);

/* Prints the last lines, control characters removed, to standard error. */
void watch_print_tail(const struct watch *watch);

#endif
