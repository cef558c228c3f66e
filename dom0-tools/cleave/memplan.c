/* SPDX-License-Identifier: MIT */
/*
 * cleave mem plan: would the VMs of these files fit, and who would give? Needs no machine if its
 * memory is given. Read next: ../libcleave/build.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "mem.h"
#include "report.h"

#define COUNT_MAX 100000
#define MIB_MAX (1ul << 30)

struct plan {
    uint64_t asked, last, count; /* KiB of all; of the last file's VM, of which there are count */
    struct balance balance;
    struct balancer_verdict *verdicts;
    uint64_t possible;
};

static int read_files(const struct call *call, struct plan *plan)
{
    int rc = 0;

    plan->count = 1;
    rc = option_number(call, OPTION_COPIES, 1, COUNT_MAX, &plan->count);
    for (int i = 1; rc == 0 && i < call->count; i++) {
        struct vmfile vm;

        rc = vmfile_read(call->arguments[i], NULL, 0, &vm);
        if (rc == 0) {
            plan->last = build_asked_kib(&vm);
            plan->asked += plan->last;
        }
        vmfile_free(&vm);
    }
    plan->asked += plan->last * (plan->count - 1);
    return rc;
}

/* A machine without VMs, or this one with those that it has. */
static int look(const struct call *call, struct plan *plan)
{
    struct session session = { .store = NULL };
    uint64_t given = 0;
    int rc = option_number(call, OPTION_HOST_MEMORY, 1, MIB_MAX, &given);

    if (rc == 0 && given) {
        plan->balance.host.free = plan->balance.host.total = given * MEM_KIB_PER_MIB;
    } else if (rc == 0) {
        rc = session_open(&session);
        if (rc == 0)
            rc = balance_take(&session.hv, session.store, false, &plan->balance);
        session_close(&session);
    }
    if (rc == 0)
        plan->verdicts = calloc(plan->balance.count + 1, sizeof(*plan->verdicts));
    return rc == 0 && !plan->verdicts ? -ENOMEM : rc;
}

/* Returns how many of the last file's VM fit. */
static uint64_t count_fitting(const struct plan *plan)
{
    uint64_t others = plan->asked - plan->last * plan->count;
    uint64_t room = plan->possible > others ? plan->possible - others : 0;

    return room / plan->last < plan->count ? room / plan->last : plan->count;
}

static void print_text(const struct plan *plan)
{
    const struct balance *balance = &plan->balance;

    printf("%" PRIu64 " MiB are asked for, %" PRIu64 " are free: ", plan->asked / MEM_KIB_PER_MIB,
           balance->host.free / MEM_KIB_PER_MIB);
    printf("%s\n", plan->asked <= plan->possible ? "fits" : "does not fit");
    if (plan->count > 1)
        printf("%" PRIu64 " of %" PRIu64 " of the last VM fit\n", count_fitting(plan), plan->count);
    for (size_t i = 0; i < balance->count; i++)
        if (plan->verdicts[i].target < balance->vms[i].target)
            printf("%-20s gives %" PRIu64 " of %" PRIu64 " MiB; its minimum is %" PRIu64 "\n",
                   balance->known[i].domain.name,
                   (balance->vms[i].target - plan->verdicts[i].target) / MEM_KIB_PER_MIB,
                   balance->vms[i].target / MEM_KIB_PER_MIB,
                   plan->verdicts[i].lowest / MEM_KIB_PER_MIB);
}

static void print_json(const struct plan *plan, json_t *json)
{
    const struct balance *balance = &plan->balance;
    json_t *out = output_object(json, "plan"), *givers;

    json_object_set_new(out, "fits", json_boolean(plan->asked <= plan->possible));
    output_number(out, "asked_kib", plan->asked);
    output_number(out, "free_kib", balance->host.free);
    output_number(out, "possible_kib", plan->possible);
    output_number(out, "count", count_fitting(plan));
    givers = output_list(out, "givers");
    for (size_t i = 0; i < balance->count; i++) {
        json_t *item;

        if (plan->verdicts[i].target >= balance->vms[i].target)
            continue;
        item = output_item(givers);
        output_vm(item, &balance->known[i].domain);
        output_number(item, "target_kib", balance->vms[i].target);
        output_number(item, "given_kib", balance->vms[i].target - plan->verdicts[i].target);
    }
}

int memplan_run(struct call *call)
{
    struct plan plan = { .asked = 0 };
    int rc = read_files(call, &plan);

    if (rc == 0)
        rc = look(call, &plan);
    if (rc == 0) {
        plan.balance.host.reserve = 0;
        plan.possible = balancer_reclaim(&plan.balance.host, plan.balance.vms, plan.balance.count,
                                         plan.asked, plan.verdicts);
        if (plan.asked > plan.possible && !call->options[OPTION_COPIES]) {
            report_error(REPORT_MEMORY,
                         "these VMs ask for %" PRIu64 " MiB with their overhead; %" PRIu64
                         " are free, and VMs above their minimum make that %" PRIu64,
                         plan.asked / MEM_KIB_PER_MIB, plan.balance.host.free / MEM_KIB_PER_MIB,
                         plan.possible / MEM_KIB_PER_MIB);
            rc = -ENOMEM;
        } else if (call->json) {
            print_json(&plan, call->json);
        } else {
            print_text(&plan);
        }
    }
    free(plan.verdicts);
    balance_free(&plan.balance);
    return rc;
}
