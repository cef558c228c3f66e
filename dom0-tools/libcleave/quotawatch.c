/* SPDX-License-Identifier: MIT */
/*
 * xenstored tells nobody that it refused a request because of a quota. The sign is that a domain
 * uses as much as it may, when cleaved looks, which it does every few seconds: what is over sooner
 * is not seen. Which events were written is kept in a file until dom0 reboots, so that a guest
 * cannot fill the journal. Read next: storequota.c, events.c.
 */
#include "quotawatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "events.h"
#include "report.h"
#include "storequota.h"
#include "supervisor.h"

#define NOTED_FILE SUPERVISOR_FOLDER "/quotas"

/* Returns the quotas of this domain of which an event was written before, as bits. */
static unsigned int noted_before(FILE *file, const struct domain *domain)
{
    char uuid[UUID_STR_LEN];
    unsigned int domid, bits;

    if (file)
        rewind(file);
    while (file && fscanf(file, "%u %36s %x", &domid, uuid, &bits) == 3)
        if (domid == domain->domid && strcmp(uuid, domain->uuid) == 0)
            return bits;
    return 0;
}

static void append_event(const struct domain *domain, enum storequota_kind kind, uint64_t used,
                         uint64_t limit)
{
    char text[96];

    snprintf(text, sizeof(text), "%s: %llu of %llu", storequota_name(kind),
             (unsigned long long)used, (unsigned long long)limit);
    events_store(domain, "quota", text);
}

/* Returns the bits of all quotas of which an event was written by now. */
static unsigned int look_at(struct xs_handle *store, const struct domain *domain,
                            const struct storequota *limits, unsigned int before)
{
    struct storequota usage;

    if (storequota_usage(store, domain->domid, &usage) < 0)
        return before;
    for (int kind = 0; kind < STOREQUOTA_KINDS; kind++) {
        if (usage.of[kind] < limits->of[kind] || before & 1u << kind)
            continue;
        append_event(domain, kind, usage.of[kind], limits->of[kind]);
        before |= 1u << kind;
    }
    return before;
}

static int report_file(void)
{
    int error = errno;

    report_error(report_by_errno(error), "cannot write %s: %s", NOTED_FILE, strerror(error));
    return -error;
}

int quotawatch_look(struct hv *hv, struct xs_handle *store)
{
    struct storequota limits;
    struct domain *list;
    int rc = storequota_limits(store, &limits);
    int count = rc < 0 ? rc : domain_list(hv, store, &list);
    FILE *before, *after;

    if (count < 0)
        return count;
    before = fopen(NOTED_FILE, "re");
    after = fopen(NOTED_FILE ".new", "we");
    for (int i = 0; after && i < count; i++) {
        unsigned int bits;

        if (list[i].domid == 0)
            continue;
        bits = look_at(store, &list[i], &limits, noted_before(before, &list[i]));
        if (bits)
            fprintf(after, "%u %s %x\n", list[i].domid, list[i].uuid, bits);
    }
    free(list);
    if (before)
        fclose(before);
    if (!after || fclose(after) != 0 || rename(NOTED_FILE ".new", NOTED_FILE) < 0)
        return report_file();
    return 0;
}
