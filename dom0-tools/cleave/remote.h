/* SPDX-License-Identifier: MIT */
/* Verbs that run on another machine. */
#ifndef CLEAVE_REMOTE_H
#define CLEAVE_REMOTE_H

/*
 * Becomes ssh, which runs `cleave` with these arguments (the verb first) on host. Its exit status
 * is the verb's, or 255 if ssh failed. Returns only if ssh cannot be run: a negative errno after an
 * error was reported.
 */
int remote_run(const char *host, int argc, char **argv);

#endif
