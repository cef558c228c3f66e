/* SPDX-License-Identifier: MIT */
/*
 * Finds the keys of a VM file: words before an = sign, outside strings, lists and comments. The
 * text has already been parsed by libxlutil, so its syntax is valid. Which keys there are is known
 * to vmfile.c alone. Read next: vmfile.c.
 */
#include "vmkeys.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "similar.h"

struct key {
    const char *name;
    size_t length;
    int line; /* from 1 */
};

/* Skips the string that begins at text. A backslash escapes the next character. */
static const char *skip_string(const char *text)
{
    char quote = *text++;

    while (*text && *text != quote)
        text += text[0] == '\\' && text[1] ? 2 : 1;
    return *text ? text + 1 : text;
}

/*
 * Finds the next key from *text on, and advances *text and key->line. key->line is that of *text
 * before. False: there is none.
 */
static bool next_key(const char **text, struct key *key)
{
    const char *at = *text, *counted = at;
    bool found = false;
    int depth = 0;

    while (*at && !found) {
        if (*at == '"' || *at == '\'') {
            at = skip_string(at);
        } else if (*at == '#') {
            at += strcspn(at, "\n");
        } else if (isalpha((unsigned char)*at) || *at == '_') {
            const char *begin = at, *after;

            while (isalnum((unsigned char)*at) || *at == '_')
                at++;
            after = at + strspn(at, " \t");
            found = depth == 0 && (after[0] == '=' || (after[0] == '+' && after[1] == '='));
            key->name = begin;
            key->length = at - begin;
        } else {
            depth += (*at == '[') - (*at == ']');
            at++;
        }
    }
    for (; counted < at; counted++)
        key->line += *counted == '\n';
    *text = at;
    return found;
}

static bool is_named(const struct key *key, const char *name)
{
    return strlen(name) == key->length && memcmp(name, key->name, key->length) == 0;
}

static bool is_known(const struct key *key, const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_named(key, known[i]))
            return true;
    return false;
}

int vmkeys_line(const char *text, const char *name)
{
    struct key key = { .line = 1 };
    int line = 0;

    while (next_key(&text, &key))
        if (is_named(&key, name))
            line = key.line;
    return line;
}

int vmkeys_check(const char *path, const char *text, int last, const char *const *known,
                 size_t count, bool strict)
{
    struct key key = { .line = 1 };
    int rc = 0;

    while (next_key(&text, &key)) {
        char place[16] = "", meant[64] = "";
        const char *similar;

        if (is_known(&key, known, count))
            continue;
        if (key.line <= last)
            snprintf(place, sizeof(place), ":%d", key.line);
        similar = similar_word(key.name, key.length, known, count);
        if (similar)
            snprintf(meant, sizeof(meant), ": did you mean \"%s\"?", similar);
        if (strict) {
            report_error(REPORT_USAGE, "VM file %s%s: the key \"%.*s\" is unknown%s", path, place,
                         (int)key.length, key.name, meant);
            rc = -EINVAL;
        } else {
            report_warning("VM file %s%s: the key \"%.*s\" is unknown and has no effect%s", path,
                           place, (int)key.length, key.name, meant);
        }
    }
    return rc;
}
