/* SPDX-License-Identifier: MIT */
/*
 * cleave: the command line of the control domain. This file has the table of verbs, and what they
 * share. Read next: create.c, list.c, control.c, then ../libcleave/build.c.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

static const struct command commands[] = {
    { "create", "[-F] [-c] [-p] FILE [KEY=VALUE]...", "start the VM described by FILE",
      create_run },
    { "list", "[--json] [VM]", "list domains", list_run },
    { "info", "[--json]", "show the machine and the hypervisor", info_run },
    { "console", "VM", "connect to the VM's console; Ctrl-] leaves it", console_run },
    { "pause", "VM", "pause the VM's vCPUs", control_pause },
    { "unpause", "VM", "resume the VM's vCPUs", control_unpause },
    { "shutdown", "[-w] VM", "ask the guest to power off", control_shutdown },
    { "reboot", "[-w] VM", "ask the guest to reboot", control_reboot },
    { "destroy", "VM", "end the VM immediately", control_destroy },
    { "dmesg", "[-c]", "show the hypervisor's messages", dmesg_run },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    printf("usage: cleave VERB [OPTION]... [ARGUMENT]...\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-9s %-36s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    printf("\nVM is a name or a domain id. Options:\n"
           "  create -F, --foreground   watch the VM in this process, not in a separate one\n"
           "  create -c, --console      connect to its console\n"
           "  create -p, --paused       do not unpause it\n"
           "  shutdown, reboot -w, --wait   wait until the guest has ended\n"
           "  dmesg -c, --clear         clear the messages after printing\n");
}

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

void session_close(struct session *session)
{
    xs_close(session->store);
    hv_close(&session->hv);
}

int command_options(const struct command *command, int argc, char **argv, const char *letters,
                    const char *const *long_names, unsigned int *options, int least, int most)
{
    struct option table[8] = { { NULL, 0, NULL, 0 } };
    char short_options[16];
    int letter, at;

    for (int i = 0; letters[i]; i++)
        table[i] = (struct option){ long_names[i], no_argument, NULL, letters[i] };
    /* + : options precede the other arguments, which may look like options */
    snprintf(short_options, sizeof(short_options), "+%s", letters);
    *options = 0;
    opterr = 0;
    while (at = optind, (letter = getopt_long(argc, argv, short_options, table, NULL)) != -1) {
        if (letter == '?') {
            report_error(REPORT_USAGE, "unknown option %s: usage: cleave %s %s", argv[at],
                         command->name, command->arguments);
            return -EINVAL;
        }
        *options |= OPTION(letter);
    }
    if (argc - optind < least || argc - optind > most) {
        report_error(REPORT_USAGE, "%s: usage: cleave %s %s",
                     argc - optind < least ? "an argument is missing" : "too many arguments",
                     command->name, command->arguments);
        return -EINVAL;
    }
    return optind;
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

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    if (argc == 2 && asks_for_help(argv[1])) {
        printf("usage: cleave %s %s\n%s\n", command->name, command->arguments, command->summary);
        return 0;
    }
    return command->run(command, argc, argv);
}

static int run_verb(int argc, char **argv)
{
    if (argc < 2) {
        report_error(REPORT_USAGE, "no verb given: `cleave help` lists them");
        return 1;
    }
    if (asks_for_help(argv[1]) || strcmp(argv[1], "help") == 0) {
        print_help();
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(&commands[i], argc - 1, argv + 1);
    report_error(REPORT_USAGE, "unknown %s \"%s\": `cleave help` lists the verbs",
                 argv[1][0] == '-' ? "option" : "verb", argv[1]);
    return 1;
}

int main(int argc, char **argv)
{
    struct report report = { .echo = stderr };
    int status, written;

    report_begin(&report);
    open_standard_files();
    /* A reader that exits (cleave ... | head) must not kill a verb half-way. */
    signal(SIGPIPE, SIG_IGN);
    status = run_verb(argc, argv);
    /* Any other error was reported where it occurred. */
    if (status != 0)
        report_error(REPORT_INTERNAL, "out of memory");
    written = fflush(stdout);
    if (written != 0 || ferror(stdout)) {
        report_error(REPORT_INTERNAL, "cannot write the output: %s",
                     written != 0 ? strerror(errno) : "no space, or no reader");
    }
    status = report_class(&report);
    report_end(&report);
    return status;
}
