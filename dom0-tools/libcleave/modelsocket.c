/* SPDX-License-Identifier: MIT */
/* Read next: model.c, suspend.c. */
#define _GNU_SOURCE
#include "modelsocket.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor.h"

#define FOLDER SUPERVISOR_FOLDER "/models"
#define BACKLOG 8
/* It answers within milliseconds, after its disks have done what they have begun. */
#define ANSWER_S 20
#define STATE_LIMIT (1u << 20)

static void fill_address(uint32_t domid, const char *prefix, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(address->sun_path, sizeof(address->sun_path), FOLDER "/%s%u", prefix, domid);
}

static int make_folder(void)
{
    if (mkdir(SUPERVISOR_FOLDER, 0755) < 0 && errno != EEXIST)
        return -errno;
    return mkdir(FOLDER, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int modelsocket_create(uint32_t domid)
{
    struct sockaddr_un spare, address;
    int rc = make_folder(), fd;

    if (rc < 0)
        return rc;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    fill_address(domid, ".", &spare);
    fill_address(domid, "", &address);
    /* one that was killed here has left it */
    unlink(spare.sun_path);
    /* its own name comes last: then it takes connections */
    if (bind(fd, (struct sockaddr *)&spare, sizeof(spare)) == 0 && listen(fd, BACKLOG) == 0 &&
        rename(spare.sun_path, address.sun_path) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

/* Returns a socket, or a negative errno. -EAGAIN: nobody accepts. */
static int connect_to(uint32_t domid)
{
    struct timeval limit = { .tv_sec = ANSWER_S };
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), flags = 0, rc;

    fill_address(domid, "", &address);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        ioctl(fd, FIONBIO, &flags) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0)
        return fd;
    rc = -errno;
    if (fd >= 0)
        close(fd);
    return rc;
}

bool modelsocket_is_alive(uint32_t domid)
{
    int fd = connect_to(domid);

    if (fd >= 0)
        close(fd);
    return fd >= 0 || fd == -EAGAIN;
}

void modelsocket_remove(uint32_t domid)
{
    struct sockaddr_un address;

    fill_address(domid, "", &address);
    unlink(address.sun_path);
}

void modelsocket_each(void (*visit)(uint32_t domid, void *data), void *data)
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;

    if (!folder)
        return;
    while ((entry = readdir(folder)) != NULL) {
        char *end;
        unsigned long domid = strtoul(entry->d_name, &end, 10);

        if (end != entry->d_name && !*end)
            visit(domid, data);
    }
    closedir(folder);
}

/* Returns a socket on which the request was sent, or a negative errno. */
static int request(uint32_t domid, char what)
{
    int fd = connect_to(domid), rc;

    if (fd == -EAGAIN)
        return -ETIMEDOUT;
    if (fd < 0 || send(fd, &what, 1, MSG_NOSIGNAL) == 1)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

static int receive(int fd, void *bytes, size_t size)
{
    ssize_t length = recv(fd, bytes, size, MSG_WAITALL);

    if (length < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return length == (ssize_t)size ? 0 : -EPIPE;
}

int modelsocket_save(uint32_t domid, void **state)
{
    int fd = request(domid, MODELSOCKET_SAVE), rc;
    uint32_t size;

    *state = NULL;
    if (fd < 0)
        return fd;
    rc = receive(fd, &size, sizeof(size));
    if (rc == 0 && !size)
        rc = -EAGAIN;
    if (rc == 0 && size > STATE_LIMIT)
        rc = -EMSGSIZE;
    if (rc == 0 && !(*state = malloc(size)))
        rc = -ENOMEM;
    if (rc == 0)
        rc = receive(fd, *state, size);
    close(fd);
    if (rc == 0)
        return size;
    free(*state);
    *state = NULL;
    return rc;
}

int modelsocket_resume(uint32_t domid)
{
    int fd = request(domid, MODELSOCKET_RESUME);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}
