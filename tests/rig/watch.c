/* SPDX-License-Identifier: MIT */
/*
 * The serial line carries the hypervisor's messages and dom0's console, mixed. It goes to the log
 * unchanged. It is split into lines here only to keep the last ones, and to detect a crash before
 * the timeout.
 *
 * A guest's output must not end a run: it follows the hypervisor's prefix ("(d1) ...", "(CLV) d1:
 * ..."). Next to read: rig.c.
 */
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool begins(const char *line, const char *prefix)
{
    return strncmp(line, prefix, strlen(prefix)) == 0;
}

bool watch_is_crash(const char *line)
{
    static const char *const words[] = {
        "(CLV) panic",        "(CLV) error: panic", "(CLV) error: dom0 crashed",
        "(XEN) Panic on CPU", "(XEN) Xen BUG at",   "(XEN) Hardware Dom0 crashed",
    };
    /*
     * A message of the hypervisor may begin within a line of dom0; after its own prefix it may
     * quote others.
     */
    bool own = begins(line, "(CLV) ") || begins(line, "(XEN) ");

    /* "(d1) ...": Xen quotes a guest like this, without its own prefix */
    if (begins(line, "(d") && line[2] >= '0' && line[2] <= '9')
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (own ? begins(line, words[i]) : strstr(line, words[i]) != NULL)
            return true;

    /* dom0's kernel puts a timestamp first: "[ 12.345678] Kernel panic - not syncing: ..." */
    if (line[0] != '[')
        return false;
    line += 1 + strspn(line + 1, " 0123456789.");
    return begins(line, "] Kernel panic - ");
}

static void end_line(struct watch *watch)
{
    watch->line[watch->used] = '\0';
    watch->used = 0;
    strcpy(watch->tail[watch->lines++ % WATCH_TAIL], watch->line);
    if (!watch->crashed && watch_is_crash(watch->line)) {
        watch->crashed = true;
        strcpy(watch->crash, watch->line);
    }
}

static int write_log(struct watch *watch, const char *bytes, size_t length)
{
    while (watch->log_fd >= 0 && length > 0) {
        ssize_t written = write(watch->log_fd, bytes, length);

        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            bytes += written;
            length -= written;
        }
    }
    return 0;
}

int watch_feed(struct watch *watch, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = bytes[i];

        if (c == '\n')
            end_line(watch);
        else if ((c >= ' ' && c < 0x7f) || c == '\t') {
            watch->line[watch->used++] = c;
            if (watch->used == WATCH_LINE - 1)
                end_line(watch);
        }
    }
    return write_log(watch, bytes, length);
}

void watch_print_tail(const struct watch *watch)
{
    size_t first = watch->lines > WATCH_TAIL ? watch->lines - WATCH_TAIL : 0;

    for (size_t i = first; i < watch->lines; i++)
        fprintf(stderr, "  | %s\n", watch->tail[i % WATCH_TAIL]);
    if (watch->used > 0)
        fprintf(stderr, "  | %.*s\n", (int)watch->used, watch->line);
}
