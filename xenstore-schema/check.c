/* SPDX-License-Identifier: MIT */
/*
 * cleave-schema-check, run in dom0: walks the live store and reports deviations from schema.txt: a
 * node that no pattern covers, a value of the wrong type, a node with the wrong owner, a subtree of
 * a domain that no longer exists. Prints one line for each. Exit status: 0 without deviations, 1
 * with some, 2 if the store could not be read. Read next: schema.txt, generate.c (which generates
 * the table below).
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

#include "cleave-schema.h"

#define ANSWER_S 10 /* per node */

struct schema_row {
    const char *name;
    const char *pattern;
    const char *type;
    const char *writer;
    const char *lifetime;
};

static const struct schema_row schema[] = {
#include "cleave-schema-table.h"
};

static struct xs_handle *store;
static int nodes, faults;

static void __attribute__((format(printf, 2, 3))) fault(const char *path, const char *format, ...)
{
    va_list args;

    printf("%s: ", path);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    faults++;
}

static bool is_uint(const char *value)
{
    return *value && strspn(value, "0123456789") == strlen(value);
}

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
    return strncmp(pattern, "{uuid}", 6) == 0 ? is_uuid(text) : is_uint(text);
}

/* Matches a path. Sets *domid to the value of {domid}, or -1 if the pattern has none. */
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

static const struct schema_row *find_row(const char *path, long *domid)
{
    for (size_t i = 0; i < sizeof(schema) / sizeof(schema[0]); i++)
        if (path_matches(schema[i].pattern, path, domid))
            return &schema[i];
    return NULL;
}

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

static bool value_matches(const char *type, const char *value)
{
    if (!*value && (type[strlen(type) - 1] == '?' || strcmp(type, "dir") == 0))
        return true;
    if (strncmp(type, "one(", 4) == 0)
        return in_list(type, value);
    if (strncmp(type, "string", 6) == 0)
        return *value;
    if (strncmp(type, "uint", 4) == 0)
        return is_uint(value);
    if (strncmp(type, "bool", 4) == 0)
        return strcmp(value, "0") == 0 || strcmp(value, "1") == 0;
    if (strncmp(type, "path", 4) == 0)
        return value[0] == '/' && value[1];
    if (strcmp(type, "uuid") == 0)
        return is_uuid(value);
    if (strcmp(type, "time") == 0)
        return isdigit((unsigned char)*value) && strspn(value, "0123456789.") == strlen(value);
    return false;
}

/*
 * Checks the permissions. The first entry has the owner, and what domains may do that no later
 * entry names. A guest owns its nodes; dom0 owns all others, which guests must not be able to
 * change.
 */
static void check_permissions(const struct schema_row *row, const char *path, long domid)
{
    unsigned int wanted = strcmp(row->writer, "guest") == 0 && domid >= 0 ? domid : 0;
    unsigned int count;
    struct xs_permissions *permissions = xs_get_permissions(store, XBT_NULL, path, &count);

    if (permissions && count && permissions[0].id != wanted)
        fault(path, "belongs to domain %u, should belong to domain %u", permissions[0].id, wanted);
    if (permissions && count && wanted == 0 && domid > 0 && permissions[0].perms & XS_PERM_WRITE)
        fault(path, "every domain may write to it");
    for (unsigned int i = 1; permissions && i < count; i++)
        if (permissions[i].perms & XS_PERM_WRITE && permissions[i].id != 0 &&
            permissions[i].id != wanted)
            fault(path, "domain %u may write to it, and does not own it", permissions[i].id);
    free(permissions);
}

/* True if a domain of the VM with this directory exists. */
static bool vm_lives(const char *home)
{
    unsigned int count = 0;
    char **ids = xs_directory(store, XBT_NULL, SCHEMA_DOMAINS_PATH, &count);
    bool lives = false;

    for (unsigned int i = 0; ids && i < count && !lives; i++) {
        char path[64];
        char *vm;

        snprintf(path, sizeof(path), SCHEMA_VM_PATH, (unsigned int)strtoul(ids[i], NULL, 10));
        vm = xs_read(store, XBT_NULL, path, NULL);
        lives = vm && strcmp(vm, home) == 0;
        free(vm);
    }
    free(ids);
    return lives;
}

/* Checks that a domain's or VM's directory does not outlive it. */
static void check_life(const struct schema_row *row, const char *path, long domid)
{
    const char *last = strrchr(row->pattern, '/');

    if (strcmp(last, "/{domid}") == 0 && domid > 0 && !xs_is_domain_introduced(store, domid))
        fault(path, "domain %ld no longer exists, but this node does", domid);
    if (strcmp(last, "/{uuid}") == 0 && !vm_lives(path))
        fault(path, "this VM has no domain, but this node exists");
}

static void check_node(const char *path)
{
    long domid;
    const struct schema_row *row = find_row(path, &domid);

    alarm(ANSWER_S);
    char *value = xs_read(store, XBT_NULL, path, NULL);

    if (!value && errno != ENOENT) {
        fprintf(stderr, "cleave-schema-check: cannot read %s: %s\n", path, strerror(errno));
        exit(2);
    }
    if (!value)
        return; /* removed meanwhile */
    nodes++;
    if (!row) {
        fault(path, "no pattern of the schema covers it (value \"%s\")", value);
    } else {
        if (!value_matches(row->type, value))
            fault(path, "\"%s\" is not of type %s (%s)", value, row->type, row->name);
        check_permissions(row, path, domid);
        check_life(row, path, domid);
    }
    free(value);
}

static void walk(const char *path)
{
    unsigned int count = 0;
    char **names;

    check_node(path);
    names = xs_directory(store, XBT_NULL, path, &count);
    for (unsigned int i = 0; names && i < count; i++) {
        char child[XENSTORE_ABS_PATH_MAX + 1];

        if (snprintf(child, sizeof(child), "%s/%s", path, names[i]) < (int)sizeof(child))
            walk(child);
    }
    free(names);
}

/* libxenstore's calls have no timeout. Exiting within one is safe. */
static void on_alarm(int signal)
{
    static const char words[] = "cleave-schema-check: xenstored does not answer: it hangs\n";
    ssize_t written = write(STDERR_FILENO, words, sizeof(words) - 1);

    (void)signal;
    (void)written;
    _exit(2);
}

int main(void)
{
    static const char *const roots[] = { "/tool", "/local", "/vm", "/libxl" };

    signal(SIGALRM, on_alarm);
    alarm(ANSWER_S);
    /* Without the daemon's socket, xs_open would wait forever for a reply on the kernel's ring. */
    if (access(xs_daemon_socket(), R_OK | W_OK) == 0)
        store = xs_open(0);
    if (!store) {
        fprintf(stderr, "cleave-schema-check: no xenstored at %s; start it first\n",
                xs_daemon_socket());
        return 2;
    }
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
        walk(roots[i]);
    xs_close(store);
    printf("%d nodes, %d faults\n", nodes, faults);
    return faults ? 1 : 0;
}
