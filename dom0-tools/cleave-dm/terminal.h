/* SPDX-License-Identifier: MIT */
/* A pseudo-terminal of dom0 for a console of the guest, with a log. */
#ifndef DM_TERMINAL_H
#define DM_TERMINAL_H

#include <stddef.h>

#include "loop.h"

#define TERMINAL_KEPT 65536
#define TERMINAL_NAME 32

struct terminal {
    struct loop_source source; /* the terminal's master side */
    int slave;                 /* held open, so that a user who leaves does not end it */
    int log;                   /* or -1 */
    uint64_t logged;
    char name[TERMINAL_NAME]; /* /dev/pts/N */
    /* How much input can be passed on now, and its recipient. */
    size_t (*room)(void *owner);
    void (*receive)(void *owner, const char *bytes, size_t length);
    void *owner;
    size_t head, kept;
    size_t fresh; /* of kept, and not logged yet */
    bool line;    /* a line has ended since */
    char output[TERMINAL_KEPT];
};

/* Opens the terminal. Returns 0 or a negative errno. */
int terminal_open(struct terminal *terminal, int log);
/* Begins to pass on input. */
void terminal_start(struct terminal *terminal);
/*
 * Output of the guest, which waits for terminal_flush. What nobody reads is kept, the last
 * TERMINAL_KEPT bytes of it.
 */
void terminal_send(struct terminal *terminal, const char *bytes, size_t length);
/* Whether there is enough of it to be passed on, and whether there is any. */
bool terminal_is_full(const struct terminal *terminal);
bool terminal_is_fresh(const struct terminal *terminal);
/* Passes it on. */
void terminal_flush(struct terminal *terminal);
/* The recipient has room for input now. */
void terminal_ready(struct terminal *terminal);

#endif
