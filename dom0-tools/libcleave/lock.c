/* SPDX-License-Identifier: MIT */
/* A file lock, which the kernel releases when its holder exits. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "report.h"

/* Not in /run/lock, where any user could create and lock it. */
#ifndef LOCK_FILE /* tests have another */
#define LOCK_FILE "/run/cleave.lock"
#endif

/* It is held for milliseconds; but its holder may wait for a busy xenstored. */
#define LIMIT_MS 60000
#define STEP_MS 10

bool lock_is_interrupted(void)
{
    sigset_t pending;

    sigpending(&pending);
    return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
           sigismember(&pending, SIGHUP) || sigismember(&pending, SIGQUIT);
}

int lock_take(int fd, unsigned int ms)
{
    for (unsigned int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += STEP_MS) {
        if (errno != EWOULDBLOCK)
            return -errno;
        if (waited >= ms)
            return -EBUSY;
        if (lock_is_interrupted())
            return -EINTR;
        usleep(STEP_MS * 1000);
    }
    return 0;
}

int lock_acquire(void)
{
    int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : -lock_take(fd, LIMIT_MS);

    if (error == 0)
        return fd;
    if (error == EBUSY)
        report_error(REPORT_TIMEOUT,
                     "another program has held %s for %d s: `grep FLOCK /proc/locks` shows its "
                     "process: end it, or wait",
                     LOCK_FILE, LIMIT_MS / 1000);
    else if (error == EINTR)
        report_error(REPORT_INTERNAL, "interrupted while waiting for %s", LOCK_FILE);
    else
        report_error(report_by_errno(error), "cannot lock %s: %s", LOCK_FILE, strerror(error));
    if (fd >= 0)
        close(fd);
    return -error;
}

void lock_release(int lock) { close(lock); }
