/* SPDX-License-Identifier: MIT */
/* The VM whose settings a verb changes: its record, and its lock. Read next: cpuset.c, memset.c. */
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define LOCK_MS 10000

int session_find_vm(struct session *session, const char *who, const char *otherwise,
                    struct vms_record *vm)
{
    struct domain domain;
    int rc = vms_find(who, vm);

    if (rc != -ESRCH)
        return rc;
    rc = domain_find_guest(&session->hv, session->store, who, &domain);
    if (rc == 0)
        rc = vms_load(domain.uuid, vm);
    if (rc == -ESRCH)
        report_error(REPORT_STATE, "\"%s\" was not made by cleave: %s", who, otherwise);
    return rc;
}

int session_lock_vm(struct vms_record *vm)
{
    int lock = vms_lock(vm->uuid, LOCK_MS), rc;

    if (lock < 0) {
        report_error(REPORT_TIMEOUT, "VM \"%s\": another program changes it for %d s already",
                     vm->name, LOCK_MS / 1000);
        return lock;
    }
    rc = vms_load(vm->uuid, vm);
    if (rc == 0)
        return lock;
    vms_unlock(lock);
    return rc;
}

int session_record(const struct vms_record *vm, const char *setting)
{
    char *key = strdup(setting), *equals = key ? strchr(key, '=') : NULL;
    int rc = -ENOMEM;

    if (equals) {
        *equals = '\0';
        rc = vms_append(vm, key, equals + 1);
    }
    free(key);
    return rc;
}
