/* SPDX-License-Identifier: MIT */
/*
 * xenstored's watches @introduceDomain and @releaseDomain, in its wire format (xen/io/xs_wire.h).
 * libxenstore would read them in a thread, which ends silently when xenstored does; a plain socket
 * is closed then. What an event says does not matter: after any, all VMs are looked at. Read next:
 * main.c.
 */
#include "watch.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include <xenstore.h>

/* Asks for a watch. The request is smaller than any socket's buffer. */
static bool send_watch(int fd, const char *path)
{
    struct {
        struct xsd_sockmsg header;
        char body[64];
    } request = { .header = { .type = XS_WATCH } };
    size_t length = strlen(path) + 1;

    memcpy(request.body, path, length);
    strcpy(request.body + length, "cleaved");
    length += sizeof("cleaved");
    request.header.len = length;
    length += sizeof(request.header);
    return send(fd, &request, length, MSG_NOSIGNAL) == (ssize_t)length;
}

int watch_open(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = errno;

    if (fd < 0)
        return -error;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", xs_daemon_socket());
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        send_watch(fd, "@introduceDomain") && send_watch(fd, "@releaseDomain"))
        return fd;
    error = errno;
    close(fd);
    return -error;
}

bool watch_read(int fd)
{
    char bytes[4096];
    ssize_t length;

    do {
        length = read(fd, bytes, sizeof(bytes));
    } while (length > 0);
    return length < 0 && (errno == EAGAIN || errno == EINTR);
}
