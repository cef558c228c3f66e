/* SPDX-License-Identifier: MIT */
/*
 * Quotas by the request XS_CONTROL "quota", which dom0 may send. The xenstored of Xen 4.17 that is
 * written in C answers with the limits, or for a domain with what it uses; oxenstored does not.
 * Read next: ../cleave/storetop.c.
 */
#include "storequota.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static const char *const names[STOREQUOTA_KINDS] = {
    [STOREQUOTA_NODES] = "nodes",
    [STOREQUOTA_WATCHES] = "watches",
    [STOREQUOTA_TRANSACTIONS] = "transactions",
    [STOREQUOTA_OUTSTANDING] = "outstanding",
    [STOREQUOTA_MEMORY] = "memory",
};

const char *storequota_name(enum storequota_kind kind) { return names[kind]; }

bool storequota_parse(const char *text, struct storequota *quota)
{
    unsigned int found = 0;

    *quota = (struct storequota){ .of = { 0 } };
    for (const char *line = text; line; line = strchr(line, '\n')) {
        unsigned long long number;
        char name[32];

        line += *line == '\n';
        if (sscanf(line, "%31[a-z-] : %llu", name, &number) != 2)
            continue;
        for (int kind = 0; kind < STOREQUOTA_KINDS; kind++) {
            if (strcmp(name, names[kind]) != 0)
                continue;
            quota->of[kind] = number;
            found |= 1u << kind;
        }
    }
    return found == (1u << STOREQUOTA_KINDS) - 1;
}

/* argument: a domain's id, or "". Returns 0 or a negative errno; -EPROTO: another answer. */
static int ask(struct xs_handle *store, char *argument, struct storequota *quota)
{
    char *text = xs_control_command(store, "quota", argument, *argument ? strlen(argument) + 1 : 0);
    int rc = text ? 0 : -errno;

    if (text && !storequota_parse(text, quota))
        rc = -EPROTO;
    free(text);
    return rc;
}

int storequota_limits(struct xs_handle *store, struct storequota *limits)
{
    int rc = ask(store, "", limits);

    if (rc < 0)
        report_error(REPORT_INTERNAL,
                     "xenstored does not tell its quotas: %s: xenstored 4.17 does, oxenstored does "
                     "not",
                     rc == -EPROTO ? "its answer is of another form" : strerror(-rc));
    return rc;
}

int storequota_usage(struct xs_handle *store, uint32_t domid, struct storequota *usage)
{
    char id[12];

    snprintf(id, sizeof(id), "%u", domid);
    return ask(store, id, usage);
}
