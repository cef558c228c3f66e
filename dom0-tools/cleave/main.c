/* SPDX-License-Identifier: MIT */
/*
 * cleave: the command line of the control domain. This file runs one verb, and prints its JSON and
 * its error. Read next: table.c, options.c, create.c.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "remote.h"
#include "report.h"

int session_open(struct session *session)
{
    int rc = hv_open(&session->hv);

    session->store = NULL;
    if (rc < 0)
        return rc;
    session->store = store_open();
    if (!session->store)
        return -ECONNREFUSED;
    store_guard();
    return 0;
}

int session_try(struct session *session, const char *consequence)
{
    int rc = hv_open(&session->hv);

    session->store = NULL;
    if (rc < 0)
        return rc;
    session->store = store_try(consequence);
    if (session->store)
        store_guard();
    return 0;
}

void session_close(struct session *session)
{
    if (session->store)
        xs_close(session->store);
    hv_close(&session->hv);
}

/*
 * Opens closed standard descriptors, so that no file opened later becomes standard input or output.
 * Each is opened in the useless direction, so lost output is reported as an error.
 */
static void open_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/*
 * True if --json (or -j) is among the words before "--". Looked for before the options are parsed,
 * because their errors are JSON, too.
 */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "-j") == 0)
            return true;
    return false;
}

/* Options of cleave itself that stand for a verb. */
static const char *verb_of(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 ? "version" : word;
}

static int run_verb(int argc, char **argv, struct call *call)
{
    const char *verb = argc < 2 ? NULL : verb_of(argv[1]);

    if (!verb) {
        report_error(REPORT_USAGE, "no verb given: `cleave help` lists them");
        return -EINVAL;
    }
    if (strcmp(verb, "generate") == 0 && argc == 3)
        return generate_run(argv[2]);
    if (strcmp(verb, "-H") == 0 || strcmp(verb, "--host") == 0)
        return remote_run(argc > 2 ? argv[2] : "", argc > 3 ? argc - 3 : 0, argv + 3);
    call->command = command_find(verb);
    if (!call->command || command_parse(call->command, argc - 1, argv + 1, call) < 0)
        return -EINVAL;
    if (call->options[OPTION_HELP]) {
        help_print_verb(call->command);
        return 0;
    }
    if (!call->json && !call->options[OPTION_FOREGROUND])
        progress_enable();
    return call->command->run(call);
}

/* Prints the envelope of README.md: version, verb, and the verb's members or the error. */
static void print_json(const struct call *call, const struct report *report)
{
    json_t *envelope = json_object(), *error;

    output_number(envelope, "cleave", CLEAVE_JSON_VERSION);
    output_text(envelope, "verb", call->command ? call->command->name : "");
    if (report_class(report) == REPORT_NONE) {
        json_object_update(envelope, call->json);
    } else {
        error = output_object(envelope, "error");
        output_number(error, "code", report_class(report));
        output_text(error, "class", report_class_name(report_class(report)));
        output_text(error, "message", report_text(report));
        if (call->problems)
            json_object_set(error, "problems", call->problems);
    }
    json_dumpf(envelope, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(envelope);
}

int main(int argc, char **argv)
{
    struct report report = { .echo = stderr };
    struct call call = { .json = NULL };
    int status, written;

    report_begin(&report);
    open_standard_files();
    /* A reader that exits (cleave ... | head) must not kill a verb half-way. */
    signal(SIGPIPE, SIG_IGN);
    call.json = wants_json(argc, argv) ? json_object() : NULL;
    status = run_verb(argc, argv, &call);
    progress_end();
    /* Any other error was reported where it occurred. */
    if (status != 0)
        report_error(REPORT_INTERNAL, "out of memory");
    if (call.json && !call.options[OPTION_HELP])
        print_json(&call, &report);
    written = fflush(stdout);
    if (written != 0 || ferror(stdout))
        report_error(REPORT_INTERNAL, "cannot write the output: %s%s",
                     written != 0 ? strerror(errno) : "no space, or no reader", call.remains);
    status = report_class(&report);
    json_decref(call.json);
    json_decref(call.problems);
    report_end(&report);
    return status;
}
