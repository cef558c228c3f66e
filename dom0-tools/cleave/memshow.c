/* SPDX-License-Identifier: MIT */
/*
 * cleave mem show: what VMs have and are to have; cleave mem why: the last targets of one, with
 * their reasons and what they came from. Read next: ../libcleave/balance.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem.h"
#include "report.h"

/* --- show ------------------------------------------------------------------------------------- */

static uint64_t mib(uint64_t kib) { return kib / MEM_KIB_PER_MIB; }

static uint64_t idle_of(const struct balancer_vm *vm)
{
    uint64_t used = vm->working > vm->own ? vm->working : vm->own;

    return vm->current > used ? vm->current - used : 0;
}

/* What holds its target besides its balloon: "frozen", "starting" or "". */
static const char *hold_of(const struct balancer_vm *vm)
{
    if (vm->frozen)
        return "frozen";
    return vm->young ? "starting" : "";
}

static const char *balloon_of(const struct balance_vm *known, const struct balancer_vm *vm)
{
    return known->balanced ? balancer_balloon_word(vm->history.balloon) : "-";
}

static void print_vm(const struct balance_vm *known, const struct balancer_vm *vm)
{
    char working[64] = "-", idle[24] = "-", touched[24] = "-", paged[24] = "-";

    if (known->figures.touches) {
        snprintf(touched, sizeof(touched), "%" PRIu64, mib(known->figures.touched));
        snprintf(paged, sizeof(paged), "%" PRIu64, mib(known->figures.paged));
    }
    if (vm->sampled)
        snprintf(working, sizeof(working), "%" PRIu64 " (%" PRIu64 "-%" PRIu64 ")",
                 mib(vm->working), mib(vm->low), mib(vm->high));
    if (vm->sampled || vm->own)
        snprintf(idle, sizeof(idle), "%" PRIu64, mib(idle_of(vm)));
    printf("%-20s %7" PRIu64 " %7" PRIu64 " %7" PRIu64 " %7s %7s %7" PRIu64 " %18s %7s %-13s %s\n",
           known->domain.name, mib(vm->min), mib(vm->target), mib(vm->current), touched, paged,
           mib(vm->max), working, idle, balloon_of(known, vm), hold_of(vm));
}

static void print_text(const struct balance *balance, const char *uuid)
{
    printf("%" PRIu64 " MiB for VMs, %" PRIu64 " free%s\n\n", mib(balance->host.total),
           mib(balance->host.free),
           balance->host.reclaiming ? ": little, so that VMs give what others can use" : "");
    printf("%-20s %7s %7s %7s %7s %7s %7s %18s %7s %-13s %s\n", "VM", "Min", "Target", "Has",
           "Touched", "Paged", "Max", "Working set", "Idle", "Balloon", "Held");
    for (size_t i = 0; i < balance->count; i++)
        if (!uuid || strcmp(uuid, balance->known[i].domain.uuid) == 0)
            print_vm(&balance->known[i], &balance->vms[i]);
}

static void add_vm(const struct balance_vm *known, const struct balancer_vm *vm, json_t *item)
{
    output_vm(item, &known->domain);
    output_number(item, "min_kib", vm->min);
    output_number(item, "target_kib", vm->target);
    output_number(item, "memory_kib", vm->current);
    if (known->figures.touches) {
        output_number(item, "touched_kib", known->figures.touched);
        output_number(item, "paged_kib", known->figures.paged);
    }
    output_number(item, "max_kib", vm->max);
    output_number(item, "shares", vm->shares);
    output_number(item, "priority", vm->priority);
    output_number(item, "lowest_kib", balancer_lowest(vm));
    if (vm->sampled) {
        output_number(item, "working_kib", vm->working);
        output_number(item, "working_low_kib", vm->low);
        output_number(item, "working_high_kib", vm->high);
    }
    if (vm->own)
        output_number(item, "own_kib", vm->own);
    if (vm->sampled || vm->own)
        output_number(item, "idle_kib", idle_of(vm));
    output_text(item, "balloon",
                known->balanced ? balancer_balloon_word(vm->history.balloon) : "unbalanced");
    output_text(item, "held", hold_of(vm));
}

static void print_json(const struct balance *balance, const char *uuid, json_t *json)
{
    json_t *out = output_object(json, "memory"), *vms;

    output_number(out, "total_kib", balance->host.total);
    output_number(out, "free_kib", balance->host.free);
    json_object_set_new(out, "reclaiming", json_boolean(balance->host.reclaiming));
    vms = output_list(out, "vms");
    for (size_t i = 0; i < balance->count; i++)
        if (!uuid || strcmp(uuid, balance->known[i].domain.uuid) == 0)
            add_vm(&balance->known[i], &balance->vms[i], output_item(vms));
}

int memshow_run(struct call *call)
{
    struct session session = { .store = NULL };
    struct balance balance = { .count = 0 };
    struct vms_record vm;
    const char *uuid = NULL;
    int rc = session_open(&session);

    if (rc == 0 && call->count == 2) {
        rc = mem_find(&session, call->arguments[1], &vm);
        uuid = vm.uuid;
    }
    if (rc == 0)
        rc = balance_take(&session.hv, session.store, false, &balance);
    if (rc == 0 && call->json)
        print_json(&balance, uuid, call->json);
    else if (rc == 0)
        print_text(&balance, uuid);
    balance_free(&balance);
    session_close(&session);
    return rc;
}

/* --- why -------------------------------------------------------------------------------------- */

static void time_text(int64_t at, char text[24])
{
    time_t seconds = at;
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(text, 24, "%FT%TZ", &utc);
}

static void print_target(const struct membook_target *target)
{
    char at[24], working[32] = "unknown";

    time_text(target->at, at);
    if (target->working)
        snprintf(working, sizeof(working), "%" PRIu64, mib(target->working));
    printf("%s  %" PRIu64 " -> %" PRIu64 " MiB: %s\n", at, mib(target->before), mib(target->target),
           balancer_reason_text(target->reason));
    printf("    had %" PRIu64 ", working set %s, need %" PRIu64 ", lowest %" PRIu64
           ", its part %" PRIu64 ", free %" PRIu64 "\n",
           mib(target->current), working, mib(target->need), mib(target->lowest), mib(target->goal),
           mib(target->free));
}

static void add_target(const struct membook_target *target, json_t *item)
{
    char at[24];

    time_text(target->at, at);
    output_text(item, "time", at);
    output_text(item, "reason", balancer_reason_text(target->reason));
    output_number(item, "before_kib", target->before);
    output_number(item, "target_kib", target->target);
    output_number(item, "memory_kib", target->current);
    output_number(item, "need_kib", target->need);
    output_number(item, "lowest_kib", target->lowest);
    output_number(item, "part_kib", target->goal);
    output_number(item, "free_kib", target->free);
    if (target->working)
        output_number(item, "working_kib", target->working);
}

static int explain(struct call *call, const struct vms_record *vm)
{
    struct membook book;
    json_t *list;
    int rc = membook_load(vm->uuid, &book);

    if (rc < 0 && rc != -ENOENT) {
        report_error(REPORT_INTERNAL, "\"%s\": its targets cannot be read: %s", vm->name,
                     strerror(-rc));
        return rc;
    }
    if (call->json) {
        output_text(call->json, "name", vm->name);
        output_text(call->json, "uuid", vm->uuid);
        list = output_list(call->json, "targets");
        for (size_t i = book.count; i-- > 0;)
            add_target(&book.targets[i], output_item(list));
        return 0;
    }
    if (rc == -ENOENT)
        printf("%s is not balanced: its memory_min is its maximum\n", vm->name);
    else if (book.count == 0)
        printf("%s has the target with which it was started\n", vm->name);
    for (size_t i = book.count; i-- > 0;)
        print_target(&book.targets[i]);
    return 0;
}

int memshow_why(struct call *call)
{
    struct session session = { .store = NULL };
    struct vms_record vm;
    int rc = session_open(&session);

    if (rc == 0)
        rc = mem_find(&session, call->arguments[1], &vm);
    if (rc == 0)
        rc = explain(call, &vm);
    session_close(&session);
    return rc;
}
