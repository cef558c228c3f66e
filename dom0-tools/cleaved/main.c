/* SPDX-License-Identifier: MIT */
/*
 * cleaved: the supervisor. It waits for something to happen, and then compares every VM's record
 * with the hypervisor's domains (life_due), and starts a worker for each VM that has something to
 * do. It remembers nothing that it could lose: what it does after a start is what it does after any
 * event. Read next: work.c, ../libcleave/life.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "hv.h"
#include "life.h"
#include "report.h"
#include "socket.h"
#include "supervisor.h"
#include "vms.h"
#include "watch.h"
#include "work.h"

#define LOCK_FILE SUPERVISOR_FOLDER "/cleaved.lock"
#define EVENTS_AT_ONCE 16
/* When to look again at what another process does, or at a xenstored that is not there. */
#define AGAIN_S 1
/* And in any case: no event tells that a process was killed that had just begun to build. */
#define IDLE_S 5
/* The store is swept when no domain has begun or ended for so long: then no tool is busy there. */
#define SWEEP_S 10

struct cleaved {
    struct hv hv;
    struct report report;
    int epoll;
    int signals;
    int timer;
    int listener;
    int watch; /* -1: xenstored is not connected */
    bool ending;
    int64_t sweep_at; /* LIFE_NEVER: nothing has happened since the last time */
    struct socket_status status;
};

static bool add(struct cleaved *c, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    return fd >= 0 && epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* --- VMs -------------------------------------------------------------------------------------- */

static void connect_store(struct cleaved *c)
{
    if (c->watch >= 0)
        return;
    c->watch = watch_open();
    if (c->watch >= 0 && !add(c, c->watch)) {
        close(c->watch);
        c->watch = -1;
    }
    c->status.store = c->watch >= 0;
    if (c->watch >= 0)
        fprintf(stderr, "cleaved: connected to xenstored\n");
}

/* Starts what is due for a VM. Returns when to look at it again. */
static int64_t attend(struct cleaved *c, const struct vms_record *vm, const struct domain *domains,
                      int count)
{
    int64_t now = vms_now(), due = life_due(vm, domains, count);
    int64_t least = work_not_before(vm->uuid);

    if (due == LIFE_NEVER || work_is_running(vm->uuid))
        return LIFE_NEVER;
    if (due < least)
        due = least;
    if (due > now)
        return due;
    /* without xenstored a worker could do nothing */
    if (c->watch < 0 || vms_is_busy(vm->uuid) || !work_start(vm->uuid))
        return now + AGAIN_S;
    return LIFE_NEVER;
}

/* Looks at all VMs. Returns when to do so again, if nothing happens before. */
static int64_t scan(struct cleaved *c)
{
    int64_t next = vms_now() + (c->watch < 0 ? AGAIN_S : IDLE_S);
    struct domain *domains;
    struct vms_record *list;
    int domain_count, count;

    report_begin(&c->report);
    domain_count = domain_list(&c->hv, NULL, &domains);
    if (domain_count < 0)
        return vms_now() + AGAIN_S;
    count = vms_list(&list);
    for (int i = 0; i < count; i++) {
        int64_t again = attend(c, &list[i], domains, domain_count);

        if (again < next)
            next = again;
    }
    if (c->watch >= 0 && c->sweep_at <= vms_now() && work_start(WORK_SWEEP))
        c->sweep_at = LIFE_NEVER;
    if (c->sweep_at > vms_now() && c->sweep_at < next)
        next = c->sweep_at;
    if (count >= 0) {
        c->status.vms = count;
        free(list);
    }
    free(domains);
    return count < 0 ? vms_now() + AGAIN_S : next;
}

static void set_timer(struct cleaved *c, int64_t when)
{
    struct itimerspec time = { .it_value.tv_sec = when };

    timerfd_settime(c->timer, TFD_TIMER_ABSTIME, &time, NULL);
}

/* --- events ----------------------------------------------------------------------------------- */

static void take_signals(struct cleaved *c)
{
    struct signalfd_siginfo info;

    while (read(c->signals, &info, sizeof(info)) == sizeof(info))
        c->ending |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
    work_reap();
}

static void take_watch(struct cleaved *c)
{
    c->sweep_at = vms_now() + SWEEP_S;
    if (watch_read(c->watch))
        return;
    fprintf(stderr, "cleaved: xenstored has gone: waiting for it\n");
    close(c->watch);
    c->watch = -1;
    c->status.store = false;
}

/* Returns whether the VMs are to be looked at. */
static bool take_event(struct cleaved *c, int fd)
{
    uint64_t expirations;

    if (fd == c->signals)
        take_signals(c);
    else if (fd == c->watch)
        take_watch(c);
    else if (fd == c->timer) {
        if (read(c->timer, &expirations, sizeof(expirations)) < 0)
            return errno != EAGAIN;
    } else if (fd == c->listener) {
        int client = socket_accept(fd);

        if (client >= 0 && !add(c, client))
            close(client);
        return false;
    } else {
        socket_serve(fd, &c->status);
        return false;
    }
    return true;
}

static void serve(struct cleaved *c)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    bool look = true;

    while (!c->ending) {
        int count;

        if (look) {
            connect_store(c);
            set_timer(c, scan(c));
        }
        look = false;
        count = epoll_wait(c->epoll, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < count; i++)
            look |= take_event(c, events[i].data.fd);
    }
}

/* --- start ------------------------------------------------------------------------------------ */

/* There is one cleaved. The lock is released when it ends. */
static int lock_instance(void)
{
    int fd;

    if (mkdir(SUPERVISOR_FOLDER, 0755) < 0 && errno != EEXIST) {
        report_error(report_by_errno(errno), "cannot create %s: %s", SUPERVISOR_FOLDER,
                     strerror(errno));
        return -1;
    }
    fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        report_error(REPORT_STATE, "cleaved is already running: it holds %s", LOCK_FILE);
    else
        report_error(report_by_errno(errno), "cannot lock %s: %s", LOCK_FILE, strerror(errno));
    return -1;
}

static int open_all(struct cleaved *c)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    c->watch = -1;
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    c->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (!add(c, c->signals) || !add(c, c->timer)) {
        report_error(report_by_errno(errno), "cannot create descriptors for events: %s",
                     strerror(errno));
        return -1;
    }
    c->listener = socket_listen();
    if (c->listener < 0 || !add(c, c->listener))
        return -1;
    return hv_open(&c->hv);
}

int main(int argc, char **argv)
{
    static struct cleaved cleaved;

    (void)argv;
    if (argc > 1) {
        fprintf(stderr, "usage: cleaved\nThe supervisor of Cleave's VMs. It stays in the "
                        "foreground and logs to standard error.\n");
        return 2;
    }
    cleaved.report.echo = stderr;
    report_begin(&cleaved.report);
    if (lock_instance() < 0 || open_all(&cleaved) < 0)
        return 1;
    cleaved.sweep_at = vms_now() + SWEEP_S;
    fprintf(stderr, "cleaved: started\n");
    serve(&cleaved);
    unlink(SUPERVISOR_SOCKET);
    hv_close(&cleaved.hv);
    return 0;
}
