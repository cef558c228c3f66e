/* SPDX-License-Identifier: MIT */
/*
 * Verbs that read what is kept of VMs: events, and logs of their consoles. Both files grow at their
 * end and are replaced when they are full, so both are followed in the same way, and neither needs
 * cleaved. Read next: ../libcleave/events.c.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "console.h"
#include "events.h"
#include "report.h"

#define DEFAULT_SINCE_S (24 * 60 * 60)

/* A file that is read from its beginning, and then as it grows. */
struct follower {
    const char *path;
    FILE *file;
};

/* True if the path names another file by now, or the file was cut. */
static bool is_replaced(const struct follower *follower)
{
    struct stat opened, named;

    return fstat(fileno(follower->file), &opened) == 0 && stat(follower->path, &named) == 0 &&
           (opened.st_ino != named.st_ino || named.st_size < ftello(follower->file));
}

/* Opens the file, or the one that replaced it. False: it does not exist. */
static bool open_file(struct follower *follower)
{
    if (follower->file)
        fclose(follower->file);
    follower->file = fopen(follower->path, "re");
    return follower->file;
}

/*
 * Reads the next line, or a part of a long one. Waits for it if follow is set. False: there is
 * none, or nobody reads the output.
 */
static bool next_line(struct follower *follower, bool follow, char **line, size_t *size)
{
    for (;;) {
        if (follower->file && getline(line, size, follower->file) > 0)
            return true;
        if (!follow || fflush(stdout) != 0)
            return false;
        if (follower->file)
            clearerr(follower->file);
        usleep(CONSOLE_FOLLOW_MS * 1000);
        if (!follower->file || is_replaced(follower))
            open_file(follower);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

/* Parses 90s, 15m, 2h or 3d: so long ago. False: something else. */
static bool parse_age(const char *text, time_t *since)
{
    static const char units[] = "smhd";
    static const int seconds[] = { 1, 60, 60 * 60, 24 * 60 * 60 };
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;

    if (!isdigit((unsigned char)*text) || !unit || end[1] || number > UINT32_MAX)
        return false;
    *since = time(NULL) - (time_t)number * seconds[unit - units];
    return true;
}

/* Reads --since: all, an age, or a time in UTC. */
static int parse_since(const char *text, time_t *since)
{
    static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d" };

    *since = 0;
    if (!text)
        *since = time(NULL) - DEFAULT_SINCE_S;
    if (!text || strcmp(text, "all") == 0 || parse_age(text, since))
        return 0;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm utc = { .tm_sec = 0 };
        const char *end = strptime(text, forms[i], &utc);

        if (end && (!*end || strcmp(end, "Z") == 0)) {
            *since = timegm(&utc);
            return 0;
        }
    }
    report_error(REPORT_USAGE,
                 "--since %s: give \"all\", an age like 90s, 15m, 2h or 3d, or a time in UTC like "
                 "2026-11-30T08:15:00",
                 text);
    return -EINVAL;
}

/* Prints an event that is not older than since. A damaged line is left out. */
static void print_event(const char *line, time_t since, bool as_json)
{
    json_t *event = json_loads(line, 0, NULL);
    const char *when, *name, *what, *detail, *by = "";
    struct tm utc = { .tm_sec = 0 };

    if (event &&
        json_unpack(event, "{s:s, s:s, s:s, s:s, s?s}", "time", &when, "name", &name, "what", &what,
                    "detail", &detail, "by", &by) == 0 &&
        strptime(when, "%Y-%m-%dT%H:%M:%S", &utc) && timegm(&utc) >= since) {
        if (as_json)
            fputs(line, stdout);
        else
            printf("%.19s  %-24s %-14s %-12s %s\n", when, name, what, by, detail);
    }
    json_decref(event);
}

static void print_events(const char *path, time_t since, bool as_json, bool follow)
{
    struct follower follower = { .path = path };
    size_t size = 0;
    char *line = NULL;

    open_file(&follower);
    while (next_line(&follower, follow, &line, &size))
        print_event(line, since, as_json);
    free(line);
    if (follower.file)
        fclose(follower.file);
}

int journal_events(struct call *call)
{
    bool as_json = call->json;
    time_t since;
    int rc = parse_since(call->options[OPTION_SINCE], &since);

    if (rc < 0)
        return rc;
    /* lines as they stand in the journal, in place of one object, which --follow could not end */
    json_decref(call->json);
    call->json = NULL;
    print_events(EVENTS_OLD_PATH, since, as_json, false);
    print_events(EVENTS_PATH, since, as_json, call->options[OPTION_FOLLOW]);
    return 0;
}

/* --- logs ------------------------------------------------------------------------------------- */

int journal_logs(struct call *call)
{
    const char *name = call->arguments[0];
    struct follower follower;
    size_t size = 0;
    char path[128], *line = NULL;

    if (strchr(name, '/') || strlen(name) >= DOMAIN_NAME_MAX) {
        report_error(REPORT_USAGE, "\"%s\" is not a VM's name", name);
        return -EINVAL;
    }
    snprintf(path, sizeof(path), CONSOLE_LOG, name);
    follower = (struct follower){ .path = path };
    if (!open_file(&follower)) {
        report_error(errno == ENOENT ? REPORT_NOT_FOUND : report_by_errno(errno),
                     "no console log of \"%s\": %s: %s: xenconsoled writes it when started with "
                     "--log=guest",
                     name, path, strerror(errno));
        return -ENOENT;
    }
    while (next_line(&follower, call->options[OPTION_FOLLOW], &line, &size))
        fputs(line, stdout);
    free(line);
    fclose(follower.file);
    return 0;
}
