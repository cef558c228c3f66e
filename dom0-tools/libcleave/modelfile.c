/* SPDX-License-Identifier: MIT */
/*
 * The descriptor that a device model inherits may only be read: one that a guest has taken over
 * must not fill dom0's memory by it. Read next: ../cleaved/models.c.
 */
#include "modelfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor.h"

#define FOLDER SUPERVISOR_FOLDER "/models"
#define PATH_SIZE 160

static void path_of(uint32_t domid, const char *prefix, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, FOLDER "/%s%u", prefix, domid);
}

static int make_folder(void)
{
    if (mkdir(SUPERVISOR_FOLDER, 0755) < 0 && errno != EEXIST)
        return -errno;
    return mkdir(FOLDER, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int modelfile_hold(uint32_t domid)
{
    char spare[PATH_SIZE], path[PATH_SIZE];
    int rc = make_folder(), fd;

    if (rc < 0)
        return rc;
    path_of(domid, ".", spare);
    path_of(domid, "", path);
    /* one that was killed here has left it */
    unlink(spare);
    fd = open(spare, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && rename(spare, path) == 0)
        return fd;
    rc = -errno;
    if (fd >= 0)
        close(fd);
    unlink(spare);
    return rc;
}

bool modelfile_is_held(uint32_t domid)
{
    char path[PATH_SIZE];
    bool held;
    int fd;

    path_of(domid, "", path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    held = flock(fd, LOCK_SH | LOCK_NB) < 0;
    close(fd);
    return held;
}

void modelfile_remove(uint32_t domid)
{
    char path[PATH_SIZE];

    path_of(domid, "", path);
    unlink(path);
}

void modelfile_each(void (*visit)(uint32_t domid, void *data), void *data)
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
