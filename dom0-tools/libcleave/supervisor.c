/* SPDX-License-Identifier: MIT */
/* The client's side of cleaved's socket. Read next: ../cleaved/socket.c. */
#include "supervisor.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* It answers at once, but the machine may be busy. */
#define ANSWER_MS 5000

bool supervisor_ping(void)
{
    static const char ping[] = "{\"v\":1,\"request\":\"ping\"}\n";
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = ANSWER_MS / 1000 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd answer = { .fd = fd, .events = POLLIN };
    char byte;
    bool answers;

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", SUPERVISOR_SOCKET);
    answers = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
              send(fd, ping, strlen(ping), MSG_NOSIGNAL) > 0 && poll(&answer, 1, ANSWER_MS) > 0 &&
              read(fd, &byte, 1) == 1;
    close(fd);
    return answers;
}
