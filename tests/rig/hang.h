/* SPDX-License-Identifier: MIT */
/*
 * Diagnoses a machine that hangs: whether QEMU still accepts commands, and which of its threads
 * run. A main loop that runs and accepts no commands is a fault of QEMU; an emulated CPU that runs
 * is one of the guest or the hypervisor.
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

/* Milliseconds of the monotonic clock. */
long hang_clock(void);

/* False: the process no longer exists. */
bool hang_take_sample(pid_t process, struct hang_sample *sample);

/*
 * "main loop 97 %, CPU 0/TCG 1 %" into text: the threads that ran between the two samples; "none"
 * if none did.
 */
void hang_describe(const struct hang_sample *before, const struct hang_sample *after, char *text,
                   size_t size);

/* Output of QEMU's monitor so far; the oldest is dropped. */
struct hang_monitor {
    char said[1024];
    size_t used;
};

/* Sends a command line. False if it cannot be sent at once. */
bool hang_tell(int fd, const char *line);

/*
 * Reads available output without waiting. True once the answer to "info status" has arrived; state
 * is then the machine's state, such as "running".
 */
bool hang_answered(int fd, struct hang_monitor *monitor, char *state, size_t size);

#endif
