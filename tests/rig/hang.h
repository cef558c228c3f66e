/* SPDX-License-Identifier: MIT */
/*
 * What a machine that hangs is doing: whether QEMU still takes commands, and which of its threads
 * run. A main loop that runs and takes no commands is QEMU's own trouble; an emulated CPU that runs
 * is the guest's or the hypervisor's.
 */
#ifndef RIG_HANG_H
#define RIG_HANG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define HANG_THREADS 64

/* The CPU time that each thread of a process has used. */
struct hang_sample {
    long when; /* ms */
    size_t count;
    struct hang_thread {
        pid_t id;
        char name[20];
        unsigned long ticks;
    } threads[HANG_THREADS];
};

/* Milliseconds of a clock that nobody sets. */
long hang_clock(void);

/* False: there is no such process any more. */
bool hang_take_sample(pid_t process, struct hang_sample *sample);

/* "main loop 97 %, CPU 0/TCG 1 %" into text: who ran between the two; "none" when nobody did. */
void hang_describe(const struct hang_sample *before, const struct hang_sample *after, char *text,
                   size_t size);

/* What came from QEMU's monitor so far; the oldest is dropped. */
struct hang_monitor {
    char said[1024];
    size_t used;
};

/* Sends a command line. False when it cannot be sent at once. */
bool hang_tell(int fd, const char *line);

/*
 * Reads what is there, without waiting. True when the answer to "info status" has arrived; the
 * machine's state, "running" or another word, is in state then.
 */
bool hang_answered(int fd, struct hang_monitor *monitor, char *state, size_t size);

#endif
