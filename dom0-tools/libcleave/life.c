/* SPDX-License-Identifier: MIT */
/*
 * The watcher: one small process per VM, as in xl. It waits for xenstored's watch @releaseDomain,
 * which fires when any domain ends, checks its own domain, and acts by on_poweroff, on_reboot and
 * on_crash. After a reboot the VM gets a new domain, built from the VM file as first read. The
 * watcher exits when the VM is destroyed, by any tool. Read next: build.c, domain.c.
 */
#define _GNU_SOURCE
#include "life.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xen/sched.h>

#include "build.h"
#include "report.h"

#define LOG_FOLDER "/var/log/cleave"
#define LOG_PATH_MAX (sizeof(LOG_FOLDER) + DOMAIN_NAME_MAX + 8)
#define READY_FD 3 /* in the watcher */
/* A VM that ends sooner after its start is not restarted, to avoid an endless loop. */
#define CRASH_LOOP_S 5

struct life {
    struct hv hv;
    struct xs_handle *store;
    const struct vmfile *vm;
    uint32_t domid;
    char uuid[UUID_STR_LEN];
    time_t started; /* by seconds() */
};

/* Monotonic time. */
static time_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void __attribute__((format(printf, 2, 3)))
note(const struct life *life, const char *format, ...)
{
    char stamp[32];
    time_t now = time(NULL);
    va_list args;

    strftime(stamp, sizeof(stamp), "%F %T", localtime(&now));
    fprintf(stderr, "%s domain %u: ", stamp, life->domid);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void life_close(struct life *life)
{
    xs_close(life->store);
    hv_close(&life->hv);
}

static int life_open(struct life *life, const struct vmfile *vm, uint32_t domid)
{
    int rc = hv_open(&life->hv);
    bool watches = false;

    life->vm = vm;
    life->domid = domid;
    life->started = seconds();
    life->store = NULL;
    uuid_unparse_lower(vm->uuid, life->uuid);
    if (rc < 0)
        return rc;
    life->store = store_open();
    if (life->store) {
        store_guard();
        watches = xs_watch(life->store, "@releaseDomain", "life");
        store_unguard();
    }
    if (watches)
        return 0;
    report_error(REPORT_INTERNAL, "VM \"%s\": cannot watch xenstored for the end of domains: %s",
                 vm->name, strerror(errno));
    life_close(life);
    return -EIO;
}

/*
 * Waits until the domain has ended. Returns the reason, -ESRCH if it no longer exists, or another
 * negative errno.
 */
static int await_end(struct life *life)
{
    for (;;) {
        struct domain domain;
        unsigned int count;
        char **event;
        int rc = domain_get(&life->hv, life->domid, life->uuid, &domain);

        if (rc == -ESRCH || (rc == 0 && domain.info.flags & XEN_DOMINF_dying))
            return -ESRCH;
        /* dom0 may be out of memory: a failed query does not mean that the domain is gone */
        if (rc < 0) {
            sleep(1);
            continue;
        }
        if (domain_is_shut_down(&domain.info) &&
            domain_shutdown_reason(&domain.info) != SHUTDOWN_suspend)
            return domain_shutdown_reason(&domain.info);
        event = xs_read_watch(life->store, &count);
        if (!event) {
            report_error(REPORT_INTERNAL, "VM \"%s\": lost xenstored: this VM is no longer watched",
                         life->vm->name);
            return -EIO;
        }
        free(event);
    }
}

static enum vmfile_action configured_action(const struct vmfile *vm, int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff: return vm->on_poweroff;
    case SHUTDOWN_reboot: return vm->on_reboot;
    default: return vm->on_crash;
    }
}

static enum vmfile_action choose_action(const struct life *life, int reason)
{
    enum vmfile_action action = configured_action(life->vm, reason);

    if (reason != SHUTDOWN_reboot && action == VMFILE_RESTART &&
        seconds() - life->started < CRASH_LOOP_S) {
        note(life, "ended %ld s after its start: destroyed instead of started again",
             (long)(seconds() - life->started));
        return VMFILE_DESTROY;
    }
    return action;
}

int life_start(struct hv *hv, const struct vmfile *vm, uint32_t domid)
{
    int rc;

    hv_forget(hv);
    if (xc_domain_unpause(hv->xc, domid) == 0)
        return 0;
    rc = -errno;
    report_error(report_by_errno(-rc), "VM \"%s\": cannot unpause it: %s", vm->name,
                 hv_reason(hv, -rc));
    return rc;
}

static int restart_vm(struct life *life)
{
    int rc = domain_destroy(&life->hv, life->store, life->domid, life->uuid);

    if (rc == 0)
        rc = build_vm(&life->hv, life->store, life->vm, &life->domid);
    if (rc < 0)
        return rc;
    rc = life_start(&life->hv, life->vm, life->domid);
    if (rc < 0) {
        domain_destroy(&life->hv, life->store, life->domid, life->uuid);
        return rc;
    }
    life->started = seconds();
    note(life, "started again");
    return 0;
}

/* Handles the end of each domain of the VM, until it is not restarted. */
static int watch_vm(struct life *life)
{
    static const char *const reasons[] = {
        [SHUTDOWN_poweroff] = "powered off",
        [SHUTDOWN_reboot] = "rebooted",
        [SHUTDOWN_crash] = "crashed",
        [SHUTDOWN_watchdog] = "was shut down by its watchdog",
    };
    int rc = 0;

    while (rc == 0) {
        int reason;

        if (report_current())
            report_begin(report_current());
        reason = await_end(life);
        if (reason == -ESRCH) {
            note(life, "destroyed");
            return domain_destroy(&life->hv, life->store, life->domid, life->uuid);
        }
        if (reason < 0)
            return reason;
        note(life, "%s",
             reason < (int)(sizeof(reasons) / sizeof(reasons[0])) && reasons[reason]
                 ? reasons[reason]
                 : "ended");
        switch (choose_action(life, reason)) {
        case VMFILE_PRESERVE:
            note(life, "preserved: `cleave destroy %s` when it is no longer needed",
                 life->vm->name);
            return 0;
        case VMFILE_DESTROY:
            rc = domain_destroy(&life->hv, life->store, life->domid, life->uuid);
            note(life, rc == 0 ? "destroyed" : "could not be destroyed");
            return rc;
        case VMFILE_RESTART: rc = restart_vm(life); break;
        }
    }
    return rc;
}

int life_run(const struct vmfile *vm, uint32_t domid)
{
    struct life life;
    int rc = life_open(&life, vm, domid);

    if (rc < 0)
        return rc;
    rc = watch_vm(&life);
    life_close(&life);
    return rc;
}

static void log_path(const char *name, char path[LOG_PATH_MAX])
{
    snprintf(path, LOG_PATH_MAX, LOG_FOLDER "/%s.log", name);
}

/*
 * Detaches from the terminal, and closes inherited files: the caller of cleave may wait for their
 * end. Output goes to the log. ready becomes READY_FD.
 */
static bool detach(const char *name, int ready)
{
    char path[LOG_PATH_MAX];
    int null = open("/dev/null", O_RDWR);
    int log;

    mkdir(LOG_FOLDER, 0755);
    log_path(name, path);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log < 0) {
        report_warning("%s: %s: the VM's watcher has no log", path, strerror(errno));
        log = null;
    }
    return setsid() >= 0 && chdir("/") == 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
           dup2(log, 2) == 2 && dup2(ready, READY_FD) == READY_FD &&
           close_range(READY_FD + 1, ~0u, 0) == 0;
}

/* The child of life_watch: reports over ready that it watches, then watches the VM. */
static void __attribute__((noreturn)) watcher(const struct vmfile *vm, uint32_t domid, int ready)
{
    struct life life;
    sigset_t none;
    int rc;

    if (!detach(vm->name, ready))
        _exit(1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (life_open(&life, vm, domid) < 0)
        _exit(1);
    note(&life, "VM \"%s\" is watched", vm->name);
    if (write(READY_FD, "", 1) != 1)
        _exit(1);
    close(READY_FD);
    rc = watch_vm(&life);
    life_close(&life);
    _exit(rc < 0);
}

int life_watch(const struct vmfile *vm, uint32_t domid)
{
    char byte, path[LOG_PATH_MAX];
    int ready[2];
    pid_t child;
    int rc;

    if (pipe2(ready, O_CLOEXEC) < 0 || (child = fork()) < 0) {
        rc = -errno;
        report_error(REPORT_INTERNAL, "VM \"%s\": cannot create a process to watch it: %s",
                     vm->name, strerror(errno));
        return rc;
    }
    if (child == 0) {
        close(ready[0]);
        watcher(vm, domid, ready[1]);
    }
    close(ready[1]);
    rc = read(ready[0], &byte, 1) == 1 ? 0 : -EIO;
    close(ready[0]);
    log_path(vm->name, path);
    if (rc < 0)
        report_error(REPORT_INTERNAL, "VM \"%s\": the watcher did not start: see %s", vm->name,
                     path);
    return rc;
}
