/* SPDX-License-Identifier: MIT */
/*
 * A worker is a child that settles one VM (life.h) or tends the store, and exits: so a slow build
 * delays no other VM, and a defect in it ends no supervision. It has connections of its own to
 * hypervisor and store, and holds the VM's lock. It outlives cleaved if that is killed. Read next:
 * ../libcleave/life.c.
 */
#define _GNU_SOURCE
#include "work.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "life.h"
#include "pager.h"
#include "quotawatch.h"
#include "rebalance.h"
#include "repair.h"
#include "report.h"
#include "sweep.h"
#include "targets.h"
#include "vms.h"

#define WORKERS_MAX 9 /* one of them may be the pager, which stays */
#define PACES_MAX 256
#define PACE_MAX_S 60

struct worker {
    pid_t pid; /* 0: free */
    char uuid[UUID_STR_LEN];
};

/* A VM whose last worker failed: the next one starts later. */
struct pace {
    char uuid[UUID_STR_LEN]; /* "": free */
    unsigned int failures;
    int64_t not_before;
};

static struct worker workers[WORKERS_MAX];
static struct pace paces[PACES_MAX];

static struct pace *find_pace(const char *uuid)
{
    for (size_t i = 0; i < PACES_MAX; i++)
        if (strcmp(paces[i].uuid, uuid) == 0)
            return &paces[i];
    return NULL;
}

static void note_result(const char *uuid, bool failed)
{
    struct pace *pace = find_pace(uuid);

    if (!failed && pace)
        pace->uuid[0] = '\0';
    if (!failed)
        return;
    if (!pace && (pace = find_pace("")) != NULL) {
        strcpy(pace->uuid, uuid);
        pace->failures = 0;
    }
    if (!pace)
        return;
    pace->not_before = vms_now() + (pace->failures < 6 ? 1 << pace->failures : PACE_MAX_S);
    pace->failures++;
}

int64_t work_not_before(const char *uuid)
{
    const struct pace *pace = find_pace(uuid);

    return pace ? pace->not_before : 0;
}

bool work_is_running(const char *uuid)
{
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (workers[i].pid && strcmp(workers[i].uuid, uuid) == 0)
            return true;
    return false;
}

unsigned int work_count(void)
{
    unsigned int count = 0;

    for (size_t i = 0; i < WORKERS_MAX; i++)
        count += workers[i].pid != 0;
    return count;
}

static int do_work(struct hv *hv, struct xs_handle *store, const char *what)
{
    if (strcmp(what, WORK_SWEEP) == 0)
        return vms_sweep() < 0 ? -EBUSY : sweep_store(hv, store);
    if (strcmp(what, WORK_REPAIR) == 0)
        return repair_store(hv, store);
    if (strcmp(what, WORK_QUOTAS) == 0)
        return quotawatch_look(hv, store);
    if (strcmp(what, WORK_TARGETS) == 0)
        return targets_look(hv, store);
    if (strcmp(what, WORK_BALANCE) == 0)
        return rebalance_run(hv, store);
    return life_settle(hv, store, what, true);
}

static void __attribute__((noreturn)) settle(const char *uuid)
{
    struct report report = { .echo = stderr };
    struct xs_handle *store = NULL;
    sigset_t none;
    struct hv hv;
    int rc;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    report_begin(&report);
    rc = hv_open(&hv);
    if (rc == 0 && strcmp(uuid, WORK_PAGER) == 0)
        _exit(pager_run(&hv) < 0);
    if (rc == 0)
        store = store_open();
    if (store) {
        store_guard();
        rc = do_work(&hv, store, uuid);
    }
    _exit(!store || rc < 0);
}

bool work_start(const char *uuid)
{
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        pid_t child;

        if (workers[i].pid)
            continue;
        fflush(NULL);
        child = fork();
        if (child == 0)
            settle(uuid);
        if (child < 0)
            return false;
        workers[i].pid = child;
        strcpy(workers[i].uuid, uuid);
        return true;
    }
    return false;
}

void work_reap(void)
{
    pid_t child;
    int status;

    while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < WORKERS_MAX; i++) {
            if (workers[i].pid != child)
                continue;
            workers[i].pid = 0;
            note_result(workers[i].uuid, !WIFEXITED(status) || WEXITSTATUS(status) != 0);
        }
    }
}
