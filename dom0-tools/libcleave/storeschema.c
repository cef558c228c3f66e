/* SPDX-License-Identifier: MIT */
/*
 * Compares paths, values and permissions with the table that the build generates from schema.txt.
 * Needs no store. Read next: ../../xenstore-schema/schema.txt, ../cleave/storecheck.c.
 */
#include "storeschema.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct storeschema_row schema[] = {
#include "cleave-schema-table.h"
};

#define ROWS (sizeof(schema) / sizeof(schema[0]))

/* --- paths ------------------------------------------------------------------------------------ */

static bool is_uint(const char *value)
{
    return *value && strspn(value, "0123456789") == strlen(value);
}

/* As xenstored and the tools write ids: no zeros before them. */
static bool is_id(const char *text) { return is_uint(text) && (text[0] != '0' || !text[1]); }

static bool is_uuid(const char *value)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (strlen(value) != sizeof(shape) - 1)
        return false;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'x' ? !isxdigit((unsigned char)value[i]) : value[i] != '-')
            return false;
    return true;
}

/* True if a component of a path matches that of the pattern. Both end at / or \0. */
static bool component_matches(const char *pattern, size_t pattern_length, const char *part,
                              size_t length)
{
    char text[64];

    if (pattern[0] != '{')
        return pattern_length == length && memcmp(pattern, part, length) == 0;
    if (strncmp(pattern, "{key}", 5) == 0)
        return length > 0;
    if (length >= sizeof(text))
        return false;
    memcpy(text, part, length);
    text[length] = '\0';
    return strncmp(pattern, "{uuid}", 6) == 0 ? is_uuid(text) : is_id(text);
}

static bool path_matches(const char *pattern, const char *path, long *domid)
{
    *domid = -1;
    while (*pattern == '/' && *path == '/') {
        size_t pattern_length = strcspn(++pattern, "/");
        size_t length = strcspn(++path, "/");

        if (!component_matches(pattern, pattern_length, path, length))
            return false;
        if (strncmp(pattern, "{domid}", 7) == 0)
            *domid = strtol(path, NULL, 10);
        pattern += pattern_length;
        path += length;
    }
    return !*pattern && !*path;
}

const struct storeschema_row *storeschema_find(const char *path, long *domid)
{
    for (size_t i = 0; i < ROWS; i++)
        if (path_matches(schema[i].pattern, path, domid))
            return &schema[i];
    *domid = -1;
    return NULL;
}

static bool ends_with(const struct storeschema_row *row, const char *component)
{
    return strcmp(strrchr(row->pattern, '/') + 1, component) == 0;
}

bool storeschema_is_of_domain(const struct storeschema_row *row)
{
    return ends_with(row, "{domid}");
}

bool storeschema_is_of_vm(const struct storeschema_row *row) { return ends_with(row, "{uuid}"); }

/* --- values ----------------------------------------------------------------------------------- */

/* True if word is in "one(a,b,c)". */
static bool in_list(const char *list, const char *word)
{
    for (list += strlen("one("); *list && *list != ')'; list += *list == ',') {
        size_t length = strcspn(list, ",)");

        if (strlen(word) == length && memcmp(list, word, length) == 0)
            return true;
        list += length;
    }
    return false;
}

bool storeschema_fits(const struct storeschema_row *row, const char *value, size_t length)
{
    const char *type = row->type;

    /* what follows a zero byte would be seen by some readers only */
    if (strlen(value) != length)
        return false;
    if (!length && (type[strlen(type) - 1] == '?' || strcmp(type, "dir") == 0))
        return true;
    if (strncmp(type, "one(", 4) == 0)
        return in_list(type, value);
    if (strncmp(type, "string", 6) == 0)
        return length > 0;
    if (strncmp(type, "uint", 4) == 0)
        return is_uint(value);
    if (strncmp(type, "bool", 4) == 0)
        return strcmp(value, "0") == 0 || strcmp(value, "1") == 0;
    if (strncmp(type, "path", 4) == 0)
        return value[0] == '/' && value[1];
    if (strncmp(type, "uuid", 4) == 0)
        return is_uuid(value);
    if (strncmp(type, "time", 4) == 0)
        return isdigit((unsigned char)*value) && strspn(value, "0123456789.") == length;
    return false;
}

/* --- permissions ------------------------------------------------------------------------------ */

/* True if entry i counts: xenstored takes the first that names a domain. */
static bool is_effective(const struct xs_permissions *permissions, unsigned int i)
{
    for (unsigned int j = 0; j < i; j++)
        if (permissions[j].id == permissions[i].id)
            return false;
    return true;
}

/*
 * The first entry has the owner, who may do everything, and what domains may do that no later entry
 * names. A guest owns its nodes; dom0, which may write everywhere, owns all others.
 */
void storeschema_check_permissions(const struct storeschema_row *row, long domid,
                                   const struct xs_permissions *permissions, unsigned int count,
                                   void (*fault)(void *data, const char *text), void *data)
{
    unsigned int wanted = strcmp(row->writer, "guest") == 0 && domid >= 0 ? domid : 0;
    char text[80];

    if (!count)
        return;
    if (permissions[0].id != wanted) {
        snprintf(text, sizeof(text), "belongs to domain %u, should belong to domain %u",
                 permissions[0].id, wanted);
        fault(data, text);
    }
    if (permissions[0].perms & XS_PERM_WRITE)
        fault(data, "every domain may write to it");
    for (unsigned int i = 1; i < count; i++) {
        if (!(permissions[i].perms & XS_PERM_WRITE) || permissions[i].id == 0 ||
            permissions[i].id == wanted || !is_effective(permissions, i))
            continue;
        snprintf(text, sizeof(text), "domain %u may write to it, and should not own it",
                 permissions[i].id);
        fault(data, text);
    }
}
