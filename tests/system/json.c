/* SPDX-License-Identifier: MIT */
/*
 * Whether a text is JSON (RFC 8259): a recursive descent that only accepts or refuses.
 */
#include <ctype.h>
#include <string.h>

#include "system.h"

static bool value(const char **at);

static void space(const char **at) { *at += strspn(*at, " \t\r\n"); }

static bool string(const char **at)
{
    if (*(*at)++ != '"')
        return false;
    for (; **at && **at != '"'; (*at)++) {
        if ((unsigned char)**at < 0x20)
            return false;
        if (**at == '\\' && !strchr("\"\\/bfnrtu", *++*at))
            return false;
    }
    return *(*at)++ == '"';
}

static bool number(const char **at)
{
    const char *begin = *at;

    *at += **at == '-';
    if (**at == '0' && isdigit((unsigned char)(*at)[1]))
        return false;
    *at += strspn(*at, "0123456789.eE+-");
    return *at > begin;
}

/* The members of an object or the values of a list, up to the bracket that ends it. */
static bool members(const char **at, char end)
{
    space(at);
    if (**at == end)
        return *(*at)++;
    for (;;) {
        space(at);
        if (end == '}') {
            if (!string(at))
                return false;
            space(at);
            if (*(*at)++ != ':')
                return false;
        }
        if (!value(at))
            return false;
        space(at);
        if (**at == end)
            return *(*at)++;
        if (*(*at)++ != ',')
            return false;
    }
}

static bool value(const char **at)
{
    space(at);
    switch (**at) {
    case '{': (*at)++; return members(at, '}');
    case '[': (*at)++; return members(at, ']');
    case '"': return string(at);
    default: return number(at);
    }
}

bool json_is_valid(const char *text)
{
    if (!value(&text))
        return false;
    space(&text);
    return !*text;
}
