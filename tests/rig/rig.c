/* SPDX-License-Identifier: MIT */
/*
 * Runs QEMU for `make run`: with a command for dom0, interactively, or under gdb. run.sh builds its
 * command line.
 *
 * With a command, three outputs of QEMU are kept apart: the serial line (log, watch.c), the
 * command's output and status (channel.c), and QEMU's own messages (log). A run ends in exactly one
 * of these ways, which is reported: the status arrived and the machine powered off; the machine
 * ended without a status; a crash line; a timeout, after which the rig diagnoses the hang (hang.c).
 * Exit status: the command's; 124 after a timeout, like timeout(1); 125 if the rig or the machine
 * failed. Next to read: channel.h, watch.c, overlay.c.
 */
#define _GNU_SOURCE
#include "channel.h"
#include "hang.h"
#include "overlay.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_TIMEOUT 124
#define EXIT_RIG 125
/* Seconds: for a dump to be complete, and for dom0 to power off after the command. */
#define CRASH_GRACE 2
#define POWEROFF_GRACE 60
/*
 * Seconds: for QEMU on a busy host to answer on its monitor, and for watching which of its threads
 * run.
 */
#define MONITOR_PATIENCE 5
#define THREADS_WATCHED 1
#define FILES_MAX 64

struct rig {
    const char *kernel, *kernel_args, *image, *command, *log_name;
    char *files[FILES_MAX];
    int file_count;
    bool gdb; /* QEMU waits for gdb on its standard input and output */
    long timeout;
    char **qemu; /* program and arguments, NULL at the end */
    int qemu_count;

    pid_t pid;
    int serial, report; /* our ends of the pipes; -1 after end of file */
    int monitor;        /* and of the socket of QEMU's monitor */
    struct watch watch;
    struct channel channel;
    bool timed_out;
    char monitor_says[64]; /* after a timeout: the machine's state, or nothing */
    char threads[512];     /* and the threads that ran */
    bool dumped;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal) { interrupted = signal; }

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...)
{
    va_list args;

    fputs("rig: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_RIG);
}

/* Opens the log, or one next to it with our process id if another run holds the lock. */
static void open_log(struct rig *rig)
{
    static char other[4096];

    rig->watch.log_fd = open(rig->log_name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (rig->watch.log_fd >= 0 && flock(rig->watch.log_fd, LOCK_EX | LOCK_NB) < 0) {
        close(rig->watch.log_fd);
        snprintf(other, sizeof(other), "%s.%d", rig->log_name, (int)getpid());
        fprintf(stderr, "rig: another run is writing %s; this one's log is %s\n", rig->log_name,
                other);
        rig->log_name = other;
        rig->watch.log_fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    }
    if (rig->watch.log_fd < 0 || ftruncate(rig->watch.log_fd, 0) < 0)
        die("log %s: %s; set RUN_LOG", rig->log_name, strerror(errno));
}

/*
 * "KERNEL ARGS,INITRD" for -initrd: commas separate the modules, so those within one are doubled.
 */
static char *module_list(const struct rig *rig, int initrd)
{
    char *list = malloc(2 * (strlen(rig->kernel) + strlen(rig->kernel_args)) + 64), *end = list;
    const char *parts[] = { rig->kernel, " ", rig->kernel_args };

    if (!list)
        die("out of memory");
    for (size_t i = 0; i < 3; i++)
        for (const char *c = parts[i]; *c; c++) {
            if (*c == ',')
                *end++ = ',';
            *end++ = *c;
        }
    sprintf(end, ",/dev/fd/%d", initrd);
    return list;
}

/*
 * QEMU's whole command line. With a command: serial line, channel and monitor on these descriptors.
 */
static char **qemu_arguments(const struct rig *rig, int initrd, int serial, int report, int monitor)
{
    char **argv = calloc(rig->qemu_count + 20, sizeof(*argv));
    int n = 0;

    if (!argv)
        die("out of memory");
    for (; n < rig->qemu_count; n++)
        argv[n] = rig->qemu[n];
    argv[n++] = "-initrd";
    argv[n++] = module_list(rig, initrd);
    argv[n++] = "-chardev";
    if (rig->gdb) {
        if (asprintf(&argv[n++], "file,id=com1,path=%s", rig->log_name) < 0)
            die("out of memory");
        argv[n++] = "-gdb";
        argv[n++] = "stdio";
        argv[n++] = "-S";
    } else if (!rig->command) {
        if (asprintf(&argv[n++], "stdio,id=com1,mux=on,signal=off,logfile=%s", rig->log_name) < 0)
            die("out of memory");
        argv[n++] = "-mon";
        argv[n++] = "chardev=com1,mode=readline";
    } else {
        if (asprintf(&argv[n++], "file,id=com1,path=/dev/fd/%d", serial) < 0)
            die("out of memory");
        argv[n++] = "-chardev";
        if (asprintf(&argv[n++], "file,id=report,path=/dev/fd/%d", report) < 0)
            die("out of memory");
        argv[n++] = "-device";
        if (asprintf(&argv[n++], "isa-debugcon,chardev=report,iobase=0x%x,readback=0x%x",
                     CHANNEL_PORT, CHANNEL_PRESENT) < 0)
            die("out of memory");
        argv[n++] = "-chardev";
        if (asprintf(&argv[n++], "socket,id=monitor,fd=%d", monitor) < 0)
            die("out of memory");
        argv[n++] = "-mon";
        argv[n++] = "chardev=monitor,mode=readline";
        argv[n++] = "-no-reboot";
    }
    argv[n++] = "-serial";
    argv[n++] = "chardev:com1";
    return argv;
}

static void start_qemu(struct rig *rig, int initrd)
{
    int serial[2], report[2], monitor[2];
    pid_t parent = getpid();

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, monitor) < 0 || pipe2(serial, 0) < 0 ||
        pipe2(report, 0) < 0)
        die("pipe: %s", strerror(errno));

    char **argv = qemu_arguments(rig, initrd, serial[1], report[1], monitor[1]);

    rig->pid = fork();
    if (rig->pid < 0)
        die("fork: %s", strerror(errno));
    if (rig->pid == 0) {
        int null = open("/dev/null", O_RDONLY);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXIT_RIG);
        dup2(null, 0);
        dup2(serial[1], 1);
        dup2(serial[1], 2);
        execvp(argv[0], argv);
        fprintf(stderr, "rig: %s: %s\n", argv[0], strerror(errno));
        _exit(EXIT_RIG);
    }
    close(serial[1]);
    close(report[1]);
    close(monitor[1]);
    close(initrd);
    rig->serial = serial[0];
    rig->report = report[0];
    rig->monitor = monitor[0];
}

static int write_out(int fd, const void *bytes, size_t length)
{
    const char *from = bytes;

    while (length > 0) {
        ssize_t written = write(fd, from, length);

        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            from += written;
            length -= written;
        }
    }
    return 0;
}

/*
 * Reads one of QEMU's pipes, and passes the bytes to the log or the channel. False at the end of
 * the pipe.
 */
static bool drain(struct rig *rig, int fd)
{
    char buffer[65536];
    ssize_t length = read(fd, buffer, sizeof(buffer));
    int rc;

    if (length < 0 && errno == EINTR)
        return true;
    if (length <= 0)
        return false;
    if (fd == rig->serial) {
        rc = watch_feed(&rig->watch, buffer, length);
        if (rc < 0)
            die("log %s: %s", rig->log_name, strerror(-rc));
    } else {
        rc = channel_feed(&rig->channel, (uint8_t *)buffer, length, write_out);
        if (rc == -EPROTO)
            die("dom0 wrote nonsense to the rig's port 0x%x; the log is %s", CHANNEL_PORT,
                rig->log_name);
        if (rc < 0)
            die("writing the command's output: %s", strerror(-rc));
    }
    return true;
}

/* Reads QEMU's output for at most half a second. False once all its pipes have ended. */
static bool listen_to(struct rig *rig)
{
    struct pollfd fds[2] = {
        { .fd = rig->serial, .events = POLLIN },
        { .fd = rig->report, .events = POLLIN },
    };

    if (poll(fds, 2, 500) > 0) {
        if (fds[0].revents && !drain(rig, rig->serial))
            rig->serial = -1;
        if (fds[1].revents && !drain(rig, rig->report))
            rig->report = -1;
    }
    return rig->serial >= 0 || rig->report >= 0;
}

/*
 * Diagnoses a machine that hangs: whether QEMU accepts commands, which of its threads run, and
 * where the hypervisor is, by an NMI that makes it dump. Reads QEMU's output meanwhile, because a
 * full pipe would stop it.
 */
static void find_out(struct rig *rig)
{
    struct hang_sample before, after;
    struct hang_monitor monitor = { .used = 0 };
    long start = hang_clock();
    bool open = hang_take_sample(rig->pid, &before), answered = false;

    hang_tell(rig->monitor, "info status\n");
    while (open && hang_clock() < start + THREADS_WATCHED * 1000)
        open = listen_to(rig);
    if (hang_take_sample(rig->pid, &after))
        hang_describe(&before, &after, rig->threads, sizeof(rig->threads));
    while (!answered && hang_clock() < start + MONITOR_PATIENCE * 1000) {
        answered =
            hang_answered(rig->monitor, &monitor, rig->monitor_says, sizeof(rig->monitor_says));
        if (!answered && !(open && (open = listen_to(rig))))
            break;
    }

    size_t lines = rig->watch.lines;

    hang_tell(rig->monitor, "nmi\n");
    for (start = hang_clock(); open && hang_clock() < start + CRASH_GRACE * 1000;)
        open = listen_to(rig);
    rig->dumped = rig->watch.lines > lines;
}

/*
 * Runs until QEMU has ended, the time is over, or a crash dump is complete; QEMU has ended
 * afterwards. True if it ended by itself.
 */
static bool watch_run(struct rig *rig)
{
    long end = hang_clock() + rig->timeout * 1000;
    bool crash_seen = false, exit_seen = false, open = true;

    while (open && !interrupted && hang_clock() < end) {
        open = listen_to(rig);
        if (rig->watch.crashed && !crash_seen) {
            crash_seen = true;
            end = hang_clock() + CRASH_GRACE * 1000;
        }
        if (rig->channel.exited && !exit_seen && !crash_seen) {
            exit_seen = true;
            end = hang_clock() + POWEROFF_GRACE * 1000;
        }
    }
    rig->timed_out = open && !interrupted && !crash_seen;
    if (rig->timed_out)
        find_out(rig);
    if (open)
        kill(rig->pid, SIGKILL);
    while (waitpid(rig->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return !open;
}

static void report_hang(const struct rig *rig)
{
    if (rig->monitor_says[0])
        fprintf(stderr, "rig: QEMU answers on its monitor: the machine is %s\n", rig->monitor_says);
    else
        fprintf(stderr, "rig: QEMU does not answer on its monitor within %d s\n", MONITOR_PATIENCE);
    fprintf(stderr, "rig: QEMU's threads that ran during a second of it: %s\n", rig->threads);
    fprintf(stderr, "rig: after an NMI the hypervisor %s\n",
            rig->dumped ? "has said where it is" : "has said nothing");
}

/* The result of the run: the exit status, after a message if it is not the command's own. */
static int verdict(const struct rig *rig, bool ended)
{
    const char *stage = rig->channel.begun ? "while the command ran"
                                           : "before dom0 could run the command";
    int status = EXIT_RIG;

    if (interrupted)
        return 128 + interrupted;
    if (rig->watch.crashed && !rig->timed_out)
        fprintf(stderr, "rig: crash %s: %s\n", stage, rig->watch.crash);
    else if (rig->channel.exited && ended)
        return rig->channel.status;
    else if (rig->channel.exited)
        fprintf(stderr,
                "rig: the command ended with status %d, but the machine did "
                "not power off in %d s\n",
                rig->channel.status, POWEROFF_GRACE);
    else if (ended)
        fprintf(stderr, "rig: the machine ended %s\n", stage);
    else {
        fprintf(stderr, "rig: timeout after %ld s %s; more with TIMEOUT=\n", rig->timeout, stage);
        report_hang(rig);
        status = EXIT_TIMEOUT;
    }
    fprintf(stderr, "rig: the last lines of %s:\n", rig->log_name);
    watch_print_tail(&rig->watch);
    return status;
}

static void parse_options(struct rig *rig, int argc, char **argv)
{
    static const struct option options[] = {
        { "kernel", required_argument, NULL, 'k' },
        { "kernel-args", required_argument, NULL, 'a' },
        { "image", required_argument, NULL, 'i' },
        { "command", required_argument, NULL, 'c' },
        { "file", required_argument, NULL, 'f' },
        { "log", required_argument, NULL, 'l' },
        { "timeout", required_argument, NULL, 't' },
        { "gdb", no_argument, NULL, 'g' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (option) {
        case 'k': rig->kernel = optarg; break;
        case 'a': rig->kernel_args = optarg; break;
        case 'i': rig->image = optarg; break;
        case 'c': rig->command = optarg; break;
        case 'l': rig->log_name = optarg; break;
        case 't': rig->timeout = atol(optarg); break;
        case 'g': rig->gdb = true; break;
        case 'f':
            if (rig->file_count == FILES_MAX)
                die("FILES: more than %d files; put them into one archive", FILES_MAX);
            rig->files[rig->file_count++] = optarg;
            break;
        default: exit(EXIT_RIG);
        }
    }
    rig->qemu = argv + optind;
    rig->qemu_count = argc - optind;
    if (!rig->kernel || !rig->image || !rig->log_name || rig->timeout < 1 || rig->qemu_count < 1)
        die("usage: rig --kernel K --kernel-args A --image I --log L --timeout S [--command C] "
            "[--file F]... -- QEMU [ARGUMENT...]; it is called by run.sh");
}

int main(int argc, char **argv)
{
    static struct rig rig = { .kernel_args = "" };
    struct sigaction action = { .sa_handler = on_signal };

    parse_options(&rig, argc, argv);

    int initrd = overlay_create(rig.image, rig.command, rig.files, rig.file_count);

    if (initrd < 0)
        return EXIT_RIG;
    open_log(&rig);
    if (!rig.command || rig.gdb) {
        char **qemu = qemu_arguments(&rig, initrd, -1, -1, -1);

        fcntl(rig.watch.log_fd, F_SETFD, 0); /* QEMU inherits its lock */
        if (rig.gdb) {
            /* A Ctrl-C for gdb must not end the machine, but gdb's end must. */
            setsid();
            prctl(PR_SET_PDEATHSIG, SIGKILL);
        }
        execvp(qemu[0], qemu);
        die("%s: %s", qemu[0], strerror(errno));
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    start_qemu(&rig, initrd);
    return verdict(&rig, watch_run(&rig));
}
