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
#include "state.h"

struct keeper {
    uint32_t domid;
    uint64_t low, high;       /* the guest's RAM, in bytes */
    const char *terminals[2]; /* names of its consoles' terminals */
    int calls, orders;        /* the keeper's ends of two sockets */
    int control;              /* where tools connect (../libcleave/modelsocket.h) */
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
/* Passes the machine's state on to who has asked for it; NULL: it cannot be taken now. */
void keeper_tell_state(const struct state *state);

enum keeper_order {
    KEEPER_NOTHING,
    KEEPER_TARGET, /* the guest's memory target in KiB is *kib */
    KEEPER_SAVE,   /* the guest stands still: its state is wanted */
    KEEPER_RESUME, /* it goes on */
    KEEPER_GONE,
};

/* A descriptor that is readable when there is an order, for keeper_take. */
int keeper_descriptor(void);
/* Returns the next order, or KEEPER_NOTHING unless it is to wait for one. */
enum keeper_order keeper_take(bool wait, uint64_t *kib);

#endif
