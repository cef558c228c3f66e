/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs, and what is generated from it: the parser, the man page, the completions of
 * bash, zsh and fish. The latter are checked as built. Run from the tree's root.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "command.h"
#include "report.h"

static struct report report;

/* main.c is not linked, and no verb is run. */
int session_open(struct session *session)
{
    (void)session;
    return -1;
}

int session_try(struct session *session, const char *consequence)
{
    (void)session;
    (void)consequence;
    return -1;
}

void session_close(struct session *session) { (void)session; }

/* --- the table -------------------------------------------------------------------------------- */

static void each_row_is_complete_and_unambiguous(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        char schema[64];
        /* a guest's output is not wrapped by cleave, and metrics have a format of their own */
        bool json = strcmp(command->name, "console") == 0 || strcmp(command->name, "logs") == 0 ||
                    strcmp(command->name, "metrics") == 0;

        print_message("  %s\n", command->name);
        assert_non_null(command->run);
        assert_true(command->least <= command->most);
        assert_int_equal(command->options[COMMAND_OPTIONS_MAX - 1], OPTION_NONE);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(command->name, commands[j].name);
        for (int a = 0; command->options[a]; a++) {
            const struct option_words *words = &option_words[command->options[a]];

            if (command->options[a] == OPTION_JSON) {
                snprintf(schema, sizeof(schema), "dom0-tools/schema/%s.json", command->name);
                json = access(schema, R_OK) == 0;
            }
            assert_non_null(words->name);
            assert_non_null(words->help);
            assert_true(words->letter != option_words[OPTION_HELP].letter);
            for (int b = 0; b < a; b++)
                assert_true(!words->letter ||
                            words->letter != option_words[command->options[b]].letter);
        }
        assert_true(json);
    }
}

/* --- the parser ------------------------------------------------------------------------------- */

static int parse(struct call *call, char *line)
{
    static char copy[256];
    static char *words[16];
    int count = 0;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
    report_begin(&report);
    *call = (struct call){ .json = NULL };
    return command_parse(command_find(words[0]), count, words, call);
}

static void options_stand_before_and_after_names(void **state)
{
    static char *const lines[] = { "shutdown -w hello", "shutdown hello -w",
                                   "shutdown hello --wait", "shutdown --wait -- hello" };
    struct call call;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(parse(&call, lines[i]), 0);
        assert_non_null(call.options[OPTION_WAIT]);
        assert_null(call.options[OPTION_JSON]);
        assert_int_equal(call.count, 1);
        assert_string_equal(call.arguments[0], "hello");
    }
    assert_int_equal(parse(&call, "list -- --json"), 0);
    assert_null(call.options[OPTION_JSON]);
    assert_string_equal(call.arguments[0], "--json");
    assert_int_equal(parse(&call, "destroy --help"), 0);
    assert_non_null(call.options[OPTION_HELP]);
}

static void assert_wrong(char *line, const char *words)
{
    struct call call;

    assert_true(parse(&call, line) < 0);
    assert_int_equal(report_class(&report), REPORT_USAGE);
    if (!strstr(report_text(&report), words))
        fail_msg("%s: %s", line, report_text(&report));
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    assert_wrong("destroy", "an argument is missing: usage: cleave destroy [OPTION]... VM");
    assert_wrong("destroy a b", "too many arguments");
    assert_wrong("list -x", "unknown option -x");
    assert_wrong("list hello -x", "unknown option -x");
    assert_wrong("create -xF f", "unknown option -x");
    assert_wrong("create -Fx f", "unknown option -x");
    assert_wrong("list a --frob", "unknown option --frob");
    assert_wrong("list --frob a", "unknown option --frob");
    assert_wrong("list --json=3", "unknown option --json=3");
    report_begin(&report);
    assert_null(command_find("shutdwon"));
    assert_non_null(strstr(report_text(&report), "did you mean \"shutdown\"?"));
    report_begin(&report);
    assert_null(command_find("--frob"));
    assert_non_null(strstr(report_text(&report), "unknown option \"--frob\""));
}

/*
 * --- what the build generates from it
 * -------------------------------------------------------------
 */

/* The file's text, less troff's escapes. */
static char *generated(const char *name)
{
    char path[128];
    char *text = NULL, *to;
    size_t length = 0;
    FILE *file;

    snprintf(path, sizeof(path), GENERATED "/%s", name);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_true(getdelim(&text, &length, '\0', file) > 0);
    fclose(file);
    to = text;
    for (char *from = text; *from; from++)
        if (*from != '\\')
            *to++ = *from;
    *to = '\0';
    return text;
}

/* The section about a verb, from its introduction to that of the next. */
static char *section(const char *text, const char *format, size_t verb)
{
    char begin[96], end[96];
    const char *from, *to;

    snprintf(begin, sizeof(begin), format, commands[verb].name);
    from = strstr(text, begin);
    if (!from)
        fail_msg("no \"%s\"", begin);
    snprintf(end, sizeof(end), format,
             verb + 1 < command_count ? commands[verb + 1].name : "(none)");
    to = strstr(from + 1, end);
    return strndup(from, to ? (size_t)(to - from) : strlen(from));
}

struct look {
    char *section;
    const char *format; /* of a long option */
};

static void look_for(const struct option_words *words, void *data)
{
    const struct look *look = data;
    char option[48];

    snprintf(option, sizeof(option), look->format, words->name);
    if (!strstr(look->section, option))
        fail_msg("no %s in: %s", option, look->section);
}

static void each_has_all_verbs_and_options(void **state)
{
    static const struct {
        const char *name, *verb, *option;
    } files[] = {
        { "man", ".SS \"%s", "--%s" },
        { "bash", "    %s) options=", "--%s" },
        { "zsh", "    %s)\n", "--%s[" },
        { "fish", "-a %s -d", "-l %s " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char *text = generated(files[i].name);

        for (size_t verb = 0; verb < command_count; verb++) {
            struct look look = { section(text, files[i].verb, verb), files[i].option };

            command_each_option(&commands[verb], look_for, &look);
            free(look.section);
        }
        free(text);
    }
}

static void bash_accepts_its_completion(void **state)
{
    (void)state;
    assert_int_equal(system("bash -n " GENERATED "/bash"), 0);
    assert_int_equal(system("bash -c '. " GENERATED
                            "/bash; COMP_WORDS=(cleave shut); COMP_CWORD=1; _cleave; "
                            "[ \"${COMPREPLY[*]}\" = shutdown ]; exit'"),
                     0);
    assert_int_equal(system("bash -c '. " GENERATED
                            "/bash; COMP_WORDS=(cleave shutdown --w); COMP_CWORD=2; "
                            "_cleave; [ \"${COMPREPLY[*]}\" = --wait ]; exit'"),
                     0);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void assert_json(const char *text, const char *expected)
{
    json_t *object = json_object();

    output_text(object, "key", text);
    assert_string_equal(json_string_value(json_object_get(object, "key")), expected);
    json_decref(object);
}

#define REPLACED "\xef\xbf\xbd"

static void names_in_json_are_utf8(void **state)
{
    (void)state;
    assert_json("a\"b\\c\n\x7f", "a\"b\\c\n\x7f");
    assert_json("f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x90\xa7",
                "f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x90\xa7");
    assert_json("\xfc", REPLACED);              /* Latin-1 */
    assert_json("\xc3", REPLACED);              /* cut */
    assert_json("\xc0\x80", REPLACED REPLACED); /* too long */
    assert_json("a\xe0\x9f\xbf", "a" REPLACED REPLACED REPLACED);
    assert_json("\xed\xa0\x80", REPLACED REPLACED REPLACED);              /* a surrogate */
    assert_json("\xf4\x90\x80\x80", REPLACED REPLACED REPLACED REPLACED); /* beyond 10ffff */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_complete_and_unambiguous),
        cmocka_unit_test(options_stand_before_and_after_names),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(each_has_all_verbs_and_options),
        cmocka_unit_test(bash_accepts_its_completion),
        cmocka_unit_test(names_in_json_are_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
