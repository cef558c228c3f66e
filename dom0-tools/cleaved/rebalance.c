/* SPDX-License-Identifier: MIT */
/*
 * A period of the memory balancer: looks at all VMs, asks the policy (../balancer/balancer.c), and
 * tells VMs their targets. What it has to remember is in each VM's book, so that it may be killed
 * at any point. A target that is neither in the book nor the one before is an operator's: it holds
 * until `cleave mem thaw`. Read next: ../libcleave/balance.c.
 */
#include "rebalance.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "balance.h"
#include "events.h"
#include "report.h"

#define KIB_PER_MIB 1024
#define TEXT_MAX 200

/* Finds targets that others than cleaved have written. */
static void find_operators(struct balance *balance)
{
    for (size_t i = 0; i < balance->count; i++) {
        struct balance_vm *known = &balance->known[i];
        uint64_t target = balance->vms[i].target;

        if (!known->balanced || target == 0 || target == known->book.written ||
            target == known->book.before)
            continue;
        if (!balance->vms[i].frozen) {
            membook_freeze(known->domain.uuid);
            events_balance(&known->domain, "memory-frozen",
                           "another program has set its target, which holds until `cleave mem "
                           "thaw`");
        }
        balance->vms[i].frozen = true;
        known->book.written = known->book.before = target;
    }
}

static void tell_missed(struct balance_vm *known, const struct balancer_verdict *verdict,
                        const struct balancer_summary *summary)
{
    bool missed = known->balanced && verdict->target < verdict->lowest && summary->lack > 0;
    char text[TEXT_MAX];

    snprintf(text, sizeof(text),
             "its target is %" PRIu64 " MiB, and it needs %" PRIu64 " to live: %" PRIu64
             " MiB are missing for all VMs together",
             verdict->target / KIB_PER_MIB, verdict->lowest / KIB_PER_MIB,
             summary->lack / KIB_PER_MIB);
    if (missed && !known->book.missed)
        events_balance(&known->domain, "memory-min-missed", text);
    known->book.missed = missed;
}

/* Notes what this period has found out. */
static void note(struct balance *balance, const struct balancer_verdict *verdicts,
                 const struct balancer_summary *summary, const uint32_t *failures)
{
    for (size_t i = 0; i < balance->count; i++) {
        struct balance_vm *known = &balance->known[i];

        if (!known->balanced)
            continue;
        known->book.history = balance->vms[i].history;
        known->book.reclaiming = summary->reclaiming;
        if (known->book.history.failures > failures[i])
            balance_tell_failure(known, &balance->vms[i]);
        tell_missed(known, &verdicts[i], summary);
        membook_save(known->domain.uuid, &known->book);
    }
}

/* One that is paged out instead keeps its target. */
static void page_out(struct hv *hv, const struct balance *balance,
                     struct balancer_verdict *verdicts)
{
    for (size_t i = 0; i < balance->count; i++)
        if (balance_page_out(hv, &balance->known[i], &balance->vms[i]) &&
            verdicts[i].reason == BALANCER_RELEASED)
            verdicts[i].target = balance->vms[i].target;
}

static void sample_all(struct hv *hv, const struct balance *balance, int64_t now)
{
    for (size_t i = 0; i < balance->count; i++)
        if (balance->known[i].balanced)
            memory_begin_sample(hv, balance->known[i].domain.domid,
                                now + balance->known[i].domain.domid);
}

static int balance_all(struct hv *hv, struct xs_handle *store, struct balance *balance)
{
    struct balancer_verdict *verdicts = calloc(balance->count + 1, sizeof(*verdicts));
    uint32_t *failures = calloc(balance->count + 1, sizeof(*failures));
    struct balancer_summary summary;
    int64_t now = balance_now();
    int rc = verdicts && failures ? 0 : -ENOMEM;

    if (rc == 0) {
        find_operators(balance);
        for (size_t i = 0; i < balance->count; i++)
            failures[i] = balance->vms[i].history.failures;
        balancer_step(&balance->host, balance->vms, balance->count, now, verdicts, &summary);
        page_out(hv, balance, verdicts);
        note(balance, verdicts, &summary, failures);
        balance_tell(hv, store, balance, verdicts);
        sample_all(hv, balance, now);
    }
    free(verdicts);
    free(failures);
    return rc;
}

int rebalance_run(struct hv *hv, struct xs_handle *store)
{
    int lock = balance_lock(0);
    struct balance balance;
    int rc;

    if (lock == -EBUSY) /* somebody makes room for a new VM */
        return 0;
    if (lock < 0)
        return lock;
    rc = balance_take(hv, store, true, &balance);
    if (rc == 0)
        rc = balance_all(hv, store, &balance);
    balance_free(&balance);
    balance_unlock(lock);
    return rc;
}
