/* SPDX-License-Identifier: MIT */
/*
 * What is left to a guest that takes over this process: its own domain (xen_restrict), the
 * descriptors of its own disks, interfaces and terminals, and two sockets to the keeper. Read next:
 * keeper.c.
 */
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define USER "cleave-dm"
#define ROOT "/run/cleave-dm"

/*
 * Requests of /dev/xen/privcmd and /dev/xen/evtchn, by Linux's include/uapi/xen/privcmd.h and
 * evtchn.h, which are not installed in a form that compiles: number and size of the argument.
 */
#define DM_OP _IOC(_IOC_NONE, 'P', 5, 16)
#define MMAPBATCH_V2 _IOC(_IOC_NONE, 'P', 4, 32)
#define EVTCHN_NOTIFY _IOC(_IOC_NONE, 'E', 4, 4)

static int report(const char *what, int error)
{
    fprintf(stderr, "cleave-dm: %s: %s\n", what, strerror(error));
    return -error;
}

/* Calls that are allowed whatever their arguments. */
static const int calls[] = {
    SCMP_SYS(read),          SCMP_SYS(write),           SCMP_SYS(readv),
    SCMP_SYS(writev),        SCMP_SYS(preadv),          SCMP_SYS(pwritev),
    SCMP_SYS(preadv2),       SCMP_SYS(pwritev2),        SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),     SCMP_SYS(epoll_wait),      SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),     SCMP_SYS(io_uring_enter),  SCMP_SYS(timerfd_settime),
    SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),       SCMP_SYS(munmap),
    SCMP_SYS(brk),           SCMP_SYS(madvise),         SCMP_SYS(futex),
    SCMP_SYS(sendto),        SCMP_SYS(recvfrom),        SCMP_SYS(rt_sigreturn),
    SCMP_SYS(exit_group),    SCMP_SYS(restart_syscall),
};

static const unsigned long ioctls[] = {
    DM_OP,
    MMAPBATCH_V2,
    EVTCHN_NOTIFY,
};

static int filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc = filter ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    for (size_t i = 0; rc == 0 && i < sizeof(ioctls) / sizeof(ioctls[0]); i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, ioctls[i]));
    /* memory, but none that is executed */
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0)
        rc = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    return rc < 0 ? report("cannot limit its system calls", -rc) : 0;
}

static int become_user(void)
{
    struct passwd *user = getpwnam(USER);

    if (!user)
        return report("there is no user " USER ": adduser --system " USER, ENOENT);
    if (mkdir(ROOT, 0555) < 0 && errno != EEXIST)
        return report("cannot create " ROOT, errno);
    if (chroot(ROOT) < 0 || chdir("/") < 0)
        return report("cannot change its root to " ROOT, errno);
    if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
        return report("cannot become user " USER, errno);
    /* nor may processes of this user look into each other */
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return report("cannot give up privileges", errno);
    return 0;
}

int confine(void)
{
    int rc;

    tzset(); /* gmtime_r would look for its file later */
    rc = become_user();

    return rc < 0 ? rc : filter();
}
