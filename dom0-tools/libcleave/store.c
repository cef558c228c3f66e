/* SPDX-License-Identifier: MIT */
/*
 * libxenstore with patterns for paths, and an xs_open that cannot hang. Without xenstored's socket
 * libxenstore uses the kernel's ring and waits for an answer that never comes, and a stopped daemon
 * still accepts connections. So a request of our own is sent first (xen/io/xs_wire.h), with a
 * timeout. A thread repeats that request every few seconds to detect a store that stops later,
 * because no call of libxenstore has a timeout. Read next: nodes.c.
 */
#define _GNU_SOURCE
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

#include "report.h"

#define ANSWER_MS 10000
#define GUARD_S 2

/* Requests the store's root directory. Returns 0, or a positive errno. */
static int probe_store(const char *socket_path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct {
        struct xsd_sockmsg header;
        char path[2];
    } request = { .header = { .type = XS_DIRECTORY, .len = sizeof(request.path) }, .path = "/" };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd answer = { .fd = fd, .events = POLLIN };
    struct timeval limit = { .tv_sec = ANSWER_MS / 1000 };
    int error = 0;

    if (fd < 0)
        return errno;
    /* If the queue of unaccepted connections is full, connect waits, too. */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        send(fd, &request, sizeof(request.header) + sizeof(request.path), MSG_NOSIGNAL) < 0)
        error = errno == EAGAIN ? ETIMEDOUT : errno;
    else if (poll(&answer, 1, ANSWER_MS) <= 0)
        error = ETIMEDOUT;
    close(fd);
    return error;
}

/* Describes why the store cannot be used, in an allocated text or NULL. */
static char *unreachable(const char *path, int error)
{
    char *text = NULL;
    int length;

    if (error == ENOENT || error == ECONNREFUSED)
        length = asprintf(&text,
                          "xenstored is not running (%s: %s): start it: xenstored --pid-file "
                          "/run/xen/xenstored.pid",
                          path, strerror(error));
    else if (error == ETIMEDOUT)
        length = asprintf(&text,
                          "xenstored does not answer on %s within %d s: it hangs, or the machine "
                          "is overloaded",
                          path, ANSWER_MS / 1000);
    else
        length = asprintf(&text, "cannot reach xenstored on %s: %s", path, strerror(error));
    return length < 0 ? NULL : text;
}

static void report_unreachable(const char *path, int error)
{
    char *text = unreachable(path, error);

    report_error(error == ETIMEDOUT ? REPORT_TIMEOUT : REPORT_INTERNAL, "%s",
                 text ? text : "cannot reach xenstored");
    free(text);
}

static int connection = -1; /* socket of the last opened handle */
/* socket to shut down; owned by the thread that takes it out */
static atomic_int guarded = -1;
static atomic_uint guard_number;      /* number of the current guard; an older one exits */
static struct report *guarded_report; /* of the thread that is guarded */
static atomic_bool lost;

/*
 * Returns the descriptor that libxenstore will use: it does not expose it, but opens its socket
 * first. store_open() verifies that.
 */
static int next_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(fd);
    return fd;
}

static bool is_connected_to(int fd, const char *path)
{
    struct sockaddr_un peer = { .sun_family = AF_UNSPEC };
    socklen_t length = sizeof(peer) - 1;

    return getpeername(fd, (struct sockaddr *)&peer, &length) == 0 && peer.sun_family == AF_UNIX &&
           strcmp(peer.sun_path, path) == 0;
}

/* Returns the handle, or NULL and a positive errno in *error. */
static struct xs_handle *connect_store(const char *path, int *error)
{
    struct xs_handle *store = NULL;
    int fd;

    *error = probe_store(path);
    fd = next_descriptor();
    if (!*error) {
        store = xs_open(0);
        *error = errno;
    }
    connection = store && is_connected_to(fd, path) ? fd : -1;
    return store;
}

struct xs_handle *store_open(void)
{
    const char *path = xs_daemon_socket();
    int error;
    struct xs_handle *store = connect_store(path, &error);

    if (!store)
        report_unreachable(path, error);
    return store;
}

struct xs_handle *store_try(const char *consequence)
{
    const char *path = xs_daemon_socket();
    int error;
    struct xs_handle *store = connect_store(path, &error);
    char *text = store ? NULL : unreachable(path, error);

    if (!store)
        report_warning("%s: %s", consequence, text ? text : "cannot reach xenstored");
    free(text);
    return store;
}

static void *guard_thread(void *argument)
{
    unsigned int number = (unsigned int)(uintptr_t)argument;
    const char *path = xs_daemon_socket();
    int error, fd;

    report_join(guarded_report);
    do {
        sleep(GUARD_S);
        error = probe_store(path);
    } while (!error && atomic_load(&guard_number) == number);
    fd = atomic_load(&guard_number) == number ? atomic_exchange(&guarded, -1) : -1;
    if (fd < 0)
        return NULL;
    report_unreachable(path, error);
    atomic_store(&lost, true);
    shutdown(fd, SHUT_RDWR);
    return NULL;
}

void store_guard(void)
{
    unsigned int number = atomic_fetch_add(&guard_number, 1) + 1;
    pthread_t thread;

    atomic_store(&lost, false);
    guarded_report = report_current();
    atomic_store(&guarded, connection);
    if (pthread_create(&thread, NULL, guard_thread, (void *)(uintptr_t)number) == 0)
        pthread_detach(thread);
    else
        report_warning(
            "cannot create a thread to guard the store: a command may wait forever for xenstored");
}

void store_unguard(void)
{
    atomic_fetch_add(&guard_number, 1);
    atomic_store(&guarded, -1);
}

bool store_is_lost(void) { return atomic_load(&lost); }

/* Formats the path into text. False: too long for the store. */
static bool format_path(char text[XENSTORE_ABS_PATH_MAX], const char *pattern, va_list args)
{
    return vsnprintf(text, XENSTORE_ABS_PATH_MAX, pattern, args) < XENSTORE_ABS_PATH_MAX;
}

char *store_read(struct xs_handle *store, const char *pattern, ...)
{
    char path[XENSTORE_ABS_PATH_MAX];
    va_list args;
    bool fits;

    va_start(args, pattern);
    fits = format_path(path, pattern, args);
    va_end(args);
    return store && fits ? xs_read(store, XBT_NULL, path, NULL) : NULL;
}

bool store_read_text(struct xs_handle *store, char *text, size_t size, const char *pattern, ...)
{
    char path[XENSTORE_ABS_PATH_MAX];
    char *value = NULL;
    va_list args;

    va_start(args, pattern);
    if (store && format_path(path, pattern, args))
        value = xs_read(store, XBT_NULL, path, NULL);
    va_end(args);
    snprintf(text, size, "%s", value ? value : "");
    free(value);
    return value;
}

bool store_write(struct xs_handle *store, xs_transaction_t transaction, const char *value,
                 const char *pattern, ...)
{
    char path[XENSTORE_ABS_PATH_MAX];
    va_list args;
    bool fits;

    va_start(args, pattern);
    fits = format_path(path, pattern, args);
    va_end(args);
    return store && fits && xs_write(store, transaction, path, value, strlen(value));
}

bool store_remove(struct xs_handle *store, const char *pattern, ...)
{
    char path[XENSTORE_ABS_PATH_MAX];
    va_list args;
    bool fits;

    va_start(args, pattern);
    fits = format_path(path, pattern, args);
    va_end(args);
    return store && fits && (xs_rm(store, XBT_NULL, path) || errno == ENOENT);
}

/* --- walking ---------------------------------------------------------------------------------- */

struct walk {
    struct xs_handle *store;
    char path[XENSTORE_ABS_PATH_MAX + 1]; /* of the current node; "" is the root */
    void (*visit)(const struct store_node *node, void *data);
    void *data;
};

/* Returns 0, or a negative errno. */
static int visit_node(const struct walk *walk)
{
    struct store_node node = { .path = walk->path };
    struct xs_permissions *permissions = NULL;
    char *value = xs_read(walk->store, XBT_NULL, walk->path, &node.length);
    int rc = value ? 0 : -errno;

    if (value) {
        permissions = xs_get_permissions(walk->store, XBT_NULL, walk->path, &node.permission_count);
        rc = permissions ? 0 : -errno;
    }
    if (rc == 0) {
        node.value = value;
        node.permissions = permissions;
        walk->visit(&node, walk->data);
    }
    free(permissions);
    free(value);
    return rc;
}

static int walk_below(struct walk *walk, unsigned int depth)
{
    size_t length = strlen(walk->path);
    unsigned int count = 0;
    char **names = xs_directory(walk->store, XBT_NULL, length ? walk->path : "/", &count);
    int rc = names ? 0 : -errno;

    for (unsigned int i = 0; rc == 0 && i < count; i++) {
        size_t room = sizeof(walk->path) - length;

        if (snprintf(walk->path + length, room, "/%s", names[i]) >= (int)room)
            continue;
        rc = visit_node(walk);
        if (rc == 0 && depth > 1)
            rc = walk_below(walk, depth - 1);
        if (rc == -ENOENT) /* removed meanwhile */
            rc = 0;
    }
    walk->path[length] = '\0';
    free(names);
    return rc;
}

int store_walk(struct xs_handle *store, const char *path, unsigned int depth,
               void (*visit)(const struct store_node *node, void *data), void *data)
{
    struct walk walk = { .store = store, .visit = visit, .data = data };
    bool root = strcmp(path, "/") == 0;
    int rc = 0;

    if (strlen(path) >= sizeof(walk.path))
        return -ENAMETOOLONG;
    if (!root) {
        strcpy(walk.path, path);
        rc = visit_node(&walk);
    }
    return rc < 0 || depth == 0 ? rc : walk_below(&walk, depth);
}
