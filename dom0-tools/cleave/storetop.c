/* SPDX-License-Identifier: MIT */
/*
 * cleave store top: what each domain uses of xenstored, beside its quotas. A domain that is at one
 * is marked: xenstored refuses it what it asks for next. Read next: ../libcleave/storequota.c.
 */
#include "storeverbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "list.h"
#include "report.h"
#include "storequota.h"

#define STEP_S 2
#define CLEAR_SCREEN "\033[H\033[2J"

static void add_numbers(json_t *object, const struct storequota *quota)
{
    for (int kind = 0; kind < STOREQUOTA_KINDS; kind++)
        output_number(object, storequota_name(kind), quota->of[kind]);
}

static void print_numbers(const char *name, const char *id, const struct storequota *quota,
                          const struct storequota *limits)
{
    printf("%-32s %5s", name, id);
    for (int kind = 0; kind < STOREQUOTA_KINDS; kind++)
        printf(" %12llu%c", (unsigned long long)quota->of[kind],
               limits && quota->of[kind] >= limits->of[kind] ? '!' : ' ');
    printf("\n");
}

static void print_heads(const struct storequota *limits)
{
    printf("%-32s %5s", "Name", "ID");
    for (int kind = 0; kind < STOREQUOTA_KINDS; kind++)
        printf(" %12s ", storequota_name(kind));
    printf("\n");
    print_numbers("(limit of a guest)", "-", limits, NULL);
}

static void show_domain(const struct domain *domain, const struct storequota *usage,
                        const struct storequota *limits, json_t *list)
{
    char id[12];
    json_t *item;

    snprintf(id, sizeof(id), "%u", domain->domid);
    if (!list) {
        /* dom0 has no limits */
        print_numbers(list_name(domain), id, usage, domain->domid ? limits : NULL);
        return;
    }
    item = output_item(list);
    output_vm(item, domain);
    add_numbers(item, usage);
}

/* Shows all domains that xenstored knows. */
static int show_once(struct call *call, struct session *session)
{
    struct storequota limits, usage;
    struct domain *domains;
    json_t *list = NULL;
    int rc = storequota_limits(session->store, &limits);
    int count = rc < 0 ? rc : domain_list(&session->hv, session->store, &domains);

    if (count < 0)
        return count;
    if (call->json) {
        add_numbers(output_object(call->json, "limits"), &limits);
        list = output_list(call->json, "domains");
    } else {
        print_heads(&limits);
    }
    for (int i = 0; i < count; i++)
        if (storequota_usage(session->store, domains[i].domid, &usage) == 0)
            show_domain(&domains[i], &usage, &limits, list);
    free(domains);
    return 0;
}

int storetop_run(struct call *call, struct session *session)
{
    bool clear = !call->options[OPTION_BATCH] && isatty(STDOUT_FILENO);
    unsigned long count;
    int rc = 0;

    if (!storeverbs_count(call, ULONG_MAX, &count))
        return -EINVAL;
    /* in a script, too */
    if (call->json || call->options[OPTION_ONCE] ||
        (!call->options[OPTION_BATCH] && !call->options[OPTION_COUNT_OF] && !isatty(STDOUT_FILENO)))
        count = 1;
    for (unsigned long i = 0; rc == 0 && i < count; i++) {
        if (i > 0)
            sleep(STEP_S);
        if (clear && count > 1)
            fputs(CLEAR_SCREEN, stdout);
        rc = show_once(call, session);
        if (fflush(stdout) != 0 || ferror(stdout))
            break;
    }
    return rc;
}
