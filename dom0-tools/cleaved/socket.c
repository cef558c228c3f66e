/* SPDX-License-Identifier: MIT */
/*
 * Answers requests. A request is one line and is expected in one piece, as clients send it; a
 * client that sends anything else is told so and disconnected. Nobody is waited for. Read next:
 * main.c.
 */
#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"
#include "supervisor.h"
#include "work.h"

#define BACKLOG 64

int socket_listen(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", SUPERVISOR_SOCKET);
    unlink(SUPERVISOR_SOCKET);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        chmod(SUPERVISOR_SOCKET, 0660) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    rc = -errno;
    report_error(report_by_errno(-rc), "cannot create the socket %s: %s", SUPERVISOR_SOCKET,
                 strerror(-rc));
    if (fd >= 0)
        close(fd);
    return rc;
}

int socket_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* Returns the answer, or NULL: out of memory. */
static json_t *answer(const char *line, const struct socket_status *status)
{
    json_t *request = json_loads(line, 0, NULL);
    const char *word = NULL;
    json_t *reply;
    int version;

    if (!request || json_unpack(request, "{s:i, s:s}", "v", &version, "request", &word) != 0)
        reply = json_pack("{s:i, s:b, s:s}", "v", SUPERVISOR_VERSION, "ok", 0, "error",
                          "not a request: {\"v\":1,\"request\":\"ping\"}");
    else if (version != SUPERVISOR_VERSION)
        reply = json_pack("{s:i, s:b, s:s}", "v", SUPERVISOR_VERSION, "ok", 0, "error",
                          "another version of the protocol");
    else if (strcmp(word, "status") == 0)
        reply = json_pack("{s:i, s:b, s:i, s:i, s:i, s:b}", "v", SUPERVISOR_VERSION, "ok", 1, "pid",
                          (int)getpid(), "vms", (int)status->vms, "workers", (int)work_count(),
                          "store", status->store);
    else if (strcmp(word, "ping") == 0)
        reply = json_pack("{s:i, s:b}", "v", SUPERVISOR_VERSION, "ok", 1);
    else
        reply = json_pack("{s:i, s:b, s:s}", "v", SUPERVISOR_VERSION, "ok", 0, "error",
                          "unknown request: there are ping and status");
    json_decref(request);
    return reply;
}

static bool send_answer(int client, const char *line, const struct socket_status *status)
{
    json_t *reply = answer(line, status);
    char *text = reply ? json_dumps(reply, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    char *end = NULL;
    bool sent = false;

    if (text && asprintf(&end, "%s\n", text) > 0)
        sent = send(client, end, strlen(end), MSG_NOSIGNAL) == (ssize_t)strlen(end);
    json_decref(reply);
    free(text);
    free(end);
    return sent;
}

bool socket_serve(int client, const struct socket_status *status)
{
    char bytes[SUPERVISOR_LINE_MAX + 1], *rest = bytes, *line;
    ssize_t length = read(client, bytes, SUPERVISOR_LINE_MAX);

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    bytes[length > 0 ? length : 0] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL && rest)
        if (!send_answer(client, line, status))
            length = 0;
    if (line && *line) {
        send_answer(client, "", status);
        length = 0;
    }
    if (length > 0)
        return true;
    close(client);
    return false;
}
