/* SPDX-License-Identifier: MIT */
/*
 * cleave-dm gets open descriptors, not paths: it may open nothing itself. A disk that it may write
 * is locked (flock) for as long as it lives; an interface is a tap on the bridge, named as xl names
 * the emulated ones. It says by a byte on a pipe that it serves; if it ends before that, the last
 * line of its log is the reason. Read next: ../cleave-dm/main.c.
 */
#define _GNU_SOURCE
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge.h"
#include "cleave-schema.h"
#include "devices.h"
#include "lock.h"
#include "modelsocket.h"
#include "progress.h"
#include "report.h"

#define PROGRAM "/usr/lib/cleave/cleave-dm"
#define TUN "/dev/net/tun"
#define LOGS "/var/log/xen"
#define CONSOLE_LOGS LOGS "/console"
/* The machine's slots: those of PCI, less those of the chip set and of what every machine has. */
#define DISKS_MAX 16
#define VNET_HEADER 12
/* It needs milliseconds, but the machine may be busy. */
#define START_MS 60000
/* The device model of the VM's last domain may still have the disk. */
#define DISK_MS 10000
#define STEP_MS 20
#define ARGUMENTS_MAX 96
#define ARGUMENT_SIZE 64
#define LINE_SIZE 200

/* --- checks ----------------------------------------------------------------------------------- */

static int check_disk(const struct vmfile *vm, const struct vmdevices_disk *disk)
{
    int fd = open(disk->path, (disk->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    struct stat st;
    int rc = devices_check_file(vm, disk, fd, &st);

    if (fd >= 0)
        close(fd);
    return rc;
}

static int check_vif(const struct vmfile *vm, const struct vmdevices_vif *vif)
{
    if (access(TUN, F_OK) < 0) {
        report_error(REPORT_NOT_FOUND,
                     "VM \"%s\": vif %u: dom0's kernel has no taps (" TUN "): modprobe tun",
                     vm->name, vif->number);
        return -ENODEV;
    }
    return devices_check_bridge(vm, vif);
}

int model_check(const struct vmfile *vm)
{
    const struct vmdevices *devices = &vm->devices;
    int rc = 0;

    if (vm->model != 0) {
        report_error(REPORT_USAGE,
                     "VM \"%s\": device_model: `cleave` starts cleave-dm only: remove the key, or "
                     "start the VM by `xl create`, which uses QEMU",
                     vm->name);
        return -EINVAL;
    }
    if (access(PROGRAM, X_OK) < 0) {
        rc = -errno;
        report_error(REPORT_NOT_FOUND, "VM \"%s\": no device model for type = \"hvm\": %s: %s",
                     vm->name, PROGRAM, strerror(-rc));
    }
    if (rc == 0 && devices->disk_count > DISKS_MAX) {
        rc = -E2BIG;
        report_error(REPORT_USAGE, "VM \"%s\": %u disks: an HVM guest has at most %d", vm->name,
                     devices->disk_count, DISKS_MAX);
    }
    for (unsigned int i = 0; rc == 0 && i < devices->disk_count; i++)
        rc = check_disk(vm, &devices->disks[i]);
    for (unsigned int i = 0; rc == 0 && i < devices->vif_count; i++)
        rc = check_vif(vm, &devices->vifs[i]);
    return rc;
}

/* --- what it gets ----------------------------------------------------------------------------- */

/* The command line, and the descriptors that it names. */
struct start {
    const struct vmfile *vm;
    uint32_t domid;
    char *arguments[ARGUMENTS_MAX + 1];
    char text[ARGUMENTS_MAX][ARGUMENT_SIZE];
    unsigned int count;
    int fds[ARGUMENTS_MAX];
    unsigned int fd_count;
    char log_path[DOMAIN_NAME_MAX + 64];
};

static void __attribute__((format(printf, 2, 3))) add(struct start *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(s->text[s->count], ARGUMENT_SIZE, format, args);
    va_end(args);
    s->arguments[s->count] = s->text[s->count];
    s->count++;
}

/* Takes a disk for this VM: alone, or together with others that only read it. */
static int lock_disk(int fd, bool writable)
{
    for (unsigned int waited = 0; flock(fd, (writable ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0;
         waited += STEP_MS) {
        if (errno != EWOULDBLOCK || waited >= DISK_MS)
            return errno == EWOULDBLOCK ? -EBUSY : -errno;
        if (lock_is_interrupted())
            return -EINTR;
        usleep(STEP_MS * 1000);
    }
    return 0;
}

static int open_disk(struct xs_handle *store, struct start *s, const struct vmdevices_disk *disk)
{
    int flags = (disk->writable ? O_RDWR : O_RDONLY) | (disk->direct_io ? O_DIRECT : 0);
    int fd = open(disk->path, flags | O_CLOEXEC);
    int rc = fd < 0 ? -errno : 0, lock;

    if (rc == 0)
        s->fds[s->fd_count++] = fd;
    if (rc == 0)
        rc = lock_disk(fd, disk->writable);
    if (rc == -EBUSY)
        report_error(REPORT_STATE,
                     "VM \"%s\": disk %s: %s is already in use by another VM, and two VMs that "
                     "write to one disk corrupt it: end the other VM, copy it, or use mode r for "
                     "both",
                     s->vm->name, disk->name, disk->path);
    else if (rc < 0)
        report_error(report_by_errno(-rc), "VM \"%s\": disk %s: %s: %s", s->vm->name, disk->name,
                     disk->path, strerror(-rc));
    if (rc < 0)
        return rc;
    rc = lock = lock_acquire();
    if (lock >= 0) {
        rc = devices_check_unshared(store, s->domid, s->vm, disk, fd);
        lock_release(lock);
    }
    if (rc == 0) {
        add(s, "--disk");
        add(s, "%d:%c:%s:%s", fd, disk->writable ? 'w' : 'r', disk->direct_io ? "direct" : "cached",
            disk->name);
    }
    return rc;
}

static int open_tap(struct start *s, const struct vmdevices_vif *vif)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    int fd = open(TUN, O_RDWR | O_NONBLOCK | O_CLOEXEC), header = VNET_HEADER;
    int rc = fd < 0 ? -errno : 0;

    if (rc == 0)
        s->fds[s->fd_count++] = fd;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "vif%u.%u-emu", s->domid, vif->number);
    if (rc == 0 && (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0))
        rc = -errno;
    if (rc == 0)
        rc = bridge_join(vif->bridge, request.ifr_name);
    if (rc < 0) {
        report_error(report_by_errno(-rc), "VM \"%s\": vif %u: cannot add a tap to bridge %s: %s",
                     s->vm->name, vif->number, vif->bridge, strerror(-rc));
        return rc;
    }
    add(s, "--net");
    add(s, "%d:%s", fd, vif->mac);
    return 0;
}

/* Opens a log, to be appended to. A missing one is no reason not to start the VM. */
static int open_log(struct start *s, const char *folder, const char *prefix)
{
    int fd;

    snprintf(s->log_path, sizeof(s->log_path), "%s/%s-%s.log", folder, prefix, s->vm->name);
    fd = open(s->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0)
        s->fds[s->fd_count++] = fd;
    return fd;
}

/* Both processes inherit the socket. */
static int open_socket(struct start *s)
{
    int fd = modelsocket_create(s->domid);

    if (fd < 0) {
        report_error(report_by_errno(-fd), "VM \"%s\": no socket for its device model: %s",
                     s->vm->name, strerror(-fd));
        return fd;
    }
    s->fds[s->fd_count++] = fd;
    add(s, "--control");
    add(s, "%d", fd);
    return 0;
}

static int open_state(struct start *s, const struct model_state *state)
{
    int fd = memfd_create("devices", MFD_CLOEXEC);

    if (fd >= 0)
        s->fds[s->fd_count++] = fd;
    if (fd < 0 || write(fd, state->bytes, state->size) != (ssize_t)state->size ||
        lseek(fd, 0, SEEK_SET) < 0) {
        int error = errno;

        report_error(report_by_errno(error), "VM \"%s\": the state of its devices: %s", s->vm->name,
                     strerror(error));
        return -error;
    }
    add(s, "--state");
    add(s, "%d", fd);
    return 0;
}

static int open_devices(struct xs_handle *store, struct start *s)
{
    const struct vmdevices *devices = &s->vm->devices;
    int rc = 0;

    for (unsigned int i = 0; rc == 0 && i < devices->disk_count; i++)
        rc = open_disk(store, s, &devices->disks[i]);
    for (unsigned int i = 0; rc == 0 && i < devices->vif_count; i++)
        rc = open_tap(s, &devices->vifs[i]);
    return rc;
}

/* --- its start -------------------------------------------------------------------------------- */

/* In the new process. */
static void __attribute__((noreturn)) execute(struct start *s, int log)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    dup2(null, STDIN_FILENO);
    dup2(log >= 0 ? log : null, STDOUT_FILENO);
    dup2(log >= 0 ? log : null, STDERR_FILENO);
    for (unsigned int i = 0; i < s->fd_count; i++)
        fcntl(s->fds[i], F_SETFD, 0);
    execv(PROGRAM, s->arguments);
    dprintf(STDERR_FILENO, "cleave-dm: cannot execute %s: %s\n", PROGRAM, strerror(errno));
    _exit(1);
}

/* Returns the last line of the log in line, or nothing. */
static void last_line(const char *path, char line[LINE_SIZE])
{
    FILE *file = fopen(path, "re");
    char next[LINE_SIZE];

    line[0] = '\0';
    while (file && fgets(next, sizeof(next), file))
        strcpy(line, next);
    line[strcspn(line, "\n")] = '\0';
    if (file)
        fclose(file);
}

static int await_ready(struct start *s, int ready, pid_t child)
{
    char line[LINE_SIZE], byte;
    int rc = -ETIMEDOUT;

    for (int waited = 0; waited < START_MS && rc == -ETIMEDOUT; waited += STEP_MS) {
        struct pollfd fds = { .fd = ready, .events = POLLIN };

        if (poll(&fds, 1, STEP_MS) > 0)
            rc = read(ready, &byte, 1) == 1 ? 0 : -EIO;
        else if (lock_is_interrupted())
            rc = -EINTR;
    }
    if (rc == 0)
        return 0;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    last_line(s->log_path, line);
    if (rc == -ETIMEDOUT)
        report_error(REPORT_TIMEOUT,
                     "VM \"%s\": its device model does not serve after %d s: see %s", s->vm->name,
                     START_MS / 1000, s->log_path);
    else if (rc == -EINTR)
        report_error(REPORT_INTERNAL, "VM \"%s\": interrupted", s->vm->name);
    else
        report_error(REPORT_INTERNAL, "VM \"%s\": its device model has ended: %s: see %s",
                     s->vm->name, line[0] ? line : "no reason is known", s->log_path);
    return rc;
}

static int run(struct start *s)
{
    int pipe[2], log, rc;
    pid_t child;

    if (pipe2(pipe, O_CLOEXEC) < 0)
        return -errno;
    log = open_log(s, LOGS, "cleave-dm");
    add(s, "--ready");
    add(s, "%d", pipe[1]);
    child = fork();
    if (child == 0) {
        s->fds[s->fd_count++] = pipe[1];
        execute(s, log);
    }
    rc = child < 0 ? -errno : 0;
    close(pipe[1]);
    if (rc == 0)
        rc = await_ready(s, pipe[0], child);
    close(pipe[0]);
    return rc;
}

int model_start(struct xs_handle *store, uint32_t domid, const struct vmfile *vm,
                const struct model_ram *ram, const struct model_state *state)
{
    struct start *s = calloc(1, sizeof(*s));
    int log, rc;

    if (!s)
        return -ENOMEM;
    progress_show("%s: starting: its device model", vm->name);
    s->vm = vm;
    s->domid = domid;
    add(s, PROGRAM);
    add(s, "--domain");
    add(s, "%u", domid);
    add(s, "--vcpus");
    add(s, "%u", vm->max_vcpus);
    add(s, "--low");
    add(s, "%llu", (unsigned long long)ram->low);
    add(s, "--high");
    add(s, "%llu", (unsigned long long)ram->high);
    rc = open_socket(s);
    if (rc == 0 && state->bytes)
        rc = open_state(s, state);
    log = open_log(s, CONSOLE_LOGS, "guest");
    if (log >= 0) {
        add(s, "--log");
        add(s, "%d", log);
    }
    if (rc == 0)
        rc = open_devices(store, s);
    if (rc == 0)
        rc = run(s);
    for (unsigned int i = 0; i < s->fd_count; i++)
        close(s->fds[i]);
    free(s);
    return rc;
}
