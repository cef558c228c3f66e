/* SPDX-License-Identifier: MIT */
/* The verbs of cleave. Each is one function, listed in the table of main.c. */
#ifndef CLEAVE_COMMAND_H
#define CLEAVE_COMMAND_H

#include "hv.h"
#include "store.h"

struct command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;
    /* argv[0] is the verb. Returns 0, or another number after an error was reported. */
    int (*run)(const struct command *command, int argc, char **argv);
};

/* The connections to hypervisor and store, for the duration of a verb. */
struct session {
    struct hv hv;
    struct xs_handle *store;
};

/* Returns 0, or a negative errno after an error line. Call session_close in either case. */
int session_open(struct session *session);
void session_close(struct session *session);

/* The bit for an option letter. */
#define OPTION(letter) (1u << ((letter)&31))

/*
 * Parses the options of a verb. letters: the valid ones; long_names: their long forms, in order.
 * Sets the bits of given options in *options and returns the index of the first other argument.
 * Returns a negative errno after an error line, also if the number of other arguments is not in
 * [least, most].
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
