/* SPDX-License-Identifier: MIT */
/*
 * cleave store check: walks the live store and reports where it deviates from the schema: a node
 * that no row covers, a value of the wrong type, permissions that are not those of the row, and
 * what a dead domain left. Read next: ../libcleave/storeschema.c.
 */
#include "storeverbs.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleave-schema.h"
#include "report.h"
#include "storeschema.h"

#define VALUE_SHOWN 200

struct checker {
    struct call *call;
    struct domain *domains; /* as the hypervisor has them */
    int count;
    char dom0[64];    /* dom0's VM directory, if it has one */
    const char *path; /* of the node being checked */
    unsigned int nodes, faults;
};

static void add_fault(void *data, const char *text)
{
    struct checker *checker = data;
    char line[XENSTORE_ABS_PATH_MAX + 512];

    checker->faults++;
    snprintf(line, sizeof(line), "%s: %s", checker->path, text);
    if (checker->call->problems)
        output_append(checker->call->problems, line);
    else
        printf("%s\n", line);
}

static void __attribute__((format(printf, 2, 3)))
fault(struct checker *checker, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    add_fault(checker, text);
}

static bool domain_lives(const struct checker *checker, long domid)
{
    for (int i = 0; i < checker->count; i++)
        if (checker->domains[i].domid == domid)
            return true;
    return false;
}

static bool vm_lives(const struct checker *checker, const char *home)
{
    if (strcmp(home, checker->dom0) == 0)
        return true;
    for (int i = 0; i < checker->count; i++)
        if (strcmp(strrchr(home, '/') + 1, checker->domains[i].uuid) == 0)
            return true;
    return false;
}

static void check_node(const struct store_node *node, void *data)
{
    struct checker *checker = data;
    char value[VALUE_SHOWN];
    long domid;
    const struct storeschema_row *row = storeschema_find(node->path, &domid);

    checker->nodes++;
    checker->path = node->path;
    output_printable(value, sizeof(value), node->value, node->length);
    if (!row) {
        fault(checker, "no pattern of the schema covers it (value \"%s\")", value);
        return;
    }
    if (!storeschema_fits(row, node->value, node->length))
        fault(checker, "\"%s\" is not of type %s (%s)", value, row->type, row->name);
    storeschema_check_permissions(row, domid, node->permissions, node->permission_count, add_fault,
                                  checker);
    if (storeschema_is_of_domain(row) && !domain_lives(checker, domid))
        fault(checker, "domain %ld no longer exists, but this node does", domid);
    if (storeschema_is_of_vm(row) && !vm_lives(checker, node->path))
        fault(checker, "this VM has no domain, but this node exists");
}

int storecheck_run(struct call *call, struct session *session)
{
    struct checker checker = { .call = call };
    int rc;

    checker.count = domain_list(&session->hv, NULL, &checker.domains);
    if (checker.count < 0)
        return checker.count;
    call->problems = call->json ? json_array() : NULL;
    store_read_text(session->store, checker.dom0, sizeof(checker.dom0), SCHEMA_VM_PATH, 0);
    rc = store_walk(session->store, "/", UINT_MAX, check_node, &checker);
    free(checker.domains);
    if (rc < 0) {
        report_error(report_by_errno(-rc), "cannot read the store: %s", strerror(-rc));
        return rc;
    }
    if (checker.faults) {
        report_error(REPORT_STATE,
                     "%u findings in %u nodes of the store: they are not as xenstore-schema says; "
                     "`cleave store write` and `rm` correct them, and cleaved removes what dead "
                     "domains left",
                     checker.faults, checker.nodes);
        return -EILSEQ;
    }
    if (call->json)
        output_number(call->json, "checked", checker.nodes);
    else
        printf("%u nodes, as the schema says\n", checker.nodes);
    return 0;
}
