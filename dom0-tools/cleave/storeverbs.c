/* SPDX-License-Identifier: MIT */
/*
 * cleave store, and its own verbs. Paths are checked before they are sent, so that an error tells
 * what is wrong with them. Values are shown without control characters: guests choose
 * them. Read next: storecheck.c, storetop.c, ../libcleave/store.c.
 */
#include "storeverbs.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "report.h"
#include "storeschema.h"

#define PATH_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/_@"

/* --- arguments -------------------------------------------------------------------------------- */

bool storeverbs_count(const struct call *call, unsigned long fallback, unsigned long *count)
{
    const char *text = call->options[OPTION_COUNT_OF];
    char *end;

    *count = fallback;
    if (!text)
        return true;
    errno = 0;
    *count = strtoul(text, &end, 10);
    if (isdigit((unsigned char)*text) && !*end && errno == 0 && *count > 0)
        return true;
    report_error(REPORT_USAGE, "--count %s: must be a number from 1 on", text);
    return false;
}

/* Returns whether xenstored would take the path. special: also @releaseDomain and the like. */
static bool is_path(const char *path, bool special)
{
    size_t length = strlen(path);

    if (strcmp(path, "/") == 0 || (special && path[0] == '@' && length > 1 && !strchr(path, '/')))
        return true;
    return path[0] == '/' && length < XENSTORE_ABS_PATH_MAX &&
           strspn(path, PATH_CHARACTERS) == length && !strstr(path, "//") &&
           path[length - 1] != '/';
}

static int check_path(const char *path, bool special)
{
    if (is_path(path, special))
        return 0;
    report_error(REPORT_USAGE,
                 "\"%s\" is not a path of the store: it must begin with /, not end with it, and "
                 "consist of fewer than %d letters, digits and -_@ between single /",
                 path, XENSTORE_ABS_PATH_MAX);
    return -EINVAL;
}

/* Reports that a path could not be read or changed. Returns the negative errno. */
static int report_path(const char *verb, const char *path, int error)
{
    if (error == ENOENT)
        report_error(REPORT_NOT_FOUND,
                     "cannot %s %s: the store has no such node: `cleave store ls`"
                     " shows what a directory has",
                     verb, path);
    else
        report_error(report_by_errno(error), "cannot %s %s: %s", verb, path, strerror(error));
    return -error;
}

/* --- ls and read ------------------------------------------------------------------------------ */

struct listing {
    json_t *list;     /* NULL: text */
    const char *from; /* the directory, which is not listed itself */
    bool deep;
};

static void add_node(json_t *list, const struct store_node *node)
{
    json_t *item = output_item(list), *permissions;

    output_text(item, "path", node->path);
    output_bytes(item, "value", node->value, node->length);
    permissions = output_list(item, "permissions");
    for (unsigned int i = 0; i < node->permission_count; i++) {
        static const char letters[] = { 'n', 'r', 'w', 'b' };
        char entry[16];

        snprintf(entry, sizeof(entry), "%c%u", letters[node->permissions[i].perms & 3],
                 node->permissions[i].id);
        output_append(permissions, entry);
    }
}

static void list_node(const struct store_node *node, void *data)
{
    const struct listing *listing = data;
    char value[OUTPUT_PRINTABLE_MAX];

    if (strcmp(node->path, listing->from) == 0)
        return;
    if (listing->list) {
        add_node(listing->list, node);
    } else if (listing->deep) {
        output_printable(value, sizeof(value), node->value, node->length);
        printf("%s = \"%s\"\n", node->path, value);
    } else {
        printf("%s\n", strrchr(node->path, '/') + 1);
    }
}

static int ls_run(struct call *call, struct session *session)
{
    struct listing listing = { .from = call->count ? call->arguments[0] : "/",
                               .deep = call->options[OPTION_RECURSIVE] };
    json_t *list = json_array();
    int rc = check_path(listing.from, false);

    if (rc == 0) {
        listing.list = call->json ? list : NULL;
        rc = store_walk(session->store, listing.from, listing.deep ? UINT_MAX : 1, list_node,
                        &listing);
        if (rc < 0)
            report_path("list", listing.from, -rc);
    }
    if (rc == 0 && call->json)
        json_object_set(call->json, "nodes", list);
    json_decref(list);
    return rc;
}

static void read_node(const struct store_node *node, void *data)
{
    struct call *call = data;
    char value[OUTPUT_PRINTABLE_MAX];

    if (call->json) {
        add_node(json_object_get(call->json, "nodes"), node);
        return;
    }
    output_printable(value, sizeof(value), node->value, node->length);
    printf("%s\n", value);
}

static int read_run(struct call *call, struct session *session)
{
    int rc = 0;

    if (call->json)
        output_list(call->json, "nodes");
    for (int i = 0; rc == 0 && i < call->count; i++) {
        rc = check_path(call->arguments[i], false);
        if (rc == 0)
            rc = store_walk(session->store, call->arguments[i], 0, read_node, call);
        else
            break;
        if (rc < 0)
            report_path("read", call->arguments[i], -rc);
    }
    return rc;
}

/* --- write and rm ----------------------------------------------------------------------------- */

static int write_run(struct call *call, struct session *session)
{
    const char *path = call->arguments[0], *value = call->arguments[1];
    size_t length = strlen(value), most = XENSTORE_PAYLOAD_MAX - strlen(path) - 1;
    const struct storeschema_row *row;
    int rc = check_path(path, false);
    long domid;

    if (rc < 0)
        return rc;
    if (length > most) {
        report_error(REPORT_USAGE, "cannot write %s: the value has %zu bytes: at most %zu fit",
                     path, length, most);
        return -E2BIG;
    }
    row = storeschema_find(path, &domid);
    if (!row)
        report_warning("%s is no path of the schema: `cleave store check` will report it", path);
    else if (!storeschema_fits(row, value, length))
        report_warning("%s: \"%s\" is not of type %s (%s)", path, value, row->type, row->name);
    if (!store_write(session->store, XBT_NULL, value, "%s", path))
        return report_path("write", path, errno);
    if (call->json)
        output_text(call->json, "path", path);
    return 0;
}

static int rm_run(struct call *call, struct session *session)
{
    const char *path = call->arguments[0];
    const struct storeschema_row *row;
    int rc = check_path(path, false);
    char *value;
    long domid;

    if (rc < 0)
        return rc;
    row = storeschema_find(path, &domid);
    if (strcmp(path, "/") == 0 || (row && strcmp(row->lifetime, "boot") == 0)) {
        report_error(REPORT_STATE,
                     "%s stays until the machine shuts down, and others rely on it: remove what "
                     "is below it",
                     path);
        return -EPERM;
    }
    value = store_read(session->store, "%s", path);
    if (!value && errno == ENOENT)
        report_note("the store has no node %s", path);
    free(value);
    if (!store_remove(session->store, "%s", path))
        return report_path("remove", path, errno);
    if (call->json)
        output_text(call->json, "path", path);
    return 0;
}

/* --- watch ------------------------------------------------------------------------------------ */

static void print_change(struct xs_handle *store, const char *path, bool as_json)
{
    unsigned int length = 0;
    char *bytes = path[0] == '/' ? xs_read(store, XBT_NULL, path, &length) : NULL;
    char value[OUTPUT_PRINTABLE_MAX];

    if (as_json) {
        json_t *line = json_object();

        output_number(line, "v", CLEAVE_JSON_VERSION);
        output_text(line, "path", path);
        if (bytes)
            output_bytes(line, "value", bytes, length);
        else
            json_object_set_new(line, "value", json_null());
        json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
        json_decref(line);
    } else if (bytes) {
        output_printable(value, sizeof(value), bytes, length);
        printf("%s = \"%s\"\n", path, value);
    } else {
        printf("%s%s\n", path, path[0] == '/' ? " is gone" : "");
    }
    free(bytes);
}

/* Prints changes. Each watch, whose token is its number, fires once when it is set. */
static int follow_changes(struct call *call, struct session *session, unsigned long count)
{
    bool *set = calloc(call->count, sizeof(*set));
    bool as_json = call->json;
    int rc = set ? 0 : -ENOMEM;

    /* lines in place of one object, which would never end */
    json_decref(call->json);
    call->json = NULL;
    while (rc == 0 && count > 0) {
        unsigned int parts;
        char **event = xs_read_watch(session->store, &parts);
        unsigned long token = event ? strtoul(event[XS_WATCH_TOKEN], NULL, 10) : 0;

        if (!event) {
            report_error(REPORT_INTERNAL, "xenstored has gone: watch again when it is back");
            rc = -EPIPE;
        } else if (token < (unsigned long)call->count && !set[token]) {
            set[token] = true;
        } else {
            print_change(session->store, event[XS_WATCH_PATH], as_json);
            count--;
        }
        free(event);
        if (fflush(stdout) != 0 || ferror(stdout))
            break;
    }
    free(set);
    return rc;
}

static int watch_run(struct call *call, struct session *session)
{
    unsigned long count;
    char token[12];

    if (!storeverbs_count(call, ULONG_MAX, &count))
        return -EINVAL;
    for (int i = 0; i < call->count; i++)
        if (check_path(call->arguments[i], true) < 0)
            return -EINVAL;
    for (int i = 0; i < call->count; i++) {
        snprintf(token, sizeof(token), "%d", i);
        if (!xs_watch(session->store, call->arguments[i], token))
            return report_path("watch", call->arguments[i], errno);
    }
    return follow_changes(call, session, count);
}

/* --- the table -------------------------------------------------------------------------------- */

#define OWN_OPTIONS 4

static const struct verb {
    const char *name;
    const char *arguments;
    int least, most; /* number of arguments after the name */
    enum command_option options[OWN_OPTIONS];
    int (*run)(struct call *call, struct session *session);
} verbs[] = {
    { "check", "", 0, 0, { OPTION_NONE }, storecheck_run },
    { "ls", "[-r] [PATH]", 0, 1, { OPTION_RECURSIVE }, ls_run },
    { "read", "PATH...", 1, INT_MAX, { OPTION_NONE }, read_run },
    { "write", "PATH VALUE", 2, 2, { OPTION_NONE }, write_run },
    { "rm", "PATH", 1, 1, { OPTION_NONE }, rm_run },
    { "watch", "[--count N] PATH...", 1, INT_MAX, { OPTION_COUNT_OF }, watch_run },
    { "top",
      "[--once | --batch] [--count N]",
      0,
      0,
      { OPTION_COUNT_OF, OPTION_ONCE, OPTION_BATCH },
      storetop_run },
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static bool takes_option(const struct verb *verb, enum command_option option)
{
    for (int i = 0; i < OWN_OPTIONS; i++)
        if (verb->options[i] == option)
            return true;
    return option == OPTION_JSON || option == OPTION_HELP;
}

/* Checks the options and the number of arguments of one verb. */
static int check_call(const struct verb *verb, const struct call *call)
{
    for (int option = OPTION_NONE + 1; option < OPTION_COUNT; option++) {
        if (!call->options[option] || takes_option(verb, option))
            continue;
        report_error(REPORT_USAGE,
                     "--%s is no option of `cleave store %s`: usage: cleave store %s %s",
                     option_words[option].name, verb->name, verb->name, verb->arguments);
        return -EINVAL;
    }
    if (call->count >= verb->least && call->count <= verb->most)
        return 0;
    report_error(REPORT_USAGE, "%s: usage: cleave store %s %s",
                 call->count < verb->least ? "an argument is missing" : "too many arguments",
                 verb->name, verb->arguments);
    return -EINVAL;
}

int storeverbs_run(struct call *call)
{
    const struct verb *verb = NULL;
    struct session session;
    int rc;

    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(call->arguments[0], verbs[i].name) == 0)
            verb = &verbs[i];
    if (!verb) {
        report_error(REPORT_USAGE,
                     "store %s: must be check, ls, read, write, rm, watch or top (`cleave store "
                     "--help`)",
                     call->arguments[0]);
        return -EINVAL;
    }
    call->arguments++;
    call->count--;
    rc = check_call(verb, call);
    if (rc < 0)
        return rc;
    rc = session_open(&session);
    if (rc == 0)
        rc = verb->run(call, &session);
    session_close(&session);
    return rc;
}
