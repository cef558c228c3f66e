/* SPDX-License-Identifier: MIT */
/*
 * cleave mem set: the memory that a VM, running or not, may and is to have. A target that is set
 * here holds until `cleave mem thaw`. Read next: ../libcleave/vmfile.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleave-schema.h"
#include "events.h"
#include "mem.h"
#include "report.h"

struct change {
    struct session session;
    char **settings; /* quoted */
    int count;
    bool target, max; /* whether memory and memory_max are among them */
};

static bool is_key(const char *setting, const char *key)
{
    return strncmp(setting, key, strlen(key)) == 0 && setting[strlen(key)] == '=';
}

/* Takes the settings behind the VM's name. Returns 0, or a negative errno after an error. */
static int read_settings(const struct call *call, struct change *change)
{
    int count = call->count - 2;

    /* maxmem is xl's word for memory_max: the file may have it, too */
    change->settings = calloc(2 * count, sizeof(*change->settings));
    if (!change->settings)
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        const char *setting = call->arguments[i + 2], *equals = strchr(setting, '=');
        char *xl = NULL;

        if (!equals || !vmfile_is_memory_key(setting, equals - setting) ||
            strpbrk(equals, "\"'\n")) {
            report_error(REPORT_USAGE,
                         "\"%s\": must be KEY=VALUE, with memory, memory_min, memory_max, "
                         "memory_shares, memory_priority, memory_floor, memory_paging or "
                         "memory_hotplug",
                         setting);
            return -EINVAL;
        }
        change->settings[change->count++] = create_quote(setting);
        change->target |= is_key(setting, "memory");
        if (!is_key(setting, "memory_max"))
            continue;
        change->max = true;
        if (asprintf(&xl, "maxmem%s", equals) < 0)
            return -ENOMEM;
        change->settings[change->count++] = create_quote(xl);
        free(xl);
    }
    return 0;
}

static int record_one(const struct vms_record *vm, const char *setting)
{
    int rc = 0;

    if (is_key(setting, "memory_max"))
        rc = vms_append(vm, "maxmem", strchr(setting, '=') + 1);
    return rc == 0 ? session_record(vm, setting) : rc;
}

/* A VM whose range was opened is balanced from now on, and one whose range was closed no more. */
static void begin_or_end(struct session *session, const struct vms_record *vm,
                         const struct vmfile *file)
{
    if (file->memory.min_kib >= file->max_memory_kib)
        membook_end(vm->uuid);
    else if (!membook_exists(vm->uuid))
        membook_begin(vm->uuid, vm->domid, domain_memory_target(session->store, vm->domid));
}

/* Lets the running domain have what is wanted now. */
static int apply(struct change *change, const struct vms_record *vm, const struct vmfile *file)
{
    struct session *session = &change->session;
    struct domain domain;
    char text[24];
    int rc = domain_get(&session->hv, vm->domid, vm->uuid, &domain);

    if (rc < 0)
        return rc == -ESRCH ? 0 : rc; /* it has just ended */
    strcpy(domain.name, vm->name);
    begin_or_end(session, vm, file);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)file->max_memory_kib);
    if (change->max)
        store_write(session->store, XBT_NULL, text, SCHEMA_MEMORY_STATIC_MAX_PATH, vm->domid);
    if (!change->target)
        return 0;
    if (membook_exists(vm->uuid))
        membook_freeze(vm->uuid);
    rc = memory_write(&session->hv, session->store, &domain, file->memory.min_kib, file->memory_kib,
                      NULL);
    if (rc < 0 && rc != -ESRCH)
        report_error(report_by_errno(-rc), "\"%s\": cannot set its target: %s", vm->name,
                     strerror(-rc));
    return rc == -ESRCH ? 0 : rc;
}

/* Under the VM's lock. */
static int change_vm(struct call *call, struct change *change, const struct vms_record *vm)
{
    bool lives = vm->phase == VMS_RUNNING && !vm->earlier_boot;
    struct vmfile file;
    int rc = vms_read_file(vm->uuid, change->settings, change->count, &file);

    for (int i = 2; rc == 0 && i < call->count; i++)
        rc = record_one(vm, call->arguments[i]);
    if (rc == 0 && lives)
        rc = apply(change, vm, &file);
    if (rc == 0 && call->json) {
        output_text(call->json, "name", vm->name);
        output_text(call->json, "uuid", vm->uuid);
    }
    vmfile_free(&file);
    return rc;
}

static int set_vm(struct call *call, struct change *change)
{
    struct vms_record vm;
    int rc = mem_find(&change->session, call->arguments[1], &vm), lock;

    if (rc < 0)
        return rc;
    lock = session_lock_vm(&vm);
    if (lock < 0)
        return lock;
    rc = change_vm(call, change, &vm);
    vms_unlock(lock);
    return rc;
}

int memset_run(struct call *call)
{
    struct change change = { .count = 0 };
    int rc = read_settings(call, &change);

    if (rc == 0)
        rc = session_open(&change.session);
    if (rc == 0)
        rc = set_vm(call, &change);
    session_close(&change.session);
    for (int i = 0; i < change.count; i++)
        free(change.settings[i]);
    free(change.settings);
    return rc;
}
