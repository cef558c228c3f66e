/* SPDX-License-Identifier: MIT */
/*
 * A build holds a lock on one of a file's first bytes, so that a builder that dies releases it.
 * Twelve builds at once in a dom0 of 512 MiB have met its OOM killer, as each takes up to 105 MiB
 * there: so they take turns, as many at once as half of dom0's memory holds. Read next: build.c.
 */
#define _GNU_SOURCE
#include "buildslot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "lock.h"
#include "progress.h"
#include "report.h"

/* Beside lock.c's. */
#define LOCK_PATH "/run/cleave-build.lock"
#define SLOTS_MAX 8
#define BUILD_MIB 105 /* most that a build has taken, with Debian's kernel */
#define STEP_MS 50
#define WAIT_MS 600000

static unsigned int slot_count(void)
{
    struct sysinfo info;
    unsigned long long mib;

    if (sysinfo(&info) < 0)
        return 1;
    mib = (unsigned long long)info.totalram * info.mem_unit >> 20;
    if (mib / 2 / BUILD_MIB > SLOTS_MAX)
        return SLOTS_MAX;
    return mib / 2 < BUILD_MIB ? 1 : mib / 2 / BUILD_MIB;
}

/* Takes one of the first bytes of the file. Returns 0, -EBUSY: all are taken, or another error. */
static int try_slots(int fd, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        struct flock byte = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1 };

        if (fcntl(fd, F_OFD_SETLK, &byte) == 0)
            return 0;
        if (errno != EAGAIN && errno != EACCES)
            return -errno;
    }
    return -EBUSY;
}

int buildslot_take(const char *who)
{
    unsigned int count = slot_count(), waited = 0;
    int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -errno : try_slots(fd, count);

    while (rc == -EBUSY && waited < WAIT_MS) {
        if (lock_is_interrupted()) {
            rc = -EINTR;
            break;
        }
        progress_show("%s: waits for other VMs that are being built, %u at a time", who, count);
        usleep(STEP_MS * 1000);
        waited += STEP_MS;
        rc = try_slots(fd, count);
    }
    if (rc == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    if (rc == -EBUSY)
        report_error(REPORT_TIMEOUT, "VM \"%s\": %u other VMs are being built for %d s already",
                     who, count, WAIT_MS / 1000);
    else if (rc == -EINTR)
        report_error(REPORT_INTERNAL, "VM \"%s\": interrupted before it was built", who);
    else
        report_error(report_by_errno(-rc), "VM \"%s\": cannot lock " LOCK_PATH ": %s", who,
                     strerror(-rc));
    return rc;
}

void buildslot_release(int slot)
{
    if (slot >= 0)
        close(slot);
}
