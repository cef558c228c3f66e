/* SPDX-License-Identifier: MIT */
/* A connection to xenstored that tells when domains begin and end, and of new memory targets. */
#ifndef CLEAVED_WATCH_H
#define CLEAVED_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Connects, and asks for the watches of domains. Never waits. Returns a descriptor that is readable
 * when a domain was introduced or has ended, or a negative errno.
 */
int watch_open(void);

/*
 * Asks to be told of each change of the domain's memory target, from now until it is forgotten. The
 * first time at once. Return false if xenstored has no time now, or has gone.
 */
bool watch_target(int fd, uint32_t domid);
bool watch_forget(int fd, uint32_t domid);

enum watch_news {
    WATCH_GONE = 1,    /* xenstored */
    WATCH_DOMAINS = 2, /* one began or ended */
    WATCH_TARGETS = 4, /* a memory target */
};

/* Reads what has arrived, as bits. */
unsigned int watch_read(int fd);

#endif
