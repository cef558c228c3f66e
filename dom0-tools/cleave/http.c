/* SPDX-License-Identifier: MIT */
/*
 * Serves a page by HTTP/1.1 (RFC 9112), each request on a connection of its own. A client has so
 * long for its request and so long for the answer; both sockets and answers wait in one poll.
 */
#define _GNU_SOURCE
#include "http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadline.h"
#include "report.h"

#define BACKLOG 64
#define AGAIN_MS 100 /* after a failure to accept: no descriptor is free */

/* --- listening -------------------------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool read_port(const char *text, in_port_t *port)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)*text) || *end || number < 1 || number > UINT16_MAX)
        return false;
    *port = htons(number);
    return true;
}

/* Reads [ADDR:]PORT. Returns the address's length; 0: it is neither. */
static socklen_t read_address(const char *where, union address *address)
{
    const char *colon = strrchr(where, ':');
    size_t length = colon ? colon - where : 0;
    char host[64] = "127.0.0.1";
    in_port_t port;

    if (!read_port(colon ? colon + 1 : where, &port) || length >= sizeof(host))
        return 0;
    memset(address, 0, sizeof(*address));
    if (length > 2 && where[0] == '[' && where[length - 1] == ']') {
        snprintf(host, sizeof(host), "%.*s", (int)length - 2, where + 1);
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = port;
        return inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1 ? sizeof(address->v6) : 0;
    }
    if (colon)
        snprintf(host, sizeof(host), "%.*s", (int)length, where);
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = port;
    return inet_pton(AF_INET, host, &address->v4.sin_addr) == 1 ? sizeof(address->v4) : 0;
}

int http_listen(const char *where)
{
    union address address;
    socklen_t length = read_address(where, &address);
    int fd, on = 1, rc = 0;

    if (!length) {
        report_error(REPORT_USAGE,
                     "--listen %s: must be PORT, ADDR:PORT or [IPV6ADDR]:PORT, with a port from 1 "
                     "to 65535",
                     where);
        return -EINVAL;
    }
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, &address.any, length) < 0 || listen(fd, BACKLOG) < 0)
        rc = -errno;
    if (rc == 0)
        return fd;
    report_error(rc == -EADDRINUSE ? REPORT_STATE : report_by_errno(-rc),
                 "cannot listen on %s: %s%s", where, strerror(-rc),
                 rc == -EADDRINUSE ? ": choose another port, or end the other program" : "");
    if (fd >= 0)
        close(fd);
    return rc;
}

/* --- requests --------------------------------------------------------------------------------- */

struct client {
    int fd; /* -1: free */
    long long end;
    char request[HTTP_REQUEST_MAX + 1];
    size_t got;
    bool ended;   /* it sends no more */
    char *answer; /* NULL: the request is not complete yet */
    size_t length, sent;
};

/* The head is complete with an empty line. A lone newline ends a line, too. */
static bool is_complete(const struct client *client)
{
    return memmem(client->request, client->got, "\r\n\r\n", 4) ||
           memmem(client->request, client->got, "\n\n", 2);
}

/* Splits "METHOD PATH HTTP/1.x". False: it is something else. */
static bool split_request(char *line, char **method, char **path)
{
    char *version;

    line[strcspn(line, "\r\n")] = '\0';
    *method = line;
    *path = strchr(line, ' ');
    if (!*path)
        return false;
    *(*path)++ = '\0';
    version = strchr(*path, ' ');
    if (!version)
        return false;
    *version++ = '\0';
    (*path)[strcspn(*path, "?")] = '\0';
    return **method && strspn(*method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(*method) &&
           **path == '/' && (strcmp(version, "HTTP/1.0") == 0 || strcmp(version, "HTTP/1.1") == 0);
}

/* Returns the status for a request; only 200 has the page as its body. */
static int judge(const struct client *client, char *line, const struct http_page *page)
{
    char *method, *path;

    if (!is_complete(client) || memchr(client->request, '\0', client->got) ||
        !split_request(line, &method, &path))
        return 400;
    if (strcmp(path, page->path) != 0)
        return 404;
    return strcmp(method, "GET") == 0 ? 200 : 405;
}

/* Renders the page, or the error that prevents it. Returns the status. */
static int render_page(const struct http_page *page, FILE *body)
{
    static struct report report;
    struct report *outer = report_current();
    int rc;

    report = (struct report){ .echo = stderr };
    report_begin(&report);
    rc = page->render(body, page->data);
    if (rc < 0) {
        rewind(body);
        fprintf(body, "%s\n", report_text(&report));
    }
    report_end(&report);
    report_join(outer);
    return rc < 0 ? 500 : 200;
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    default: return "Internal Server Error";
    }
}

/* Makes the answer to what the client has sent. False: out of memory. */
static bool answer(struct client *client, const struct http_page *page)
{
    char *body = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&body, &length);
    int status = out ? judge(client, client->request, page) : 500, head;

    if (!out)
        return false;
    if (status == 200)
        status = render_page(page, out);
    else
        fprintf(out, "%s: there is GET %s\n", reason_of(status), page->path);
    if (fclose(out) != 0) {
        free(body);
        return false;
    }
    head = asprintf(&client->answer,
                    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%sConnection: "
                    "close\r\n\r\n%.*s",
                    status, reason_of(status),
                    status == 200 ? page->type : "text/plain; charset=utf-8", length,
                    status == 405 ? "Allow: GET\r\n" : "", (int)length, body);
    free(body);
    client->length = head;
    if (head < 0)
        client->answer = NULL;
    client->end = deadline_now() + HTTP_ANSWER_MS;
    return client->answer;
}

/* --- clients ---------------------------------------------------------------------------------- */

static void drop(struct client *client)
{
    close(client->fd);
    free(client->answer);
    client->fd = -1;
    client->answer = NULL;
}

/* Returns a free place, for which the oldest client may have to go. */
static struct client *find_place(struct client *clients)
{
    struct client *oldest = clients;

    for (int i = 0; i < HTTP_CLIENTS_MAX; i++) {
        if (clients[i].fd < 0)
            return &clients[i];
        if (clients[i].end < oldest->end)
            oldest = &clients[i];
    }
    drop(oldest);
    return oldest;
}

/* Returns 0; or a negative errno, -EAGAIN among them, if there is nobody to accept. */
static int accept_one(int listener, struct client *clients)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *client;

    if (fd < 0)
        return -errno;
    client = find_place(clients);
    client->fd = fd;
    client->got = client->length = client->sent = 0;
    client->ended = false;
    client->end = deadline_now() + HTTP_REQUEST_MS;
    return 0;
}

/* Reads what has come, also after the request: else TCP would reset the answer. */
static void receive(struct client *client, const struct http_page *page)
{
    char rest[1024];
    bool whole = client->answer;
    ssize_t got =
        whole ? read(client->fd, rest, sizeof(rest))
              : read(client->fd, client->request + client->got, HTTP_REQUEST_MAX - client->got);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    client->ended = got == 0;
    if (got < 0 || (client->ended && client->sent == client->length && whole)) {
        drop(client);
        return;
    }
    if (whole)
        return;
    client->got += got;
    client->request[client->got] = '\0';
    if ((is_complete(client) || client->ended || client->got == HTTP_REQUEST_MAX) &&
        !answer(client, page))
        drop(client);
}

/* Sends the answer. After its end the client is waited for to close. */
static void reply(struct client *client)
{
    ssize_t sent = send(client->fd, client->answer + client->sent, client->length - client->sent,
                        MSG_NOSIGNAL);

    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    client->sent += sent > 0 ? sent : 0;
    if (sent < 0 || (client->sent == client->length && client->ended))
        drop(client);
    else if (client->sent == client->length)
        shutdown(client->fd, SHUT_WR);
}

static short wishes(const struct client *client)
{
    bool sends = client->answer && client->sent < client->length;

    return (client->ended ? 0 : POLLIN) | (sends ? POLLOUT : 0);
}

/* Drops who is late. Returns the ms until the next may be late, or -1. */
static int expire(struct client *clients)
{
    long long now = deadline_now(), next = -1;

    for (int i = 0; i < HTTP_CLIENTS_MAX; i++) {
        if (clients[i].fd >= 0 && clients[i].end <= now)
            drop(&clients[i]);
        if (clients[i].fd >= 0 && (next < 0 || clients[i].end < now + next))
            next = clients[i].end - now;
    }
    return next;
}

static void serve_clients(struct client *clients, const struct pollfd *ready,
                          const struct http_page *page)
{
    for (int i = 0; i < HTTP_CLIENTS_MAX; i++) {
        if (clients[i].fd >= 0 && ready[i].revents & POLLOUT)
            reply(&clients[i]);
        if (clients[i].fd >= 0 && ready[i].revents & POLLIN)
            receive(&clients[i], page);
        else if (clients[i].fd >= 0 && ready[i].revents & (POLLERR | POLLHUP | POLLNVAL))
            drop(&clients[i]);
    }
}

/* --- the loop --------------------------------------------------------------------------------- */

/* Waits for something to do, and does it. Returns 0 or a negative errno. */
static int serve_once(int listener, struct client *clients, const struct http_page *page)
{
    struct pollfd ready[HTTP_CLIENTS_MAX + 1];
    int next = expire(clients), rc;

    for (int i = 0; i < HTTP_CLIENTS_MAX; i++)
        ready[i] = (struct pollfd){ clients[i].fd, wishes(&clients[i]), 0 };
    ready[HTTP_CLIENTS_MAX] = (struct pollfd){ listener, POLLIN, 0 };
    if (poll(ready, HTTP_CLIENTS_MAX + 1, next) < 0)
        return errno == EINTR ? 0 : -errno;
    serve_clients(clients, ready, page);
    if (!ready[HTTP_CLIENTS_MAX].revents)
        return 0;
    rc = accept_one(listener, clients);
    if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -ENOBUFS)
        usleep(AGAIN_MS * 1000);
    return rc == -EBADF || rc == -EINVAL || rc == -ENOTSOCK ? rc : 0;
}

int http_serve(int listener, const struct http_page *page)
{
    struct client *clients = calloc(HTTP_CLIENTS_MAX, sizeof(*clients));
    int rc = clients ? 0 : -ENOMEM;

    for (int i = 0; clients && i < HTTP_CLIENTS_MAX; i++)
        clients[i].fd = -1;
    while (rc == 0)
        rc = serve_once(listener, clients, page);
    report_error(report_by_errno(-rc), "cannot serve: %s", strerror(-rc));
    for (int i = 0; clients && i < HTTP_CLIENTS_MAX; i++)
        if (clients[i].fd >= 0)
            drop(&clients[i]);
    free(clients);
    return rc;
}
