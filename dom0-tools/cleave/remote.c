/* SPDX-License-Identifier: MIT */
/*
 * cleave -H HOST VERB...: runs the verb on another machine, by ssh and the cleave there. Standard
 * input and output, the exit status, and with a terminal the console's keys are those of the verb.
 * Files that a verb names are files of HOST. Read next: main.c.
 */
#include "remote.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define SSH_WORDS 6 /* ssh, -t or -T, --, HOST, the command, and the end */

/* Writes one word so that a shell reads it as it is. */
static void put_word(FILE *out, const char *word)
{
    fputs(" '", out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

/* Returns the command line for HOST's shell. The caller frees it. NULL: out of memory. */
static char *command_line(int argc, char **argv)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    fputs("exec cleave", out);
    for (int i = 0; i < argc; i++)
        put_word(out, argv[i]);
    fclose(out);
    return text;
}

int remote_run(const char *host, int argc, char **argv)
{
    bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    char *words[SSH_WORDS] = { "ssh", terminal ? "-t" : "-T", "--", NULL, NULL, NULL };
    int rc;

    if (argc == 0 || !*host) {
        report_error(REPORT_USAGE, "-H %s: must be `cleave -H [USER@]HOST VERB...`", host);
        return -EINVAL;
    }
    words[3] = strdup(host);
    words[4] = command_line(argc, argv);
    if (!words[3] || !words[4])
        return -ENOMEM;
    signal(SIGPIPE, SIG_DFL);
    execvp(words[0], words);
    rc = -errno;
    report_error(REPORT_INTERNAL, "cannot run ssh: %s%s", strerror(-rc),
                 rc == -ENOENT ? ": apt install openssh-client" : "");
    free(words[3]);
    free(words[4]);
    return rc;
}
