/* SPDX-License-Identifier: MIT */
/*
 * Runs a command in dom0, and reports its output and its exit status over the rig's channel
 * (../channel.h). Usage: report COMMAND [ARGUMENT...]. Next to read: ../channel.c, the other end.
 */
#define _GNU_SOURCE
#include "../channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/wait.h>
#include <unistd.h>

/* Registers of a 16550, from its first port, and the bits used here. */
enum { DATA = 0, LINE_CONTROL = 3, LINE_STATUS = 5, SCRATCH = 7 };
#define EIGHT_BITS 0x03
#define DIVISOR_LATCH 0x80
#define TRANSMITTER_FREE 0x20

static bool serial; /* the channel is the second serial port */

/* Whether there is a channel to the rig. A serial port runs at 115,200 baud. */
static bool open_channel(void)
{
    if (inb(CHANNEL_PORT) == CHANNEL_PRESENT)
        return true;
    outb(0xa5, CHANNEL_SERIAL + SCRATCH);
    serial = inb(CHANNEL_SERIAL + SCRATCH) == 0xa5;
    if (serial) {
        outb(DIVISOR_LATCH | EIGHT_BITS, CHANNEL_SERIAL + LINE_CONTROL);
        outb(1, CHANNEL_SERIAL + DATA);
        outb(0, CHANNEL_SERIAL + DATA + 1);
        outb(EIGHT_BITS, CHANNEL_SERIAL + LINE_CONTROL);
    }
    return serial;
}

static void send_byte(uint8_t byte)
{
    if (!serial) {
        outb(byte, CHANNEL_PORT);
        return;
    }
    while (!(inb(CHANNEL_SERIAL + LINE_STATUS) & TRANSMITTER_FREE))
        ;
    outb(byte, CHANNEL_SERIAL + DATA);
}

static void send(enum channel_type type, const uint8_t *bytes, size_t length)
{
    send_byte(type);
    send_byte(length & 0xff);
    send_byte(length >> 8);
    for (size_t i = 0; i < length; i++)
        send_byte(bytes[i]);
}

/* Forwards the data in a stream. False if it has ended or is empty now. */
static bool forward(struct pollfd *stream, enum channel_type type)
{
    uint8_t buffer[CHANNEL_MAX];
    ssize_t length;

    if (stream->fd < 0)
        return false;
    length = read(stream->fd, buffer, sizeof(buffer));
    if (length > 0) {
        send(type, buffer, length);
        return true;
    }
    if (length == 0)
        stream->fd = -1;
    return false;
}

static void on_child(int signal) { (void)signal; }

static pid_t start(char **argv, int out, int err, const sigset_t *mask)
{
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_RDONLY);

        setsid();
        sigprocmask(SIG_SETMASK, mask, NULL);
        dup2(null, 0);
        dup2(out, 1);
        dup2(err, 2);
        execvp(argv[0], argv);
        fprintf(stderr, "report: %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv)
{
    int out[2], err[2], status = 0;
    sigset_t child, original;

    if (argc < 2 || iopl(3) < 0 || !open_channel() || pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0 ||
        pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0) {
        fprintf(stderr, "report: no way to the rig at port 0x%x or 0x%x: %s\n", CHANNEL_PORT,
                CHANNEL_SERIAL, strerror(errno));
        return 1;
    }
    /* The command gets blocking ends: most programs do not expect EAGAIN from their output. */
    fcntl(out[1], F_SETFL, 0);
    fcntl(err[1], F_SETFL, 0);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &original);
    signal(SIGCHLD, on_child);
    send(CHANNEL_BEGIN, NULL, 0);

    pid_t pid = start(argv + 1, out[1], err[1], &original);

    close(out[1]);
    close(err[1]);

    /*
     * A daemon that the command left running may keep the streams open, so the command's end
     * decides. SIGCHLD is unblocked only inside ppoll: it cannot arrive between the check and the
     * wait, and no timer disturbs measurements.
     */
    struct pollfd streams[2] = { { .fd = out[0], .events = POLLIN },
                                 { .fd = err[0], .events = POLLIN } };

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (ppoll(streams, 2, NULL, &original) < 0)
            continue;
        forward(&streams[0], CHANNEL_STDOUT);
        forward(&streams[1], CHANNEL_STDERR);
    }
    while (forward(&streams[0], CHANNEL_STDOUT))
        ;
    while (forward(&streams[1], CHANNEL_STDERR))
        ;

    uint8_t code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);

    send(CHANNEL_EXIT, &code, 1);
    return 0;
}
