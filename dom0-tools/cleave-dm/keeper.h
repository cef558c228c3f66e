/* SPDX-License-Identifier: MIT */
/*
 * A process stays privileged, for what the confined one may not do: it follows the guest's memory
 * target in the store, gives frames back and populates them, and notices the end of the guest and
 * of the confined process.
 */
#ifndef DM_KEEPER_H
#define DM_KEEPER_H

#include <stdint.h>
#include <sys/types.h>

#include "host.h"

struct keeper {
    uint32_t domid;
    uint64_t low, high;       /* the guest's RAM, in bytes */
    const char *terminals[2]; /* names of its consoles' terminals */
    int calls, orders;        /* the keeper's ends of two sockets */
};

/*
 * Serves the confined process until that or the domain ends, and exits. ready: a descriptor to
 * which the confined process' first word is passed on.
 */
void keeper_run(struct keeper *keeper, pid_t confined, int ready) __attribute__((noreturn));

/* --- in the confined process ------------------------------------------------------------------ */

/* Sets its ends of the sockets. */
void keeper_connect(int calls, int orders);
/* Tells that the guest may start. */
void keeper_tell_ready(void);
/* As struct host's: the keeper does it. */
size_t keeper_balloon(struct host *host, bool give, const uint64_t *frames, size_t count);
/* A descriptor that is readable when there is a new target, for keeper_target. */
int keeper_descriptor(void);
/* Returns the guest's memory target in KiB, or 0: none has come; or -1: the keeper is gone. */
int64_t keeper_target(void);

#endif
