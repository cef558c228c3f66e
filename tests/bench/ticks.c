/* SPDX-License-Identifier: MIT */
/*
 * ticks NAME COMMAND...: runs the command and prints "bench NAME TICKS", the time-stamp counter's
 * advance from before its start to after its end. The command's own output goes to standard error.
 * Exits with the command's status, and prints no figure unless that is 0. Under -icount, a tick is
 * one executed instruction, of any program on this CPU, and idle time also counts. As dom0's first
 * program (rdinit=), it only marks that moment and executes /init.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <x86intrin.h>

#include "mark.h"

int main(int argc, char **argv)
{
    uint64_t start;
    int status;
    pid_t child;

    if (getpid() == 1) {
        MARK_BOOT;
        execv("/init", argv);
    }
    if (argc < 3) {
        fprintf(stderr, "usage: ticks NAME COMMAND...\n");
        return 2;
    }
    MARK_BEGIN;
    start = __rdtsc();
    child = fork();
    if (child < 0) {
        perror("ticks: fork");
        return 1;
    }
    if (!child) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    if (waitpid(child, &status, 0) != child) {
        perror("ticks: waitpid");
        return 1;
    }
    start = __rdtsc() - start;
    MARK_END;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "ticks: %s failed, wait status 0x%x: no figure for %s\n", argv[2], status,
                argv[1]);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    MARK_ROW;
    printf("bench %s %llu\n", argv[1], (unsigned long long)start);
    return 0;
}
