/* SPDX-License-Identifier: MIT */
/*
 * Runs programs of other packages. What they print goes to files in memory, so nobody waits for a
 * reader. They die with this process. Read next: diskcopy.c.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"
#include "report.h"

#define STEP_MS 20
#define OUTPUT_MAX (1 << 20)
#define NOT_FOUND 127 /* the exit status of a child that could not become the program */

/* Becomes the program, in the child. */
static void become(char *const *argv, int output, int complaints)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    dup2(complaints, STDERR_FILENO);
    execvp(argv[0], argv);
    _exit(errno == ENOENT ? NOT_FOUND : NOT_FOUND - 1);
}

/* Waits for the child's end. Returns its status, or -EINTR after it was ended. */
static int await_end(pid_t child)
{
    int status;

    while (waitpid(child, &status, WNOHANG) == 0) {
        if (lock_is_interrupted()) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return -EINTR;
        }
        usleep(STEP_MS * 1000);
    }
    return status;
}

/* Returns what was written to a file in memory. The caller frees it. NULL: out of memory. */
static char *text_of(int file)
{
    char *text = malloc(OUTPUT_MAX);
    ssize_t length = text ? pread(file, text, OUTPUT_MAX - 1, 0) : -1;

    if (text)
        text[length > 0 ? length : 0] = '\0';
    return text;
}

static int report_failure(const char *program, const char *package, int status, int complaints)
{
    char *text;

    if (status == -EINTR) {
        report_error(REPORT_INTERNAL, "interrupted: %s was ended, and nothing is left of it",
                     program);
        return status;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND) {
        report_error(REPORT_INTERNAL, "%s is needed, and is not installed: apt install %s", program,
                     package);
        return -ENOENT;
    }
    text = text_of(complaints);
    if (text)
        text[strcspn(text, "\n")] = '\0';
    report_error(REPORT_INTERNAL, "%s failed with status %d: %s", program,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                 text && *text ? text : "it said nothing");
    free(text);
    return -EIO;
}

int tool_run(char *const *argv, const char *package, char **output)
{
    int printed = memfd_create("output", MFD_CLOEXEC);
    int complaints = memfd_create("complaints", MFD_CLOEXEC);
    pid_t child = printed < 0 || complaints < 0 ? -1 : fork();
    int rc = 0, status;

    if (child == 0)
        become(argv, printed, complaints);
    if (child < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "cannot run %s: %s", argv[0], strerror(-rc));
    } else {
        status = await_end(child);
        if (status != 0)
            rc = report_failure(argv[0], package, status, complaints);
    }
    if (rc == 0 && output && !(*output = text_of(printed)))
        rc = -ENOMEM;
    if (printed >= 0)
        close(printed);
    if (complaints >= 0)
        close(complaints);
    return rc;
}
