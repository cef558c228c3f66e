/* SPDX-License-Identifier: MIT */
/*
 * signals PROGRAM [ARGUMENT]...: runs the program with the default action for SIGINT and SIGQUIT.
 * What a shell starts by & ignores them, and so would dom0's shell and all that is typed there; a
 * shell cannot change that (POSIX, sh, "trap"). Read next: init.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    if (argc < 2) {
        fprintf(stderr, "usage: signals PROGRAM [ARGUMENT]...\n");
        return 2;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
