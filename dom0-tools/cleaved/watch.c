/* SPDX-License-Identifier: MIT */
/*
 * xenstored's watches @introduceDomain and @releaseDomain and those of domains' memory targets, in
 * its wire format (xen/io/xs_wire.h). libxenstore would read them in a thread, which ends silently
 * when xenstored does; a plain socket is closed then. Which domain an event is about does not
 * matter: after any, all VMs are looked at. Read next: main.c.
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

#include "cleave-schema.h"

#define BODY_MAX 64

/* Of a message, what has arrived: its header, and the beginning of its body. */
static struct {
    struct xsd_sockmsg header;
    char body[BODY_MAX];
    size_t length; /* of both */
} message;

/* Asks for a watch, or its end. The request is smaller than any socket's buffer. */
static bool send_request(int fd, uint32_t type, const char *path)
{
    struct {
        struct xsd_sockmsg header;
        char body[BODY_MAX];
    } request = { .header = { .type = type } };
    size_t length = strlen(path) + 1;

    memcpy(request.body, path, length);
    strcpy(request.body + length, "cleaved");
    length += sizeof("cleaved");
    request.header.len = length;
    length += sizeof(request.header);
    return send(fd, &request, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool send_target(int fd, uint32_t type, uint32_t domid)
{
    char path[BODY_MAX / 2 + 1];

    snprintf(path, sizeof(path), SCHEMA_MEMORY_TARGET_PATH, domid);
    return send_request(fd, type, path);
}

bool watch_target(int fd, uint32_t domid) { return send_target(fd, XS_WATCH, domid); }

bool watch_forget(int fd, uint32_t domid) { return send_target(fd, XS_UNWATCH, domid); }

int watch_open(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = errno;

    if (fd < 0)
        return -error;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", xs_daemon_socket());
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        send_request(fd, XS_WATCH, "@introduceDomain") &&
        send_request(fd, XS_WATCH, "@releaseDomain")) {
        message.length = 0;
        return fd;
    }
    error = errno;
    close(fd);
    return -error;
}

/* Takes one byte. Returns the news of a message that is complete with it, or 0. */
static unsigned int take(char byte)
{
    size_t at = message.length++;

    if (at < sizeof(message.header))
        ((char *)&message.header)[at] = byte;
    else if (at - sizeof(message.header) < BODY_MAX)
        message.body[at - sizeof(message.header)] = byte;
    if (message.length < sizeof(message.header) ||
        message.length < sizeof(message.header) + message.header.len)
        return 0;
    message.length = 0;
    if (message.header.type != XS_WATCH_EVENT)
        return 0;
    return message.body[0] == '@' ? WATCH_DOMAINS : WATCH_TARGETS;
}

unsigned int watch_read(int fd)
{
    unsigned int news = 0;
    char bytes[4096];
    ssize_t length;

    do {
        length = read(fd, bytes, sizeof(bytes));
        for (ssize_t i = 0; i < length; i++)
            news |= take(bytes[i]);
    } while (length > 0);
    return length < 0 && (errno == EAGAIN || errno == EINTR) ? news : news | WATCH_GONE;
}
