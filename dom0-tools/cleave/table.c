/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs and options. Whatever knows them reads it: the parser (options.c), the help
 * (help.c), the man page and the completions of shells (generate.c). Read next: create.c, list.c,
 * control.c.
 */
#include <limits.h>

#include "command.h"

const struct option_words option_words[OPTION_COUNT] = {
    [OPTION_AUTOSTART] = { 0, "autostart", NULL, "start the VM together with the machine" },
    [OPTION_CLEAR] = { 'c', "clear", NULL, "clear the messages after printing them" },
    [OPTION_CONSOLE] = { 'c', "console", NULL, "connect to the VM's console" },
    [OPTION_FOLLOW] = { 'f', "follow", NULL, "go on with what is added, until interrupted" },
    [OPTION_FOREGROUND] = { 'F', "foreground", NULL, "watch the VM in this process" },
    [OPTION_HELP] = { 'h', "help", NULL, "describe the verb" },
    [OPTION_JSON] = { 'j', "json", NULL, "print JSON, errors included" },
    [OPTION_PAUSED] = { 'p', "paused", NULL, "do not unpause the VM" },
    [OPTION_SINCE] = { 0, "since", "TIME", "from an age (15m, 2h, 3d) or a time on, or all; 1d" },
    [OPTION_STRICT] = { 0, "strict", NULL, "refuse a VM file with unknown keys" },
    [OPTION_WAIT] = { 'w', "wait", NULL, "wait until the guest has ended" },
};

/* clang-format off: one row a line where it fits */
const struct command commands[] = {
    { "create",
      "FILE [KEY=VALUE]...",
      "start the VM described by FILE",
      1,
      INT_MAX,
      create_run,
      { OPTION_JSON, OPTION_CONSOLE, OPTION_FOREGROUND, OPTION_PAUSED, OPTION_STRICT } },
    { "define",
      "FILE [KEY=VALUE]...",
      "keep the VM described by FILE, to be started later",
      1,
      INT_MAX,
      define_run,
      { OPTION_JSON, OPTION_AUTOSTART, OPTION_STRICT } },
    { "undefine", "VM", "no longer keep a defined VM", 1, 1, define_undefine, { OPTION_JSON } },
    { "start", "VM", "start a VM that is stopped", 1, 1, define_start, { OPTION_JSON } },
    { "list", "[VM]", "list domains", 0, 1, list_run, { OPTION_JSON } },
    { "info", "", "show the machine and the hypervisor", 0, 0, info_run, { OPTION_JSON } },
    { "console", "VM", "connect to the VM's console; Ctrl-] leaves it", 1, 1, console_run, { 0 } },
    { "logs",
      "VM",
      "print what the guest wrote to its console, also of one that has ended",
      1,
      1,
      journal_logs,
      { OPTION_FOLLOW } },
    { "events",
      "",
      "print what happened to VMs",
      0,
      0,
      journal_events,
      { OPTION_JSON, OPTION_SINCE, OPTION_FOLLOW } },
    { "pause", "VM", "pause the VM's vCPUs", 1, 1, control_pause, { OPTION_JSON } },
    { "unpause", "VM", "resume the VM's vCPUs", 1, 1, control_unpause, { OPTION_JSON } },
    { "shutdown",
      "VM",
      "ask the guest to power off",
      1,
      1,
      control_shutdown,
      { OPTION_JSON, OPTION_WAIT } },
    { "reboot",
      "VM",
      "ask the guest to reboot",
      1,
      1,
      control_reboot,
      { OPTION_JSON, OPTION_WAIT } },
    { "destroy", "VM", "end the VM immediately", 1, 1, control_destroy, { OPTION_JSON } },
    { "dmesg",
      "",
      "show the hypervisor's messages",
      0,
      0,
      dmesg_run,
      { OPTION_JSON, OPTION_CLEAR } },
    { "version",
      "",
      "show the versions of the tools and of their interfaces",
      0,
      0,
      version_run,
      { OPTION_JSON } },
    { "help", "[VERB]", "list the verbs, or describe one", 0, 1, help_run, { OPTION_JSON } },
};
/* clang-format on */

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

void command_each_option(const struct command *command,
                         void (*visit)(const struct option_words *, void *), void *data)
{
    for (int i = 0; i < COMMAND_OPTIONS_MAX && command->options[i]; i++)
        visit(&option_words[command->options[i]], data);
    visit(&option_words[OPTION_HELP], data);
}
