/* SPDX-License-Identifier: MIT */
/* Loop devices (loop(4), linux/loop.h). Read next: devices.c. */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CONTROL "/dev/loop-control"

bool loop_available(void) { return access(CONTROL, R_OK | W_OK) == 0; }

int loop_attach(int file, const char *name, bool writable, bool direct_io)
{
    struct loop_config config = {
        .fd = file,
        .info.lo_flags = LO_FLAGS_AUTOCLEAR | (writable ? 0 : LO_FLAGS_READ_ONLY) |
                         (direct_io ? LO_FLAGS_DIRECT_IO : 0),
    };
    int control = open(CONTROL, O_RDWR | O_CLOEXEC);
    int error = errno;

    if (control < 0)
        return -error;
    snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", name);
    for (;;) {
        char path[32];
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        int loop = -1;

        if (number >= 0) {
            snprintf(path, sizeof(path), "/dev/loop%d", number);
            loop = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        }
        if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
            close(control);
            return loop;
        }
        error = errno;
        if (loop >= 0)
            close(loop);
        /* EBUSY: the free one was taken meanwhile */
        if (error != EBUSY) {
            close(control);
            return -error;
        }
    }
}

bool loop_backing(int loop, dev_t *device, ino_t *inode)
{
    struct loop_info64 info;

    if (ioctl(loop, LOOP_GET_STATUS64, &info) < 0)
        return false;
    *device = info.lo_device;
    *inode = info.lo_inode;
    return true;
}

void loop_detach(const char *path)
{
    int loop = open(path, O_RDONLY | O_CLOEXEC);

    if (loop < 0)
        return;
    ioctl(loop, LOOP_CLR_FD);
    close(loop);
}
