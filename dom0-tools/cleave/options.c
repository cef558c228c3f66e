/* SPDX-License-Identifier: MIT */
/* Parses a verb's options and arguments by the table. Read next: table.c. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "report.h"
#include "similar.h"

#define LONG_OPTION 256 /* beyond any letter */

const struct command *command_find(const char *verb)
{
    const char **names = calloc(command_count, sizeof(*names));
    const char *meant;

    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(verb, commands[i].name) == 0) {
            free(names);
            return &commands[i];
        }
        if (names)
            names[i] = commands[i].name;
    }
    meant = names ? similar_word(verb, strlen(verb), names, command_count) : NULL;
    if (meant)
        report_error(REPORT_USAGE,
                     "unknown verb \"%s\": did you mean \"%s\"? `cleave help` lists the verbs",
                     verb, meant);
    else
        report_error(REPORT_USAGE, "unknown %s \"%s\": `cleave help` lists the verbs",
                     verb[0] == '-' ? "option" : "verb", verb);
    free(names);
    return NULL;
}

static int report_usage(const struct command *command, const char *what, const char *word)
{
    report_error(REPORT_USAGE, "%s%s: usage: cleave %s%s %s (`cleave %s --help`)", what, word,
                 command->name, command->options[0] ? " [OPTION]..." : "", command->arguments,
                 command->name);
    return -EINVAL;
}

/* The options of one verb as getopt takes them: letters, and numbers from LONG_OPTION. */
struct parser {
    struct option table[COMMAND_OPTIONS_MAX + 2];
    char letters[2 * COMMAND_OPTIONS_MAX + 4]; /* begins with ':': say what is missing */
    int count;
};

static void add_option(const struct option_words *words, void *data)
{
    struct parser *parser = data;
    size_t used = strlen(parser->letters);

    parser->table[parser->count++] =
        (struct option){ words->name, words->argument ? required_argument : no_argument, NULL,
                         LONG_OPTION + (int)(words - option_words) };
    if (words->letter)
        snprintf(parser->letters + used, sizeof(parser->letters) - used, "%c%s", words->letter,
                 words->argument ? ":" : "");
}

/* Returns the option for what getopt found. OPTION_NONE: unknown to this verb. */
static enum command_option option_of(const struct command *command, int found)
{
    if (found >= LONG_OPTION)
        return found - LONG_OPTION;
    if (found == option_words[OPTION_HELP].letter)
        return OPTION_HELP;
    for (int i = 0; i < COMMAND_OPTIONS_MAX && command->options[i]; i++)
        if (option_words[command->options[i]].letter == found)
            return command->options[i];
    return OPTION_NONE;
}

int command_parse(const struct command *command, int argc, char **argv, struct call *call)
{
    struct parser parser = { .letters = ":" };
    int found;

    *call = (struct call){ .command = command, .json = call->json };
    command_each_option(command, add_option, &parser);
    opterr = 0;
    optind = 0; /* getopt starts anew, also after an error */
    while ((found = getopt_long(argc, argv, parser.letters, parser.table, NULL)) != -1) {
        enum command_option option = option_of(command, found);

        if (found == ':')
            return report_usage(command, "an argument is missing for ", argv[optind - 1]);
        if (option == OPTION_NONE && optopt > 0 && optopt < LONG_OPTION)
            return report_usage(command, "unknown option ", (char[]){ '-', optopt, '\0' });
        if (option == OPTION_NONE)
            return report_usage(command, "unknown option ", argv[optind - 1]);
        call->options[option] = optarg ? optarg : "";
    }
    call->arguments = argv + optind;
    call->count = argc - optind;
    if (call->options[OPTION_HELP])
        return 0;
    if (call->count < command->least)
        return report_usage(command, "an argument is missing", "");
    if (call->count > command->most)
        return report_usage(command, "too many arguments", "");
    return 0;
}

int option_number(const struct call *call, enum command_option option, unsigned long least,
                  unsigned long most, uint64_t *number)
{
    const char *text = call->options[option];
    unsigned long value;
    char *end;

    if (!text)
        return 0;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (isdigit((unsigned char)*text) && !*end && errno == 0 && value >= least && value <= most) {
        *number = value;
        return 0;
    }
    report_error(REPORT_USAGE, "--%s %s: must be a number from %lu to %lu",
                 option_words[option].name, text, least, most);
    return -EINVAL;
}
