/* SPDX-License-Identifier: MIT */
/*
 * Saves a VM. While that lasts its phase is VMS_SAVING, and its record names the file: whoever
 * finds it so after the process was killed can tell by the file how far it came. A guest whose file
 * is complete must not run on: its disks would no longer be those that the saved guest knows. Read
 * next: suspend.c, statefile.c.
 */
#include "saving.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleave-schema.h"
#include "events.h"
#include "hotplug.h"
#include "paging.h"
#include "statefile.h"
#include "suspend.h"

struct saving {
    struct hv *hv;
    struct xs_handle *store;
    struct vms_record *vm;
};

/* Returns the memory target of a domain, which the guest's balloon follows. */
static uint64_t memory_target(struct xs_handle *store, const struct domain *domain)
{
    char text[24];

    store_read_text(store, text, sizeof(text), SCHEMA_MEMORY_TARGET_PATH, domain->domid);
    return strtoull(text, NULL, 10);
}

static int check_savable(const struct vms_record *vm, const char *path)
{
    int rc = 0;

    if (vm->phase != VMS_RUNNING) {
        report_error(REPORT_STATE, "\"%s\" is %s: only a VM that runs can be saved", vm->name,
                     vms_phase_name(vm->phase));
        rc = -EINVAL;
    }
    for (const char *c = path; *c && rc == 0; c++)
        rc = *c < ' ' || *c > '~' ? -EINVAL : 0;
    if (rc == 0 && strlen(path) < sizeof(vm->reason))
        return 0;
    report_error(REPORT_USAGE, "%s: the path must have at most %zu characters, all of ASCII", path,
                 sizeof(vm->reason) - 1);
    return -EINVAL;
}

/* Writes the file, in the phase VMS_SAVING. */
static int write_state(struct saving *s, const struct domain *domain, const char *path)
{
    struct statefile_vm header = { .memory_kib = memory_target(s->store, domain),
                                   .features = suspend_features(s->store, domain->domid) };
    struct statefile file;
    char *config;
    int rc, ended;

    hotplug_keep(s->store, s->vm, domain->domid);
    config = vms_config(s->vm);
    rc = config ? 0 : -EIO;
    strcpy(header.name, s->vm->name);
    strcpy(header.uuid, s->vm->uuid);
    if (rc == 0)
        rc = statefile_begin(&file, path, &header, config, suspend_size(s->hv, domain));
    free(config);
    if (rc < 0)
        return rc;
    s->vm->phase = VMS_SAVING;
    snprintf(s->vm->reason, sizeof(s->vm->reason), "%s", path);
    rc = vms_save(s->vm);
    if (rc == 0) /* now that the balancer leaves it alone */
        rc = paging_bring_back(s->hv, s->vm);
    if (rc == 0)
        rc = suspend_save(s->hv, s->store, domain, &file);
    ended = statefile_end(&file, rc == 0);
    if (rc < 0) /* unless the file's end told the cause */
        report_error(report_by_errno(-rc), "cannot save \"%s\": %s", s->vm->name,
                     hv_reason(s->hv, -rc));
    return rc < 0 ? rc : ended;
}

bool saving_is_complete(const struct vms_record *vm)
{
    return statefile_is_of(vm->reason, vm->uuid);
}

int saving_undo(struct hv *hv, struct xs_handle *store, struct vms_record *vm,
                const struct domain *domain)
{
    int rc = suspend_resume(hv, store, domain);

    if (rc < 0)
        return rc;
    statefile_remove_part(vm->reason);
    vm->phase = VMS_RUNNING;
    vm->reason[0] = '\0';
    events_append(vm, "resumed", "it was not saved");
    return vms_save(vm);
}

int saving_write(struct hv *hv, struct xs_handle *store, struct vms_record *vm, const char *path,
                 struct domain *domain)
{
    struct saving saving = { .hv = hv, .store = store, .vm = vm };
    int rc = check_savable(vm, path);

    if (rc < 0)
        return rc;
    if (domain_get(hv, vm->domid, vm->uuid, domain) < 0) {
        report_error(REPORT_STATE, "\"%s\" has just ended", vm->name);
        return -ESRCH;
    }
    strcpy(domain->name, vm->name);
    rc = suspend_check(store, domain);
    if (rc < 0)
        return rc;
    rc = write_state(&saving, domain, path);
    if (rc < 0 && vm->phase == VMS_SAVING)
        saving_undo(hv, store, vm, domain);
    return rc;
}
