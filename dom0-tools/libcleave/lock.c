/* SPDX-License-Identifier: MIT */
/* A file lock, which the kernel releases when its holder exits. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "report.h"

/* Not in /run/lock, where any user could create and lock it. */
#define LOCK_FILE "/run/cleave.lock"

int lock_acquire(void)
{
    int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -1 : flock(fd, LOCK_EX);
    int error = errno;

    if (rc == 0)
        return fd;
    report_error(report_by_errno(error), "cannot lock %s: %s", LOCK_FILE, strerror(error));
    if (fd >= 0)
        close(fd);
    return -error;
}

void lock_release(int lock) { close(lock); }
