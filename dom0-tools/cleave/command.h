/* SPDX-License-Identifier: MIT */
/*
 * The verbs of cleave. Each is one function and one row of the table in table.c, from which the
 * parser, the help, the man page and the shells' completions come.
 */
#ifndef CLEAVE_COMMAND_H
#define CLEAVE_COMMAND_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "domain.h"
#include "hv.h"
#include "store.h"
#include "vmfile.h"
#include "vms.h"

/* The version of the tools, and the number that every JSON output begins with (README.md). */
#define CLEAVE_VERSION "0.1"
#define CLEAVE_JSON_VERSION 1

/* All options of all verbs. table.c has their words. */
enum command_option {
    OPTION_NONE,
    OPTION_AUTOSTART,
    OPTION_BATCH,
    OPTION_BRIDGE,
    OPTION_CLEAR,
    OPTION_CONSOLE,
    OPTION_COPIES,
    OPTION_COUNT_OF,
    OPTION_CPU_MHZ,
    OPTION_DISK_SIZE,
    OPTION_DOM0_CPUS,
    OPTION_DRY_RUN,
    OPTION_DURATION,
    OPTION_EVENTS,
    OPTION_FOLDER,
    OPTION_FOLLOW,
    OPTION_FOR,
    OPTION_FORCE,
    OPTION_FORCE_BELOW,
    OPTION_FORCE_DETACH,
    OPTION_FOREGROUND,
    OPTION_FORMAT,
    OPTION_HELP,
    OPTION_HOST_CPUS,
    OPTION_HOST_MEMORY,
    OPTION_HOST_MHZ,
    OPTION_HVM,
    OPTION_IMAGE,
    OPTION_INTERVAL,
    OPTION_INTERVALS,
    OPTION_JSON,
    OPTION_KERNEL,
    OPTION_LISTEN,
    OPTION_MAX,
    OPTION_MEMORY,
    OPTION_NO_WAIT,
    OPTION_NAME,
    OPTION_ONCE,
    OPTION_OUTPUT,
    OPTION_PAUSED,
    OPTION_RAMDISK,
    OPTION_READ,
    OPTION_RECURSIVE,
    OPTION_SINCE,
    OPTION_SORT,
    OPTION_SSH_KEY,
    OPTION_STRICT,
    OPTION_SVG,
    OPTION_SYNTHETIC,
    OPTION_TEMPLATE,
    OPTION_TIMEOUT,
    OPTION_VCPUS,
    OPTION_WAIT,
    OPTION_COUNT
};

struct option_words {
    char letter;          /* 0: only the long form */
    const char *name;     /* the long form */
    const char *argument; /* its name in the help; NULL: the option has no argument */
    const char *help;
};

#define COMMAND_OPTIONS_MAX 18

struct call;

struct command {
    const char *name;
    const char *arguments; /* besides options, for the usage line */
    const char *summary;
    int least, most; /* number of arguments */
    /* Returns 0, or another number after an error was reported. */
    int (*run)(struct call *call);
    enum command_option
        options[COMMAND_OPTIONS_MAX]; /* ends with OPTION_NONE; --help goes without saying */
};

/* A command line as the user typed it: a verb with its options and arguments. */
struct call {
    const struct command *command;
    const char *options[OPTION_COUNT]; /* the option's argument, or ""; NULL: not given */
    char **arguments;
    int count;
    /* The object to which the verb adds its output; NULL: the user wants text on stdout. */
    json_t *json;
    char remains[320]; /* what an error in writing the output is to say besides */
    json_t *problems;  /* all errors, if the verb goes on after the first; or NULL */
};

/* The connections to hypervisor and store, for the duration of a verb. */
struct session {
    struct hv hv;
    struct xs_handle *store;
};

/* --- table.c ---------------------------------------------------------------------------------- */

extern const struct command commands[];
extern const size_t command_count;
extern const struct option_words option_words[OPTION_COUNT];

/* Calls visit for each option of a command, --help included. */
void command_each_option(const struct command *command,
                         void (*visit)(const struct option_words *, void *), void *data);

/* --- options.c -------------------------------------------------------------------------------- */

/* Returns the command, or NULL after an error with the verb that may be meant. */
const struct command *command_find(const char *verb);

/*
 * Parses argv, whose first element is the verb. Options may stand before and after arguments; what
 * follows "--" is no option. Returns 0, or a negative errno after an error was reported.
 */
int command_parse(const struct command *command, int argc, char **argv, struct call *call);

/*
 * Reads an option's number, or leaves it alone if the option is not given. Returns 0, or -EINVAL
 * after an error was reported.
 */
int option_number(const struct call *call, enum command_option option, unsigned long least,
                  unsigned long most, uint64_t *number);

/* --- main.c ----------------------------------------------------------------------------------- */

/* Return 0, or a negative errno after an error was reported. Call session_close in either case. */
int session_open(struct session *session);
void session_close(struct session *session);

/*
 * The same, but without the store there is only a warning, and session->store is NULL: for verbs
 * that the hypervisor alone can serve.
 */
int session_try(struct session *session, const char *consequence);

/* --- findvm.c --------------------------------------------------------------------------------- */

/*
 * Finds the record of a VM of cleave. The error for another VM says what to do otherwise. Returns
 * 0, or a negative errno after an error was reported.
 */
int session_find_vm(struct session *session, const char *who, const char *otherwise,
                    struct vms_record *vm);

/*
 * Waits for the VM's lock, and reads its record anew. Returns the lock, for vms_unlock, or a
 * negative errno after an error was reported.
 */
int session_lock_vm(struct vms_record *vm);

/*
 * Appends a setting, KEY=VALUE, to the VM's file. The caller holds its lock. Returns as vms_append;
 * -ENOMEM reports nothing.
 */
int session_record(const struct vms_record *vm, const char *setting);

/* --- create.c --------------------------------------------------------------------------------- */

/*
 * Reads the VM file and settings that the call names, and returns in *config the text of a VM file
 * that says the same anywhere. The caller frees both.
 */
int create_read(struct call *call, struct vmfile *vm, char **config);

/*
 * Adds the quotes that the file's syntax requires around text, if VALUE of KEY=VALUE has none. The
 * caller frees the result. NULL: out of memory.
 */
char *create_quote(const char *setting);

/*
 * Makes all checks that are made before a VM is built; fills in the plan as far as it got. Returns
 * 0, or a negative errno after an error was reported. create_print_plan adds it to the output.
 */
struct build_plan;
int create_check(struct session *session, const struct vmfile *vm, struct build_plan *plan);
void create_print_plan(struct call *call, const struct vmfile *vm, const struct build_plan *plan);

/* Ctrl-C during a build must not leave a partial VM: life.h looks whether it is pending. */
void create_block_signals(void);
void create_unblock_signals(void);

/* --- help.c, generate.c ----------------------------------------------------------------------- */

void help_print(void);
void help_print_verb(const struct command *command);
int help_run(struct call *call);
int version_run(struct call *call);
/* Prints the man page or a shell's completion, for the build; not in the table. */
int generate_run(const char *what);

/* --- host.c, hostcheck.c ---------------------------------------------------------------------- */

/*
 * Adds what is wrong with the running machine to list, as objects with message and remedy. Returns
 * 0, or a negative errno after an error was reported.
 */
int host_warnings(json_t *list);
int hostcheck_run(struct call *call);

/* --- output.c --------------------------------------------------------------------------------- */

/* Returns text, in UTF-8: invalid bytes are replaced by U+FFFD. The caller drops it. */
json_t *output_string(const char *text);

/* Add a member to a JSON object, or text to a list. Invalid UTF-8 is replaced by U+FFFD. */
void output_text(json_t *object, const char *key, const char *text);
void output_append(json_t *list, const char *text);
void output_number(json_t *object, const char *key, uint64_t number);

/* The same for bytes that may contain zeros. */
void output_bytes(json_t *object, const char *key, const char *bytes, size_t length);

/*
 * Writes bytes into text for a terminal: all but printable ASCII as \xNN. Truncated to size;
 * OUTPUT_PRINTABLE_MAX is enough for any value of the store.
 */
#define OUTPUT_PRINTABLE_MAX (4 * 4096 + 1)
void output_printable(char *text, size_t size, const char *bytes, size_t length);

/* Adds a new list or object to object, and returns it. */
json_t *output_list(json_t *object, const char *key);
json_t *output_object(json_t *object, const char *key);

/* Returns a new object at the end of list. */
json_t *output_item(json_t *list);

/* Notes what is done, for the error when the output cannot be written: "VM NAME was WHAT". */
void output_is_done(struct call *call, const char *name, const char *what);

/* Adds name, id and uuid of a VM to object. */
void output_vm(json_t *object, const struct domain *domain);

/* --- control.c: what verbs for one VM share --------------------------------------------------- */

/*
 * Opens the session and finds the VM of the first argument. Returns 0, or a negative errno after an
 * error was reported. Call control_close in either case: it adds the VM to the output, if rc is 0,
 * and returns rc.
 */
int control_open(struct call *call, struct session *session, struct domain *domain);
int control_close(struct call *call, struct session *session, const struct domain *domain, int rc);

/* --- the verbs -------------------------------------------------------------------------------- */

int create_run(struct call *call);
int new_run(struct call *call);
int define_run(struct call *call);
int define_start(struct call *call);
int define_undefine(struct call *call);
int journal_events(struct call *call);
int journal_logs(struct call *call);
int check_run(struct call *call);
int check_diff(struct call *call);
int list_run(struct call *call);
int info_run(struct call *call);
int host_run(struct call *call);
int dmesg_run(struct call *call);
int cpu_run(struct call *call);
int mem_run(struct call *call);
int top_run(struct call *call);
int metrics_run(struct call *call);
int console_run(struct call *call);
int control_pause(struct call *call);
int control_unpause(struct call *call);
int ending_shutdown(struct call *call);
int ending_reboot(struct call *call);
int wait_run(struct call *call);
int rename_run(struct call *call);
int resize_memory(struct call *call);
int resize_vcpus(struct call *call);
int control_destroy(struct call *call);
int device_attach(struct call *call);
int device_detach(struct call *call);
int save_run(struct call *call);
int save_restore(struct call *call);
int storeverbs_run(struct call *call);
int trace_run(struct call *call);

#endif
