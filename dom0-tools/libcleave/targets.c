/* SPDX-License-Identifier: MIT */
/*
 * A file in /run has a line for each domain: the memory target that the journal knows, and what
 * cleaved waits for. Who sets a target writes it there in the same step, so a target that is in the
 * store only comes from another tool (xl mem-set). A new domain's line is written at the first
 * look, without an event. Read next: events.c, ../cleaved/main.c.
 */
#include "targets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleave-schema.h"
#include "events.h"
#include "lock.h"
#include "report.h"
#include "supervisor.h"
#include "vms.h"

#define FILE_NAME SUPERVISOR_FOLDER "/targets"
#define LOCK_NAME SUPERVISOR_FOLDER "/targets.lock"
#define LOCK_MS 10000
/* As long as the verbs wait by default. */
#define PATIENCE_S 60
#define WRITE_TRIES 5

struct target {
    uint32_t domid;
    char uuid[UUID_STR_LEN];
    uint64_t kib; /* the memory target */
    /* What the domain had when it was set, and until when cleaved waits. 0: it does not. */
    uint64_t kib_before;
    int64_t memory_until;
    unsigned int vcpus, vcpus_before;
    int64_t vcpus_until;
};

struct targets {
    int lock;
    struct target *list;
    size_t count;
};

static bool read_target(FILE *file, struct target *t)
{
    return fscanf(file, "%" SCNu32 " %36s %" SCNu64 " %" SCNu64 " %" SCNd64 " %u %u %" SCNd64,
                  &t->domid, t->uuid, &t->kib, &t->kib_before, &t->memory_until, &t->vcpus,
                  &t->vcpus_before, &t->vcpus_until) == 8;
}

static void write_target(FILE *file, const struct target *t)
{
    fprintf(file, "%" PRIu32 " %s %" PRIu64 " %" PRIu64 " %" PRId64 " %u %u %" PRId64 "\n",
            t->domid, t->uuid, t->kib, t->kib_before, t->memory_until, t->vcpus, t->vcpus_before,
            t->vcpus_until);
}

/* Adds a line. Returns it, valid until the next is added, or NULL: out of memory. */
static struct target *add(struct targets *targets, const struct target *target)
{
    struct target *list = realloc(targets->list, (targets->count + 1) * sizeof(*list));

    if (!list)
        return NULL;
    targets->list = list;
    list[targets->count] = *target;
    return &list[targets->count++];
}

/* Locks and reads the file. Returns 0 or a negative errno; pairs with save_and_close. */
static int open_targets(struct targets *targets)
{
    struct target target;
    FILE *file;
    int rc;

    *targets = (struct targets){ .lock = open(LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600) };
    rc = targets->lock < 0 ? -errno : lock_take(targets->lock, LOCK_MS);
    if (rc < 0) {
        if (targets->lock >= 0)
            close(targets->lock);
        return rc;
    }
    file = fopen(FILE_NAME, "re");
    while (file && read_target(file, &target))
        add(targets, &target);
    if (file)
        fclose(file);
    return 0;
}

static int save_and_close(struct targets *targets)
{
    FILE *file = fopen(FILE_NAME ".new", "we");
    int rc = 0;

    for (size_t i = 0; file && i < targets->count; i++)
        write_target(file, &targets->list[i]);
    if (!file || fclose(file) != 0 || rename(FILE_NAME ".new", FILE_NAME) < 0)
        rc = -errno;
    free(targets->list);
    close(targets->lock);
    return rc;
}

static struct target *find(struct targets *targets, const struct domain *domain)
{
    for (size_t i = 0; i < targets->count; i++)
        if (targets->list[i].domid == domain->domid &&
            strcmp(targets->list[i].uuid, domain->uuid) == 0)
            return &targets->list[i];
    return NULL;
}

/* Returns the domain's line, a new one with this target if there is none. NULL: out of memory. */
static struct target *find_or_add(struct targets *targets, const struct domain *domain,
                                  uint64_t kib)
{
    struct target fresh = { .domid = domain->domid, .kib = kib };
    struct target *found = find(targets, domain);

    strcpy(fresh.uuid, domain->uuid);
    return found ? found : add(targets, &fresh);
}

/* Makes cleaved tell that the target is reached, also if it is when cleaved looks next. */
static void await_memory(struct target *target, uint64_t kib_before)
{
    target->kib_before = kib_before;
    target->memory_until = vms_now() + PATIENCE_S;
}

/* --- for verbs -------------------------------------------------------------------------------- */

/* Whether the domain's nodes are those of this VM, in the transaction. */
static bool is_there(struct xs_handle *store, xs_transaction_t transaction,
                     const struct domain *domain)
{
    char path[64], wanted[UUID_STR_LEN + 8];
    unsigned int length;
    char *vm;
    bool same;

    snprintf(path, sizeof(path), SCHEMA_VM_PATH, domain->domid);
    snprintf(wanted, sizeof(wanted), "/vm/%s", domain->uuid);
    vm = xs_read(store, transaction, path, &length);
    same = vm && strcmp(vm, wanted) == 0;
    free(vm);
    return same;
}

/* A node of a domain that has ended is never written. */
static int write_node(struct xs_handle *store, const struct domain *domain, uint64_t target)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)target);
    for (int i = 0; i < WRITE_TRIES; i++) {
        xs_transaction_t transaction = xs_transaction_start(store);
        bool there, done;

        if (transaction == XBT_NULL)
            return -errno;
        there = is_there(store, transaction, domain);
        done = there &&
               store_write(store, transaction, text, SCHEMA_MEMORY_TARGET_PATH, domain->domid);
        if (xs_transaction_end(store, transaction, !done) && done)
            return 0;
        if (!there)
            return -ESRCH;
        if (errno != EAGAIN)
            return -errno;
    }
    return -EAGAIN;
}

int targets_set_memory(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                       uint64_t kib, const char *reason, bool tell)
{
    uint64_t before = domain_memory_target(store, domain->domid);
    struct targets targets;
    struct target *target;
    /* without cleaved's folder nobody compares */
    bool noted = open_targets(&targets) == 0;
    int rc = write_node(store, domain, kib);

    if (rc == 0 && kib != before)
        events_target(domain, before, kib, reason);
    if (rc == 0 && noted && (target = find_or_add(&targets, domain, kib)) != NULL) {
        target->kib = kib;
        target->memory_until = 0;
        if (tell && (kib != before || !domain_memory_is_near(hv, domain, kib)))
            await_memory(target, domain_memory_ram(hv, domain));
    }
    if (noted)
        save_and_close(&targets);
    return rc;
}

void targets_expect_vcpus(const struct domain *domain, unsigned int vcpus)
{
    struct targets targets;
    struct target *target;

    if (open_targets(&targets) < 0)
        return;
    /* no target of memory: the next look takes the store's */
    target = find_or_add(&targets, domain, 0);
    if (target) {
        target->vcpus = vcpus;
        target->vcpus_before = domain->info.nr_online_vcpus;
        target->vcpus_until = vcpus == domain->info.nr_online_vcpus ? 0 : vms_now() + PATIENCE_S;
    }
    save_and_close(&targets);
}

/* --- for cleaved ------------------------------------------------------------------------------ */

void targets_forget(const struct domain *domain)
{
    struct targets targets;
    struct target *target;

    if (open_targets(&targets) < 0)
        return;
    target = find(&targets, domain);
    if (target) {
        target->kib = 0;
        target->memory_until = 0;
    }
    save_and_close(&targets);
}

static void look_at_memory(struct hv *hv, struct target *target, const struct domain *domain,
                           uint64_t kib)
{
    bool reached;

    if (kib && target->kib && kib != target->kib) {
        events_by("other");
        events_memory(domain, "memory-target", target->kib, kib);
        events_by(NULL);
        await_memory(target, target->kib); /* what it had then is not known */
        target->kib = kib;
    }
    if (!target->kib)
        target->kib = kib;
    reached = domain_memory_is_near(hv, domain, target->kib);
    if (!target->memory_until || (!reached && vms_now() < target->memory_until))
        return;
    events_memory(domain, reached ? "memory-reached" : "memory-missed", target->kib_before,
                  domain_memory_ram(hv, domain));
    target->memory_until = 0;
}

static void look_at_vcpus(struct target *target, const struct domain *domain)
{
    bool reached = domain->info.nr_online_vcpus == target->vcpus;

    if (!target->vcpus_until || (!reached && vms_now() < target->vcpus_until))
        return;
    events_vcpus(domain, reached ? "vcpus-reached" : "vcpus-missed", target->vcpus_before,
                 domain->info.nr_online_vcpus);
    target->vcpus_until = 0;
}

int targets_look(struct hv *hv, struct xs_handle *store)
{
    struct targets before, after = { .lock = -1 };
    struct domain *list;
    int rc = open_targets(&before), count;

    if (rc < 0) {
        report_error(report_by_errno(-rc), "cannot lock %s: %s", LOCK_NAME, strerror(-rc));
        return rc;
    }
    count = domain_list(hv, store, &list);
    for (int i = 0; i < count; i++) {
        struct target *target = NULL;
        uint64_t kib;

        if (list[i].domid == 0 || list[i].info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying))
            continue;
        kib = domain_memory_target(store, list[i].domid);
        target = find_or_add(&before, &list[i], kib);
        if (!target)
            continue;
        look_at_memory(hv, target, &list[i], kib);
        look_at_vcpus(target, &list[i]);
        add(&after, target); /* lines of domains that have ended are left out */
    }
    if (count >= 0) {
        free(list);
        free(before.list);
        before.list = after.list;
        before.count = after.count;
    }
    rc = save_and_close(&before);
    if (rc < 0)
        report_error(report_by_errno(-rc), "cannot write %s: %s", FILE_NAME, strerror(-rc));
    return count < 0 ? count : rc;
}

bool targets_are_awaited(void)
{
    struct target target;
    FILE *file = fopen(FILE_NAME, "re");
    bool awaited = false;

    while (file && !awaited && read_target(file, &target))
        awaited = target.memory_until || target.vcpus_until;
    if (file)
        fclose(file);
    return awaited;
}
