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
#include "membook.h"
#include "models.h"
#include "monitor.h"
#include "pager.h"
#include "paging.h"
#include "promise.h"
#include "rebalance.h"
#include "report.h"
#include "socket.h"
#include "supervisor.h"
#include "targets.h"
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
#define REPAIR_S 2
/* How often domains are compared with their quotas of the store, while there are guests. */
#define QUOTAS_S 10
/* Targets are looked at so long after one was set, and as often while one is awaited. */
#define TARGETS_S 1
#define PERIOD_MAX_S 3600

struct cleaved {
    struct hv hv;
    struct report report;
    int epoll;
    int signals;
    int timer;
    int seconds; /* monitor.h */
    int listener;
    int watch; /* -1: xenstored is not connected */
    bool ending;
    int64_t sweep_at; /* LIFE_NEVER: nothing has happened since the last time */
    int64_t quotas_at;
    int64_t look_at; /* when all VMs are looked at, if nothing happens before */
    int64_t targets_at;
    uint64_t watched[DOMID_FIRST_RESERVED / 64 + 1]; /* the domains whose targets are watched */
    int64_t balance_at;
    unsigned int period; /* of the memory balancer; s */
    int64_t pager_at;    /* not before */
    int64_t repair_at;   /* a store that was connected since may be empty */
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
    if (c->watch < 0)
        return;
    memset(c->watched, 0, sizeof(c->watched));
    /* not at once: a xenstored that is being killed still accepts connections */
    c->repair_at = vms_now() + REPAIR_S;
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

/* Starts what is due for the store. */
static void tend_store(struct cleaved *c, bool has_guests)
{
    if (c->repair_at <= vms_now() && work_start(WORK_REPAIR))
        c->repair_at = LIFE_NEVER;
    if (c->sweep_at == LIFE_NEVER && !work_is_running(WORK_SWEEP) && vms_has_leftovers())
        c->sweep_at = vms_now();
    if (c->sweep_at <= vms_now() && work_start(WORK_SWEEP))
        c->sweep_at = LIFE_NEVER;
    if (has_guests && c->quotas_at <= vms_now() && !work_is_running(WORK_QUOTAS) &&
        work_start(WORK_QUOTAS))
        c->quotas_at = vms_now() + QUOTAS_S;
}

/* Begins and ends watches of memory targets. What fails is tried again with the next event. */
static void watch_targets(struct cleaved *c, const struct domain *domains, int count)
{
    uint64_t now[DOMID_FIRST_RESERVED / 64 + 1] = { 0 };

    for (int i = 0; i < count; i++)
        if (domains[i].domid != 0 && domains[i].domid < DOMID_FIRST_RESERVED &&
            !(domains[i].info.flags & XEN_DOMINF_dying))
            now[domains[i].domid / 64] |= 1ull << domains[i].domid % 64;
    for (uint32_t domid = 0; domid < DOMID_FIRST_RESERVED; domid++) {
        uint64_t change = now[domid / 64] ^ c->watched[domid / 64], bit = 1ull << domid % 64;

        if (!change)
            domid |= 63;
        else if (change & bit && (now[domid / 64] & bit ? watch_target(c->watch, domid)
                                                        : watch_forget(c->watch, domid)))
            c->watched[domid / 64] ^= bit;
    }
}

/* Starts a look at targets if it is due. Returns when to come again. */
static int64_t tend_targets(struct cleaved *c)
{
    int64_t now = vms_now();

    if (work_is_running(WORK_TARGETS))
        return LIFE_NEVER; /* its end is an event */
    if (c->targets_at == LIFE_NEVER && targets_are_awaited())
        c->targets_at = now + TARGETS_S;
    if (c->targets_at > now)
        return c->targets_at;
    if (!work_start(WORK_TARGETS))
        return now + AGAIN_S;
    c->targets_at = LIFE_NEVER;
    return LIFE_NEVER;
}

static bool is_balanced(const struct vms_record *vm)
{
    return vm->phase == VMS_RUNNING && !vm->earlier_boot && membook_exists(vm->uuid);
}

/* Starts the balancer's period if it is due and there is a VM for it. Returns when the next is. */
static int64_t tend_memory(struct cleaved *c, const struct vms_record *list, int count)
{
    int i;

    for (i = 0; i < count && !is_balanced(&list[i]); i++)
        ;
    if (i >= count)
        return LIFE_NEVER;
    if (c->balance_at <= vms_now() && !work_is_running(WORK_BALANCE) && work_start(WORK_BALANCE))
        c->balance_at = vms_now() + c->period;
    return c->balance_at > vms_now() ? c->balance_at : vms_now() + AGAIN_S;
}

/* Starts the pager if it is needed and does not run. Returns when to come again. */
static int64_t tend_pager(struct cleaved *c, const struct vms_record *list, int count)
{
    if (work_is_running(WORK_PAGER))
        return LIFE_NEVER;
    for (int i = 0; i < count; i++)
        if (list[i].phase == VMS_RUNNING && !list[i].earlier_boot)
            paging_find_lost(&c->hv, &list[i]);
    if (!pager_is_needed())
        return LIFE_NEVER;
    if (c->pager_at > vms_now() || !work_start(WORK_PAGER))
        return vms_now() + AGAIN_S;
    c->pager_at = vms_now() + AGAIN_S;
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
    promise_settle(&c->hv);
    models_look(&c->hv);
    count = vms_list(&list);
    for (int i = 0; i < count; i++) {
        int64_t again = attend(c, &list[i], domains, domain_count);

        if (again < next)
            next = again;
    }
    if (c->watch >= 0) {
        int64_t targets = tend_targets(c), again = tend_memory(c, list, count);

        if (targets < again)
            again = targets;
        watch_targets(c, domains, domain_count);
        tend_store(c, domain_count > 1);
        if (again < next)
            next = again;
    }
    int64_t pager = tend_pager(c, list, count);
    if (pager < next)
        next = pager;
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

/* Returns whether the VMs are to be looked at: not for answers, nor for new targets, which wait. */
static bool take_watch(struct cleaved *c)
{
    unsigned int news = watch_read(c->watch);

    if (news & WATCH_DOMAINS)
        c->sweep_at = vms_now() + SWEEP_S;
    if (news & WATCH_TARGETS && c->targets_at == LIFE_NEVER) {
        c->targets_at = vms_now() + TARGETS_S;
        set_timer(c, c->targets_at < c->look_at ? c->targets_at : c->look_at);
    }
    if (news & WATCH_GONE) {
        fprintf(stderr, "cleaved: xenstored has gone: waiting for it\n");
        close(c->watch);
        c->watch = -1;
        c->status.store = false;
    }
    return news & (WATCH_DOMAINS | WATCH_GONE);
}

/* Returns whether the VMs are to be looked at. */
static bool take_event(struct cleaved *c, int fd)
{
    uint64_t expirations;

    if (fd == c->signals)
        take_signals(c);
    else if (fd == c->watch)
        return take_watch(c);
    else if (fd == c->timer) {
        if (read(c->timer, &expirations, sizeof(expirations)) < 0)
            return errno != EAGAIN;
    } else if (fd == c->seconds) {
        monitor_tick(fd, &c->hv);
        return false;
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
            c->look_at = scan(c);
            set_timer(c, c->look_at);
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
    c->seconds = monitor_open();
    if (!add(c, c->signals) || !add(c, c->timer) || !add(c, c->seconds)) {
        report_error(report_by_errno(errno), "cannot create descriptors for events: %s",
                     strerror(errno));
        return -1;
    }
    c->listener = socket_listen();
    if (c->listener < 0 || !add(c, c->listener))
        return -1;
    return hv_open(&c->hv);
}

/* Returns the period that the user wants, or 0: these are no arguments. */
static unsigned int read_period(int argc, char **argv)
{
    const char *text = argc == 3 && strcmp(argv[1], "--balance-period") == 0 ? argv[2] : "";
    char *end;
    long period = strtol(text, &end, 10);

    if (argc == 1)
        return REBALANCE_S;
    return *text && !*end && period >= 1 && period <= PERIOD_MAX_S ? period : 0;
}

static int run_pager(struct cleaved *c)
{
    c->report.echo = stderr;
    report_begin(&c->report);
    return hv_open(&c->hv) < 0 || pager_run(&c->hv) < 0;
}

int main(int argc, char **argv)
{
    static struct cleaved cleaved;

    if (argc == 2 && strcmp(argv[1], "--pager") == 0)
        return run_pager(&cleaved);
    cleaved.period = read_period(argc, argv);
    if (!cleaved.period) {
        fprintf(stderr,
                "usage: cleaved [--balance-period S | --pager]\nThe supervisor of Cleave's VMs. It "
                "stays in the foreground and logs to standard error. It balances memory each S "
                "seconds, from 1 to %d; %d.\nWith --pager it is only the pager that it else starts "
                "itself.\n",
                PERIOD_MAX_S, REBALANCE_S);
        return 2;
    }
    cleaved.report.echo = stderr;
    report_begin(&cleaved.report);
    if (lock_instance() < 0 || open_all(&cleaved) < 0)
        return 1;
    cleaved.sweep_at = vms_now() + SWEEP_S;
    fprintf(stderr, "cleaved: started\n");
    serve(&cleaved);
    monitor_close();
    unlink(SUPERVISOR_SOCKET);
    hv_close(&cleaved.hv);
    return 0;
}
