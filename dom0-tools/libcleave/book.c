/* SPDX-License-Identifier: MIT */
/* The book of promises as JSON. Read next: promise.c. */
#define _GNU_SOURCE
#include "book.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lock.h"
#include "report.h"

#define BOOK_VERSION 1
#define BOOK_NEW BOOK_PATH ".new"
#define BOOK_LOCK VMS_HOME "/cpu.lock"
#define LOCK_MS 60000

static const char *const classes[] = {
    [VMFILE_GUARANTEED] = "guaranteed", [VMFILE_RELAXED] = "relaxed", [VMFILE_SPARE] = "spare"
};

/* --- reading ---------------------------------------------------------------------------------- */

static uint64_t number_at(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void text_at(const json_t *object, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));

    snprintf(text, size, "%s", value ? value : "");
}

static void read_vm(const json_t *item, struct book_vm *vm)
{
    const json_t *cpus = json_object_get(item, "cpus"), *cpu;
    char class[16];
    size_t i;

    *vm = (struct book_vm){ .id = number_at(item, "id"), .vcpus = number_at(item, "vcpus") };
    text_at(item, "uuid", vm->uuid, sizeof(vm->uuid));
    text_at(item, "name", vm->name, sizeof(vm->name));
    text_at(item, "class", class, sizeof(class));
    vm->cpu = (struct vmfile_cpu){ .class = VMFILE_SPARE,
                                   .mhz = number_at(item, "mhz"),
                                   .slo = number_at(item, "slo"),
                                   .limit_mhz = number_at(item, "limit_mhz"),
                                   .latency_us = number_at(item, "latency_us"),
                                   .cosched = json_is_true(json_object_get(item, "cosched")) };
    for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strcmp(class, classes[i]) == 0)
            vm->cpu.class = i;
    vm->pinned = cpus != NULL;
    vm->declared = json_is_true(json_object_get(item, "declared"));
    json_array_foreach(cpus, i, cpu) if (json_integer_value(cpu) < VMFILE_CPUS_MAX)
        vm->cpus[json_integer_value(cpu) / 8] |= 1u << json_integer_value(cpu) % 8;
}

/* Reads a list of so many numbers, or zeroes. */
static void read_numbers(const json_t *list, uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = json_integer_value(json_array_get(list, i));
}

static int read_table(const json_t *list, const struct book *book, struct planner_table *table)
{
    const json_t *item;
    size_t i;

    table->slots = calloc(json_array_size(list) + 1, sizeof(*table->slots));
    if (!table->slots)
        return -ENOMEM;
    json_array_foreach(list, i, item)
    {
        uint64_t n[4];

        read_numbers(item, n, 4);
        if (n[0] >= book->count || n[1] >= book->vms[n[0]].vcpus)
            return -EINVAL;
        table->slots[table->count++] = (struct planner_slot){ n[0], n[1], n[2], n[3] };
    }
    return 0;
}

/* Reads what the plan has for each vCPU. */
static int read_vcpus(const json_t *list, const struct book *book, struct planner_plan *plan)
{
    size_t at = 0;

    plan->vcpus = calloc(json_array_size(list) + 1, sizeof(*plan->vcpus));
    plan->ids = calloc(book->count + 1, sizeof(*plan->ids));
    plan->first = calloc(book->count + 1, sizeof(*plan->first));
    if (!plan->vcpus || !plan->ids || !plan->first)
        return -ENOMEM;
    for (size_t vm = 0; vm < book->count; vm++) {
        plan->ids[vm] = book->vms[vm].id;
        plan->first[vm] = at;
        for (uint32_t vcpu = 0; vcpu < book->vms[vm].vcpus; vcpu++, at++) {
            uint64_t n[5];

            if (at >= json_array_size(list))
                return -EINVAL;
            read_numbers(json_array_get(list, at), n, 5);
            plan->vcpus[at] = (struct planner_vcpu){
                .vm = vm,
                .vcpu = vcpu,
                .mhz = n[0],
                .time_ns = n[1],
                .wait_ns = n[4] ? n[2] : PLANNER_NO_BOUND,
                .cpu = n[3],
                .cpus = n[4],
            };
        }
    }
    plan->first[book->count] = plan->vcpu_count = at;
    plan->vm_count = book->count;
    return 0;
}

static int read_plan(const json_t *json, struct book *book)
{
    const json_t *tables = json_object_get(json, "tables"), *table;
    struct planner_plan *plan = &book->plan;
    size_t cpu;
    int rc;

    plan->tables = calloc(json_array_size(tables) + 1, sizeof(*plan->tables));
    if (!plan->tables)
        return -ENOMEM;
    plan->period_ns = PLANNER_PERIOD_NS;
    plan->mhz = number_at(json, "mhz");
    plan->cpus = json_array_size(tables);
    plan->reserved_mhz = number_at(json, "reserved_mhz");
    plan->free_mhz = number_at(json, "free_mhz");
    rc = read_vcpus(json_object_get(json, "vcpus"), book, plan);
    json_array_foreach(tables, cpu, table) if (rc == 0)
        rc = read_table(table, book, &plan->tables[cpu]);
    return rc;
}

static int read_book(const json_t *json, struct book *book)
{
    const json_t *vms = json_object_get(json, "vms"), *item;
    const json_t *plan = json_object_get(json, "plan");
    size_t i;

    if (number_at(json, "version") != BOOK_VERSION)
        return -EINVAL;
    book->mhz = number_at(json, "mhz");
    book->next_id = number_at(json, "next_id");
    book->vms = calloc(json_array_size(vms) + 1, sizeof(*book->vms));
    if (!book->vms)
        return -ENOMEM;
    json_array_foreach(vms, i, item) read_vm(item, &book->vms[book->count++]);
    return plan ? read_plan(plan, book) : 0;
}

int book_load(struct book *book)
{
    json_error_t error = { .text = "" };
    json_t *json;
    int rc;

    *book = (struct book){ .vms = NULL };
    if (access(BOOK_PATH, F_OK) < 0 && errno == ENOENT)
        return 0;
    json = json_load_file(BOOK_PATH, 0, &error);
    rc = json ? read_book(json, book) : -EIO;
    if (rc < 0) {
        report_error(REPORT_INTERNAL,
                     "%s, the promises of CPU time, cannot be read: %s: remove it, and promise "
                     "again with `cleave cpu set`",
                     BOOK_PATH, json ? strerror(-rc) : error.text);
        book_free(book);
    }
    json_decref(json);
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

static json_t *vm_json(const struct book_vm *vm)
{
    json_t *item = json_pack("{ss ss si si ss si si si si sb sb}", "uuid", vm->uuid, "name",
                             vm->name, "id", (int)vm->id, "vcpus", (int)vm->vcpus, "class",
                             classes[vm->cpu.class], "mhz", (int)vm->cpu.mhz, "slo",
                             (int)vm->cpu.slo, "limit_mhz", (int)vm->cpu.limit_mhz, "latency_us",
                             (int)vm->cpu.latency_us, "cosched", (int)vm->cpu.cosched, "declared",
                             (int)vm->declared);
    json_t *cpus = vm->pinned ? json_array() : NULL;

    for (uint32_t cpu = 0; vm->pinned && cpu < VMFILE_CPUS_MAX; cpu++)
        if (vm->cpus[cpu / 8] >> cpu % 8 & 1)
            json_array_append_new(cpus, json_integer(cpu));
    if (cpus)
        json_object_set_new(item, "cpus", cpus);
    return item;
}

static json_t *table_json(const struct planner_table *table)
{
    json_t *list = json_array();

    for (size_t i = 0; i < table->count; i++) {
        const struct planner_slot *slot = &table->slots[i];

        json_array_append_new(list, json_pack("[iiII]", (int)slot->vm, (int)slot->vcpu,
                                              (json_int_t)slot->start, (json_int_t)slot->end));
    }
    return list;
}

static json_t *plan_json(const struct planner_plan *plan)
{
    json_t *tables = json_array(), *vcpus = json_array();

    for (size_t i = 0; i < plan->vcpu_count; i++) {
        const struct planner_vcpu *vcpu = &plan->vcpus[i];

        json_array_append_new(vcpus, json_pack("[iIIii]", (int)vcpu->mhz, (json_int_t)vcpu->time_ns,
                                               vcpu->cpus ? (json_int_t)vcpu->wait_ns : 0,
                                               (int)vcpu->cpu, (int)vcpu->cpus));
    }
    for (uint32_t cpu = 0; cpu < plan->cpus; cpu++)
        json_array_append_new(tables, table_json(&plan->tables[cpu]));
    return json_pack("{si sI sI so so}", "mhz", (int)plan->mhz, "reserved_mhz",
                     (json_int_t)plan->reserved_mhz, "free_mhz", (json_int_t)plan->free_mhz,
                     "vcpus", vcpus, "tables", tables);
}

int book_save(const struct book *book)
{
    json_t *vms = json_array();
    json_t *json = json_pack("{si si si so}", "version", BOOK_VERSION, "mhz", (int)book->mhz,
                             "next_id", (int)book->next_id, "vms", vms);
    int fd = open(BOOK_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written;
    int rc = 0;

    for (size_t i = 0; i < book->count; i++)
        json_array_append_new(vms, vm_json(&book->vms[i]));
    if (book->plan.cpus)
        json_object_set_new(json, "plan", plan_json(&book->plan));
    errno = ENOMEM;
    written = fd >= 0 && json && json_dumpfd(json, fd, JSON_COMPACT) == 0 && fsync(fd) == 0;
    if (fd >= 0 && close(fd) < 0)
        written = false;
    if (!written || rename(BOOK_NEW, BOOK_PATH) < 0) {
        rc = errno ? -errno : -EIO;
        report_error(report_by_errno(-rc), "cannot write %s, the promises of CPU time: %s",
                     BOOK_PATH, strerror(-rc));
        unlink(BOOK_NEW);
    }
    json_decref(json);
    return rc;
}

/* --- lock and entries ------------------------------------------------------------------------- */

int book_lock(void)
{
    int fd = vms_make_folders() < 0 ? -1 : open(BOOK_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -errno : lock_take(fd, LOCK_MS);

    if (rc == 0)
        return fd;
    report_error(rc == -EBUSY ? REPORT_TIMEOUT : report_by_errno(-rc), "cannot lock %s: %s",
                 BOOK_LOCK,
                 rc == -EBUSY ? "another program has held it for a minute" : strerror(-rc));
    if (fd >= 0)
        close(fd);
    return rc;
}

void book_unlock(int lock) { close(lock); }

struct book_vm *book_find(const struct book *book, const char *uuid)
{
    for (size_t i = 0; i < book->count; i++)
        if (strcmp(book->vms[i].uuid, uuid) == 0)
            return &book->vms[i];
    return NULL;
}

int book_put(struct book *book, const struct book_vm *vm)
{
    struct book_vm *at = book_find(book, vm->uuid), *vms;
    uint32_t id = at ? at->id : book->next_id++;

    if (!at) {
        vms = reallocarray(book->vms, book->count + 1, sizeof(*vms));
        if (!vms)
            return -ENOMEM;
        book->vms = vms;
        at = &vms[book->count++];
    }
    *at = *vm;
    at->id = id;
    return 0;
}

void book_remove(struct book *book, struct book_vm *vm)
{
    size_t after = book->vms + book->count - (vm + 1);

    memmove(vm, vm + 1, after * sizeof(*vm));
    book->count--;
}

struct planner_vm book_planner_vm(const struct book_vm *vm)
{
    static const enum planner_class to_class[] = { [VMFILE_GUARANTEED] = PLANNER_GUARANTEED,
                                                   [VMFILE_RELAXED] = PLANNER_RELAXED,
                                                   [VMFILE_SPARE] = PLANNER_SPARE };

    return (struct planner_vm){ .id = vm->id,
                                .vcpus = vm->vcpus,
                                .mhz = vm->cpu.mhz,
                                .class = to_class[vm->cpu.class],
                                .limit_mhz = vm->cpu.limit_mhz,
                                .latency_us = vm->cpu.latency_us,
                                .cosched = vm->cpu.cosched,
                                .cpus = vm->pinned ? vm->cpus : NULL };
}

void book_free(struct book *book)
{
    planner_free(&book->plan);
    free(book->vms);
    *book = (struct book){ .vms = NULL };
}
