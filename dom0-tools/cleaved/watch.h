/* SPDX-License-Identifier: MIT */
/* A connection to xenstored that tells when domains begin and end. */
#ifndef CLEAVED_WATCH_H
#define CLEAVED_WATCH_H

#include <stdbool.h>

/*
 * Connects, and asks for both watches. Never waits. Returns a descriptor that is readable when a
 * domain was introduced or has ended, or a negative errno.
 */
int watch_open(void);

/* Reads what has arrived. False: xenstored has gone. */
bool watch_read(int fd);

#endif
