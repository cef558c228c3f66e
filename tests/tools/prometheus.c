/* SPDX-License-Identifier: MIT */
/* A strict parser of Prometheus' text format. */
#define _GNU_SOURCE
#include "prometheus.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 128

struct parser {
    const char *text;           /* whole */
    char name[NAME_MAX_LENGTH]; /* of the family; "": none yet */
    char type[16];              /* "": its TYPE has not come yet */
    bool has_series;
    const char *reason;
};

static bool fail(struct parser *parser, const char *reason)
{
    parser->reason = reason;
    return false;
}

/* Takes [a-zA-Z_:][a-zA-Z0-9_:]* from *at; labels have no colon. */
static bool take_name(const char **at, bool colons, char name[NAME_MAX_LENGTH])
{
    size_t length = 0;

    while (isalnum((unsigned char)(*at)[length]) || (*at)[length] == '_' ||
           (colons && (*at)[length] == ':'))
        length++;
    if (length == 0 || length >= NAME_MAX_LENGTH || isdigit((unsigned char)**at))
        return false;
    memcpy(name, *at, length);
    name[length] = '\0';
    *at += length;
    return true;
}

static bool take_word(const char **at, const char *word)
{
    if (strncmp(*at, word, strlen(word)) != 0)
        return false;
    *at += strlen(word);
    return true;
}

/* --- comments --------------------------------------------------------------------------------- */

static bool is_declared_before(const struct parser *parser, const char *line, const char *name)
{
    char *words;
    const char *at;
    bool found;

    if (asprintf(&words, "# HELP %s ", name) < 0)
        return true;
    at = strstr(parser->text, words);
    found = at && at < line;
    free(words);
    return found;
}

static bool take_help(struct parser *parser, const char *line, const char *at)
{
    if (*parser->name && !*parser->type)
        return fail(parser, "the family before has no TYPE");
    if (!take_name(&at, true, parser->name) || *at++ != ' ' || !*at)
        return fail(parser, "HELP needs a name and a text");
    if (is_declared_before(parser, line, parser->name))
        return fail(parser, "the family is there twice");
    parser->type[0] = '\0';
    parser->has_series = false;
    return true;
}

static bool take_type(struct parser *parser, const char *at)
{
    char name[NAME_MAX_LENGTH];
    bool total;

    if (*parser->type || parser->has_series)
        return fail(parser, "TYPE is there twice or too late");
    if (!take_name(&at, true, name) || strcmp(name, parser->name) != 0 || *at++ != ' ')
        return fail(parser, "TYPE is not that of the HELP before");
    if (strcmp(at, "gauge") != 0 && strcmp(at, "counter") != 0)
        return fail(parser, "the type is neither gauge nor counter");
    strcpy(parser->type, at);
    total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
    return total == (strcmp(at, "counter") == 0) ||
           fail(parser, "counters, and only they, end with _total");
}

/* --- series ----------------------------------------------------------------------------------- */

/* Takes a value in quotes, in which a backslash stands only before n, " and itself. */
static bool take_quoted(const char **at)
{
    const char *begin = ++*at;
    json_t *utf8;

    for (; **at && **at != '"'; ++*at)
        if (**at == '\\' && !strchr("n\\\"", *++*at))
            return false;
    utf8 = json_stringn(begin, *at - begin);
    json_decref(utf8);
    return *(*at)++ == '"' && utf8;
}

static bool take_labels(const char **at)
{
    char names[16][NAME_MAX_LENGTH];
    int count = 0;

    if (**at != '{')
        return true;
    do {
        ++*at;
        if (count == 16 || !take_name(at, false, names[count]) || *(*at)++ != '=' || **at != '"' ||
            !take_quoted(at))
            return false;
        for (int i = 0; i < count; i++)
            if (strcmp(names[i], names[count]) == 0)
                return false;
        count++;
    } while (**at == ',');
    return *(*at)++ == '}';
}

static bool is_repeated(const struct parser *parser, const char *line, size_t length)
{
    const char *at = parser->text;

    while (at && at < line) {
        if (strncmp(at, line, length) == 0)
            return true;
        at = strchr(at, '\n');
        at += at != NULL;
    }
    return false;
}

/* position: of the line in the whole text. */
static bool take_series(struct parser *parser, const char *position, const char *line)
{
    char name[NAME_MAX_LENGTH], *end;
    const char *at = line;
    double value;

    if (!take_name(&at, true, name) || !*parser->type || strcmp(name, parser->name) != 0)
        return fail(parser, "the series is not of the family before");
    if (!take_labels(&at) || *at++ != ' ')
        return fail(parser, "wrong labels");
    if (is_repeated(parser, position, at - line))
        return fail(parser, "the series is there twice");
    parser->has_series = true;
    value = strtod(at, &end);
    if (end == at || *end || isspace((unsigned char)*at))
        return fail(parser, "wrong value");
    return value >= 0 || fail(parser, "no value of these is negative");
}

static bool take_line(struct parser *parser, const char *position, const char *line)
{
    const char *at = line;

    if (take_word(&at, "# HELP "))
        return take_help(parser, position, at);
    if (take_word(&at, "# TYPE "))
        return take_type(parser, at);
    return take_series(parser, position, line);
}

bool prometheus_check(const char *text, char problem[256])
{
    struct parser parser = { .text = text };
    const char *at = text, *end;
    bool good = *text;

    parser.reason = "it is empty";
    for (; good && *at; at = end + 1) {
        char *line;

        end = strchr(at, '\n');
        if (!end) {
            good = fail(&parser, "the last line has no end");
            break;
        }
        line = strndup(at, end - at);
        good = line && take_line(&parser, at, line);
        free(line);
        if (!good)
            break;
    }
    if (good && !*parser.type)
        good = fail(&parser, "the last family has no TYPE");
    if (!good)
        snprintf(problem, 256, "%s: %.*s", parser.reason, (int)strcspn(at, "\n"), at);
    return good;
}

bool prometheus_value(const char *text, const char *series, double *value)
{
    size_t length = strlen(series);

    for (const char *at = text; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, series, length) == 0 && at[length] == ' ') {
            *value = strtod(at + length + 1, NULL);
            return true;
        }
    }
    return false;
}
