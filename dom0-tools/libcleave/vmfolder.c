/* SPDX-License-Identifier: MIT */
/*
 * Folders of VMs. One is filled in under its UUID, and renamed when the VM is recorded. A process
 * that is killed leaves a folder UUID.part whose lock is free: the next one removes it, or if the
 * VM is recorded by then, gives it its name. Order: vmfolder_make, vmfolder_sync, vms_add,
 * vmfolder_complete. Read next: ../cleave/new.c.
 */
#define _GNU_SOURCE
#include "vmfolder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock.h"
#include "report.h"
#include "vms.h"

#define PART ".part"

static int report_folder(const char *path, const char *what, int error)
{
    report_error(report_by_errno(error), "cannot %s %s: %s", what, path, strerror(error));
    return -error;
}

static int report_exists(const char *path)
{
    report_error(REPORT_STATE,
                 "%s exists: it has the files of a VM of that name: choose another name, or remove "
                 "it if no VM needs it (`cleave list`)",
                 path);
    return -EEXIST;
}

/* Removes a folder with its files; it has no folders. */
static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);

    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(path);
}

/* Settles a folder that a process was working in, which may still do so. */
static void sweep_one(const char *parent, const char *entry)
{
    char path[PATH_MAX], whole[PATH_MAX], uuid[UUID_STR_LEN];
    struct vms_record vm;
    int fd, rc;

    snprintf(uuid, sizeof(uuid), "%s", entry);
    if (snprintf(path, sizeof(path), "%s/%s", parent, entry) >= PATH_MAX)
        return;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        rc = vms_load(uuid, &vm);
        if (rc == -ESRCH)
            remove_folder(path);
        else if (rc == 0 && snprintf(whole, sizeof(whole), "%s/%s", parent, vm.name) < PATH_MAX)
            rename(path, whole);
    }
    if (fd >= 0)
        close(fd);
}

static void sweep(const char *parent)
{
    const size_t length = UUID_STR_LEN - 1;
    DIR *dir = opendir(parent);

    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        if (strlen(entry->d_name) == length + strlen(PART) &&
            strcmp(entry->d_name + length, PART) == 0)
            sweep_one(parent, entry->d_name);
    if (dir)
        closedir(dir);
}

/* Makes the folder and takes its lock, under the global lock: nobody sees it without. */
static int make_locked(const char *parent, struct vmfolder *folder)
{
    struct stat st;

    if (mkdir(parent, 0750) < 0 && errno != EEXIST)
        return report_folder(parent, "make the folder", errno);
    sweep(parent);
    if (lstat(folder->whole, &st) == 0)
        return report_exists(folder->whole);
    if (mkdir(folder->part, 0750) < 0)
        return report_folder(folder->part, "make the folder", errno);
    folder->lock = open(folder->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->lock < 0 || flock(folder->lock, LOCK_EX | LOCK_NB) < 0) {
        int error = errno;

        vmfolder_remove(folder);
        return report_folder(folder->part, "lock", error);
    }
    return 0;
}

int vmfolder_make(const char *parent, const char *name, const char *uuid, struct vmfolder *folder)
{
    int lock, rc;

    *folder = (struct vmfolder){ .lock = -1 };
    if (strlen(parent) + strlen(name) + UUID_STR_LEN + sizeof(PART) + 32 > PATH_MAX ||
        strpbrk(parent, "\"\\\n")) {
        report_error(REPORT_USAGE,
                     "--folder %s: must be shorter, and have neither quotes nor backslashes",
                     parent);
        return -EINVAL;
    }
    snprintf(folder->part, sizeof(folder->part), "%s/%s" PART, parent, uuid);
    snprintf(folder->whole, sizeof(folder->whole), "%s/%s", parent, name);
    lock = lock_acquire();
    if (lock < 0)
        return lock;
    rc = make_locked(parent, folder);
    lock_release(lock);
    return rc;
}

int vmfolder_sync(struct vmfolder *folder)
{
    return syncfs(folder->lock) < 0 ? report_folder(folder->part, "write", errno) : 0;
}

/* A name that somebody else has used meanwhile is an error: rename replaces only empty folders. */
int vmfolder_complete(struct vmfolder *folder)
{
    char parent[PATH_MAX];
    int fd;

    if (rename(folder->part, folder->whole) < 0)
        return errno == ENOTEMPTY || errno == EEXIST ? report_exists(folder->whole)
                                                     : report_folder(folder->whole, "make", errno);
    snprintf(parent, sizeof(parent), "%s", folder->whole);
    *strrchr(parent, '/') = '\0';
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    folder->part[0] = '\0';
    return 0;
}

void vmfolder_remove(struct vmfolder *folder)
{
    remove_folder(folder->part[0] ? folder->part : folder->whole);
    vmfolder_release(folder);
}

void vmfolder_release(struct vmfolder *folder)
{
    if (folder->lock >= 0)
        close(folder->lock);
    folder->lock = -1;
}
