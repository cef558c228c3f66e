/* SPDX-License-Identifier: MIT */
/*
 * The verbs of cleave: each is one function, listed once in main.c.
 */
#ifndef CLEAVE_COMMAND_H
#define CLEAVE_COMMAND_H

#include "hv.h"
#include "store.h"

struct command {
    const char *name;
    const char *arguments; /* as the usage line shows them */
    const char *summary;
    /* argv[0] is the verb. The exit status: 0 or 1, after one error line. */
    int (*run)(const struct command *command, int argc, char **argv);
};

/* The hypervisor and the store, open while a verb works. */
struct session {
    struct hv hv;
    struct xs_handle *store;
};

/* 0, or a negative errno after an error line; session_close in any case. */
int session_open(struct session *session);
void session_close(struct session *session);

/* The bit of an option letter. */
#define OPTION(letter) (1u << ((letter)&31))

/*
 * Parses a verb's options: letters are the ones that it has, each with a long name in order. The
 * bits that were given into *options, the first other argument's index as the result, or a negative
 * errno after an error line, also when the number of other arguments is not from least to most.
 */
int command_options(const struct command *command, int argc, char **argv, const char *letters,
                    const char *const *long_names, unsigned int *options, int least, int most);

int create_run(const struct command *command, int argc, char **argv);
int list_run(const struct command *command, int argc, char **argv);
int info_run(const struct command *command, int argc, char **argv);
int dmesg_run(const struct command *command, int argc, char **argv);
int console_run(const struct command *command, int argc, char **argv);
int control_pause(const struct command *command, int argc, char **argv);
int control_unpause(const struct command *command, int argc, char **argv);
int control_shutdown(const struct command *command, int argc, char **argv);
int control_reboot(const struct command *command, int argc, char **argv);
int control_destroy(const struct command *command, int argc, char **argv);

#endif
