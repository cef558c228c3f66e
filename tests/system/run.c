/* SPDX-License-Identifier: MIT */
/*
 * The shell runs the commands under test, as for a user. Their output goes to files, because a pipe
 * would stay open in any process that they leave running. Next to read: state.c.
 */
#define _GNU_SOURCE
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_back(int fd, char *text, size_t size)
{
    ssize_t length = pread(fd, text, size - 1, 0);

    text[length > 0 ? length : 0] = '\0';
}

/*
 * Covers each of the space-separated folders by an empty one, for this process and its children
 * only.
 */
static void hide(const char *folders)
{
    char *copy = strdup(folders);

    if (unshare(CLONE_NEWNS) < 0)
        _exit(126);
    for (char *folder = strtok(copy, " "); folder; folder = strtok(NULL, " "))
        if (mount("none", folder, "tmpfs", 0, NULL) < 0)
            _exit(126);
    free(copy);
}

static int await(pid_t child)
{
    int status;

    for (int waited = 0; waited < RUN_LIMIT_S * 20; waited++) {
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        pause_ms(50);
    }
    kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    return 124;
}

static const struct run *run_command(const char *hidden, const char *command)
{
    static struct run results[4];
    static unsigned int next;
    struct run *result = &results[next++ % 4];
    int out = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    int err = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    pid_t child;

    assert_true(out >= 0 && err >= 0);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDONLY);

        setpgid(0, 0);
        if (hidden)
            hide(hidden);
        dup2(null, 0);
        dup2(out, 1);
        dup2(err, 2);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    result->status = await(child);
    read_back(out, result->out, sizeof(result->out));
    read_back(err, result->err, sizeof(result->err));
    close(out);
    close(err);
    return result;
}

const struct run *run(const char *format, ...)
{
    char command[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    return run_command(NULL, command);
}

const struct run *run_hiding(const char *folders, const char *format, ...)
{
    char command[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    return run_command(folders, command);
}

const struct run *run_ok(const char *format, ...)
{
    char command[4096];
    const struct run *result;
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    result = run_command(NULL, command);
    if (result->status != 0)
        fail_msg("%s: status %d\n%s%s", command, result->status, result->out, result->err);
    return result;
}

void assert_words(const char *text, const char *words)
{
    char copy[512];

    snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok(copy, "|"); word; word = strtok(NULL, "|"))
        if (!strstr(text, word))
            fail_msg("\"%s\" is not in: %s", word, text);
}

void assert_refused(const struct run *run, const char *words)
{
    const char *end = strchr(run->err, '\n');

    print_message("    %s", run->err[0] ? run->err : "(nothing)\n");
    if (run->status == 0 || run->status >= 124)
        fail_msg("status %d", run->status);
    assert_string_equal(run->out, "");
    if (strncmp(run->err, "cleave: ", 8) != 0 || strncmp(run->err, "cleave: warning", 15) == 0 ||
        !end || end[1])
        fail_msg("not exactly one error line: %s", run->err);
    assert_words(run->err, words);
}

void pause_ms(unsigned int ms) { usleep(ms * 1000); }

int rounds(void)
{
    const char *word = getenv("ROUNDS");

    return word && atoi(word) > 0 ? atoi(word) : 50;
}
