/* SPDX-License-Identifier: MIT */
/*
 * Prints, from the table of verbs, the man page and the completions of bash, zsh and fish. The
 * build runs `cleave generate man|bash|zsh|fish` and installs what it prints. Read next: table.c.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "report.h"

/* Names of VMs, for completion in any shell. */
#define VM_NAMES "cleave list 2>/dev/null | awk 'NR > 1 && $2 { print $1 }'"

/* --- the man page ----------------------------------------------------------------------------- */

/* Prints text with the characters escaped that troff would interpret. */
static void print_roff(const char *text)
{
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    }
}

static void print_roff_option(const struct option_words *words, void *data)
{
    (void)data;
    printf(".TP\n.B ");
    if (words->letter)
        printf("\\-%c, ", words->letter);
    printf("\\-\\-");
    print_roff(words->name);
    if (words->argument)
        printf(" \\fI%s\\fR", words->argument);
    putchar('\n');
    print_roff(words->help);
    putchar('\n');
}

static void print_statuses(void)
{
    static const char *const meanings[] = {
        [REPORT_NONE] = "done",
        [REPORT_INTERNAL] = "a part of the system is broken or missing, or the output was lost",
        [REPORT_USAGE] = "the command line, the VM file or a file that it names is wrong",
        [REPORT_NOT_FOUND] = "no such VM, file or bridge",
        [REPORT_STATE] = "it exists already, is in use, or is in the wrong state",
        [REPORT_MEMORY] = "the machine has too little memory",
        [REPORT_CPU] = "the CPUs or the scheduler refuse it",
        [REPORT_TIMEOUT] = "not done in time",
        [REPORT_GUEST] = "the guest failed",
        [REPORT_PERMISSION] = "not allowed: not root, or domain 0",
        [REPORT_COOPERATION] = "the guest does not take part: still booting, or without a driver",
    };

    printf(".SH EXIT STATUS\nThe class of the first error:\n");
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        printf(".TP\n.B %zu\n%s (%s)\n", i, meanings[i], report_class_name(i));
}

static void print_man(void)
{
    printf(
        ".\\\" Generated from the table of verbs.\n"
        ".TH CLEAVE 1 \"\" \"cleave %s\" \"Cleave\"\n"
        ".SH NAME\ncleave \\- manage virtual machines on Cleave or Xen\n"
        ".SH SYNOPSIS\n.B cleave\n.I VERB\n[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n"
        ".SH DESCRIPTION\n"
        "Runs in the control domain, as root. \\fIVM\\fR is a name or a domain id. \\fIFILE\\fR "
        "is a VM file in the syntax of \\fBxl.cfg\\fR(5).\n"
        "\\fBcleave \\-H\\fR [\\fIUSER\\fR@]\\fIHOST VERB\\fR... runs the verb on another "
        "machine by \\fBssh\\fR(1); files are that machine's, and 255 is ssh's own exit status.\n"
        "Options may stand before and after arguments; what follows \\-\\- is no option.\n"
        "An error is one line on standard error: the first cause, the numbers and a remedy.\n"
        "With \\fB\\-\\-json\\fR standard output is one JSON object, with an error or without.\n"
        ".SH VERBS\n",
        CLEAVE_VERSION);
    for (size_t i = 0; i < command_count; i++) {
        printf(".SS \"");
        print_roff(commands[i].name);
        printf("%s", *commands[i].arguments ? " " : "");
        print_roff(commands[i].arguments);
        printf("\"\n");
        print_roff(commands[i].summary);
        putchar('\n');
        command_each_option(&commands[i], print_roff_option, NULL);
    }
    print_statuses();
    printf(".SH SEE ALSO\n.BR xl (1),\n.BR xl.cfg (5)\n");
}

/* --- bash ------------------------------------------------------------------------------------- */

static void print_long(const struct option_words *words, void *data)
{
    (void)data;
    printf(" --%s", words->name);
}

static void print_verbs(void)
{
    for (size_t i = 0; i < command_count; i++)
        printf("%s%s", i ? " " : "", commands[i].name);
}

static void print_bash(void)
{
    printf("# bash completion of cleave; generated from the table of verbs\n"
           "_cleave()\n{\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} options= arguments=\n\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
           "        COMPREPLY=($(compgen -W '");
    print_verbs();
    printf("' -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < command_count; i++) {
        printf("    %s) options='", commands[i].name);
        command_each_option(&commands[i], print_long, NULL);
        printf("' arguments='%s' ;;\n", commands[i].arguments);
    }
    printf("    esac\n"
           "    case $word,$arguments in\n"
           "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
           "    *,*FILE*) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
           "    *,*VM*) COMPREPLY=($(compgen -W \"$(" VM_NAMES ")\" -- \"$word\")) ;;\n"
           "    esac\n}\n"
           "complete -o filenames -F _cleave cleave\n");
}

/* --- zsh -------------------------------------------------------------------------------------- */

/* Prints text inside single quotes and brackets. */
static void print_quoted(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void print_zsh_option(const struct option_words *words, void *data)
{
    (void)data;
    for (int form = words->letter ? 0 : 1; form < 2; form++) {
        if (form == 0)
            printf(" \\\n            '-%c[", words->letter);
        else
            printf(" \\\n            '--%s[", words->name);
        print_quoted(words->help);
        printf("]%s%s'", words->argument ? ":" : "", words->argument ? words->argument : "");
    }
}

static void print_zsh_arguments(const char *arguments)
{
    if (strstr(arguments, "VM"))
        printf(" \\\n            '1:VM:_cleave_vms'");
    if (strstr(arguments, "FILE"))
        printf(" \\\n            '*:file:_files'");
}

static void print_zsh(void)
{
    printf("#compdef cleave\n# generated from the table of verbs\n"
           "_cleave_vms()\n{\n    local -a vms\n    vms=(${(f)\"$(" VM_NAMES ")\"})\n"
           "    compadd -a vms\n}\n\n"
           "_cleave()\n{\n    local -a verbs\n    verbs=(\n");
    for (size_t i = 0; i < command_count; i++) {
        printf("        '%s:", commands[i].name);
        print_quoted(commands[i].summary);
        printf("'\n");
    }
    printf("    )\n    if (( CURRENT == 2 )); then\n        _describe verb verbs\n        return\n"
           "    fi\n    shift words\n    (( CURRENT-- ))\n    case $words[1] in\n");
    for (size_t i = 0; i < command_count; i++) {
        printf("    %s)\n        _arguments", commands[i].name);
        command_each_option(&commands[i], print_zsh_option, NULL);
        print_zsh_arguments(commands[i].arguments);
        printf("\n        ;;\n");
    }
    printf("    esac\n}\n\n_cleave \"$@\"\n");
}

/* --- fish ------------------------------------------------------------------------------------- */

static void print_fish_option(const struct option_words *words, void *data)
{
    printf("complete -c cleave -n '__fish_seen_subcommand_from %s'", (const char *)data);
    if (words->letter)
        printf(" -s %c", words->letter);
    printf(" -l %s%s -d '", words->name, words->argument ? " -x" : "");
    print_quoted(words->help);
    printf("'\n");
}

static void print_fish(void)
{
    printf("# fish completion of cleave; generated from the table of verbs\n"
           "complete -c cleave -f\n");
    for (size_t i = 0; i < command_count; i++) {
        const char *name = commands[i].name;

        printf("complete -c cleave -n __fish_use_subcommand -a %s -d '", name);
        print_quoted(commands[i].summary);
        printf("'\n");
        command_each_option(&commands[i], print_fish_option, (void *)name);
        if (strstr(commands[i].arguments, "VM"))
            printf("complete -c cleave -n '__fish_seen_subcommand_from %s' -a \"(" VM_NAMES ")\"\n",
                   name);
        if (strstr(commands[i].arguments, "FILE"))
            printf("complete -c cleave -n '__fish_seen_subcommand_from %s' -F\n", name);
    }
}

int generate_run(const char *what)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } kinds[] = {
        { "man", print_man },
        { "bash", print_bash },
        { "zsh", print_zsh },
        { "fish", print_fish },
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(what, kinds[i].name) == 0) {
            kinds[i].print();
            return 0;
        }
    }
    report_error(REPORT_USAGE, "generate %s: must be man, bash, zsh or fish", what);
    return -1;
}
