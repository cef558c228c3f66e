/* SPDX-License-Identifier: MIT */
/* Prints the help texts of the verbs from the table. Read next: table.c, generate.c. */
#include <stdio.h>
#include <xenctrl.h>

#include "command.h"

void help_print(void)
{
    printf("usage: cleave VERB [OPTION]... [ARGUMENT]...\n\n");
    for (size_t i = 0; i < command_count; i++)
        printf("  %-14s %-26s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    printf("\nVM is a name or a domain id. `cleave VERB --help` lists the verb's options.\n"
           "`cleave -H [USER@]HOST VERB...` runs the verb on another machine, by ssh.\n"
           "An error is one line on standard error. The exit status tells its kind: cleave(1).\n");
}

static void print_option(const struct option_words *words, void *data)
{
    char names[48];

    (void)data;
    snprintf(names, sizeof(names), "--%s%s%s", words->name, words->argument ? " " : "",
             words->argument ? words->argument : "");
    if (words->letter)
        printf("  -%c, %-20s %s\n", words->letter, names, words->help);
    else
        printf("      %-20s %s\n", names, words->help);
}

void help_print_verb(const struct command *command)
{
    printf("usage: cleave %s%s%s%s\n%s\n\n", command->name,
           command->options[0] ? " [OPTION]..." : "", *command->arguments ? " " : "",
           command->arguments, command->summary);
    command_each_option(command, print_option, NULL);
}

static void add_option(const struct option_words *words, void *data)
{
    json_t *option = output_item(data);

    output_text(option, "name", words->name);
    if (words->letter)
        output_text(option, "letter", (char[]){ words->letter, '\0' });
    if (words->argument)
        output_text(option, "argument", words->argument);
    output_text(option, "help", words->help);
}

static void add_verb(json_t *verbs, const struct command *command)
{
    json_t *verb = output_item(verbs);

    output_text(verb, "name", command->name);
    output_text(verb, "arguments", command->arguments);
    output_text(verb, "summary", command->summary);
    command_each_option(command, add_option, output_list(verb, "options"));
}

int help_run(struct call *call)
{
    const struct command *one = call->count ? command_find(call->arguments[0]) : NULL;
    json_t *verbs;

    if (call->count && !one)
        return -1;
    if (!call->json) {
        if (one)
            help_print_verb(one);
        else
            help_print();
        return 0;
    }
    verbs = output_list(call->json, "verbs");
    for (size_t i = 0; i < command_count; i++)
        if (!one || one == &commands[i])
            add_verb(verbs, &commands[i]);
    return 0;
}

int version_run(struct call *call)
{
    if (!call->json) {
        printf("cleave %s, JSON format %d, hypervisor's control interface %#x\n", CLEAVE_VERSION,
               CLEAVE_JSON_VERSION, XEN_DOMCTL_INTERFACE_VERSION);
        return 0;
    }
    output_text(call->json, "version", CLEAVE_VERSION);
    output_number(call->json, "control_interface", XEN_DOMCTL_INTERFACE_VERSION);
    return 0;
}
