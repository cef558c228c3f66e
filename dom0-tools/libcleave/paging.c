/* SPDX-License-Identifier: MIT */
/*
 * Files, so that the pager may be killed at any moment. Goals and troubles are small, and not on
 * the disk that may be full. Read next: ../cleaved/pager.c.
 */
#include "paging.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "lock.h"
#include "progress.h"
#include "report.h"

#define STEP_MS 50
#define QUIET_MS 30000 /* the pager has done nothing for so long */
#define GOAL PAGING_GOALS "/%s.goal"
#define TROUBLE PAGING_GOALS "/%s.trouble"

int paging_make_folders(void)
{
    static const char *const folders[] = { VMS_HOME, PAGING_FOLDER, SUPERVISOR_FOLDER,
                                           PAGING_GOALS };

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (mkdir(folders[i], i % 2 ? 0700 : 0755) < 0 && errno != EEXIST)
            return -errno;
    return 0;
}

/* Visits the VMs whose names are UUID and this suffix. */
static void each_in(const char *folder, const char *suffix,
                    void (*visit)(const char *uuid, void *data), void *data)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char uuid[UUID_STR_LEN];
    uuid_t bytes;

    while (dir && (entry = readdir(dir))) {
        snprintf(uuid, sizeof(uuid), "%.36s", entry->d_name);
        if (uuid_parse(uuid, bytes) == 0 && strcmp(entry->d_name + strlen(uuid), suffix) == 0)
            visit(uuid, data);
    }
    if (dir)
        closedir(dir);
}

void paging_each(void (*visit)(const char *uuid, void *data), void *data)
{
    each_in(PAGING_FOLDER, "", visit, data);
    each_in(PAGING_GOALS, ".goal", visit, data);
}

void paging_path(const char *uuid, char path[PAGING_PATH_MAX])
{
    snprintf(path, PAGING_PATH_MAX, PAGING_FOLDER "/%s", uuid);
}

/* --- small files ------------------------------------------------------------------------------ */

__attribute__((format(printf, 1, 0))) static void remove_file(const char *format, const char *uuid)
{
    char path[PAGING_PATH_MAX];

    snprintf(path, sizeof(path), format, uuid);
    unlink(path);
}

/* Replaces the file atomically. */
__attribute__((format(printf, 1, 0))) static int write_file(const char *format, const char *uuid,
                                                            const char *text)
{
    char path[PAGING_PATH_MAX], fresh[PAGING_PATH_MAX + 8];
    FILE *file;
    int rc = 0;

    snprintf(path, sizeof(path), format, uuid);
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    file = fopen(fresh, "we");
    if (!file)
        return -errno;
    fputs(text, file);
    if (fclose(file) < 0 || rename(fresh, path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(fresh);
    return rc;
}

__attribute__((format(printf, 1, 0))) static bool read_file(const char *format, const char *uuid,
                                                            char *text, size_t size)
{
    char path[PAGING_PATH_MAX];
    size_t length;
    FILE *file;

    snprintf(path, sizeof(path), format, uuid);
    file = fopen(path, "re");
    if (!file)
        return false;
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
    return true;
}

int paging_ask(const char *uuid, uint64_t kib)
{
    char text[24];
    int rc = paging_make_folders();

    if (rc < 0)
        return rc;
    remove_file(TROUBLE, uuid);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)kib);
    return write_file(GOAL, uuid, text);
}

bool paging_goal(const char *uuid, uint64_t *kib)
{
    char text[24];

    if (!read_file(GOAL, uuid, text, sizeof(text)))
        return false;
    *kib = strtoull(text, NULL, 10);
    return true;
}

void paging_end_goal(const char *uuid) { remove_file(GOAL, uuid); }

void paging_set_trouble(const char *uuid, const char *text)
{
    if (text)
        write_file(TROUBLE, uuid, text);
    else
        remove_file(TROUBLE, uuid);
}

bool paging_trouble(const char *uuid, char text[PAGING_TEXT_MAX])
{
    return read_file(TROUBLE, uuid, text, PAGING_TEXT_MAX);
}

/* --- waiting ---------------------------------------------------------------------------------- */

int paging_paged(struct hv *hv, const struct vms_record *vm, uint64_t *kib)
{
    struct cleave_memory memory;
    int rc = core_memory_get(hv, vm->domid, &memory);

    if (rc == -ESRCH)
        report_error(REPORT_STATE, "\"%s\" has ended", vm->name);
    else if (rc < 0)
        report_error(REPORT_STATE, "\"%s\": this hypervisor does not page: %s", vm->name,
                     strerror(-rc));
    *kib = rc == 0 ? memory.paged * HV_PAGE_KIB : 0;
    return rc;
}

/* Returns 1 if the pager has ended the goal, 0 if not yet, or a negative errno after an error. */
static int look_at_goal(struct hv *hv, const struct vms_record *vm, uint64_t *kib)
{
    char text[PAGING_TEXT_MAX];
    uint64_t asked;
    bool ended = !paging_goal(vm->uuid, &asked);
    int rc = paging_paged(hv, vm, kib);

    if (rc < 0 || !ended)
        return rc;
    if (!paging_trouble(vm->uuid, text))
        return 1;
    report_error(REPORT_STATE, "\"%s\": %s", vm->name, text);
    return -EIO;
}

static int await_goal(struct hv *hv, const struct vms_record *vm, uint64_t goal)
{
    uint64_t kib, before = UINT64_MAX;
    int rc;

    for (unsigned int quiet = 0; (rc = look_at_goal(hv, vm, &kib)) == 0; quiet += STEP_MS) {
        if (kib != before)
            quiet = 0;
        before = kib;
        if (quiet >= QUIET_MS) {
            report_error(REPORT_TIMEOUT,
                         "\"%s\": the pager has done nothing for %d s: `pgrep cleave-pager` shows "
                         "whether it runs: cleaved starts it, or `cleaved --pager`",
                         vm->name, QUIET_MS / 1000);
            return -ETIMEDOUT;
        }
        if (lock_is_interrupted()) {
            report_error(REPORT_INTERNAL, "\"%s\": interrupted", vm->name);
            return -EINTR;
        }
        progress_show("%s: %llu MiB are paged out, of %llu", vm->name,
                      (unsigned long long)kib >> 10, (unsigned long long)goal >> 10);
        usleep(STEP_MS * 1000);
    }
    return rc < 0 ? rc : 0;
}

int paging_reach(struct hv *hv, const struct vms_record *vm, uint64_t kib)
{
    int rc = paging_ask(vm->uuid, kib);

    if (rc < 0) {
        report_error(report_by_errno(-rc), "\"%s\": cannot ask the pager: %s", vm->name,
                     strerror(-rc));
        return rc;
    }
    rc = await_goal(hv, vm, kib);
    paging_end_goal(vm->uuid);
    return rc;
}

int paging_bring_back(struct hv *hv, const struct vms_record *vm)
{
    struct cleave_memory memory;

    if (core_memory_get(hv, vm->domid, &memory) < 0 || memory.paged == 0)
        return 0;
    return paging_reach(hv, vm, 0);
}

void paging_find_lost(struct hv *hv, const struct vms_record *vm)
{
    char path[PAGING_PATH_MAX];
    struct cleave_memory memory;
    uint64_t goal;

    paging_path(vm->uuid, path);
    if (core_memory_get(hv, vm->domid, &memory) == 0 && memory.paged > 0 &&
        access(path, F_OK) < 0 && !paging_goal(vm->uuid, &goal))
        paging_ask(vm->uuid, memory.paged * HV_PAGE_KIB);
}

void paging_forget(const char *uuid)
{
    remove_file(PAGING_FOLDER "/%s", uuid);
    remove_file(GOAL, uuid);
    remove_file(TROUBLE, uuid);
}
